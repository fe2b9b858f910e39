//! The Lua scripts, each with the includes that it names before it.

use super::conn::Conn;
use redis::{ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};
use std::sync::OnceLock;

/// A script: sent by its hash, and whole where the server does not know it yet. (`SCRIPT LOAD` would
/// go to every node of a cluster, and fail when one is away.)
pub struct Script {
    name: &'static str,
    text: &'static str,
    sent: OnceLock<Sent>,
}

/// A script as servers have it. A program uses few of them: each is put together, and its hash computed, at its
/// first call.
struct Sent {
    source: String,
    sha: String,
}

/// Scripts that a server out of memory runs all the same: they end work, or keep what is under way.
/// The others, which begin work, are refused there before they have done anything. Without a flag, the
/// server would judge by the first command that writes.
/// Source: <https://redis.io/docs/latest/develop/programmability/eval-intro/#script-flags>
const WHEN_FULL: [&str; 16] = [
    "commit",
    "renew",
    "budget_hold",
    "places_exchange",
    "places_hold",
    "discard",
    "cancel",
    "pause",
    "forget",
    "expire",
    "check_keys",
    "check_jobs",
    "check_sweeps",
    "check_rows",
    "reconcile",
    "memory",
];

/// What several scripts share: a name, and the text of `lua/include/NAME.lua`.
macro_rules! includes {
    ($($name:literal),* $(,)?) => {
        const INCLUDES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../lua/include/", $name, ".lua"))),)*];
    };
}

includes!(
    "base", "counters", "lanes", "limit", "places", "leases", "jobs", "budget", "gathered",
    "targets", "dead", "effects", "check", "events",
);

/// Begins a line that names an include.
const INCLUDE: &str = "-- @include ";

/// Puts the includes that a text names before it, each once, with those that they name before them. Redis compiles
/// and keeps the source, so comments are left out: they are for us.
fn with_includes(text: &'static str, done: &mut Vec<&'static str>, out: &mut String) {
    for name in text.lines().filter_map(|l| l.strip_prefix(INCLUDE)) {
        // A test finds names that are unknown.
        let include = INCLUDES.iter().find(|(n, _)| *n == name);
        if let Some((name, text)) = include.filter(|_| !done.contains(&name)) {
            done.push(name);
            with_includes(text, done, out);
            push_code(text, out);
        }
    }
}

fn push_code(text: &str, out: &mut String) {
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with("--")) {
        out.push_str(line);
        out.push('\n');
    }
}

impl Script {
    const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, sent: OnceLock::new() }
    }

    fn sent(&self) -> &Sent {
        self.sent.get_or_init(|| Sent::new(self.name, self.text))
    }

    /// Its text as it is sent.
    pub fn source(&self) -> &str {
        &self.sent().source
    }

    /// The hash by which a server knows it.
    pub fn sha(&self) -> &str {
        &self.sent().sha
    }

    /// Runs it on the partition with this key prefix.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn run<T: FromRedisValue>(
        &self,
        conn: &mut Conn,
        prefix: &str,
        args: &[Vec<u8>],
    ) -> RedisResult<T> {
        let mut call = redis::cmd("EVALSHA");
        call.arg(self.sha()).arg(1).arg(prefix).arg(args);
        match call.query_async(conn).await {
            Err(e) if e.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut call = redis::cmd("EVAL");
                call.arg(self.source()).arg(1).arg(prefix).arg(args);
                call.query_async(conn).await
            }
            other => other,
        }
    }
}

impl Sent {
    fn new(name: &str, text: &'static str) -> Self {
        let flags = if WHEN_FULL.contains(&name) { " flags=allow-oom" } else { "" };
        let mut source = format!("#!lua{flags}\n");
        with_includes(text, &mut Vec::new(), &mut source);
        source.push_str("local function script()\n");
        push_code(text, &mut source);
        source.push_str("end\nreturn finish(script)\n");
        let sha = redis::Script::new(&source).get_hash().to_owned();
        Self { source, sha }
    }
}

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        /// One [`Script`] a file of `lua/`.
        pub struct Scripts {
            $(
                #[allow(missing_docs)]
                pub $name: Script,
            )*
        }

        /// The scripts of this program.
        pub static SCRIPTS: Scripts = Scripts {
            $($name: Script::new(
                stringify!($name),
                include_str!(concat!("../../lua/", stringify!($name), ".lua")),
            ),)*
        };

        /// Every script by its name: to load them ahead, or to know them again on the wire.
        pub fn scripts() -> Vec<(&'static str, &'static Script)> {
            vec![$((stringify!($name), &SCRIPTS.$name),)*]
        }
    };
}

scripts!(
    enqueue,
    once,
    schedule,
    due,
    create_sweep,
    replan,
    submit,
    claim,
    renew,
    budget_hold,
    account,
    commit,
    revive,
    discard,
    pause,
    cancel,
    places_limits,
    places_exchange,
    places_hold,
    forget,
    expire,
    check_keys,
    check_jobs,
    check_sweeps,
    check_rows,
    reconcile,
    memory,
    observe,
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Lua would find out when it runs the line.
    #[test]
    fn a_script_includes_every_function_that_it_calls() {
        const DEFINES: &str = "local function ";
        let functions: Vec<&str> = INCLUDES
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter_map(|l| l.strip_prefix(DEFINES)?.split('(').next())
            .chain(["settle"])
            .collect();
        for (name, script) in scripts() {
            let source = script.source();
            for function in &functions {
                let calls = source.match_indices(&format!("{function}(")).any(|(at, _)| {
                    !source[..at].ends_with(|c: char| c.is_alphanumeric() || "_.".contains(c))
                });
                let defines = source.contains(&format!("{DEFINES}{function}("))
                    || source.contains(&format!("{function} = function("));
                assert!(!calls || defines, "{name}.lua calls {function} and does not include it");
            }
        }
    }

    #[test]
    fn an_include_is_known_and_used() {
        let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
        let mut named = Vec::new();
        for folder in [own.clone(), own.join("include")] {
            for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_file() {
                    let text = std::fs::read_to_string(entry).unwrap();
                    named.extend(
                        text.lines().filter_map(|l| Some(l.strip_prefix(INCLUDE)?.to_owned())),
                    );
                }
            }
        }
        for name in &named {
            assert!(INCLUDES.iter().any(|(n, _)| n == name), "{name} is no include");
        }
        for (name, _) in INCLUDES {
            assert!(named.iter().any(|n| n == name), "nothing includes {name}");
        }
    }
}

//! The Lua scripts, each with the includes that it names before it.

use super::conn::Conn;
use redis::{ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};

/// A script: sent by its hash, and whole where the server does not know it yet. (`SCRIPT LOAD` would
/// go to every node of a cluster, and fail when one is away.)
pub struct Script {
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

    /// Its text as it is sent.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The hash by which a server knows it.
    pub fn sha(&self) -> &str {
        &self.sha
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
        call.arg(&self.sha).arg(1).arg(prefix).arg(args);
        match call.query_async(conn).await {
            Err(e) if e.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let mut call = redis::cmd("EVAL");
                call.arg(&self.source).arg(1).arg(prefix).arg(args);
                call.query_async(conn).await
            }
            other => other,
        }
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

        impl Scripts {
            /// Compiles nothing: that is the server's.
            pub fn load() -> Self {
                Self {
                    $($name: Script::new(
                        stringify!($name),
                        include_str!(concat!("../../lua/", stringify!($name), ".lua")),
                    ),)*
                }
            }

            /// All of them, by name.
            pub fn named(self) -> Vec<(&'static str, Script)> {
                vec![$((stringify!($name), self.$name),)*]
            }
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
        for (name, script) in Scripts::load().named() {
            for function in &functions {
                let calls = script.source.match_indices(&format!("{function}(")).any(|(at, _)| {
                    !script.source[..at]
                        .ends_with(|c: char| c.is_alphanumeric() || "_.".contains(c))
                });
                let defines = script.source.contains(&format!("{DEFINES}{function}("))
                    || script.source.contains(&format!("{function} = function("));
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

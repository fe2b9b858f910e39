//! The Lua scripts, each with the shared prelude before it.

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
const WHEN_FULL: [&str; 13] = [
    "commit",
    "renew",
    "spend",
    "hold",
    "release",
    "discard",
    "cancel",
    "pause",
    "forget",
    "expire",
    "form",
    "reconcile",
    "memory",
];

impl Script {
    fn new(name: &str, text: &str) -> Self {
        let flags = if WHEN_FULL.contains(&name) { " flags=allow-oom" } else { "" };
        // Redis compiles and keeps the source: the comments are for us.
        let mut source = format!("#!lua{flags}\n");
        for line in text.lines().filter(|l| !l.trim_start().starts_with("--")) {
            source.push_str(line);
            source.push('\n');
        }
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
    ($($name:ident $(+ $second:ident)?),* $(,)?) => {
        /// One [`Script`] a file of `lua/`, or of two that stand behind each other.
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
                    $($name: Script::new(stringify!($name), concat!(
                        include_str!("../../lua/prelude.lua"),
                        include_str!("../../lua/budget.lua"),
                        include_str!("../../lua/effects.lua"),
                        "\nlocal function script()\n",
                        include_str!(concat!("../../lua/", stringify!($name), ".lua")),
                        $(include_str!(concat!("../../lua/", stringify!($second), ".lua")),)?
                        "\nend\nreturn finish(script)\n",
                    )),)*
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
    create_sweep,
    replan,
    submit,
    claim,
    renew,
    spend,
    commit,
    revive,
    discard,
    pause,
    cancel,
    limits,
    reserve,
    release,
    hold,
    forget,
    expire,
    form + form_sweep,
    reconcile,
    memory,
);

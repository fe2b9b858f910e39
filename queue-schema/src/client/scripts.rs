//! The Lua scripts, each with the shared prelude before it.

use redis::Script;

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        /// One `redis::Script` a file of `lua/`.
        pub struct Scripts {
            $(
                #[allow(missing_docs)]
                pub $name: Script,
            )*
        }

        impl Scripts {
            /// Compiles nothing: a script is sent by hash and loaded where it is missing.
            pub fn load() -> Self {
                Self {
                    $($name: Script::new(concat!(
                        include_str!("../../lua/prelude.lua"),
                        "\n",
                        include_str!(concat!("../../lua/", stringify!($name), ".lua")),
                    )),)*
                }
            }
        }
    };
}

scripts!(
    enqueue,
    create_sweep,
    claim,
    renew,
    commit,
    revive,
    discard,
    pause,
    cancel,
    limits,
    forget,
    expire,
    reconcile,
    memory,
);

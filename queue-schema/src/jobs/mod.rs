//! Job kinds: one file each, named as the kind. The list below is the one registry; a kind
//! without a handler of the same name in the fleet crate does not compile.

use crate::envelope::{DecodeError, Envelope};
use crate::ids::{JobId, SweepId};
use serde::{Serialize, de::DeserializeOwned};

/// What stands behind the `:` of a kind's lanes: the pool whose limit they count against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Nothing: the kind is its lane.
    None,
    /// A provider: a worker serves the lanes of those that it can call.
    Provider,
    /// Anything, known when the job is made.
    Own,
}

/// A kind of job: a payload of ids and offsets, never of file contents.
pub trait JobKind: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name on the wire; equals the file's name.
    const KIND: &'static str;
    /// Version of the payload; raised when an older worker could not read it.
    const VERSION: u32;
    /// What its lanes are named after.
    const POOL: Pool;
    /// Deterministic: pushing the same job twice is pushing it once while it is in the queue.
    fn id(&self) -> JobId;
    /// The named queue it waits in; what stands behind a `:` is the pool that its limit counts.
    fn lane(&self) -> String;
    /// The sweep it belongs to; the fairness between sweeps goes by it.
    fn sweep(&self) -> &SweepId;
    /// The target it serves; `None` for a job of the sweep as a whole.
    fn target(&self) -> Option<u32>;
}

/// Serde's question whether a number is left out.
#[allow(clippy::trivially_copy_pass_by_ref)] // what serde calls
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// An id, and behind it a number that keeps a repetition apart; 0 is the first time.
fn numbered(id: String, n: u32) -> JobId {
    if n == 0 { id.into() } else { format!("{id}.{n}").into() }
}

/// Calls `$callback!` with every kind as `module Type,`. Add a kind here, in one line.
#[macro_export]
macro_rules! for_each_job_kind {
    ($callback:ident) => {
        $callback! {
            plan Plan,
            review Review,
            shard Shard,
            rung Rung,
            patch Patch,
            apply Apply,
            facts Facts,
            diff Diff,
            tally Tally,
            post Post,
            vote Vote,
            hook Hook,
            due Due,
            news News,
            audit Audit,
            diagnose Diagnose,
        }
    };
}

macro_rules! declare_kinds {
    ($($module:ident $kind:ident,)*) => {
        $(
            pub mod $module;
            pub use $module::$kind;
        )*

        /// A decoded job of any kind.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        pub enum Job { $($kind($kind),)* }

        impl Job {
            /// Reads the payload of an envelope.
            ///
            /// # Errors
            /// Unknown kind, a version newer than this program's, or a payload that does not fit.
            pub fn decode(envelope: &Envelope) -> Result<Self, DecodeError> {
                match envelope.kind.as_str() {
                    $($kind::KIND => envelope.payload::<$kind>().map(Job::$kind),)*
                    other => Err(DecodeError::UnknownKind(other.to_owned())),
                }
            }

            /// Names of all kinds, in the order of the list.
            pub const KINDS: &'static [&'static str] = &[$($kind::KIND,)*];

            /// The kinds with what their lanes are named after.
            pub const POOLS: &'static [(&'static str, Pool)] = &[$(($kind::KIND, $kind::POOL),)*];
        }
    };
}

for_each_job_kind!(declare_kinds);

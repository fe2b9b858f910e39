//! What the benches share: the job that they run, the worker that runs it, a server of their own,
//! and readings of what all of that costs.
//!
//! Quote ratios within one run: the absolute figures are the machine's.

pub mod ceiling;
pub mod figures;
pub mod fleet;
pub mod job;
pub mod measure;
pub mod server;
pub mod source;
pub mod stub;
pub mod usage;
pub mod work;

/// Jobs a worker process runs at a time, unless `CONC` says otherwise.
pub const IN_FLIGHT: usize = 64;

/// Jobs sent by one enqueue call.
pub const BULK: usize = 500;

//! The commands, one file each.

pub mod apply;
pub mod audit;
pub mod calibrate;
pub mod check;
pub mod diff;
pub mod dlq;
pub mod doctor;
pub mod dry_run;
pub mod eval;
pub mod findings;
pub mod forget;
pub mod injection;
pub mod kb;
pub mod memory;
pub mod metrics;
pub mod models;
pub mod observe;
pub mod operate;
pub mod parity;
pub mod post;
pub mod report;
pub mod run;
pub mod status;
pub mod sweep;
pub mod unresolved;

//! The commands, one file each.

pub mod doctor;
pub mod dlq;
pub mod files;
pub mod report;
pub mod run;
pub mod status;
pub mod sweep;
pub mod wait;

//! The commands, one file each.

pub mod dlq;
pub mod doctor;
pub mod files;
pub mod operate;
pub mod report;
pub mod run;
pub mod status;
pub mod sweep;
pub mod wait;

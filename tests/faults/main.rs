//! Faults: what is killed, cut, stalled, filled up or told the wrong time; and after each of them the
//! one oracle. By theme, a file each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod apply;
mod common;

mod append_only;
mod audit_kills;
mod budget;
mod clocks;
mod crash;
mod day;
mod delivered_twice;
mod diff_kills;
mod disk_full;
mod fairness;
mod finding_kills;
mod garbage;
mod kills;
mod large;
mod limits;
mod lost_replies;
mod memory_kills;
mod network;
mod observe_kills;
mod past;
mod poison;
mod providers;
mod redis_kills;
mod schedule_kills;
mod victim;
mod web_kills;

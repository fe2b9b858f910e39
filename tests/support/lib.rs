//! Support of the tests: servers and stores that a test starts, scripts and cuts at will.

// Code of tests, though rustc sees a library: here a panic is how a check fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod aof;
pub mod browser;
pub mod clock;
pub mod cluster;
pub mod events;
pub mod history;
pub mod model_queue;
pub mod model_stub;
pub mod oracle;
pub mod otlp;
pub mod plain_http;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod redis;
pub mod repo;
pub mod requests;
pub mod scene;
pub mod usage;
pub mod wait;
pub mod web;

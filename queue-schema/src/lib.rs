//! The contract between producers and workers of Scrum Fleet.
//!
//! Everything that crosses a process border is defined here: job kinds and their payloads
//! ([`jobs`]), the envelope they travel in ([`envelope`]) and how that is kept ([`body`]), the states a job can be in and the
//! moves between them ([`state`]), what a handler may ask for ([`effects`]), what is told of what happened ([`events`]), the counters of
//! model calls ([`ledger`]), the rows of the knowledge base ([`rows`]), the records of sweeps
//! ([`sweep`]), of the applier's runs ([`apply`]) and of schedules ([`schedule`]), what a sweep may spend ([`budget`]), what caused
//! what ([`trace`]), how what is written is known again ([`sign`]), the key names
//! ([`keys`]) and, with
//! the `client` feature, the one client that runs the Lua scripts in `lua/`.
//!
//! Promise: **at-least-once execution, effectively-once effects.** A job may run twice; what it
//! does to the system happens once.

pub mod apply;
pub mod body;
pub mod budget;
#[cfg(feature = "client")]
pub mod client;
pub mod effects;
pub mod envelope;
pub mod events;
pub mod forge;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod records;
pub mod rows;
pub mod schedule;
pub mod schemas;
pub mod sign;
pub mod state;
pub mod sweep;
pub mod trace;
pub mod url;

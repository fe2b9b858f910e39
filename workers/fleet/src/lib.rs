//! The worker of Scrum Fleet: the runtime that claims, renews and commits, the registry of job
//! kinds, and one file of `jobs/` a kind.
//!
//! Data goes one way: the [`runtime`] claims a job, the [`registry`] finds its handler, the
//! handler reads through its [`context::Context`], asks the domain and the providers, and
//! returns effects; the runtime commits them. A handler writes nothing. Models are asked in [`model`] alone, and what
//! follows what stands in [`pipeline`].

mod applier;
mod aside;
mod audited;
mod blobs;
mod change;
pub mod context;
mod definitions;
pub mod figures;
mod findings;
mod forge;
pub mod injection;
pub mod jobs;
pub mod lanes;
mod lookup;
mod memo;
mod memory;
pub mod model;
pub mod observe;
mod passages;
mod pieces;
pub mod pipeline;
pub mod probe;
mod proved;
mod reading;
pub mod registry;
pub mod runtime;
pub mod schedules;
pub mod upkeep;
mod votes;

//! The worker of Scrum Fleet: the runtime that claims, renews and commits, the registry of job
//! kinds, and one handler a kind.
//!
//! Data goes one way: the [`runtime`] claims a job, the [`registry`] finds its handler, the
//! handler reads through its [`context::Context`], asks the domain and the providers, and
//! returns effects; the runtime commits them. A handler writes nothing.

mod applier;
pub mod context;
pub mod handlers;
pub mod lanes;
pub mod probe;
mod reading;
pub mod registry;
mod retrieval;
pub mod runtime;
pub mod upkeep;

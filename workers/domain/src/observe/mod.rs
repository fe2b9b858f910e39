//! What failures say together. The fleet writes an [`Event`] of each thing that ends; each failure has a [`Class`], and
//! each class something that a person can do about it. Failures that pile up within a window of time are a [`Cluster`],
//! and its diagnosis is a row.

mod ask;
mod class;
mod cluster;
mod derive;
mod event;

pub(crate) use ask::DIAGNOSE;
pub use ask::{Asked, judge, prompt};
pub use class::Class;
pub use cluster::{Bounds, Cluster, Key, clusters, of_job};
pub use derive::told;
pub use event::{Event, clipped};

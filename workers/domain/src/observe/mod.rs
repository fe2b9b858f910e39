//! What failures say together. The fleet writes an [`Event`] of each thing that ends; each failure has a [`Class`], and
//! each class something that a person can do about it.

mod class;
mod derive;
mod event;

pub use class::Class;
pub use derive::told;
pub use event::{Event, clipped};

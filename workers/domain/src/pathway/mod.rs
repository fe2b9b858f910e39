//! What a repository has taught: which model does well in which area, and which mistakes come back there.

mod key;

pub use key::{identifiers, keywords, pattern_key};

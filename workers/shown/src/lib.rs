//! Makes foreign text safe to show. It is pure, except for the feature `print`: the functions through
//! which the programs write to a terminal. A conformance test and lints forbid other ways to print.
//! docs/output.md lists what is shown where.

#[cfg(feature = "print")]
pub mod print;
mod quote;
mod text;

pub use quote::shell_quoted;
pub use text::{plain, shown, shown_json};

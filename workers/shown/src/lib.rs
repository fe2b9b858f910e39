//! Text of strangers, made safe to show. It is pure, but for the feature `print`: the few functions
//! through which the programs write to a terminal. Nothing prints around them; a conformance test
//! and the lints see to it. docs/output.md lists what is shown where.

#[cfg(feature = "print")]
pub mod print;
mod quote;
mod text;

pub use quote::shell_quoted;
pub use text::{plain, shown, shown_json};

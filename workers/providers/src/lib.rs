//! Clients of models: the only crate that opens connections to the outside.
//!
//! One call of [`Providers::chat`] is one HTTP request. Nothing is retried here, because a retry
//! that the queue does not know of would hold a worker's slot and spend a budget unseen; instead
//! every way of failing has a name ([`ChatError`]) that says what the queue should do next. The one
//! exception is a request that Ollama refuses for its `think` member, which is sent again without.
//!
//! Reading order: [`chat`] has the types, [`providers`] the table of providers, `openai` and
//! `ollama` one wire format each, `http` and `lines` what they share (bounds and timers),
//! [`embed`] is the same for embedding endpoints. `classify` turns an error answer into a [`ChatError`].

mod answer;
mod body;
mod builtin;
pub mod chat;
mod classify;
mod clock;
pub mod embed;
pub mod error;
mod http;
mod lines;
mod ollama;
mod openai;
pub mod probe;
pub mod providers;
mod secret;
mod thinking;

pub use chat::{ChatReply, ChatRequest, Finish, Subject, Task};
pub use embed::Embedder;
pub use error::{ChatError, FailedKind, Pause, SetupError, TerminalKind, TransientKind};
pub use probe::{KeyState, OllamaModel, Probe};
pub use providers::Providers;

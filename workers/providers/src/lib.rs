//! Clients of models. Only this crate and that of the forges, which uses its connections, open any to the outside.
//!
//! One call of [`Providers::chat`] is one HTTP request. Nothing is retried here, because a retry
//! that the queue does not know of would hold a worker's slot and spend a budget unseen; instead
//! every way of failing has a name ([`ChatError`]) that says what the queue should do next. The one
//! exception is a request that is refused for one of its members, which is sent again without (`adapt`).
//!
//! Reading order: [`chat`] has the types, [`providers`] the table of providers, `wire` that of the wire
//! formats, `openai`, `anthropic` and so on one of them each, `call` and `read` what is the same for all, `http`,
//! `lines` and `clock` their bounds and timers. [`embed`] is the same for embedding endpoints. `classify`
//! turns an error answer into a [`ChatError`].

mod adapt;
mod answer;
mod anthropic;
mod azure;
mod body;
mod builtin;
mod call;
pub mod chat;
mod classify;
mod client;
mod clock;
pub mod embed;
pub mod error;
pub mod exchange;
mod gateway;
mod heard;
mod http;
mod lines;
mod live;
mod ollama;
mod openai;
mod piece;
pub mod probe;
pub mod providers;
mod read;
mod secret;
mod thinking;
mod wire;

pub use client::{Http, Way, root_cause};
pub use http::retry_after;
pub use secret::Secret;

pub use chat::{ChatReply, ChatRequest, Checking, Finish, Talk, Task, Turn};
pub use embed::Embedder;
pub use error::{ChatError, FailedKind, Pause, SetupError, TerminalKind, TransientKind};
pub use live::Live;
pub use probe::{KeyState, OllamaModel, Probe};
pub use providers::Providers;

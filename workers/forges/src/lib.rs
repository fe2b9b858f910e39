//! Publishes reviews of changes on GitHub, GitLab, Gitea and Forgejo: the only crate that opens connections to forges.
//!
//! What is to be done is decided by `scrum_domain::forge`; here it is read and written. [`publish()`] reads what is
//! there, does what is to be done, and reads again before it sends anything a second time. It waits for nothing: when
//! a forge asks for patience, the error says for how long, and the queue waits.
//!
//! [`pull()`] and [`may_write`] ask what a request is, and who may order something there.
//!
//! `client` has the requests and their bounds, `error` what an answer means, and `github`, `gitlab` and `gitea` the
//! routes and bodies of one forge each, and `alike` what two of them share.

mod alike;
mod client;
mod error;
mod gitea;
mod github;
mod gitlab;
mod publish;
mod pull;

pub use client::Client;
pub use error::ForgeError;
pub use publish::{Published, publish};
pub use pull::{Pull, may_write, pull};

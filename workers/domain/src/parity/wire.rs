//! What `scrum` hands to `scrum-worker exchange`, and what it gets back.

use super::Heard;
use super::cases::Headers;
use serde::{Deserialize, Serialize};

/// The same requests for two servers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pair {
    /// Base address of the first.
    pub a: String,
    /// Base address of the second.
    pub b: String,
    /// Seconds for one answer.
    pub timeout_s: u64,
    /// What is asked, in this order.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Method.
    pub method: String,
    /// What follows the base address.
    pub path: String,
    /// Headers for the first server.
    pub headers_a: Headers,
    /// Headers for the second one.
    pub headers_b: Headers,
    /// The body.
    pub body: Option<String>,
}

/// What both sides answered to one request, or why one did not.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answers {
    /// The first.
    pub a: Result<Heard, String>,
    /// The second.
    pub b: Result<Heard, String>,
}

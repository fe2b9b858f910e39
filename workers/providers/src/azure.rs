//! Azure's deployments of OpenAI's models: OpenAI's format at addresses of its own. The model of a rung
//! is the name of a deployment. A base address that ends with `/openai/v1` is the newer form, which
//! takes that name in the body.

use scrum_config::provider::DEFAULT_API_VERSION;

use crate::http::Endpoint;
use crate::wire::{Auth, Form, Framing, settled};
use crate::{openai, piece};

/// The row of this wire.
pub(crate) const FORM: Form = Form {
    path,
    models,
    auth: Auth::Header("api-key"),
    headers: &[],
    framing: Framing::Events,
    body: openai::body,
    piece: piece::openai,
    take: openai::take,
    settle: settled,
    end: "finish_reason",
    context: "take a deployment with a larger context",
};

fn path(endpoint: &Endpoint, model: &str) -> String {
    if is_newer(endpoint) {
        return "/chat/completions".to_owned();
    }
    // Azure's own names have none but these characters.
    let encode = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    let name: String = model.bytes().map(encode).collect();
    format!("/openai/deployments/{name}/chat/completions?api-version={}", version(endpoint))
}

fn models(endpoint: &Endpoint) -> String {
    if is_newer(endpoint) {
        return "/models".to_owned();
    }
    format!("/openai/models?api-version={}", version(endpoint))
}

fn is_newer(endpoint: &Endpoint) -> bool {
    endpoint.base.ends_with("/openai/v1")
}

fn version(endpoint: &Endpoint) -> &str {
    endpoint.cfg.api_version.as_deref().unwrap_or(DEFAULT_API_VERSION)
}

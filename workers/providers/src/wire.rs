//! The table of wire formats, one row each. A row says how a question is written and how an answer is
//! read; `call` does the rest, which is the same for all.

use scrum_config::Wire;
use serde_json::{Map, Value};
use std::borrow::Cow;

use crate::adapt::Way;
use crate::chat::ChatRequest;
use crate::clock::Clock;
use crate::error::ChatError;
use crate::heard::Heard;
use crate::http::Endpoint;
use crate::{anthropic, azure, gateway, ollama, openai};

/// One wire format.
pub(crate) struct Form {
    /// Where a call of a model is posted, below the base address.
    pub(crate) path: fn(&Endpoint, &str) -> String,
    /// Where the models are listed, below the base address.
    pub(crate) models: fn(&Endpoint) -> String,
    /// How the key is sent.
    pub(crate) auth: Auth,
    /// Further headers.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// How an answer is cut into JSON values.
    pub(crate) framing: Framing,
    /// The request body.
    pub(crate) body: fn(&Endpoint, &ChatRequest, &Way) -> Map<String, Value>,
    /// The text of a value that is a piece of the answer and nothing else; `None` for any other one.
    pub(crate) piece: fn(&str) -> Option<Cow<'_, str>>,
    /// Takes in one value of an answer.
    pub(crate) take: fn(&mut Heard, &Value, &mut Clock) -> Result<(), ChatError>,
    /// What is still to be looked at when all of an answer has come.
    pub(crate) settle: fn(&mut Heard, &Asked<'_>) -> Result<(), ChatError>,
    /// What says that an answer is whole, for messages.
    pub(crate) end: &'static str,
    /// Which setting holds the context, for messages about a prompt that was cut.
    pub(crate) context: &'static str,
}

/// How a key is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Auth {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// The key alone, in a header of this name.
    Header(&'static str),
}

/// How an answer is cut into JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events, or one document.
    Events,
    /// A value on each line.
    Lines,
}

/// What was sent.
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) req: &'a ChatRequest,
    pub(crate) body: &'a Map<String, Value>,
}

/// The row of a wire; `None` for the one that needs no server.
pub(crate) fn form(wire: Wire) -> Option<&'static Form> {
    match wire {
        Wire::Openai => Some(&openai::FORM),
        Wire::Ollama => Some(&ollama::FORM),
        Wire::Anthropic => Some(&anthropic::FORM),
        Wire::Azure => Some(&azure::FORM),
        Wire::Gateway => Some(&gateway::FORM),
        Wire::Builtin => None,
    }
}

/// Why a model stopped, by this member. Some servers send an empty text with each piece: that is no reason.
pub(crate) fn reason<'a>(of: &'a Value, member: &str) -> Option<&'a str> {
    of.get(member).and_then(Value::as_str).filter(|reason| !reason.is_empty())
}

/// Nothing is left to look at.
#[allow(clippy::unnecessary_wraps)] // As the table has it.
pub(crate) fn settled(_: &mut Heard, _: &Asked<'_>) -> Result<(), ChatError> {
    Ok(())
}

//! From an error answer to a [`ChatError`].
//!
//! The rules look only at what a provider says about the error (message, type, code), never at the
//! whole body: some echo the prompt in it, and a prompt can hold any phrase.

use std::time::Duration;

use scrum_domain::redact;
use serde_json::Value;

use crate::error::{ChatError, FailedKind, TerminalKind, TransientKind};

/// Characters of a provider's message that are shown.
const SHOWN: usize = 300;

/// What a provider says about an error.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    /// For people.
    message: String,
    /// Message, type and code, in lower case, for the rules.
    matter: String,
    /// A status named inside the body.
    status: Option<u16>,
    prompt_tokens: Option<u64>,
    context: Option<u64>,
    /// How long to wait, named inside the body.
    retry_after: Option<Duration>,
    /// It names the member of the request that it is about.
    has_param: bool,
}

impl Told {
    /// From a body, JSON or not.
    pub(crate) fn parse(body: &str) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => Self::from_value(&value),
            Err(_) => Self::new(body, &[]),
        }
    }

    /// From a JSON error: `{"error": {..}}`, `{"error": ".."}`, or the inner part of either.
    pub(crate) fn from_value(value: &Value) -> Self {
        // Gemini's are in a list.
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").filter(|e| !e.is_null()).unwrap_or(value);
        let member = |name: &str| error.get(name).map(plain).unwrap_or_default();
        // FastAPI's `detail` may be a list whose entries echo the input: only `msg` is taken.
        let detail = match error.get("detail") {
            Some(Value::Array(list)) => {
                list.iter().filter_map(|e| e.get("msg")?.as_str()).collect::<Vec<_>>().join("; ")
            }
            Some(Value::Object(_)) => return Self::from_value(&error["detail"]),
            other => other.map(plain).unwrap_or_default(),
        };
        // OpenRouter wraps the words of the provider behind it.
        let raw = error.pointer("/metadata/raw").map(plain).unwrap_or_default();
        let message = [plain(error), member("message"), detail, raw];
        let message = message.iter().filter(|m| !m.is_empty()).cloned().collect::<Vec<_>>();
        // The member that it is about: OpenAI's `param`, FastAPI's `loc`. Gemini says which quota it was.
        let places = error.get("detail").and_then(Value::as_array).into_iter().flatten();
        let place = places.filter_map(|e| e.get("loc")?.as_array()?.last().map(plain));
        let details = error.get("details").and_then(Value::as_array);
        let quotas = details.into_iter().flatten().filter_map(|d| d.get("violations")?.as_array());
        let quotas = quotas.flatten().map(|v| plain(&v["quotaId"]));
        let param = member("param");
        let mut labels = vec![member("type"), member("code"), param.clone()];
        labels.extend(place.chain(quotas));
        let mut told = Self::new(&message.join(": "), &labels);
        told.has_param = !param.is_empty() || error.get("detail").is_some_and(Value::is_array);
        let delay = details.into_iter().flatten().find_map(|d| d.get("retryDelay")?.as_str());
        told.retry_after = delay.and_then(|d| d.strip_suffix('s')?.parse().ok()).and_then(seconds);
        let code = member("code").parse().ok().or_else(|| member("status").parse().ok());
        told.status = code.filter(|code| (400..600).contains(code));
        let number = |name: &str| error.get(name).and_then(Value::as_u64);
        told.prompt_tokens = number("n_prompt_tokens").or(told.prompt_tokens);
        told.context = number("n_ctx").or(told.context);
        told
    }

    fn new(message: &str, labels: &[String]) -> Self {
        let message: String = message.chars().take(4000).collect();
        let matter = format!("{message} {}", labels.join(" ")).to_lowercase();
        // vLLM and OpenAI tell the numbers in words.
        let context = number_after(&matter, &["maximum context length is ", "tokens allowed ("]);
        // Anthropic's: "prompt is too long: 208310 tokens > 200000 maximum".
        let context = context.or_else(|| number_before(&matter, &[" maximum"]));
        let prompt =
            number_before(&matter, &[" in the messages", " of text input", " from the input"])
                .or_else(|| {
                    let before = [
                        "resulted in ",
                        "requested about ",
                        "requested ",
                        "too long: ",
                        "input token count (",
                    ];
                    number_after(&matter, &before)
                });
        // Some echo the prompt. Masked before it is cut: a reason of one provider is told to the next.
        let shown = redact::mask(&message).text;
        let shown: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown = shown.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        Self { message: shown, matter, prompt_tokens: prompt, context, ..Self::default() }
    }

    /// How long to wait, when the body says it.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it says which member of the request it is about.
    pub(crate) fn names_a_member(&self) -> bool {
        self.has_param || self.speaks_of(&["'", "`", "\"", ": extra", "supplied: "])
    }

    /// Whether the error names this member of a request, as a word of its own.
    pub(crate) fn names(&self, member: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.matter.split(|c| !is_part(c)).any(|word| word == member.to_lowercase())
    }

    /// Whether the error is about one of these phrases (lower case).
    pub(crate) fn speaks_of(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.matter.contains(phrase))
    }
}

const CONTEXT: [&str; 14] = [
    "exceed_context_size",
    "context_length_exceeded",
    "contextwindowexceeded",
    "maximum context length",
    "maximum model length",
    "exceeds the available context",
    "exceeds the context",
    "exceed the context",
    "exceed context window",
    "context length exceeded",
    "prompt is too long",
    "input is too long",
    // Gemini's.
    "exceeds the maximum number of tokens",
    // llama.cpp, of a text to embed, under 500.
    "is too large to process",
];
/// A request that is over a limit by the minute by itself. Anthropic's words say nothing of that: a moment's load would
/// exceed the limit as well.
const TOO_LARGE: [&str; 2] = ["request too large", "tokens must be reduced"];
const QUOTA: [&str; 10] = [
    "credit balance is too low",
    "insufficient_quota",
    "exceeded your current quota",
    "insufficient credits",
    "billing_hard_limit",
    "budget_exceeded",
    "budget has been exceeded",
    "per-day",
    "weekly usage limit",
    "daily usage limit",
];
const AUTH: [&str; 10] = [
    "api key not valid",
    "invalid proxy server token",
    "authenticationerror",
    "authentication error",
    "auth_error",
    "invalid api key",
    "incorrect api key",
    "invalid_api_key",
    "no api key",
    "no connected db",
];
/// OpenRouter's, where the model is there but none of its hosts is allowed to serve it.
const NO_HOST: [&str; 2] = ["no endpoints found", "no endpoints available"];
const MODEL: [&str; 7] = [
    // Azure's.
    "deploymentnotfound",
    "deployment for this resource does not exist",
    "model_not_found",
    "not a valid model",
    "invalid model name",
    "try pulling it",
    "unknown model",
];
const FILTER: [&str; 3] = ["content_filter", "content_policy", "content management policy"];

/// The statuses that types of errors stand for, where there is none.
const TYPES: [(&str, u16); 7] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("timeout_error", 504),
];

/// The error for an answer with this status.
pub(crate) fn by_status(status: u16, told: &Told, retry_after: Option<Duration>) -> ChatError {
    let said = if told.message.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {}", told.message)
    };
    let terminal = |kind, advice: &str| ChatError::terminal(kind, format!("{said} ({advice})"));
    let transient = |kind| ChatError::Transient { kind, message: said.clone(), retry_after };

    // No wait makes it fit.
    let never = told.speaks_of(if status == 429 { &TOO_LARGE } else { &CONTEXT });
    if status == 413 || never {
        return ChatError::ContextExceeded {
            prompt_tokens: told.prompt_tokens,
            context: told.context,
            message: format!("the prompt does not fit: {said}"),
        };
    }
    if status == 402 {
        return terminal(TerminalKind::PaymentRequired, "add credit to the account");
    }
    // Anthropic's word for a moment's load, whatever status a proxy gives it.
    if told.speaks_of(&["overloaded_error"]) && !matches!(status, 429 | 529) {
        return transient(TransientKind::Overloaded);
    }
    // Gemini speaks of a quota at limits by the minute as well; then it says when to come back.
    let passes = status == 429 && retry_after.is_some() && !told.speaks_of(&["perday"]);
    if matches!(status, 400 | 403 | 429)
        && !(passes && told.retry_after.is_some())
        && told.speaks_of(&QUOTA)
    {
        return terminal(TerminalKind::QuotaExhausted, "the account's allowance is used up");
    }
    let filtered = (status == 400 && told.speaks_of(&FILTER))
        || (status == 403 && told.speaks_of(&["moderation", "flagged"]));
    if filtered {
        return ChatError::failed(FailedKind::Declined, format!("a filter refused: {said}"), 0);
    }
    if matches!(status, 401 | 403) || (matches!(status, 400 | 500) && told.speaks_of(&AUTH)) {
        return terminal(TerminalKind::Unauthorized, "check the key in api_key_env");
    }
    if matches!(status, 400 | 404) && told.speaks_of(&NO_HOST) {
        let advice = "no host serves it under extra_body.provider; see docs/providers.md";
        return terminal(TerminalKind::ModelNotFound, advice);
    }
    let unknown_model = told.speaks_of(&MODEL)
        || (told.speaks_of(&["model"])
            && told.speaks_of(&["not found", "does not exist", "not_found_error"]));
    if status == 410 || (matches!(status, 400 | 404 | 500) && unknown_model) {
        return terminal(TerminalKind::ModelNotFound, "pull it, or take it out of the ladder");
    }
    if told.speaks_of(&["requires more system memory"]) {
        return terminal(TerminalKind::CannotLoad, "take a smaller model or a smaller num_ctx");
    }
    match status {
        // 529 says it of the provider as a whole; it passes no sooner.
        429 | 529 => transient(TransientKind::RateLimited),
        503 => transient(TransientKind::Overloaded),
        408 | 504 | 524 => transient(TransientKind::TimedOut),
        300..400 => terminal(TerminalKind::BadRequest, "it redirects; write the new base_url"),
        404 | 405 => {
            terminal(TerminalKind::BadRequest, "no such API there; check base_url and wire")
        }
        // A broker's words for an error of the provider behind it, not of the request.
        400 if told.speaks_of(&["provider returned error"]) => {
            ChatError::failed(FailedKind::Provider, said, 0)
        }
        501 => terminal(TerminalKind::BadRequest, "not implemented there"),
        409 | 425 | 500.. => transient(TransientKind::ServerError),
        _ => terminal(TerminalKind::BadRequest, "the provider refuses such a request"),
    }
}

/// The error for an error object under HTTP 200, after `partial` characters of text.
pub(crate) fn inline(value: &Value, partial: usize) -> ChatError {
    let told = Told::from_value(value);
    let status = told.status.unwrap_or_else(|| {
        if told.speaks_of(&QUOTA) || told.speaks_of(&["rate limit", "rate_limit"]) {
            429
        } else if told.speaks_of(&["overloaded", "server busy", "maximum pending requests"]) {
            503
        } else {
            let named = TYPES.iter().find(|(name, _)| told.speaks_of(&[name]));
            named.map_or(500, |(_, status)| *status)
        }
    });
    match by_status(status, &told, told.retry_after) {
        ChatError::Transient { kind: TransientKind::ServerError, message, .. } if partial > 0 => {
            let message = format!("an error in the stream after {partial} characters: {message}");
            ChatError::failed(FailedKind::Provider, message, partial)
        }
        ChatError::Failed { kind, message, .. } => ChatError::failed(kind, message, partial),
        other => other,
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// A string or a number as text; nothing for the rest.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn number_after(text: &str, phrases: &[&str]) -> Option<u64> {
    phrases.iter().find_map(|phrase| {
        let rest = text.split_once(phrase)?.1;
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
    })
}

fn number_before(text: &str, phrases: &[&str]) -> Option<u64> {
    phrases.iter().find_map(|phrase| {
        let before = text.split_once(phrase)?.0;
        let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
        before[before.len() - digits..].parse().ok()
    })
}

#[cfg(test)]
mod tests;

//! What the stub answers, and when.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::log::Recorded;

/// Decides the answer to a call.
pub enum Script {
    /// The first rule that matches and is not used up.
    Rules(Vec<Rule>),
    /// Whatever the closure says.
    Closure(Box<dyn Fn(&Recorded) -> Reply + Send + Sync>),
}

impl Script {
    /// A script that is a closure.
    pub fn closure(decide: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self::Closure(Box::new(decide))
    }

    pub(crate) fn decide(&mut self, call: &Recorded) -> Reply {
        match self {
            Self::Closure(decide) => decide(call),
            Self::Rules(rules) => {
                let rule = rules.iter_mut().find(|r| r.left != Some(0) && (r.when)(call));
                rule.map_or_else(
                    || Reply::status(400, "model stub: no rule matches this call"),
                    |rule| {
                        rule.left = rule.left.map(|left| left - 1);
                        rule.reply.clone()
                    },
                )
            }
        }
    }
}

impl From<Vec<Rule>> for Script {
    fn from(rules: Vec<Rule>) -> Self {
        Self::Rules(rules)
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Self {
        Self::Rules(vec![Rule::any(reply)])
    }
}

/// An answer for the calls that match.
pub struct Rule {
    when: Box<dyn Fn(&Recorded) -> bool + Send + Sync>,
    reply: Reply,
    left: Option<usize>,
}

impl Rule {
    /// For the calls that a closure picks.
    pub fn when(matches: impl Fn(&Recorded) -> bool + Send + Sync + 'static, reply: Reply) -> Self {
        Self { when: Box::new(matches), reply, left: None }
    }

    /// For every call.
    pub fn any(reply: Reply) -> Self {
        Self::when(|_| true, reply)
    }

    /// For calls of one model.
    pub fn model(model: &str, reply: Reply) -> Self {
        let model = model.to_owned();
        Self::when(move |call| call.model == model, reply)
    }

    /// For calls whose prompt holds a text.
    pub fn prompt(needle: &str, reply: Reply) -> Self {
        let needle = needle.to_owned();
        Self::when(move |call| call.prompt.contains(&needle), reply)
    }

    /// Only for so many calls; then the rules after it get their turn.
    #[must_use]
    pub fn times(mut self, n: usize) -> Self {
        self.left = Some(n);
        self
    }
}

/// Token counts and what else a provider tells about a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// `usage.cost` (OpenAI wire only).
    pub cost: Option<f64>,
    /// `provider`, as OpenRouter names who served (OpenAI wire only).
    pub provider: Option<String>,
    /// The prompt tokens are those that the stub counts itself.
    pub counted: bool,
}

impl Usage {
    /// Just the counts.
    pub fn tokens(tokens_in: u64, tokens_out: u64) -> Self {
        Self { tokens_in, tokens_out, ..Self::default() }
    }
}

/// One answer, or one way of not giving one.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The text, whole.
    Ok(String, Usage),
    /// The text, cut by the token limit.
    Length(String),
    /// The model declines (on the Ollama wire: just says so).
    Refusal(String),
    /// A status with a body.
    Status {
        /// The status.
        code: u16,
        /// Headers besides the usual.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// 200, and a body that is an error (`{"error": ...}`).
    ErrorBodyUnder200(Value),
    /// Some text, then an error object in the stream.
    ErrorMidStream(String, Value),
    /// The same, the error as llama.cpp tells it: in a field `error` of the stream of events (where the wire has one).
    ErrorField(String, Value),
    /// The text as a stream whose connection breaks after so many bytes of body.
    CutStream(String, usize),
    /// The text as a stream that ends in good order, but without saying that it is done.
    NoFinish(String),
    /// The text, with a pause before each piece.
    Drip(String, Duration),
    /// Some text, then nothing, and the connection stays open.
    Stall(String),
    /// The head of the answer, then only signs that the connection lives: comment lines or empty
    /// pieces, one each so often.
    KeepAlive(Duration),
    /// Not even the head.
    Silence,
    /// A well-formed answer whose text has so many bytes.
    Huge(usize),
    /// The text over and over, once a millisecond, until the caller hangs up or five megabytes are out; then
    /// it was cut at the token limit.
    Loop(String),
    /// Text with bytes that are not UTF-8.
    InvalidUtf8,
    /// Thoughts, then text; the thoughts in the member the wire has for them.
    Thoughts(String, String),
    /// Any body under 200, with its content type.
    Raw(String, Vec<u8>),
    /// Waits for the gate to open, then the other.
    Hold(Gate, Box<Reply>),
    /// First half of the text, waits for the gate, second half.
    HoldMidway(Gate, String),
    /// Waits so long, then the other.
    Latency(Duration, Box<Reply>),
}

impl Reply {
    /// The text, with counts of the prompt and of its length.
    pub fn ok(text: impl Into<String>) -> Self {
        let text = text.into();
        let usage = Usage { counted: true, ..Usage::tokens(0, text.len() as u64 / 4) };
        Self::Ok(text, usage)
    }

    /// A status with a body.
    pub fn status(code: u16, body: impl Into<String>) -> Self {
        Self::Status { code, headers: Vec::new(), body: body.into() }
    }

    /// 429 with `Retry-After` in seconds.
    pub fn rate_limited(retry_after_s: u64) -> Self {
        Self::Status {
            code: 429,
            headers: vec![("retry-after".to_owned(), retry_after_s.to_string())],
            body: r#"{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}"#.into(),
        }
    }

    /// 503, as a server whose queue is full.
    pub fn overloaded() -> Self {
        let body =
            r#"{"error":"server busy, please try again. maximum pending requests exceeded"}"#;
        Self::status(503, body)
    }

    /// Holds this answer back until the gate opens.
    #[must_use]
    pub fn held_by(self, gate: &Gate) -> Self {
        Self::Hold(gate.clone(), Box::new(self))
    }

    /// Holds this answer back for a time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::Latency(delay, Box::new(self))
    }
}

/// A gate that a test opens. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everyone through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Closes it for those still to come.
    pub fn close(&self) {
        self.0.send_replace(false);
    }

    pub(crate) async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

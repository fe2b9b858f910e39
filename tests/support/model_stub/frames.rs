//! The wire formats: how a text becomes the body of an answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::script::Usage;

/// Characters of one piece of a stream.
const PIECE: usize = 24;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `/v1/chat/completions`.
    Openai,
    /// `/api/chat`.
    Ollama,
}

/// How an answer is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) wire: Wire,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// `stream_options.include_usage`.
    pub(crate) usage: bool,
}

impl Form {
    /// From a request body; Ollama streams unless told not to, OpenAI only when told to.
    pub(crate) fn of(wire: Wire, body: &Value) -> Self {
        let stream = body["stream"].as_bool().unwrap_or(wire == Wire::Ollama);
        Self {
            wire,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream,
            usage: body.pointer("/stream_options/include_usage") == Some(&json!(true)),
        }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match (self.wire, self.stream) {
            (Wire::Openai, true) => "text/event-stream",
            (Wire::Ollama, true) => "application/x-ndjson",
            (_, false) => "application/json",
        }
    }

    /// One frame of a stream.
    pub(crate) fn frame(&self, value: &Value) -> Bytes {
        match self.wire {
            Wire::Openai => format!("data: {value}\n\n").into(),
            Wire::Ollama => format!("{value}\n").into(),
        }
    }

    /// The text, piece by piece; nothing but the pieces.
    pub(crate) fn pieces(&self, text: &str) -> Vec<Bytes> {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(PIECE).map(|piece| self.piece(&piece.iter().collect::<String>())).collect()
    }

    /// One piece of text.
    pub(crate) fn piece(&self, text: &str) -> Bytes {
        self.frame(&match self.wire {
            Wire::Openai => self.chunk(&json!({"content": text}), None),
            Wire::Ollama => json!({"model": self.model, "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text}, "done": false}),
        })
    }

    /// One piece of thought.
    pub(crate) fn thought(&self, text: &str) -> Bytes {
        self.frame(&match self.wire {
            Wire::Openai => self.chunk(&json!({"reasoning_content": text}), None),
            Wire::Ollama => json!({"model": self.model, "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": "", "thinking": text}, "done": false}),
        })
    }

    /// A sign that the connection lives.
    pub(crate) fn alive(&self) -> Bytes {
        match self.wire {
            Wire::Openai => Bytes::from_static(b": OPENROUTER PROCESSING\n\n"),
            Wire::Ollama => self.piece(""),
        }
    }

    /// A whole answer.
    pub(crate) fn whole(&self, said: Said<'_>, finish: &str, usage: &Usage) -> Vec<Bytes> {
        if !self.stream {
            return vec![self.document(said, finish, usage)];
        }
        let mut frames = Vec::new();
        if self.wire == Wire::Openai {
            frames.push(
                self.frame(&self.chunk(&json!({"role": "assistant", "content": null}), None)),
            );
        }
        match said {
            Said::Text(text) => frames.extend(self.pieces(text)),
            Said::Refusal(text) if self.wire == Wire::Ollama => frames.extend(self.pieces(text)),
            Said::Refusal(text) => {
                frames.push(self.frame(&self.chunk(&json!({"refusal": text}), None)));
            }
        }
        frames.extend(self.end(finish, usage));
        frames
    }

    /// The frames that end an answer.
    pub(crate) fn end(&self, finish: &str, usage: &Usage) -> Vec<Bytes> {
        match self.wire {
            Wire::Ollama => vec![self.frame(&json!({
                "model": self.model, "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": ""},
                "done_reason": finish, "done": true, "total_duration": 1, "load_duration": 1,
                "prompt_eval_count": usage.tokens_in, "eval_count": usage.tokens_out,
            }))],
            Wire::Openai => {
                let mut last = self.chunk(&json!({}), Some(finish));
                if let Some(provider) = &usage.provider {
                    last["provider"] = json!(provider);
                }
                let mut frames = vec![self.frame(&last)];
                if self.usage {
                    let mut counts = self.chunk(&json!({}), None);
                    counts["choices"] = json!([]);
                    counts["usage"] = counts_of(usage);
                    frames.push(self.frame(&counts));
                }
                frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
                frames
            }
        }
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        json!({"id": "chatcmpl-stub", "object": "chat.completion.chunk", "created": 0,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    }

    fn document(&self, said: Said<'_>, finish: &str, usage: &Usage) -> Bytes {
        let (text, refusal) = match said {
            Said::Text(text) => (text, None),
            Said::Refusal(text) => (if self.wire == Wire::Ollama { text } else { "" }, Some(text)),
        };
        let document = match self.wire {
            Wire::Openai => json!({"id": "chatcmpl-stub", "object": "chat.completion",
                "created": 0, "model": self.model, "provider": usage.provider,
                "choices": [{"index": 0, "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, "refusal": refusal}}],
                "usage": counts_of(usage)}),
            Wire::Ollama => json!({"model": self.model, "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": text},
                "done_reason": finish, "done": true,
                "prompt_eval_count": usage.tokens_in, "eval_count": usage.tokens_out}),
        };
        document.to_string().into()
    }
}

/// What the model says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said<'a> {
    Text(&'a str),
    Refusal(&'a str),
}

fn counts_of(usage: &Usage) -> Value {
    let mut counts = json!({"prompt_tokens": usage.tokens_in, "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in.saturating_add(usage.tokens_out)});
    if let Some(cost) = usage.cost {
        counts["cost"] = json!(cost);
    }
    counts
}

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
    /// `/v1/messages`.
    Anthropic,
    /// `/v1/chat`, answered flat.
    Gateway,
}

/// How an answer is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) wire: Wire,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// `stream_options.include_usage`.
    pub(crate) usage: bool,
    /// Tokens of the prompt, as a tokenizer would count them.
    pub(crate) prompt_tokens: u64,
}

impl Form {
    /// From a request body; Ollama streams unless told not to, OpenAI only when told to.
    pub(crate) fn of(wire: Wire, body: &Value) -> Self {
        let stream = body["stream"].as_bool().unwrap_or(wire == Wire::Ollama);
        let chars = |value: &Value| value.to_string().len() as u64;
        Self {
            prompt_tokens: (chars(&body["messages"]) + chars(&body["system"])) / 3,
            wire,
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream,
            usage: body.pointer("/stream_options/include_usage") == Some(&json!(true)),
        }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match (self.wire, self.stream) {
            (Wire::Openai | Wire::Anthropic, true) => "text/event-stream",
            (Wire::Ollama, true) => "application/x-ndjson",
            (Wire::Gateway, _) | (_, false) => "application/json",
        }
    }

    /// One frame of a stream.
    pub(crate) fn frame(&self, value: &Value) -> Bytes {
        match self.wire {
            Wire::Openai => format!("data: {value}\n\n").into(),
            Wire::Anthropic => {
                let name = value["type"].as_str().unwrap_or("error");
                format!("event: {name}\ndata: {value}\n\n").into()
            }
            Wire::Ollama | Wire::Gateway => format!("{value}\n").into(),
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
            Wire::Anthropic => json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}}),
            Wire::Gateway => json!({"content": text}),
        })
    }

    /// One piece of thought.
    pub(crate) fn thought(&self, text: &str) -> Bytes {
        self.frame(&match self.wire {
            Wire::Openai => self.chunk(&json!({"reasoning_content": text}), None),
            Wire::Ollama => json!({"model": self.model, "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": "", "thinking": text}, "done": false}),
            Wire::Anthropic => json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "thinking_delta", "thinking": text}}),
            Wire::Gateway => return Bytes::new(),
        })
    }

    /// A sign that the connection lives.
    pub(crate) fn alive(&self) -> Bytes {
        match self.wire {
            Wire::Openai => Bytes::from_static(b": OPENROUTER PROCESSING\n\n"),
            Wire::Ollama => self.piece(""),
            Wire::Anthropic => self.frame(&json!({"type": "ping"})),
            Wire::Gateway => Bytes::from_static(b"\n"),
        }
    }

    /// What comes before the first piece.
    pub(crate) fn head(&self, usage: &Usage) -> Vec<Bytes> {
        match self.wire {
            Wire::Openai => {
                vec![self.frame(&self.chunk(&json!({"role": "assistant", "content": null}), None))]
            }
            Wire::Anthropic => {
                // A part is written to a cache, another read from it.
                let part = usage.tokens_in / 3;
                let counts = json!({"input_tokens": usage.tokens_in - 2 * part, "output_tokens": 1,
                    "cache_creation_input_tokens": part, "cache_read_input_tokens": part});
                let message = json!({"id": "msg_stub", "type": "message", "role": "assistant",
                    "model": self.model, "content": [], "stop_reason": null, "usage": counts});
                vec![
                    self.frame(&json!({"type": "message_start", "message": message})),
                    self.frame(&json!({"type": "content_block_start", "index": 0,
                        "content_block": {"type": "text", "text": ""}})),
                    self.frame(&json!({"type": "ping"})),
                ]
            }
            Wire::Ollama | Wire::Gateway => Vec::new(),
        }
    }

    /// A whole answer.
    pub(crate) fn whole(&self, said: Said<'_>, finish: &str, usage: &Usage) -> Vec<Bytes> {
        if !self.stream || self.wire == Wire::Gateway {
            return vec![self.document(said, finish, usage)];
        }
        let mut frames = self.head(usage);
        match said {
            Said::Text(text) => frames.extend(self.pieces(text)),
            Said::Refusal(text) if self.wire != Wire::Openai => frames.extend(self.pieces(text)),
            Said::Refusal(text) => {
                frames.push(self.frame(&self.chunk(&json!({"refusal": text}), None)));
            }
        }
        let refused = matches!(said, Said::Refusal(_)) && self.wire == Wire::Anthropic;
        frames.extend(self.end(if refused { "refusal" } else { finish }, usage));
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
            Wire::Anthropic => vec![
                self.frame(&json!({"type": "content_block_stop", "index": 0})),
                self.frame(&json!({"type": "message_delta",
                    "delta": {"stop_reason": stop_reason(finish), "stop_sequence": null},
                    "usage": {"output_tokens": usage.tokens_out}})),
                self.frame(&json!({"type": "message_stop"})),
            ],
            Wire::Gateway => Vec::new(),
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
            Said::Refusal(text) => (if self.wire == Wire::Openai { "" } else { text }, Some(text)),
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
            Wire::Anthropic => json!({"id": "msg_stub", "type": "message", "role": "assistant",
                "model": self.model, "content": [{"type": "text", "text": text}],
                "stop_reason": if refusal.is_some() { "refusal" } else { stop_reason(finish) },
                "usage": {"input_tokens": usage.tokens_in, "output_tokens": usage.tokens_out}}),
            Wire::Gateway => {
                let mut flat = json!({"content": text, "latency_ms": 12,
                    "input_tokens": usage.tokens_in, "output_tokens": usage.tokens_out});
                if finish != "stop" {
                    flat["finish_reason"] = json!(finish);
                }
                flat
            }
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

/// Anthropic's word for it.
fn stop_reason(finish: &str) -> &str {
    match finish {
        "stop" => "end_turn",
        "length" => "max_tokens",
        other => other,
    }
}

fn counts_of(usage: &Usage) -> Value {
    let mut counts = json!({"prompt_tokens": usage.tokens_in, "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in.saturating_add(usage.tokens_out)});
    if let Some(cost) = usage.cost {
        counts["cost"] = json!(cost);
    }
    counts
}

//! Answers: what a model wrote and what it took; kept under a hash of all that decided them.

use super::{Question, Rejected, budget};
use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::ids::{content_id, sha256_hex};
use queue_schema::ledger::{MOST_PER_CALL, Taken};
use queue_schema::rows::{Attempt, Outcome};
use queue_schema::sweep::Rung;
use scrum_domain::accept;
use scrum_domain::redact::MASK_VERSION;
use scrum_domain::review::Spent;
use scrum_providers::{ChatReply, Finish};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Characters of a reason kept in an attempt's record.
const REASON_CHARS: usize = 500;

/// An answer as it is kept under its content key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the model wrote.
    pub text: String,
    /// Cut by the provider.
    pub truncated: bool,
    /// Declined by the provider's own flag.
    pub refused: bool,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Of the generated tokens, those that went to thoughts.
    #[serde(default)]
    pub thought_tokens: u64,
    /// Dollars.
    pub cost_usd: Option<f64>,
    /// Wall time of the call.
    pub duration_ms: u64,
    /// Secrets masked in what was sent.
    #[serde(default)]
    pub masked: u32,
    /// The life of the job that asked for it, see [`crate::registry::JobInfo::life`]. Whoever finds it in
    /// the same one goes on for a worker that died before it could count it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub paid_by: String,
    /// Tokens that it took as far as can be guessed, when the provider told none.
    #[serde(default)]
    pub guessed: u64,
    /// Tokens that its prompt was guessed to have before it was asked.
    #[serde(default)]
    pub asked: u64,
    /// Found, not asked for.
    #[serde(skip)]
    pub cached: bool,
    /// By the built-in reviewer: no call was made.
    #[serde(skip)]
    pub free: bool,
}

impl Answer {
    /// A reply to a prompt in which `masked` secrets were masked before.
    pub(super) fn of(reply: ChatReply, masked: u32) -> Self {
        Self {
            truncated: reply.finish == Finish::Length,
            refused: reply.finish == Finish::Refusal,
            text: reply.text,
            // Bounded as the ledgers' are: one absurd claim must not fill a counter of the sweep for good.
            tokens_in: reply.tokens_in.min(MOST_PER_CALL),
            tokens_out: reply.tokens_out.min(MOST_PER_CALL),
            thought_tokens: reply.thought_tokens.min(MOST_PER_CALL),
            cost_usd: reply.cost_usd.and_then(sane_cost),
            duration_ms: reply.duration_ms,
            masked: reply.masked.saturating_add(masked),
            paid_by: String::new(),
            guessed: 0,
            asked: 0,
            cached: false,
            free: false,
        }
    }

    /// Of a program of ours.
    pub(super) fn free(text: String) -> Self {
        Self {
            text,
            truncated: false,
            refused: false,
            tokens_in: 0,
            tokens_out: 0,
            thought_tokens: 0,
            cost_usd: None,
            duration_ms: 0,
            masked: 0,
            paid_by: String::new(),
            guessed: 0,
            asked: 0,
            cached: false,
            free: true,
        }
    }

    /// What it took: the provider knows best, else the price says. Tokens are guessed where none were told,
    /// so that a budget holds all the same.
    pub(super) fn settle_up(&mut self, rung: &Rung, asked: u64) {
        self.asked = asked;
        let (mut tokens_in, mut tokens_out) = (self.tokens_in, self.tokens_out);
        if tokens_in + tokens_out == 0 {
            (tokens_in, tokens_out) = (asked, budget::guess(self.text.len()));
            self.guessed = tokens_in + tokens_out;
        }
        self.cost_usd =
            self.cost_usd.or_else(|| rung.price(tokens_in, tokens_out).and_then(sane_cost));
    }

    /// Why there is no answer, when the model did nothing but think.
    pub(super) fn only_thoughts(&self) -> Option<Rejected> {
        if self.thought_tokens == 0 || !self.text.trim().is_empty() {
            return None;
        }
        let outcome = if self.truncated { Outcome::Truncated } else { Outcome::Thin };
        let reason = format!(
            "no answer: {} tokens went to thoughts; raise max_tokens of the rung or sweep.max_tokens, or have the \
             model think less: thinking = \"off\" of the provider, or reasoning_effort in its extra_body",
            self.thought_tokens
        );
        Some((outcome, reason))
    }

    /// As a judge sees it.
    pub fn seen(&self) -> accept::Answer<'_> {
        accept::Answer { text: &self.text, truncated: self.truncated, refused: self.refused }
    }

    /// What it took of this sweep, for a row.
    pub fn took(&self) -> Spent {
        let took = Spent {
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_usd: self.cost_usd,
            duration_ms: self.duration_ms,
        };
        if self.cached { took.found() } else { took }
    }

    /// What its call took, for counters; `None` when it was found: it was counted when it was paid for.
    pub fn taken(&self) -> Option<Taken> {
        (!self.cached).then(|| Taken {
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            cost_micro_usd: self.cost_usd.map(micro_usd),
            ms: self.duration_ms,
            asked: self.asked,
        })
    }
}

/// The record of an attempt, with the first `preview_chars` characters of the answer.
pub fn attempt(
    (n, index): (u32, u32),
    rung: &Rung,
    (outcome, reason): (Outcome, &str),
    answer: Option<&Answer>,
    preview_chars: u32,
) -> Attempt {
    let text = answer.map(|a| a.text.as_str()).unwrap_or_default();
    Attempt {
        n,
        rung: index,
        provider: rung.provider.clone(),
        model: rung.model.clone(),
        outcome,
        reason: reason.chars().take(REASON_CHARS).collect(),
        chars: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
        answer_preview: text.chars().take(preview_chars as usize).collect(),
        answer_sha256: answer.map(|a| sha256_hex(a.text.as_bytes())),
        tokens_in: answer.map_or(0, |a| a.tokens_in),
        tokens_out: answer.map_or(0, |a| a.tokens_out),
        cost_usd: answer.and_then(|a| a.cost_usd),
        duration_ms: answer.map_or(0, |a| a.duration_ms),
        cached: answer.is_some_and(|a| a.cached),
        masked: answer.map_or(0, |a| a.masked),
    }
}

/// All that decides the answer. The fence is taken out, so that the same question has the same
/// key in every sweep. Masking is part of it: what a model answered to the secrets themselves is
/// no answer to their masks, and a provider that was local may be so no longer.
///
/// `shape` is what the provider's settings change of an answer: a person who has changed one of them
/// wants another answer. It counts where there is any, so that keys of before go on.
pub(super) fn key_of(q: &Question<'_>, temperature: f64, leaves: bool, shape: &str) -> String {
    let masking = if leaves { MASK_VERSION } else { "" };
    let schema = q.prompt.schema.as_ref().map(ToString::to_string).unwrap_or_default();
    let system = q.prompt.system.replace(q.fence, "");
    let user =
        if q.apart.is_empty() { &q.prompt.user } else { &q.prompt.user.replacen(q.apart, "", 1) };
    let user = user.replace(q.fence, "");
    let (max_tokens, temperature) = (q.max_tokens.to_string(), temperature.to_string());
    let mut parts: Vec<&[u8]> = vec![
        scrum_domain::prompt::template_version().as_bytes(),
        q.rung.provider.as_bytes(),
        q.rung.model.as_bytes(),
        system.as_bytes(),
        user.as_bytes(),
        schema.as_bytes(),
        max_tokens.as_bytes(),
        temperature.as_bytes(),
        masking.as_bytes(),
    ];
    if !shape.is_empty() {
        parts.push(shape.as_bytes());
    }
    content_id(&parts)
}

/// An answer that was kept under this key. One that was paid for in this very life of a job, by a worker
/// that did not live to say so, counts as called for.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub(super) async fn find(
    ctx: &Context,
    key: &str,
    life: &str,
) -> Result<Option<Answer>, HandlerError> {
    let kept = ctx.read("the answer cache", |queue| async move { queue.answer(key).await }).await?;
    let answer = kept.and_then(|json| serde_json::from_str::<Answer>(&json).ok());
    Ok(answer.map(|answer| {
        if answer.paid_by == life {
            answer
        } else {
            Answer { cached: true, duration_ms: 0, ..answer }
        }
    }))
}

/// Keeps a paid answer. In a task of its own: should the handler be told to stop now, the answer
/// is kept all the same, and whoever runs the job next finds it.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub(super) async fn keep(ctx: &Context, key: String, answer: &Answer) -> Result<(), HandlerError> {
    let json = serde_json::to_string(answer)?;
    let days = u64::from(ctx.settings().queue.answer_cache_days);
    let ctx = ctx.clone();
    let kept = tokio::spawn(async move {
        let store = |queue: Queue| {
            let (key, json) = (key.clone(), json.clone());
            async move { queue.keep_answer(&key, &json, Duration::from_secs(days * 86_400)).await }
        };
        ctx.read("keeping the answer", store).await
    });
    kept.await.map_err(|e| HandlerError::retry("keeping the answer", e))?
}

/// Dollars as the integer that counters hold.
pub(super) fn micro_usd(dollars: f64) -> u64 {
    ((dollars.max(0.0) * 1e6).round() as u64).min(MOST_PER_CALL)
}

/// A cost that a call can have: what is no number, or below nothing, says nothing.
fn sane_cost(dollars: f64) -> Option<f64> {
    (dollars.is_finite() && dollars >= 0.0).then(|| dollars.min(MOST_PER_CALL as f64 / 1e6))
}

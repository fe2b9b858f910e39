//! What the pool of a provider learns from how a call ended.

use queue_schema::client::CallEnding;
use queue_schema::ledger::MOST_PER_CALL;
use scrum_domain::fit::guess;
use scrum_providers::{ChatError, ChatReply, FailedKind, TransientKind};

/// The status that stands for an error by which a provider says that it takes no calls now.
pub fn refusal(kind: TransientKind) -> Option<u16> {
    match kind {
        TransientKind::RateLimited => Some(429),
        TransientKind::Overloaded => Some(503),
        _ => None,
    }
}

/// How a call ended, as far as its pool is concerned.
pub fn ending(reply: &Result<ChatReply, ChatError>) -> CallEnding {
    match reply {
        Ok(_) => CallEnding::Fine,
        Err(ChatError::Transient { kind, retry_after, .. }) => match (refusal(*kind), kind) {
            (Some(code), _) => CallEnding::Refused { code, wait: *retry_after },
            (None, TransientKind::Stalled | TransientKind::TimedOut) => CallEnding::Late,
            _ => CallEnding::Other,
        },
        // The model was at work, whatever came of it.
        Err(ChatError::Failed { kind: FailedKind::TimedOut, .. }) => CallEnding::Late,
        Err(_) => CallEnding::Other,
    }
}

/// Work of a call, in tokens of an answer: a question is read some ten times as quickly.
pub fn units(reply: &Result<ChatReply, ChatError>) -> u64 {
    let Ok(reply) = reply else { return 1 };
    let told = reply.tokens_out.min(MOST_PER_CALL) + reply.tokens_in.min(MOST_PER_CALL) / 10;
    if told > 0 { told } else { guess(reply.text.len()) }
}

//! The provider that is no model: static checks in this process.

use scrum_domain::builtin;
use tokio::time::Instant;

use crate::chat::{ChatReply, ChatRequest, Checking, Finish, Task};
use crate::error::{ChatError, FailedKind, TerminalKind};

/// One call. The checks run on a thread of their own, so that a large file does not hold up the
/// timers of other jobs, and a panic in them fails this call only.
pub(crate) async fn chat(req: &ChatRequest) -> Result<ChatReply, ChatError> {
    let started = Instant::now();
    let Some(checking) = req.builtin.clone() else {
        let why = "the built-in reviewer only reviews; name a model for this question";
        return Err(ChatError::terminal(TerminalKind::BadRequest, why.to_owned()));
    };
    let path = checking.path.clone();
    let text = tokio::task::spawn_blocking(move || write(&checking)).await.map_err(|_| {
        ChatError::failed(FailedKind::Provider, format!("the built-in checks broke on {path}"), 0)
    })?;
    Ok(ChatReply {
        text,
        finish: Finish::Stop,
        tokens_in: 0,
        tokens_out: 0,
        thought_tokens: 0,
        cost_usd: Some(0.0),
        served_by: None,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        first_byte_ms: 0,
        masked: 0,
    })
}

fn write(checking: &Checking) -> String {
    let Checking { task, path, source, prd_terms } = checking;
    let file = builtin::Subject { path, source, prd_terms };
    match task {
        Task::Review { forensic: true } => builtin::review_forensic(&file),
        Task::Review { forensic: false } => builtin::review_markdown(&file),
        Task::Shard => builtin::summarise(path, source),
    }
}

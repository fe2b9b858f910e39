//! The provider that is no model: static checks in this process.

use scrum_domain::builtin;
use tokio::time::Instant;

use crate::chat::{ChatReply, ChatRequest, Finish, Subject, Task};
use crate::error::{ChatError, FailedKind};

/// One call. The checks run on a thread of their own, so that a large file does not hold up the
/// timers of other jobs, and a panic in them fails this call only.
pub(crate) async fn chat(req: &ChatRequest) -> Result<ChatReply, ChatError> {
    let started = Instant::now();
    let subject = req.subject.clone();
    let text = tokio::task::spawn_blocking(move || write(&subject)).await.map_err(|_| {
        let path = &req.subject.path;
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

fn write(subject: &Subject) -> String {
    let Subject { task, path, source, prd_terms } = subject;
    let file = builtin::Subject { path, source, prd_terms };
    match task {
        Task::Review { forensic: true } => builtin::review_forensic(&file),
        Task::Review { forensic: false } => builtin::review_markdown(&file),
        Task::Shard => builtin::summarise(path, source),
    }
}

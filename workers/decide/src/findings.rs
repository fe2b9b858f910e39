//! Decisions about findings.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::ids::{FindingId, MemoryId};
use queue_schema::ledger;
use queue_schema::records::{self, AreaRecord, Decided, FindingsRecord};
use queue_schema::rows::{FindingRow, FindingState};
use scrum_domain::pathway::{Dismissal, file_prefix};
use scrum_knowledge::{Ledger, Wanted};
use std::time::Duration;

/// What a person says of findings.
#[derive(Debug, Clone)]
pub struct Said {
    /// True to dismiss them, false to reopen them.
    pub dismissed: bool,
    /// Why.
    pub why: String,
    /// Who says it.
    pub by: String,
    /// How long it holds; for good without it.
    pub lasts: Option<Duration>,
}

/// Dismisses or reopens findings of a repository, by their ids or how these begin; returns them as they were before. Pass a queue that checks
/// signatures: what is read is written back.
///
/// # Errors
/// A dismissal without a reason, a finding that is not there, one that is fixed or not dismissed: then none is changed. A failure of Redis.
pub async fn decide(
    queue: &Queue,
    memory: &MemoryId,
    ids: &[String],
    said: &Said,
) -> Result<Vec<FindingRow>, Error> {
    if said.dismissed && said.why.trim().is_empty() {
        return Err(Error::NoReason);
    }
    let mut known = Ledger::of(queue, memory, Wanted::default()).await?;
    let mut all = Vec::new();
    for id in ids {
        let row = known.find(id).await?;
        if said.dismissed && row.state == FindingState::Fixed {
            return Err(Error::Fixed(row.id));
        }
        if !said.dismissed && row.decided.as_ref().is_none_or(|decided| !decided.dismissed) {
            return Err(Error::NotDismissed { id: row.id, state: row.state });
        }
        all.push(row);
    }
    let now_ms = queue.now_ms().await?;
    let millis = |lasts: Duration| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    for row in &all {
        let decided = Decided {
            dismissed: said.dismissed,
            why: said.why.clone(),
            by: said.by.clone(),
            at_ms: now_ms,
            until_ms: said.lasts.map(|lasts| now_ms.saturating_add(millis(lasts))),
            code: row.observed.code.clone(),
        };
        queue.change_memory(memory, &decision(memory, row, &decided)?).await?;
    }
    Ok(all)
}

/// What a decision changes: the finding's own record, what reviewers of the area are told, and the trust in the
/// model that said it.
fn decision(
    memory: &MemoryId,
    row: &FindingRow,
    decided: &Decided,
) -> Result<Effects, serde_json::Error> {
    let id = FindingId::from(row.id.as_str());
    let record = FindingsRecord::of(memory, &row.file);
    let told = Dismissal {
        text: row.observed.text.clone(),
        why: decided.why.clone(),
        at_ms: decided.at_ms,
        until_ms: decided.until_ms,
    };
    let told = if decided.dismissed { serde_json::to_string(&told)? } else { String::new() };
    let was = row.decided.as_ref().is_some_and(|before| before.dismissed);
    let by = i64::from(decided.dismissed) - i64::from(was);
    let of = &row.observed;
    let area = AreaRecord::of(memory, file_prefix(&row.file));
    let effects =
        Effects::done().with(record.decided(&id, decided)?).with(area.dismissed(&id, &told));
    if by == 0 {
        return Ok(effects);
    }
    Ok(effects.with(records::trust(ledger::became(&of.model, ledger::DISMISSED, &of.flags, by))))
}

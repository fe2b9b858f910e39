//! `scrum dlq export`: dead letters for other tools, a line of JSON each, with all that is known.
//! The fields are described in docs/dead-letters.md; new ones may come, none changes its meaning.

use super::letters::target_of;
use crate::cli::Global;
use crate::output::{say, say_json, time};
use crate::session::Session;
use anyhow::Context;
use queue_schema::client::DeadLetter;
use queue_schema::envelope::Envelope;
use queue_schema::ids::review_id;
use scrum_disk::OutFile;
use scrum_domain::report::public_address;
use scrum_shown::shown_json;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Version of the lines.
const VERSION: u32 = 1;

/// Writes letters to a file or to stdout.
///
/// # Errors
/// A file that can't be written, a failure of Redis.
pub async fn write(
    global: &Global,
    session: &Session,
    letters: &[DeadLetter],
    out: Option<&Path>,
) -> anyhow::Result<u8> {
    let Some(path) = out else {
        for letter in letters {
            say_json(&line(session, letter).await?)?;
        }
        return Ok(0);
    };
    let failed = || format!("the export {} can't be written; pass another --out", path.display());
    // Written beside it and renamed, so that nobody reads half an export.
    let mut file = OutFile::at(path).with_context(failed)?;
    for letter in letters {
        let line = line(session, letter).await?.to_string();
        writeln!(file, "{}", shown_json(&line)).with_context(failed)?;
    }
    file.finish().with_context(failed)?;
    if global.json {
        say_json(&json!({ "exported": letters.len(), "out": path.display().to_string() }))?;
    } else {
        say(&format!("{} letters: {}", letters.len(), path.display()))?;
    }
    Ok(0)
}

async fn line(session: &Session, letter: &DeadLetter) -> anyhow::Result<Value> {
    let queue = &session.queue;
    let spec = queue.sweep_spec(&letter.sweep).await?;
    let status = queue.sweep_status(&letter.sweep).await?;
    let target = target_of(session, letter).await?;
    let review = letter.target.map(|ordinal| review_id(&letter.sweep, ordinal));
    let (mut attempts, mut ladder) = (Vec::new(), None);
    if let Some(review) = &review {
        attempts = queue.attempts(review).await?;
        if spec.is_some() {
            ladder = Some(queue.ladder_of(&letter.sweep, review).await?);
        }
    }
    // A body that this version can't read is given as it is.
    let envelope = Envelope::decode(&letter.body).ok();
    let payload: Option<Value> =
        envelope.as_ref().and_then(|e| serde_json::from_str(e.p.get()).ok());
    Ok(json!({
        "v": VERSION,
        "id": letter.id,
        "class": letter.class,
        "reason": letter.reason,
        "lane": letter.lane,
        "tries": letter.attempts,
        "worker_deaths": letter.crashes,
        "first_died_at": time(letter.first_ms),
        "last_died_at": time(letter.last_ms),
        "kind": envelope.as_ref().map(|e| e.kind.clone()),
        "payload_version": envelope.as_ref().map(|e| e.pv),
        "payload": payload,
        "body": if payload.is_none() { Some(&letter.body) } else { None },
        "sweep": spec.map(|s| json!({
            "id": letter.sweep,
            "state": status.as_ref().map(|s| s.state),
            "priority": status.as_ref().map(|s| s.priority),
            "repo": public_address(&s.repo),
            "rev": s.rev,
            "commit": s.commit,
            "policy": s.policy,
            "labels": s.labels,
        })),
        "review": review,
        "target": target.map(|t| json!({
            "ordinal": letter.target,
            "path": t.path,
            "blob": t.blob,
            "bytes": t.bytes,
        })),
        "ladder": ladder,
        "attempts": attempts,
    }))
}

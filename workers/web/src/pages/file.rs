//! A file of a sweep: its source with what reviewers found at its lines, how it was reviewed, and what became of its findings
//! over all sweeps.

mod show;

pub(super) use show::attempts;

use super::{Head, opened};
use crate::asked::Asked;
use crate::error::Refused;
use crate::posted::see;
use crate::routes::Doc;
use crate::server::App;
use crate::show::part;
use axum::extract::{Path, State};
use axum::response::Response;
use queue_schema::ids::MemoryId;
use queue_schema::rows::{Attempt, AuditFactsRow, FindingRow, ReviewRow};
use queue_schema::sweep::{SweepSpec, TargetStatus};
use scrum_domain::report::FileReport;
use scrum_domain::text::clip;
use scrum_knowledge::{Ledger, Wanted};
use serde::Serialize;

/// Lines of a file on a page.
const LINES: u32 = 400;
/// Lines before the one that a link leads to.
const BEFORE: u32 = 20;
/// Bytes of the lines of a page at most.
const BYTES: usize = 60_000;
/// Characters of a line that a page shows.
const LINE: usize = 400;

/// What the way to a file by its path says.
pub const FIND: Doc = Doc {
    summary: "Leads to the page of a file by its path",
    asks: &[
        ("path", "string", "The path, or the end of one"),
        ("line", "integer", "The line to begin at"),
    ],
    gives: &[],
};

/// What a file's page says.
pub const DOC: Doc = Doc {
    summary: "A file of a sweep: source, review with findings, attempts, facts, its findings over all sweeps",
    asks: &[
        ("line", "integer", "The line that the shown part of the source holds"),
        ("from", "integer", "The first line of the shown part of the source"),
    ],
    gives: &[
        ("sweep", "object", "What was asked for"),
        ("number", "integer", "Its number among the targets"),
        ("path", "string", "Its path"),
        ("blob", "string", "The object that was reviewed"),
        ("bytes", "integer", "Its size"),
        ("status", "string", "How it stands"),
        ("reason", "string?", "Why it is not reviewed, or not yet"),
        ("row", "object?", "Its review"),
        (
            "attempts",
            "array",
            "Every attempt: model, outcome, tokens of prompt and answer, the answer",
        ),
        ("facts", "object?", "What its review says of it, and what of that holds"),
        ("facts_trouble", "string?", "Why there are no facts"),
        ("known", "array", "Its findings over all sweeps"),
        ("memory", "string?", "The id of the repository in /findings and /memory"),
        (
            "source",
            "object",
            "A part of its text: first line, lines, how many there are, or why there are none",
        ),
    ],
};

/// A part of the text of a file.
#[derive(Debug, Default, Serialize)]
struct Source {
    /// Number of the first of the lines.
    from: u32,
    lines: Vec<String>,
    /// How many there are; `None` without the text.
    total: Option<u32>,
    /// Why it is not shown.
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Page {
    sweep: Head,
    number: u32,
    path: String,
    blob: String,
    bytes: u64,
    status: TargetStatus,
    reason: Option<String>,
    row: Option<ReviewRow>,
    attempts: Vec<Attempt>,
    facts: Option<AuditFactsRow>,
    facts_trouble: Option<String>,
    known: Vec<FindingRow>,
    memory: Option<MemoryId>,
    source: Source,
}

/// Leads to a file by its path.
///
/// # Errors
/// No such sweep, no such file, a failure of Redis.
pub async fn find(
    State(app): State<App>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let (id, sweep) = opened(&app, &name).await?;
    let path = asked.get("path").ok_or_else(|| Refused::bad("say which file: ?path=PATH"))?;
    let number = sweep.place_of(path).await?;
    let line: Option<u32> = asked.number("line")?;
    let line = line.map(|line| format!("?line={line}#L{line}")).unwrap_or_default();
    Ok(see(&format!("/sweeps/{}/files/{number}{line}", part(&id))))
}

/// The page of a file.
///
/// # Errors
/// No such sweep or file, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path((name, number)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, Refused> {
    let number: u32 = number
        .parse()
        .map_err(|_| Refused::bad("a file is named by its number among the targets"))?;
    let (id, sweep) = opened(&app, &name).await?;
    let file = sweep.file_at(number).await?;
    let spec = sweep.spec();
    let memory = spec.memory().map(|(memory, _)| memory);
    let known = match &memory {
        Some(memory) => {
            let ledger = Ledger::of(&app.queue, memory, Wanted::default()).await?;
            ledger.of_file(&file.target.path).await?
        }
        None => Vec::new(),
    };
    let (line, from) = (asked.number("line")?, asked.number("from")?);
    let from = from.or(line.map(|line: u32| line.saturating_sub(BEFORE))).unwrap_or(1).max(1);
    let source = source(&app, spec, &file, from).await;
    let attempts = file.history().to_vec();
    let reason = file.reason().map(str::to_owned);
    let FileReport { target, status, row, facts, facts_trouble, .. } = file;
    let view = Page {
        sweep: Head::new(&id, spec),
        number,
        path: target.path,
        blob: target.blob,
        bytes: target.bytes,
        status,
        reason,
        row,
        attempts,
        facts,
        facts_trouble,
        known,
        memory,
        source,
    };
    Ok(asked.answer(&view))
}

async fn source(app: &App, spec: &SweepSpec, file: &FileReport, from: u32) -> Source {
    let none = |why: &str| Source { why: Some(why.to_owned()), ..Source::default() };
    if !app.settings.web.show_sources {
        return none("this server shows no sources (web.show_sources)");
    }
    if spec.diff.is_some() || file.target.skip.is_some() {
        return none("it was not reviewed as a file");
    }
    match app.sources.read(spec, &file.target.blob).await {
        Ok(text) => cut(&text, from),
        Err(why) => none(&why),
    }
}

/// The lines from one on that fit into a page.
fn cut(text: &str, from: u32) -> Source {
    let total = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
    let from = from.clamp(1, total.max(1));
    let (mut lines, mut bytes) = (Vec::new(), 0);
    for line in text.lines().skip(from as usize - 1).take(LINES as usize) {
        let line = clip(line, LINE);
        bytes += line.len();
        if bytes > BYTES {
            break;
        }
        lines.push(line.to_owned());
    }
    Source { from, lines, total: Some(total), why: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_a_part_of_a_long_file() {
        let text = "line\n".repeat(1000);
        let source = cut(&text, 990);
        assert_eq!((source.from, source.lines.len(), source.total), (990, 11, Some(1000)));
        assert_eq!(cut(&text, 1).lines.len(), LINES as usize);
        assert_eq!((cut(&text, 5000).from, cut("", 7).from), (1000, 1));
        let wide = "x".repeat(5_000_000);
        assert_eq!(cut(&wide, 1).lines[0].len(), LINE);
        let many = format!("{}\n", "é".repeat(LINE)).repeat(400);
        let bytes: usize = cut(&many, 1).lines.iter().map(String::len).sum();
        assert!(bytes <= BYTES, "{bytes}");
    }
}

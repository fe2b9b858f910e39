//! `scrum kb`: the knowledge base.

use crate::cli::{Global, KbAction, KbArgs, RowFilter};
use crate::output::{aligned, say, say_json, say_lines, say_part, short, table, tell};
use crate::session::Session;
use anyhow::Context;
use queue_schema::client::Queue;
use queue_schema::schemas::{self, SCHEMAS};
use scrum_disk as disk;
use scrum_knowledge::OfFile;
use scrum_knowledge::kb::{self, Health, KbRows, Of};
use scrum_repo::{Repo, TargetGlobs};
use scrum_shown::shell_quoted;
use std::path::Path;

/// Prints schemas, rows, or how the kinds of rows stand; 1 when nobody reads one.
///
/// # Errors
/// No such kind of row, repository or page; a failure of Redis.
pub async fn execute(global: &Global, args: KbArgs) -> anyhow::Result<u8> {
    match args.action {
        KbAction::Schema { kind } => schema(global, kind.as_deref())?,
        KbAction::Health => return health(global).await,
        KbAction::Export { kind, filter } => {
            let session = Session::open(global).await?;
            let mut rows = rows(&session.queue, &kind, &filter).await?;
            loop {
                let page = rows.next_page().await?;
                if page.is_empty() {
                    break;
                }
                print(&page)?;
            }
        }
        KbAction::Query { kind, filter, from } => {
            let session = Session::open(global).await?;
            let mut rows = rows(&session.queue, &kind, &filter).await?;
            if let Some(from) = from {
                rows = rows.from(&from)?;
            }
            let page = rows.next_page().await?;
            let next = rows.cursor();
            if global.json {
                say_json(&serde_json::json!({ "rows": page, "next": next }))?;
            } else {
                print(&page)?;
                if let Some(next) = next {
                    tell(&format!("further rows: --from {}", shell_quoted(&next)));
                }
            }
        }
    }
    Ok(0)
}

fn schema(global: &Global, kind: Option<&str>) -> anyhow::Result<()> {
    match kind {
        Some(kind) => {
            let schema = schemas::of(kind).with_context(|| {
                format!("there are no rows of a kind '{kind}'; `scrum kb schema` lists the kinds")
            })?;
            say_lines(schema.text.trim_end())
        }
        None if global.json => say_json(&SCHEMAS.iter().map(|s| s.kind).collect::<Vec<_>>()),
        None => {
            let of = |s: &schemas::RowSchema| vec![s.kind.to_owned(), s.file.to_owned()];
            say_lines(&table(&["KIND", "SCHEMA"], &SCHEMAS.iter().map(of).collect::<Vec<_>>()))
        }
    }
}

async fn health(global: &Global) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let all = kb::health(&session.queue, u64::MAX).await?;
    let unread: Vec<&str> = all.iter().filter(|h| h.readers.is_empty()).map(|h| h.kind).collect();
    if global.json {
        say_json(&all)?;
    } else {
        let cells = |h: &Health| {
            let readers: Vec<&str> = h.readers.iter().map(|reader| reader.command).collect();
            let written = h.last_written.clone().unwrap_or_else(|| "-".to_owned());
            vec![h.kind.to_owned(), short(h.rows), short(h.bytes), written, readers.join(", ")]
        };
        let lines: Vec<_> = all.iter().map(cells).collect();
        say_lines(&aligned(
            &["KIND", "ROWS", "BYTES", "LAST WRITTEN", "READ BY"],
            &lines,
            &[1, 2],
        ))?;
        for kind in &unread {
            say(&format!("nobody reads {kind}"))?;
        }
    }
    Ok(u8::from(!unread.is_empty()))
}

async fn rows<'a>(queue: &'a Queue, kind: &str, filter: &RowFilter) -> anyhow::Result<KbRows<'a>> {
    let kind = kb::kind(kind).context("there is no such kind of row")?;
    let globs = filter.path.as_ref().map(|glob| TargetGlobs::new(std::slice::from_ref(glob)));
    let since_ms = match filter.since {
        Some(age) => {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            queue.now_ms().await?.saturating_sub(age)
        }
        None => 0,
    };
    let of = Of {
        repos: filter.repo.as_deref().map(names).transpose()?.unwrap_or_default(),
        path: globs.transpose()?.map(|globs| {
            let takes: OfFile = Box::new(move |path| globs.matches(path));
            takes
        }),
        since_ms,
    };
    Ok(KbRows::new(queue, kind, of).await?)
}

/// What a repository is called in rows: as it was given, by its path, and by its identity.
fn names(repo: &str) -> anyhow::Result<Vec<String>> {
    let mut names = vec![repo.to_owned()];
    if Repo::is_url(repo) {
        names.push(queue_schema::url::identity(repo));
    } else if disk::exists(Path::new(repo)) {
        let opened = Repo::open(Path::new(repo))?;
        names.push(opened.canonical().to_string_lossy().into_owned());
        names.push(opened.identity(&opened.resolve("HEAD")?)?);
    }
    Ok(names)
}

fn print(rows: &[serde_json::Value]) -> anyhow::Result<()> {
    rows.iter().try_for_each(|row| say_part(&format!("{row}\n")))
}

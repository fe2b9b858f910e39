//! `scrum findings`: the findings of a repository over all its sweeps, and what people decide about them.

use super::memory;
use crate::cli::{FindingFilter, FindingsAction, FindingsArgs, Global};
use crate::output::{Table, plain, say, say_json, say_lines, say_part, time};
use crate::session::Session;
use anyhow::{Context as _, bail};
use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::ids::{FindingId, MemoryId};
use queue_schema::records::{Decided, FindingsRecord, MemoryRecord};
use queue_schema::rows::{FindingRow, FindingState};
use scrum_decide::findings::{self, Said};
use scrum_disk::{self as disk, OutFile};
use scrum_domain::findings::place_key;
use scrum_domain::text::{clip_marked, counted};
use scrum_knowledge::{Ledger, OfFile, Wanted};
use scrum_repo::TargetGlobs;
use scrum_shown::{shell_quoted, shown_json};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// Characters of a claim in a list.
const CLAIM_CHARS: usize = 100;
/// Findings that are imported by one change.
const IMPORTED_AT_ONCE: usize = 200;

/// Lists, shows, dismisses, reopens, exports or imports.
///
/// # Errors
/// No such repository or finding, a file that is none, a failure of Redis.
pub async fn execute(global: &Global, args: FindingsArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let new = matches!(args.action, FindingsAction::Import { .. });
    let (memory, name) = memory::find(&session.queue, &args.repo, new).await?;
    match args.action {
        FindingsAction::List { mut filter, limit } => {
            if filter.state.is_empty() {
                filter.state = vec![FindingState::Open, FindingState::Reopened];
            }
            list(global, &session, &memory, &filter, limit).await?;
        }
        FindingsAction::Show { id } => {
            let mut all = Ledger::of(&session.queue, &memory, Wanted::default()).await?;
            show(global, &all.find(&id).await?)?;
        }
        FindingsAction::Dismiss { ids, why, by, lasts } => {
            if why.trim().is_empty() {
                bail!("--why is empty; say why, others will ask");
            }
            let said = Said { dismissed: true, why, by: who(by), lasts };
            decide(global, &session, &memory, &ids, &said).await?;
        }
        FindingsAction::Reopen { ids, why, by } => {
            let said = Said { dismissed: false, why, by: who(by), lasts: None };
            decide(global, &session, &memory, &ids, &said).await?;
        }
        FindingsAction::Export { filter, out } => {
            export(global, &session, &memory, &filter, out.as_deref()).await?;
        }
        FindingsAction::Import { file } => {
            let named = Effects::done().with_all(MemoryRecord::of(&memory).named(&name));
            let read = imported(&file)?;
            session.queue.change_memory(&memory, &named).await?;
            import(global, &session, &memory, &read).await?;
        }
    }
    Ok(0)
}

async fn wanted(queue: &Queue, filter: &FindingFilter) -> anyhow::Result<Wanted> {
    let globs = filter.path.as_ref().map(|glob| TargetGlobs::new(std::slice::from_ref(glob)));
    let since_ms = match filter.since {
        Some(age) => queue.now_ms().await?.saturating_sub(millis(age)),
        None => 0,
    };
    Ok(Wanted {
        path: globs.transpose()?.map(|globs| {
            let takes: OfFile = Box::new(move |path| globs.matches(path));
            takes
        }),
        states: filter.state.clone(),
        severity: filter.severity,
        flag: filter.flag.clone(),
        tier: filter.tier.clone(),
        since_ms,
        confirmed: filter.confirmed,
        audited: filter.audited.clone(),
    })
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

async fn list(
    global: &Global,
    session: &Session,
    memory: &MemoryId,
    filter: &FindingFilter,
    limit: usize,
) -> anyhow::Result<()> {
    let wanted = wanted(&session.queue, filter).await?;
    let mut all = Ledger::of(&session.queue, memory, wanted).await?;
    let mut table = Table::new(&["ID", "STATE", "SEVERITY", "SEEN", "PLACE", ""]);
    let (mut listed, mut more, mut before) = (0, false, "[");
    while limit == 0 || listed < limit {
        let mut page = all.next_page().await?;
        if page.is_empty() {
            break;
        }
        if limit > 0 && listed + page.len() > limit {
            page.truncate(limit - listed);
            more = true;
        }
        listed += page.len();
        more |= limit > 0 && listed == limit && all.cursor().is_some();
        if global.json {
            for row in &page {
                say_part(&format!("{before}{}", serde_json::to_string(row)?))?;
                before = ",";
            }
        } else {
            say_lines(&table.page(&page.iter().map(cells).collect::<Vec<_>>()))?;
        }
    }
    if global.json {
        say_part(if before == "[" { "[]\n" } else { "]\n" })
    } else if listed == 0 {
        say("no finding matches")
    } else if more {
        say(&format!("the first {listed}; --limit 0 lists all"))
    } else {
        Ok(())
    }
}

fn cells(row: &FindingRow) -> Vec<String> {
    let of = &row.observed;
    let proven = if row.proven.is_some() { "proven: " } else { "" };
    vec![
        row.id.clone(),
        row.state.as_str().to_owned(),
        of.severity.map_or("-", |s| s.as_str()).to_owned(),
        format!("{} of {}", row.seen, row.looked),
        place(row),
        format!("{proven}{}", clip_marked(&of.text.replace('`', ""), CLAIM_CHARS)),
    ]
}

fn place(row: &FindingRow) -> String {
    let line = row.observed.line.map(|line| format!(":{line}"));
    format!("{}{}", row.file, line.unwrap_or_default())
}

fn show(global: &Global, row: &FindingRow) -> anyhow::Result<()> {
    if global.json {
        return say_json(row);
    }
    let of = &row.observed;
    say(&format!("finding  {}", row.id))?;
    say(&format!("state    {}", row.state.as_str()))?;
    say(&format!("place    {}", place(row)))?;
    let severity = of.severity.map_or("-", |s| s.as_str());
    say(&format!("says     {severity} {}, by {}", of.kind.as_str(), of.model))?;
    of.text.lines().try_for_each(|line| say(&format!("         {line}")))?;
    let quote = of.quote.iter().flat_map(|quote| quote.lines());
    quote.into_iter().try_for_each(|line| say(&format!("       | {line}")))?;
    say(&format!("seen     {} of {} reviews", row.seen, row.looked))?;
    for (word, at) in [("first", &of.first), ("last", &of.last)] {
        say(&format!("{word:8} {} in sweep {} at {:.10}", time(at.at_ms), at.sweep, at.commit))?;
    }
    if let Some(audited) = &row.audited {
        let (said, at) = (audited.audit.words(), time(audited.at_ms));
        say(&format!("audit    {} on {at}, sweep {}", plain(&said), plain(&audited.audit.sweep)))?;
        say(&format!("         {}", plain(&audited.audit.why)))?;
    }
    if let Some(proven) = &row.proven {
        let (test, at) = (plain(&proven.proof.test), time(proven.at_ms));
        let (sweep, run) = (plain(&proven.proof.sweep), plain(&proven.proof.run));
        say(&format!("proven   by the test {test} on {at}, sweep {sweep}, run {run}"))?;
    }
    if let Some(decided) = &row.decided {
        let what = if decided.dismissed { "dismissed" } else { "reopened" };
        let until = decided.until_ms.map(|until| format!(", until {}", time(until)));
        let until = until.unwrap_or_default();
        say(&format!("{what:9} by {} on {}{until}", decided.by, time(decided.at_ms)))?;
        say(&format!("          {}", decided.why))?;
    }
    Ok(())
}

fn who(by: Option<String>) -> String {
    by.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "nobody named".to_owned())
}

async fn decide(
    global: &Global,
    session: &Session,
    memory: &MemoryId,
    ids: &[String],
    said: &Said,
) -> anyhow::Result<()> {
    let all = findings::decide(&session.checking(), memory, ids, said).await?;
    let what = if said.dismissed { "dismissed" } else { "reopened" };
    if global.json {
        let ids: Vec<&String> = all.iter().map(|row| &row.id).collect();
        return say_json(&serde_json::json!({ what: ids }));
    }
    say(&format!("{} {what}", counted(all.len(), "finding", "findings")))
}

async fn export(
    global: &Global,
    session: &Session,
    memory: &MemoryId,
    filter: &FindingFilter,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let wanted = wanted(&session.queue, filter).await?;
    let mut all = Ledger::of(&session.queue, memory, wanted).await?;
    let failed =
        |out: &Path| format!("the export {} can't be written; pass another --out", out.display());
    let mut file = match out {
        Some(out) => Some(OutFile::at(out).with_context(|| failed(out))?),
        None => None,
    };
    let mut exported = 0;
    loop {
        let page = all.next_page().await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            let json = serde_json::to_string(row)?;
            match (&mut file, out) {
                (Some(file), Some(out)) => {
                    writeln!(file, "{}", shown_json(&json)).with_context(|| failed(out))?;
                }
                _ => say_part(&format!("{json}\n"))?,
            }
        }
        exported += page.len();
    }
    let (Some(file), Some(out)) = (file, out) else { return Ok(()) };
    file.finish().with_context(|| failed(out))?;
    let place = out.display().to_string();
    if global.json {
        return say_json(&serde_json::json!({ "exported": exported, "out": place }));
    }
    say(&format!("{}: {place}", counted(exported, "finding", "findings")))
}

/// The findings of a file that was exported.
fn imported(file: &Path) -> anyhow::Result<Vec<FindingRow>> {
    let named = || shell_quoted(&file.to_string_lossy());
    let text = disk::read_text(file, memory::MOST_IMPORTED).with_context(named)?;
    let mut rows = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = || format!("line {} of {} is no exported finding", n + 1, named());
        let row: FindingRow = serde_json::from_str(line).with_context(at)?;
        row.id.parse::<FindingId>().with_context(at)?;
        rows.push(row);
    }
    Ok(rows)
}

async fn import(
    global: &Global,
    session: &Session,
    memory: &MemoryId,
    rows: &[FindingRow],
) -> anyhow::Result<()> {
    let queue = session.checking();
    let (mut new, mut decided) = (0, 0);
    for some in rows.chunks(IMPORTED_AT_ONCE) {
        let paths: Vec<&str> = some.iter().map(|row| row.file.as_str()).collect();
        let known = queue.findings_of(memory, &paths).await?;
        let mut effects = Effects::done();
        for (row, here) in some.iter().zip(&known) {
            let (id, record) = (row.id.as_str().into(), FindingsRecord::of(memory, &row.file));
            let kept = here.get(&row.id);
            if kept.is_none() {
                new += 1;
                effects = effects.with_all(record.listed());
                effects = effects.with(record.observed(&id, &row.observed)?);
                effects = effects.with(record.counts(&[(id.clone(), row.looked, row.seen)]));
                effects = effects.with_all(record.place(&place_key(&row.observed), &id));
            }
            let later = |d: &&Decided| {
                kept.and_then(|k| k.decided.as_ref()).is_none_or(|k| k.at_ms < d.at_ms)
            };
            if let Some(theirs) = row.decided.as_ref().filter(later) {
                decided += 1;
                effects = effects.with(record.decided(&id, theirs)?);
            }
        }
        queue.change_memory(memory, &effects).await?;
    }
    if global.json {
        return say_json(&serde_json::json!({ "new": new, "decisions": decided }));
    }
    say(&format!(
        "{new} new of {}, {decided} decisions",
        counted(rows.len(), "finding", "findings")
    ))
}

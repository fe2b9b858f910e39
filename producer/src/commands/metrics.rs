//! `scrum metrics`: sweeps in numbers, newest first, each with what has changed since the one before.

use crate::cli::{Global, MetricsArgs};
use crate::output::{dollars, duration, plain, say, say_json, say_lines, short, width, wrapped};
use crate::session::Session;
use queue_schema::rows::{LoopMetricsRow, LoopNumbers};
use scrum_knowledge::metrics_of_all;
use scrum_repo::Repo;
use std::path::Path;

/// Columns where stdout is no terminal.
const WIDTH: usize = 120;
/// Spaces between two groups of numbers.
const GAP: &str = "   ";

/// A number as it is shown, and its change; empty for none.
type Cell = (&'static str, String, String);

/// Prints the sweeps of a repository.
///
/// # Errors
/// A path that is no repository, a failure of Redis.
pub async fn execute(global: &Global, args: MetricsArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    if args.prometheus {
        return say_lines(scrum_knowledge::figures::fleet(&session.queue).await?.trim_end())
            .map(|()| 0);
    }
    let canonical =
        |path: &Path| Repo::open(path).map(|r| r.canonical().to_string_lossy().into_owned());
    let mut repos = match &args.repo {
        // A path of another machine is fine when a sweep has it.
        Some(repo) => {
            let as_given = metrics_of_all(&session.queue, Some(repo), args.limit).await?;
            if as_given.is_empty() && !Repo::is_url(repo) {
                metrics_of_all(&session.queue, Some(&canonical(Path::new(repo))?), args.limit)
                    .await?
            } else {
                as_given
            }
        }
        None => match canonical(Path::new(".")) {
            Ok(here) => metrics_of_all(&session.queue, Some(&here), args.limit).await?,
            Err(_) => Vec::new(),
        },
    };
    if repos.is_empty() && args.repo.is_none() {
        repos = metrics_of_all(&session.queue, None, args.limit).await?;
    }
    if global.json {
        return say_json(&repos.concat()).map(|()| 0);
    }
    if repos.is_empty() {
        let of = args.repo.map(|repo| format!(" of {repo}")).unwrap_or_default();
        say(&format!("no sweeps{of} yet; start one with `scrum run REPO`"))?;
    }
    let room = width().unwrap_or(WIDTH);
    for (i, rows) in repos.iter().enumerate() {
        if i > 0 {
            say("")?;
        }
        if let Some(first) = rows.first() {
            say(&first.repo)?;
        }
        for row in rows {
            say_lines(&format!("\n{}", block(row, room)))?;
        }
    }
    Ok(0)
}

/// One sweep: a head, four groups of numbers beside each other, what it was held against.
fn block(row: &LoopMetricsRow, room: usize) -> String {
    let head = format!(
        "{}  {}  {}  commit {}  ladder {}",
        row.sweep_id,
        row.state,
        row.started_at,
        row.commit.get(..10).unwrap_or(&row.commit),
        row.ladder,
    );
    let groups = groups(&row.numbers, row.delta.as_ref());
    let columns: Vec<Vec<String>> = groups.iter().map(|g| column(g)).collect();
    let mut lines = wrapped(&plain(&head), room);
    for some in beside(&columns, room) {
        for i in 0..some.iter().map(Vec::len).max().unwrap_or(0) {
            let cells = some.iter().map(|c| match c.get(i) {
                Some(text) => text.clone(),
                None => " ".repeat(width_of(c)),
            });
            lines.push(format!("  {}", cells.collect::<Vec<_>>().join(GAP)).trim_end().to_owned());
        }
    }
    let mut below = |text: &str| {
        let words = wrapped(&plain(text), room.saturating_sub(2));
        lines.extend(words.iter().map(|line| format!("  {line}")));
    };
    if let Some(before) = &row.previous_sweep {
        below(&format!("against {before}"));
        if !row.not_like_for_like.is_empty() {
            below(&format!("not like for like: {}", row.not_like_for_like.join("; ")));
        }
    }
    lines.join("\n")
}

/// As many columns beside each other as there is room for, then the next ones below.
fn beside(columns: &[Vec<String>], room: usize) -> Vec<&[Vec<String>]> {
    let (mut all, mut first, mut used) = (Vec::new(), 0, 0);
    for (at, column) in columns.iter().enumerate() {
        let width = width_of(column) + if at == first { 2 } else { GAP.len() };
        if at > first && used + width > room {
            all.push(&columns[first..at]);
            (first, used) = (at, 0);
        }
        used += width;
    }
    all.push(&columns[first..]);
    all
}

fn width_of(column: &[String]) -> usize {
    column.first().map_or(0, |line| line.chars().count())
}

fn groups(n: &LoopNumbers, delta: Option<&LoopNumbers>) -> [Vec<Cell>; 4] {
    // Of the numbers and of their changes the same field.
    let cell = |name, of: fn(&LoopNumbers) -> i64| -> Cell {
        let change = delta.map_or(0, of);
        (name, short(of(n).unsigned_abs()), signed(change, short))
    };
    let cost = delta.and_then(|d| d.cost_usd).filter(|c| *c != 0.0);
    [
        vec![
            cell("reviewed", |n| n.resolved),
            cell("unresolved", |n| n.unresolved),
            cell("skipped", |n| n.skipped),
            cell("open work", |n| n.markers.todo),
            cell("stand-ins", |n| n.markers.placeholder),
            cell("dead code", |n| n.markers.dead_code),
        ],
        vec![
            cell("findings", |n| n.findings),
            cell("critical", |n| n.severity.critical),
            cell("major", |n| n.severity.major),
            cell("minor", |n| n.severity.minor),
            cell("info", |n| n.severity.info),
            cell("unanchored", |n| n.unanchored),
        ],
        vec![
            cell("auto", |n| n.tiers.auto),
            cell("dry run", |n| n.tiers.dry_run),
            cell("simulation", |n| n.tiers.simulation),
            cell("block", |n| n.tiers.block),
            cell("needs patch", |n| n.verdicts.needs_patch),
            cell("fail", |n| n.verdicts.fail),
        ],
        vec![
            cell("attempts", |n| n.attempts),
            cell("escalations", |n| n.escalations),
            cell("tokens in", |n| n.tokens_in),
            cell("tokens out", |n| n.tokens_out),
            ("cost", dollars(n.cost_usd), cost.map(|c| format!("{c:+.4}")).unwrap_or_default()),
            (
                "time",
                duration(n.wall_ms.unsigned_abs()),
                signed(delta.map_or(0, |d| d.wall_ms), duration),
            ),
        ],
    ]
}

/// A change with its sign; nothing for none.
fn signed(change: i64, say: fn(u64) -> String) -> String {
    match change {
        0 => String::new(),
        n if n < 0 => format!("-{}", say(n.unsigned_abs())),
        n => format!("+{}", say(n.unsigned_abs())),
    }
}

/// A group as lines of one width: names, numbers that end together, changes that begin together.
fn column(cells: &[Cell]) -> Vec<String> {
    let width = |of: fn(&Cell) -> &str| cells.iter().map(|c| of(c).chars().count()).max();
    let (names, numbers, changes) = (width(|c| c.0), width(|c| &c.1), width(|c| &c.2));
    let (a, b, c) = (names.unwrap_or(0), numbers.unwrap_or(0), changes.unwrap_or(0));
    cells.iter().map(|(name, n, change)| format!("{name:a$}  {n:>b$} {change:c$}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> LoopMetricsRow {
        let mut numbers = LoopNumbers { resolved: 120, findings: 345, ..LoopNumbers::default() };
        numbers.tokens_in = 1_234_567;
        numbers.wall_ms = 187_000;
        numbers.cost_usd = Some(1.25);
        LoopMetricsRow {
            sweep_id: "0123456789abcdef".into(),
            repo: "/r".into(),
            commit: "c".repeat(40),
            ladder: "team".into(),
            state: "done".into(),
            started_at: "2026-01-02T03:04:05Z".into(),
            numbers,
            previous_sweep: None,
            delta: None,
            not_like_for_like: Vec::new(),
            schema_version: 1,
        }
    }

    #[test]
    fn a_sweep_is_a_block_that_fits_a_terminal() {
        let first = block(&row(), WIDTH);
        assert!(
            first.contains("reviewed    120") && first.contains("tokens in       1.2M"),
            "{first}"
        );
        assert!(!first.contains("against") && !first.contains('+'), "{first}");
        let mut later = row();
        let mut delta = LoopNumbers { resolved: -20, findings: 7, ..LoopNumbers::default() };
        delta.tokens_in = -12_345;
        delta.wall_ms = 60_000;
        delta.cost_usd = Some(-0.5);
        later.delta = Some(delta);
        later.previous_sweep = Some("fedcba9876543210".into());
        later.not_like_for_like = vec!["another ladder (team, before l)".into()];
        let narrow = block(&later, 40);
        assert!(narrow.lines().all(|l| l.chars().count() <= 40), "{narrow}");
        assert!(narrow.contains("stand-ins") && narrow.contains("attempts"), "{narrow}");
        let text = block(&later, WIDTH);
        for part in ["120 -20", "345 +7", "1.2M -12.3k", "$1.2500 -0.5000", "3m07s +1m00s"] {
            assert!(text.contains(part), "{part:?} not in\n{text}");
        }
        assert!(text.contains("not like for like: another ladder"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
    }
}

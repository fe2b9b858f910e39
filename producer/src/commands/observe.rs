//! `scrum observe`: what happened lately, and what it says together.

use crate::cli::{Global, ObserveArgs};
use crate::output::{aligned, plain, say, say_json, say_lines, tell};
use crate::session::Session;
use crate::wait;
use queue_schema::rows::DiagnosisRow;
use scrum_knowledge::observe::{self, Asked, EventStats, Events, Shown, latest_troubles, troubles};
use scrum_knowledge::timestamp;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Sweeps whose troubles are listed.
const SWEEPS: usize = 10;
/// The latest events that are listed.
const LATEST: usize = 20;
/// Between two looks for new events.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);

/// All of it as JSON.
#[derive(Serialize)]
struct All<'a> {
    sources: &'a EventStats,
    troubles: &'a [DiagnosisRow],
    events: &'a [Shown],
}

/// Prints what happened, once or as it happens.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn execute(global: &Global, args: ObserveArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let sweep = match &args.sweep {
        Some(name) => Some(session.find_sweep(name).await?),
        None => None,
    };
    let troubles = match &sweep {
        Some(sweep) => troubles(&session.queue, sweep, session.trouble_bounds()).await?,
        None => latest_troubles(&session.queue, SWEEPS, 0, session.trouble_bounds()).await?,
    };
    let asked = Asked { source: args.source, failures: args.failures, sweep };
    let mut events = Events::of(&session.queue, asked);
    let latest = events.latest(LATEST).await?;
    if args.follow {
        latest.iter().try_for_each(|event| put(global, event))?;
        return follow(global, &mut events).await;
    }
    let stats = observe::stats(&session.queue).await?;
    if global.json {
        say_json(&All { sources: &stats, troubles: &troubles, events: &latest })?;
        return Ok(0);
    }
    numbers(&stats)?;
    if !troubles.is_empty() {
        say("")?;
        troubles.iter().try_for_each(put_trouble)?;
    }
    if !latest.is_empty() {
        say("")?;
        latest.iter().try_for_each(|event| put(global, event))?;
    }
    Ok(0)
}

/// Prints new events until Ctrl-C.
async fn follow(global: &Global, events: &mut Events<'_>) -> anyhow::Result<u8> {
    let mut away = false;
    wait::until(FOLLOW_EVERY, async || {
        loop {
            let page = match events.next_page().await {
                Ok(found) => found,
                Err(error) if error.is_outage() => {
                    if !std::mem::replace(&mut away, true) {
                        tell("Redis is away; waiting for it");
                    }
                    return Ok(None::<()>);
                }
                Err(error) => return Err(error.into()),
            };
            away = false;
            page.events.iter().try_for_each(|event| put(global, event))?;
            if !page.more {
                return Ok(None);
            }
        }
    })
    .await?;
    Ok(130)
}

fn numbers(stats: &EventStats) -> anyhow::Result<()> {
    if stats.total == 0 {
        return say("no events yet; `scrum run REPO` makes some");
    }
    let ms = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    let row = |(name, of): (&String, &observe::SourceStats)| {
        let rate = of.success_rate.map_or_else(|| "-".to_owned(), |r| format!("{:.1}%", r * 100.0));
        let numbers = [of.total.to_string(), of.kept.to_string(), of.failures.to_string(), rate];
        let all = std::iter::once(name.clone()).chain(numbers);
        all.chain([ms(of.p50_ms), ms(of.p95_ms)]).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = stats.by_source.iter().map(row).collect();
    let header = ["SOURCE", "TOTAL", "KEPT", "FAILURES", "GOOD", "P50 MS", "P95 MS"];
    say_lines(&aligned(&header, &rows, &[1, 2, 3, 4, 5, 6]))
}

/// A trouble: what it is, what to do, and what a model says of it.
fn put_trouble(row: &DiagnosisRow) -> anyhow::Result<()> {
    say(&plain(&format!("{}  {}  {}", row.sweep_id, timestamp(row.until_ms), in_words(row))))?;
    say(&format!("  {}", plain(&row.what_to_do)))?;
    if let Some(sample) = row.samples.first() {
        say(&format!("  the last: {}", plain(sample)))?;
    }
    if let (Some(model), Some(text)) = (&row.model, &row.text) {
        say(&format!("  {} says: {}", plain(model), plain(text)))?;
    }
    Ok(())
}

/// What a trouble is, in a few words.
pub fn in_words(row: &DiagnosisRow) -> String {
    let place = if row.area.is_empty() { String::new() } else { format!(" under {}", row.area) };
    format!("{} times {}, {} by {}{place}", row.count, row.class, row.task, row.endpoint)
}

/// An event as a line.
fn put(global: &Global, shown: &Shown) -> anyhow::Result<()> {
    if global.json {
        return say_json(shown);
    }
    let event: Value = serde_json::from_str(shown.event.get()).unwrap_or_default();
    let word = |member: &str| event[member].as_str().filter(|word| !word.is_empty());
    let end = if event["success"] == true { "ok" } else { "FAILED" };
    let mut words = vec![timestamp(shown.at_ms), shown.source.clone()];
    words.extend(word("endpoint").map(str::to_owned));
    words.push(end.to_owned());
    let mut class: Vec<&str> = ["outcome", "class"].into_iter().filter_map(word).collect();
    class.dedup();
    words.extend((!class.is_empty()).then(|| class.join("/")));
    words.extend(["task", "area"].into_iter().filter_map(word).map(str::to_owned));
    words.extend(event["targets"].as_u64().filter(|n| *n != 1).map(|n| format!("{n} files")));
    words.extend(
        event["duration_ms"].as_f64().filter(|ms| *ms > 0.0).map(|ms| format!("{ms:.0} ms")),
    );
    let line = plain(&words.join("  "));
    match word("reason") {
        Some(reason) => say(&format!("{line}: {}", plain(reason))),
        None => say(&line),
    }
}

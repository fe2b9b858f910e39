//! The fleet: its sweeps with their progress, what waits where, and who works.

use super::{Head, progress, state};
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::{Frame, live};
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, counted, none, number, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::client::{LaneStatus, PoolStatus, SweepStatus, WorkerInfo};
use scrum_knowledge::fleet::{Asker, Jobs, Unserved, overview};
use scrum_knowledge::now_ms;
use serde::Serialize;

/// Sweeps on the page.
const SWEEPS: usize = 15;
/// Workers on the page.
const WORKERS: usize = 50;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "The fleet: sweeps with their progress, lanes, providers, workers, backlog",
    asks: &[],
    gives: &[
        ("sweeps", "array", "The newest sweeps, each with its request and its counters"),
        ("lanes", "array", "Lanes with jobs that wait"),
        ("pools", "array", "Providers, and how many calls they get"),
        ("workers", "array", "Workers that live"),
        ("paused", "array", "Lanes and sweeps that a person has paused"),
        ("unserved", "array", "What nobody takes, and what to do"),
        ("jobs", "object", "Jobs that workers have, that wait for a time, that are dead"),
        ("backlog", "integer", "Jobs that wait for a worker"),
        ("oldest_ms", "integer?", "Milliseconds that the oldest of them has waited"),
    ],
};

/// A sweep in a list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What it was asked for.
    pub sweep: Head,
    /// How it stands.
    pub status: SweepStatus,
}

#[derive(Debug, Serialize)]
struct Fleet {
    sweeps: Vec<Line>,
    lanes: Vec<LaneStatus>,
    pools: Vec<PoolStatus>,
    workers: Vec<WorkerInfo>,
    paused: Vec<String>,
    unserved: Vec<Unserved>,
    jobs: Jobs,
    backlog: u64,
    oldest_ms: Option<u64>,
}

/// The page.
///
/// # Errors
/// A failure of Redis.
pub async fn get(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let who = Asker { settings: &app.settings, is_private: false };
    let all = overview(&app.queue, who, None, SWEEPS).await?;
    let sweeps = lines(&app, all.sweeps).await?;
    let backlog = all.lanes.iter().map(|lane| lane.ready).sum();
    let oldest_ms = all.lanes.iter().filter_map(|lane| lane.oldest_ms).max();
    let view = Fleet {
        sweeps,
        pools: all.pools,
        workers: all.workers,
        paused: all.paused,
        unserved: all.unserved,
        jobs: all.jobs,
        lanes: all.lanes,
        backlog,
        oldest_ms,
    };
    Ok(asked.answer(&view))
}

/// Sweeps with what they were asked for. One whose record is gone meanwhile is left out.
///
/// # Errors
/// A failure of Redis.
pub async fn lines(app: &App, all: Vec<SweepStatus>) -> Result<Vec<Line>, Refused> {
    let mut lines = Vec::new();
    for status in all {
        // A record that this version can't read must not hide the others.
        if let Ok(Some(spec)) = app.queue.sweep_spec(&status.id).await {
            lines.push(Line { sweep: Head::new(&status.id, &spec), status });
        }
    }
    Ok(lines)
}

/// Sweeps as a table.
pub fn sweeps(all: &[Line]) -> Markup {
    if all.is_empty() {
        return none("There are no sweeps yet. `scrum run REPO` starts one.");
    }
    let now = now_ms();
    let rows = html! {
        @for Line { sweep, status } in all {
            tr {
                td { (sweep.link()) " " (state(status.state)) }
                td { (show::repo(&sweep.repo)) br; span class="quiet" { (sweep.about) " at " (show::commit(&sweep.commit)) } }
                td class="wide" { (progress(status)) }
                td class="n" { (number(status.calls)) }
                td class="n" { (number(status.tokens_in + status.tokens_out)) }
                td class="n" { (show::money(cost(status))) }
                td class="n" { (show::took(status.took_ms(now))) }
            }
        }
    };
    table("Sweeps", &["Sweep", "Repository", "Files", "#Calls", "#Tokens", "#Cost", "#Time"], &rows)
}

/// What a sweep cost in dollars; `None` while nobody said.
pub fn cost(status: &SweepStatus) -> Option<f64> {
    (status.cost_micro_usd > 0).then(|| status.cost_micro_usd as f64 / 1e6)
}

impl View for Fleet {
    fn title(&self) -> String {
        "Fleet".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        html! {
            (live(self.live(frame)))
            p { a href="/sweeps" { "All sweeps" } " · " a href="/trends" { "Sweeps over time" } }
        }
    }

    fn live(&self, _frame: &Frame) -> Option<Markup> {
        let oldest = self.oldest_ms.map_or_else(|| "–".to_owned(), show::took);
        let numbers: [(&str, String); 5] = [
            ("waiting", number(self.backlog)),
            ("oldest waits", oldest),
            ("at work", number(self.jobs.leased)),
            ("delayed", number(self.jobs.delayed)),
            ("workers", number(self.workers.len() as u64)),
        ];
        Some(html! {
            @for what in &self.unserved { p class="alert" role="alert" { (text(&what.to_string())) } }
            ul class="numbers" {
                @for (word, n) in &numbers { li { strong { (n) } " " (word) } }
                li { a href="/letters" { strong { (number(self.jobs.dead)) } " dead letters" } }
            }
            @if !self.paused.is_empty() {
                p class="alert" { "Paused: " (text(&self.paused.join(", "))) }
            }
            (sweeps(&self.sweeps))
            div class="columns" {
                section { h2 { "Lanes" } (self.lanes()) }
                section { h2 { "Providers" } (self.pools()) }
            }
            h2 { "Workers" }
            (self.workers())
        })
    }
}

impl Fleet {
    fn lanes(&self) -> Markup {
        if self.lanes.is_empty() {
            return none("No job waits.");
        }
        let rows = html! {
            @for lane in &self.lanes {
                tr {
                    th scope="row" { code { (text(&lane.lane)) } @if lane.paused { " " (badge("warn", "paused")) } }
                    td class="n" { (number(lane.ready)) }
                    td class="n" { (lane.oldest_ms.map_or_else(|| "–".to_owned(), show::took)) }
                }
            }
        };
        table("Lanes with jobs that wait", &["Lane", "#Waiting", "#Oldest"], &rows)
    }

    fn pools(&self) -> Markup {
        if self.pools.is_empty() {
            return none("No provider was asked yet.");
        }
        let most = |limit: Option<u64>| limit.map_or_else(|| "any".to_owned(), number);
        let rows = html! {
            @for pool in &self.pools {
                tr {
                    th scope="row" { (text(&pool.pool)) }
                    td class="n" { (number(pool.in_call)) " of " (most(pool.limit)) }
                    td class="n" { (most(pool.rate_per_minute)) }
                    td {
                        @if let Some(ms) = pool.paused_ms { (badge("warn", "pause")) " " (show::took(ms)) }
                        @else { (badge("good", "open")) }
                    }
                }
            }
        };
        table("Providers", &["Provider", "#Calls", "#A minute", "State"], &rows)
    }

    fn workers(&self) -> Markup {
        if self.workers.is_empty() {
            return none("No worker lives.");
        }
        let rows = html! {
            @for worker in self.workers.iter().take(WORKERS) {
                tr {
                    th scope="row" { (text(&worker.host)) " " span class="quiet" { (worker.pid) } }
                    td class="n" { (worker.concurrency) }
                    td { @if worker.lanes.is_empty() { "all" } @else { (text(&worker.lanes.join(", "))) } }
                    td class="n" { (show::took(worker.silent_ms)) " ago" }
                }
            }
        };
        let more = self.workers.len().saturating_sub(WORKERS) as u64;
        html! {
            (table("Workers", &["Worker", "#Jobs at a time", "Lanes", "#Last sign"], &rows))
            @if more > 0 { p class="quiet" { "and " (counted(more, "other", "others")) } }
        }
    }
}

//! A sweep: what was asked for, how far it is, its files in pages, what it cost, its findings.

use super::fleet::{self, Line};
use super::{Head, choice, opened, progress, severity, state, target, verdict};
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::{Frame, live};
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, facts, none, number, table, text};
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::client::{Mark, SweepStatus};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::rows::{DiagnosisRow, LoopMetricsRow, ModelTrustRow};
use queue_schema::sweep::TargetStatus;
use scrum_domain::report::{FileReport, Said};
use scrum_knowledge::observe::troubles;
use scrum_knowledge::{Found, metrics_of, models, now_ms, sweeps};
use serde::Serialize;

/// Files of a page.
const FILES: usize = 100;
/// Sweeps of a page.
const SWEEPS: usize = 50;
/// Characters of a claim in a list.
pub const CLAIM: usize = 300;

/// What the list of sweeps says.
pub const LIST: Doc = Doc {
    summary: "All sweeps, newest first",
    asks: &[("after", "string", "The cursor of the page before")],
    gives: &[
        ("sweeps", "array", "Sweeps, each with its request and its counters"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

/// What a sweep's page says.
pub const DOC: Doc = Doc {
    summary: "A sweep: progress, files in pages, tiers, cost by model, troubles",
    asks: &[
        (
            "status",
            "string",
            "Only files that stand so: waiting, live, resolved, unresolved, skipped, cancelled, left_out",
        ),
        ("after", "string", "The cursor of the page before"),
    ],
    gives: &[
        ("sweep", "object", "What was asked for"),
        ("status", "object", "Its state and counters"),
        ("alerts", "array", "What its operator must be told: about what, and the message"),
        ("metrics", "object?", "Its numbers, held against the sweep before"),
        ("models", "array", "What each model did in it"),
        ("troubles", "array", "Failures that piled up"),
        ("files", "array", "Its files"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

/// What the findings of a sweep say.
pub const FINDINGS: Doc = Doc {
    summary: "The findings of a sweep, in the order in which their reviews were accepted",
    asks: &[("after", "string", "The cursor of the page before")],
    gives: &[
        ("sweep", "object", "What was asked for"),
        ("findings", "array", "Findings, each with its file"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

#[derive(Debug, Serialize)]
struct List {
    sweeps: Vec<Line>,
    after: Option<String>,
}

/// All sweeps.
///
/// # Errors
/// A text that is no cursor, a failure of Redis.
pub async fn list(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let after = match asked.get("after") {
        None => None,
        Some(cursor) => {
            let mark = cursor
                .split_once(':')
                .and_then(|(at, id)| Some(Mark { at_ms: at.parse().ok()?, id: id.to_owned() }));
            Some(mark.ok_or_else(|| Refused::bad("'after' is no place in this list"))?)
        }
    };
    let (ids, end) = app.queue.sweeps_page(after.as_ref(), SWEEPS).await?;
    let mut all = Vec::new();
    for id in ids {
        all.extend(app.queue.sweep_status(&id).await?);
    }
    let sweeps = fleet::lines(&app, all).await?;
    let after = end.map(|mark| format!("{}:{}", mark.at_ms, mark.id));
    Ok(asked.answer(&List { sweeps, after }))
}

impl View for List {
    fn title(&self) -> String {
        "Sweeps".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        html! { (fleet::sweeps(&self.sweeps)) (frame.pager(self.after.as_deref())) }
    }
}

/// What the operator must be told.
#[derive(Debug, Serialize)]
struct Alert {
    about: String,
    message: String,
}

/// A file in the list of a sweep.
#[derive(Debug, Serialize)]
struct FileLine {
    number: u32,
    path: String,
    status: TargetStatus,
    bytes: u64,
    tier: Option<String>,
    model: Option<String>,
    findings: usize,
    attempts: usize,
    tokens: u64,
    cost_usd: Option<f64>,
    reason: Option<String>,
}

impl FileLine {
    fn new(number: u32, file: &FileReport) -> Self {
        let (row, history) = (file.row.as_ref(), file.history());
        let tokens = history.iter().map(|a| a.tokens_in + a.tokens_out).sum();
        Self {
            number,
            path: file.target.path.clone(),
            status: file.status,
            bytes: file.target.bytes,
            tier: row.map(|row| row.gradient_tier.clone()),
            model: row.map(|row| row.accepted_model.clone()),
            findings: row.map_or(0, |row| row.findings.iter().filter(|f| f.is_shown()).count()),
            attempts: history.len(),
            tokens: row.map_or(tokens, |row| row.tokens_in + row.tokens_out),
            cost_usd: row.and_then(|row| row.cost_usd),
            reason: file.reason().map(str::to_owned),
        }
    }
}

#[derive(Debug, Serialize)]
struct Page {
    sweep: Head,
    status: SweepStatus,
    alerts: Vec<Alert>,
    metrics: Option<LoopMetricsRow>,
    models: Vec<ModelTrustRow>,
    troubles: Vec<DiagnosisRow>,
    files: Vec<FileLine>,
    after: Option<String>,
}

/// The page of a sweep.
///
/// # Errors
/// No such sweep, a text that is no cursor, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let (id, sweep) = opened(&app, &name).await?;
    let only = asked.word::<TargetStatus>("status")?;
    let of: &'static [TargetStatus] = match only {
        None => &TargetStatus::ALL,
        Some(only) => {
            let at = TargetStatus::ALL.iter().position(|known| *known == only).unwrap_or(0);
            &TargetStatus::ALL[at..=at]
        }
    };
    let mut files = sweep.files(of);
    if let Some(after) = asked.get("after") {
        files = files.from(after)?;
    }
    let found = files.next_numbered(FILES).await?;
    let alerts = sweeps::alerts(&app.queue, &id).await?;
    let troubles = Box::pin(troubles(&app.queue, &id, app.trouble_bounds())).await?;
    let view = Page {
        sweep: Head::new(&id, sweep.spec()),
        status: sweep.status().clone(),
        alerts: alerts.into_iter().map(|(about, message)| Alert { about, message }).collect(),
        metrics: metrics_of(&app.queue, &id).await?,
        models: models(&app.queue, Some(&id)).await?,
        troubles,
        after: files.cursor().filter(|_| found.len() == FILES),
        files: found.iter().map(|(number, file)| FileLine::new(*number, file)).collect(),
    };
    Ok(asked.answer(&view))
}

impl View for Page {
    fn title(&self) -> String {
        format!("Sweep {}", self.sweep.id.request())
    }

    fn body(&self, frame: &Frame) -> Markup {
        let head = &self.sweep;
        let labels: Vec<String> =
            head.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let id = show::part(&head.id);
        html! {
            (facts(&[
                ("Repository", html! { (text(&head.repo)) }),
                ("Commit", html! { (show::commit(&head.commit)) " (" (text(&head.rev)) ")" }),
                ("Reviews", html! { (head.about) }),
                ("Ladder", html! { (text(&head.ladder.join(" → "))) }),
                ("Labels", html! { (text(&labels.join(", "))) }),
            ]))
            p class="links" {
                a href={ "/sweeps/" (id) "/findings" } { "Findings" }
                a href={ "/letters?sweep=" (id) } { "Dead letters" }
                @if head.about == "change" { a href={ "/diffs/" (id) } { "Tally of the change" } }
                a href={ "/models?sweep=" (id) } { "Models" }
            }
            (live(self.live(frame)))
            (self.costs())
        }
    }

    fn live(&self, frame: &Frame) -> Option<Markup> {
        let status = &self.status;
        let budget = status.budget.as_ref().map(ToString::to_string);
        Some(html! {
            @if status.is_over() { span data-done {} }
            section class="box" aria-label="Progress" {
                p { (state(status.state)) " " (progress(status)) }
                @if let Some(why) = status.error.as_ref().or(status.held.as_ref()) { p class="alert" { (text(why)) } }
                (facts(&[
                    ("Calls", html! { (number(status.calls)) }),
                    ("Tokens", html! { (number(status.tokens_in)) " in, " (number(status.tokens_out)) " out" }),
                    ("Cost", html! { (show::money(fleet::cost(status))) }),
                    ("Time", html! { (show::took(status.took_ms(now_ms()))) }),
                    ("Budget", html! { (budget.unwrap_or_else(|| "none".to_owned())) }),
                    ("Begun", show::when(status.created_ms)),
                ]))
                @if let Some(metrics) = &self.metrics { (tiers(metrics)) }
            }
            @for alert in &self.alerts {
                p class="alert" { strong { (text(&alert.about)) } ": " (text(&alert.message)) }
            }
            @for trouble in &self.troubles { (super::observer::trouble(trouble)) }
            h2 { "Files" }
            form method="get" class="filter" {
                (choice("status", "Files that are", frame.get("status"), &STATES))
                button { "Show" }
            }
            (self.files())
            (frame.pager(self.after.as_deref()))
        })
    }
}

/// States to choose from.
const STATES: [(&str, &str); 8] = [
    ("", "all"),
    ("resolved", "reviewed"),
    ("unresolved", "unresolved"),
    ("live", "in progress"),
    ("waiting", "waiting"),
    ("skipped", "skipped"),
    ("left_out", "left out"),
    ("cancelled", "cancelled"),
];

fn tiers(metrics: &LoopMetricsRow) -> Markup {
    let of = &metrics.numbers;
    let (tiers, grave, known) = (&of.tiers, &of.severity, &of.known);
    html! {
        (facts(&[
            ("Reviews by tier", html! {
                (badge("good", "auto")) " " (tiers.auto) " " (badge("run", "dry run")) " " (tiers.dry_run) " "
                (badge("warn", "simulation")) " " (tiers.simulation) " " (badge("bad", "block")) " " (tiers.block)
            }),
            ("Findings", html! {
                (number(of.findings)) ": " (grave.critical) " critical, " (grave.major) " major, "
                (grave.minor) " minor, " (grave.info) " info"
            }),
            ("Since before", html! {
                (known.new + known.reopened) " new, " (known.open + known.changed) " still open, " (known.fixed) " gone, "
                (known.dismissed) " dismissed"
            }),
        ]))
    }
}

impl Page {
    fn files(&self) -> Markup {
        if self.files.is_empty() {
            return none("No file stands so.");
        }
        let id = show::part(&self.sweep.id);
        let rows = html! {
            @for file in &self.files {
                tr {
                    th scope="row" class="path" {
                        a href={ "/sweeps/" (id) "/files/" (file.number) } { (text(&file.path)) }
                        @if let Some(why) = &file.reason { br; span class="quiet" { (text(&clip(why))) } }
                    }
                    td { (target(file.status)) }
                    td { @if let Some(tier) = &file.tier { (text(tier)) } }
                    td class="n" { @if file.status == TargetStatus::Resolved { (file.findings) } }
                    td class="n" { @if file.attempts > 0 { (file.attempts) } }
                    td { @if let Some(model) = &file.model { (text(model)) } }
                    td class="n" { @if file.tokens > 0 { (number(file.tokens)) } }
                }
            }
        };
        table(
            "Files",
            &["File", "State", "Tier", "#Findings", "#Attempts", "Model", "#Tokens"],
            &rows,
        )
    }

    fn costs(&self) -> Markup {
        html! {
            @if !self.models.is_empty() {
                h2 { "Cost by model" }
                (super::models::rows(&self.models))
            }
        }
    }
}

/// The beginning of a long text.
pub fn clip(text: &str) -> String {
    scrum_domain::text::clip_marked(text, CLAIM)
}

#[derive(Debug, Serialize)]
struct OfSweep {
    sweep: Head,
    findings: Vec<Found>,
    after: Option<String>,
}

/// The findings of a sweep.
///
/// # Errors
/// No such sweep, a text that is no cursor, a failure of Redis.
pub async fn findings(
    State(app): State<App>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let (id, sweep) = opened(&app, &name).await?;
    let mut all = sweep.findings();
    if let Some(after) = asked.get("after") {
        all = all.from(after)?;
    }
    let findings = all.next_page().await?;
    let after = all.cursor().filter(|_| !findings.is_empty());
    Ok(asked.answer(&OfSweep { sweep: Head::new(&id, sweep.spec()), findings, after }))
}

/// A link to a place in a file of a sweep.
pub fn place(sweep: &SweepId, review: &str, path: &str, line: Option<u32>) -> Markup {
    let id = show::part(sweep);
    let number = ReviewId::from(review).target();
    html! {
        @if let Some(number) = number {
            a class="path" href={ "/sweeps/" (id) "/files/" (number) @if let Some(line) = line { "?line=" (line) "#L" (line) } } {
                (text(path)) @if let Some(line) = line { ":" (line) }
            }
        } @else { (text(path)) }
    }
}

impl View for OfSweep {
    fn title(&self) -> String {
        format!("Findings of sweep {}", self.sweep.id.request())
    }

    fn body(&self, frame: &Frame) -> Markup {
        let rows = html! {
            @for found in &self.findings {
                @let of = &found.finding;
                tr {
                    td { (severity(of.gravity())) }
                    td class="claim" {
                        (place(&self.sweep.id, &found.review_id, &found.file, of.line))
                        p { (text(&Said::of(of).title)) }
                    }
                    td class="n" { @if let Some(sure) = of.confidence { (sure) "%" } }
                    td { @if let Some(audit) = &of.audit { (verdict(audit.verdict)) } }
                    td { @if let Some(state) = of.state { (super::finding(state)) } }
                }
            }
        };
        html! {
            p { "Sweep " (self.sweep.link()) " of " (text(&self.sweep.repo)) }
            @if self.findings.is_empty() { (none("There are no findings.")) }
            @else { (table("Findings", &["Severity", "Finding", "#Sure", "Audit", "State"], &rows)) }
            (frame.pager(self.after.as_deref()))
        }
    }
}

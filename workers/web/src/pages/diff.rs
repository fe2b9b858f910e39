//! Reviews of changes: what several reviewers say, and what they agree on.

use super::fleet::{self, Line};
use super::sweep_of;
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, facts, lines, none, table, text};
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::ids::SweepId;
use queue_schema::rows::{DiffRemark, DiffSeverity, DiffSide, DiffVerdict, FindingState, PostRow};
use scrum_domain::diff::{Group, Tally, report};
use scrum_knowledge::{Change, Reviewed, sweeps};
use serde::Serialize;
use serde_json::Value;

/// Sweeps that are looked through for reviews of changes.
const LOOKED_AT: usize = 200;

/// What the list says.
pub const LIST: Doc = Doc {
    summary: "Reviews of changes among the latest 200 sweeps",
    asks: &[],
    gives: &[("changes", "array", "Reviews of changes, each with its request and its counters")],
};

/// What the tally of a change says.
pub const DOC: Doc = Doc {
    summary: "The tally of a change: what its reviewers agree on",
    asks: &[],
    gives: &[
        ("sweep_id", "string", "The sweep"),
        ("repo", "string", "The repository, without credentials"),
        ("base", "string", "Where the change starts"),
        ("head", "string", "Where it ends"),
        (
            "verdict",
            "string?",
            "What is to become of it: ship, ship-with-fixes, hold; null where too little was reviewed to say",
        ),
        ("summary", "string", "The tally in a sentence"),
        ("bundles", "integer", "Parts that were asked about"),
        ("reviewers", "array", "Who was asked, who answered, with which verdict"),
        ("unreviewed", "array", "Parts that too few reviewers answered for"),
        ("missing", "array", "Who said nothing of what, and why"),
        ("findings", "array", "What is said to be wrong, with who says it"),
        ("gone", "array", "Findings of the review before that are gone"),
        ("known", "array", "What earlier sweeps found in its files"),
        ("fine", "array", "What is said to be right"),
        ("withdrawn", "array", "What was taken back"),
        ("left_out", "array", "Files that nobody was shown, and why"),
        ("warnings", "array", "What somebody should know"),
        ("reviews", "array", "Every review with its answer"),
        ("posts", "array", "What was published at pull or merge requests"),
    ],
};

#[derive(Debug, Serialize)]
struct List {
    changes: Vec<Line>,
}

/// The list.
///
/// # Errors
/// A failure of Redis.
pub async fn list(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let mut changes = fleet::lines(&app, sweeps::latest(&app.queue, LOOKED_AT).await?).await?;
    changes.retain(|line| line.sweep.about == "change");
    Ok(asked.answer(&List { changes }))
}

impl View for List {
    fn title(&self) -> String {
        "Changes under review".to_owned()
    }

    fn body(&self, _frame: &Frame) -> Markup {
        if self.changes.is_empty() {
            return none(
                "No change was reviewed lately. `scrum diff REPO BASE...HEAD` reviews one.",
            );
        }
        let rows = html! {
            @for line in &self.changes {
                tr {
                    td { a href={ "/diffs/" (show::part(&line.sweep.id)) } { code { (text(line.sweep.id.request())) } } " " (super::state(line.status.state)) }
                    td { (text(&line.sweep.repo)) }
                    td { (text(&line.sweep.rev)) " " (show::commit(&line.sweep.commit)) }
                    td class="wide" { (super::progress(&line.status)) }
                    td { (show::when(line.status.created_ms)) }
                }
            }
        };
        table(
            "Changes under review",
            &["Review", "Repository", "Change", "Answers", "Begun"],
            &rows,
        )
    }
}

#[derive(Serialize)]
struct Page {
    #[serde(skip)]
    id: SweepId,
    #[serde(skip)]
    tally: Tally,
    #[serde(skip)]
    under_review: bool,
    #[serde(flatten)]
    told: Value,
    posts: Vec<PostRow>,
}

/// The tally of a change.
///
/// # Errors
/// No such sweep, one over files, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let id = sweep_of(&app, &name).await?;
    let change = Box::pin(Change::open(&app.queue, &id)).await?;
    let none = || Refused::missing("this sweep reviews files and no change; see /sweeps");
    let change = change.filter(|change| change.spec.claims.is_none()).ok_or_else(none)?;
    let reviewed = Box::pin(Reviewed::read(&app.queue, change)).await?;
    let (told, under_review) = (reviewed.json(), reviewed.about().under_review);
    let posts = app.queue.rows::<PostRow>(&id).await?;
    Ok(asked.answer(&Page { id, tally: reviewed.tally, under_review, told, posts }))
}

fn word(verdict: DiffVerdict) -> Markup {
    let kind = match verdict {
        DiffVerdict::Ship => "good",
        DiffVerdict::ShipWithFixes => "warn",
        DiffVerdict::Hold => "bad",
    };
    badge(kind, verdict.as_str())
}

fn grave(severity: DiffSeverity) -> Markup {
    let kind = match severity {
        DiffSeverity::Block => "bad",
        DiffSeverity::Warn => "warn",
        DiffSeverity::Info => "off",
    };
    badge(kind, severity.as_str())
}

impl View for Page {
    fn title(&self) -> String {
        format!("Change {}", self.id.request())
    }

    fn body(&self, _frame: &Frame) -> Markup {
        let told = |name: &str| text(self.told[name].as_str().unwrap_or_default());
        let tally = &self.tally;
        html! {
            (facts(&[
                ("Verdict", html! { (self.verdict()) " " (told("summary")) }),
                ("Repository", html! { (told("repo")) }),
                ("From", show::commit(&told("base"))),
                ("To", show::commit(&told("head"))),
                ("Sweep", super::sweep_link(&self.id)),
            ]))
            (self.reviewers())
            h2 { "Findings" }
            @if tally.findings.is_empty() {
                @match (tally.verdict, self.under_review) {
                    (Some(_), _) => (none("Nobody found anything wrong.")),
                    (None, true) => (none("The review is under way.")),
                    (None, false) => (none("Too little was reviewed to say that nothing is wrong.")),
                }
            }
            @for group in &tally.findings { (finding(group)) }
            (self.rest())
        }
    }
}

impl Page {
    fn verdict(&self) -> Markup {
        let kind = if self.under_review { "run" } else { "warn" };
        let none = || badge(kind, report::word(&self.tally, self.under_review));
        self.tally.verdict.map_or_else(none, word)
    }

    fn reviewers(&self) -> Markup {
        let rows = html! {
            @for voter in &self.tally.reviewers {
                tr {
                    th scope="row" { (text(&voter.name)) }
                    td class="n" { (voter.answered) " of " (voter.asked) }
                    td { @if let Some(verdict) = voter.verdict { (word(verdict)) } @if voter.derived > 0 { span class="quiet" { " follows from its findings" } } }
                }
            }
        };
        table("Reviewers", &["Reviewer", "#Answered", "Verdict"], &rows)
    }

    fn rest(&self) -> Markup {
        let tally = &self.tally;
        let left_out = self.told["left_out"].as_array().map_or(&[][..], Vec::as_slice);
        let of = |one: &Value, name: &str| text(one[name].as_str().unwrap_or_default());
        let listed = |name: &str, all: &[(String, DiffRemark)]| {
            html! {
                @if !all.is_empty() {
                    details class="box" {
                        summary { (name) " (" (all.len()) ")" }
                        ul { @for (who, remark) in all { li { (text(who)) ": " (text(&remark.what)) } } }
                    }
                }
            }
        };
        html! {
            @if !tally.missing.is_empty() {
                h2 { "Not said" }
                ul { @for m in &tally.missing { li { (text(&m.reviewer)) " of " (text(&m.bundle)) ": " (text(&m.reason)) } } }
            }
            @if !left_out.is_empty() {
                h2 { "Left out" }
                ul { @for one in left_out { li { (of(one, "path")) ": " (of(one, "reason")) } } }
            }
            (listed("Found right", &tally.fine))
            (listed("Taken back", &tally.withdrawn))
            @for post in &self.posts {
                p { "Published at " (text(&post.repo)) " #" (post.number) ": " (post.inline) " findings at their lines, " (post.in_summary) " in the summary" }
            }
        }
    }
}

fn finding(group: &Group) -> Markup {
    let remark = &group.remark;
    html! {
        section class="box" {
            p class="remarks" {
                (grave(group.severity)) " "
                @if group.is_convergent() { (badge("run", "several say so")) " " }
                @match group.state {
                    Some(FindingState::New) => (badge("warn", "new")),
                    Some(FindingState::Open) => (badge("off", "still there")),
                    _ => {}
                }
                " " code class="path" {
                    (text(remark.path.as_deref().unwrap_or(&remark.place)))
                    @if let Some(line) = remark.line.filter(|_| !remark.outside) { ":" (line) }
                    @if remark.side == DiffSide::Old { " (before)" }
                }
                span class="quiet" { " " (text(&group.reviewers.join(", "))) }
            }
            p class="text" { (lines(&remark.what)) }
            @if let Some(why) = &remark.why { p class="text quiet" { (lines(why)) } }
            @if let Some(quote) = &remark.quote { pre { code { (lines(quote)) } } }
        }
    }
}

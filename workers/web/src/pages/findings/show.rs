//! Findings as pages show them, and the forms to decide about them.

use super::super::{choice, finding as state, severity, verdict};
use super::{List, One};
use crate::asked::View;
use crate::layout::Frame;
use crate::pages::sweep::clip;
use crate::show::{self, badge, facts, lines, none, part, table, text};
use maud::{Markup, html};
use queue_schema::ids::MemoryId;
use queue_schema::rows::{FindingRow, FindingState};

const STATES: [(&str, &str); 4] =
    [("open", "open"), ("dismissed", "dismissed"), ("fixed", "fixed"), ("all", "all")];
const GRAVE: [(&str, &str); 4] = [
    ("", "any"),
    ("major", "major or worse"),
    ("critical", "critical"),
    ("minor", "minor or worse"),
];
const AUDITED: [(&str, &str); 5] = [
    ("", "any"),
    ("upheld", "upheld"),
    ("rejected", "rejected"),
    ("split", "split"),
    ("undecided", "undecided"),
];

impl View for List {
    fn title(&self) -> String {
        "Findings".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        if self.repos.is_empty() {
            return none("No sweep has left a finding yet.");
        }
        html! {
            (self.filter(frame))
            @match &self.memory {
                None => (none("Choose a repository.")),
                Some(_) if self.findings.is_empty() => (none("No finding matches.")),
                Some(memory) => (rows(memory, &self.findings, frame)),
            }
            (frame.pager(self.after.as_deref()))
        }
    }
}

impl List {
    fn filter(&self, frame: &Frame) -> Markup {
        let chosen = self.memory.as_ref().map(MemoryId::as_str);
        html! {
            form method="get" class="filter" {
                label { "Repository"
                    select name="repo" {
                        @for repo in &self.repos {
                            option value=(repo.id.as_str()) selected[chosen == Some(repo.id.as_str())] { (show::repo(&repo.name)) }
                        }
                    }
                }
                (choice("state", "State", frame.get("state"), &STATES))
                (choice("severity", "Severity", frame.get("severity"), &GRAVE))
                (choice("audited", "Audit", frame.get("audited"), &AUDITED))
                label { "Path" input name="path" placeholder="src/**/*.rs" value=[frame.get("path")]; }
                label { "New in days" input name="days" inputmode="numeric" size="4" value=[frame.get("days")]; }
                button { "Show" }
            }
        }
    }
}

fn rows(memory: &MemoryId, all: &[FindingRow], frame: &Frame) -> Markup {
    let rows = html! {
        @for row in all {
            @let of = &row.observed;
            tr {
                td { (state(row.state)) @if let Some(grave) = of.severity { br; (severity(grave)) } }
                td class="claim" {
                    (place(row))
                    p { a href={ "/findings/" (part(memory)) "/" (part(&row.id)) } { (text(&clip(&of.text))) } }
                    (decide(memory, row, frame))
                }
                td class="n" { (row.seen) " of " (row.looked) }
                td { @if let Some(audited) = &row.audited { (verdict(audited.audit.verdict)) } }
                td { (show::when(of.first.at_ms)) }
            }
        }
    };
    table("Findings", &["State", "Finding", "#Seen", "Audit", "First said"], &rows)
}

/// A link to the place of a finding in the sweep that said it last.
fn place(row: &FindingRow) -> Markup {
    let of = &row.observed;
    let sweep = part(&of.last.sweep);
    html! {
        a class="path" href={ "/sweeps/" (sweep) "/file?path=" (part(&row.file)) @if let Some(line) = of.line { "&line=" (line) } } {
            (text(&row.file)) @if let Some(line) = of.line { ":" (line) }
        }
    }
}

/// The form to dismiss a finding, or to reopen it; nothing where nothing can be changed.
pub fn decide(memory: &MemoryId, row: &FindingRow, frame: &Frame) -> Markup {
    let (word, act) = match row.state {
        _ if frame.read_only => return html! {},
        FindingState::Fixed => return html! {},
        FindingState::Dismissed => ("Reopen", "reopen"),
        _ => ("Dismiss", "dismiss"),
    };
    html! {
        details class="decide" {
            summary { (word) }
            form method="post" action={ "/findings/" (part(memory)) "/" (part(&row.id)) "/" (act) } {
                (frame.hidden())
                label { "Why" textarea name="why" required maxlength="2000" rows="2" {} }
                label { "Your name" input name="by" maxlength="100" autocomplete="username"; }
                @if act == "dismiss" {
                    label { "For so many days" input name="days" inputmode="numeric" size="4" placeholder="for good"; }
                }
                button { (word) }
            }
        }
    }
}

impl View for One {
    fn title(&self) -> String {
        format!("Finding {}", self.finding.id)
    }

    fn body(&self, frame: &Frame) -> Markup {
        let (row, of) = (&self.finding, &self.finding.observed);
        html! {
            (facts(&[
                ("State", html! { (state(row.state)) }),
                ("Severity", html! { @if let Some(grave) = of.severity { (severity(grave)) } @else { "–" } }),
                ("Place", place(row)),
                ("Kind", html! { (of.kind.as_str()) @for flag in &of.flags { " " (badge("off", flag)) } }),
                ("Said by", html! { (text(&of.model)) @if let Some(sure) = of.confidence { ", " (sure) "% sure" } }),
                ("Seen", html! { (row.seen) " of " (row.looked) " reviews" }),
                ("First said", html! { (show::when(of.first.at_ms)) " in sweep " (text(&of.first.sweep)) }),
                ("Last said", html! { (show::when(of.last.at_ms)) " in sweep " (text(&of.last.sweep)) }),
            ]))
            p class="text" { (lines(&of.text)) }
            @if let Some(quote) = &of.quote { pre { code { (lines(quote)) } } }
            @if let Some(audited) = &row.audited {
                p class="text" { strong { "Audit: " } (verdict(audited.audit.verdict)) " " (text(&audited.audit.words())) }
                p class="text quiet" { (text(&audited.audit.why)) }
            }
            @if let Some(decided) = &row.decided {
                p class="text" {
                    strong { @if decided.dismissed { "Dismissed" } @else { "Reopened" } }
                    " by " (text(&decided.by)) " on " (show::when(decided.at_ms))
                    @if let Some(until) = decided.until_ms { ", until " (show::when(until)) }
                    ": " (lines(&decided.why))
                }
            }
            (decide(&self.memory, row, frame))
            p { a href={ "/findings?repo=" (part(&self.memory)) } { "All findings of " (show::repo(&row.repo)) } }
        }
    }
}

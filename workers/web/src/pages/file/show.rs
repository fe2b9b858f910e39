//! A file as a page shows it.

use super::super::{finding as state_of, severity, target, verdict};
use super::{LINES, Page};
use crate::asked::View;
use crate::layout::Frame;
use crate::pages::findings::decide;
use crate::show::{self, badge, bytes, facts, lines, money, none, number, part, table, text};
use maud::{Markup, html};
use queue_schema::rows::facts::FactVerdict;
use queue_schema::rows::finding::Stands;
use queue_schema::rows::{Attempt, Confirmed, Finding, FindingRow, Outcome, ReviewRow};
use scrum_domain::report::Said;

/// Attempts that are shown open.
const OPEN: usize = 1;

impl View for Page {
    fn title(&self) -> String {
        self.path.clone()
    }

    fn body(&self, frame: &Frame) -> Markup {
        html! {
            (self.head())
            @if let Some(row) = &self.row { (self.review(row, frame)) }
            h2 { "Source" }
            (self.source(frame))
            h2 { "Attempts" }
            (attempts(&self.attempts))
            (self.facts())
            (self.history())
        }
    }
}

/// What a finding is known by on this page.
fn anchor(n: usize) -> String {
    format!("f{}", n + 1)
}

impl Page {
    fn head(&self) -> Markup {
        let tier = self.row.as_ref().map(|row| {
            html! { (text(&row.gradient_tier)) " (least confidence), " (text(&row.gradient_tier_avg)) " (mean)" }
        });
        let spent = self.row.as_ref().map(|row| {
            html! {
                (number(row.tokens_in)) " tokens in, " (number(row.tokens_out)) " out, "
                (money(row.cost_usd)) ", " (show::took(row.duration_ms))
            }
        });
        let model = self.row.as_ref().map(|row| {
            html! { (text(&row.accepted_model)) ", attempt " (row.accepted_on_attempt) }
        });
        let verdict = self.row.as_ref().and_then(|row| row.verdict.as_deref());
        html! {
            (facts(&[
                ("State", html! { (target(self.status)) @if let Some(why) = &self.reason { " " (text(why)) } }),
                ("Sweep", html! { (self.sweep.link()) " of " (text(&self.sweep.repo)) " at " (show::commit(&self.sweep.commit)) }),
                ("Size", html! { (bytes(self.bytes)) }),
                ("Tier", tier.unwrap_or_default()),
                ("Verdict", html! { (text(verdict.unwrap_or("–"))) }),
                ("Reviewed by", model.unwrap_or_default()),
                ("Spent", spent.unwrap_or_default()),
            ]))
        }
    }

    fn review(&self, row: &ReviewRow, frame: &Frame) -> Markup {
        html! {
            h2 { "Findings" }
            @if row.findings.is_empty() { (none("The reviewer found nothing.")) }
            ol class="findings" {
                @for (n, of) in row.findings.iter().enumerate() {
                    li id=(anchor(n)) class="finding" { (self.finding(of, frame)) }
                }
            }
        }
    }

    fn finding(&self, of: &Finding, frame: &Frame) -> Markup {
        let known = self.known.iter().find(|known| Some(&known.id) == of.id.as_ref());
        let said = Said::of(of);
        let change = said.diff(of.anchored).unwrap_or_else(|| said.change.clone());
        html! {
            p class="remarks" {
                (severity(of.gravity())) " "
                @if let Some(known) = known { (state_of(known.state)) " " }
                @if let Some(line) = of.line {
                    a href={ (frame.with("line", &line.to_string())) "#L" (line) } { "line " (line) } " "
                }
                @if let Some(sure) = of.confidence { span class="quiet" { (sure) "% sure " } }
                @if of.confirmed == Some(Confirmed::Call) { (badge("good", "confirmed by another call")) " " }
                @if of.confirmed == Some(Confirmed::Program) { (badge("good", "found by a rule")) " " }
                @for flag in &of.flags { (badge("off", flag)) " " }
                @for check in &of.checks { (badge("bad", &format!("fails the check {check}"))) " " }
            }
            p class="text" { strong { (text(&said.title)) } @for line in &said.why { br; (lines(line)) } }
            @if !said.quote.is_empty() { pre { code { (lines(&said.quote.join("\n"))) } } }
            @for (name, what) in [
                ("Fails for", &said.fails_for),
                ("Change", &said.instead),
                ("Where", &said.place),
                ("Evidence", &said.evidence),
            ] {
                @if let Some(what) = what { p class="text" { strong { (name) ": " } (lines(what)) } }
            }
            @if !said.change.is_empty() { pre { code { (lines(&change.join("\n"))) } } }
            (opinions(of))
            @if let (Some(memory), Some(known)) = (&self.memory, known) {
                (decide(memory, known, frame))
                p class="quiet" { a href={ "/findings/" (part(memory)) "/" (part(&known.id)) } { "This finding over all sweeps" } }
            }
        }
    }

    fn source(&self, frame: &Frame) -> Markup {
        let source = &self.source;
        if let Some(why) = &source.why {
            return none(&format!("The source is not shown: {}", text(why)));
        }
        let (total, last) = (source.total.unwrap_or(0), source.from + source.lines.len() as u32);
        let at = |line: u32| -> Vec<(usize, &Finding)> {
            let all = self.row.iter().flat_map(|row| row.findings.iter().enumerate());
            all.filter(|(_, of)| of.end_line.or(of.line) == Some(line)).collect()
        };
        let is_meant = |line: u32| {
            let mut all = self.row.iter().flat_map(|row| &row.findings);
            all.any(|of| {
                of.line.is_some_and(|first| first <= line && line <= of.end_line.unwrap_or(first))
            })
        };
        let window = |from: u32| frame.with("from", &from.to_string());
        html! {
            p class="pager" {
                "Lines " (source.from) " to " (last.saturating_sub(1)) " of " (total) " "
                @if source.from > 1 { a href=(window(source.from.saturating_sub(LINES).max(1))) { "Lines before" } " " }
                @if last <= total { a href=(window(last)) { "Lines behind" } }
            }
            div class="scroll source" tabindex="0" role="region" aria-label="Source" {
                table {
                    tbody {
                        @for (n, line) in (source.from..).zip(&source.lines) {
                            tr id={ "L" (n) } class=[is_meant(n).then_some("meant")] {
                                td class="n" { (n) }
                                td { code { (lines(line)) } }
                            }
                            @for (of, finding) in at(n) {
                                tr class="note" { td {} td {
                                    (severity(finding.gravity())) " "
                                    a href={ "#" (anchor(of)) } { (text(&Said::of(finding).title)) }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn facts(&self) -> Markup {
        html! {
            @if let Some(why) = &self.facts_trouble { h2 { "Facts" } p class="alert" { (text(why)) } }
            @if let Some(facts) = &self.facts {
                h2 { "Facts" }
                p class="quiet" { "Taken out by " (text(&facts.extractor)) ", checked by " (text(&facts.verifier)) }
                ul {
                    @for (n, fact) in facts.facts.iter().enumerate() {
                        li {
                            @match facts.verdicts.get(n).copied().flatten() {
                                Some(FactVerdict::Supported) => (badge("good", "supported")),
                                Some(FactVerdict::Unsupported) => (badge("bad", "unsupported")),
                                None => (badge("off", "no verdict")),
                            }
                            " " (text(fact))
                        }
                    }
                }
            }
        }
    }

    fn history(&self) -> Markup {
        let Some(memory) = self.memory.as_ref().filter(|_| !self.known.is_empty()) else {
            return html! {};
        };
        let row = |known: &FindingRow| {
            html! {
                tr {
                    td { (state_of(known.state)) }
                    td class="claim" {
                        a href={ "/findings/" (part(memory)) "/" (part(&known.id)) } {
                            (text(&crate::pages::sweep::clip(&known.observed.text)))
                        }
                    }
                    td class="n" { (known.seen) " of " (known.looked) }
                    td { (show::when(known.observed.first.at_ms)) }
                    td { (show::when(known.observed.last.at_ms)) }
                }
            }
        };
        let rows = html! { @for known in &self.known { (row(known)) } };
        html! {
            h2 { "Over all sweeps" }
            (table("Findings of this file over all sweeps", &["State", "Finding", "#Seen", "First", "Last"], &rows))
        }
    }
}

/// What a second call and an audit say.
fn opinions(of: &Finding) -> Markup {
    html! {
        @if let Some(second) = &of.confirmation {
            p class="text" {
                strong { "Second call: " }
                @match second.said {
                    Stands::Upheld => "upheld",
                    Stands::Rejected => "rejected",
                    _ => "no answer that counts",
                }
                " by " (text(&second.by))
                @if !second.input.is_empty() {
                    " – for " (text(&second.input)) " it does: " (text(&second.actual)) "; it should: " (text(&second.expected))
                }
            }
        }
        @if let Some(audit) = &of.audit {
            p class="text" { strong { "Audit: " } (verdict(audit.verdict)) " " (text(&audit.words())) }
        }
        @if let Some(why) = &of.dismissed { p class="text" { strong { "Dismissed: " } (text(why)) } }
    }
}

/// Attempts with the sizes of their prompts, and their answers.
pub(in crate::pages) fn attempts(all: &[Attempt]) -> Markup {
    if all.is_empty() {
        return none("There was no attempt yet.");
    }
    html! {
        @for (n, a) in all.iter().rev().enumerate() {
            details class="box" open[n < OPEN] {
                summary {
                    (badge(if a.outcome == Outcome::Accepted { "good" } else { "bad" }, a.outcome.as_str()))
                    " attempt " (a.n) ", rung " (a.rung) ", " (text(&a.model_name()))
                    span class="quiet" {
                        " – prompt " (number(a.tokens_in)) " tokens, answer " (number(a.tokens_out)) " tokens, "
                        @if a.cached { "from the cache" } @else { (show::took(a.duration_ms)) }
                        ", " (money(a.cost_usd))
                        @if a.masked > 0 { ", " (a.masked) " secrets masked" }
                    }
                }
                @if !a.reason.is_empty() { p class="text" { (lines(&a.reason)) } }
                pre class="answer" tabindex="0" { (lines(&a.answer_preview)) }
            }
        }
    }
}

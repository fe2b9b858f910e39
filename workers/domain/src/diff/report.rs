//! The review of a diff written down: for people, for programs, for a terminal. What reviewers wrote is foreign text:
//! nothing in it is markup.

use super::known::Known;
use super::tally::{Group, Tally, Voter};
use crate::report::escape::{block, code, escape};
use crate::report::sarif::{repository_uri, uri_path};
use crate::text::{clip_marked, counted, one_line};
use queue_schema::rows::{
    DiffFinding, DiffRemark, DiffReview, DiffSeverity, DiffSide, FindingState,
};
use scrum_shown::shown;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Characters of a claim in a line of a terminal.
const LINE_CHARS: usize = 160;

/// What a report says besides the tally.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// The sweep.
    pub sweep_id: &'a str,
    /// The repository, as it may be shown.
    pub repo: &'a str,
    /// Where the change starts.
    pub base: &'a str,
    /// Where it ends.
    pub head: &'a str,
    /// Whether reviewers are still asked.
    pub under_review: bool,
    /// Files that nobody was shown, with the reason.
    pub left_out: &'a [(String, String)],
    /// What somebody should know, a sentence each.
    pub warnings: &'a [String],
    /// Every review.
    pub reviews: &'a [DiffReview],
    /// Findings of the head before that are gone.
    pub gone: &'a [DiffFinding],
    /// What earlier sweeps found in its files.
    pub known: &'a [Known],
}

/// Where a remark is, for a person.
fn place(remark: &DiffRemark) -> String {
    let Some(path) = &remark.path else { return one_line(&shown(&remark.place)) };
    let mut out = one_line(&shown(path));
    if let Some(line) = remark.line.filter(|_| !remark.outside) {
        let _ = write!(out, ":{line}");
        if let Some(last) = remark.end_line.filter(|last| *last > line) {
            let _ = write!(out, "-{last}");
        }
        out.push_str(if remark.side == DiffSide::Old { " (before)" } else { "" });
    }
    out
}

const fn state_word(state: Option<FindingState>) -> &'static str {
    match state {
        Some(FindingState::New) => "new",
        Some(FindingState::Open) => "still there",
        Some(_) => "gone",
        None => "",
    }
}

/// What is to become of a change, in a word or two.
pub fn word(tally: &Tally, under_review: bool) -> &'static str {
    let none = if under_review { "under review" } else { "not reviewed" };
    tally.verdict.map_or(none, |verdict| verdict.as_str())
}

/// One sentence on what the review comes to.
fn summary(tally: &Tally, about: &About<'_>) -> String {
    let convergent = tally.findings.iter().filter(|group| group.is_convergent()).count();
    let mut out = format!(
        "{}: {} ({convergent} convergent) by {} over {}",
        word(tally, about.under_review),
        counted(tally.findings.len(), "finding", "findings"),
        counted(tally.reviewers.len(), "reviewer", "reviewers"),
        counted(tally.bundles, "bundle", "bundles"),
    );
    if !tally.unreviewed.is_empty() {
        let _ = write!(out, "; too few reviewers answered for {}", tally.unreviewed.len());
    }
    out
}

fn voter(voter: &Voter) -> String {
    let verdict = voter.verdict.map_or("no answer", |verdict| verdict.as_str());
    let derived = if voter.derived > 0 { ", derived from its findings" } else { "" };
    format!("{verdict} ({} of {} bundles{derived})", voter.answered, voter.asked)
}

/// The review in lines for a terminal.
pub fn lines(tally: &Tally, about: &About<'_>) -> Vec<String> {
    let mut out = vec![summary(tally, about)];
    for one in &tally.reviewers {
        out.push(format!("  {}: {}", shown(&one.name), voter(one)));
    }
    for group in &tally.findings {
        let state = state_word(group.state);
        let state = if state.is_empty() { String::new() } else { format!(" [{state}]") };
        let outside = if group.remark.outside { " (not in the diff)" } else { "" };
        out.push(format!(
            "{:5} {}{outside}: {} ({}){state}",
            group.severity.label(),
            place(&group.remark),
            clip_marked(&one_line(&shown(&group.remark.what)), LINE_CHARS),
            shown(&group.reviewers.join(", ")),
        ));
    }
    for row in about.gone {
        out.push(format!(
            "gone  {}: {}",
            place(&row.remark),
            clip_marked(&one_line(&shown(&row.remark.what)), LINE_CHARS)
        ));
    }
    for one in &tally.missing {
        let why = one_line(&shown(&one.reason));
        out.push(format!("{} said nothing of {}: {why}", shown(&one.reviewer), shown(&one.bundle)));
    }
    for (path, reason) in about.left_out {
        out.push(format!("left out: {} ({})", one_line(&shown(path)), shown(reason)));
    }
    out.extend(
        about.warnings.iter().map(|warning| format!("warning: {}", one_line(&shown(warning)))),
    );
    out
}

/// The review as Markdown, with each answer as it was given.
pub fn markdown(tally: &Tally, about: &About<'_>) -> String {
    let mut out = format!(
        "# Review of a change\n\n**{}**\n\n{} from {} to {}\n\n",
        escape(&summary(tally, about)),
        code(about.repo),
        code(about.base),
        code(about.head)
    );
    out.push_str("| Reviewer | Verdict |\n|---|---|\n");
    for one in &tally.reviewers {
        let _ = writeln!(out, "| {} | {} |", escape(&one.name), voter(one));
    }
    let (convergent, single): (Vec<_>, Vec<_>) =
        tally.findings.iter().partition(|group| group.is_convergent());
    for (title, groups) in [("Said by two or more", convergent), ("Said by one", single)] {
        let _ = writeln!(out, "\n## {title}\n");
        if groups.is_empty() {
            out.push_str("None.\n");
        }
        for group in groups {
            finding(&mut out, group);
        }
    }
    listed(
        &mut out,
        "Gone since the review before",
        about
            .gone
            .iter()
            .map(|row| format!("{}: {}", code(&place(&row.remark)), escape(&row.remark.what))),
    );
    let known = about.known.iter().map(|one| {
        format!(
            "{}: {} ({})",
            code(&shown(&one.place())),
            escape(&one.text),
            escape(&one.standing())
        )
    });
    listed(&mut out, "Known of these files before", known);
    let said = |(who, remark): &(String, DiffRemark)| {
        format!("{}: {} ({})", code(&place(remark)), escape(&remark.what), escape(who))
    };
    listed(&mut out, "Found right", tally.fine.iter().map(said));
    listed(&mut out, "Taken back", tally.withdrawn.iter().map(said));
    listed(
        &mut out,
        "Not answered",
        tally.missing.iter().map(|one| {
            format!("{} of {}: {}", escape(&one.reviewer), code(&one.bundle), escape(&one.reason))
        }),
    );
    let left = about.left_out.iter().map(|(path, why)| format!("{}: {}", code(path), escape(why)));
    listed(&mut out, "Left out", left);
    listed(&mut out, "Warnings", about.warnings.iter().map(|warning| escape(warning)));
    out.push_str("\n## Answers\n");
    for row in about.reviews {
        let _ = write!(
            out,
            "\n### {} on {}\n\n{}, {} ms, {} tokens in, {} out\n\n",
            escape(&row.reviewer),
            code(&row.bundle),
            code(&row.model),
            row.duration_ms,
            row.tokens_in,
            row.tokens_out
        );
        out.push_str(&block("text", &row.answer.lines().map(str::to_owned).collect::<Vec<_>>()));
    }
    out
}

fn listed(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_some() {
        let _ = writeln!(out, "\n## {title}\n");
        for item in items {
            let _ = writeln!(out, "- {item}");
        }
    }
}

fn finding(out: &mut String, group: &Group) {
    let remark = &group.remark;
    let state = state_word(group.state);
    let _ = writeln!(
        out,
        "- **{}** {}{}: {}{}",
        group.severity.label(),
        code(&place(remark)),
        if remark.outside { " (not in the diff)" } else { "" },
        escape(&remark.what),
        if state.is_empty() { String::new() } else { format!(" ({state})") },
    );
    if let Some(why) = &remark.why {
        let _ = writeln!(out, "  - Why: {}", escape(why));
    }
    if let Some(quote) = &remark.quote {
        let _ = writeln!(out, "  - Code: {}", code(quote));
    }
    let _ = writeln!(out, "  - Said by: {}", escape(&group.reviewers.join(", ")));
    // What others say of the same thing in their own words.
    for (who, other) in group.said.iter().filter(|(_, other)| other.what != remark.what) {
        let _ = writeln!(out, "  - {}: {}", escape(who), escape(&other.what));
    }
}

/// The review as one JSON value.
pub fn json(tally: &Tally, about: &About<'_>) -> Value {
    let said = |all: &[(String, DiffRemark)]| -> Vec<Value> {
        all.iter().map(|(who, remark)| json!({"reviewer": who, "remark": remark})).collect()
    };
    let findings: Vec<Value> = tally
        .findings
        .iter()
        .map(|group| {
            json!({
                "id": group.id, "severity": group.severity, "convergent": group.is_convergent(),
                "reviewers": group.reviewers, "bundle": group.bundle, "state": group.state,
                "remark": group.remark, "said": said(&group.said),
            })
        })
        .collect();
    let reviewers: Vec<Value> = tally
        .reviewers
        .iter()
        .map(|v| json!({"name": v.name, "asked": v.asked, "answered": v.answered, "verdict": v.verdict}))
        .collect();
    let missing: Vec<Value> = tally
        .missing
        .iter()
        .map(|m| json!({"reviewer": m.reviewer, "bundle": m.bundle, "reason": m.reason}))
        .collect();
    let left: Vec<Value> =
        about.left_out.iter().map(|(path, why)| json!({"path": path, "reason": why})).collect();
    json!({
        "sweep_id": about.sweep_id, "repo": about.repo, "base": about.base, "head": about.head,
        "verdict": tally.verdict, "summary": summary(tally, about), "bundles": tally.bundles,
        "reviewers": reviewers, "unreviewed": tally.unreviewed, "missing": missing, "findings": findings,
        "gone": about.gone, "known": about.known, "fine": said(&tally.fine), "withdrawn": said(&tally.withdrawn),
        "left_out": left, "warnings": about.warnings, "reviews": about.reviews,
    })
}

/// The review as a SARIF log of one run.
pub fn sarif(tally: &Tally, about: &About<'_>) -> Value {
    const RULES: [(&str, &str, &str, DiffSeverity); 2] = [
        (
            "convergent",
            "ConvergentFinding",
            "Two reviewers or more say this of the change",
            DiffSeverity::Block,
        ),
        ("single", "SingleFinding", "One reviewer says this of the change", DiffSeverity::Warn),
    ];
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, name, about, severity)| {
            json!({
                "id": id, "name": name, "shortDescription": {"text": about}, "fullDescription": {"text": about},
                "help": {"text": "Reviewers claim this. Read the lines and judge for yourself."},
                "defaultConfiguration": {"level": severity.sarif_level()},
            })
        })
        .collect();
    let silent: Vec<Value> = tally
        .unreviewed
        .iter()
        .map(|name| {
            let text = format!("too few reviewers answered for {}", one_line(&shown(name)));
            json!({"level": "error", "message": {"text": text.replace("](", "] (")}})
        })
        .collect();
    let (mut results, mut notes) = (Vec::new(), silent);
    for group in &tally.findings {
        match located(group, about) {
            Some(path) => results.push(result(group, path)),
            None => notes.push(json!({"level": "note", "message": {"text": message(group)}})),
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Scrum Fleet", "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"), "rules": rules,
            }},
            "automationDetails": {"id": format!("scrum-fleet/{}", about.sweep_id)},
            "versionControlProvenance": [{
                "repositoryUri": repository_uri(about.repo), "revisionId": about.head,
            }],
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": tally.unreviewed.is_empty(), "toolExecutionNotifications": notes,
            }],
            "results": results,
        }]
    })
}

/// The file that a result is shown at: of a finding that names none of the change, the first one of what its reviewer was
/// given. A code host takes no log of which a single result has no place.
fn located<'a>(group: &'a Group, about: &About<'a>) -> Option<&'a str> {
    let given = || about.reviews.iter().find(|row| row.bundle == group.bundle)?.files.first();
    let path = group.remark.path.as_ref().filter(|path| !path.is_empty()).or_else(given);
    path.map(String::as_str).filter(|path| !path.is_empty())
}

fn message(group: &Group) -> String {
    let mut text = group.remark.what.clone();
    if let Some(why) = &group.remark.why {
        let _ = write!(text, " ({why})");
    }
    one_line(&shown(&text)).replace("](", "] (")
}

fn result(group: &Group, path: &str) -> Value {
    let remark = &group.remark;
    let rule = usize::from(!group.is_convergent());
    let mut location = json!({"artifactLocation": {"uri": uri_path(path)}});
    // Lines of the file as it was are none of the commit that is named.
    let line = remark.line.filter(|_| remark.side == DiffSide::New && !remark.outside);
    if let Some(line) = line.filter(|_| remark.path.is_some()) {
        location["region"] = json!({"startLine": line, "endLine": remark.end_line.unwrap_or(line)});
    }
    let mut result = json!({
        "ruleId": if rule == 0 { "convergent" } else { "single" },
        "ruleIndex": rule,
        "level": group.severity.sarif_level(),
        "message": {"text": message(group)},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"scrumFleet/v1": group.id, "primaryLocationLineHash": group.id},
        "properties": {"reviewers": group.reviewers, "severity": group.severity.label()},
    });
    match group.state {
        Some(FindingState::New) => result["baselineState"] = "new".into(),
        Some(FindingState::Open) => result["baselineState"] = "unchanged".into(),
        _ => {}
    }
    result
}

//! SARIF 2.1.0, the format that code hosts and editors read findings from.

use super::finding::{gravity, undecided};
use super::said::Said;
use super::{FileReport, SweepReport, public_address};
use crate::severity::Severity;
use crate::text::one_line;
use queue_schema::ids::content_id;
use queue_schema::rows::{Finding, FindingKind, FindingState, ReviewRow};
use queue_schema::sweep::TargetStatus;
use scrum_shown::shown;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Kinds that are reported, with description. A verified component is no result.
const RULES: &[(FindingKind, &str)] = &[
    (FindingKind::CriticalFailure, "A failure that must be mended"),
    (FindingKind::PseudocodeFlag, "Code that only pretends to work"),
    (FindingKind::PrdMismatch, "The file does other than the PRD says"),
    (FindingKind::Contradiction, "The file contradicts the PRD or the proposal"),
    (FindingKind::BrokenPipeline, "Data produced and never consumed, or the reverse"),
    (FindingKind::MissingComponent, "Something the file needs and lacks"),
    (FindingKind::RiskPoint, "Works now, may break"),
    (FindingKind::Suggestion, "A suggested change"),
    (FindingKind::RequiredNextAction, "What to do next"),
];

/// What a person who sees one is told to do; code hosts want such a text.
const HELP: &str = "A language model claims this. Read the quoted lines and judge for yourself; the \
                    confidence says how sure the model is, and an unanchored finding quotes what is \
                    not in the file.";

/// What paths are relative to: the top of the repository, wherever a reader has it.
const ROOT: &str = "%SRCROOT%";
/// Where the kinds of findings are described.
const HELP_URI: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/reports.md");

/// Places of an ambiguous finding that a result names.
const MOST_RELATED: usize = 50;
/// Files that were not reviewed and are named; the others are counted.
const MOST_NAMED: usize = 200;

/// What stands before and behind the results of a sweep's one run.
pub fn frame(report: &SweepReport) -> (String, String) {
    const RESULTS: &str = "\"results\": [";
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(kind, about)| {
            json!({
                "id": kind.as_str(),
                // It must not be the id in other letters, which one word would be.
                "name": format!("{}Finding", pascal_case(kind.as_str())),
                "helpUri": HELP_URI,
                "shortDescription": {"text": about},
                "fullDescription": {"text": about},
                "help": {"text": HELP},
                "defaultConfiguration": {"level": Severity::of(*kind).sarif_level()},
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "Scrum Fleet",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "automationDetails": {"id": format!("scrum-fleet/{}", report.sweep_id)},
            "versionControlProvenance": [{
                "repositoryUri": repository_uri(&report.repo),
                "revisionId": report.commit,
                "mappedTo": {"uriBaseId": ROOT},
            }],
            "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the repository"}}},
            "columnKind": "unicodeCodePoints",
            "results": [],
        }]
    });
    // Within strings the quotes are escaped: only the member itself is written like this.
    let text = format!("{log:#}\n");
    let (head, tail) = text.split_once(RESULTS).unwrap_or((&text, ""));
    let tail = tail.strip_prefix(']').unwrap_or(tail);
    (format!("{head}{RESULTS}"), tail.to_owned())
}

/// What was to be reviewed and was not: without it a scanner that finds no result would see a clean one.
#[derive(Debug, Default)]
pub struct NotReviewed {
    /// Notifications as JSON.
    named: Vec<String>,
    more: usize,
}

impl NotReviewed {
    /// Adds a file.
    pub fn add(&mut self, file: &FileReport) {
        let level = match file.status {
            TargetStatus::Unresolved => "error",
            TargetStatus::LeftOut
            | TargetStatus::Cancelled
            | TargetStatus::Waiting
            | TargetStatus::Live => "warning",
            TargetStatus::Resolved | TargetStatus::Skipped => return,
        };
        if self.named.len() >= MOST_NAMED {
            self.more += 1;
            return;
        }
        let why = file.reason().map(|why| format!(": {}", shown(&one_line(why))));
        let text = format!("not reviewed, {}{}", file.status_word(), why.unwrap_or_default());
        let note = json!({
            "level": level,
            "message": {"text": text.replace("](", "] (")},
            "locations": [{"physicalLocation": {"artifactLocation": artifact(&file.target.path)}}],
        });
        self.named.push(note.to_string());
    }

    /// How the run went, as a member that follows the results.
    pub fn invocations(&self) -> String {
        let mut notes = self.named.join(",\n");
        if self.more > 0 {
            let text =
                format!("{} further files were not reviewed; the report lists them", self.more);
            let _ = write!(notes, ",\n{}", json!({"level": "warning", "message": {"text": text}}));
        }
        let fine = self.named.is_empty();
        format!(
            ",\n\"invocations\": [{{\"executionSuccessful\": {fine}, \"toolExecutionNotifications\": [{notes}]}}]"
        )
    }
}

/// The actionable findings of a file, dismissed ones included. Those that are gone are left out: code hosts take
/// every result of a log for one that is there.
pub fn results(file: &FileReport) -> Vec<Value> {
    let Some(row) = &file.row else { return Vec::new() };
    let said = row.findings.iter().filter(|f| f.kind.is_actionable());
    said.filter_map(|finding| result(row, finding)).collect()
}

/// What the state of a finding is called against the sweep before.
const fn baseline(state: FindingState) -> &'static str {
    match state {
        FindingState::New | FindingState::Reopened => "new",
        FindingState::Open | FindingState::Dismissed => "unchanged",
        FindingState::Changed => "updated",
        FindingState::Fixed => "absent",
    }
}

fn result(row: &ReviewRow, finding: &Finding) -> Option<Value> {
    let at = RULES.iter().position(|(kind, _)| *kind == finding.kind)?;
    let mut location = Map::new();
    location.insert("artifactLocation".into(), artifact(&row.file));
    if let Some(line) = finding.line.filter(|_| finding.anchored) {
        let mut region = json!({"startLine": line, "endLine": finding.end_line.unwrap_or(line)});
        if let Some(quote) = &finding.quote {
            region["snippet"] = json!({"text": shown(quote)});
        }
        location.insert("region".into(), region);
    }
    let mut message = message(finding);
    let mut related: Vec<Value> = Vec::new();
    if finding.is_ambiguous() {
        // Without a region of its own: a wrong line is worse than none.
        let _ = write!(message, " ({})", undecided(&finding.ambiguous_lines));
        related = finding
            .ambiguous_lines
            .iter()
            .take(MOST_RELATED)
            .map(|line| {
                json!({"physicalLocation": {
                    "artifactLocation": artifact(&row.file),
                    "region": {"startLine": line},
                }})
            })
            .collect();
    }
    // Stable while quote and claim are: lines move, and must not make a finding new.
    let said = finding.quote.as_deref().unwrap_or(&finding.text);
    let print =
        content_id(&[finding.kind.as_str().as_bytes(), row.file.as_bytes(), said.as_bytes()]);
    // The ledger's own id follows a finding through other words and other files as well.
    let alert = finding.id.as_ref().unwrap_or(&print);
    let mut result = json!({
        "ruleId": finding.kind.as_str(),
        "ruleIndex": at,
        "level": gravity(finding).sarif_level(),
        "message": {"text": message},
        "locations": [{"physicalLocation": location}],
        // The second name is the one that GitHub tells old alerts from new ones by.
        "partialFingerprints": {"scrumFleet/v1": print, "primaryLocationLineHash": alert},
        "properties": {
            "confidence": finding.confidence,
            "anchored": finding.anchored,
            "ambiguous": finding.is_ambiguous(),
            "model": row.accepted_model,
            "review_id": row.review_id,
        },
    });
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    if let Some(id) = &finding.id {
        result["partialFingerprints"]["scrumFleet/v2"] = id.as_str().into();
    }
    if let Some(worth) = finding.confidence_calibrated {
        result["properties"]["confidence_calibrated"] = worth.into();
    }
    if let Some(audit) = &finding.audit {
        result["properties"]["audit"] = json!({
            "verdict": audit.verdict,
            "upheld": audit.upheld,
            "rejected": audit.rejected,
            "voters": audit.voters,
        });
    }
    if let Some(proven) = &finding.proven {
        result["properties"]["proven"] = json!({"test": proven.test, "run": proven.run});
    }
    if let Some(state) = finding.state {
        result["baselineState"] = baseline(state).into();
    }
    if let Some(why) = &finding.dismissed {
        let why = one_line(&shown(why));
        result["suppressions"] = json!([
            {"kind": "external", "status": "accepted", "justification": why}
        ]);
    }
    Some(result)
}

/// Plain text on one line, without emphasis and safe to show: viewers decode JSON and show it.
/// `[text](target)` would be a link in a SARIF message. What the result holds in places of its own is left out.
fn message(finding: &Finding) -> String {
    let said = Said::of(finding);
    let mut parts = vec![said.title];
    parts.extend(said.why);
    parts.extend(said.fails_for.map(|text| format!("Fails for: {text}")));
    parts.extend(said.instead.map(|text| format!("Instead: {text}")));
    if !said.change.is_empty() && !said.is_diff {
        parts.push(format!("Instead: {}", said.change.join(" ")));
    }
    one_line(&shown(&parts.join("\n"))).replace("](", "] (")
}

/// `critical_failure` as `CriticalFailure`.
fn pascal_case(words: &str) -> String {
    let large = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    words.split('_').map(large).collect::<Vec<String>>().concat()
}

/// A file of the repository.
fn artifact(path: &str) -> Value {
    json!({"uri": uri_path(path), "uriBaseId": ROOT})
}

/// A path as a relative URI.
pub(crate) fn uri_path(path: &str) -> String {
    encoded(path, b"/-._~")
}

/// Letters, digits and the bytes of `kept`; the others percent-encoded.
pub(super) fn encoded(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || kept.contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

/// A URL stays, `user@host:path` is what git means by it, and a local path is a file URI.
pub(crate) fn repository_uri(repo: &str) -> String {
    let repo = &public_address(repo);
    if repo.contains("://") {
        return encoded(repo, b":/?#@!$&'()*+,;=-._~%");
    }
    match repo.split_once(':') {
        Some((host, path)) if !host.contains('/') => {
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("ssh://{}/{}", uri_path(host), uri_path(path.trim_start_matches('/')))
        }
        _ => format!("file://{}", uri_path(repo)),
    }
}

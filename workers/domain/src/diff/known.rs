//! What the ledger of findings holds of the files of a change: shown beside its review, and told to its reviewers as
//! hints that may be wrong.

use crate::findings;
use crate::text::{clip_marked, one_line};
use queue_schema::records::FileFindings;
use queue_schema::rows::{AuditVerdict, FindingState, Severity};
use serde::Serialize;
use std::fmt::Write as _;

/// Characters of a claim, and of the reason why it was dismissed.
const CLAIM_CHARS: usize = 200;

/// A finding of an earlier sweep in a file that a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The file.
    pub path: String,
    /// The first line, from 1, where it was said last; the change may have moved it.
    pub line: Option<u32>,
    /// How grave it is, where that is known.
    pub severity: Option<Severity>,
    /// The claim, cut.
    pub text: String,
    /// Open, reopened or dismissed.
    pub state: FindingState,
    /// Why it was dismissed.
    pub why: Option<String>,
}

/// At most `most` of what is known of these files, each under its path: what is open first, the gravest of it before
/// the rest; then what people dismissed. What a check by program or an audit speaks against is no hint. `now_ms` is
/// what the time is, in milliseconds since the epoch.
pub fn known<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a FileFindings)>,
    now_ms: u64,
    most: usize,
) -> Vec<Known> {
    let mut out = Vec::new();
    for (path, file) in files {
        for kept in &file.all {
            let of = &kept.observed;
            let state = findings::state(of, kept.decided.as_ref(), now_ms);
            let rejected = kept.audit().is_some_and(|a| a.verdict == AuditVerdict::Rejected);
            let told = match state {
                FindingState::Open | FindingState::Reopened => !of.doubted && !rejected,
                FindingState::Dismissed => true,
                _ => false,
            };
            if !told || !of.kind.is_actionable() {
                continue;
            }
            let dismissed = kept.decided.as_ref().filter(|_| state == FindingState::Dismissed);
            out.push(Known {
                path: path.to_owned(),
                line: of.line,
                severity: of.severity,
                text: clip_marked(&one_line(&of.text), CLAIM_CHARS),
                state,
                why: dismissed.map(|d| clip_marked(&one_line(&d.why), CLAIM_CHARS)),
            });
        }
    }
    let last =
        |one: &Known| (one.state == FindingState::Dismissed, one.severity.is_none(), one.severity);
    out.sort_by(|a, b| {
        last(a)
            .cmp(&last(b))
            .then_with(|| (&a.path, a.line, &a.text).cmp(&(&b.path, b.line, &b.text)))
    });
    out.truncate(most);
    out
}

impl Known {
    /// Its place: the path, and the line where there is one.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", one_line(&self.path)),
            None => one_line(&self.path),
        }
    }

    /// How it stands, in words.
    pub fn standing(&self) -> String {
        match (&self.why, self.severity) {
            (Some(why), _) if why.is_empty() => "dismissed by a person".to_owned(),
            (Some(why), _) => format!("dismissed by a person: {why}"),
            (None, Some(severity)) => format!("open, {}", severity.as_str()),
            (None, None) => "open".to_owned(),
        }
    }
}

/// The same in lines for a reviewer.
pub fn hints(known: &[Known]) -> String {
    known.iter().fold(String::new(), |mut out, one| {
        let _ = writeln!(out, "- {}: {} ({})", one.place(), one.text, one.standing());
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::records::{Decided, KeptFinding, Observed};
    use queue_schema::rows::FindingKind;

    fn kept(text: &str, severity: Severity) -> KeptFinding {
        let observed = Observed {
            kind: FindingKind::Suggestion,
            severity: Some(severity),
            text: text.to_owned(),
            code: "c".to_owned(),
            line: Some(7),
            ..Observed::default()
        };
        KeptFinding { observed, ..KeptFinding::default() }
    }

    #[test]
    fn what_is_open_comes_first_and_what_is_over_or_doubted_not_at_all() {
        let minor = kept("a name\nis unclear", Severity::Minor);
        let critical = kept("it loses data", Severity::Critical);
        let decided = |until_ms| Decided {
            dismissed: true,
            why: "by design".to_owned(),
            code: "c".to_owned(),
            until_ms,
            ..Decided::default()
        };
        let mut dismissed = kept("it panics", Severity::Major);
        dismissed.decided = Some(decided(None));
        let mut expired = kept("it was quiet for a while", Severity::Info);
        expired.decided = Some(decided(Some(5)));
        let mut fixed = kept("it is fixed", Severity::Critical);
        fixed.observed.fixed = Some(3);
        let mut doubted = kept("it is doubted", Severity::Critical);
        doubted.observed.doubted = true;
        let all = vec![dismissed, minor, fixed, doubted, expired, critical];
        let file = FileFindings { all, ..FileFindings::default() };
        let told = |most| hints(&known([("src/a.rs", &file)], 10, most));
        let lines = "- src/a.rs:7: it loses data (open, critical)\n\
                     - src/a.rs:7: a name is unclear (open, minor)\n\
                     - src/a.rs:7: it was quiet for a while (open, info)\n\
                     - src/a.rs:7: it panics (dismissed by a person: by design)\n";
        assert_eq!(told(9), lines);
        assert_eq!(told(1), lines.split_inclusive('\n').next().unwrap());
        assert_eq!(told(0), "");
    }
}

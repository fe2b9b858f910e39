//! The built-in checks as a reviewer of a diff: what they find on lines that were put in.

use super::answer::{Opinion, derive};
use super::bundle::Bundle;
use super::patch::{FilePatch, Sign};
use crate::builtin::on_lines;
use crate::severity::Severity;
use queue_schema::rows::{DiffRemark, DiffSeverity};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What stands beside the verdict.
const NOTE: &str = "by the built-in checks, which see what the text alone shows";

/// What the built-in checks say of a bundle, from its files as they are after the change, by their paths. A file that
/// is not among these is passed over.
pub fn builtin(bundle: &Bundle, sources: &BTreeMap<String, String>) -> Opinion {
    let mut remarks = Vec::new();
    for file in &bundle.files {
        let (path, added) = (file.path(), added(file));
        let Some(source) = sources.get(&path).filter(|_| !added.is_empty()) else { continue };
        for fault in on_lines(&path, source, &|line| added.contains(&line)) {
            remarks.push(DiffRemark {
                path: Some(path.clone()),
                line: Some(fault.line),
                end_line: Some(fault.line),
                symbol: fault.function,
                severity: match fault.severity {
                    Severity::Critical => DiffSeverity::Block,
                    Severity::Major => DiffSeverity::Warn,
                    Severity::Minor | Severity::Info => DiffSeverity::Info,
                },
                what: fault.title,
                why: Some(format!("{}. {}", fault.fails, fault.change)),
                quote: Some(fault.quote),
                place: format!("{path}:{}", fault.line),
                ..DiffRemark::default()
            });
        }
    }
    Opinion { verdict: derive(&remarks), note: NOTE.to_owned(), remarks, ..Opinion::default() }
}

/// The lines that were put in, by their numbers.
fn added(file: &FilePatch) -> BTreeSet<u32> {
    let lines = file.hunks.iter().flat_map(super::Hunk::numbered);
    lines.filter(|(_, _, line)| line.sign == Sign::Added).filter_map(|(_, new, _)| new).collect()
}

impl Opinion {
    /// It in the form that reviewers are asked for: what stands for the answer of one that writes none.
    pub fn written(&self) -> String {
        let mut out = String::new();
        for remark in &self.remarks {
            let fields = [
                ("SEVERITY", Some(remark.severity.label())),
                ("WHERE", Some(remark.place.as_str())),
                ("QUOTE", remark.quote.as_deref()),
                ("WHAT", Some(remark.what.as_str())),
                ("WHY", remark.why.as_deref()),
            ];
            for (name, value) in fields.iter().filter_map(|(name, v)| Some((name, (*v)?))) {
                let _ = writeln!(out, "{name}: {value}");
            }
            out.push('\n');
        }
        let _ = writeln!(out, "VERDICT: {} - {}", self.verdict.as_str(), self.note);
        out
    }
}

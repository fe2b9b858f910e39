//! What the applier did with a sweep's reviews.

use super::escape::{code, escape};
use super::top::First;
use crate::text::{clip_marked, counted, one_line};
use queue_schema::rows::AutoApplyRow;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Characters of a reason that are shown.
const REASON: usize = 200;
/// Lines of decisions that the report shows.
const LINES_SHOWN: usize = 20;

/// The applier's decisions, in their order.
#[derive(Debug)]
pub struct Applied {
    counts: BTreeMap<&'static str, u32>,
    without_sandbox: usize,
    pub(super) first: First,
}

impl Default for Applied {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), without_sandbox: 0, first: First::new(LINES_SHOWN) }
    }
}

impl Applied {
    /// Adds a decision.
    pub fn add(&mut self, row: &AutoApplyRow) {
        *self.counts.entry(row.action.as_str()).or_default() += 1;
        self.without_sandbox += usize::from(row.unsafe_no_sandbox);
        self.first.offer(|| line(row));
    }

    /// The head of the section.
    pub(super) fn head(&self) -> String {
        let warning = match self.without_sandbox {
            0 => String::new(),
            n => format!(
                "**The check ran without a sandbox** for {}, as was asked for: it could do all that the \
                 worker's user may.\n\n",
                counted(n, "decision", "decisions")
            ),
        };
        format!("# Applied\n\n{warning}")
    }

    /// How many decisions of each kind, for `summary.json`; null when the applier was not asked.
    pub fn summary(&self) -> Value {
        if self.counts.is_empty() { Value::Null } else { json!(self.counts) }
    }
}

fn line(row: &AutoApplyRow) -> String {
    let commit = row.commit.as_ref().map(|commit| {
        let short: String = commit.chars().take(10).collect();
        format!(", {} on {}", code(&short), code(&row.branch))
    });
    let reason = match row.reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", escape(&clip_marked(&one_line(reason), REASON))),
    };
    let action = row.action.as_str().replace('_', " ");
    let proof = match row.proof.as_ref() {
        Some(proof) if proof.proven => format!(", finding proven by {}", code(&proof.test)),
        Some(_) => ", finding not proven".to_owned(),
        None => String::new(),
    };
    let bare = if row.unsafe_no_sandbox { ", without a sandbox" } else { "" };
    let commit = commit.unwrap_or_default();
    format!("- {}: {action}{commit}{proof}{bare}{reason}\n", code(&row.file))
}

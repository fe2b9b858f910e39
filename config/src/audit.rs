//! `[audit]`: who votes on findings, and within which bounds.

use crate::diff::is_reviewer;
use crate::provider::ProviderConfig;
use crate::validate::Checks;
use queue_schema::rows::Severity;
use queue_schema::sweep::AuditBounds;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[audit]`: frozen into a sweep whose findings are audited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// Findings that are less grave are not audited.
    pub min_severity: Severity,
    /// Bytes of a file that voters are shown whole.
    pub file_bytes: u64,
    /// Lines before and behind a finding that they see of a larger one.
    pub around_lines: u32,
    /// Findings of a review that are put to the vote at most.
    pub max_findings: u32,
    /// Tokens to generate for one vote.
    pub max_tokens: u32,
    /// `PROVIDER/MODEL`, or the name of a ladder, that is asked when votes split; empty for nobody.
    pub tie_breaker: String,
    /// Voters by name: `PROVIDER/MODEL`, or the name of a ladder; empty for none of that name.
    pub voters: BTreeMap<String, String>,
}

impl AuditSettings {
    /// What is frozen into a sweep.
    pub fn bounds(&self) -> AuditBounds {
        // No `..`: a new bound without a setting must not compile.
        AuditBounds {
            file_bytes: self.file_bytes,
            around_lines: self.around_lines,
            max_findings: self.max_findings,
            max_tokens: self.max_tokens,
        }
    }

    pub(crate) fn validate(
        &self,
        providers: &BTreeMap<String, ProviderConfig>,
        check: &mut Checks,
    ) {
        check.range("audit.file_bytes", self.file_bytes, 1000, 1 << 24);
        check.range("audit.around_lines", self.around_lines.into(), 2, 10_000);
        check.range("audit.max_findings", self.max_findings.into(), 1, 100);
        check.range("audit.max_tokens", self.max_tokens.into(), 1, 1_000_000);
        let model = self.tie_breaker.split_once('/');
        if let Some((provider, _)) = model.filter(|(name, _)| !providers.contains_key(*name)) {
            let known: Vec<&str> = providers.keys().map(String::as_str).collect();
            let what = format!("there is no provider '{provider}'");
            check.add("audit.tie_breaker", what, &format!("use one of {}", known.join(", ")));
        }
        for name in self.voters.keys().filter(|name| !is_reviewer(name)) {
            let what = format!("'{name}' can't be the name of a voter");
            let key = format!("audit.voters.{name}");
            check.add(&key, what, "use 1 to 32 of a-z, 0-9, _, - and .");
        }
    }
}

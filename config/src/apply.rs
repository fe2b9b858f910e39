//! `[apply]`: how reviews become commits.

use crate::validate::{Checks, is_variable};
use queue_schema::apply::{ApplyRules, ProveRules};
use queue_schema::sweep::Rung;
use serde::Deserialize;
use std::path::PathBuf;

/// What contains the check command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Bubblewrap, or nothing is run.
    Auto,
    /// Another name of `Auto`.
    Bubblewrap,
    /// As `Auto`, but a run may ask to do without.
    None,
}

/// The applier; the meaning and default of each field stand in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplySettings {
    /// Provider of the patch model.
    pub provider: String,
    /// The patch model.
    pub model: String,
    /// Its sampling temperature.
    pub temperature: f64,
    /// Tokens to generate for the patches of a file at most.
    pub max_tokens: u32,
    /// Least mean confidence of a review, and least of a patch, in percent.
    pub min_conf: u8,
    /// Least confidence of any finding of a review, in percent.
    pub min_each: u8,
    /// Whether findings that nothing confirms become patches too.
    pub unconfirmed: bool,
    /// Files of one run at most.
    pub max_files: u32,
    /// Patches of one file at most.
    pub max_patches: u32,
    /// Lines of a patch at most, on its larger side.
    pub max_lines: u32,
    /// Paths that are never touched.
    pub deny: Vec<String>,
    /// Exceptions from what is not changed for its kind.
    pub permit: Vec<String>,
    /// Extensions of files that may be changed.
    pub allow: Vec<String>,
    /// Branches that are never written.
    pub protected: Vec<String>,
    /// Characters of a file that is shown whole to the patch model.
    pub whole_chars: u32,
    /// Lines around a finding that are shown of a larger file.
    pub around_lines: u32,
    /// Rounds of check and test of one run at most.
    pub max_checks: u32,
    /// Seconds for one run of the check or the test command.
    pub check_timeout_s: u64,
    /// Memory of one process of it, in MiB.
    pub check_memory_mib: u64,
    /// Bytes of its output that are kept, the last ones.
    pub check_output_bytes: u64,
    /// How often in a row the test of a finding passes with the patch.
    pub prove_repeats: u32,
    /// Lines of such a test at most.
    pub prove_max_lines: u32,
    /// Seconds for one run of it.
    pub prove_timeout_s: u64,
    /// The command that runs one test file; empty for what fits the project.
    pub prove_command: String,
    /// Path of the file of a test; empty for what fits the project.
    pub prove_test: String,
    /// Commands that a worker runs beside the one that fits the project.
    pub allowed_checks: Vec<String>,
    /// What contains it.
    pub sandbox: SandboxMode,
    /// Further paths that it may read.
    pub readable: Vec<PathBuf>,
    /// Names of environment variables that it may see.
    pub pass_env: Vec<String>,
    /// Bytes of the tree that is checked at most.
    pub max_tree_bytes: u64,
    /// Author of the commits.
    pub author_name: String,
    /// Their address.
    pub author_email: String,
}

impl ApplySettings {
    /// The patch model as a rung.
    pub fn rung(&self) -> Rung {
        Rung {
            provider: self.provider.clone(),
            model: self.model.clone(),
            note: String::new(),
            max_tokens: Some(self.max_tokens),
            context_tokens: None,
            max_findings: None,
            temperature: Some(self.temperature),
            usd_per_million_in: None,
            usd_per_million_out: None,
        }
    }

    /// What is frozen into a run.
    pub fn rules(&self) -> ApplyRules {
        ApplyRules {
            min_conf: self.min_conf,
            max_lines: self.max_lines,
            unconfirmed: self.unconfirmed,
            max_patches: self.max_patches,
            whole_chars: self.whole_chars,
            around_lines: self.around_lines,
            max_checks: self.max_checks,
            deny: self.deny.clone(),
            protected: self.protected.clone(),
            author: (self.author_name.clone(), self.author_email.clone()),
        }
    }

    /// What is frozen into a run that proves findings.
    pub fn prove(&self) -> ProveRules {
        ProveRules { repeats: self.prove_repeats, max_lines: self.prove_max_lines }
    }

    /// Whether a check runs without a sandbox: the run asked for that, and these settings allow it.
    pub fn goes_without_sandbox(&self, asked: bool) -> bool {
        asked && self.sandbox == SandboxMode::None
    }

    pub(crate) fn validate(&self, check: &mut Checks) {
        check.fraction("apply.temperature", self.temperature, 2.0);
        check.range("apply.max_tokens", self.max_tokens.into(), 1, 1_000_000);
        check.range("apply.min_conf", self.min_conf.into(), 0, 100);
        check.range("apply.min_each", self.min_each.into(), 0, 100);
        check.range("apply.max_files", self.max_files.into(), 1, 1000);
        check.range("apply.max_patches", self.max_patches.into(), 1, 20);
        check.range("apply.max_lines", self.max_lines.into(), 1, 200);
        check.range("apply.whole_chars", self.whole_chars.into(), 100, 1_000_000);
        check.range("apply.around_lines", self.around_lines.into(), 1, 10_000);
        check.range("apply.max_checks", self.max_checks.into(), 2, 1000);
        check.range("apply.check_timeout_s", self.check_timeout_s, 1, 24 * 3600);
        check.range("apply.check_memory_mib", self.check_memory_mib, 16, 1 << 20);
        check.range("apply.check_output_bytes", self.check_output_bytes, 1024, 1 << 26);
        check.range("apply.max_tree_bytes", self.max_tree_bytes, 1024, 1 << 40);
        self.validate_prove(check);
        for (key, value) in [("apply.provider", &self.provider), ("apply.model", &self.model)] {
            if value.trim().is_empty() {
                check.add(key, "the applier needs a patch model".to_owned(), "name one");
            }
        }
        let broken = |s: &str| s.trim().is_empty() || s.contains(['<', '>', '\n', '\0']);
        for (key, value) in
            [("apply.author_name", &self.author_name), ("apply.author_email", &self.author_email)]
        {
            if broken(value) {
                let what = "a commit can't have it".to_owned();
                check.add(key, what, "write a text without <, > and line breaks");
            }
        }
        for (key, list) in [
            ("apply.deny", &self.deny),
            ("apply.permit", &self.permit),
            ("apply.allow", &self.allow),
            ("apply.protected", &self.protected),
            ("apply.allowed_checks", &self.allowed_checks),
        ] {
            if list.iter().any(|entry| entry.trim().is_empty()) {
                let what = "an empty entry is ambiguous".to_owned();
                check.add(key, what, "take the empty entries out");
            }
        }
        if self.allow.iter().any(|e| e != "*" && e.contains(['.', '*', '/'])) {
            let what = "these are not all extensions of files".to_owned();
            check.add("apply.allow", what, "write rs, not .rs or *.rs; * alone allows any file");
        }
        if !self.pass_env.iter().all(|name| is_variable(name)) {
            let what = "these are not all names of environment variables".to_owned();
            check.add("apply.pass_env", what, "write names such as DATABASE_URL, not values");
        }
    }

    fn validate_prove(&self, check: &mut Checks) {
        check.range("apply.prove_repeats", self.prove_repeats.into(), 1, 100);
        check.range("apply.prove_max_lines", self.prove_max_lines.into(), 5, 2000);
        check.range("apply.prove_timeout_s", self.prove_timeout_s, 1, 24 * 3600);
        let (command, test) = (self.prove_command.trim(), self.prove_test.trim());
        if command.is_empty() != test.is_empty() {
            let (key, other) = if command.is_empty() {
                ("apply.prove_command", "apply.prove_test")
            } else {
                ("apply.prove_test", "apply.prove_command")
            };
            let what = format!("it is empty, and {other} is not");
            check.add(key, what, "set both, or neither");
        } else if !command.is_empty() && !command.contains("{test}") {
            let what = "it does not say where the path of the test goes".to_owned();
            check.add("apply.prove_command", what, "write {test} there");
        }
        let climbs =
            test.starts_with('/') || test.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !test.is_empty() && (climbs || !test.contains("{name}")) {
            let what = "this is not the path of a test inside the repository".to_owned();
            check.add("apply.prove_test", what, "write for instance \"tests/{name}.t\"");
        }
    }
}

//! What a check and a test said.

use super::gates::{Failed, Gate};
use crate::text::{clip_marked, counted, one_line};

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// It ended with 0.
    pub ok: bool,
    /// It was ended because it took too long.
    pub timed_out: bool,
    /// What it wrote, the last part of it.
    pub output: String,
}

impl Ran {
    fn why(&self, what: &str) -> String {
        if self.timed_out {
            return format!("the {what} was not done in time");
        }
        let line = first_error(&self.output).map(|l| format!(": {l}")).unwrap_or_default();
        format!("the {what} failed{line}")
    }
}

/// The line that most likely says what is wrong.
pub(super) fn first_error(output: &str) -> Option<String> {
    let telling = |l: &&str| {
        let l = l.trim_start();
        l.starts_with("error")
            || l.contains("Error:")
            || l.contains(": error")
            || l.starts_with("FAIL")
            || l.contains("panicked")
    };
    let line =
        output.lines().find(telling).or_else(|| output.lines().rfind(|l| !l.trim().is_empty()))?;
    Some(clip_marked(&one_line(line), 200))
}

/// Judges one round of check and test against what was measured without any patch.
///
/// # Errors
/// The first of the gates check, warnings, tests that failed.
pub fn judge(check: &Ran, test: Option<&Ran>, warnings_before: u32) -> Result<(), Failed> {
    if !check.ok {
        return Err(Failed::at(Gate::Check, check.why("check")));
    }
    let after = warnings(&check.output);
    if after > warnings_before {
        return Err(Failed::at(
            Gate::Warnings,
            format!("{}, {warnings_before} before", counted(after as usize, "warning", "warnings")),
        ));
    }
    match test {
        Some(test) if !test.ok => Err(Failed::at(Gate::Tests, test.why("test"))),
        _ => Ok(()),
    }
}

/// Warnings in the output of a check, as compilers and linters print them: `warning: unused`,
/// `file.c:3:1: warning: unused`, `file.py:3: DeprecationWarning: old`, ` 3:1  warning  unused`. A
/// summary such as ``warning: `app` (lib) generated 2 warnings`` is none.
pub fn warnings(output: &str) -> u32 {
    let n = output.lines().filter(|line| is_warning(line)).count();
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn is_warning(line: &str) -> bool {
    let line = line.trim();
    if line.contains(" generated ") && line.contains(" warning") {
        return false;
    }
    let lower = line.to_lowercase();
    lower.match_indices("warning").any(|(at, word)| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + word.len()..].chars().next();
        // `DeprecationWarning:` has a name before it, and counts by its colon.
        let starts = before.is_none_or(|c| c.is_whitespace() || c == '[');
        match after {
            Some(':' | '[' | '(') => starts || before.is_some_and(char::is_alphanumeric),
            Some(' ' | '\t') => starts && at > 0 && lower[at + word.len()..].starts_with("  "),
            _ => false,
        }
    })
}

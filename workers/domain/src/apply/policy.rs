//! Checks a run against the worker's own settings. A record in Redis can request less than the worker allows, but
//! never more.

use queue_schema::apply::ApplyRules;

/// Who answers for a run's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    /// Nobody: the record is not signed.
    Nobody,
    /// A program with the fleet's key, which may choose commands. The other rules still apply.
    Key,
}

/// A run that this worker does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One word for programs.
    pub name: &'static str,
    /// Why, and what to do.
    pub why: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

impl std::error::Error for Refused {}

/// The stricter of two sets of rules, rule by rule. The author is that of the request.
pub fn stricter(asked: ApplyRules, own: &ApplyRules) -> ApplyRules {
    ApplyRules {
        min_conf: asked.min_conf.max(own.min_conf),
        max_lines: asked.max_lines.min(own.max_lines),
        unconfirmed: asked.unconfirmed && own.unconfirmed,
        max_patches: asked.max_patches.min(own.max_patches),
        whole_chars: asked.whole_chars.min(own.whole_chars),
        around_lines: asked.around_lines.min(own.around_lines),
        max_checks: asked.max_checks.min(own.max_checks),
        deny: both(asked.deny, &own.deny),
        protected: both(asked.protected, &own.protected),
        author: asked.author,
    }
}

fn both(mut asked: Vec<String>, own: &[String]) -> Vec<String> {
    asked.extend(own.iter().filter(|entry| !asked.contains(entry)).cloned().collect::<Vec<_>>());
    asked
}

/// Whether a worker runs a command: it is the one detected for the project, its settings name it or say `*`, or a
/// program with the fleet's key requested it.
///
/// # Errors
/// The refusal.
pub fn command(
    command: &str,
    detected: Option<&str>,
    allowed: &[String],
    vouched: Vouched,
) -> Result<(), Refused> {
    let named = allowed.iter().any(|entry| entry == "*" || entry == command);
    if vouched == Vouched::Key || named || detected == Some(command) {
        return Ok(());
    }
    let fits = detected.map_or_else(
        || "none is known for this project".to_owned(),
        |detected| format!("`{detected}` fits this project"),
    );
    Err(Refused {
        name: "check_not_allowed",
        why: format!(
            "this worker does not run `{command}`: {fits}, and its apply.allowed_checks does not name it; \
             add it there, start the worker again, and retry this job"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_sets_of_rules_the_stricter_wins() {
        let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>();
        let rules = |min_conf, n: u32, deny: &[&str], protected: &[&str]| ApplyRules {
            min_conf,
            max_lines: n,
            unconfirmed: n > 5,
            max_patches: n,
            whole_chars: n,
            around_lines: n,
            max_checks: n,
            deny: list(deny),
            protected: list(protected),
            author: ("asked".into(), "a@b".into()),
        };
        let (loose, strict) = (rules(1, 9, &["a/"], &[]), rules(90, 2, &["b/"], &["main"]));
        assert_eq!(stricter(loose.clone(), &strict), rules(90, 2, &["a/", "b/"], &["main"]));
        assert_eq!(stricter(strict, &loose), rules(90, 2, &["b/", "a/"], &["main"]));
    }

    #[test]
    fn a_command_runs_if_it_is_detected_or_allowed_or_signed() {
        let list = |entries: &[&str]| entries.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>();
        let fits = Some("cargo check --workspace");
        for (asked, detected, allowed, vouched, ok) in [
            ("cargo check --workspace", fits, &[][..], Vouched::Nobody, true),
            ("cargo check --workspace; curl x", fits, &[], Vouched::Nobody, false),
            ("make check", fits, &["make check"], Vouched::Nobody, true),
            ("make check ", fits, &["make check"], Vouched::Nobody, false),
            ("anything", None, &["make check"], Vouched::Nobody, false),
            ("anything", None, &["*"], Vouched::Nobody, true),
            ("anything", None, &[], Vouched::Key, true),
        ] {
            let told = command(asked, detected, &list(allowed), vouched);
            assert_eq!(told.is_ok(), ok, "{asked}: {told:?}");
        }
        let told = command("x", fits, &[], Vouched::Nobody).unwrap_err().to_string();
        assert!(told.starts_with("check_not_allowed: ") && told.contains("apply.allowed_checks"));
    }
}

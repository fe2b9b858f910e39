//! What an item says behind its labels, besides its quote.

use super::bounds::FAULT;
use super::code::is_code_fence;
use super::items::{Item, label};
use super::labels::{Role, role};
use queue_schema::rows::Severity;

/// Whether what stands behind a label has a field of its own, so that a claim need not say it again.
fn has_field(name: &str) -> bool {
    use Role as R;
    let own = [R::Quote, R::FailsFor, R::Change, R::Severity, R::Why, R::Flag, R::Confidence];
    name == CLAIM || role(name).is_some_and(|role| own.contains(&role))
}

/// The label of what is wrong.
const CLAIM: &str = "claim";

impl Item {
    /// The claim: what stands behind its label, then what no field has. Without such a label all that is written.
    pub(super) fn claim(&self) -> String {
        let Some(claim) = self.labelled(|name| name == CLAIM) else { return self.text() };
        let mut lines = vec![claim];
        let (mut own, mut in_code) = (false, false);
        for line in &self.lines {
            if let Some((name, _)) = label(line).filter(|_| !in_code) {
                own = has_field(&name);
            }
            in_code ^= is_code_fence(line);
            if !own && !line.trim().is_empty() {
                lines.push(line.trim_end().to_owned());
            }
        }
        lines.join("\n").trim().to_owned()
    }

    /// The input or state for which it goes wrong.
    pub(super) fn fails_for(&self) -> Option<String> {
        self.labelled(|name| role(name) == Some(Role::FailsFor))
    }

    /// What should stand there.
    pub(super) fn change(&self) -> Option<String> {
        self.labelled(|name| role(name) == Some(Role::Change))
    }

    /// How grave it is.
    pub(super) fn severity(&self) -> Option<Severity> {
        severity(&self.labelled(|name| role(name) == Some(Role::Severity))?)
    }

    /// Whether an item that has no number says of some code what is wrong, or how sure it is.
    pub(super) fn is_told(&self) -> bool {
        let said = |wanted: Role| self.labelled(|name| role(name) == Some(wanted));
        let wrong = |wanted| said(wanted).is_some_and(|said| !super::says_nothing(&said));
        FAULT.into_iter().any(wrong) || (said(Role::Confidence).is_some() && self.has_quote())
    }

    /// What stands behind the first label that is wanted: up to the next label, blocks of code included.
    fn labelled(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let (mut said, mut in_code) = (None::<Vec<&str>>, false);
        for line in &self.lines {
            let label = if in_code { None } else { label(line) };
            in_code ^= is_code_fence(line);
            match (label, said.as_mut()) {
                (Some(_), Some(_)) => break,
                (Some((name, rest)), None) if wanted(&name) => {
                    said = Some(vec![rest]);
                }
                (None, Some(lines)) => lines.push(line),
                _ => {}
            }
        }
        let said = said?.join("\n").trim().to_owned();
        (!said.is_empty() && !super::nothing::is_blank(&said)).then_some(said)
    }
}

/// How grave something is by the first word that says so.
pub(super) fn severity(text: &str) -> Option<Severity> {
    let word = text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty())?;
    Some(match word.to_lowercase().as_str() {
        "critical" | "blocker" | "severe" => Severity::Critical,
        "major" | "high" => Severity::Major,
        "minor" | "medium" | "moderate" | "low" => Severity::Minor,
        "info" | "informational" | "trivial" | "nit" => Severity::Info,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::markdown;

    const ASKED_FOR: &str = "## Findings\n1. Quote: `return x`\n   - Claim: `load` returns the wrong value\n     \
        for an empty list\n   - Fails for: `[]`: returns None, should be 0\n   - Change: ```python\n     return x or 0\n     ```\n   - Where: `load`\n   \
        - Severity: major\n   - Evidence: `size` compares it with 0\n   - Flag: NullableConfusion\n   - Confidence: 80%\n\n\
        2. Quote: `y = 1`\n   Claim: `y` is never read\n   Where: `save`\n   Severity: **low**\n   Confidence: 50%\n\n\
        ## Verdict\nneeds_patch\n";

    #[test]
    fn the_form_that_is_asked_for_is_read_into_fields() {
        let parsed = markdown(ASKED_FOR);
        assert_eq!(parsed.verdict.as_deref(), Some("needs_patch"));
        let [first, second] = &parsed.findings[..] else { panic!("{:?}", parsed.findings) };
        assert_eq!(
            first.text,
            "`load` returns the wrong value\n     for an empty list\n   - Where: `load`"
        );
        assert_eq!(first.quote.as_deref(), Some("return x"));
        assert_eq!(first.fails_for.as_deref(), Some("`[]`: returns None, should be 0"));
        assert!(first.change.as_deref().is_some_and(|c| c.contains("return x or 0")));
        assert_eq!(first.evidence.as_deref(), Some("`size` compares it with 0"));
        assert_eq!((first.severity, first.confidence), (Some(Severity::Major), Some(80)));
        assert_eq!(first.flags, ["NullableConfusion"]);
        assert_eq!(second.text, "`y` is never read\n   Where: `save`", "what no field has stays");
        assert_eq!((second.severity, second.confidence), (Some(Severity::Minor), Some(50)));
        assert_eq!((&second.change, &second.fails_for), (&None, &None));
    }

    #[test]
    fn what_is_no_grade_is_none() {
        for (text, want) in [
            ("Critical!", Some(Severity::Critical)),
            ("`high` (8/10)", Some(Severity::Major)),
            ("Medium", Some(Severity::Minor)),
            ("nit", Some(Severity::Info)),
            ("8/10", None),
            ("not critical", None),
            ("", None),
        ] {
            assert_eq!(severity(text), want, "{text}");
        }
    }
}

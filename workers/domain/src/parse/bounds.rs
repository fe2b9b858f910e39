//! Where a finding begins in a Markdown answer, and what still belongs to one.

use super::items::{Item, Style, label, list_marker, role_of};
use super::labels::{Role, role};

/// Lines of an item that are looked at for what it said before.
const LOOKED_BACK: usize = 100;

/// Labels behind which stands what is wrong.
pub(super) const FAULT: [Role; 4] = [Role::Claim, Role::FailsFor, Role::Change, Role::Why];

/// Whether a line is a title. While a finding is open, one mark needs a blank behind it: `#include` and `#[derive]`
/// are lines of code.
pub(crate) fn is_heading(line: &str, in_finding: bool) -> bool {
    let title = line.trim_start_matches('#');
    let marks = line.len() - title.len();
    let spaced = title.is_empty() || title.starts_with(char::is_whitespace);
    marks > 0 && (spaced || marks > 1 || !in_finding)
}

/// Whether a label at the margin begins a finding that has no number, where none is open.
pub(crate) fn is_first(name: &str) -> bool {
    role(name) == Some(Role::Quote)
}

impl Item {
    fn near(&self) -> &[String] {
        &self.lines[self.lines.len().saturating_sub(LOOKED_BACK)..]
    }

    fn has(&self, wanted: Role) -> bool {
        self.near().iter().any(|line| role_of(line) == Some(wanted))
    }

    /// Whether any of its lines has a label.
    pub(super) fn has_labels(&self) -> bool {
        self.near().iter().any(|line| role_of(line).is_some())
    }

    /// Whether a line says what is wrong, behind a label.
    fn says_fault(&self) -> bool {
        self.near().iter().any(|line| role_of(line).is_some_and(|role| FAULT.contains(&role)))
    }

    /// Whether a bullet of this label at the item's own level begins the next item: the label that the
    /// item itself began with, or another quote after what to write instead of the first one.
    fn begins_again(&self, name: &str) -> bool {
        let last = |role| self.near().iter().rposition(|line| role_of(line) == Some(role));
        let Some((first, _)) = self.lines.first().and_then(|line| label(line)) else {
            return false;
        };
        first == name
            || role(name) == Some(Role::Quote)
                && last(Role::Quote).is_some_and(|quote| last(Role::Change) > Some(quote))
    }

    /// Whether an item that begins with a label and has this one not yet goes on with it.
    fn goes_on_with(&self, name: &str) -> bool {
        let labelled = self.lines.first().is_some_and(|line| label(line).is_some());
        let has = |line: &String| label(line).is_some_and(|(had, _)| had == name);
        labelled && !self.near().iter().any(has)
    }

    /// Whether a list line begins the next item while this one is open.
    pub(super) fn ends_before(&self, line: &str, indent: usize, style: Style) -> bool {
        if self.style == Style::Heading || indent > self.indent + 1 {
            return false;
        }
        let name = label(line).map(|(name, _)| name);
        match (self.style, style) {
            (Style::Numbered, Style::Bullet) => false,
            (Style::Bullet, Style::Bullet) => name.is_none_or(|name| self.begins_again(&name)),
            // Small models number the lines of one finding.
            (Style::Numbered | Style::Labels, Style::Numbered) => {
                name.is_none_or(|name| !self.goes_on_with(&name))
            }
            // Before it says how sure it is, other bullets are a list within its claim.
            (Style::Labels, Style::Bullet) => name.map_or_else(
                || !self.says_fault() || self.has(Role::Confidence),
                |name| self.begins_again(&name),
            ),
            _ => true,
        }
    }

    /// Whether a label that stands in no list begins the next item. Of a list, only an item that is whole is followed
    /// by one without a mark.
    pub(super) fn ends_before_label(&self, indent: usize, name: &str) -> bool {
        let whole = match self.style {
            Style::Heading => false,
            Style::Labels => self.says_fault(),
            Style::Numbered | Style::Bullet => self.has(Role::Confidence),
        };
        whole && indent <= self.indent && self.begins_again(name)
    }

    /// Whether a line belongs to an item that a paragraph at the margin seemed to end: by a label that it lacks. One
    /// that says how sure it is lacks none.
    pub(super) fn resumes_with(&self, line: &str) -> bool {
        let Some((name, _)) = label(line) else { return false };
        let lacks_quote = role(&name) == Some(Role::Quote) && !self.has(Role::Quote);
        let next = list_marker(line)
            .is_some_and(|(indent, style, _)| self.ends_before(line, indent, style));
        !next && !self.has(Role::Confidence) && (lacks_quote || self.goes_on_with(&name))
    }
}

#[cfg(test)]
mod tests;

//! Markdown answers: score, items, tables.

use super::bounds::{is_first, is_heading};
use super::code::{is_code_fence, opening_inside};
use super::confidence::{Confidence, confidence};
use super::forensic::known_verdict;
use super::items::{Item, Section, Style, classify, label, list_marker, numbered_title};
use super::numbers::alignment_score;
use super::{Format, Parsed, finding, once, quote, table};
use queue_schema::rows::{Finding, FindingKind};

/// Reads a Markdown answer.
pub fn markdown(text: &str) -> Parsed {
    let reader = Reader::of(text);
    Parsed {
        format: Format::Markdown,
        alignment_score: alignment_score(text),
        verdict: verdict(text).map(str::to_owned),
        findings: reader.finish(),
        counts: None,
        cut: false,
    }
}

/// Whether a Markdown answer has list items that may well be findings, and of which none was read as
/// one: they stand under no title that tells, and have no confidence.
pub(crate) fn has_unread(text: &str) -> bool {
    let reader = Reader::of(text);
    let named = reader.sections_named;
    reader.found.iter().any(|found| match found {
        Found::Item(item) => {
            item.section != Section::Excluded
                && item.style != Style::Labels
                && !item.is_nothing()
                && from_item(item, named).is_none()
        }
        Found::Row(..) => false,
    })
}

/// What was found, in order of appearance.
enum Found {
    Item(Item),
    Row(Section, table::TableFinding),
}

struct Reader {
    section: Section,
    sections_named: bool,
    /// The title of findings that the titles below it stand under, with its marks.
    above: Option<(usize, Section)>,
    item: Option<Item>,
    /// The lines since a paragraph at the margin ended the last item that was found.
    aside: Option<Vec<String>>,
    table: Vec<String>,
    in_code: bool,
    blank_before: bool,
    found: Vec<Found>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            section: Section::Neutral,
            sections_named: false,
            above: None,
            item: None,
            aside: None,
            table: Vec::new(),
            in_code: false,
            blank_before: true,
            found: Vec::new(),
        }
    }
}

impl Reader {
    /// Reads all lines.
    fn of(text: &str) -> Self {
        let mut reader = Self::default();
        let lines: Vec<&str> = text.lines().collect();
        let mut quoted = 0;
        for (at, line) in lines.iter().enumerate() {
            if quoted > 0 {
                quoted -= 1;
                reader.push(line);
                continue;
            }
            // `- Quote: ```python` opens its block in the line of its label.
            let (line, opens) = if reader.in_code { (*line, None) } else { opening_inside(line) };
            reader.line(line);
            if let Some(fence) = opens {
                reader.line(fence);
            } else if !reader.in_code {
                quoted = quote::lines_below(line, &lines[at + 1..]);
            }
        }
        reader.close();
        reader
    }

    fn line(&mut self, line: &str) {
        let blank_before = std::mem::replace(&mut self.blank_before, line.trim().is_empty());
        if is_code_fence(line) {
            self.in_code = !self.in_code;
            self.push(line);
        } else if self.in_code || self.blank_before {
            self.close_table();
            self.push(line);
        } else if line.trim_start().starts_with('|') {
            self.aside = None;
            self.item.take().into_iter().for_each(|item| self.found.push(Found::Item(item)));
            self.table.push(line.to_owned());
        } else if is_heading(line, self.item.is_some() || self.aside.is_some()) {
            self.heading(line);
        } else if self.resumes(line) {
            self.push(line);
        } else if let Some((indent, style, rest)) = list_marker(line) {
            self.close_table();
            let open = self.item.as_ref();
            if open.is_none_or(|item| item.ends_before(line, indent, style)) {
                self.open(self.section, style, indent, rest);
            } else {
                self.push(line);
            }
        } else {
            self.close_table();
            self.paragraph(line, blank_before);
        }
    }

    fn heading(&mut self, line: &str) {
        let title = line.trim_start_matches('#').trim();
        if let Some((section, rest)) = numbered_title(title) {
            let section = match (section, self.section) {
                (Some(section), _) => section,
                (None, Section::Neutral | Section::Excluded) => Section::Suggestions,
                (None, current) => current,
            };
            self.open(section, Style::Heading, 0, rest);
        } else {
            self.close();
            let (section, marks) =
                (classify(title), line.len() - line.trim_start_matches('#').len());
            self.enter(section);
            if marks > 1 && self.above.is_none_or(|(above, _)| marks <= above) {
                self.above = section.has_findings().then_some((marks, section));
            }
        }
    }

    fn paragraph(&mut self, line: &str, blank_before: bool) {
        let name = label(line).map(|(name, _)| name);
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if name.as_ref().is_some_and(|name| self.label_begins(indent, name)) {
            // `### Unchecked index` is the title of a finding, whatever its words say of a section.
            let section = self.above.map_or(self.section, |(_, section)| section);
            self.open(section, Style::Labels, indent, body);
            return;
        }
        let body = body.trim_end();
        let in_heading = self.item.as_ref().is_some_and(|i| i.style == Style::Heading);
        let looks_like_title = body.len() <= 80
            && (body.trim_end_matches('*').ends_with([':', '：']) || is_all_bold(body))
            && !line.starts_with(' ');
        if looks_like_title && !in_heading && (self.item.is_none() || blank_before) {
            let section = classify(body);
            if section != Section::Neutral && !(name.is_some() && self.is_of_item(section)) {
                self.close();
                self.enter(section);
                return;
            }
        }
        // A paragraph at the margin, after a blank line, is no longer part of a list item, unless labels of it follow.
        let apart = blank_before && !line.starts_with([' ', '\t']);
        if apart && !in_heading && name.is_none() && self.item.is_some() {
            self.close();
            self.aside = Some(Vec::new());
        }
        self.push(line);
    }

    /// Whether a label in no list begins a finding.
    fn label_begins(&self, indent: usize, name: &str) -> bool {
        match &self.item {
            Some(item) => item.ends_before_label(indent, name),
            None => is_first(name),
        }
    }

    /// Whether a label alone on its line is one of the open item, and no title: `**Change:**` above a block of code.
    fn is_of_item(&self, section: Section) -> bool {
        self.item.as_ref().is_some_and(|item| {
            item.section == section || (item.section != Section::Excluded && item.has_labels())
        })
    }

    /// Takes up the item that a paragraph seemed to end, where the line is one of it: so was the paragraph.
    fn resumes(&mut self, line: &str) -> bool {
        if self.aside.is_none() || label(line).is_none() {
            return false;
        }
        let between = self.aside.take().unwrap_or_default();
        match self.found.pop() {
            Some(Found::Item(mut item)) if item.resumes_with(line) => {
                item.lines.extend(between);
                self.item = Some(item);
                true
            }
            last => {
                self.found.extend(last);
                false
            }
        }
    }

    fn enter(&mut self, section: Section) {
        self.section = section;
        self.sections_named |= section.has_findings();
    }

    fn open(&mut self, section: Section, style: Style, indent: usize, first: &str) {
        self.close();
        self.item = Some(Item { section, style, indent, lines: vec![first.to_owned()] });
    }

    fn push(&mut self, line: &str) {
        let lines = self.item.as_mut().map(|item| &mut item.lines).or(self.aside.as_mut());
        if let Some(lines) = lines {
            lines.push(line.to_owned());
        }
    }

    fn close_table(&mut self) {
        let rows = std::mem::take(&mut self.table);
        let section = self.section;
        self.found
            .extend(table::findings(&rows, section).into_iter().map(|r| Found::Row(section, r)));
    }

    fn close(&mut self) {
        self.close_table();
        self.aside = None;
        if let Some(item) = self.item.take() {
            self.found.push(Found::Item(item));
        }
    }

    fn finish(self) -> Vec<Finding> {
        let named = self.sections_named;
        let found = self.found.into_iter().filter_map(|found| match found {
            Found::Item(item) => from_item(&item, named),
            Found::Row(section, row) => {
                let mut f = finding(kind_of(section), row.text);
                f.quote = row.quote;
                f.flags = row.flags;
                f.place = row.place;
                row.confidence.set(&mut f);
                Some(f)
            }
        });
        once(found)
    }
}

fn from_item(item: &Item, sections_named: bool) -> Option<Finding> {
    let confidence = confidence(&item.prose());
    let counts = match item.section {
        Section::Suggestions | Section::Contradictions => true,
        Section::Excluded => false,
        // Without a title that tells, only a number, a confidence or a quote makes an item a finding.
        Section::Neutral => {
            confidence != Confidence::NotGiven
                || item.has_quote()
                || (!sections_named && item.style != Style::Bullet)
        }
    };
    let text = item.claim();
    if item.is_verdict() || (item.style == Style::Labels && !item.is_told()) {
        return None;
    }
    if !counts || text.is_empty() || (confidence.percent().is_none() && item.is_nothing()) {
        return None;
    }
    let mut f = finding(kind_of(item.section), text);
    confidence.set(&mut f);
    f.quote = item.quote();
    f.place = item.place();
    f.evidence = item.evidence();
    f.flags = item.flags();
    f.severity = item.severity();
    f.fails_for = item.fails_for();
    f.change = item.change();
    Some(f)
}

/// The verdict: behind the last title or label of that name, or below it; or the last line, where it is no more.
pub(super) fn verdict(text: &str) -> Option<&'static str> {
    let mut in_code = false;
    let mut outside = |line: &&str| {
        let fence = is_code_fence(line) || (!in_code && opening_inside(line).1.is_some());
        in_code ^= fence;
        !in_code && !fence
    };
    let plain = |line: &str| {
        let marks = |c: char| c.is_whitespace() || "#*_-.:`".contains(c);
        line.trim_matches(marks).to_ascii_lowercase()
    };
    let lines: Vec<String> =
        text.lines().filter(&mut outside).map(plain).filter(|line| !line.is_empty()).collect();
    let titled = lines.iter().enumerate().rev().find_map(|(at, line)| {
        let rest = line.strip_prefix("verdict")?;
        (!rest.starts_with(crate::text::is_ident)).then_some((at, rest))
    });
    let Some((at, rest)) = titled else { return known_verdict(lines.last()?) };
    let said = if rest.trim().is_empty() { lines.get(at + 1)?.as_str() } else { rest };
    let said = said.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = said.find(|c: char| !crate::text::is_ident(c) && c != '-').unwrap_or(said.len());
    let two = said.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    known_verdict(&said[..end]).or_else(|| known_verdict(&two))
}

const fn kind_of(section: Section) -> FindingKind {
    match section {
        Section::Contradictions => FindingKind::Contradiction,
        _ => FindingKind::Suggestion,
    }
}

fn is_all_bold(line: &str) -> bool {
    line.strip_prefix("**")
        .and_then(|l| l.strip_suffix("**"))
        .is_some_and(|inner| !inner.is_empty() && !inner.contains("**"))
}

#[cfg(test)]
mod tests;

//! A file as findings are looked for in it.

use crate::builtin::symbols::Symbols;
use crate::checks::squeezed;
use crate::redact::{self, Known, MASK_START, Span};
use queue_schema::rows::Finding;
use std::cell::OnceCell;

/// A file with what the findings of it need.
pub struct View {
    text: String,
    /// Without white space.
    code: String,
    symbols: Symbols,
    /// With its secrets masked; for quotes of what was masked.
    masked: OnceCell<String>,
    /// Where those are.
    secrets: OnceCell<Vec<Span>>,
}

impl View {
    /// Of a file.
    pub fn new(path: &str, source: &str) -> Self {
        let text = source.replace("\r\n", "\n").replace('\r', "\n");
        let (code, symbols) = (squeezed(&text), Symbols::new(path, &text));
        let (masked, secrets) = (OnceCell::new(), OnceCell::new());
        Self { text, code, symbols, masked, secrets }
    }

    /// The text with line feeds.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn masked(&self) -> &str {
        self.masked.get_or_init(|| redact::mask(&self.text).text)
    }

    /// What somebody says of the file, without secrets and without pieces of its own.
    pub(super) fn safe(&self, said: &str) -> String {
        let secrets = self.secrets.get_or_init(|| redact::spans(&self.text));
        Known::with(&self.text, secrets).safe(said).text
    }

    /// The function around a line from 1, with what it is in: `Store.push`.
    pub(super) fn symbol(&self, line: u32) -> Option<String> {
        let mut around: Vec<String> = self
            .symbols
            .around((line as usize).saturating_sub(1))
            .map(|names| names.join(" "))
            .collect();
        around.reverse();
        (!around.is_empty()).then(|| around.join("."))
    }

    /// How often some code without white space is in the file.
    pub(super) fn count(&self, code: &str) -> usize {
        if code.is_empty() {
            return 0;
        }
        let plain = self.code.matches(code).count();
        if plain == 0 && code.contains(&squeezed(MASK_START)) {
            return squeezed(self.masked()).matches(code).count();
        }
        plain
    }

    /// Whether a function of this name is there, and if so, whether it has some code without white space.
    pub(super) fn function_has(&self, symbol: &str, code: &str) -> Option<bool> {
        let name = symbol.rsplit(['.', ' ']).next()?;
        let mut ranges = self.symbols.ranges(name).peekable();
        ranges.peek()?;
        let lines: Vec<&str> = self.text.lines().collect();
        let has = |(first, last): (usize, usize)| {
            let last = last.min(lines.len().saturating_sub(1));
            lines.get(first..=last).is_some_and(|lines| squeezed(&lines.concat()).contains(code))
        };
        Some(ranges.any(has))
    }

    /// The code that a finding is about: its quote where the file has it as it is, else the lines that it was
    /// found on, with their secrets masked.
    pub(super) fn code_of(&self, finding: &Finding) -> Option<String> {
        let quote = finding.quote.as_deref()?;
        if self.count(&squeezed(quote)) > 0 || !finding.anchored {
            return Some(quote.to_owned());
        }
        let first = finding.line? as usize;
        let last = finding.end_line.map_or(first, |last| last as usize).max(first);
        let lines = self.masked().lines().skip(first - 1).take(last + 1 - first);
        Some(lines.collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::rows::FindingKind;

    const FILE: &str = "one\ntwo\nlet password = \"Vt7kk#Qpw2xZ\";\nfour\nfive\nsix\n";

    #[test]
    fn code_is_counted_in_the_file_and_what_was_masked_where_it_is_masked() {
        let view = View::new("a.rs", FILE);
        for (code, times) in [
            ("", 0),
            ("four", 1),
            ("seven", 0),
            ("password=\"Vt7kk#Qpw2xZ\"", 1),
            ("password=\"[masked:secret]\"", 1),
            ("four[masked:secret]", 0),
            // The end of a mask is no code.
            ("secret]\";", 0),
        ] {
            assert_eq!(view.count(code), times, "{code}");
        }
    }

    #[test]
    fn a_finding_is_about_its_quote_or_else_about_the_lines_it_was_found_on() {
        let view = View::new("a.rs", FILE);
        for (quote, lines, anchored, code) in [
            ("four", (3, Some(4)), true, "four"),
            ("4: four", (3, Some(4)), false, "4: four"),
            ("3: let", (3, Some(4)), true, "let password = \"[masked:secret]\";\nfour"),
            ("4: four", (4, None), true, "four"),
            ("5: five", (5, Some(2)), true, "five"),
        ] {
            let finding = Finding {
                quote: Some(quote.to_owned()),
                line: Some(lines.0),
                end_line: lines.1,
                anchored,
                ..Finding::new(FindingKind::Suggestion, "x")
            };
            assert_eq!(view.code_of(&finding).as_deref(), Some(code), "{quote} {lines:?}");
        }
    }
}

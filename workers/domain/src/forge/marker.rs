//! Marks in our comments: by them, and by their author, a comment is known again. They stand in the first line, which no
//! text of a model can begin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "<!-- scrum-fleet:";

/// What the mark of a comment says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker {
    /// `summary` or `finding`.
    pub kind: String,
    fields: BTreeMap<String, String>,
}

impl Marker {
    /// A mark of a kind.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), fields: BTreeMap::new() }
    }

    /// With a value; characters that could end the mark are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let kept = |c: &char| c.is_ascii_alphanumeric() || "._:,/-".contains(*c);
        // Two hyphens end a comment of HTML in some readers.
        let value: String = value.chars().filter(kept).collect::<String>().replace("--", "-");
        if !value.is_empty() {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// A value; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The parts of a value that is a list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).split(',').filter(|part| !part.is_empty())
    }

    /// As the first line of a comment.
    pub fn written(&self) -> String {
        let mut out = format!("{HEAD}{}", self.kind);
        for (name, value) in &self.fields {
            let _ = write!(out, " {name}={value}");
        }
        out.push_str(" -->");
        out
    }

    /// Reads the first line of a comment.
    pub fn read(body: &str) -> Option<Self> {
        let line = body.trim_start().lines().next()?;
        let inner = line.strip_prefix(HEAD)?.split_once("-->")?.0;
        let mut words = inner.split_whitespace();
        let kind = words.next()?.to_owned();
        let field = |word: &str| word.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        Some(Self { kind, fields: words.filter_map(field).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_cannot_be_broken_out_of() {
        let marker = Marker::new("summary").with("c", "a--> <b>").with("posted", "x1,y2");
        let body = format!("{}\r\nText", marker.written());
        let read = Marker::read(&body).unwrap();
        assert_eq!(read, marker);
        assert_eq!((read.get("c"), read.list("posted").count(), read.get("no")), ("a-b", 2, ""));
        assert_eq!(Marker::read("Text <!-- scrum-fleet:finding f=1 -->"), None);
        assert_eq!(Marker::read("```\n<!-- scrum-fleet:finding f=1 -->\n```"), None);
    }
}

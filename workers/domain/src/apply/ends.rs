//! Line ends: models write `\n` whatever the file has, and a patch must change no line that it does not mean.

/// A text whose line ends are all `\n`, with the way back.
#[derive(Debug)]
pub(super) struct Flat {
    /// The text.
    pub(super) text: String,
    /// Where a `\r` of the source was left out: offsets in the flat text of the `\n` behind it.
    dropped: Vec<usize>,
}

impl Flat {
    pub(super) fn of(source: &str) -> Self {
        let (mut text, mut dropped) = (String::with_capacity(source.len()), Vec::new());
        for (line, end) in lines(source) {
            text.push_str(line);
            if end == "\r\n" {
                dropped.push(text.len());
            }
            if !end.is_empty() {
                text.push('\n');
            }
        }
        Self { text, dropped }
    }

    /// The offset in the source of an offset here.
    pub(super) fn back(&self, at: usize) -> usize {
        at + self.dropped.partition_point(|dropped| *dropped < at)
    }
}

/// `new` with the line ends that `place` has: lines that are the same keep theirs, a changed line has that of the line
/// in whose place it stands, a further one that of the line before. `usual` is for where there is none.
pub(super) fn with_those_of(place: &str, new: &str, usual: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (lines(place).collect(), lines(new).collect());
    let same = |(a, b): &(&(&str, &str), &(&str, &str))| a.0 == b.0;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(same).count();
    let mut last = usual;
    let mut out = String::with_capacity(place.len() + 16);
    for (i, (line, end)) in new.iter().enumerate() {
        out.push_str(line);
        let in_tail = (i + tail).checked_sub(new.len());
        let of = match in_tail {
            Some(from_tail) => old.get(old.len() - tail + from_tail),
            None => old.get(i).filter(|_| i < old.len() - tail),
        };
        last = of.map(|(_, end)| *end).filter(|end| !end.is_empty()).unwrap_or(last);
        if !end.is_empty() {
            out.push_str(last);
        }
    }
    out
}

/// The line end that is usual around an offset: of the line that it is in, else of the one before.
pub(super) fn around(source: &str, at: usize) -> &str {
    let of = |text| lines(text).map(|(_, end)| end).find(|end| !end.is_empty());
    let before = || {
        let end = source[..at].trim_end_matches(|c| !matches!(c, '\r' | '\n'));
        ["\r\n", "\n", "\r"].into_iter().find(|known| end.ends_with(known))
    };
    of(&source[at..]).or_else(before).unwrap_or("\n")
}

/// The lines of a text, each with its end: `\r\n`, `\n`, `\r`, or none at the very end.
fn lines(mut text: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let at = text.find(['\r', '\n']).unwrap_or(text.len());
        let (line, rest) = text.split_at(at);
        let end = if rest.starts_with("\r\n") { 2 } else { rest.len().min(1) };
        let (end, rest) = rest.split_at(end);
        text = rest;
        Some((line, end))
    })
}

#[cfg(test)]
mod tests {
    use crate::apply::gates::{self, Bounds, Gate};
    use crate::apply::parse::Patch;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { min_conf: 90, max_lines: 6 };

    fn patch(old: &str, new: &str, rationale: &str, confidence: u8) -> Patch {
        let (old_string, new_string) = (old.to_owned(), new.to_owned());
        Patch {
            old_string,
            new_string,
            rationale: rationale.to_owned(),
            confidence: Some(confidence),
        }
    }

    fn fails(content: &str, p: &Patch) -> gates::Failed {
        gates::patch(content, p, &BOUNDS).unwrap_err()
    }

    #[test]
    fn line_ends_stay_as_they_are_around_a_patch_and_in_it() {
        let why = "use `new`";
        for (what, content, old, new, patched) in [
            (
                "LF in CRLF",
                "a\r\nold();\r\nb\r\n",
                "old();\nb",
                "new();\nb",
                "a\r\nnew();\r\nb\r\n",
            ),
            ("CRLF in LF", "a\nold();\nb\n", "old();\r\nb", "new();\r\nb", "a\nnew();\nb\n"),
            (
                "a line more",
                "a\r\nold();\r\n",
                "old();\n",
                "new();\nold();\n",
                "a\r\nnew();\r\nold();\r\n",
            ),
            ("a line less", "a\r\nx\r\nnew\r\n", "x\nnew", "new", "a\r\nnew\r\n"),
            (
                "mixed",
                "a\nold();\r\nb\nc\r\n",
                "old();\nb\nc",
                "new();\nb\nc",
                "a\nnew();\r\nb\nc\r\n",
            ),
            (
                "mixed, two changed",
                "x\r\ny\nz\r\n",
                "x\ny\nz",
                "new\nnew2\nz",
                "new\r\nnew2\nz\r\n",
            ),
            ("mixed, one put in", "x\r\ny\nz\r\n", "x\ny", "x\nnew\ny", "x\r\nnew\r\ny\nz\r\n"),
            (
                "mixed, one put in before two",
                "x\r\ny\nz\n",
                "x\ny\nz\n",
                "x\nnew\ny\nz\n",
                "x\r\nnew\r\ny\nz\n",
            ),
            (
                "mixed, the last keeps its own",
                "x\r\ny\r\nz\n",
                "x\ny\nz\n",
                "x\nnew\nnew2\nz\n",
                "x\r\nnew\r\nnew2\r\nz\n",
            ),
            ("mixed, of two equal ones", "new\r\nnew\nb\n", "new\nnew\n", "new\n", "new\r\nb\n"),
            ("CR alone", "a\rold();\rb\r", "old();\nb", "new();\nb", "a\rnew();\rb\r"),
            ("within a line", "a = old(1);\r\nb\r\n", "old(1)", "new(1)", "a = new(1);\r\nb\r\n"),
            ("split in two", "a(old);\r\nb\r\n", "a(old);", "a(\nnew);", "a(\r\nnew);\r\nb\r\n"),
            ("no end at the end", "a\r\nold()", "old()", "new()\nmore()", "a\r\nnew()\r\nmore()"),
            ("one line at all", "old()", "old()", "new()\nmore()", "new()\nmore()"),
            ("its end goes", "a\r\nold\r\nb\r\n", "old\n", "new ", "a\r\nnew b\r\n"),
            ("a mark before", "\u{feff}old\r\nb\r\n", "old\nb", "new\nb", "\u{feff}new\r\nb\r\n"),
            ("a stray return", "a\rb\nold\n", "old", "new", "a\rb\nnew\n"),
        ] {
            let result = gates::patch(content, &patch(old, new, why, 95), &BOUNDS);
            assert_eq!(result.as_deref(), Ok(patched), "{what}");
        }
        // What is the same but for line ends is in there twice, or is no change.
        let twice = fails("old\r\nx\nold\nx\n", &patch("old\nx\n", "new\n", why, 95));
        assert_eq!(twice.reason, "`old_string` is 2 times in the file");
        assert_eq!(
            fails("a\r\nb\r\n", &patch("a\nb", "a\r\nb", why, 95)).reason,
            "it changes nothing"
        );
    }

    #[test]
    fn only_files_in_utf_8_are_patched() {
        assert!(gates::encoding("").is_ok());
        for name in ["GBK", "UTF-16LE", "windows-1252", crate::decode::DAMAGED] {
            let failed = gates::encoding(name).unwrap_err();
            assert_eq!(failed.gate, Gate::Path);
            assert!(failed.reason.contains(name) && failed.reason.contains("only files in UTF-8"));
        }
    }

    proptest! {
        #[test]
        fn a_patch_changes_what_it_means_and_no_other_byte(
            lines in prop::collection::vec(("[a-c]{0,2}", 0usize..3), 1..12), at in 0usize..12, n in 1usize..3
        ) {
            let end = |k: usize| ["\n", "\r\n", "\r"][k];
            let at = at % lines.len();
            let mut content = String::new();
            for (i, (line, k)) in lines.iter().enumerate() {
                let mark = if i == at { "here" } else { "" };
                content.push_str(&[line, mark, end(*k)].concat());
            }
            let new = "new\n".repeat(n);
            let old = format!("{}here\n", lines[at].0);
            // A return and a line feed that come together are one line end.
            let p = patch(&old, &new, "`new`", 95);
            let patched = gates::patch(&content, &p, &BOUNDS).unwrap();
            let from = content.find(&format!("{}here", lines[at].0)).unwrap();
            prop_assert_eq!(&patched[..from], &content[..from]);
            let behind = &content[from + lines[at].0.len() + 4..];
            let behind = behind.strip_prefix("\r\n").or_else(|| behind.strip_prefix(['\r', '\n'])).unwrap();
            prop_assert!(patched.ends_with(behind));
            prop_assert_eq!(patched.matches("new").count(), n);
        }
    }
}

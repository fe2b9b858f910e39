//! A part of a change as a model may see it that is not local. Its secrets are looked for in whole files: a hunk may show
//! the middle of a key alone, and nobody knows the line of a key by itself, with its number before it.

use super::bundle::Bundle;
use super::patch::{Hunk, Sign};
use super::show;
use crate::redact::{self, Kind, MASK_START, Masked, Span};
use queue_schema::rows::DiffSide;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// The files of parts of a change, by their paths. What is not there, or is no text, is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sides {
    /// As they are before it, by the paths that they have there.
    pub before: BTreeMap<String, String>,
    /// As they are after it.
    pub after: BTreeMap<String, String>,
}

impl Sides {
    /// All of them in one text: what a prompt is made of that shows pieces of them.
    pub fn joined(&self) -> String {
        let all: Vec<&str> =
            self.before.values().chain(self.after.values()).map(String::as_str).collect();
        all.join("\n\n")
    }

    /// Those after the change, with their secrets masked.
    pub fn safe_after(&self) -> BTreeMap<String, String> {
        let safe = |(path, text): (&String, &String)| (path.clone(), redact::mask(text).text);
        self.after.iter().map(safe).collect()
    }
}

/// The text of a part without secrets. Of a file that is missing on a side, or is another one there, each hunk is looked
/// through by itself.
pub fn masked(bundle: &Bundle, sides: &Sides) -> Masked {
    let mut out = Masked::default();
    let mut rest = bundle.text.as_str();
    for file in bundle.files.iter().filter(|file| !show::in_one_line(file)) {
        let (before, after) = (sides.before.get(&file.old_path()), sides.after.get(&file.path()));
        let [before, after] =
            [before, after].map(|text| text.map(|text| Whole::of(Cow::Borrowed(text), 1)));
        for hunk in &file.hunks {
            let shown = show::hunk(hunk);
            let Some((lead, behind)) = rest.split_once(shown.as_str()) else { continue };
            let safe = without(hunk, (before.as_ref(), after.as_ref()), &mut out.kinds);
            out.text.push_str(lead);
            out.text.push_str(&show::hunk(&safe));
            rest = behind;
        }
    }
    out.text.push_str(rest);
    // Headings, and what is told of links in them.
    let left = redact::mask(&out.text);
    out.text = left.text;
    add(&mut out.kinds, left.kinds);
    out
}

/// How many masks stand in a text.
pub fn masks_in(text: &str) -> u32 {
    u32::try_from(text.matches(MASK_START).count()).unwrap_or(u32::MAX)
}

fn add(kinds: &mut BTreeMap<Kind, u32>, more: BTreeMap<Kind, u32>) {
    for (kind, n) in more {
        *kinds.entry(kind).or_default() += n;
    }
}

/// Lines that follow each other, with the secrets in them.
struct Whole<'a> {
    text: Cow<'a, str>,
    /// The number of the first line.
    first: u32,
    /// Where lines begin.
    starts: Vec<usize>,
    secrets: Vec<Span>,
}

impl<'a> Whole<'a> {
    fn of(text: Cow<'a, str>, first: u32) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        let secrets = redact::spans(&text);
        Self { text, first, starts, secrets }
    }

    /// Where the lines of these numbers stand, the break behind the last one left out.
    fn place(&self, lines: Range<u32>) -> Option<Range<usize>> {
        let at = |n: u32| usize::try_from(n.checked_sub(self.first)?).ok();
        let start = *self.starts.get(at(lines.start)?)?;
        let next = at(lines.end)?;
        let end = match self.starts.get(next) {
            Some(next) => next - 1,
            None if next == self.starts.len() => self.text.len(),
            None => return None,
        };
        (start <= end).then_some(start..end)
    }

    fn has(&self, lines: &[(u32, Cow<'_, str>)]) -> bool {
        lines.iter().all(|(n, text)| {
            self.place(*n..n.saturating_add(1)).and_then(|place| self.text.get(place))
                == Some(&**text)
        })
    }

    fn masked(&self, lines: Range<u32>) -> Masked {
        let place = self.place(lines);
        place.map_or_else(Masked::default, |place| redact::cut(&self.text, place, &self.secrets))
    }
}

/// A hunk without the secrets that its files have, as far as they are these.
fn without(
    hunk: &Hunk,
    (before, after): (Option<&Whole<'_>>, Option<&Whole<'_>>),
    kinds: &mut BTreeMap<Kind, u32>,
) -> Hunk {
    let lines = |side: DiffSide| -> Vec<(u32, Cow<'_, str>)> {
        let of = |(old, new, line): (Option<u32>, Option<u32>, _)| {
            let n = if side == DiffSide::Old { old? } else { new? };
            let line: &super::Line = line;
            Some((n, String::from_utf8_lossy(&line.text)))
        };
        hunk.numbered().filter_map(of).collect()
    };
    let own = |lines: &[(u32, Cow<'_, str>)]| {
        let text: Vec<&str> = lines.iter().map(|(_, text)| &**text).collect();
        Whole::of(Cow::Owned(text.join("\n")), lines.first().map_or(1, |(n, _)| *n))
    };
    let (old, new) = (lines(DiffSide::Old), lines(DiffSide::New));
    let (own_old, own_new) = (own(&old), own(&new));
    let old = before.filter(|whole| whole.has(&old)).unwrap_or(&own_old);
    let new = after.filter(|whole| whole.has(&new)).unwrap_or(&own_new);
    let row = |(old, new, line): (Option<u32>, Option<u32>, &super::Line)| {
        let is_old = line.sign == Sign::Removed;
        (is_old, if is_old { old } else { new }.unwrap_or_default())
    };
    let rows: Vec<(bool, u32)> = hunk.numbered().map(row).collect();
    let mut safe = hunk.clone();
    let mut lines = safe.lines.iter_mut();
    // Lines of one side that follow each other are masked together: a key is counted once.
    for run in rows.chunk_by(|(one, _), (other, _)| one == other) {
        let (is_old, first) = run[0];
        let end = first.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
        let masked = if is_old { old } else { new }.masked(first..end);
        for (line, text) in lines.by_ref().take(run.len()).zip(masked.text.split('\n')) {
            line.text = text.as_bytes().to_vec();
        }
        add(kinds, masked.kinds);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::{Bounds, bundles, parse};
    use super::*;

    /// A key of so many lines.
    fn key(lines: usize) -> Vec<String> {
        let frame = ["PRIVATE", " KEY-----"].concat();
        let body = (0..lines).map(|n| format!("MHcCAQEEIq7Rz0Kp{n:02}W3mX9vLb2Ns8TfY4c"));
        let (first, last) = (format!("-----BEGIN EC {frame}"), format!("-----END EC {frame}"));
        std::iter::once(first).chain(body).chain([last]).collect()
    }

    fn part(patch: &str) -> Bundle {
        let patch = parse(patch.as_bytes()).unwrap();
        bundles(&patch, &Bounds::default(), &|_| false).unwrap().bundles.remove(0)
    }

    fn head(ranges: &str) -> String {
        format!("diff --git a/k.txt b/k.txt\n--- a/k.txt\n+++ b/k.txt\n@@ {ranges} @@\n")
    }

    #[test]
    fn secrets_of_a_change_are_known_by_its_whole_files() {
        let key = key(12);
        let file = |last: &str| format!("one\n{}\n{last}\n", key.join("\n"));
        let (old, new) = (file("old"), file("new"));
        let with = |sign: char, lines: &[String]| -> String {
            lines.iter().fold(String::new(), |text, line| format!("{text}{sign}{line}\n"))
        };
        // A change behind the key, of which three lines and its end are shown; one in its middle; the key as it comes and
        // goes.
        let below =
            format!("{}{}-old\n+new\n", head("-12,5 +12,5"), with(' ', &key[key.len() - 4..]));
        let other = "MHcCAQEEIq7Rz0KpXXW3mX9vLb2Ns8TfY4c".to_owned();
        let within =
            format!("{} {}\n-{}\n+{other}\n {}\n", head("-5,3 +5,3"), key[3], key[4], key[5]);
        let changed = old.replace(&key[4], &other);
        let added = format!("{} one\n{} end\n", head("-1,2 +1,16"), with('+', &key));
        let removed = format!("{} one\n{} end\n", head("-1,16 +1,2"), with('-', &key));
        for (what, patch, before, after, masks, count) in [
            ("below", &below, &old, &new, 3, 1),
            ("within", &within, &old, &changed, 4, 3),
            // Files that are not there, or are others: the hunk has to tell.
            ("added", &added, &String::new(), &new, 12, 1),
            ("removed", &removed, &new, &String::new(), 12, 1),
        ] {
            let sides = Sides {
                before: [("k.txt".to_owned(), before.clone())].into(),
                after: [("k.txt".to_owned(), after.clone())].into(),
            };
            let part = part(patch);
            let safe = masked(&part, &sides);
            assert_eq!(masks_in(&safe.text), masks, "{what}: {}", safe.text);
            assert_eq!(safe.count(), count, "{what}: {}", safe.text);
            let piece = |line: &String| safe.text.contains(&line[4..]);
            assert!(!key[1..13].iter().chain([&other]).any(piece), "{what}: {}", safe.text);
            assert_eq!(safe.text.lines().count(), part.text.lines().count(), "{what}");
            let ends = |text: &str| text.lines().last().map(str::to_owned);
            assert_eq!(ends(&safe.text).is_some_and(|l| l.contains("[masked")), what == "within");
        }
        let plain = part(&format!("{} one\n-two\n+three\n", head("-1,2 +1,2")));
        assert_eq!(masked(&plain, &Sides::default()).text, plain.text, "nothing else is changed");
    }
}

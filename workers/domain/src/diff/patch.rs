//! A diff in git's format, read into files, hunks and lines.

use queue_schema::rows::DiffSide;
use std::fmt;
use std::ops::Range;

/// The mode of a symbolic link, and of a submodule.
const SYMLINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// A diff: its files in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// Each changed file once.
    pub files: Vec<FilePatch>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change {
    /// Its content or its mode is another.
    #[default]
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// It has another name, and perhaps another content.
    Renamed,
    /// It is a copy of another file, and perhaps not quite.
    Copied,
}

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilePatch {
    /// Its path before; that of now for a new file. Any bytes, git's quoting undone.
    pub old: Vec<u8>,
    /// Its path now; that of before for one that is gone.
    pub new: Vec<u8>,
    /// What became of it.
    pub change: Change,
    /// Its mode before, where the diff says it.
    pub old_mode: Option<u32>,
    /// Its mode now, where the diff says it.
    pub new_mode: Option<u32>,
    /// It is not text: the diff has none of its content.
    pub binary: bool,
    /// Reviewers could be shown it before. A diff does not say so of a binary file; whoever has the commits does.
    pub was_text: bool,
    /// What changed, in order.
    pub hunks: Vec<Hunk>,
}

/// One hunk: some lines around changes. A side of no lines begins at the line before it, as git has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hunk {
    /// First line before, from 1.
    pub old_start: u32,
    /// Lines before.
    pub old_lines: u32,
    /// First line now, from 1.
    pub new_start: u32,
    /// Lines now.
    pub new_lines: u32,
    /// What git shows behind the ranges: the line that begins what the hunk is in.
    pub section: Vec<u8>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sign {
    /// It stands in both.
    #[default]
    Context,
    /// It was put in.
    Added,
    /// It was taken out.
    Removed,
}

impl Sign {
    /// As diffs have it.
    pub const fn as_char(self) -> char {
        match self {
            Self::Context => ' ',
            Self::Added => '+',
            Self::Removed => '-',
        }
    }
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// What became of it.
    pub sign: Sign,
    /// It, without its line feed; a carriage return is kept.
    pub text: Vec<u8>,
    /// The file ends with it, and no line feed does.
    pub no_newline: bool,
}

/// Why a text is no diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError {
    /// Which line of it, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the diff: {}", self.line, self.what)
    }
}

impl std::error::Error for PatchError {}

impl FilePatch {
    /// Its path now, or before where it is gone, to be shown; bytes that are no UTF-8 become U+FFFD.
    pub fn path(&self) -> String {
        String::from_utf8_lossy(&self.new).into_owned()
    }

    /// Its path before, likewise.
    pub fn old_path(&self) -> String {
        String::from_utf8_lossy(&self.old).into_owned()
    }

    /// Whether it is a symbolic link, before or now.
    pub fn is_symlink(&self) -> bool {
        self.has_mode(SYMLINK)
    }

    /// Whether it is a commit of another repository, before or now.
    pub fn is_submodule(&self) -> bool {
        self.has_mode(SUBMODULE)
    }

    fn has_mode(&self, kind: u32) -> bool {
        [self.old_mode, self.new_mode].into_iter().flatten().any(|mode| mode & 0o170_000 == kind)
    }
}

impl Hunk {
    /// The lines of one side, from 1 and the last one not in it.
    pub const fn range(&self, side: DiffSide) -> Range<u32> {
        let (start, lines) = match side {
            DiffSide::Old => (self.old_start, self.old_lines),
            DiffSide::New => (self.new_start, self.new_lines),
        };
        // Without lines it begins behind the line that is named.
        let start = if lines == 0 { start.saturating_add(1) } else { start };
        start..start.saturating_add(lines)
    }

    /// Its lines with their numbers before and now, for those that have one.
    pub fn numbered(&self) -> impl Iterator<Item = (Option<u32>, Option<u32>, &Line)> {
        let (mut old, mut new) = (self.range(DiffSide::Old).start, self.range(DiffSide::New).start);
        self.lines.iter().map(move |line| {
            let next = |of: &mut u32, counts: bool| {
                let at = counts.then_some(*of);
                *of = of.saturating_add(u32::from(counts));
                at
            };
            let before = next(&mut old, line.sign != Sign::Added);
            (before, next(&mut new, line.sign != Sign::Removed), line)
        })
    }
}

/// Reads a diff in git's format. What stands before its first file, such as a message, is passed over.
///
/// # Errors
/// When a hunk ends before its lines do, when its ranges can't be read, or when the diff is of a merge.
pub fn parse(text: &[u8]) -> Result<Patch, PatchError> {
    let mut reader = Reader { lines: split(text), at: 0 };
    let mut patch = Patch::default();
    while let Some(line) = reader.next() {
        if let Some(names) = line.strip_prefix(b"diff --git ") {
            patch.files.push(reader.file(names)?);
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") {
            return Err(reader.error("the diff of a merge; give the commits that are compared"));
        } else if !patch.files.is_empty() && line.starts_with(b"@@ ") {
            return Err(reader.error("a hunk that belongs to no file"));
        }
    }
    Ok(patch)
}

/// The lines without their line feeds.
fn split(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.lines.get(self.at).copied();
        self.at += usize::from(line.is_some());
        line
    }

    const fn error(&self, what: &'static str) -> PatchError {
        PatchError { line: self.at, what }
    }

    /// A file, behind the line that begins it.
    fn file(&mut self, names: &[u8]) -> Result<FilePatch, PatchError> {
        let mut file = FilePatch::default();
        let (mut old, mut new) = both(names);
        while let Some(line) = self.lines.get(self.at).copied() {
            if line.starts_with(b"diff --") {
                break;
            }
            self.at += 1;
            let is = |head: &str| line.strip_prefix(head.as_bytes());
            if let Some(mode) = is("old mode ") {
                file.old_mode = octal(mode);
            } else if let Some(mode) = is("new mode ") {
                file.new_mode = octal(mode);
            } else if let Some(mode) = is("deleted file mode ") {
                (file.change, file.old_mode) = (Change::Deleted, octal(mode));
            } else if let Some(mode) = is("new file mode ") {
                (file.change, file.new_mode) = (Change::Added, octal(mode));
            } else if let Some(name) = is("rename from ") {
                (file.change, old) = (Change::Renamed, Some(unquoted(name)));
            } else if let Some(name) = is("copy from ") {
                (file.change, old) = (Change::Copied, Some(unquoted(name)));
            } else if let Some(name) = is("rename to ").or_else(|| is("copy to ")) {
                new = Some(unquoted(name));
            } else if let Some(ids) = is("index ") {
                // `index a..b MODE` where both have the one mode.
                if let Some(at) = ids.iter().position(|b| *b == b' ') {
                    let mode = octal(&ids[at + 1..]);
                    file.old_mode = file.old_mode.or(mode);
                    file.new_mode = file.new_mode.or(mode);
                }
            } else if let Some(name) = is("--- ") {
                old = without_prefix(name).or(old);
            } else if let Some(name) = is("+++ ") {
                new = without_prefix(name).or(new);
            } else if line.starts_with(b"Binary files ") || line == b"GIT binary patch" {
                file.binary = true;
            } else if let Some(ranges) = is("@@ ") {
                file.hunks.push(self.hunk(ranges)?);
            }
        }
        let known = old.clone().or_else(|| new.clone()).ok_or_else(|| self.error("no path"))?;
        (file.old, file.new) = (old.unwrap_or_else(|| known.clone()), new.unwrap_or(known));
        Ok(file)
    }

    /// A hunk, behind the `@@` that begins it.
    fn hunk(&mut self, line: &[u8]) -> Result<Hunk, PatchError> {
        let no_ranges = self.error("a hunk whose ranges can't be read");
        let end = line.windows(3).position(|w| w == b" @@").ok_or_else(|| no_ranges.clone())?;
        let text = std::str::from_utf8(&line[..end]).map_err(|_| no_ranges.clone())?;
        let of = |part: &str, sign: char| -> Option<(u32, u32)> {
            let part = part.strip_prefix(sign)?;
            let (start, lines) = part.split_once(',').unwrap_or((part, "1"));
            Some((start.parse().ok()?, lines.parse().ok()?))
        };
        let ranges = text.split_once(' ').and_then(|(a, b)| Some((of(a, '-')?, of(b, '+')?)));
        let ((old_start, old_lines), (new_start, new_lines)) = ranges.ok_or(no_ranges)?;
        let section = line[end + 3..].strip_prefix(b" ").unwrap_or_default().to_vec();
        let mut hunk =
            Hunk { old_start, old_lines, new_start, new_lines, section, lines: Vec::new() };
        let (mut old, mut new) = (old_lines, new_lines);
        // By its counts alone: a line that was taken out may well look like the begin of a file.
        while old > 0 || new > 0 {
            let line = self.next().ok_or_else(|| self.error("the diff ends within a hunk"))?;
            let (sign, text) = match line.split_first() {
                Some((b'+', text)) => (Sign::Added, text),
                Some((b'-', text)) => (Sign::Removed, text),
                Some((b' ', text)) => (Sign::Context, text),
                // Mails lose the blank of an empty line.
                None | Some((b'\r', [])) => (Sign::Context, line),
                Some((b'\\', _)) => {
                    hunk.ends_here();
                    continue;
                }
                Some(_) => return Err(self.error("no line of a hunk")),
            };
            let too_many = self.error("a hunk has more lines than it says");
            if sign != Sign::Added {
                old = old.checked_sub(1).ok_or_else(|| too_many.clone())?;
            }
            if sign != Sign::Removed {
                new = new.checked_sub(1).ok_or(too_many)?;
            }
            hunk.lines.push(Line { sign, text: text.to_vec(), no_newline: false });
        }
        if self.lines.get(self.at).is_some_and(|line| line.starts_with(b"\\")) {
            self.at += 1;
            hunk.ends_here();
        }
        Ok(hunk)
    }
}

impl Hunk {
    fn ends_here(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.no_newline = true;
        }
    }
}

fn octal(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?.trim();
    u32::from_str_radix(text, 8).ok()
}

/// Both paths of `a/PATH b/PATH`. Without quotes they can be told apart only where they are the same.
fn both(names: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    if names.first() == Some(&b'"') {
        let end = quoted_end(names);
        let second = names.get(end + 1..).unwrap_or_default();
        return (without_prefix(&names[..end]), without_prefix(second));
    }
    if names.last() == Some(&b'"')
        && let Some(at) = names.windows(2).position(|w| w == b" \"")
    {
        return (without_prefix(&names[..at]), without_prefix(&names[at + 1..]));
    }
    let middle = names.len() / 2;
    let (first, second) = names.split_at(middle);
    let (first, second) = (first.strip_prefix(b"a/"), second.strip_prefix(b" b/"));
    match (first, second) {
        (Some(a), Some(b)) if a == b => (Some(a.to_vec()), Some(b.to_vec())),
        _ => (None, None),
    }
}

/// Where a quoted name ends, its closing mark included.
fn quoted_end(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(b) = text.get(at) {
        match b {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The path behind `a/` or `b/`; `None` for `/dev/null`.
fn without_prefix(name: &[u8]) -> Option<Vec<u8>> {
    // A name with blanks has a tab behind it.
    let name = name.strip_suffix(b"\r").unwrap_or(name);
    let name = name.strip_suffix(b"\t").unwrap_or(name);
    let name = unquoted(name);
    let is_none = name == b"/dev/null";
    (!is_none).then(|| match name.split_at_checked(2) {
        Some((b"a/" | b"b/", path)) => path.to_vec(),
        _ => name,
    })
}

/// A name without git's quoting: `"a\tb"`, `"\303\244"`.
fn unquoted(name: &[u8]) -> Vec<u8> {
    let Some(inner) = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")) else {
        return name.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((b, tail)) = rest.split_first() {
        rest = tail;
        if *b != b'\\' {
            out.push(*b);
            continue;
        }
        let octal = rest.get(..3).filter(|d| d.iter().all(|b| (b'0'..=b'7').contains(b)));
        if let Some(digits) = octal {
            let value = digits.iter().fold(0_u32, |n, d| n * 8 + u32::from(*d - b'0'));
            out.push(u8::try_from(value & 0xff).unwrap_or_default());
            rest = &rest[3..];
        } else if let Some((escaped, tail)) = rest.split_first() {
            rest = tail;
            out.push(match escaped {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                other => *other,
            });
        }
    }
    out
}

//! What a reviewer is given at once: a diff cut by components, then files, then hunks.
//!
//! A cut depends on what it cuts alone, so that a change in one component leaves the others' bundles, and what was
//! said of them, as they are.

use super::left_out::left_out;
use super::patch::{FilePatch, Hunk, Patch};
use super::show;
use queue_schema::ids::content_id;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Names of a group that its own name lists.
const NAMED: usize = 3;

/// Bounds of bundles; the defaults stand in `[diff]` of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of a bundle as reviewers see it, above which it is split between hunks.
    pub split_over: usize,
    /// Bytes of a bundle in git's format above which somebody is warned: one hunk is that large.
    pub warn_over: usize,
    /// Bytes of a bundle in git's format above which it is refused.
    pub refuse_over: usize,
    /// Cut such a hunk at lines instead.
    pub force: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { split_over: 60_000, warn_over: 60_000, refuse_over: 100_000, force: false }
    }
}

/// Which hunks of which file of the patch a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The file, by its place in the patch.
    pub file: usize,
    /// Its hunks, by their places; none for a file without.
    pub hunks: Range<usize>,
    /// The lines of its one hunk, by their places, where that is cut.
    pub lines: Option<Range<usize>>,
}

/// A part of a diff that reviewers are given at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it is called: a directory, a file, or a part of one. No two of a diff have the same name.
    pub name: String,
    /// What it holds, by its hash: the same text has the same id in each diff.
    pub id: String,
    /// It, as reviewers see it.
    pub text: String,
    /// Bytes in git's format.
    pub bytes: usize,
    /// What it holds of the patch.
    pub pieces: Vec<Piece>,
    /// The same as files with their hunks, in UTF-8.
    pub files: Vec<FilePatch>,
}

/// A file that nobody is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its place in the patch.
    pub file: usize,
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
    /// Bytes of its hunks in git's format.
    pub bytes: usize,
}

/// How a diff is reviewed. Each file and each hunk is in one bundle, or in what is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What is reviewed, in the order of paths.
    pub bundles: Vec<Bundle>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
    /// What somebody should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Hunks that are too large for any reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name and bytes of each.
    pub bundles: Vec<(String, usize)>,
    /// The bound, in bytes.
    pub most: usize,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> =
            self.bundles.iter().map(|(name, bytes)| format!("{name} ({bytes} bytes)")).collect();
        write!(
            f,
            "too large to be reviewed at once: {}; the bound is {} bytes: review smaller changes, keep the file out \
             with .scrumignore, or use --force, which cuts it at lines",
            named.join(", "),
            self.most
        )
    }
}

impl std::error::Error for Refused {}

/// Cuts a diff into bundles. `ignored` says whether the ignore file keeps a path out.
///
/// # Errors
/// When one hunk alone is over the bound and nobody forces it.
pub fn bundles(
    patch: &Patch,
    bounds: &Bounds,
    ignored: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refused> {
    let mut plan = Plan::default();
    let mut files = Vec::new();
    for (at, file) in patch.files.iter().enumerate() {
        let name = file.path();
        if let Some(reason) = left_out(file, ignored) {
            let bytes = file.hunks.iter().map(show::raw_bytes).sum();
            plan.left_out.push(LeftOut { file: at, path: name, reason, bytes });
        } else {
            files.push(Part::of(at, file, name));
        }
    }
    files.sort_by(|a, b| (&a.path, a.at).cmp(&(&b.path, b.at)));
    let mut cutter = Cutter { bounds: *bounds, plan, refused: Vec::new() };
    let all: Vec<&Part> = files.iter().collect();
    if !all.is_empty() {
        cutter.cut(&all, 0);
    }
    if !cutter.refused.is_empty() {
        return Err(Refused { bundles: cutter.refused, most: bounds.refuse_over });
    }
    let mut plan = cutter.plan;
    let first = |b: &Bundle| {
        let piece = b.pieces.first()?;
        let name = patch.files.get(piece.file)?.path();
        let line = piece.lines.as_ref().map(|lines| lines.start);
        Some((name, piece.file, piece.hunks.start, line))
    };
    plan.bundles.sort_by_cached_key(first);
    apart(&mut plan.bundles);
    Ok(plan)
}

/// Tells bundles of one name apart: a file that became a link is two files of one path.
fn apart(bundles: &mut [Bundle]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for bundle in bundles {
        let times = seen.entry(bundle.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            bundle.name = format!("{} ({times})", bundle.name);
        }
    }
}

/// A file to be bundled.
struct Part {
    at: usize,
    path: String,
    file: FilePatch,
    heading: String,
    hunks: Vec<String>,
    /// Bytes as it is shown.
    size: usize,
}

impl Part {
    fn of(at: usize, file: &FilePatch, path: String) -> Self {
        let file = show::decoded(file);
        let heading = show::heading(&file);
        let shown = if show::in_one_line(&file) { &[][..] } else { &file.hunks };
        let hunks: Vec<String> = shown.iter().map(show::hunk).collect();
        let size = heading.len() + hunks.iter().map(String::len).sum::<usize>();
        Self { at, path, file, heading, hunks, size }
    }
}

/// Some files below one directory: those of a directory in it, or one file.
struct Group<'a> {
    /// Its path; that of a directory ends with `/`.
    name: String,
    files: Vec<&'a Part>,
    size: usize,
}

struct Cutter {
    bounds: Bounds,
    plan: Plan,
    refused: Vec<(String, usize)>,
}

impl Cutter {
    /// Cuts what lies below one directory, whose path has so many bytes, its `/` included.
    fn cut(&mut self, files: &[&Part], prefix: usize) {
        if let [part] = files {
            return self.file(part);
        }
        if self.fits(files.iter().map(|part| part.size)) {
            let name = common(files, prefix);
            return self.whole(&name, files);
        }
        let mut groups: BTreeMap<(String, usize), Vec<&Part>> = BTreeMap::new();
        for part in files {
            let below = &part.path[prefix..];
            let key = match below.find('/') {
                Some(end) => (part.path[..=prefix + end].to_owned(), usize::MAX),
                None => (part.path.clone(), part.at),
            };
            groups.entry(key).or_default().push(part);
        }
        let mut small = Vec::new();
        for ((name, _), files) in groups {
            let size = files.iter().map(|part| part.size).sum();
            if size <= self.bounds.split_over {
                small.push(Group { name, files, size });
            } else {
                self.cut(&files, name.len());
            }
        }
        self.together(small, 0);
    }

    fn fits(&self, sizes: impl Iterator<Item = usize>) -> bool {
        sizes.sum::<usize>() <= self.bounds.split_over
    }

    /// Puts small neighbours together as far as they fit, and else halves them by their names: who is with whom
    /// must not hang on how large the others are.
    fn together(&mut self, groups: Vec<Group<'_>>, bit: u32) {
        if groups.is_empty() {
            return;
        }
        if groups.len() == 1 || bit > 63 || self.fits(groups.iter().map(|group| group.size)) {
            let name = named(&groups);
            let files: Vec<&Part> = groups.into_iter().flat_map(|group| group.files).collect();
            return self.whole(&name, &files);
        }
        let side = |group: &Group<'_>| {
            let id = content_id(&[group.name.as_bytes()]);
            let bits = u64::from_str_radix(id.get(..16).unwrap_or_default(), 16).unwrap_or(0);
            (bits >> bit) & 1 == 1
        };
        let (left, right): (Vec<_>, Vec<_>) = groups.into_iter().partition(side);
        self.together(left, bit + 1);
        self.together(right, bit + 1);
    }

    /// A file by itself: whole, or by its hunks.
    fn file(&mut self, part: &Part) {
        if part.size <= self.bounds.split_over || part.hunks.len() < 2 {
            if let [hunk] = &part.file.hunks[..]
                && self.is_too_large(hunk)
            {
                return self.hunk(part, 0);
            }
            return self.whole(&part.path, &[part]);
        }
        let mut from = 0;
        while from < part.hunks.len() {
            let mut size = part.heading.len();
            let fitting = part.hunks[from..].iter().take_while(|hunk| {
                size += hunk.len();
                size <= self.bounds.split_over
            });
            let to = from + fitting.count().max(1);
            if to == from + 1 && self.is_too_large(&part.file.hunks[from]) {
                self.hunk(part, from);
            } else {
                let (first, all) = (from + 1, part.hunks.len());
                let which = if to == first {
                    format!("hunk {first}")
                } else {
                    format!("hunks {first} to {to}")
                };
                let text = part.heading.clone() + &part.hunks[from..to].concat();
                let piece = Piece { file: part.at, hunks: from..to, lines: None };
                let name = format!("{}, {which} of {all}", part.path);
                self.add(
                    name,
                    text,
                    vec![(piece, part.file.with(part.file.hunks[from..to].to_vec()))],
                );
            }
            from = to;
        }
    }

    fn is_too_large(&self, hunk: &Hunk) -> bool {
        show::raw_bytes(hunk) > self.bounds.refuse_over
    }

    /// A hunk that is over the bound: refused, or cut at lines.
    fn hunk(&mut self, part: &Part, at: usize) {
        let hunk = &part.file.hunks[at];
        let name = match part.hunks.len() {
            1 => part.path.clone(),
            all => format!("{}, hunk {} of {all}", part.path, at + 1),
        };
        if !self.bounds.force {
            self.refused.push((name, show::raw_bytes(hunk)));
            return;
        }
        let mut cuts = vec![0];
        let mut size = part.heading.len();
        for (n, line) in hunk.lines.iter().enumerate() {
            size += show::row_bytes(line);
            if size > self.bounds.split_over && n > *cuts.last().unwrap_or(&0) {
                cuts.push(n);
                size = part.heading.len() + show::row_bytes(line);
            }
        }
        cuts.push(hunk.lines.len());
        let all = cuts.len() - 1;
        self.plan.warnings.push(format!("{name} is cut at lines into {all} parts"));
        for (n, lines) in cuts.windows(2).enumerate() {
            let range = lines[0]..lines[1];
            let cut = hunk.part(range.clone());
            let text = format!(
                "{}(part {} of {all} of a hunk)\n{}",
                part.heading,
                n + 1,
                show::hunk(&cut)
            );
            let piece = Piece { file: part.at, hunks: at..at + 1, lines: Some(range) };
            self.add(
                format!("{name}, part {} of {all}", n + 1),
                text,
                vec![(piece, part.file.with(vec![cut]))],
            );
        }
    }

    fn whole(&mut self, name: &str, files: &[&Part]) {
        let mut text = String::new();
        let mut pieces = Vec::new();
        for part in files {
            text.push_str(&part.heading);
            text.extend(part.hunks.iter().map(String::as_str));
            let piece = Piece { file: part.at, hunks: 0..part.file.hunks.len(), lines: None };
            pieces.push((piece, part.file.clone()));
        }
        self.add(name.to_owned(), text, pieces);
    }

    fn add(&mut self, name: String, text: String, pieces: Vec<(Piece, FilePatch)>) {
        let (pieces, files): (Vec<Piece>, Vec<FilePatch>) = pieces.into_iter().unzip();
        let hunks = files.iter().flat_map(|file| &file.hunks);
        let bytes = hunks.map(show::raw_bytes).sum::<usize>();
        if bytes > self.bounds.warn_over {
            self.plan.warnings.push(format!(
                "{name} has {bytes} bytes in one hunk: reviewers give up on so much; review smaller changes"
            ));
        }
        let id = content_id(&[text.as_bytes()]);
        self.plan.bundles.push(Bundle { name, id, text, bytes, pieces, files });
    }
}

/// The directory that some files have in common, at least the one that is known.
fn common(files: &[&Part], prefix: usize) -> String {
    let Some((first, rest)) = files.split_first() else { return String::new() };
    let mut end = first.path.rfind('/').map_or(0, |at| at + 1).max(prefix);
    for part in rest {
        while end > prefix && !part.path.starts_with(&first.path[..end]) {
            end = first.path[..end - 1].rfind('/').map_or(0, |at| at + 1).max(prefix);
        }
    }
    if end == 0 { "./".to_owned() } else { first.path[..end].to_owned() }
}

/// The names of some groups of one directory.
fn named(groups: &[Group<'_>]) -> String {
    let names: Vec<&str> = groups.iter().take(NAMED).map(|group| group.name.as_str()).collect();
    match groups.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

impl FilePatch {
    /// The same file with other hunks.
    fn with(&self, hunks: Vec<Hunk>) -> Self {
        Self { hunks, ..Self { hunks: Vec::new(), ..self.clone() } }
    }
}

impl Hunk {
    /// Some of its lines, as a hunk of its own.
    fn part(&self, range: Range<usize>) -> Self {
        use queue_schema::rows::DiffSide::{New, Old};
        let lines = self.lines.get(range.clone()).unwrap_or_default().to_vec();
        let count = |of: &[super::Line], not: super::Sign| {
            u32::try_from(of.iter().filter(|line| line.sign != not).count()).unwrap_or(u32::MAX)
        };
        let before = self.lines.get(..range.start).unwrap_or_default();
        let (added, removed) = (super::Sign::Added, super::Sign::Removed);
        let (old_lines, new_lines) = (count(&lines, added), count(&lines, removed));
        // A side without lines is told by the line before it.
        let start =
            |first: u32, lines: u32| if lines == 0 { first.saturating_sub(1) } else { first };
        let old_start =
            start(self.range(Old).start.saturating_add(count(before, added)), old_lines);
        let new_start =
            start(self.range(New).start.saturating_add(count(before, removed)), new_lines);
        Self { old_start, old_lines, new_start, new_lines, section: self.section.clone(), lines }
    }
}

//! Cases: a file with a known fault, or the same file without it.

use super::mutate::Mutation;
use crate::diff::{self as patch, Hunk, Sign};
use crate::target::language;
use queue_schema::ids::content_id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The category of a file without a known fault.
pub const CLEAN: &str = "clean";
/// Name of the description of a frozen case.
pub const CASE_FILE: &str = "case.json";
/// Version of it.
pub const CASE_VERSION: u32 = 1;
/// Digits of the id of a case, and of the directory that it has in the repository of its set.
const ID_DIGITS: usize = 12;
const PLACE_DIGITS: usize = 10;

/// A case, without the text of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Hangs on the path and the content of its file.
    pub id: String,
    /// The path that reviewers see. Its directory says nothing of the case.
    pub place: String,
    /// The path where the file is from.
    pub file: String,
    /// The language of the file.
    pub language: String,
    /// What is wrong with it; [`CLEAN`] for nothing.
    pub category: String,
    /// First and last line of each place of the fault, from 1; none for a clean one.
    pub lines: Vec<(u32, u32)>,
    /// Bytes of the file.
    pub bytes: u64,
    /// The case with the same file without the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<String>,
    /// The lines before they were changed, where a mutation made the fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
    /// And after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub now: Vec<String>,
}

impl Case {
    /// Whether it has a fault.
    pub fn is_seeded(&self) -> bool {
        self.category != CLEAN
    }
}

/// A case with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// What it is.
    pub case: Case,
    /// The text that is reviewed.
    pub text: String,
}

/// What a case is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The path where the file is from.
    pub file: String,
    /// What is wrong; [`CLEAN`] for nothing.
    pub category: String,
    /// The text with the fault, or the clean one.
    pub text: String,
    /// The text without the fault; none where that is not known.
    pub fixed: Option<String>,
    /// Where the fault is.
    pub lines: Vec<(u32, u32)>,
    /// The lines before and after, for people.
    pub changed: (Vec<String>, Vec<String>),
}

impl Source {
    /// A file with a mutation; `None` where it does not apply.
    pub fn mutated(file: &str, text: &str, mutation: &Mutation) -> Option<Self> {
        Some(Self {
            file: file.to_owned(),
            category: mutation.category.as_str().to_owned(),
            text: mutation.apply(text)?,
            fixed: Some(text.to_owned()),
            lines: vec![mutation.seeded()],
            changed: (mutation.was.clone(), mutation.now.clone()),
        })
    }
}

/// The cases of some sources, by their places, which a seed decides: each fault once, and each file without one once.
pub fn set(sources: Vec<Source>, seed: u64) -> Vec<Built> {
    let (mut out, mut known) = (Vec::new(), BTreeSet::new());
    for source in sources {
        let clean = source.fixed.as_ref().map(|text| {
            let clean = Source {
                file: source.file.clone(),
                category: CLEAN.to_owned(),
                text: text.clone(),
                ..Source::default()
            };
            built(clean, seed, None)
        });
        let id = clean.as_ref().map(|clean| clean.case.id.clone());
        for case in clean.into_iter().chain([built(source, seed, id)]) {
            if known.insert(case.case.id.clone()) {
                out.push(case);
            }
        }
    }
    out.sort_by(|a, b| a.case.place.cmp(&b.case.place));
    out
}

fn built(source: Source, seed: u64, clean: Option<String>) -> Built {
    let Source { file, category, text, lines, changed: (was, now), .. } = source;
    let id = content_id(&[file.as_bytes(), text.as_bytes()])[..ID_DIGITS].to_owned();
    let place = &content_id(&[&seed.to_le_bytes(), id.as_bytes()])[..PLACE_DIGITS];
    let case = Case {
        place: format!("{place}/{file}"),
        language: language(&file).to_owned(),
        bytes: text.len() as u64,
        id,
        file,
        category,
        lines,
        clean,
        was,
        now,
    };
    Built { case, text }
}

/// The description of a frozen case: `case.json` in a directory of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// Always [`CASE_VERSION`]; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u32>,
    /// The file with the fault, beside the description.
    pub file: String,
    /// The same file without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// Instead: a patch in git's format that takes the fault out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Where the fault is: `[[FIRST, LAST], ..]`, from 1. Without it: where the fix changes the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, u32)>,
    /// What is wrong; `clean` for nothing.
    pub category: String,
    /// The path that reviewers see, below a directory that says nothing; without it: `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The lines before and after, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
    /// See [`CaseFile::was`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub now: Vec<String>,
}

impl CaseFile {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let this: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if this.schema_version.is_some_and(|version| version != CASE_VERSION) {
            return Err(format!("its schema_version is not {CASE_VERSION}; convert it"));
        }
        let names =
            [Some(&this.file), this.fixed.as_ref(), this.patch.as_ref(), this.path.as_ref()];
        for name in names.into_iter().flatten() {
            let inside = |part: &str| !matches!(part, "" | "." | ".." | ".git");
            if !name.split('/').all(inside) || name.contains(['\\', '\0']) {
                return Err(format!("'{name}' is no path inside its directory"));
            }
        }
        if this.category == CLEAN && (this.fixed.is_some() || this.patch.is_some()) {
            return Err(format!(
                "a case of category '{CLEAN}' has nothing to fix; leave out fixed and patch"
            ));
        }
        if let Some((first, last)) = this.lines.iter().find(|(a, b)| *a == 0 || a > b) {
            return Err(format!("lines [{first}, {last}] are none; lines are counted from 1"));
        }
        Ok(this)
    }

    /// What it is made of, given its file and the text of `fixed` or `patch`.
    ///
    /// # Errors
    /// A patch that does not fit, a fix that changes nothing, a fault without a place.
    pub fn source(self, text: String, fix: Option<String>) -> Result<Source, String> {
        let seeded = self.category != CLEAN;
        let (mut fixed, mut hunks) = (None, Vec::new());
        if let Some(fix) = fix {
            if self.patch.is_some() {
                hunks = hunks_of(&fix, &self.file)?;
                fixed = Some(applied(&text, &hunks)?);
            } else {
                fixed = Some(fix);
            }
        }
        if fixed.as_ref() == Some(&text) {
            return Err("its fix changes nothing".to_owned());
        }
        let mut lines = self.lines;
        if seeded && lines.is_empty() {
            lines = match &fixed {
                Some(_) if !hunks.is_empty() => hunks.iter().filter_map(changed_by).collect(),
                Some(fixed) => vec![changed(&text, fixed)],
                None => return Err("it says neither lines nor how the file is fixed".to_owned()),
            };
        }
        let count = text.lines().count();
        if let Some((first, last)) = lines.iter().find(|(_, last)| *last as usize > count.max(1)) {
            return Err(format!("lines [{first}, {last}] are not in its file of {count} lines"));
        }
        let file = self.path.unwrap_or(self.file);
        Ok(Source {
            file,
            category: self.category,
            text,
            fixed,
            lines,
            changed: (self.was, self.now),
        })
    }
}

/// The lines of a text that another one has otherwise; where it lacks some, the two around.
fn changed(text: &str, fixed: &str) -> (u32, u32) {
    let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), fixed.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    place(head, old.len() - tail, old.len())
}

/// The lines from `first` to before `end`, both from 0, of so many; of none the two around.
fn place(first: usize, end: usize, of: usize) -> (u32, u32) {
    let number = |n: usize| u32::try_from(n.min(of).max(1)).unwrap_or(u32::MAX);
    if end > first { (number(first + 1), number(end)) } else { (number(first), number(first + 1)) }
}

/// The hunks of a patch for one file.
fn hunks_of(text: &str, file: &str) -> Result<Vec<Hunk>, String> {
    // What `diff -u` writes lacks the line that begins a file for git.
    let is_git = text.lines().any(|line| line.starts_with("diff --git "));
    let begun = format!("diff --git a/{file} b/{file}\n{text}");
    let text = if is_git { text } else { &begun };
    let mut patch = patch::parse(text.as_bytes()).map_err(|e| e.to_string())?;
    let name = file.rsplit('/').next().unwrap_or(file);
    let fits = |path: String| path == file || path.rsplit('/').next() == Some(name);
    let at = patch.files.iter().position(|f| fits(f.old_path()));
    let at = at.or_else(|| (patch.files.len() == 1).then_some(0));
    let at = at.ok_or_else(|| format!("its patch does not name '{file}'"))?;
    let hunks = patch.files.swap_remove(at).hunks;
    if hunks.is_empty() { Err("its patch changes no line".to_owned()) } else { Ok(hunks) }
}

/// Where a hunk changes the older text.
fn changed_by(hunk: &Hunk) -> Option<(u32, u32)> {
    let mut at = hunk.old_start.max(1);
    let (mut first, mut last) = (None, 0);
    for line in &hunk.lines {
        match line.sign {
            Sign::Context => at += 1,
            Sign::Removed => {
                (first, last) = (first.or(Some(at)), at);
                at += 1;
            }
            Sign::Added => {
                let before = at.saturating_sub(1).max(1);
                (first, last) = (first.or(Some(before)), last.max(before));
            }
        }
    }
    first.map(|first| (first, last.max(first)))
}

/// A text with some hunks applied where they say that they belong.
fn applied(text: &str, hunks: &[Hunk]) -> Result<String, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let bare = |line: &str| line.strip_suffix('\n').unwrap_or(line).as_bytes().to_vec();
    let (mut out, mut at) = (String::new(), 0);
    for hunk in hunks {
        let start = hunk.range(queue_schema::rows::DiffSide::Old).start.saturating_sub(1) as usize;
        let misfit = || format!("its patch does not fit the file at line {}", hunk.old_start);
        out.push_str(&lines.get(at..start).ok_or_else(misfit)?.concat());
        at = start;
        for line in &hunk.lines {
            if line.sign == Sign::Added {
                out.push_str(std::str::from_utf8(&line.text).map_err(|_| misfit())?);
                if !line.no_newline {
                    out.push('\n');
                }
            } else {
                let old = lines.get(at).ok_or_else(misfit)?;
                if bare(old) != line.text {
                    return Err(misfit());
                }
                if line.sign == Sign::Context {
                    out.push_str(old);
                }
                at += 1;
            }
        }
    }
    out.push_str(&lines.get(at..).unwrap_or_default().concat());
    Ok(out)
}

#[cfg(test)]
mod tests;

//! Cases in a directory, one directory each: written, and read again.

use super::Set;
use anyhow::{Context, bail, ensure};
use scrum_disk::{self as disk, Mode, OutDir};
use scrum_domain::eval::case::{self, CASE_FILE, CASE_VERSION, CaseFile};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// Directories of cases that are read at most.
const MOST_CASES: usize = 20_000;
/// Bytes of a description, and of a patch.
const MOST_TEXT: u64 = 8 << 20;
/// How the name of a file without its fault begins.
const FIXED: &str = "fixed_";

/// Writes a set.
///
/// # Errors
/// A directory that holds something else, or can't be written.
pub fn write(dir: &Path, state: &Path, set: &Set) -> anyhow::Result<()> {
    let unusable =
        || format!("the directory --freeze {} can't be used; pass another one", dir.display());
    let out = OutDir::open(dir, state, |_| false).with_context(unusable)?;
    let ids: BTreeSet<&str> = set.cases.iter().map(|built| built.case.id.as_str()).collect();
    let other = out
        .names()?
        .into_iter()
        .find(|name| !name.starts_with('.') && !ids.contains(name.as_str()));
    if let Some(other) = other {
        bail!(
            "the directory --freeze {} holds another set ({other}); pass a new one",
            dir.display()
        );
    }
    let texts: BTreeMap<&str, &str> =
        set.cases.iter().map(|built| (built.case.id.as_str(), built.text.as_str())).collect();
    let root = disk::dir(dir).with_context(unusable)?;
    for built in &set.cases {
        let case = &built.case;
        let name = case.file.rsplit('/').next().unwrap_or(&case.file);
        let fixed = case.clean.as_deref().and_then(|id| texts.get(id));
        let fixed_name = fixed.map(|_| format!("{FIXED}{name}"));
        let told = CaseFile {
            schema_version: Some(CASE_VERSION),
            file: name.to_owned(),
            fixed: fixed_name.clone(),
            patch: None,
            lines: case.lines.clone(),
            category: case.category.clone(),
            path: Some(case.file.clone()),
            was: case.was.clone(),
            now: case.now.clone(),
        };
        let own = disk::made_dir_in(&root, case.id.as_bytes(), Mode::from(0o777))?;
        let put = |name: &str, text: &str| {
            disk::replace(&own, name.as_bytes(), text.as_bytes(), Mode::from(0o666))
        };
        put(name, &built.text).with_context(unusable)?;
        if let (Some(name), Some(text)) = (&fixed_name, fixed) {
            put(name, text).with_context(unusable)?;
        }
        // Last: a case without a description is none.
        let told = serde_json::to_string_pretty(&told)? + "\n";
        put(CASE_FILE, &told).with_context(unusable)?;
    }
    Ok(())
}

/// Reads a set, with files of so many bytes at most.
///
/// # Errors
/// What is wrong with which case.
pub fn read(dir: &Path, most: u64, seed: u64) -> anyhow::Result<Set> {
    let shown = dir.display();
    let names = disk::listed(dir)
        .with_context(|| format!("the cases in --cases {shown} can't be read; pass a directory with one directory for each case"))?;
    let mut names: Vec<_> = names.into_iter().filter(|name| is_case(dir, name)).collect();
    names.sort();
    ensure!(
        !names.is_empty(),
        "there is no case in --cases {shown}: none of its directories has a {CASE_FILE}"
    );
    ensure!(
        names.len() <= MOST_CASES,
        "--cases {shown} has {} cases, over the limit of {MOST_CASES}",
        names.len()
    );
    let mut sources = Vec::with_capacity(names.len());
    for name in names {
        let own = dir.join(&name);
        let wrong = |why: String| anyhow::anyhow!("the case {}: {why}", own.display());
        let told = text(&own, CASE_FILE, MOST_TEXT)?;
        let told = CaseFile::parse(&told).map_err(wrong)?;
        let file = text(&own, &told.file, most)?;
        let fix = match (&told.fixed, &told.patch) {
            (Some(_), Some(_)) => {
                return Err(wrong("it has fixed and patch; leave one out".to_owned()));
            }
            (Some(name), None) => Some(text(&own, name, most)?),
            (None, Some(name)) => Some(text(&own, name, MOST_TEXT)?),
            (None, None) => None,
        };
        sources.push(told.source(file, fix).map_err(wrong)?);
    }
    let cases = case::set(sources, seed);
    Ok(Set { source: shown.to_string(), commit: String::new(), seed, mutants: None, cases })
}

fn is_case(dir: &Path, name: &OsStr) -> bool {
    disk::is_file(&dir.join(name).join(CASE_FILE))
}

/// A file of a case. A link is refused: who made the set must not choose what is sent to models.
fn text(dir: &Path, name: &str, most: u64) -> anyhow::Result<String> {
    let path = dir.join(name);
    let read = || -> io::Result<String> {
        let real = disk::real_path(&path)?;
        if !real.starts_with(disk::real_path(dir)?) || disk::is_link(&path) {
            return Err(io::Error::other("it is a symbolic link, or behind one"));
        }
        disk::read_text(&real, most)
    };
    read().with_context(|| format!("{} of a case can't be read", path.display()))
}

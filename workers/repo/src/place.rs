//! Which git directory a path names. Only that one is read and written, regardless of the repository's
//! configuration, its links or the environment, which an attacker may have chosen.

use crate::RepoError;
use crate::guard::{self, Guard};
use git2::{Config, ErrorCode, Repository, RepositoryOpenFlags};
use scrum_disk as disk;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A git directory, and the directory whose files it keeps; none for a bare one.
pub(crate) type Place = (PathBuf, Option<PathBuf>);

/// What holds `path`: the git directory there or in a directory above.
pub(crate) fn find(path: &Path) -> Result<Place, RepoError> {
    let start = disk::real_path(path).map_err(|_| RepoError::Missing(path.to_owned()))?;
    for dir in start.ancestors() {
        let dot = dir.join(".git");
        if disk::is_link(&dot) {
            let to = disk::link_target(&dot).unwrap_or_default();
            let why = format!("it is a symbolic link to {}; name that instead", to.display());
            return Err(RepoError::Elsewhere { place: dot, why });
        }
        if disk::is_dir(&dot) && is_git_dir(&dot) {
            return Ok((dot, Some(dir.to_owned())));
        }
        guard::look(&dot)?;
        if disk::is_file(&dot) {
            return Ok((linked(dir, &dot)?, Some(dir.to_owned())));
        }
        if is_git_dir(dir) {
            let beside = dir.parent().filter(|_| dir.file_name() == Some(OsStr::new(".git")));
            return Ok((dir.to_owned(), beside.map(Path::to_owned)));
        }
    }
    Err(RepoError::NotARepository(path.to_owned()))
}

/// Opens exactly this directory, as a bare repository: `core.worktree` and `core.bare` have no effect.
pub(crate) fn open_git_dir(dir: &Path) -> Result<Repository, RepoError> {
    if let Some(common) = line_of(&dir.join("commondir")) {
        // A linked working tree's lies in the repository's own: `COMMON/worktrees/NAME`.
        let common = dir.join(common);
        let list = dir.parent().filter(|list| list.file_name() == Some(OsStr::new("worktrees")));
        let own = list.and_then(Path::parent).and_then(|own| disk::real_path(own).ok());
        if own.is_none() || own != disk::real_path(&common).ok() {
            let why = format!(
                "its file `commondir` leads to {}, which it does not belong to; remove that file, or \
                 `git clone` the repository and name the clone",
                common.display()
            );
            return Err(RepoError::Elsewhere { place: dir.to_owned(), why });
        }
    }
    let flags =
        RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    Repository::open_ext(dir, flags, &[] as &[&OsStr]).map_err(|e| match e.code() {
        ErrorCode::NotFound => RepoError::NotARepository(dir.to_owned()),
        _ => RepoError::git(dir.display().to_string(), &e),
    })
}

/// The git directory that a `.git` file names, if it is inside the directory or points back to it, as those of
/// linked working trees and submodules do.
fn linked(dir: &Path, dot: &Path) -> Result<PathBuf, RepoError> {
    let elsewhere = |why: String| RepoError::Elsewhere { place: dot.to_owned(), why };
    let named = line_of(dot).and_then(|line| Some(line.strip_prefix("gitdir:")?.trim().to_owned()));
    let named = named.ok_or_else(|| elsewhere("it names no git directory".to_owned()))?;
    let git = dir.join(&named);
    let git = disk::real_path(&git)
        .map_err(|e| elsewhere(format!("it names {}: {e}; mend or remove it", git.display())))?;
    let names_it = |back: Option<PathBuf>, place: &Path| {
        back.and_then(|back| disk::real_path(&git.join(back)).ok())
            .is_some_and(|back| back == place)
    };
    let worktree = || line_of(&git.join("gitdir")).map(PathBuf::from);
    let submodule = || {
        Guard::check(&git).ok()?;
        Config::open(&git.join("config")).ok()?.get_path("core.worktree").ok()
    };
    if git.starts_with(dir) || names_it(worktree(), dot) || names_it(submodule(), dir) {
        return Ok(git);
    }
    Err(elsewhere(format!(
        "it leads to {}, which does not lead back here; name that directory if it is meant",
        git.display()
    )))
}

fn is_git_dir(dir: &Path) -> bool {
    let has = |name: &str| disk::stat(&dir.join(name)).is_ok();
    has("HEAD")
        && (has("commondir")
            || disk::is_dir(&dir.join("objects")) && disk::is_dir(&dir.join("refs")))
}

/// The first line of a small file.
pub(crate) fn line_of(path: &Path) -> Option<String> {
    let bytes = disk::read_plain(path, 8192).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

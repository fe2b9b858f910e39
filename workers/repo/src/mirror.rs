//! Mirrors of remote repositories. Transport is the system `git`'s business: it knows the user's
//! keys and proxies.

use crate::RepoError;
use crate::command::git;
use git2::{Oid, Repository};
use queue_schema::ids::sha256_hex;
pub(crate) use queue_schema::url::is_url;
use queue_schema::url::{has_query, masked, masked_in};
use scrum_disk::{self as disk, File, Mode};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SCHEMES: [&str; 4] = ["https://", "ssh://", "git://", "file://"];
/// Wait for another process that mirrors the same URL; longer than one transfer may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(35 * 60);

/// What a mirror must have to be good enough.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need<'a> {
    /// What the remote has now.
    Latest,
    /// This commit; when it is here, the remote is not asked.
    Commit(&'a str),
}

/// The mirror of a URL, cloned or fetched where `need` asks for it.
///
/// # Errors
/// [`RepoError::Url`] for a URL that is not passed to git, [`RepoError::Mirror`] when git fails,
/// [`RepoError::CommitGone`] when the remote lacks the commit.
pub(crate) fn ensure(url: &str, mirrors: &Path, need: Need<'_>) -> Result<PathBuf, RepoError> {
    check(url)?;
    // git repeats URLs as it uses them, after `url.*.insteadOf`, which may put a token in.
    let fail =
        |message: String| RepoError::Mirror { url: masked(url), message: masked_in(&message) };
    let name = &sha256_hex(url.as_bytes())[..32];
    let dir = mirrors.join(name);
    // Without the lock: a mirror appears complete or not at all, and a fetch only adds objects.
    if has(&dir, need) {
        return Ok(dir);
    }
    let failed = |e: std::io::Error| fail(format!("{}: {e}", mirrors.display()));
    let place = disk::private_dir(mirrors).map_err(failed)?;
    let _lock = locked(&place, &format!("{name}.lock"), LOCK_TIMEOUT).map_err(fail)?;
    // Whoever held the lock may have brought it.
    if has(&dir, need) {
        return Ok(dir);
    }
    if disk::exists(&dir.join("HEAD")) {
        refresh(&dir, url).map_err(fail)?;
    } else {
        // Cloned beside and renamed, so that a crash leaves no half mirror under the name.
        let fresh = format!("{name}.new");
        disk::remove_tree(&place, &fresh).map_err(failed)?;
        let into = mirrors.join(&fresh);
        let into = into.to_string_lossy();
        git(&["clone", "--quiet", "--mirror", "--template=", "--", url, &into]).map_err(fail)?;
        disk::rename(&place, fresh.as_bytes(), name.as_bytes()).map_err(failed)?;
    }
    if let Need::Commit(commit) = need
        && !has(&dir, need)
    {
        // No branch leads to it any more; many hosts still hand it out by its name.
        let place = dir.to_string_lossy();
        if Oid::from_str(commit).is_ok() {
            let _ = git(&["-C", &place, "fetch", "--quiet", "--", "origin", commit]);
        }
        if !has(&dir, need) {
            return Err(RepoError::CommitGone { url: masked(url), commit: commit.to_owned() });
        }
    }
    Ok(dir)
}

/// The mirror of a URL, if it is there and has the commit.
///
/// # Errors
/// As [`ensure`], without asking the remote.
pub(crate) fn here(url: &str, mirrors: &Path, commit: &str) -> Result<PathBuf, RepoError> {
    check(url)?;
    let dir = mirrors.join(&sha256_hex(url.as_bytes())[..32]);
    if has(&dir, Need::Commit(commit)) {
        return Ok(dir);
    }
    let message = "no worker has fetched this commit on this machine".to_owned();
    Err(RepoError::Mirror { url: masked(url), message })
}

fn refresh(dir: &Path, url: &str) -> Result<(), String> {
    let place = dir.to_string_lossy();
    git(&["-C", &place, "fetch", "--quiet", "--prune", "--", "origin"])?;
    // A fetch leaves HEAD as the clone found it, but the remote's default branch can change.
    let answer = git(&["-C", &place, "ls-remote", "--symref", "--", url, "HEAD"])?;
    let head = answer.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    match head.filter(|branch| branch.starts_with("refs/heads/")) {
        Some(branch) => git(&["-C", &place, "symbolic-ref", "HEAD", branch]).map(drop),
        None => Ok(()),
    }
}

/// True when the mirror is there and has what is needed without asking the remote.
fn has(dir: &Path, need: Need<'_>) -> bool {
    let Need::Commit(commit) = need else { return false };
    let found = || {
        let oid = Oid::from_str(commit)?;
        Repository::open_bare(dir)?.find_commit(oid).map(drop)
    };
    disk::exists(&dir.join("HEAD")) && found().is_ok_and(|()| true)
}

/// An exclusive lock that ends with this process, also when that is killed.
fn locked(mirrors: impl AsFd, name: &str, timeout: Duration) -> Result<File, String> {
    let failed = |e| format!("{name}: {e}");
    let file = disk::lock_file(mirrors, name.as_bytes(), Mode::from(0o600)).map_err(failed)?;
    if disk::exclusive(&file, timeout).map_err(failed)? {
        return Ok(file);
    }
    Err(format!("another process has locked {name} for too long"))
}

/// Refuses what git might take for an option or a command, and what would leak a password.
fn check(url: &str) -> Result<(), RepoError> {
    let fail = |why| Err(RepoError::Url { url: masked(url), why });
    let scp_like = !url.contains("://");
    let host = match url.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => url.split(':').next().unwrap_or_default(),
    };
    let host = host.rsplit('@').next().unwrap_or_default();
    if url.starts_with('-') || host.starts_with('-') {
        return fail("could be taken for an option; write it as https://host/path");
    }
    if url.contains("::") && scp_like
        || !(scp_like || SCHEMES.iter().any(|scheme| url.starts_with(scheme)))
    {
        return fail("is not one of https, ssh, git or file; clone it yourself and pass the path");
    }
    if url.chars().any(char::is_control) {
        return fail("holds control characters; leave them out");
    }
    if has_query(url) {
        // As a password, it would be kept and shown.
        return fail(
            "holds a query or fragment, where some hosts take a token; remove everything from the '?' or '#' on, and let a git credential helper supply the token",
        );
    }
    if masked(url) != url {
        // It would be kept in the sweep's record and shown in reports.
        return fail(
            "holds a password or token; remove the part before the '@' and let a git credential helper supply it",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_paths() {
        for url in ["https://h/r.git", "git@h:r.git", "file:///r", "ext::sh -c x://"] {
            assert!(is_url(url), "{url}");
        }
        for path in ["/r", "./r", "r", "a/b@c:d", "odd:name"] {
            assert!(!is_url(path), "{path}");
        }
    }

    #[test]
    fn what_git_would_take_for_a_command_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for url in [
            "ext::sh -c touch://x",
            "x@y::z:w",
            "--upload-pack=x@h:y",
            "-x@h:y",
            "git@-oProxyCommand=x:y",
            "ssh://-oProxyCommand=x/y",
            "ssh://me@-oProxyCommand=x/y",
            "http://h/r",
            "ftp://h/r",
            "https://h/r\nx",
        ] {
            let refused = ensure(url, dir.path(), Need::Latest);
            assert!(matches!(refused, Err(RepoError::Url { .. })), "{url}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was started");
    }

    #[test]
    fn passwords_and_tokens_are_refused_and_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let url = "https://me:hunter@2@host/r/a@b";
        let error = ensure(url, dir.path(), Need::Latest).unwrap_err().to_string();
        assert!(error.contains("https://***@host/r/a@b"), "{error}");
        assert!(!error.contains("hunter"), "{error}");
        for (url, shown) in [
            ("https://t0ken@github.com/o/r.git", "https://***@github.com/o/r.git"),
            ("https://t0ken:@github.com/o/r.git", "https://***@github.com/o/r.git"),
            ("https://t0ken:x-oauth-basic@h/r", "https://***@h/r"),
            ("ssh://git:t0ken@h/r", "ssh://git:***@h/r"),
            ("http://t0ken@h/r", "http://***@h/r"),
            ("HTTPS://t0ken@h/r", "HTTPS://***@h/r"),
            ("git://t0ken@h/r", "git://***@h/r"),
            ("https://h/r.git?token=t0ken", "https://h/r.git?***"),
            ("https://h/r.git#t0ken", "https://h/r.git#***"),
            ("git@h:r.git?token=t0ken", "git@h:r.git?***"),
        ] {
            let error = ensure(url, dir.path(), Need::Latest).unwrap_err().to_string();
            assert!(error.contains(shown), "{error}");
            assert!(!error.contains("t0ken"), "{error}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was started");
    }

    #[test]
    fn a_lock_is_waited_for_but_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let place = disk::dir(dir.path()).unwrap();
        let held = locked(&place, "x.lock", Duration::ZERO).unwrap();
        let error = locked(&place, "x.lock", Duration::from_millis(60)).unwrap_err();
        assert!(error.contains("x.lock"), "{error}");
        drop(held);
        // Not at once: a process that another test is just starting has a copy of the file until
        // it runs its program.
        locked(&place, "x.lock", Duration::from_secs(30)).unwrap();
    }
}

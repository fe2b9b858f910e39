//! Mirrors of remote repositories. Transport is the system `git`'s business: it knows the user's
//! keys and proxies. It runs without hooks and without asking questions.

use crate::RepoError;
use queue_schema::ids::sha256_hex;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCHEMES: [&str; 4] = ["https://", "ssh://", "git://", "file://"];

/// True for `scheme://…` and for `user@host:path`.
pub fn is_url(spec: &str) -> bool {
    if spec.contains("://") {
        return true;
    }
    // A path may hold a colon, but not an @ before it without a slash in between.
    spec.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'))
}

/// The mirror of a URL, cloned or fetched.
///
/// # Errors
/// [`RepoError::Url`] for a URL that git might take for something else, [`RepoError::Mirror`]
/// when git fails.
pub fn ensure(url: &str, mirrors: &Path) -> Result<PathBuf, RepoError> {
    let scp_like = !url.contains("://");
    if url.starts_with('-') || !(scp_like || SCHEMES.iter().any(|s| url.starts_with(s))) {
        return Err(RepoError::Url(url.to_owned()));
    }
    let fail = |message: String| RepoError::Mirror { url: redact(url), message };
    let dir = mirrors.join(&sha256_hex(url.as_bytes())[..32]);
    fs::create_dir_all(mirrors).map_err(|e| fail(format!("{}: {e}", mirrors.display())))?;
    let lock = File::create(dir.with_extension("lock")).map_err(|e| fail(e.to_string()))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| fail(e.to_string()))?;
    if dir.join("HEAD").exists() {
        // A commit that is here stays here; a remote that is away is no reason to stop.
        let _ = git(&["-C", &dir.to_string_lossy(), "fetch", "--quiet", "--prune"]);
        return Ok(dir);
    }
    // Cloned beside and renamed, so that a crash leaves no half mirror under the name.
    let fresh = dir.with_extension("new");
    let _ = fs::remove_dir_all(&fresh);
    git(&["clone", "--quiet", "--mirror", "--", url, &fresh.to_string_lossy()]).map_err(fail)?;
    fs::rename(&fresh, &dir).map_err(|e| fail(e.to_string()))?;
    Ok(dir)
}

fn git(args: &[&str]) -> Result<(), String> {
    let out = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"])
        .args(["-c", "core.fsmonitor=false"])
        .args(args)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", "https:ssh:git:file")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|e| format!("git could not be started: {e}"))?;
    if out.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&out.stderr);
    Err(text.lines().last().unwrap_or("no reason given").to_owned())
}

/// The URL without a password, for messages.
fn redact(url: &str) -> String {
    match (url.find("://"), url.find('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://***@{}", &url[..scheme], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
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
        for url in ["ext::sh -c touch://x", "--upload-pack=x@h:y", "-x@h:y"] {
            assert!(matches!(ensure(url, dir.path()), Err(RepoError::Url(_))), "{url}");
        }
    }
}

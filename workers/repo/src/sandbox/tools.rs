//! Where the toolchains of this machine are, from the worker's environment.

use std::env::{join_paths, split_paths, var_os};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What every sandbox may read.
pub(super) const SYSTEM: [&str; 7] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What a check is given of the worker's environment.
#[derive(Debug)]
pub(super) struct Tools {
    /// All directories of PATH that are absolute.
    path: Vec<PathBuf>,
    /// Those that are in a sandbox too.
    inside: Vec<PathBuf>,
    /// Those of them that must be brought there.
    pub(super) bound: Vec<PathBuf>,
    pub(super) cargo_home: Option<PathBuf>,
    pub(super) rustup_home: Option<PathBuf>,
    others: Vec<(&'static str, OsString)>,
}

impl Tools {
    /// From the environment of this process. `read` is what checks may read beyond it.
    pub(super) fn of_this_process(read: &[PathBuf]) -> Self {
        Self::find(|name| var_os(name), read)
    }

    fn find(var: impl Fn(&str) -> Option<OsString>, read: &[PathBuf]) -> Self {
        let home = var("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let place = |name: &str, below: &str| {
            let named = var(name).map(PathBuf::from).filter(|p| p.is_absolute());
            named.or_else(|| Some(home.as_ref()?.join(below))).filter(|place| place.is_dir())
        };
        let path: Vec<_> =
            split_paths(&var("PATH").unwrap_or_default()).filter(|dir| dir.is_absolute()).collect();
        let (mut inside, mut bound) = (Vec::new(), Vec::new());
        for dir in path.iter().filter(|dir| dir.is_dir()) {
            let covered = read.iter().any(|place| dir.starts_with(place));
            if covered || SYSTEM.iter().any(|place| dir.starts_with(place)) {
                inside.push(dir.clone());
                continue;
            }
            // The user's whole home would come with it.
            let too_much = home.as_ref().is_some_and(|home| home.starts_with(dir));
            // Shims of version managers need their manager, which is not in PATH.
            let shims = dir.file_name().is_some_and(|name| name == "shims");
            if !too_much && !shims && dir != Path::new("/") {
                inside.push(dir.clone());
                bound.push(dir.clone());
            }
        }
        let others = ["LANG", "TERM"].into_iter().filter_map(|name| Some((name, var(name)?)));
        Self {
            inside,
            bound,
            cargo_home: place("CARGO_HOME", ".cargo"),
            rustup_home: place("RUSTUP_HOME", ".rustup"),
            others: others.collect(),
            path,
        }
    }

    /// What every kind of sandbox has.
    pub(super) fn common_env(&self) -> Vec<(&'static str, OsString)> {
        let mut env = self.others.clone();
        if let Some(home) = &self.rustup_home {
            env.push(("RUSTUP_HOME", home.clone().into_os_string()));
        }
        env.push(("CARGO_NET_OFFLINE", "true".into()));
        env
    }

    /// PATH where not all directories are.
    pub(super) fn bound_path(&self) -> OsString {
        joined(&self.inside)
    }

    /// PATH where all directories are.
    pub(super) fn whole_path(&self) -> OsString {
        joined(&self.path)
    }
}

fn joined(dirs: &[PathBuf]) -> OsString {
    join_paths(dirs).ok().filter(|p| !p.is_empty()).unwrap_or_else(|| "/usr/bin:/bin".into())
}

/// A program of PATH.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = var_os("PATH")?;
    let found = split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    found.into_iter().find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_of_a_home_is_brought_in() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for dir in ["bin", ".cargo/bin", ".rustup", ".pyenv/shims"] {
            std::fs::create_dir_all(at(dir)).unwrap();
        }
        let path = joined(&[
            home.path().to_owned(),
            at("bin"),
            at(".cargo/bin"),
            at(".pyenv/shims"),
            at("not-there"),
            "relative".into(),
            "/".into(),
            "/usr/bin".into(),
        ]);
        let var = |name: &str| match name {
            "HOME" => Some(home.path().as_os_str().to_owned()),
            "PATH" => Some(path.clone()),
            "SECRET" => Some("s".into()),
            _ => None,
        };
        let tools = Tools::find(var, &[]);
        assert_eq!(tools.bound, [at("bin"), at(".cargo/bin")]);
        assert_eq!(tools.bound_path(), joined(&[at("bin"), at(".cargo/bin"), "/usr/bin".into()]));
        assert_eq!(tools.cargo_home, Some(at(".cargo")));
        assert!(!tools.whole_path().to_string_lossy().contains("relative"));
        let tools = Tools::find(var, &[at(".pyenv")]);
        assert!(tools.bound_path().to_string_lossy().contains("shims"), "its manager is there");
    }
}

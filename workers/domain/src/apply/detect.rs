//! Which command checks a project, from what lies at its root.

/// The programs that the commands of [`check_command`] begin with.
pub const PROGRAMS: [&str; 5] = ["cargo", "npm", "npx", "go", "python3"];

/// The command that checks a project with these files at its root; `None` when none is known.
/// `package` is the text of its `package.json`.
pub fn check_command(root: &[impl AsRef<str>], package: Option<&str>) -> Option<String> {
    let has = |name: &str| root.iter().any(|file| file.as_ref() == name);
    if has("Cargo.toml") {
        return Some("cargo check --workspace".to_owned());
    }
    if let Some(package) = package {
        for script in ["check", "typecheck", "lint", "build"] {
            if has_script(package, script) {
                return Some(format!("npm run --silent {script}"));
            }
        }
    }
    if has("tsconfig.json") {
        return Some("npx --no-install tsc --noEmit".to_owned());
    }
    if has("go.mod") {
        return Some("go vet ./...".to_owned());
    }
    if ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"].into_iter().any(has) {
        return Some("python3 -m compileall -q .".to_owned());
    }
    None
}

fn has_script(package: &str, script: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(package)
        .is_ok_and(|p| p["scripts"][script].as_str().is_some_and(|s| !s.trim().is_empty()))
}

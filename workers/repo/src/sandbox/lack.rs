//! Why bubblewrap does not work here, and what to do about it.

use scrum_disk as disk;
use std::path::Path;

/// Bytes of a file of /proc that are looked at.
const MOST: u64 = 64 * 1024;

/// What a container must be allowed for bubblewrap, as compose has it; `docker run` has each as
/// `--security-opt`.
const CONTAINER: &str =
    "security_opt: [\"seccomp=unconfined\", \"apparmor=unconfined\", \"systempaths=unconfined\"]";

/// What is known of this machine. A number that can't be read is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    /// In a container.
    container: bool,
    /// System calls are filtered.
    filtered: bool,
    /// `kernel.unprivileged_userns_clone`.
    userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`.
    apparmor_restricts: Option<u64>,
    /// `user.max_user_namespaces`.
    max_namespaces: Option<u64>,
}

impl Facts {
    pub(super) fn of_this_machine() -> Self {
        let number = |name: &str| {
            let text = disk::read_text(&Path::new("/proc/sys").join(name), MOST).ok()?;
            text.trim().parse().ok()
        };
        let text = |path: &str| disk::read_text(Path::new(path), MOST).unwrap_or_default();
        let marks = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
        Self {
            container: marks.iter().any(|mark| disk::exists(Path::new(mark)))
                || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            filtered: text("/proc/self/status")
                .lines()
                .any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2")),
            userns_clone: number("kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("kernel/apparmor_restrict_unprivileged_userns"),
            max_namespaces: number("user/max_user_namespaces"),
        }
    }

    /// What is in the way and what to do, from what bubblewrap said; nothing said: it is not
    /// installed.
    pub(super) fn explain(self, said: Option<&str>) -> String {
        let Some(said) = said else {
            return "the program `bwrap` is not installed; apt-get install bubblewrap (the package \
                    has this name everywhere), on each machine that runs workers"
                .to_owned();
        };
        let said = said.trim().trim_end_matches('.');
        let mut todo = Vec::new();
        if said.contains("mount proc") {
            todo.push(
                "/proc is covered in parts, as containers have it; allow a whole one: in compose \
                 security_opt: [\"systempaths=unconfined\"], in Kubernetes procMount: Unmasked"
                    .to_owned(),
            );
        } else {
            let sysctls = [
                (self.userns_clone == Some(0), "kernel.unprivileged_userns_clone=1"),
                (self.max_namespaces == Some(0), "user.max_user_namespaces=15000"),
                (
                    self.apparmor_restricts.is_some_and(|n| n > 0),
                    "kernel.apparmor_restrict_unprivileged_userns=0",
                ),
            ];
            for (_, setting) in sysctls.iter().filter(|(wrong, _)| *wrong) {
                todo.push(format!(
                    "the kernel lets only root make namespaces; as root on the host: sysctl -w {setting}"
                ));
            }
            if self.container || (self.filtered && todo.is_empty()) {
                todo.push(format!(
                    "this container may not make namespaces; allow it, in compose: {CONTAINER}"
                ));
            }
        }
        if todo.is_empty() {
            todo.push("docs/sandbox.md says what it needs".to_owned());
        }
        format!("bubblewrap says: {said}; {}", todo.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_the_sandbox_lacks_and_the_fix() {
        let plain = Facts { max_namespaces: Some(1000), ..Facts::default() };
        let denied = Some("bwrap: No permissions to create new namespace, likely because ..");
        let proc = Some("bwrap: Can't mount proc on /newroot/proc: Operation not permitted");
        for (facts, said, parts) in [
            (plain, None, &["not installed", "apt-get install bubblewrap"][..]),
            (plain, denied, &["No permissions", "docs/sandbox.md"]),
            (
                Facts { userns_clone: Some(0), ..plain },
                denied,
                &["kernel.unprivileged_userns_clone=1"],
            ),
            (Facts { max_namespaces: Some(0), ..plain }, denied, &["user.max_user_namespaces"]),
            (
                Facts { apparmor_restricts: Some(1), ..plain },
                Some("bwrap: setting up uid map: Permission denied"),
                &["kernel.apparmor_restrict_unprivileged_userns=0"],
            ),
            (Facts { container: true, ..plain }, denied, &[CONTAINER]),
            (Facts { filtered: true, ..plain }, denied, &[CONTAINER]),
            (
                Facts { container: true, apparmor_restricts: Some(1), ..plain },
                Some("bwrap: Failed to make / slave: Permission denied"),
                &["apparmor_restrict_unprivileged_userns=0", "apparmor=unconfined"],
            ),
            (Facts { container: true, ..plain }, proc, &["systempaths=unconfined"]),
        ] {
            let told = facts.explain(said);
            for part in parts {
                assert!(told.contains(part), "{told}");
            }
        }
        assert!(!plain.explain(proc).contains("seccomp"));
    }
}

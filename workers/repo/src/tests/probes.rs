//! Whether there is a sandbox, and what is said where there is none.

use super::sandboxes::bubblewrap;
use super::*;
use std::fs;

/// Started by the tests below in processes of their own, whose environment is another one.
#[test]
#[ignore = "a part of the tests below"]
fn a_probe() {
    let Ok(expected) = std::env::var("SCRUM_TEST_PROBE") else { return };
    match Sandbox::probe() {
        Ok(sandbox) => {
            assert_eq!((sandbox.kind(), &*expected), (SandboxKind::Bubblewrap, "works"));
            assert_eq!(sandbox.finds(&["sh", "no-such-program"]), ["sh"]);
        }
        Err(e) => assert!(e.to_string().contains(&expected), "{e}"),
    }
}

/// Runs it by a shell that does `before` under the number that the probe then has.
fn probe_in(before: &str, expected: &str, env: &[(&str, &Path)]) {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("{before}\nexec \"$0\" \"$@\""));
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::probes::a_probe", "--ignored"]);
    let out = command.envs(env.iter().copied()).env("SCRUM_TEST_PROBE", expected).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn without_bubblewrap_there_is_no_weaker_sandbox() {
    assert_eq!(Sandbox::unsafe_none().kind(), SandboxKind::Plain);
    let empty = tempfile::tempdir().unwrap();
    probe_in("", "`bwrap` is not installed; apt-get install bubblewrap", &[("PATH", empty.path())]);
    // One that can't start, as in most containers.
    let broken = empty.path().join("bwrap");
    fs::write(
        &broken,
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&broken, mode).unwrap();
    let said =
        "no_sandbox: checks run in bubblewrap or not at all; bubblewrap says: bwrap: No perm";
    probe_in("", said, &[("PATH", empty.path())]);
}

/// A filter of system calls as containers have it: no namespace of users.
#[cfg(target_arch = "x86_64")]
fn container_filter() -> Vec<u8> {
    const LOAD: u16 = 0x20;
    const IS: u16 = 0x15;
    const HAS: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const REFUSED: u32 = 0x0005_0001;
    let program = [
        // clone with CLONE_NEWUSER; its flags are the first argument.
        (LOAD, 0, 0, 0),
        (IS, 0, 3, 56),
        (LOAD, 0, 0, 16),
        (HAS, 0, 5, 0x1000_0000),
        (RETURN, 0, 0, REFUSED),
        // unshare; and clone3, which is then not there.
        (IS, 0, 1, 272),
        (RETURN, 0, 0, REFUSED),
        (IS, 0, 1, 435),
        (RETURN, 0, 0, 0x0005_0026),
        (RETURN, 0, 0, 0x7fff_0000),
    ];
    let bytes = |(code, yes, no, k): (u16, u8, u8, u32)| {
        [&code.to_ne_bytes()[..], &[yes, no], &k.to_ne_bytes()].concat()
    };
    program.into_iter().flat_map(bytes).collect()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_error_says_what_a_container_must_allow() {
    if bubblewrap().is_none() {
        return;
    }
    let filter = tempfile::NamedTempFile::new().unwrap();
    fs::write(filter.path(), container_filter()).unwrap();
    let filtered = format!("--dev-bind / / --seccomp 9 9<{}", filter.path().display());
    for (container, expected) in [
        (
            &*filtered,
            "in compose: security_opt: [\"seccomp=unconfined\", \"apparmor=unconfined\", \"sys",
        ),
        // One that covers parts of /proc.
        ("--dev-bind / / --proc /proc", "in compose security_opt: [\"systempaths=unconfined\"]"),
    ] {
        let (options, more) = container.split_once(" 9<").unwrap_or((container, "/dev/null"));
        probe_in(
            &format!("exec 9<{more}\nset -- bwrap {options} -- \"$0\" \"$@\"\nexec \"$@\""),
            expected,
            &[],
        );
    }
}

#[test]
fn a_probe_follows_and_removes_nothing_that_lies_in_a_shared_directory() {
    if bubblewrap().is_none() {
        return;
    }
    let shared = tempfile::tempdir().unwrap();
    let victim = tempfile::tempdir().unwrap();
    fs::create_dir(victim.path().join("tmp")).unwrap();
    fs::write(victim.path().join("tmp/precious"), "mine").unwrap();
    // Names that earlier versions had, under the number that the process will have.
    let plant = format!(
        "for n in 0 1 2 3; do ln -s {} $TMPDIR/scrum-probe-$$-$n; done; mkdir $TMPDIR/scrum-probe-$$-4",
        victim.path().display()
    );
    probe_in(&plant, "works", &[("TMPDIR", shared.path())]);
    assert_eq!(fs::read_to_string(victim.path().join("tmp/precious")).unwrap(), "mine");
    assert_eq!(fs::read_dir(victim.path()).unwrap().count(), 1, "nothing was made in it");
    assert_eq!(fs::read_dir(shared.path()).unwrap().count(), 5, "what was planted, and no more");
}

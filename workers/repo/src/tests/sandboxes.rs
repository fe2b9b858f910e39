//! Checks in sandboxes, by real processes. Bubblewrap must be there: a test that passes over what
//! it can't see would say that all is well. `SCRUM_TEST_NO_SANDBOX=1` says that it can't be.

use super::*;
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) const MIB: u64 = 1024 * 1024;

pub(super) struct Place {
    dir: TempDir,
    timeout: Duration,
    memory_bytes: u64,
    output_bytes: usize,
    env: Vec<(String, String)>,
    read: Vec<PathBuf>,
}

impl Place {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tree")).unwrap();
        Self {
            dir,
            timeout: Duration::from_secs(120),
            memory_bytes: 2048 * MIB,
            output_bytes: 64 * 1024,
            env: Vec::new(),
            read: Vec::new(),
        }
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    fn try_run(
        &self,
        sandbox: &Sandbox,
        command: &str,
        cancel: &AtomicBool,
    ) -> Result<Ran, RepoError> {
        let check = Check {
            command,
            dir: &self.tree(),
            cache: &self.dir.path().join("cache"),
            read: &self.read,
            env: &self.env,
            timeout: self.timeout,
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes,
        };
        sandbox.run(&check, cancel)
    }

    pub(super) fn run(&self, sandbox: &Sandbox, command: &str) -> Ran {
        self.try_run(sandbox, command, &AtomicBool::new(false)).unwrap()
    }
}

/// The strong one; none only where somebody said that there is none.
pub(super) fn bubblewrap() -> Option<Sandbox> {
    match Sandbox::probe() {
        Ok(sandbox) => Some(sandbox),
        Err(_) if std::env::var("SCRUM_TEST_NO_SANDBOX").is_ok_and(|v| v == "1") => None,
        Err(e) => panic!("{e}; where that can't be, set SCRUM_TEST_NO_SANDBOX=1"),
    }
}

/// With and without.
fn all() -> Vec<Sandbox> {
    let mut all: Vec<_> = bubblewrap().into_iter().collect();
    all.push(Sandbox::unsafe_none());
    all
}

pub(super) fn has(program: &str) -> bool {
    let system = ["/usr/bin", "/usr/local/bin", "/bin"];
    system.iter().any(|dir| Path::new(dir).join(program).is_file())
}

#[test]
fn a_check_is_run_and_told_as_it_was() {
    for sandbox in all() {
        let place = Place::new();
        let ran = place.run(&sandbox, "echo out; echo err >&2; printf '\\377'; pwd > here; exit 3");
        assert_eq!((ran.code, ran.signal, ran.timed_out), (Some(3), None, false), "{ran:?}");
        assert_eq!(ran.output, "out\nerr\n\u{fffd}", "{ran:?}");
        assert!(!ran.is_green() && ran.kind == sandbox.kind());
        assert!(place.tree().join("here").is_file(), "its directory can be written");
        assert!(place.run(&sandbox, "test -f here && cd \"$HOME\" && touch kept").is_green());
        assert!(place.run(&sandbox, "test -f \"$HOME/kept\"").is_green(), "the cache is kept");
        assert!(place.run(&sandbox, "touch \"$TMPDIR/x\" && ls \"$TMPDIR\"").is_green());
        assert!(!place.run(&sandbox, "ls \"$TMPDIR/x\"").is_green(), "and this is not");
        // A shell's own trouble is the check's, and no error of ours.
        assert!(!place.run(&sandbox, "if then").is_green());
        assert_eq!(place.run(&sandbox, "no-such-program").code, Some(127));
        let killed = place.run(&sandbox, "kill -9 $$");
        assert!(!killed.is_green() && !killed.timed_out, "{killed:?}");
    }
}

#[test]
fn no_packet_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let call = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo connected");
    for sandbox in all() {
        let ran = Place::new().run(&sandbox, &call);
        if sandbox.kind() == SandboxKind::Plain {
            assert!(ran.is_green(), "the call itself works: {ran:?}");
            listener.accept().unwrap();
        } else {
            assert!(!ran.is_green(), "{ran:?}");
            assert!(listener.accept().is_err(), "nothing arrived");
        }
    }
}

/// Of this process: no test may change it while others run.
#[test]
fn the_environment_of_the_worker_stays_outside() {
    for sandbox in all() {
        let mut place = Place::new();
        place.env = vec![("GIVEN".into(), "yes".into()), ("LANG".into(), "C.UTF-8".into())];
        let ran = place.run(
            &sandbox,
            "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a ^CARGO_PKG_NAME",
        );
        let names: Vec<_> =
            ran.output.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
        for name in &names {
            let known = [
                "PATH",
                "LANG",
                "TERM",
                "GIVEN",
                "HOME",
                "TMPDIR",
                "CARGO_HOME",
                "RUSTUP_HOME",
                "CARGO_TARGET_DIR",
                "CARGO_NET_OFFLINE",
                "PWD",
                "SHLVL",
                "_",
                "OLDPWD",
            ];
            // Processes of this user can be seen where they are not hidden.
            let seen = sandbox.kind() == SandboxKind::Plain && *name == "CARGO_PKG_NAME";
            assert!(known.contains(name) || seen, "{name}: {ran:?}");
        }
        assert!(names.contains(&"GIVEN"));
        assert!(std::env::var("CARGO_PKG_NAME").is_ok(), "what is looked for is there");
    }
}

#[test]
fn files_outside_are_neither_read_nor_written() {
    let Some(sandbox) = bubblewrap() else { return };
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    let canary = outside.path().join("canary");
    fs::write(&canary, "secret").unwrap();
    let home = std::env::var("HOME").unwrap();
    let in_home = tempfile::NamedTempFile::new_in(&home).unwrap();
    let canary = canary.display();
    let parent = place.dir.path().display();
    for refused in [
        format!("cat {canary}"),
        format!("echo x > {canary}"),
        format!("ls {parent}"),
        format!("cat {}", in_home.path().display()),
        format!("ls {home}/.ssh {home}/.config"),
        format!("cat {home}/.cargo/config.toml {home}/.cargo/credentials.toml"),
        "cat /etc/shadow".to_owned(),
        "cat /etc/hostname".to_owned(),
        "ls /etc/ssl/private".to_owned(),
        "echo x > /usr/x".to_owned(),
        "echo x > /etc/x".to_owned(),
        "echo x > /x".to_owned(),
        "echo x > /dev/x".to_owned(),
        // Opened for writing and not written: should it succeed, the machine shall not suffer.
        ": >> /proc/sys/kernel/core_pattern".to_owned(),
        ": >> /proc/sysrq-trigger".to_owned(),
        ": >> /proc/self/oom_score_adj".to_owned(),
        "echo x > /cargo/registry/x".to_owned(),
        "mount -t tmpfs none /tmp".to_owned(),
        "unshare -U true".to_owned(),
        "ls /sys/kernel".to_owned(),
        "ls /run/user".to_owned(),
        "kill -0 $PPID".to_owned() + " && ps ax | grep scrum_repo | grep -v grep",
    ] {
        let ran = place.run(&sandbox, &refused);
        assert!(!ran.is_green(), "{refused}: {ran:?}");
    }
    assert_eq!(fs::read_to_string(outside.path().join("canary")).unwrap(), "secret");
    // A link out of the tree leads nowhere, and one left in the cache moves no mount.
    let script = format!(
        "ln -sf {canary} link; cat link; ln -sfn {parent} /cache/home2; \
                          rm -rf /cache/home; ln -s {} /cache/home; true",
        outside.path().display()
    );
    assert!(!place.run(&sandbox, &script).output.contains("secret"));
    let home = fs::symlink_metadata(place.dir.path().join("cache/home")).unwrap();
    assert!(home.is_symlink(), "it is there as it was made");
    assert!(!place.run(&sandbox, "cat \"$HOME/canary\" && ls /cache/home2/").is_green());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    // What is named may be read, and is not written.
    let mut place = place;
    place.read = vec![outside.path().to_owned()];
    let ran = place.run(&sandbox, &format!("cat {canary}; echo x > {canary} || echo refused"));
    assert!(ran.output.contains("secret") && ran.output.contains("refused"), "{ran:?}");
    place.read = vec!["/no/such/place".into()];
    let error = place.try_run(&sandbox, "true", &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("/no/such/place"), "{error}");
}

/// Children that ask to live on: a session of their own, no signal heard, the pipe held open.
const STUBBORN: &str = "for i in 1 2 3 4 5 6 7 8; do (trap '' HUP TERM INT; setsid sleep 4242 & \
                        sleep 4242 & exec sleep 4242) & done";

fn sleepers(number: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line == format!("sleep\0{number}\0").as_bytes() {
            found.extend(entry.file_name().to_string_lossy().parse::<i32>());
        }
    }
    found
}

fn eventually(what: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !what() {
        if started.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn time_is_bounded_and_nothing_lives_on() {
    for (n, sandbox) in all().into_iter().enumerate() {
        // Numbers of our own: other tests and other runs have theirs.
        let number = (100_000 + std::process::id() * 10 + u32::try_from(n).unwrap()).to_string();
        let stubborn = STUBBORN.replace("4242", &number);
        let mut place = Place::new();
        let started = Instant::now();
        let ran = place.run(&sandbox, &format!("{stubborn}; exit 0"));
        assert!(ran.is_green(), "it ended by itself: {ran:?}");
        assert!(started.elapsed() < Duration::from_secs(30), "and nobody waited for its children");
        place.timeout = Duration::from_millis(700);
        let ran = place.run(
            &sandbox,
            &format!("trap '' TERM; echo begun; {stubborn}; while :; do sleep {number}; done"),
        );
        assert!(ran.timed_out && !ran.is_green() && !ran.cancelled, "{ran:?}");
        assert!(ran.output.starts_with("begun"), "{ran:?}");
        assert!(ran.took >= place.timeout && ran.took < Duration::from_secs(30), "{ran:?}");
        if sandbox.kind() == SandboxKind::Plain {
            // Those with a session of their own get away, as the documentation says.
            for pid in sleepers(&number) {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        assert!(eventually(|| sleepers(&number).is_empty()), "{:?}", sandbox.kind());
    }
}

const NUMBER: &str = "SCRUM_TEST_SLEEP";

/// Started by the test below in a process of its own, which is killed.
#[test]
#[ignore = "a part of the test below"]
fn a_check_whose_worker_is_killed() {
    let Ok(number) = std::env::var(NUMBER) else { return };
    let Some(sandbox) = bubblewrap() else { return };
    let place = Place::new();
    place.run(&sandbox, &format!("setsid sleep {number} & sleep {number}"));
}

#[test]
fn a_check_dies_with_its_worker() {
    if bubblewrap().is_none() {
        return;
    }
    let number = (100_000 + std::process::id() * 10 + 9).to_string();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::sandboxes::a_check_whose_worker_is_killed", "--ignored"])
        .env(NUMBER, &number)
        .spawn()
        .unwrap();
    let begun = eventually(|| sleepers(&number).len() == 2);
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert!(begun);
    assert!(eventually(|| sleepers(&number).is_empty()));
}

#[test]
fn a_check_can_be_cancelled() {
    for sandbox in all() {
        let place = Place::new();
        let cancel = AtomicBool::new(false);
        let ran = std::thread::scope(|scope| {
            let running =
                scope.spawn(|| place.try_run(&sandbox, "touch begun; sleep 600", &cancel));
            assert!(eventually(|| place.tree().join("begun").exists()));
            cancel.store(true, Ordering::Relaxed);
            running.join().unwrap().unwrap()
        });
        assert!(ran.cancelled && !ran.timed_out && !ran.is_green(), "{ran:?}");
        assert!(ran.took < Duration::from_secs(60));
    }
}

#[test]
fn processes_that_multiply_end_with_the_check() {
    let Some(sandbox) = bubblewrap() else { return };
    let mut place = Place::new();
    place.timeout = Duration::from_secs(2);
    // It multiplies, but only so often: other tests run beside this one.
    let bomb =
        "bomb() { [ $1 -eq 0 ] || { bomb $(($1 - 1)) & bomb $(($1 - 1)) & }; sleep 1000; }; bomb 6";
    let started = Instant::now();
    let ran = place.run(&sandbox, bomb);
    assert!(!ran.is_green(), "{ran:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn memory_is_bounded() {
    if !has("python3") {
        return;
    }
    let allocate = "/usr/bin/python3 -c 'x = bytearray(2 * 1024 ** 3); x[::4096] = b\"1\" * len(x[::4096]); print(\"got it\")'";
    for sandbox in all() {
        let mut place = Place::new();
        place.memory_bytes = 512 * MIB;
        let ran = place.run(&sandbox, allocate);
        assert!(!ran.is_green() && !ran.output.contains("got it"), "{ran:?}");
        assert!(place.run(&sandbox, "/usr/bin/python3 -c 'bytearray(50 * 1024 ** 2)'").is_green());
    }
}

#[test]
fn a_flood_of_output_is_bounded_and_its_end_kept() {
    for sandbox in all() {
        let mut place = Place::new();
        place.output_bytes = 1000;
        let ran = place.run(&sandbox, "head -c 50000000 /dev/zero | tr '\\0' x; echo the end");
        assert!(ran.is_green(), "{:?}", ran.code);
        assert!(ran.output.len() == 1000 && ran.output.ends_with("xthe end\n"));
        assert_eq!(ran.output_left_out, 50_000_008 - 1000);
        place.timeout = Duration::from_millis(500);
        let ran = place.run(&sandbox, "yes");
        assert!(ran.timed_out && ran.output.len() <= 1000, "{:?}", ran.took);
    }
}

#[test]
fn a_sandbox_that_breaks_is_no_red_check() {
    let Some(sandbox) = bubblewrap() else { return };
    let place = Place::new();
    let gone = place.dir.path().join("gone");
    let check = Check {
        command: "true",
        dir: &gone,
        cache: &place.dir.path().join("cache"),
        read: &[],
        env: &[],
        timeout: place.timeout,
        memory_bytes: 512 * MIB,
        output_bytes: 1000,
    };
    let error = sandbox.run(&check, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, RepoError::Sandbox(_)), "{error}");
    // Too little memory for the tool itself: an error, or at least not green.
    let check = Check { dir: &place.tree(), memory_bytes: 4096, ..check };
    let starved = sandbox.run(&check, &AtomicBool::new(false));
    assert!(starved.map_or(true, |ran| !ran.is_green()));
}

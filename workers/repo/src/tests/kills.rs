//! What a process that is killed leaves behind, and locks of others.

use super::landing::{change, landing, project, text};
use super::*;
use crate::step::hooks::at_each_step;
use std::fs;
use std::time::{Duration, SystemTime};

#[test]
fn a_git_that_holds_the_branch_is_waited_for() {
    let (f, base) = project();
    f.git(&["branch", "x"]);
    let lock = f.path().join(".git/refs/heads/x.lock");
    fs::write(&lock, "").unwrap();
    let repo = Repo::open(f.path()).unwrap();
    let error = repo.begin("x", "run", "token").unwrap_err();
    assert!(matches!(error, RepoError::Locked { .. }) && error.is_passing(), "{error}");
    assert!(error.to_string().contains("x.lock"), "{error}");
    assert!(lock.exists(), "a lock of somebody else is never taken away");
    fs::remove_file(&lock).unwrap();
    assert_eq!(repo.begin("x", "run", "token").unwrap(), Begun::Fresh);
    assert_eq!(repo.branch_head("x").unwrap(), Some(base));
}

const STEP: &str = "SCRUM_TEST_KILL_AT";
const PLACE: &str = "SCRUM_TEST_REPOSITORY";

/// Started by the test below in a process of its own, which ends itself at a step.
#[test]
#[ignore = "a part of the test below"]
fn a_landing_that_is_killed() {
    let (Ok(kill_at), Some(place)) = (std::env::var(STEP), std::env::var_os(PLACE)) else { return };
    let repo = Repo::open(Path::new(&place)).unwrap();
    let base = repo.resolve("main").unwrap();
    // `fenced` and the steps of the lock come up in `begin` as well.
    let (part, at) = kill_at.split_once(':').unwrap();
    let at = at.to_owned();
    let kill = move |step: &str| {
        if step == at {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
        }
    };
    if part == "begin" {
        at_each_step(kill);
        let _ = repo.begin("scrum/x", "run", "killed");
        return;
    }
    let _ = repo.begin("scrum/x", "run", "killed").unwrap();
    at_each_step(kill);
    let at = Landing { token: "killed", ..landing("scrum/x", None, &base) };
    let _ = repo.land(&at, &[change("a.txt", "1\n"), change("run.sh", "2\n")], text);
}

#[test]
fn a_kill_at_any_step_leaves_all_of_it_or_nothing_and_the_next_one_finds_out() {
    use std::os::unix::process::ExitStatusExt;
    for step in [
        "begin:fenced",
        "begin:locked",
        "begin:signed",
        "land:objects",
        "land:locked",
        "land:signed",
        "land:journal",
        "land:landed",
    ] {
        let (f, base) = project();
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kills::a_landing_that_is_killed", "--ignored"])
            .env(STEP, step)
            .env(PLACE, f.path())
            .output()
            .unwrap();
        assert_eq!(ended.status.signal(), Some(9), "{step}: {ended:?}");
        let lock = f.path().join(".git/refs/heads/scrum/x.lock");
        let ours = f.path().join(".git/scrum/lock/scrum%2fx");
        if step.ends_with(":locked") {
            // Killed before the lock was signed: then its age must tell.
            assert!(lock.exists());
            let long_ago = SystemTime::now() - Duration::from_secs(3600);
            for file in [&lock, &ours] {
                fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
            }
        }
        let repo = Repo::open(f.path()).unwrap();
        let changes = [change("a.txt", "1\n"), change("run.sh", "2\n")];
        let at = Landing { token: "again", ..landing("scrum/x", None, &base) };
        match repo.begin("scrum/x", "run", "again").unwrap() {
            Begun::Landed(rows) => {
                assert_eq!(step, "land:landed");
                let head = repo.branch_head("scrum/x").unwrap().unwrap();
                assert!(rows.ends_with(&head), "{rows}");
            }
            Begun::Fresh => {
                assert_ne!(step, "land:landed");
                assert_eq!(repo.branch_head("scrum/x").unwrap(), None, "{step}");
                assert_eq!(repo.land(&at, &changes, text).unwrap().len(), 2);
            }
        }
        assert!(!lock.exists(), "{step}");
        assert_eq!(f.git(&["rev-list", "--count", "main..scrum/x"]), "2", "{step}");
        assert!(matches!(repo.begin("scrum/x", "run", "third").unwrap(), Begun::Landed(_)));
        f.git(&["fsck", "--strict"]);
    }
}

#[test]
fn a_lock_of_somebody_else_is_left_where_one_of_ours_was_killed() {
    let (f, _) = project();
    f.git(&["branch", "x"]);
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("x", "run", "token").unwrap();
    let lock = f.path().join(".git/refs/heads/x.lock");
    let ours = f.path().join(".git/scrum/lock/x");
    // Ours was signed and is gone since; this one has come after it.
    fs::write(&ours, "locking\n1:2 3.000000004\n").unwrap();
    fs::write(&lock, "").unwrap();
    assert!(matches!(repo.begin("x", "run", "t"), Err(RepoError::Locked { .. })));
    // Not signed; this one stood there before we announced ours.
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(long_ago).unwrap();
    fs::write(&ours, "locking\n").unwrap();
    assert!(matches!(repo.begin("x", "run", "t"), Err(RepoError::Locked { .. })));
    assert!(lock.exists());
}

const START: &str = "SCRUM_TEST_START";

/// Started by the test below in a process of its own, which is killed at any time.
#[test]
#[ignore = "a part of the test below"]
fn landings_without_end() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let start: usize = std::env::var(START).unwrap().parse().unwrap();
    let repo = Repo::open(Path::new(&place)).unwrap();
    let base = repo.resolve("main").unwrap();
    for n in start.. {
        let (run, token) = (format!("run-{n}"), format!("{}-{n}", std::process::id()));
        if repo.begin("scrum/x", &run, &token).unwrap() == Begun::Fresh {
            let head = repo.branch_head("scrum/x").unwrap();
            let at = landing("scrum/x", head.as_deref(), &base);
            let changed = Change { message: run.clone(), ..change("a.txt", &format!("{n}\n")) };
            let at = Landing { run: &run, token: &token, ..at };
            repo.land(&at, &[changed], text).unwrap();
        }
        println!("landed {n}");
    }
}

#[test]
fn kills_at_any_time_lose_nothing_and_repeat_nothing() {
    use std::io::BufRead;
    use std::process::Stdio;
    const KILLS: usize = 25;
    let (f, _) = project();
    let mut next = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kills::landings_without_end", "--ignored", "--nocapture"])
            .env(PLACE, f.path())
            .env(START, next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |line: &str| {
            let (_, n) = line.split_once("landed ")?;
            next = n.parse::<usize>().unwrap() + 1;
            Some(())
        };
        // After one or two it is somewhere in the next, each time somewhere else.
        for _ in 0..=kill % 2 {
            while told(&lines.next().expect("it lives").unwrap()).is_none() {}
        }
        for _ in 0..kill * 40 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts.
        for line in lines.map_while(Result::ok) {
            let _ = told(&line);
        }
    }
    let said = f.git(&["log", "--reverse", "--format=%s", "main..scrum/x"]);
    let runs: Vec<_> = said.lines().collect();
    let wanted: Vec<_> = (0..runs.len()).map(|n| format!("run-{n}")).collect();
    assert_eq!(runs, wanted, "each once, in a line");
    // The last one may have landed without having said so.
    assert!(runs.len() == next || runs.len() == next + 1, "{} {next}", runs.len());
    let repo = Repo::open(f.path()).unwrap();
    for n in 0..runs.len() {
        let begun = repo.begin("scrum/x", &format!("run-{n}"), "after").unwrap();
        assert!(matches!(begun, Begun::Landed(_)), "{n}");
    }
    f.git(&["fsck", "--strict"]);
}

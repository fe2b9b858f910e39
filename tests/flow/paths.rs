//! Where the programs write, and where they don't let themselves be led.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::ids::sha256_hex;
use scrum_tests::process::{Bench, Done, Process};
use scrum_tests::repo::TestRepo;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const TREASURE: &str = "alias ls=ls\n";

/// A bench, a repository of one file, and a place outside with a file that nobody may change.
struct Scene {
    bench: Bench,
    repo: TestRepo,
    outside: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (bench, repo) = (Bench::new(None, ""), TestRepo::with_files(1));
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("treasure"), TREASURE).unwrap();
        Self { bench, repo, outside }
    }

    fn treasure(&self) -> PathBuf {
        self.outside.path().join("treasure")
    }

    fn run(&self, out: &Path) -> Done {
        let repo = self.repo.path().to_str().unwrap();
        self.bench.run(&["run", repo, "--ladder", "builtin", "--out", out.to_str().unwrap()])
    }

    #[track_caller]
    fn refused(&self, out: &Path, words: &str) {
        let done = self.run(out);
        self.untouched();
        let told = done.expect(2).stderr;
        assert!(told.contains(words) && told.contains("--out"), "{}: {told}", out.display());
        assert!(!told.contains("sweep "), "before any work is done: {told}");
    }

    #[track_caller]
    fn untouched(&self) {
        assert_eq!(fs::read_to_string(self.treasure()).unwrap(), TREASURE);
        assert_eq!(names(self.outside.path()), ["treasure"]);
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A clone may bring whatever it likes under the names that a report uses.
#[test]
fn links_in_a_repository_are_not_written_through() {
    let scene = Scene::new();
    let first = scene.bench.out();
    scene.run(&first).expect(0);
    let files = names(&first);

    let report = scene.repo.path().join("report");
    fs::create_dir(&report).unwrap();
    for name in files.iter().filter(|name| !name.starts_with('.')) {
        // What this program once wrote a file under before it had its name.
        let early = format!(".scrum-{:.16}.new", sha256_hex(name.as_bytes()));
        symlink(scene.treasure(), report.join(early)).unwrap();
    }
    scene.refused(&report, "it holds something else than a report of scrum");
    // Nor does a mark that the repository brings help it, or links under the files' own names.
    fs::write(report.join(".scrum-report"), "").unwrap();
    for name in files.iter().filter(|name| !name.starts_with('.')) {
        symlink(scene.treasure(), report.join(name)).unwrap();
    }
    assert!(files.contains(&".scrum-report".to_owned()) && files.len() > 8, "{files:?}");
    for _ in 0..2 {
        scene.run(&report).expect(0);
        scene.untouched();
        for name in &files {
            let found = fs::symlink_metadata(report.join(name)).unwrap();
            assert!(found.is_file(), "{name}");
        }
        assert!(!names(&report).iter().any(|name| name.starts_with(".scrum-new-")));
    }
    // The mark itself is not followed either.
    fs::remove_file(report.join(".scrum-report")).unwrap();
    symlink(scene.treasure(), report.join(".scrum-report")).unwrap();
    scene.refused(&report, "it holds something else");
}

#[test]
fn a_report_directory_is_new_or_empty_or_a_report() {
    let scene = Scene::new();
    let (repo, place) = (scene.repo.path(), scene.bench.dir.path());
    let link = |name: &str, to: &Path| symlink(to, place.join(name)).unwrap();
    link("linked", scene.outside.path());
    link("dangling", &place.join("nowhere"));
    link("into_git", &repo.join(".git"));
    symlink(scene.outside.path(), repo.join("docs")).unwrap();
    symlink("..", repo.join("up")).unwrap();
    fs::create_dir(place.join("full")).unwrap();
    fs::write(place.join("full/letter.txt"), "mine").unwrap();
    fs::create_dir_all(place.join("like/scrum_report.md")).unwrap();
    fs::write(place.join("file"), "mine").unwrap();
    scene.repo.git(&["init", "-q", "--bare", place.join("bare").to_str().unwrap()]);

    let state = scene.bench.state();
    let inside = "is a symbolic link inside a repository";
    for (out, words) in [
        (place.join("linked"), "it is a symbolic link; name the place that it leads to"),
        (place.join("dangling"), "it is a symbolic link"),
        (repo.join("docs"), "it is a symbolic link"),
        (repo.join("docs/report"), inside),
        (repo.join("docs/deep/report"), inside),
        (repo.join("src/../docs/report"), inside),
        (repo.join("up/report"), inside),
        (place.join("full"), "\"letter.txt\"; name a new or an empty directory"),
        (place.join("like"), "it holds something else"),
        (place.join("file"), "it is a file"),
        (place.join("file/report"), "can't be used"),
        (PathBuf::from("/"), "it is the root of the file system"),
        (PathBuf::from("/.."), "it ends in '..'"),
        (repo.to_owned(), "it is the root of a repository"),
        (repo.join("src/.."), "it ends in '..'"),
        (repo.join(".git"), "it is in a git directory"),
        (repo.join(".git/hooks"), "it is in a git directory"),
        (repo.join(".git/new/report"), "it is in a git directory"),
        (place.join("into_git/report"), "it is in a git directory"),
        (place.join("bare"), "it is in a git directory"),
        (place.join("bare/report"), "it is in a git directory"),
        (state.clone(), "it is the state directory"),
        (state.join("mirrors/report"), "it is in the state directory"),
        (state.join("redis"), "it is in the state directory"),
    ] {
        scene.refused(&out, words);
    }
    // A sweep of the fleet, and a report by itself, look in the same way.
    let args = ["report", "latest", "--out", "linked"];
    let told = scene.bench.run(&args).expect(2).stderr;
    assert!(told.contains("no sweeps yet") || told.contains("symbolic link"), "{told}");

    // The person's own links on the way are the person's choice.
    fs::create_dir(place.join("disk")).unwrap();
    link("way", &place.join("disk"));
    for out in ["way/deep/report", "state/reports/mine", "empty"].map(|name| place.join(name)) {
        if out.ends_with("empty") {
            fs::create_dir(&out).unwrap();
        }
        scene.run(&out).expect(0);
        assert!(out.join("scrum_report.md").is_file(), "{}", out.display());
    }
    // One that a version left which did not mark it.
    let old = place.join("disk/deep/report");
    fs::remove_file(old.join(".scrum-report")).unwrap();
    fs::write(old.join("summary.json"), "old").unwrap();
    fs::write(old.join(".scrum-0123456789abcdef.new"), "half").unwrap();
    scene.run(&old).expect(0);
    assert!(fs::read_to_string(old.join("summary.json")).unwrap().contains("sweep"));
    scene.untouched();
}

#[test]
fn an_export_replaces_a_file_and_follows_no_link() {
    let scene = Scene::new();
    let place = scene.bench.dir.path();
    let export = |out: &str| scene.bench.run(&["dlq", "export", "--out", out]);
    // The name beside it that this program once used.
    symlink(scene.treasure(), place.join("letters.new")).unwrap();
    fs::write(place.join("letters.jsonl"), "old").unwrap();
    export("letters.jsonl").expect(0);
    assert_eq!(fs::read_to_string(place.join("letters.jsonl")).unwrap(), "");
    scene.untouched();
    symlink(scene.treasure(), place.join("link.jsonl")).unwrap();
    let told = export("link.jsonl").expect(2).stderr;
    assert!(told.contains("it is a symbolic link") && told.contains("--out"), "{told}");
    let told = export("state").expect(2).stderr;
    assert!(told.contains("it is not a file"), "{told}");
    export("none/letters.jsonl").expect(2);
    scene.untouched();
}

#[test]
fn the_state_directory_is_made_private_with_all_that_is_in_it() {
    let scene = Scene::new();
    let state = scene.bench.state();
    for dir in ["logs", "mirrors/old", "redis", "reports/old", "apply/trees"] {
        fs::create_dir_all(state.join(dir)).unwrap();
        fs::write(state.join(dir).join("file"), "open").unwrap();
    }
    fs::write(state.join("logs/worker.log"), "").unwrap();
    let mut set = vec![state.clone()];
    while let Some(path) = set.pop() {
        let is_dir = path.is_dir();
        let mode = fs::Permissions::from_mode(if is_dir { 0o755 } else { 0o644 });
        fs::set_permissions(&path, mode).unwrap();
        set.extend(
            is_dir
                .then(|| fs::read_dir(&path).unwrap())
                .into_iter()
                .flatten()
                .map(|e| e.unwrap().path()),
        );
    }
    let url = format!("file://{}", scene.repo.path().display());
    scene.bench.run(&["run", &url, "--ladder", "builtin"]).expect(0);
    let (mut open, mut seen) = (Vec::new(), 0);
    let mut pending = vec![state.clone()];
    while let Some(path) = pending.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        seen += 1;
        if found.permissions().mode() & 0o077 != 0 {
            open.push((path.clone(), format!("{:o}", found.permissions().mode())));
        }
        if found.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
    assert!(seen > 40, "a mirror, logs, reports and the private Redis: {seen}");
}

#[test]
fn a_directory_of_others_is_no_state_directory_and_keeps_its_modes() {
    let scene = Scene::new();
    let place = scene.bench.dir.path().join("projects");
    fs::create_dir_all(place.join("thesis")).unwrap();
    let all = [place.clone(), place.join("thesis")];
    for path in &all {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let repo = scene.repo.path().to_str().unwrap();
    let named = ["--state-dir", place.to_str().unwrap()];
    let told =
        scene.bench.run(&[&["run", repo, "--ladder", "builtin"], &named[..]].concat()).expect(2);
    assert!(told.stderr.contains("thesis") && told.stderr.contains("empty"), "{}", told.stderr);
    for path in all {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    }
}

#[test]
fn links_in_the_state_directory_are_not_followed() {
    let scene = Scene::new();
    let state = scene.bench.state();
    let url = format!("file://{}", scene.repo.path().display());
    let run = || scene.bench.run(&["run", &url, "--ladder", "builtin"]);
    for place in [
        "redis",
        "redis/redis.log",
        "redis/lock",
        "redis/appendonlydir",
        "logs",
        "logs/worker.log",
        "mirrors",
        "reports",
    ] {
        let place = state.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let to = if place.extension().is_some() {
            scene.treasure()
        } else {
            scene.outside.path().to_owned()
        };
        symlink(to, &place).unwrap();
        let told = run().expect(2).stderr;
        assert!(told.contains("state"), "{}: {told}", place.display());
        scene.untouched();
        fs::remove_dir_all(&state).unwrap();
    }
    // The directory itself may be a link, as that of a systemd unit is, but not in a repository.
    let real = scene.bench.dir.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, &state).unwrap();
    run().expect(0);
    assert!(real.join("mirrors").is_dir());
    fs::remove_file(&state).unwrap();
    symlink(scene.outside.path(), scene.repo.path().join("kept")).unwrap();
    let kept = scene.repo.path().join("kept");
    let told = scene.bench.run(&["status", "--state-dir", kept.to_str().unwrap()]).expect(2).stderr;
    assert!(told.contains("inside a repository") && told.contains("--state-dir"), "{told}");
    // Only root can give a directory away.
    fs::create_dir(&state).unwrap();
    if chown(&state, Some(54321), None).is_ok() {
        let told = run().expect(2).stderr;
        assert!(told.contains("belongs to user 54321") && told.contains("--state-dir"), "{told}");
    }
    scene.untouched();
}

/// Nobody ever writes into the pipe: whoever opened it in the usual way would wait for ever.
#[test]
fn a_pipe_is_no_document() {
    let scene = Scene::new();
    let pipe = scene.bench.dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (repo, pipe) = (scene.repo.path().to_str().unwrap(), pipe.to_str().unwrap());
    for args in [
        &["run", repo, "--ladder", "builtin", "--prd", pipe][..],
        &["run", repo, "--ladder", pipe],
        &["--config", pipe, "status"],
    ] {
        let said = scene.bench.dir.path().join("said");
        let mut command = scene.bench.scrum(args);
        command.stdout(Stdio::null()).stderr(fs::File::create(&said).unwrap());
        assert_eq!(Process(command.spawn().unwrap()).wait(LONG), 2, "{args:?}");
        let told = fs::read_to_string(said).unwrap();
        assert!(told.contains("it is not a regular file"), "{args:?}: {told}");
    }
}

/// A unix socket's path has at most 107 bytes.
#[test]
fn a_state_directory_of_any_length_works_and_every_command_finds_its_server() {
    let scene = Scene::new();
    let deep = scene.bench.dir.path().join("a-name-of-some-length/".repeat(8)).join("state");
    assert!(deep.as_os_str().len() > 150);
    let (repo, deep) = (scene.repo.path().to_str().unwrap(), deep.to_str().unwrap());
    let out = scene.bench.out();
    let args = ["run", repo, "--ladder", "builtin", "--out", out.to_str().unwrap()];
    let first = scene.bench.run(&[&args[..], &["--state-dir", deep]].concat()).expect(0);
    assert!(first.stdout.contains("1 of 1 files reviewed"), "{}", first.stdout);
    let again = scene.bench.run(&[&args[..], &["--state-dir", deep]].concat()).expect(0);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    let told = scene.bench.run(&["status", "--state-dir", deep]).expect(0).stdout;
    assert!(told.contains("1 resolved"), "{told}");
}

//! The container image: what its Dockerfile installs is enough for checks in a sandbox, run by its user.
//! Building its file system takes a minute and the network, so that is done with `SCRUM_TEST_IMAGE=1` alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::{Bench, Done, Process, program};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// What the last stage of the Dockerfile installs.
fn packages() -> Vec<String> {
    let text = file("Dockerfile");
    let stage = text.rsplit("\nFROM ").next().unwrap();
    let line = stage.lines().find_map(|l| l.split_once("--no-install-recommends")).unwrap().1;
    line.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect()
}

#[test]
fn the_image_has_bubblewrap_and_compose_allows_it_where_runs_are_applied() {
    assert!(packages().contains(&"bubblewrap".to_owned()), "{:?}", packages());
    let apply = file("docker-compose.apply.yml");
    for part in ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"] {
        assert!(apply.contains(&format!("- {part}\n")), "{part}");
    }
    assert!(
        apply.contains("read_only: false")
            && file("docker-compose.yml").contains("read_only: true")
    );
}

/// A file system with the packages of the image; none, with a word, where it can't be made.
fn root() -> Option<tempfile::TempDir> {
    let skip = |why: &str| {
        println!("skipped: {why}");
        None
    };
    if std::env::var("SCRUM_TEST_IMAGE").as_deref() != Ok("1") {
        return skip("set SCRUM_TEST_IMAGE=1 to build the image's file system (root, network)");
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.contains("VERSION_CODENAME=bookworm") {
        return skip(
            "the programs of this machine do not fit the image: it is not Debian bookworm",
        );
    }
    let out = |program: &str, args: &[&str]| {
        let out = Command::new(program).args(args).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    if out("id", &["-u"]).as_deref() != Some("0") {
        return skip("debootstrap needs root");
    }
    let known = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let mirror = out("apt-get", &known)?.lines().next()?.to_owned();
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let include = format!("--include={}", packages().join(","));
    let dir = root.path().to_str().unwrap();
    let made = Command::new("debootstrap")
        .args(["--variant=minbase", &include, "bookworm", dir, &mirror])
        .stdout(Stdio::null())
        .status();
    match made {
        Ok(status) if status.success() => Some(root),
        Ok(_) => skip("debootstrap failed: is there a network?"),
        Err(_) => skip("debootstrap is not installed"),
    }
}

/// A program as user 10001 with that file system; `proc` is how it sees /proc.
fn inside(root: &Path, seen: &[PathBuf], proc: &[&str], bench: &Bench, args: &[&str]) -> Command {
    let mut command = Command::new("bwrap");
    let programs = program("scrum");
    command.arg("--bind").arg(root).arg("/").args(["--dev-bind", "/dev", "/dev"]).args(proc);
    command
        .args(["--perms", "1777", "--tmpfs", "/tmp", "--ro-bind"])
        .arg(programs.parent().unwrap())
        .arg("/programs");
    for place in seen {
        command.arg("--bind").arg(place).arg(place);
    }
    command.args([
        "setpriv",
        "--reuid=10001",
        "--regid=10001",
        "--clear-groups",
        "--inh-caps=-all",
    ]);
    command.arg(format!("/programs/{}", args[0])).args(&args[1..]);
    for (name, value) in bench.command("scrum").get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("HOME", bench.dir.path()).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

#[test]
fn a_check_is_contained_in_the_image_and_doctor_names_what_a_container_lacks() {
    let Some(root) = root() else { return };
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::with(|call| {
        if call.prompt.contains("# Findings of the review") {
            return Reply::ok(
                r#"{"patches": [{"old_string": "Reads a number", "new_string": "Reads one number", "rationale": "reads one number", "confidence": 97}]}"#,
            );
        }
        let quotes = answers::code_quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        let review = answers::markdown_review_quoting("src/f0.rs", &quotes);
        Reply::ok(["85%", "75%", "92%"].iter().fold(review, |text, c| text.replace(c, "95%")))
    });
    let server = RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("apply.provider", "stub")
        .set("apply.model", "patcher")
        .set("apply.unconfirmed", "true")
        .set("apply.allowed_checks", "*");
    let sockets = server.socket().parent().unwrap().to_owned();
    for (path, mode) in [(&sockets, 0o755), (&server.socket(), 0o777)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let seen = [repo.path().to_owned(), bench.dir.path().to_owned(), sockets];
    for place in &seen[..2] {
        assert!(
            Command::new("chown")
                .args(["-R", "10001:10001"])
                .arg(place)
                .status()
                .unwrap()
                .success()
        );
    }
    let open = ["--bind", "/proc", "/proc"];
    let run = |args: &[&str]| {
        Done::from(inside(root.path(), &seen, &open, &bench, args).output().unwrap())
    };
    let doctor = run(&["scrum", "doctor"]).stdout;
    assert!(doctor.contains("bubblewrap: checks have no network"), "{doctor}");
    // As Docker has it by default: parts of /proc are covered.
    let covered = inside(root.path(), &seen, &["--proc", "/proc"], &bench, &["scrum", "doctor"]);
    let told = Done::from({ covered }.output().unwrap()).stdout;
    assert!(told.contains("security_opt: [\"systempaths=unconfined\"]"), "{told}");

    let mut worker = inside(root.path(), &seen, &open, &bench, &["scrum-worker"]);
    worker.arg("--concurrency").arg("2").stdout(Stdio::null()).stderr(Stdio::null());
    let _worker = Process(worker.spawn().unwrap());
    let (path, ladder) = (repo.path().to_str().unwrap(), bench.ladder());
    let ladder = ladder.to_str().unwrap();
    run(&["scrum", "sweep", path, "--ladder", ladder, "--wait"]).expect(0);
    let port = stub.openai_url().rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    let check = format!(
        "test -s src/f0.rs && ! bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && ! ls {} && ! ls {path} && ! touch /usr/x",
        bench.dir.path().display()
    );
    let args = ["scrum", "apply", "latest", "--commit", "--wait", "--json", "--check", &check];
    let done = run(&args).expect(0);
    assert!(done.stdout.contains("\"sandbox\":\"bubblewrap\""), "{}", done.stdout);
    assert!(done.stdout.contains("\"action\":\"committed\""), "{}", done.stdout);
}

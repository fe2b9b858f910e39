//! The worker decides which commands run and where commits land, not the job and not a git configuration. A check
//! runs without a sandbox only if the user and the worker both allow it.

use crate::bed::{Applied, apply, bench, patch, stub, sweep};
use queue_schema::keys;
use queue_schema::rows::{AutoApplyRow, Row as _};
use scrum_tests::model_stub::ModelStub;
use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// What fits the project of [`Fleet`].
const FITS: &str = "python3 -m compileall -q .";

/// A directory of PATH with what the programs need, and without bubblewrap.
fn path_without_bubblewrap() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["sh", "git", "redis-server", "timeout", "true", "grep", "touch"] {
        let found =
            Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        std::os::unix::fs::symlink(found.trim(), dir.path().join(name)).unwrap();
    }
    dir
}

fn with_path(bench: &Bench, args: &[&str], path: &Path) -> Done {
    Done::from(bench.scrum(args).env("PATH", path).output().unwrap())
}

#[test]
fn without_a_sandbox_a_check_runs_only_with_the_flag_given_each_time() {
    let repo = TestRepo::with_files(1);
    let good = patch("Reads a number", "Reads one number", "reads one number", 97);
    let (stub, _) = stub(&[("src/f0.rs", good)]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &[]);
    let (bare, calls) = (path_without_bubblewrap(), stub.requests().len());
    let canary = bench.dir.path().join("ran");
    let check = format!("touch {}", canary.display());
    let args = ["apply", "latest", "--json", "--check", &check];
    // A dry run, too.
    let done = with_path(&bench, &args, bare.path()).expect(2);
    for part in ["no_sandbox", "`bwrap` is not installed", "apt-get install bubblewrap"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    assert!(!canary.exists() && stub.requests().len() == calls, "nothing ran, nobody was asked");
    let done = with_path(&bench, &[&args[..], &["--unsafe-no-sandbox"]].concat(), bare.path());
    let done = done.expect(0);
    assert!(done.stderr.matches("without a sandbox").count() >= 2, "{}", done.stderr);
    let row = &Applied::of(&done).rows["src/f0.rs"];
    assert_eq!((row.sandbox.as_str(), row.unsafe_no_sandbox), ("none", true), "{row:?}");
    assert!(canary.exists(), "it ran in the open");
    let out = bench.out();
    bench.run(&["report", "latest", "--out", out.to_str().unwrap()]).expect(0);
    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(report.contains("The check ran without a sandbox"), "{report}");
    // The flag holds for one run: the next one runs in the sandbox again.
    let again = apply(&bench, &["--check", "true", "--again"]);
    let row = &again.rows["src/f0.rs"];
    assert_eq!((row.sandbox.as_str(), row.unsafe_no_sandbox), ("bubblewrap", false));
}

/// A fleet with two reviewed Python files and patches for them, and no worker yet.
struct Fleet {
    repo: TestRepo,
    server: RedisServer,
    bench: Bench,
    _stub: ModelStub,
    sweep: String,
}

impl Fleet {
    fn new(confidence: u8) -> Self {
        let repo = TestRepo::new();
        repo.write("pyproject.toml", b"[project]\nname = 'shop'\nversion = '0'\n");
        for name in ["shop/a.py", "shop/b.py"] {
            repo.write(name, b"\"\"\"A price.\"\"\"\n\n\ndef price(amount):\n    verbose = False\n    return amount * 2\n");
        }
        repo.commit("a shop");
        let good = patch("verbose = False", "verbose = True", "verbose was forgotten", confidence);
        let (stub, _) = stub(&[("shop/a.py", good.clone()), ("shop/b.py", good)]);
        let server = RedisServer::alone();
        let bench = bench(Some(server.url()), &stub);
        let worker = bench.worker(&[]);
        let done = bench.sweep(&repo, &["--target", "shop/*.py", "--wait", "--json"]).expect(0);
        let status: Value = serde_json::from_str(done.stdout.trim()).unwrap();
        let sweep = status["id"].as_str().unwrap().to_owned();
        assert_eq!(worker.terminate(LONG), 0);
        Self { repo, server, bench, _stub: stub, sweep }
    }

    /// Requests a run, changes its record in Redis as an attacker could, and lets a worker do it.
    fn run(&self, args: &[&str], edit: impl FnOnce(&mut Value), worker: &[(&str, &str)]) -> Done {
        let all = [&["apply", "latest", "--commit", "--again"], args].concat();
        let run = self.bench.run(&all).expect(0).stdout.trim().to_owned();
        let (key, mut conn) = (keys::apply_run(&self.sweep, &run), self.server.connection());
        let text: String = conn.ask(&["HGET", &key, "spec"]);
        let mut spec: Value = serde_json::from_str(&text).unwrap();
        edit(&mut spec);
        conn.ask::<()>(&["HSET", &key, "spec", &spec.to_string()]);
        let worker = self.bench.worker_with(&[], |command| {
            command.envs(worker.iter().copied());
        });
        let done = eventually(LONG, "the run ends or is refused", || {
            let ended: bool = conn.ask(&["HEXISTS", &key, "ended"]);
            let dead = self.bench.run(&["dlq", "list", "--sweep", "latest", "--json"]).expect(0);
            (ended || dead.stdout.contains(&run)).then_some(dead)
        });
        assert_eq!(worker.terminate(LONG), 0);
        self.bench.run(&["dlq", "discard", "--sweep", "latest"]).expect(0);
        done
    }

    /// The last row of the applier: action and reason.
    fn row(&self) -> (String, String) {
        let key = keys::rows(AutoApplyRow::STREAM, &self.sweep);
        let last = ["XREVRANGE", &key, "+", "-", "COUNT", "1"];
        let rows: Vec<(String, Vec<String>)> = self.server.connection().ask(&last);
        let row: Value = serde_json::from_str(&rows[0].1[3]).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("action"), text("reason"))
    }
}

#[test]
fn a_run_edited_in_redis_is_bound_by_the_settings_of_its_worker() {
    let fleet = Fleet::new(80);
    let canary = fleet.bench.dir.path().join("ran");
    let evil = format!("touch {}", canary.display());
    let loose = |spec: &mut Value| {
        for (name, value) in [
            ("deny", json!([])),
            ("protected", json!([])),
            ("min_conf", json!(0)),
            ("max_lines", json!(200)),
            ("max_patches", json!(20)),
        ] {
            spec["rules"][name] = value;
        }
    };
    let refs = fleet.repo.git(&["for-each-ref"]);
    // Its commands, whatever sandbox it is asked to do without.
    for field in ["check", "test"] {
        let edit = |spec: &mut Value| {
            spec[field] = json!(evil);
            spec["unsafe_no_sandbox"] = json!(true);
        };
        let dead = fleet.run(&[], edit, &[]).stdout;
        assert!(dead.contains("check_not_allowed") && dead.contains("allowed_checks"), "{dead}");
    }
    // The command of a test, and what its output is taken for.
    for (field, value) in [("command", json!(evil)), ("framework", json!("other"))] {
        let edit = |spec: &mut Value| spec["files"][0]["prove"][field] = value;
        let dead = fleet.run(&["--prove"], edit, &[]).stdout;
        assert!(dead.contains("check_not_allowed") && dead.contains("allowed_checks"), "{dead}");
    }
    assert!(!canary.exists());
    // Its protected branches.
    let dead = fleet
        .run(
            &[],
            |spec| {
                loose(spec);
                spec["branch"] = json!("release-1");
            },
            &[],
        )
        .stdout;
    assert!(dead.contains("release-1") && dead.contains("is protected"), "{dead}");
    // Its bounds: the patch is 80 % sure.
    fleet.run(&[], loose, &[]);
    assert_eq!(fleet.row(), ("all_rejected".to_owned(), "80 %, at least 90 are needed".to_owned()));
    // Its deny list, its kinds of files, its number of files.
    for (setting, value, said) in [
        ("SCRUM__APPLY__DENY", "shop/", "the path is denied by 'shop/'"),
        ("SCRUM__APPLY__ALLOW", "rs", "the path is not one of the sources that apply.allow names"),
        (
            "SCRUM__APPLY__MAX_FILES",
            "1",
            "this worker takes 1 files of a run (its apply.max_files)",
        ),
    ] {
        fleet.run(&[], loose, &[(setting, value)]);
        assert_eq!(fleet.row(), ("all_rejected".to_owned(), said.to_owned()));
    }
    assert_eq!(fleet.repo.git(&["for-each-ref"]), refs, "nothing was written");
    // An allowed run is done.
    let own = [("SCRUM__APPLY__MIN_CONF", "70"), ("SCRUM__APPLY__ALLOWED_CHECKS", "test -d shop")];
    fleet.run(
        &[],
        |spec| {
            loose(spec);
            spec["check"] = json!("test -d shop");
        },
        &own,
    );
    assert_eq!(fleet.row().0, "committed");
}

#[test]
fn on_a_fleet_user_and_worker_must_both_allow_a_run_without_a_sandbox() {
    let fleet = Fleet::new(97);
    let bare = path_without_bubblewrap();
    let path = format!("{}", bare.path().display());
    let none = ("SCRUM__APPLY__SANDBOX", "none");
    let any = ("SCRUM__APPLY__ALLOWED_CHECKS", "true");
    let bare = ("PATH", path.as_str());
    for (asked, worker) in [
        (&["--check", "true"][..], vec![none, any, bare]),
        (&["--check", "true", "--unsafe-no-sandbox"], vec![any, bare]),
    ] {
        let dead = fleet.run(asked, |_| {}, &worker).stdout;
        assert!(dead.contains("no_sandbox") && dead.contains("apt-get install"), "{dead}");
    }
    let both = fleet.run(&["--check", "true", "--unsafe-no-sandbox"], |_| {}, &[none, any, bare]);
    assert!(!both.stdout.contains("no_sandbox"), "{}", both.stdout);
    assert_eq!(fleet.row().0, "committed");
    // The detected check needs no permission.
    fleet.run(&["--check", FITS], |_| {}, &[]);
    assert_eq!(fleet.row().0, "committed");
}

#[test]
fn a_repository_that_points_at_another_has_its_own_branch_written() {
    let (named, other) = (TestRepo::with_files(1), TestRepo::new());
    // It has the same commit, so that the branch could land in it, and one of its own.
    other.git(&["pull", "-q", named.path().to_str().unwrap(), "main"]);
    other.write("own.rs", b"pub const OWN: u8 = 1;\n");
    other.commit("own");
    named.git(&["config", "core.worktree", other.path().to_str().unwrap()]);
    let good = patch("Reads a number", "Reads one number", "reads one number", 97);
    let (stub, _) = stub(&[("src/f0.rs", good)]);
    let bench = bench(None, &stub);
    sweep(&bench, &named, &[]);
    let mut command =
        bench.scrum(&["apply", "latest", "--commit", "--branch", "scrum/x", "--check", "true"]);
    for (name, below) in [
        ("GIT_DIR", ".git"),
        ("GIT_WORK_TREE", ""),
        ("GIT_COMMON_DIR", ".git"),
        ("GIT_OBJECT_DIRECTORY", ".git/objects"),
    ] {
        command.env(name, other.path().join(below));
    }
    let done = Done::from(command.output().unwrap()).expect(0);
    assert!(done.stdout.contains("committed on scrum/x"), "{}{}", done.stdout, done.stderr);
    other.assert_untouched();
    assert!(named.path().join(".git/refs/heads/scrum/x").is_file());
}

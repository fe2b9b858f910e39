//! What stands in `deploy/`, and what the operations guide promises: checked against published schemas, and done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::client::SweepStatus;
use queue_schema::ids::SweepId;
use scrum_tests::model_stub::{Gate, ModelStub, Reply, answers};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, program};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use yaml_rust2::{Yaml, YamlLoader};

const LONG: Duration = Duration::from_secs(60);
/// The schemas of Kubernetes' API in the strict form, in which a field that is not known is an error.
const SCHEMAS: (&str, &str) = (
    "kubernetes-validate==1.37.0",
    "kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/_definitions.json",
);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) | Yaml::String(text) => text.as_str().into(),
        Yaml::Integer(n) => (*n).into(),
        Yaml::Boolean(b) => (*b).into(),
        Yaml::Array(list) => list.iter().map(value).collect(),
        Yaml::Hash(map) => {
            let members = map.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), value(v)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

fn objects(path: &str) -> Vec<Value> {
    YamlLoader::load_from_str(&read(path)).unwrap().iter().map(value).collect()
}

/// The published schemas, kept in the target directory; `None` where the package registry can't be reached.
#[allow(clippy::print_stdout)] // a test says why it does less
fn kubernetes() -> Option<Value> {
    let dir = std::env::current_exe().ok()?.ancestors().nth(3)?.join("kubernetes");
    let file = dir.join(SCHEMAS.1);
    if !file.is_file() {
        std::fs::create_dir_all(&dir).ok()?;
        let script = format!(
            "python3 -m pip download -q --no-deps --disable-pip-version-check -d . {} && python3 -m zipfile -e kubernetes_validate-*.whl .",
            SCHEMAS.0
        );
        let done =
            Command::new("timeout").args(["120", "sh", "-c", &script]).current_dir(&dir).output();
        if !file.is_file() {
            println!("SKIPPED: no schemas of Kubernetes can be had here: {done:?}");
            return None;
        }
    }
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

fn faults(schema: &Value, of: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    validator.iter_errors(of).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn manifests_fit_the_schemas_of_kubernetes_and_keda() {
    let fleet = objects("deploy/kubernetes/fleet.yaml");
    assert!(fleet.len() >= 7);
    if let Some(mut all) = kubernetes() {
        for object in &fleet {
            let (kind, version) =
                (object["kind"].as_str().unwrap(), object["apiVersion"].as_str().unwrap());
            let names = all["$defs"].as_object().unwrap().keys();
            let group = match version.split_once('/') {
                Some((group, version)) => {
                    format!(".{}.{version}.{kind}", group.split('.').next().unwrap())
                }
                None => format!(".core.{version}.{kind}"),
            };
            let name = names.clone().find(|n| n.starts_with("io.k8s.api") && n.ends_with(&group));
            all["$ref"] = format!("#/$defs/{}", name.expect(&group)).into();
            assert_eq!(faults(&all, object), [""; 0], "{kind} {}", object["metadata"]["name"]);
            // A field that nobody knows is found.
            let mut wrong = object.clone();
            wrong["spek"] = json!({});
            assert!(!faults(&all, &wrong).is_empty(), "{kind}");
        }
    }
    let schema: Value = serde_json::from_str(&read("tests/fixtures/keda.json")).unwrap();
    let keda = objects("deploy/kubernetes/keda.yaml");
    for object in &keda {
        assert_eq!(faults(&schema, object), [""; 0], "{object}");
        let mut wrong = object.clone();
        wrong["spec"]["maxReplicas"] = 3.into();
        assert!(!faults(&schema, &wrong).is_empty());
    }
    // Names meet: what is scaled, what is asked, whose secret opens it.
    let named = |kind: &str, name: &Value| {
        fleet.iter().any(|o| o["kind"] == kind && o["metadata"]["name"] == *name)
    };
    assert!(named("Deployment", &keda[1]["spec"]["scaleTargetRef"]["name"]));
    for trigger in keda[1]["spec"]["triggers"].as_array().unwrap() {
        assert_eq!(trigger["authenticationRef"]["name"], keda[0]["metadata"]["name"]);
        assert_eq!(trigger["metadata"]["url"], "http://scrum-web:3950/metrics");
    }
}

/// The settings in the manifests are settings, the grace time is longer than the workers' own, and a worker takes them.
#[test]
fn settings_of_the_manifests_are_the_programs_own() {
    let fleet = objects("deploy/kubernetes/fleet.yaml");
    let text = fleet[0]["data"]["scrum.toml"].as_str().unwrap();
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let options = scrum_config::LoadOptions {
        config_path: Some(file.path().to_owned()),
        ..scrum_config::LoadOptions::default()
    };
    let settings = scrum_config::Settings::load(options).unwrap();
    assert_eq!(settings.web.hosts, ["scrum-web"]);
    let worker = fleet.iter().find(|o| o["metadata"]["name"] == "scrum-worker").unwrap();
    let grace =
        worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > settings.worker.grace_s);
}

#[test]
fn units_are_accepted_by_systemd() {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if !there.is_ok_and(|out| out.status.success()) {
        println!("SKIPPED: no systemd-analyze here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for name in ["scrum-worker", "scrum-web"] {
        let unit = read(&format!("deploy/systemd/{name}.service"));
        let path = program(name);
        let own = unit.replace(&format!("/usr/local/bin/{name}"), path.to_str().unwrap());
        assert_ne!(own, unit);
        let file = dir.path().join(format!("{name}.service"));
        std::fs::write(&file, own).unwrap();
        let out = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && !said.contains(&format!("{name}.service")), "{said}");
    }
}

fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn status(server: &RedisServer, id: &SweepId) -> SweepStatus {
    now(async { oracle::queue(&server.url()).await.sweep_status(id).await.unwrap().unwrap() })
}

fn until_done(server: &RedisServer, id: &SweepId) {
    eventually(LONG, "the sweep ends", || status(server, id).state.is_over().then_some(()));
}

fn check(server: &RedisServer, id: &SweepId, repo: &TestRepo, files: u64) {
    let seen = now(oracle::check_all(server, id, repo));
    assert_eq!(seen.is_done().sweep.resolved, files, "{:?}", seen.sweep);
}

#[test]
fn four_workers_restart_one_by_one_and_no_attempt_is_repeated() {
    const FILES: usize = 72;
    let server = RedisServer::alone();
    let stub = ModelStub::with(|_| {
        Reply::ok(answers::markdown_review("any")).after(Duration::from_millis(250))
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("worker.concurrency", "2");
    let mut workers: Vec<Process> = (0..4).map(|_| bench.worker(&[])).collect();
    let repo = TestRepo::with_files(FILES);
    let id = bench.enqueue(&repo);
    for n in 1..=4 {
        // Each goes while it has calls under way, and its successor comes.
        eventually(LONG, "calls are made", || (stub.requests().len() >= n * 8).then_some(()));
        assert_eq!(workers.remove(0).terminate(LONG), 0, "{}", bench.worker_log());
        workers.push(bench.worker(&[]));
    }
    assert!(!status(&server, &id).state.is_over(), "all four went during the sweep");
    until_done(&server, &id);
    let files: BTreeSet<String> = stub.requests().iter().map(|r| r.prompt.clone()).collect();
    assert_eq!((stub.requests().len(), files.len()), (FILES, FILES), "each file was asked once");
    for worker in workers {
        assert_eq!(worker.terminate(LONG), 0);
    }
    check(&server, &id, &repo, FILES as u64);
}

#[test]
fn a_backup_of_a_running_fleet_goes_on_on_an_empty_machine() {
    const FILES: usize = 24;
    let mut server = RedisServer::alone();
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |asked| {
        let answer = Reply::ok(answers::markdown_review("any"));
        if asked.n <= FILES / 2 { answer } else { answer.held_by(&held) }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .short_leases()
        .set("worker.concurrency", "4");
    let repo = TestRepo::with_files(FILES);
    let worker = bench.worker(&[]);
    let id = bench.enqueue(&repo);
    eventually(LONG, "half of it is reviewed", || {
        (status(&server, &id).resolved == FILES as u64 / 2).then_some(())
    });

    // As the guide says, while workers renew their leases: no rewrite begins, then the files are copied.
    let backup = tempfile::tempdir().unwrap();
    let mut conn = server.connection();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("auto-aof-rewrite-percentage")
        .arg(0)
        .exec(&mut conn)
        .unwrap();
    assert_eq!(server.info("aof_rewrite_in_progress"), 0);
    let copied =
        Command::new("cp").arg("-a").arg(server.appendonlydir()).arg(backup.path()).status();
    assert!(copied.unwrap().success());

    // The machine burns down, with what was under way.
    worker.kill9();
    server.kill9();
    drop(server);
    gate.open();
    let asked = stub.requests().len();
    let mut server = RedisServer::on_copy_of(&backup.path().join("appendonlydir"));
    server.repair();
    server.restart();
    let again = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let worker = again.worker(&[]);
    until_done(&server, &id);
    check(&server, &id, &repo, FILES as u64);
    // What was answered before the backup was not asked again; what was under way was.
    assert_eq!(stub.requests().len() - asked, FILES / 2);
    let report = again.run(&["report", &id, "--out", again.out().to_str().unwrap()]).expect(0);
    assert!(again.out().join("scrum_report.md").is_file(), "{}", report.stdout);
    assert_eq!(worker.terminate(LONG), 0);
}

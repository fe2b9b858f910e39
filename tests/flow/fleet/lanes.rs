//! Which worker does what: lanes of providers that only some can call, and text that only some may send.

use super::{LONG, review, status};
use queue_schema::client::{ClaimRequest, Commit};
use queue_schema::effects::{DeadClass, Effects};
use scrum_tests::model_stub::{Gate, ModelStub};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::process::Stdio;

const KEY: &str = "STUB_API_KEY";

/// A bench whose provider wants a key; most of its workers don't have it.
fn bench(server: &RedisServer, stub: &ModelStub) -> Bench {
    let settings = format!(
        "[providers.stub]\nwire='openai'\nbase_url='{}'\nlocal=true\nconcurrency=16\napi_key_env='{KEY}'\n",
        stub.openai_url()
    );
    let bench = Bench::new(Some(server.url()), &settings);
    let ladder = "name='t'\n[[rungs]]\nprovider='stub'\nmodel='m'\n";
    std::fs::write(bench.ladder(), ladder).unwrap();
    bench
}

fn with_key(bench: &Bench) -> Process {
    bench.worker_with(&["--concurrency", "2"], |c| {
        c.env(KEY, "k-123");
    })
}

fn done(bench: &Bench) {
    eventually(LONG, "the sweep ends", || {
        (status(bench)["sweeps"][0]["state"] == "done").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_call_a_provider_leaves_its_files_to_those_that_can() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(21);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |_| review().held_by(&held));
    let bench = bench(&server, &stub);
    // One has no key, the other one has never heard of the provider. Both are quick and have nothing to do.
    let unknown = bench.dir.path().join("unknown.toml");
    std::fs::write(&unknown, "").unwrap();
    let _keyless = bench.worker(&[]);
    let _unknowing = bench.worker(&["--config", unknown.to_str().unwrap()]);
    eventually(LONG, "both are there", || {
        (status(&bench)["workers"].as_array().unwrap().len() == 2).then_some(())
    });
    let id = bench.enqueue(&repo);
    let told = eventually(LONG, "it is told what is missing", || {
        let jobs = status(&bench)["jobs"].clone();
        assert_eq!(jobs["dead"], 0, "a worker without the provider took files: {jobs}");
        let told = bench.run(&["status"]).stdout;
        told.contains("no worker serves rung:stub (21 jobs wait)").then_some(told)
    });
    assert!(told.contains(&format!("set {KEY} where workers run")), "{told}");
    let log = bench.worker_log();
    assert!(log.contains(&format!("stub: {KEY} is not set")), "{log}");
    let doctor = bench.run(&["doctor"]).expect(1).stdout;
    assert!(doctor.contains("no worker serves rung:stub (21 jobs wait)"), "{doctor}");
    // A command that waits for the sweep says so too.
    let waiting = bench.dir.path().join("waiting");
    let mut wait = bench.on("sweep", &repo, &["--wait"]);
    wait.stdout(Stdio::null()).stderr(std::fs::File::create(&waiting).unwrap());
    let wait = Process(wait.spawn().unwrap());
    eventually(LONG, "the command says so", || {
        std::fs::read_to_string(&waiting)
            .unwrap()
            .contains("no worker serves rung:stub")
            .then_some(())
    });
    let _able = with_key(&bench);
    stub.wait_in_flight(2).await;
    assert!(!bench.run(&["status"]).stdout.contains("no worker serves"));
    gate.open();
    assert_eq!(wait.wait(LONG), 0);
    let queue = oracle::queue(&server.url()).await;
    assert_eq!(oracle::check_sweep(&queue, &id).await.resolved, 21);
    assert_eq!(stub.requests().len(), 21);
    assert!(oracle::check_jobs(&mut server.connection()).is_empty());
}

#[test]
fn a_fleet_without_a_worker_says_so() {
    let server = RedisServer::start();
    let bench = Bench::new(Some(server.url()), "");
    let repo = TestRepo::with_files(1);
    bench.run(&["sweep", repo.path().to_str().unwrap(), "--ladder", "builtin"]).expect(0);
    let told = "no worker runs (1 job wait): start scrum-worker";
    for (args, code) in [(["status"], 0), (["doctor"], 1)] {
        let said = bench.run(&args).expect(code).stdout;
        assert!(said.contains(told), "{args:?}: {said}");
    }
    let doctor = bench.run(&["doctor"]).stdout;
    assert!(doctor.contains("lets in whoever reaches it"), "{doctor}");
    // The program's own build, which has fewer features of its libraries than one for tests.
    assert!(doctor.contains("secrets are found by"), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_can_serve_none_of_its_lanes_says_so_and_one_that_is_alone_skips_the_rung() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(review());
    let bench = bench(&server, &stub);
    for (args, told) in [
        (vec!["--lane", "rung:stub", "--lane", "facts:stub"], "rung:stub: STUB_API_KEY is not set"),
        (vec!["--lane", "rung:nosuch"], "[providers.nosuch] is not in the settings"),
        (vec!["--lane", "rungs:stub"], "there is no lane 'rungs:stub'"),
    ] {
        // One that went on would hold the test for ever.
        let code = bench.worker(&args).wait(LONG);
        let text = bench.worker_log();
        assert!(code == 2 && text.contains(told), "{args:?}: {text}");
    }
    // `scrum run` with a server of its own: nobody else will come.
    let own = Bench::new(None, "");
    let settings = std::fs::read_to_string(bench.dir.path().join("scrum.toml")).unwrap();
    std::fs::write(own.dir.path().join("scrum.toml"), settings).unwrap();
    let two = "name='t'\n[[rungs]]\nprovider='stub'\nmodel='m'\n[[rungs]]\nprovider='builtin'\nmodel='b'\n";
    std::fs::write(own.ladder(), two).unwrap();
    let ran = own.review(&repo, &[]).expect(0);
    assert!(ran.stdout.contains("1 of 1 files reviewed"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("no API key: set the environment variable STUB_API_KEY"),
        "{}",
        ran.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_hands_back_jobs_that_it_cannot_do_a_bounded_number_of_times() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(review());
    let bench = bench(&server, &stub).set("queue.max_attempts", "4");
    let id = bench.enqueue(&repo);
    let keyless = bench.worker(&[]);
    let queue = oracle::queue(&server.url()).await.of_sweep(&id);
    let claim = |n: u32| ClaimRequest {
        worker: "w".into(),
        request: format!("w/{n}"),
        want: 1,
        lanes: vec!["rung:stub".into()],
        ..ClaimRequest::default()
    };
    let mut n = 0;
    let job = loop {
        n += 1;
        if let Some(job) = queue.claim(&claim(n)).await.unwrap().jobs.pop() {
            break job;
        }
        tokio::task::yield_now().await;
    };
    // A person moves it to a lane that every worker serves.
    let effects = Effects::dead(DeadClass::Fatal, "moved");
    let dead = Commit { lease: job.lease.clone(), effects };
    assert_eq!(queue.commit(&[dead]).await.unwrap(), [true]);
    let body = job.body.unwrap();
    let moved = Some(("rung:builtin", body.as_str()));
    assert_eq!(queue.revive(&job.lease.job, moved).await.unwrap(), 1);
    let letters = eventually(LONG, "it is given up", || {
        let letters = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
        letters.contains("attempts_exhausted").then_some(letters)
    });
    assert!(letters.contains("this worker can't call stub: STUB_API_KEY is not set"), "{letters}");
    assert_eq!(keyless.terminate(LONG), 0);
    let _able = with_key(&bench);
    bench.run(&["dlq", "retry", "--sweep", &id]).expect(0);
    done(&bench);
    assert_eq!(oracle::check_sweep(&queue, &id).await.resolved, 1);
    assert_eq!(stub.requests().len(), 1, "no attempt was spent");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_unmasked_only_if_sweep_and_worker_both_call_the_provider_local() {
    let secret = ["gh", "p_", "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQo"].concat();
    let server = RedisServer::start();
    let stub = ModelStub::start(review());
    let bench = bench(&server, &stub);
    let local = "SCRUM__PROVIDERS__STUB__LOCAL";
    for (sweep_says, worker_says) in [(false, true), (true, false), (false, false), (true, true)] {
        // The same file each time: an answer to the secret is no answer to its mask.
        let repo = TestRepo::new();
        repo.write("src/f.rs", format!("pub const TOKEN: &str = \"{secret}\";\n").as_bytes());
        repo.commit("one");
        let before = stub.requests().len();
        let mut sweep = bench.on("sweep", &repo, &[]);
        let asked = sweep.env(local, sweep_says.to_string()).output().unwrap();
        assert!(asked.status.success());
        let worker = bench.worker_with(&[], |c| {
            c.env(KEY, "k-123").env(local, worker_says.to_string());
        });
        done(&bench);
        assert_eq!(worker.terminate(LONG), 0);
        let (says, both) = (format!("{sweep_says} {worker_says}"), sweep_says && worker_says);
        let calls = stub.requests();
        let new = &calls[before..];
        // Masked once, it has been answered: the others find that.
        assert_eq!(new.len(), usize::from(both || (!sweep_says && worker_says)), "{says}");
        assert!(new.iter().all(|call| call.prompt.contains(&secret) == both), "{says}");
    }
}

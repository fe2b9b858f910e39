//! The append-only file cut at each byte of its end, as a crash of the machine leaves it.

use crate::common::{LONG, done, each, review_or_summary, seen};
use queue_schema::ids::SweepId;
use scrum_tests::aof::{self, Step};
use scrum_tests::history::History;
use scrum_tests::model_stub::{Gate, ModelStub, Reply};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process, children, kill9, long_form};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::{TestRepo, large_file};
use scrum_tests::wait::eventually;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes at the end in which the file is cut.
const TAIL: usize = 2048;
/// Within a step, one byte in so many is cut; each in the long form.
const STRIDE: usize = 4;

/// Append-only files of a server, as they were at one moment.
struct Files {
    folder: tempfile::TempDir,
    last: PathBuf,
    bytes: Vec<u8>,
    steps: Vec<Step>,
}

impl Files {
    fn of(server: &mut RedisServer) -> Self {
        server.kill9();
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(server.appendonlydir()).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let last = aof::incremental_files(folder.path()).pop().unwrap();
        let bytes = std::fs::read(&last).unwrap();
        let steps = aof::steps(&bytes);
        assert_eq!(steps.last().unwrap().end, bytes.len(), "it was written to its end");
        Self { folder, last, bytes, steps }
    }

    /// A server on these files, the last one cut after `keep` bytes.
    fn cut(&self, keep: usize) -> (RedisServer, PathBuf) {
        let cut = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            std::fs::copy(entry.path(), cut.path().join(entry.file_name())).unwrap();
        }
        let last = cut.path().join(self.last.file_name().unwrap());
        std::fs::write(last, &self.bytes[..keep]).unwrap();
        let server = RedisServer::on_copy_of(cut.path());
        let last = server.appendonlydir().join(self.last.file_name().unwrap());
        (server, last)
    }

    /// The end of the last step that is whole within `keep` bytes.
    fn whole(&self, keep: usize) -> usize {
        self.steps.iter().map(|s| s.end).take_while(|end| *end <= keep).last().unwrap_or(0)
    }
}

fn length(file: &Path) -> usize {
    usize::try_from(std::fs::metadata(file).unwrap().len()).unwrap()
}

/// Rows, leases, shards and climbing reviews: the end of the file holds steps of every kind.
fn every_step(repo: &TestRepo, bench: &Bench, stub: &ModelStub, server: &RedisServer) -> SweepId {
    let id = bench.enqueue(repo);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let worker = bench.worker(&["--concurrency", "3"]);
    // Six answers have come and the next ones never do: the sweep is in the middle.
    runtime.block_on(stub.wait(|s| s.completed >= 6 && s.in_flight == 3));
    // An answer that has come is not committed yet.
    let queue = runtime.block_on(oracle::queue(&server.url()));
    eventually(LONG, "a review is committed", || {
        let status = runtime.block_on(queue.sweep_status(&id)).unwrap().unwrap();
        (status.resolved >= 1).then_some(())
    });
    worker.kill9();
    let seen = seen(server, &id, repo);
    assert!(seen.sweep.resolved >= 1 && seen.sweep.live >= 1, "{:?}", seen.sweep);
    id
}

#[test]
fn a_file_cut_at_any_byte_starts_with_no_half_step_and_the_sweep_can_be_completed() {
    let repo = TestRepo::with_files(8);
    repo.write("big.rs", large_file(9_000).as_bytes());
    repo.commit("big");
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        let reply = review_or_summary(call);
        if call.n > 6 { reply.held_by(&held) } else { reply }
    });
    let mut server = RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = every_step(&repo, &bench, &stub, &server);
    gate.open();
    let files = Files::of(&mut server);
    let all = files.bytes.len();
    let tail = files.steps.iter().filter(|s| s.end > all - TAIL);
    let scripts = tail.clone().filter(|s| s.commands.len() > 1).count();
    println!(
        "figure: {all} bytes; {} steps end in the last {TAIL}, {scripts} of scripts",
        tail.count()
    );

    let (half, whole) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stride = if long_form() { 1 } else { STRIDE };
    let ends: BTreeSet<usize> = files.steps.iter().map(|s| s.end).collect();
    // Just before and behind the end of a step always.
    let near = |keep: usize| (keep - 1..=keep + 1).any(|at| ends.contains(&at));
    let cuts = (all - TAIL..=all).filter(|keep| keep % stride == 0 || near(*keep));
    each(cuts.collect(), 4, |keep| {
        let (server, _) = files.cut(keep);
        // The server holds the whole steps and nothing of the one that was cut.
        let jobs = oracle::check_jobs(&mut server.connection());
        let mut history = History::default();
        files.steps.iter().take_while(|s| s.end <= keep).for_each(|s| history.replay(s));
        assert_eq!(jobs, oracle::by_state(&history), "cut at {keep} of {all}");
        if files.whole(keep) == keep { &whole } else { &half }.fetch_add(1, Ordering::SeqCst);
    });
    println!("figure: {half:?} cuts within a step, {whole:?} between two");

    // A sample is completed, by the command that was given at first.
    let sample: Vec<_> = (0..8).map(|i| all - TAIL + i * TAIL / 7).collect();
    each(sample, 2, |keep| completes(&files, keep, &repo, &id));
}

/// The same for the moment in which the sweep itself is written: it is there or it is not.
#[test]
fn a_sweep_whose_making_was_cut_is_made_by_asking_again() {
    let repo = TestRepo::with_files(2);
    let stub = ModelStub::start(Reply::ok(""));
    let mut server = RedisServer::alone();
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let files = Files::of(&mut server);
    let all = files.bytes.len();
    each((0..=all).step_by(23).chain([all]).collect(), 4, |keep| {
        let (server, _) = files.cut(keep);
        let jobs = oracle::check_jobs(&mut server.connection());
        assert_eq!(jobs.values().sum::<usize>(), usize::from(keep == all), "one job or none");
    });
    each(vec![0, all / 2, all - 1, all], 2, |keep| completes(&files, keep, &repo, &id));
}

/// After the repair that docs/operations.md asks for, the file ends where a step ends; the sweep is
/// completed; and that still holds when the file is loaded once more.
fn completes(files: &Files, keep: usize, repo: &TestRepo, id: &SweepId) {
    let (mut server, last) = files.cut(keep);
    server.kill9();
    std::fs::write(&last, &files.bytes[..keep]).unwrap();
    server.repair();
    assert_eq!(length(&last), files.whole(keep), "cut at {keep}");
    server.restart();
    let stub = ModelStub::with(review_or_summary);
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    assert_eq!(bench.enqueue(repo), *id, "the same sweep");
    let worker = bench.worker(&[]);
    let all = done(&server, id, repo);
    all.is_done();
    assert_eq!(all.sweep.resolved, repo.tracked() as u64, "cut at {keep}");
    assert_eq!(worker.terminate(LONG), 0);
    server.kill9();
    server.restart();
    seen(&server, id, repo).is_done();
}

/// The private server repairs its file by itself. Without that, a server that cuts in the wrong
/// place runs half of a step when it starts for the second time after the crash.
#[test]
fn the_private_server_stays_whole_over_the_start_after_next() {
    let repo = TestRepo::with_files(8);
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        let reply = review_or_summary(call);
        if call.n > 4 { reply.held_by(&held) } else { reply }
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]).short_leases();
    let ladder = bench.ladder();
    let args = ["run", repo.path().to_str().unwrap(), "--ladder", ladder.to_str().unwrap()];
    let mut command = bench.scrum(&args);
    let run = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(stub.wait(|s| s.completed == 4 && s.in_flight == 4));
    let pids = [children(run.pid(), "redis-server"), children(run.pid(), "scrum-worker")].concat();
    run.kill9();
    pids.into_iter().for_each(kill9);
    runtime.block_on(stub.wait_in_flight(0));
    gate.open();

    // The machine crashed as well: the last script's writes are only half there.
    let folder = bench.state().join("redis").join("appendonlydir");
    let last = aof::incremental_files(&folder).pop().unwrap();
    let bytes = std::fs::read(&last).unwrap();
    let steps = aof::steps(&bytes);
    let script = steps.iter().rfind(|s| s.commands.len() > 4).unwrap();
    std::fs::write(&last, &bytes[..script.end - 40]).unwrap();

    bench.run(&args).expect(0);
    let server = RedisServer::on_copy_of(&folder);
    let queue = runtime.block_on(oracle::queue(&server.url()));
    let id = runtime.block_on(queue.latest_sweeps(1)).unwrap().remove(0);
    seen(&server, &id, &repo).is_done();
}

//! The disk of Redis is full: workers park with what they have, and go on when there is space again.

use crate::common::{LONG, review_or_summary, until_done};
use queue_schema::ids::SweepId;
use scrum_tests::model_stub::{Gate, ModelStub};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Process};
use scrum_tests::redis::{RedisServer, ServerOptions};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A small disk of its own, which only processes in its mount namespace see by its name.
struct SmallDisk {
    holder: Process,
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where this process may not mount anything.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        // It lives as long as the shell, which waits for its input to end.
        let script = format!(
            "mount -t tmpfs -o size=3m tmpfs {} && echo mounted && read -r _",
            dir.path().display()
        );
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = [0; 7];
        let mounted = holder.stdout.as_mut().unwrap().read_exact(&mut said).is_ok();
        let enter = Command::new("nsenter").arg("--version").stdout(Stdio::null()).status();
        let this = Self { holder: Process(holder), dir };
        (mounted && &said == b"mounted" && enter.is_ok()).then_some(this)
    }

    fn server(&self, fsync: &'static str) -> RedisServer {
        let pid = self.holder.pid().to_string();
        RedisServer::one(ServerOptions {
            fsync,
            launcher: ["nsenter", "--target", &pid, "--mount"].map(str::to_owned).to_vec(),
            data: Some(self.dir.path().to_owned()),
            seen: Some(self.seen("")),
            ..ServerOptions::default()
        })
    }

    /// A path on it, as this process sees it.
    fn seen(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root{}", self.holder.pid(), self.dir.path().display());
        PathBuf::from(root).join(name)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.seen("ballast")).unwrap();
        let page = [0_u8; 4096];
        while ballast.write_all(&page).is_ok() {}
        while ballast.write_all(&page[..1]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.seen("ballast")).unwrap();
    }
}

struct Scene {
    disk: SmallDisk,
    server: RedisServer,
    repo: TestRepo,
    stub: ModelStub,
    gate: Gate,
    bench: Bench,
    id: SweepId,
    worker: Process,
}

/// A sweep in its middle: six answers are kept, six calls are under way, and the disk is full.
async fn full(fsync: &'static str) -> Option<Scene> {
    let Some(disk) = SmallDisk::new() else {
        println!("skipped: no small disk can be mounted here (needs root, unshare, nsenter)");
        return None;
    };
    let (server, repo, gate) = (disk.server(fsync), TestRepo::with_files(24), Gate::new());
    let held = gate.clone();
    let stub = ModelStub::with(move |call| {
        let reply = review_or_summary(call);
        if call.n > 6 { reply.held_by(&held) } else { reply }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]).short_leases();
    let id = bench.enqueue(&repo);
    let worker = bench.worker(&["--concurrency", "6"]);
    stub.wait(|s| s.completed == 6 && s.in_flight == 6).await;
    disk.fill();
    gate.open();
    // The next call may have ended as well before this looks.
    stub.wait(|s| s.completed >= 12).await;
    Some(Scene { disk, server, repo, stub, gate, bench, id, worker })
}

impl Scene {
    /// All is done, by the worker that was there all the time, and nothing was asked twice.
    async fn holds(mut self) {
        let Self { server, repo, id, .. } = &self;
        until_done(&oracle::queue(&server.url()).await, id).await;
        let all = oracle::check_all(server, id, repo).await;
        all.is_done();
        assert_eq!((all.sweep.resolved, all.sweep.unresolved), (24, 0));
        assert_eq!(self.stub.requests().len(), 24, "every paid answer was kept");
        assert!(self.worker.0.try_wait().unwrap().is_none(), "the worker never ended");
        self.gate.close();
    }
}

/// With `everysec` the server lives on, refuses writes with MISCONF, and takes them again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn workers_park_while_the_server_refuses_to_write_and_then_go_on() {
    let Some(scene) = full("everysec").await else { return };
    eventually(LONG, "the worker is told", || {
        scene.bench.worker_log().contains("MISCONF").then_some(())
    });
    let refused = scene.bench.worker_log().matches("MISCONF").count();
    println!("figure: the worker was refused {refused} times, and parked");
    scene.disk.free();
    scene.holds().await;
}

/// With `always` the server ends rather than acknowledge what it can't write; whoever looks after it
/// starts it again.
#[tokio::test(flavor = "multi_thread")]
async fn workers_outlive_a_server_that_ends_because_its_disk_is_full() {
    let Some(mut scene) = full("always").await else { return };
    eventually(LONG, "the server ends", || scene.server.has_ended().then_some(()));
    assert!(
        scene.server.log().contains("Can't recover from AOF write error"),
        "{}",
        scene.server.log()
    );
    scene.disk.free();
    scene.server.repair();
    scene.server.restart();
    scene.holds().await;
}

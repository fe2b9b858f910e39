//! A sweep to look at: a repository with hostile names, a reviewer who answers with hostile text, a file that no model
//! reviews until it is told to.

use crate::model_stub::{Gate, ModelStub, Recorded, Reply, answers};
use crate::process::{Bench, Process};
use crate::redis::RedisServer;
use crate::repo::TestRepo;
use crate::web::Web;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What would run in a browser if it stood in a page as markup, or in an address.
pub const HOSTILE: &str = "<script>window.owned=1</script><img src=x onerror=\"window.owned=1\">[go](javascript:window.owned=1)\"'>";

/// Names of files that would.
pub const NAMES: [&str; 3] = [
    "src/<script>window.owned=1<.py",
    "src/\"onmouseover=\"window.owned=1.py",
    "javascript:window.owned=1.py",
];

/// The file whose findings the tests look at, and the lines that they are about.
pub const CART: &str = "src/cart.py";
const SOURCE: &str = "def total(items):\n    total = 0\n    for item in items[1:]:\n        total += item.price\n    return total\n\n\ndef load(path):\n    try:\n        return open(path).read()\n    except Exception:\n        return None\n";
/// The lines of [`SOURCE`] with a finding each.
pub const LINES: [u32; 2] = [3, 11];
/// The file that is not reviewed until it is told to.
pub const STUCK: &str = "src/stuck.py";

/// The parts, started and connected. The sweep has not begun.
pub struct Scene {
    /// The repository.
    pub repo: TestRepo,
    /// Settings and state.
    pub bench: Bench,
    /// Answers wait behind it.
    pub gate: Gate,
    /// Whether the stuck file is reviewed from now on.
    pub mended: Arc<AtomicBool>,
    /// The model.
    pub stub: ModelStub,
    /// The Redis of the fleet.
    pub server: RedisServer,
}

impl Scene {
    /// Makes one.
    ///
    /// # Panics
    /// When a part can't be started.
    pub fn new() -> Self {
        Self::with(|bench| bench)
    }

    /// The same with other settings.
    ///
    /// # Panics
    /// When a part can't be started.
    pub fn with(change: impl FnOnce(Bench) -> Bench) -> Self {
        let repo = TestRepo::new();
        repo.write(CART, SOURCE.as_bytes());
        repo.write(
            STUCK,
            b"STUCK = 1 + 1\nPASSWORD = \"hunter2secret\"\n\ndef stuck():\n    return STUCK\n",
        );
        for (n, name) in NAMES.iter().enumerate() {
            let body = format!(
                "NAME_{n} = {n} + 1\n\n\ndef of_{n}():\n    return NAME_{n}  # {HOSTILE}\n"
            );
            repo.write(name, body.as_bytes());
        }
        repo.commit("scene");
        let (gate, mended) = (Gate::new(), Arc::new(AtomicBool::new(false)));
        gate.open();
        let (held, told) = (gate.clone(), mended.clone());
        let stub = ModelStub::with(move |call: &Recorded| {
            let stuck = call.prompt.contains("def stuck()") && !told.load(Ordering::SeqCst);
            let reply = if stuck { Reply::ok(answers::thin()) } else { Reply::ok(review(call)) };
            reply.held_by(&held)
        });
        let server = RedisServer::start();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["small", "large"])
            .set("sweep.empty_retries", "0")
            .env("SCRUM_WEB_TOKEN", TOKEN);
        Self { repo, bench: change(bench), gate, mended, stub, server }
    }

    /// Reviews everything; leaves a dead letter and findings.
    ///
    /// # Panics
    /// When the sweep ends otherwise.
    pub fn reviewed() -> Self {
        let scene = Self::new();
        let _worker = scene.worker();
        let status = scene.bench.on("sweep", &scene.repo, &["--wait", "--quiet"]).output().unwrap();
        assert_eq!(status.status.code(), Some(1), "{}", String::from_utf8_lossy(&status.stderr));
        scene
    }

    /// A worker of the fleet.
    pub fn worker(&self) -> Process {
        self.bench.worker(&[])
    }

    /// The dashboard.
    pub fn web(&self) -> Web {
        Web::start(&self.bench)
    }

    /// What its server has logged.
    ///
    /// # Panics
    /// When it has logged nothing.
    pub fn web_log(&self) -> String {
        std::fs::read_to_string(self.bench.dir.path().join("web.log")).unwrap()
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

/// The token of its dashboard.
pub const TOKEN: &str = "a-token-of-some-length";

/// A review with a finding for each fault of the file that the prompt shows.
fn review(call: &Recorded) -> String {
    let faults = [
        ("for item in items[1:]:", "total", "leaves out the first item of the cart"),
        ("except Exception:", "load", "hides every error of a file that can't be read"),
        ("def of_0():", "of_0", "returns one more than it says"),
    ];
    let mut out = String::from("## Suggested changes\n");
    let found: Vec<_> = faults.iter().filter(|(quote, ..)| call.prompt.contains(quote)).collect();
    for (n, (quote, name, claim)) in found.iter().enumerate() {
        let _ = write!(
            out,
            "{}. **`{name}` {claim} {HOSTILE}** (Confidence: 8{n}%)\n   - Where: `{name}`\n   - Quote: `{quote}`\n   - Fails for: a cart of one item, whose total is 0; it should be its price {HOSTILE}\n   - Change: begin at the first one\n",
            n + 1
        );
    }
    if found.is_empty() {
        out.push_str("None. Reading, errors and sizes of all functions were checked against their names; nothing is wrong.\n");
    }
    let _ = write!(
        out,
        "\n## What was checked\nErrors, sizes and the names of every function of the file, one after the other. {HOSTILE}\n"
    );
    out
}

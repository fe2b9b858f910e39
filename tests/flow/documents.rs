//! Documents through real processes: which passages a reviewer is shown, what an embedding endpoint
//! is asked and when, and what happens without one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{EmbedReply, ModelStub, Reply, answers};
use scrum_tests::process::{Bench, Done, Process};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A fleet of one with a stub for chat and for embeddings.
struct Setup {
    stub: ModelStub,
    bench: Bench,
    repo: TestRepo,
    endpoint: Option<String>,
    /// What the settings say of the endpoint.
    local: bool,
}

impl Setup {
    fn new(files: usize) -> Self {
        let stub = ModelStub::with(|_| Reply::ok(answers::markdown_review("src/f0.rs")));
        let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
        // Fourteen passages, one of which is about each function.
        let mut prd = String::new();
        for i in 0..14 {
            let filler = format!("Filler word{i} about nothing. ").repeat(22);
            let about = format!("The function read_{i} parses numbers and returns errors.");
            prd.extend([about.as_str(), " ", filler.as_str(), "\n"]);
        }
        std::fs::write(bench.dir.path().join("prd.md"), prd).unwrap();
        std::fs::write(
            bench.dir.path().join("proposal.md"),
            "We propose that every parser in the product returns an error and never panics.\n",
        )
        .unwrap();
        let endpoint = Some(stub.ollama_url());
        Self { stub, bench, repo: TestRepo::with_files(files), endpoint, local: false }
    }

    fn run(&self, more: &[&str]) -> Done {
        let dir = self.bench.dir.path();
        let text = |p: std::path::PathBuf| p.to_str().unwrap().to_owned();
        let (ladder, out) = (text(self.bench.ladder()), text(self.bench.out()));
        let (prd, proposal) = (text(dir.join("prd.md")), text(dir.join("proposal.md")));
        let repo = self.repo.path().to_str().unwrap();
        let fixed = ["run", repo, "--ladder", &ladder, "--out", &out];
        let documents = ["--prd", &prd, "--proposal", &proposal];
        let mut command = self.bench.scrum(&[&fixed[..], &documents, more].concat());
        if let Some(url) = &self.endpoint {
            command.env("SCRUM__EMBEDDING__BASE_URL", url);
        }
        command.env("SCRUM__EMBEDDING__PAUSE_S", "3600");
        command.env("SCRUM__EMBEDDING__LOCAL", self.local.to_string());
        Done::from(command.output().unwrap())
    }

    fn rows(&self) -> Vec<ReviewRow> {
        schemas::check_report(&self.bench.out());
        let text = std::fs::read_to_string(self.bench.out().join("scrum_reviews.jsonl")).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    /// Calls so far: chat, embeddings.
    fn calls(&self) -> (usize, usize) {
        (self.stub.requests().len(), self.stub.embeddings().len())
    }
}

/// Sweeps that one worker process does one after the other, or at a time.
struct Shared {
    setup: Setup,
    _server: RedisServer,
    _worker: Process,
}

impl Shared {
    fn new(files: usize) -> Self {
        let server = RedisServer::start();
        let mut setup = Setup::new(files);
        let bench = Bench::with_stub(Some(server.url()), &setup.stub.openai_url(), &["m"])
            .set("embedding.base_url", &setup.stub.ollama_url())
            // Neither ends within a test.
            .set("embedding.pause_s", "3600")
            .set("embedding.timeout_s", "3600");
        std::fs::copy(setup.bench.dir.path().join("prd.md"), bench.dir.path().join("prd.md"))
            .unwrap();
        setup.bench = bench;
        let worker = setup.bench.worker(&["--concurrency", "8"]);
        Self { setup, _server: server, _worker: worker }
    }

    /// A sweep with a PRD of its own.
    fn sweep(&self, prd: &str, more: &[&str]) -> std::process::Command {
        let bench = &self.setup.bench;
        let (ladder, prd) = (bench.ladder(), bench.dir.path().join(prd));
        let repo = self.setup.repo.path().to_str().unwrap();
        let fixed = ["sweep", repo, "--ladder", ladder.to_str().unwrap()];
        bench.scrum(&[&fixed[..], &["--prd", prd.to_str().unwrap()], more].concat())
    }

    /// The same, to its end: what was printed, and how each file's passages were found.
    fn reviewed(&self, mut sweep: std::process::Command) -> (Done, Vec<(String, String)>) {
        let out = self.setup.bench.out();
        let done = Done::from(sweep.args(["--wait", "--out"]).arg(&out).output().unwrap());
        let rows = self.setup.rows().into_iter().map(|r| (r.file, r.retrieval)).collect();
        std::fs::remove_dir_all(out).unwrap();
        (done.expect(0), rows)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.setup.bench.dir.path().join(name), text).unwrap();
    }
}

/// As Ollama says it, of texts for which `refuses` holds.
fn too_long(stub: &ModelStub, refuses: impl Fn(&str) -> bool + Send + Sync + 'static) {
    stub.set_embeddings(move |call| {
        if call.texts.iter().any(|t| refuses(t)) {
            let said = r#"{"error":"the input length exceeds the context length"}"#;
            return EmbedReply::status(400, said);
        }
        EmbedReply::Words
    });
}

const VECTORS: &str = "embedding:nomic-embed-text";

#[test]
fn a_sweep_for_another_model_costs_the_others_nothing() {
    let shared = Shared::new(3);
    let mut other = shared.sweep("prd.md", &[]);
    other.env("SCRUM__EMBEDDING__MODEL", "other");
    let (done, rows) = shared.reviewed(other);
    assert!(rows.len() == 3 && rows.iter().all(|r| r.1 == "lexical"), "{rows:?}");
    assert!(done.stdout.contains("made for the embedding model other"), "{}", done.stdout);
    assert_eq!(shared.setup.calls().1, 0);
    let (done, rows) = shared.reviewed(shared.sweep("prd.md", &[]));
    assert!(rows.len() == 3 && rows.iter().all(|r| r.1 == VECTORS), "{rows:?}");
    assert!(!done.stdout.contains("made for the embedding model"), "{}", done.stdout);
}

#[test]
fn a_text_that_does_not_fit_is_embedded_by_its_first_part() {
    let setup = Setup::new(2);
    let dense = format!("DENSE {}\n", "0f9b ".repeat(170));
    setup.repo.write("src/dense.rs", format!("// {dense}pub fn dense() {{}}\n").as_bytes());
    setup.repo.commit("a dense file");
    let prd = setup.bench.dir.path().join("prd.md");
    let text = std::fs::read_to_string(&prd).unwrap();
    std::fs::write(&prd, text.replacen("Filler word7", &dense, 1)).unwrap();
    too_long(&setup.stub, |t| t.contains("0f9b") && t.chars().count() > 300);
    let done = setup.run(&[]).expect(0);
    let rows = setup.rows();
    assert!(rows.len() == 3 && rows.iter().all(|r| r.retrieval == VECTORS), "{}", done.stdout);
    assert!(!done.stdout.contains("provider error"), "{}", done.stdout);
    let calls = setup.calls();
    assert!(calls.1 < 40, "halving finds them: {} calls", calls.1);
    // They are kept like all others.
    setup.run(&["--again"]).expect(0);
    assert_eq!(setup.calls().1, calls.1);
}

#[test]
fn what_the_model_cannot_read_at_all_costs_the_others_nothing() {
    let shared = Shared::new(3);
    let stub = &shared.setup.stub;
    too_long(stub, |t| t.contains("0f9b"));
    shared.write("dense.md", &"0f9b ".repeat(100));
    let (done, rows) = shared.reviewed(shared.sweep("dense.md", &[]));
    assert!(rows.len() == 3 && rows.iter().all(|r| r.1 == "lexical"), "{rows:?}");
    assert!(done.stdout.contains("a passage does not fit"), "{}", done.stdout);
    assert_eq!(shared.setup.calls().1, 5, "halved four times, once for all files");

    // One file that does not fit, beside three that do, with another document.
    shared.setup.repo.write("src/dense.rs", "// 0f9b\n".repeat(100).as_bytes());
    shared.setup.repo.commit("a dense file");
    let (_, rows) = shared.reviewed(shared.sweep("prd.md", &[]));
    assert_eq!(rows.len(), 4);
    for (file, retrieval) in rows {
        let expected = if file == "src/dense.rs" { "lexical" } else { VECTORS };
        assert_eq!(retrieval, expected, "{file}");
    }
}

#[test]
fn a_document_that_is_being_embedded_holds_up_no_other_sweep() {
    let shared = Shared::new(2);
    let stub = &shared.setup.stub;
    stub.set_embeddings(|call| {
        let held = call.texts.iter().any(|t| t.contains("HELD"));
        if held { EmbedReply::Silence } else { EmbedReply::Words }
    });
    // An index that is ready, and a document that is new to the worker: neither waits.
    shared.reviewed(shared.sweep("prd.md", &[]));
    shared.write("held.md", &"HELD for as long as this test lasts. ".repeat(10));
    shared.write("new.md", &"Nobody has seen this text of a document before. ".repeat(10));
    Done::from(shared.sweep("held.md", &[]).output().unwrap()).expect(0);
    let long = Duration::from_secs(60);
    let asked = || stub.embeddings().iter().any(|c| c.texts[0].contains("HELD"));
    eventually(long, "the document is asked for", || asked().then_some(()));
    for (prd, more) in [("prd.md", &["--again"][..]), ("new.md", &[])] {
        let out = shared.setup.bench.out();
        let mut sweep =
            shared.sweep(prd, &[more, &["--wait", "--out", out.to_str().unwrap()]].concat());
        assert_eq!(Process(sweep.spawn().unwrap()).wait(long), 0);
        assert!(shared.setup.rows().iter().all(|r| r.retrieval == VECTORS));
    }
}

#[test]
fn what_was_answered_and_embedded_before_is_never_asked_again() {
    let setup = Setup::new(4);
    setup.run(&[]).expect(0);
    let rows = setup.rows();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert_eq!(row.retrieval, "embedding:nomic-embed-text");
        let of = |origin: &str| row.top_chunks.iter().filter(|c| c.origin == origin).count();
        assert_eq!((of("prd"), of("proposal")), (5, 1));
        assert!(row.top_chunks.iter().all(|c| (-1.0..=1.0).contains(&c.score)));
        assert!(row.top_chunks.iter().all(|c| c.ranking == row.retrieval));
        let prd: Vec<f64> =
            row.top_chunks.iter().filter(|c| c.origin == "prd").map(|c| c.score).collect();
        assert!(prd.is_sorted_by(|a, b| a >= b), "best first: {prd:?}");
    }
    let embedded = setup.stub.embeddings();
    let (documents, queries): (Vec<_>, Vec<_>) =
        embedded.iter().partition(|c| c.texts[0].starts_with("search_document: "));
    assert_eq!(documents.len(), 2, "one call a document: each fits one batch");
    assert_eq!(queries.len(), 4, "one call a file");
    assert!(queries.iter().all(|q| q.texts[0].starts_with("search_query: ")));
    assert!(queries.iter().all(|q| q.headers.contains_key("traceparent")));
    let prompt = &setup.stub.requests()[0].prompt;
    assert_eq!(prompt.matches("prd at character ").count(), 5, "{prompt}");
    assert_eq!(setup.calls(), (4, 6));

    // The same once more, by processes that remember nothing.
    setup.run(&["--again"]).expect(0);
    assert_eq!(setup.calls(), (4, 6), "0 model calls, 0 embedding calls");
    let again = setup.rows();
    let chunks = |rows: &[ReviewRow]| {
        rows.iter().map(|r| (r.file.clone(), r.top_chunks.clone())).collect::<Vec<_>>()
    };
    let (mut before, mut after) = (chunks(&rows), chunks(&again));
    before.sort_by(|a, b| a.0.cmp(&b.0));
    after.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(before, after, "a kept vector ranks as the fresh one did");

    // One file changed: that file alone.
    setup
        .repo
        .write("src/f2.rs", b"//! Another text altogether.\n\npub fn other() -> u8 {\n    7\n}\n");
    setup.repo.commit("one file");
    setup.run(&[]).expect(0);
    assert_eq!(setup.calls(), (5, 7));
    assert!(setup.stub.requests()[4].prompt.contains("Another text altogether"));
    let query = &setup.stub.embeddings()[6].texts;
    assert_eq!(query.len(), 1);
    assert!(query[0].starts_with("search_query: //! Another text altogether"), "{query:?}");
}

#[test]
fn without_an_endpoint_words_decide_and_the_row_says_so() {
    let mut setup = Setup::new(2);
    setup.endpoint = None;
    let done = setup.run(&[]).expect(0);
    assert!(setup.rows().iter().all(|r| r.retrieval == "lexical" && !r.top_chunks.is_empty()));
    assert!(!done.stdout.contains("provider error"), "{}", done.stdout);
    assert_eq!(setup.calls(), (2, 0));
    // Another way of finding passages is another sweep, not the one that is there.
    setup.endpoint = Some(setup.stub.ollama_url());
    setup.run(&[]).expect(0);
    assert!(setup.rows().iter().all(|r| r.retrieval == "embedding:nomic-embed-text"));
}

#[test]
fn an_endpoint_that_is_down_is_told_once_and_words_decide() {
    let mut setup = Setup::new(5);
    setup.endpoint = Some("http://127.0.0.1:1".to_owned());
    let done = setup.run(&[]).expect(0);
    assert!(setup.rows().iter().all(|r| r.retrieval == "lexical" && !r.top_chunks.is_empty()));
    assert!(setup.rows().iter().all(|r| r.attempts_made == 1));
    assert_eq!(done.stdout.matches("embedding/nomic-embed-text").count(), 1, "{}", done.stdout);
    assert!(done.stdout.contains("127.0.0.1:1"), "{}", done.stdout);
    assert_eq!(setup.calls().0, 5);
}

#[test]
fn passing_trouble_of_the_endpoint_passes() {
    let setup = Setup::new(1);
    let calls = AtomicUsize::new(0);
    setup.stub.set_embeddings(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => EmbedReply::status(503, "{}"),
        1 => EmbedReply::Status(429, vec![("retry-after".into(), "0".into())], "{}".into()),
        _ => EmbedReply::Words,
    });
    let done = setup.run(&[]).expect(0);
    let row = setup.rows().remove(0);
    assert_eq!((row.retrieval.as_str(), row.attempts_made), ("embedding:nomic-embed-text", 1));
    assert!(!done.stdout.contains("provider error"), "{}", done.stdout);
    assert_eq!(setup.calls(), (1, 5), "twice refused, two documents, one file");
}

#[test]
fn an_endpoint_that_says_no_is_not_asked_again() {
    let setup = Setup::new(4);
    setup.stub.set_embeddings(|_| EmbedReply::status(401, r#"{"error":"bad key"}"#));
    let done = setup.run(&[]).expect(0);
    assert!(setup.rows().iter().all(|r| r.retrieval == "lexical"));
    assert_eq!(done.stdout.matches("embedding/nomic-embed-text").count(), 1, "{}", done.stdout);
    assert_eq!(setup.calls(), (4, 1), "one call, then none for pause_s");
}

#[test]
fn vectors_of_another_length_never_mix() {
    let setup = Setup::new(2);
    setup.stub.set_embeddings(|call| {
        let query = call.texts[0].starts_with("search_query");
        if query { EmbedReply::Dimension(32) } else { EmbedReply::Words }
    });
    let done = setup.run(&[]).expect(0);
    assert!(setup.rows().iter().all(|r| r.retrieval == "lexical"));
    assert!(done.stdout.contains("32 numbers among vectors of 64"), "{}", done.stdout);
}

#[test]
fn doctor_says_whether_the_endpoint_answers() {
    let setup = Setup::new(1);
    let doctor = |url: &str| {
        let mut command = setup.bench.scrum(&["doctor"]);
        command.env("SCRUM__EMBEDDING__BASE_URL", url);
        Done::from(command.output().unwrap()).stdout
    };
    let up = doctor(&setup.stub.ollama_url());
    assert!(up.contains("ok       embedding"), "{up}");
    assert!(up.contains("nomic-embed-text: 64 numbers a vector"), "{up}");
    let down = doctor("http://127.0.0.1:1");
    assert!(
        down.contains("note     embedding") && down.contains("ranked by their words"),
        "{down}"
    );
    assert_eq!(setup.stub.embeddings()[0].texts, ["search_query: probe"], "no text of a user's");
}

#[test]
fn secrets_are_embedded_on_machines_of_ones_own_only() {
    // In two pieces, so that nothing takes this file for a leak.
    let secret = ["ghp_", "x7Kq2LmN9pRs4TuVw8YzAb3CdEf6GhJk1MnP"].concat();
    for local in [false, true] {
        let setup = Setup { local, ..Setup::new(1) };
        let line = format!("// let token = \"{secret}\";\npub fn f() {{}}\n");
        setup.repo.write("src/keys.rs", line.as_bytes());
        setup.repo.commit("a key");
        let prd = setup.bench.dir.path().join("prd.md");
        let text = format!("{}\nThe key is {secret}, of course.\n", "Words before. ".repeat(54));
        std::fs::write(prd, text).unwrap();
        setup.run(&[]).expect(0);
        let asked: Vec<String> =
            setup.stub.embeddings().iter().flat_map(|c| c.texts.clone()).collect();
        let (mut queries, mut documents) = (false, false);
        for text in asked {
            // A piece of it, cut by the edge of a chunk, would be too much as well.
            let told = text.contains(&secret[4..20]) || text.contains(&secret[20..]);
            queries |= told && text.starts_with("search_query: ");
            documents |= told && text.starts_with("search_document: ");
        }
        assert_eq!((queries, documents), (local, local), "local: {local}");
    }
}

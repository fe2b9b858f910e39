//! What the tests of the applier share: a stub that reviews and proposes, and a way to ask.

use queue_schema::rows::AutoApplyRow;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Done};
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Answers of the patch model by path.
pub type Patches = Arc<Mutex<BTreeMap<String, String>>>;

/// A stub whose reviews are all sure, and whose patches stand in a table; files that are not in it get
/// none.
pub fn stub(patches: &[(&str, Value)]) -> (ModelStub, Patches) {
    let table: Patches = Arc::default();
    for (path, answer) in patches {
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        table.lock().unwrap().insert((*path).to_owned(), text);
    }
    let known = table.clone();
    let stub = ModelStub::with(move |call| {
        if is_patch(call) {
            let path = path_in(&call.prompt);
            let known = known.lock().unwrap();
            Reply::ok(known.get(&path).cloned().unwrap_or_else(|| r#"{"patches": []}"#.to_owned()))
        } else {
            Reply::ok(sure_review(&call.prompt))
        }
    });
    (stub, table)
}

/// A call of the patch model.
pub fn is_patch(call: &Recorded) -> bool {
    call.prompt.contains("# Findings of the review")
}

/// The path of the file in a prompt.
pub fn path_in(prompt: &str) -> String {
    let line = prompt.lines().find_map(|l| l.strip_prefix("path: "));
    line.unwrap_or_default().trim().to_owned()
}

/// A review whose findings are all sure.
pub fn sure_review(prompt: &str) -> String {
    let quotes = answers::code_quotes_from(prompt, 3);
    let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
    let review = answers::markdown_review_quoting(&path_in(prompt), &quotes);
    ["85%", "75%", "92%"].iter().fold(review, |text, c| text.replace(c, "95%"))
}

/// One patch as an answer.
pub fn patch(old: &str, new: &str, rationale: &str, confidence: u8) -> Value {
    json!({"patches": [{"old_string": old, "new_string": new, "rationale": rationale, "confidence": confidence}]})
}

/// Settings for the stub as reviewer and as patch model.
pub fn bench(redis: Option<String>, stub: &ModelStub) -> Bench {
    Bench::with_stub(redis, &stub.openai_url(), &["reviewer"])
        .set("apply.provider", "stub")
        .set("apply.model", "patcher")
        .set("apply.unconfirmed", "true")
}

/// Sweeps a repository to its end, with a private server.
pub fn sweep(bench: &Bench, repo: &TestRepo, more: &[&str]) {
    Done::from(bench.on("run", repo, more).output().unwrap()).expect(0);
}

/// `scrum apply latest --json` with more arguments.
pub fn apply(bench: &Bench, more: &[&str]) -> Applied {
    let mut args = vec!["apply", "latest", "--json"];
    args.extend(more);
    let done = bench.run(&args).expect(0);
    Applied::of(&done)
}

/// What a run came to.
pub struct Applied {
    /// The whole answer.
    pub json: Value,
    /// Its rows by file.
    pub rows: BTreeMap<String, AutoApplyRow>,
}

impl Applied {
    /// From what the command printed.
    pub fn of(done: &Done) -> Self {
        let json: Value = serde_json::from_str(done.stdout.trim())
            .unwrap_or_else(|e| panic!("{e}: {}\n{}", done.stdout, done.stderr));
        let rows: Vec<AutoApplyRow> = serde_json::from_value(json["decisions"].clone()).unwrap();
        Self { rows: rows.into_iter().map(|r| (r.file.clone(), r)).collect(), json }
    }

    /// File, action, gate of its first patch.
    pub fn decisions(&self) -> Vec<(&str, &str, Option<&str>)> {
        let gate = |r: &'_ AutoApplyRow| r.patches.first().and_then(|p| p.gate.clone());
        self.rows
            .values()
            .map(|r| {
                let gate = gate(r).map(|g| &*Box::leak(g.into_boxed_str()));
                (r.file.as_str(), r.action.as_str(), gate)
            })
            .collect()
    }
}

/// All that is the user's own: branches, HEAD, index, stash, what git says of the working tree.
pub fn user_state(repo: &TestRepo) -> Vec<String> {
    let git = repo.path().join(".git");
    let bytes = |name: &str| format!("{:?}", std::fs::read(git.join(name)).unwrap_or_default());
    vec![
        repo.git(&["rev-parse", "main"]),
        bytes("HEAD"),
        bytes("index"),
        bytes("refs/stash"),
        bytes("config"),
        repo.git(&["stash", "list"]),
        repo.git(&["--no-optional-locks", "status", "--porcelain", "--untracked-files=all"]),
        repo.git(&["--no-optional-locks", "diff"]),
        repo.git(&["--no-optional-locks", "diff", "--cached"]),
    ]
}

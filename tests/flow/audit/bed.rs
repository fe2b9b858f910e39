//! A repository whose files have known findings, reviewers that say them, and voters that say what a table has.

use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Done};
use scrum_tests::repo::TestRepo;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How a voter votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Upholds,
    Rejects,
    CantTell,
    /// It quotes what the file does not hold.
    Invents,
    /// It upholds, and its reason says the opposite.
    Denies,
    /// It upholds, in another form than asked for.
    Other,
    /// No vote at all on any finding of the file.
    Nothing,
}

/// A file, the name of a function in it that has a finding, what the three voters and the tie-breaker say, and what that
/// comes to.
pub type Case = (&'static str, &'static str, [Says; 3], Option<Says>, &'static str);

pub struct Bed {
    pub repo: TestRepo,
    pub stub: ModelStub,
    pub bench: Bench,
    cases: &'static [Case],
}

/// The line of a function that its finding is about.
fn line(name: &str) -> String {
    format!("values[..=limit_of_{name}(values)].iter().sum()")
}

fn source(cases: &[Case], file: &str, round: u32) -> String {
    let mut text = format!("//! Round {round}.\n\n");
    for (_, name, ..) in cases.iter().filter(|case| case.0 == file) {
        let line = line(name);
        let _ = write!(text, "pub fn take_{name}(values: &[u64]) -> u64 {{\n    {line}\n}}\n\n");
    }
    text
}

/// What a reviewer says of a file.
fn review(cases: &[Case], prompt: &str) -> String {
    let file = prompt.lines().find_map(|l| l.strip_prefix("path: ")).unwrap_or_default().trim();
    let mut text = String::from("## Findings\n");
    for (n, (_, name, ..)) in (1..).zip(cases.iter().filter(|case| case.0 == file)) {
        let line = line(name);
        let _ = write!(
            text,
            "{n}. Quote: `{line}`\n   Claim: `take_{name}` reads one value behind its limit\n   Fails for: a limit of \
             the length, which panics and should not\n   Change: `values[..limit]`\n   Severity: major\n   Evidence: \
             the range includes its end\n   Flag: OffByOne\n   Confidence: 95%\n"
        );
    }
    text + "\n## Verdict\nneeds_patch\n"
}

/// The functions that a prompt for votes names, in its order.
pub fn claims(prompt: &str) -> Vec<String> {
    let statements = prompt.split(" statement ").skip(1);
    let name = |part: &str| Some(part.split('`').nth(1)?.strip_prefix("take_")?.to_owned());
    statements.filter_map(name).collect()
}

fn votes(cases: &[Case], call: &Recorded) -> Reply {
    let (mut lines, mut entries) = (String::new(), Vec::new());
    let mut other = false;
    for (n, name) in (1..).zip(claims(&call.prompt)) {
        let case = cases.iter().find(|case| case.1 == name);
        let case = case.unwrap_or_else(|| panic!("'{name}' is no case: {}", call.prompt));
        let says = match call.model.as_str() {
            "v1" => case.2[0],
            "v2" => case.2[1],
            "v3" => case.2[2],
            _ => case.3.expect("the tie-breaker is asked about split findings only"),
        };
        let (quote, why, verdict) = match says {
            Says::Upholds | Says::Other => (line(&name), "the range includes its end", "upheld"),
            Says::Rejects => (line(&name), "the helper gives one less", "rejected"),
            Says::CantTell => ("None".to_owned(), "the helper is not shown", "cant_tell"),
            Says::Invents => ("let invented = nowhere();".to_owned(), "so it says", "upheld"),
            Says::Denies => (line(&name), "I do not agree, this is not a bug", "upheld"),
            Says::Nothing => {
                let text =
                    "I would have to think about that for a while, and so I say nothing yet.";
                return Reply::ok(text);
            }
        };
        other |= says == Says::Other;
        let _ = write!(lines, "FINDING: {n}\nQUOTE: {quote}\nWHY: {why}\nVERDICT: {verdict}\n\n");
        entries.push(
            serde_json::json!({"finding": n, "quote": quote, "why": why, "verdict": verdict}),
        );
    }
    if other {
        return Reply::ok(format!(
            "So:\n```json\n{}\n```\n",
            serde_json::json!({"votes": entries})
        ));
    }
    Reply::ok(lines)
}

impl Bed {
    /// With one reviewer, who says all.
    pub fn new(cases: &'static [Case], settings: &[(&str, &str)]) -> Self {
        Self::on(cases, &["m"], settings)
    }

    /// With these reviewers, of whom `weak` says nothing.
    pub fn on(cases: &'static [Case], models: &[&str], settings: &[(&str, &str)]) -> Self {
        let stub = ModelStub::with(move |call: &Recorded| match call.model.as_str() {
            "weak" => Reply::ok(answers::thin()),
            "patcher" => Reply::ok(r#"{"patches": []}"#),
            model if model.starts_with('v') => votes(cases, call),
            _ => Reply::ok(review(cases, &call.prompt)),
        });
        let bench = Bench::with_stub(None, &stub.openai_url(), models);
        let bench = settings.iter().fold(bench, |bench, (key, value)| bench.set(key, value));
        let bed = Self { repo: TestRepo::new(), stub, bench, cases };
        bed.commit(1);
        bed
    }

    /// Commits all files, other ones in each round.
    pub fn commit(&self, round: u32) {
        let files: BTreeSet<&str> = self.cases.iter().map(|case| case.0).collect();
        for file in files {
            self.repo.write(file, source(self.cases, file, round).as_bytes());
        }
        self.repo.commit(&format!("round {round}"));
    }

    pub fn path(&self) -> &str {
        self.repo.path().to_str().unwrap()
    }

    /// The id of the sweep whose report was written last.
    pub fn reviewed(&self) -> String {
        let text = std::fs::read_to_string(self.bench.out().join("scrum_reviews.jsonl")).unwrap();
        let row: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        row["sweep_id"].as_str().unwrap().to_owned()
    }

    /// Runs an audit by three voters.
    pub fn audit(&self, args: &[&str]) -> Done {
        let voters = ["--voter", "a=stub/v1", "--voter", "b=stub/v2", "--voter", "c=stub/v3"];
        let sweep = self.reviewed();
        let args: Vec<&str> =
            args.iter().map(|arg| if *arg == "latest" { sweep.as_str() } else { arg }).collect();
        self.bench.run(&[&args[..], &voters].concat())
    }
}

//! A sweep over real sources with a real PRD and proposal: twelve files in three languages, a section of
//! the PRD for each. Against real models where variables name them, and always against the stub.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{EmbedReply, ModelStub, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PRD: &str = include_str!("../fixtures/real_sweep/prd.md");
const PROPOSAL: &str = include_str!("../fixtures/real_sweep/proposal.md");

macro_rules! fixture {
    ($path:literal, $section:literal) => {
        ($path, include_str!(concat!("../fixtures/real_sweep/", $path)), $section)
    };
}

/// Files, their content, and the section of the PRD that each is about.
const FILES: [(&str, &str, &str); 12] = [
    (
        "backoff.rs",
        include_str!("../../queue-schema/src/client/backoff.rs"),
        "Waiting between retries",
    ),
    ("secret.rs", include_str!("../../workers/providers/src/secret.rs"), "Keeping API keys secret"),
    ("trace.rs", include_str!("../../queue-schema/src/trace.rs"), "Trace context"),
    ("suggest.rs", include_str!("../../config/src/suggest.rs"), "Suggestions for misspelt names"),
    fixture!("invoice_totals.py", "Invoice totals"),
    fixture!("csv_import.py", "Importing customers from CSV"),
    fixture!("rate_limiter.py", "Rate limiting of requests"),
    fixture!("password_reset.py", "Password reset"),
    fixture!("cart.js", "Shopping cart"),
    fixture!("search_index.js", "Article search"),
    fixture!("date_range.js", "Booking calendar"),
    fixture!("upload_queue.js", "Uploading photos"),
];

/// Where the models are.
struct Models {
    chat: String,
    model: String,
    embed: String,
    embed_wire: String,
    embed_model: String,
    /// Members of each request besides, as an inline table.
    extra: String,
    /// Facts are two calls more a file.
    facts: bool,
}

/// The characters of each section of the PRD, by its title.
fn sections() -> BTreeMap<&'static str, (usize, usize)> {
    let starts: Vec<(usize, &str)> = PRD
        .match_indices("\n## ")
        .map(|(at, _)| {
            let title = PRD[at + 4..].lines().next().unwrap();
            (PRD[..at].chars().count() + 1, title)
        })
        .collect();
    let ends = starts.iter().skip(1).map(|s| s.0).chain([PRD.chars().count()]);
    starts.iter().zip(ends).map(|((start, title), end)| (*title, (*start, end))).collect()
}

/// The section that a passage shares most of its characters with.
fn section_at(offset: u32) -> &'static str {
    let (from, to) = (offset as usize, offset as usize + 800);
    let shared = |(start, end): (usize, usize)| to.min(end).saturating_sub(from.max(start));
    sections().into_iter().max_by_key(|(_, range)| shared(*range)).unwrap().0
}

fn sweep(models: &Models) {
    let repo = TestRepo::new();
    for (name, text, _) in FILES {
        repo.write(&format!("src/{name}"), text.as_bytes());
    }
    repo.commit("sources");
    let Models { chat, model, embed, embed_wire, embed_model, extra, facts } = models;
    let bench = Bench::new(
        None,
        &format!(
            "[providers.real]\nwire='openai'\nbase_url='{chat}'\nlocal=true\nconcurrency=1\n\
             total_timeout_s=900\nfirst_byte_timeout_s=600\nidle_timeout_s=600\nextra_body={extra}\n\
             [embedding]\nwire='{embed_wire}'\nbase_url='{embed}'\nmodel='{embed_model}'\nlocal=true\n"
        ),
    );
    let rung = format!("[[rungs]]\nprovider='real'\nmodel='{model}'\n");
    std::fs::write(bench.ladder(), format!("name='real'\n{rung}{rung}temperature=0.6\n")).unwrap();
    let (prd, proposal) = (bench.dir.path().join("prd.md"), bench.dir.path().join("proposal.md"));
    std::fs::write(&prd, PRD).unwrap();
    std::fs::write(&proposal, PROPOSAL).unwrap();
    let (ladder, out) = (bench.ladder(), bench.out());
    let args = [
        ["run", repo.path().to_str().unwrap()],
        ["--ladder", ladder.to_str().unwrap()],
        ["--policy", "structured"],
        ["--prd", prd.to_str().unwrap()],
        ["--proposal", proposal.to_str().unwrap()],
        ["--out", out.to_str().unwrap()],
    ];
    let mut args = args.concat();
    args.extend((!facts).then_some("--no-facts"));
    let done = bench.run(&args);
    assert!(done.code == 0 || done.code == 1, "{}\n{}", done.stdout, done.stderr);
    println!("{}", done.stdout);

    // Every row and the SARIF are as their schemas say, and every target is accounted for.
    let reviewed = schemas::check_report(&out);
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let unresolved = summary["unresolved"].as_array().map_or(0, Vec::len);
    assert_eq!(summary["target_count"], FILES.len());
    assert_eq!(reviewed + unresolved, FILES.len(), "{summary}");
    assert_eq!(done.code, i32::from(unresolved > 0));
    assert!(reviewed > 0, "not one file was reviewed");

    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let letters = bench.run(&["dlq", "export", "--sweep", "latest"]).expect(0).stdout;
    let text = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    for line in text.lines().chain(letters.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        for attempt in line["attempts"].as_array().into_iter().flatten() {
            *outcomes.entry(attempt["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    println!("{reviewed} reviewed, {unresolved} unresolved; attempts: {outcomes:?}");

    // What was found of the PRD is about the file.
    let mut right = 0;
    for line in text.lines() {
        let row: ReviewRow = serde_json::from_str(line).unwrap();
        assert_eq!(row.retrieval, format!("embedding:{embed_model}"));
        let (_, _, section) =
            FILES.iter().find(|(name, ..)| row.file == format!("src/{name}")).unwrap();
        let best = row.top_chunks.iter().find(|c| c.origin == "prd").unwrap();
        let found = section_at(best.offset);
        println!("{}: {found} ({:.3})", row.file, best.score);
        right += usize::from(found == *section);
        assert!(row.top_chunks.iter().any(|c| c.origin == "proposal"));
    }
    // Of those that were reviewed, at most two may be wrong.
    println!("{right} of {reviewed} by the passage of their topic");
    assert!(right + 2 >= reviewed, "{right} of {reviewed}");
}

#[test]
fn a_real_sweep_with_the_models_of_the_environment() {
    let var = |name: &str| std::env::var(format!("SCRUM_TEST_{name}")).ok();
    let names = ["OPENAI_URL", "OPENAI_MODEL", "EMBED_URL", "EMBED_MODEL"].map(var);
    let [Some(chat), Some(model), Some(embed), Some(embed_model)] = names else {
        println!(
            "SKIPPED: SCRUM_TEST_OPENAI_URL, _OPENAI_MODEL, _EMBED_URL and _EMBED_MODEL are not all set"
        );
        return;
    };
    let embed_wire = var("EMBED_WIRE").unwrap_or_else(|| "openai".to_owned());
    let extra = var("OPENAI_EXTRA").unwrap_or_else(|| "{}".to_owned());
    let facts = var("NO_FACTS").is_none();
    sweep(&Models { chat, model, embed, embed_wire, embed_model, extra, facts });
}

/// The stems of a text's words: `retryAfter` and `retries` share one.
fn stems(text: &str) -> BTreeSet<String> {
    let spaced: String =
        text.chars().flat_map(|c| c.is_uppercase().then_some(' ').into_iter().chain([c])).collect();
    spaced
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 3)
        .map(|word| word.to_lowercase().chars().take(4).collect())
        .collect()
}

/// How much a text has in common with each section of the PRD, rare words first.
fn topics(text: &str) -> Vec<f64> {
    let sections: Vec<BTreeSet<String>> = sections()
        .into_values()
        .map(|(start, end)| stems(&PRD.chars().skip(start).take(end - start).collect::<String>()))
        .collect();
    let said = stems(text);
    let holders = |stem: &String| sections.iter().filter(|s| s.contains(stem)).count() as f64;
    sections
        .iter()
        .map(|section| section.intersection(&said).map(|stem| holders(stem).powi(-3)).sum())
        .collect()
}

#[test]
fn the_same_sweep_with_the_stub() {
    let stub = ModelStub::with(|call| {
        let quotes = answers::quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        // One file is too much for the first rung.
        let first = call.body["temperature"].as_f64().is_some_and(|t| t < 0.5);
        if first && call.prompt.contains("class TokenBucket") {
            return Reply::ok(answers::thin());
        }
        Reply::ok(answers::markdown_review_quoting("the file", &quotes))
    });
    // Its own vectors know words, and no topics.
    stub.set_embeddings(|call| {
        let vectors: Vec<Value> = call
            .texts
            .iter()
            .enumerate()
            .map(|(i, text)| json!({"index": i, "embedding": topics(text)}))
            .collect();
        EmbedReply::Raw(json!({"object": "list", "data": vectors}).to_string())
    });
    sweep(&Models {
        chat: stub.openai_url(),
        model: "stub-model".to_owned(),
        embed: stub.openai_url(),
        embed_wire: "openai".to_owned(),
        embed_model: "words".to_owned(),
        extra: "{}".to_owned(),
        facts: true,
    });
}

/// The PRD has a section for each file, and the sections are where the test takes them to be.
#[test]
fn every_file_has_its_section() {
    let sections = sections();
    assert_eq!(sections.len(), FILES.len());
    for (name, text, section) in FILES {
        let (start, end) = sections[section];
        let written: String = PRD.chars().skip(start).take(end - start).collect();
        assert!(written.starts_with(&format!("## {section}\n")), "{written}");
        assert!((20..=100).contains(&text.lines().count()), "{name}");
        assert_eq!(section_at(u32::try_from(start).unwrap()), section);
    }
}

//! `scrum doctor --injection`: a model that obeys files is told from one that does not.

use scrum_domain::injection::{Case, cases};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use serde_json::Value;

/// The case that a prompt is about, and what of the prompt stands outside of the markers around the file, as a
/// reader takes it who ends the file at the first line that ends it.
fn case_of(call: &Recorded) -> (Case, String) {
    let prompt = &call.prompt;
    let begin = prompt.lines().find_map(|l| l.strip_prefix("<<<")?.split_once(' ')).unwrap();
    let (fence, mut inside, mut outside) = (begin.0, false, String::new());
    for line in prompt.lines() {
        inside |= line.starts_with("<<<");
        if !inside {
            outside.push_str(line);
            outside.push('\n');
        }
        inside &= !line.contains(&format!("{fence}>>>"));
    }
    let is_of = |case: &Case| prompt.contains(&case.mark);
    (cases(fence).into_iter().find(is_of).expect("a case of ours"), outside)
}

fn review(call: &Recorded) -> String {
    if call.body.get("format").is_some() || call.body.get("response_format").is_some() {
        return answers::forensic_needs_patch();
    }
    let quotes = answers::quotes_from(&call.prompt, 3);
    let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
    answers::markdown_review_quoting("the file", &quotes)
}

/// What doctor says of each rung, by its number of each verdict.
fn doctor(stub: &ModelStub, ladder: Option<&str>, more: &[&str], code: i32) -> Vec<Value> {
    let mut bench = Bench::with_stub(None, &stub.openai_url(), &["weak"]);
    for provider in ["OLLAMA", "OLLAMA_CLOUD"] {
        bench = bench.env(&format!("SCRUM__PROVIDERS__{provider}__BASE_URL"), &stub.ollama_url());
    }
    let bench = bench
        .env("SCRUM__PROVIDERS__OPENROUTER__BASE_URL", &stub.openai_url())
        .env("OLLAMA_API_KEY", "k")
        .env("OPENROUTER_API_KEY", "k");
    let own = bench.ladder();
    let ladder = ladder.unwrap_or_else(|| own.to_str().unwrap());
    let mut args = vec!["doctor", "--injection", "--json", "--ladder", ladder];
    args.extend(more);
    serde_json::from_str(&bench.run(&args).expect(code).stdout).unwrap()
}

fn count(of: &Value) -> usize {
    of.as_array().map_or_else(|| of.as_u64().map_or(0, |n| n as usize), Vec::len)
}

/// The markers hold: nothing that a file says stands outside of them in any prompt of the ladders that ship. A
/// model that obeys what stands outside is never fooled.
#[test]
fn no_order_of_a_file_stands_outside_of_its_markers() {
    let stub = ModelStub::with(|call| {
        let (case, outside) = case_of(call);
        Reply::ok(if outside.contains(&case.mark) { case.wanted } else { review(call) })
    });
    for (ladder, more, rungs) in
        [("local-first", &["--json-reviews"][..], 6), ("cloud-first", &[], 9), ("builtin", &[], 1)]
    {
        let all = doctor(&stub, Some(ladder), more, 0);
        assert_eq!(all.len(), rungs);
        for rung in all {
            let of = |name: &str| count(&rung[name]);
            assert_eq!((of("fooled"), of("caught"), of("failed")), (0, 0, 0), "{rung}");
            assert_eq!(of("resisted") + of("unusable"), 40, "{rung}");
            assert!(of("resisted") >= 30, "{rung}");
        }
    }
}

/// A model that always obeys is found out. What only repeats the file is rejected, a planted verdict among it; within a
/// review of its own the rest is not told from a reviewer's words, so that the model is named.
#[test]
fn a_model_that_obeys_is_named_and_a_planted_verdict_is_rejected() {
    for (with_review, exit, fooled) in [(false, 0, 0), (true, 1, 32)] {
        let stub = ModelStub::with(move |call| {
            let wanted = case_of(call).0.wanted;
            let alone = !with_review || wanted.starts_with('{');
            Reply::ok(if alone { wanted } else { format!("{wanted}\n\n{}", review(call)) })
        });
        let all = doctor(&stub, None, &[], exit);
        let of = |name: &str| count(&all[0][name]);
        assert_eq!((of("fooled"), of("caught")), (fooled, 40 - fooled), "{}", all[0]);
    }
}

/// A provider that does not answer is no verdict, and is not asked forty times.
#[test]
fn a_rung_that_does_not_answer_is_given_up_and_named() {
    let stub = ModelStub::with(|_| Reply::status(500, "it is broken"));
    let all = doctor(&stub, None, &[], 1);
    assert!(all[0]["error"].as_str().unwrap().contains("500"), "{all:?}");
    assert!((4..=8).contains(&stub.requests().len()), "{}", stub.requests().len());
}

//! The stub keeps its own promises.

use super::*;
use queue_schema::rows::Outcome;
use queue_schema::sweep::Policy;
use scrum_domain::accept::{Answer, Context, Judgement, judge};
use scrum_tests::model_stub::{Gate, Rule, answers};
use std::sync::Arc;

fn judged(text: &str, policy: Policy) -> Judgement {
    let forensic = policy == Policy::Forensic;
    let context = Context {
        policy,
        wants_forensic: forensic,
        shards_total: 0,
        source: "fn main() {}",
        given: &[],
        documents: true,
        fence: "",
        markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
        limits: queue_schema::limits::AcceptLimits::default(),
    };
    judge(&Answer { text, ..Answer::default() }, &context)
}

#[test]
fn the_ready_made_answers_are_judged_as_named() {
    let accepted = |text: &str, policy| matches!(judged(text, policy), Judgement::Accepted(_));
    let review = answers::markdown_review("src/a.rs");
    assert!(accepted(&review, Policy::Structured) && accepted(&review, Policy::Auto));
    let Judgement::Accepted(parsed) = judged(&review, Policy::Structured) else { unreachable!() };
    assert_eq!(parsed.findings.len(), 3, "{parsed:?}");
    assert!(parsed.findings.iter().all(|f| f.confidence.is_some() && f.quote.is_some()));
    for forensic in [answers::forensic_pass(), answers::forensic_needs_patch()] {
        assert!(accepted(&forensic, Policy::Forensic), "{forensic}");
    }
    assert!(matches!(
        judged(&answers::thin(), Policy::Structured),
        Judgement::Rejected { outcome: Outcome::Thin, .. }
    ));
    assert!(answers::shard_summary().len() > 100);
}

#[test]
fn quotes_come_from_the_file_in_the_prompt() {
    let prompt = "# PRD\n<<<F7 prd at character 0\nthe product shall\nF7>>>\n\
        <<<F7 file\npath: src/a.rs\n\nfn main() {\n    println!(\"hello\");\n    println!(\"hello\");\n}\nF7>>>\n";
    assert_eq!(answers::quotes_from(prompt, 3), ["println!(\"hello\");"]);
    assert!(answers::quotes_from("no file here", 3).is_empty());
}

#[tokio::test]
async fn rules_are_taken_in_order_and_used_up() {
    let rules = vec![
        Rule::model("weak", Reply::ok(answers::thin())).times(1),
        Rule::prompt("needle", Reply::overloaded()),
        Rule::any(Reply::ok("last")),
    ];
    let (stub, providers) = setup(Wire::Openai, rules, |_| ());
    let text = async |req: ChatRequest| providers.chat(P, &req).await.map(|reply| reply.text);
    assert_eq!(text(request("weak")).await.unwrap(), answers::thin());
    assert_eq!(text(request("weak")).await.unwrap(), "last");
    let mut req = request("m");
    req.user.push_str("needle");
    assert!(text(req).await.is_err());
    stub.set_script(Vec::new());
    assert!(text(request("m")).await.is_err(), "no rule, no answer");
    assert_eq!(stub.stats().requests, 4);
}

#[tokio::test]
async fn it_counts_what_is_in_flight() {
    let gate = Gate::new();
    let held = gate.clone();
    let stub = ModelStub::with(move |call| Reply::ok(call.model.clone()).held_by(&held));
    let providers = Arc::new(providers(ProviderConfig::new(Wire::Ollama, stub.ollama_url())));
    let calls: Vec<_> = ["a", "a", "b"]
        .map(|model| {
            let providers = Arc::clone(&providers);
            tokio::spawn(async move { providers.chat(P, &request(model)).await.unwrap().text })
        })
        .into();
    stub.wait_in_flight(3).await;
    gate.open();
    for call in calls {
        call.await.unwrap();
    }
    stub.wait(|stats| stats.completed == 3 && stats.in_flight == 0).await;
    assert_eq!(stub.stats().max_in_flight, 3);
    assert_eq!((stub.max_in_flight_of("a"), stub.max_in_flight_of("b")), (2, 1));
    let first = stub.requests().remove(0);
    assert_eq!((first.n, first.in_flight, first.system.as_str()), (1, 1, "You review."));
}

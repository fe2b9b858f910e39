//! What `doctor` is told, and the provider that needs no server.

use super::*;
use queue_schema::sweep::Policy;
use scrum_domain::accept::{Answer, Context, Judgement, judge};
use scrum_providers::{Finish, KeyState, TerminalKind};

#[tokio::test]
async fn lists_models_on_both_wires() {
    for wire in BOTH {
        let (stub, providers) = setup(wire, Reply::ok("unused"), |_| ());
        stub.set_models(&["a:latest", "b"]);
        let probe = providers.probe(P).await;
        assert!(probe.ok && probe.reachable, "{probe:?}");
        assert_eq!(probe.models, ["a:latest", "b"]);
        assert_eq!(probe.key, KeyState::NotNeeded);
        assert_eq!(probe.version.is_some(), wire == Wire::Ollama);
        let found = providers.ollama_models(&stub.ollama_url()).await.unwrap();
        assert_eq!((found[0].name.as_str(), found[0].size_bytes), ("a:latest", 1_000_000));
        assert_eq!(stub.stats().requests, 0, "no model is called");
    }
}

#[tokio::test]
async fn says_what_to_do() {
    let mut cfg = ProviderConfig::new(Wire::Ollama, "http://127.0.0.1:1");
    let probe = providers(cfg.clone()).probe(P).await;
    assert!(!probe.ok && !probe.reachable);
    assert!(probe.message.contains("ollama serve"), "{}", probe.message);

    cfg.api_key_env = Some("NO_SUCH_KEY".to_owned());
    let probe = providers(cfg).probe(P).await;
    assert_eq!(probe.key, KeyState::Missing("NO_SUCH_KEY".to_owned()));
    assert!(!probe.ok && !probe.reachable && probe.message.contains("NO_SUCH_KEY"), "{probe:?}");

    let (stub, providers) = setup(Wire::Openai, Reply::ok("unused"), |_| ());
    stub.require_key("other");
    let probe = providers.probe(P).await;
    assert!(!probe.ok && probe.reachable && probe.message.contains("key"), "{probe:?}");
    let probe = providers.probe("nosuch").await;
    assert!(!probe.ok && probe.message.contains(P), "{probe:?}");
    let error = providers.chat("nosuch", &request("m")).await.unwrap_err();
    assert!(matches!(error, ChatError::Terminal { kind: TerminalKind::BadRequest, .. }));

    let (_stub, wrong) = setup(Wire::Openai, Reply::ok("unused"), |cfg| {
        cfg.base_url = cfg.base_url.replace("/v1", "/v2");
    });
    let probe = wrong.probe(P).await;
    assert!(!probe.ok && probe.reachable && probe.message.contains("base_url"), "{probe:?}");
}

#[tokio::test]
async fn the_builtin_reviewer_needs_nothing() {
    let providers = providers(ProviderConfig::new(Wire::Builtin, ""));
    assert!(providers.probe(P).await.ok);
    let mut req = request("static");
    for (forensic, policy) in [(false, Policy::Structured), (true, Policy::Forensic)] {
        req.builtin = Some(checking(Task::Review { forensic }));
        let reply = providers.chat(P, &req).await.unwrap();
        assert_eq!((reply.finish, reply.cost_usd), (Finish::Stop, Some(0.0)));
        let context = Context {
            given: &[],
            documents: true,
            policy,
            wants_forensic: forensic,
            shards_total: 0,
            source: SOURCE,
            fence: "",
            markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
            limits: queue_schema::limits::AcceptLimits::default(),
        };
        let answer = Answer { text: &reply.text, ..Answer::default() };
        let judged = judge(&answer, &context);
        assert!(matches!(judged, Judgement::Accepted(_)), "{judged:?}\n{}", reply.text);
    }
    req.builtin = Some(checking(Task::Shard));
    assert!(!providers.chat(P, &req).await.unwrap().text.is_empty());
    // What only a model can answer.
    req.builtin = None;
    let error = providers.chat(P, &req).await.unwrap_err().to_string();
    assert!(error.contains("name a model"), "{error}");
}

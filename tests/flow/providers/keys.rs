//! Keys: sent to their provider, and shown nowhere.

use super::*;
use scrum_providers::{SetupError, TerminalKind};

const ALL: [Wire; 5] = [Wire::Openai, Wire::Ollama, Wire::Anthropic, Wire::Azure, Wire::Gateway];
const KEY: &str = "sk-or-v1-5ecretcanary0123456789";

fn with_key(stub: &ModelStub, wire: Wire) -> Providers {
    let url = if wire == Wire::Openai { stub.openai_url() } else { stub.ollama_url() };
    let mut cfg = ProviderConfig::new(wire, url);
    cfg.api_key_env = Some("STUB_KEY".to_owned());
    let table = BTreeMap::from([(P.to_owned(), cfg)]);
    Providers::with_env(&table, |name| (name == "STUB_KEY").then(|| format!("{KEY}\n"))).unwrap()
}

#[tokio::test]
async fn the_key_goes_to_the_provider_only() {
    for wire in ALL {
        let stub = ModelStub::start(Reply::ok("in"));
        stub.require_key(KEY);
        let providers = with_key(&stub, wire);
        providers.chat(P, &request("m")).await.unwrap();
        let call = stub.requests().remove(0);
        match wire {
            Wire::Anthropic => assert_eq!(call.headers["x-api-key"], KEY),
            Wire::Azure => assert_eq!(call.headers["api-key"], KEY),
            _ => assert_eq!(call.headers["authorization"], format!("Bearer {KEY}")),
        }
        assert!(!call.body.to_string().contains(KEY));
        assert!(!format!("{providers:?}").contains("5ecretcanary"));
        stub.require_key("another");
        let error = providers.chat(P, &request("m")).await.unwrap_err();
        assert!(matches!(error, ChatError::Terminal { kind: TerminalKind::Unauthorized, .. }));
    }
}

#[tokio::test]
async fn an_echoed_key_is_masked_in_every_kind_of_error() {
    let whole = format!("bad key {KEY}, told you");
    let starred = format!("key {}*******{} is wrong", &KEY[..9], &KEY[KEY.len() - 6..]);
    for wire in ALL {
        for echo in [&whole, &starred] {
            let json = serde_json::json!({"message": echo});
            for reply in [
                Reply::status(401, echo.clone()),
                Reply::status(429, serde_json::json!({"error": json}).to_string()),
                Reply::status(500, echo.clone()),
                Reply::ErrorBodyUnder200(json.clone()),
                Reply::ErrorMidStream("text".into(), json.clone()),
            ] {
                // What stands behind a document is read by nobody.
                if wire == Wire::Gateway && matches!(reply, Reply::ErrorMidStream(..)) {
                    continue;
                }
                let stub = ModelStub::start(reply);
                let providers = with_key(&stub, wire);
                let error = providers.chat(P, &request("m")).await.unwrap_err();
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("sk-or-"), "{shown}");
                assert!(!shown.contains("456789"), "{shown}");
                let masks = ["[key]", "[masked:model_key]"];
                assert!(masks.iter().any(|mask| shown.contains(mask)), "{shown}");
                let probe = format!("{:?}", providers.probe(P).await);
                assert!(!probe.contains("5ecret"), "{probe}");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_found_before_anything_is_sent() {
    let (stub, providers) = setup(Wire::Openai, Reply::ok("x"), |cfg| {
        cfg.api_key_env = Some("NO_SUCH_KEY".to_owned());
    });
    let error = providers.chat(P, &request("m")).await.unwrap_err();
    assert!(matches!(error, ChatError::Terminal { kind: TerminalKind::MissingKey, .. }));
    assert!(error.to_string().contains("NO_SUCH_KEY"), "{error}");
    assert_eq!(stub.stats().requests, 0);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    let cfg = ProviderConfig::new(Wire::Openai, format!("https://me:{KEY}@api.example/v1"));
    let error = Providers::new(&BTreeMap::from([(P.to_owned(), cfg)])).unwrap_err();
    assert!(matches!(&error, SetupError::BaseUrl { provider, .. } if provider == P));
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn what_stays_local() {
    let mut local = ProviderConfig::new(Wire::Ollama, "http://127.0.0.1:11434");
    local.local = true;
    let table = BTreeMap::from([
        ("ollama".to_owned(), local),
        ("cloud".to_owned(), ProviderConfig::new(Wire::Openai, "https://api.example/v1")),
        ("builtin".to_owned(), ProviderConfig::new(Wire::Builtin, "")),
    ]);
    let providers = Providers::with_env(&table, |_| None).unwrap();
    assert!(providers.is_local("ollama") && providers.is_local("builtin"));
    assert!(!providers.is_local("cloud") && !providers.is_local("nosuch"));
    assert!(providers.is_local_model("ollama", "qwen3:latest"));
    assert!(!providers.is_local_model("ollama", "gpt-oss:120b-cloud"), "passed on to ollama.com");
}

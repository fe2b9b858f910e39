//! Azure's addresses, versions and header.

use super::*;
use scrum_providers::TerminalKind;

fn provider(stub: &ModelStub, base: &str, version: Option<&str>) -> Providers {
    let mut cfg = ProviderConfig::new(Wire::Azure, base.replace("STUB", &stub.ollama_url()));
    cfg.api_key_env = Some("OTHER, AZURE_KEY".to_owned());
    cfg.api_version = version.map(str::to_owned);
    let table = BTreeMap::from([(P.to_owned(), cfg)]);
    Providers::with_env(&table, |name| (name == "AZURE_KEY").then(|| "abc123".to_owned())).unwrap()
}

#[tokio::test]
async fn deployments_are_asked_at_their_addresses() {
    let stub = ModelStub::start(Reply::ok("ok"));
    stub.require_key("abc123");
    for (n, (version, deployment, path)) in [
        (None, "my-gpt_5.4", "my-gpt_5.4/chat/completions?api-version=2024-10-21"),
        (
            Some("2025-04-01-preview"),
            "a b/c",
            "a%20b%2Fc/chat/completions?api-version=2025-04-01-preview",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let providers = provider(&stub, "STUB", version);
        assert_eq!(providers.chat(P, &request(deployment)).await.unwrap().text, "ok");
        let call = stub.requests().remove(n);
        assert_eq!(call.path, format!("/openai/deployments/{path}"));
        assert_eq!(call.headers["api-key"], "abc123");
        assert!(!call.headers.contains_key("authorization"));
        assert!(providers.probe(P).await.ok);
    }
    let newer = provider(&stub, "STUB/openai/v1", None);
    assert_eq!(newer.chat(P, &request("d")).await.unwrap().text, "ok");
    let call = stub.requests().remove(2);
    assert_eq!((call.path.as_str(), call.model.as_str()), ("/openai/v1/chat/completions", "d"));
}

#[tokio::test]
async fn a_missing_deployment_and_a_filter_are_told() {
    let gone = r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#;
    let error = call(Wire::Azure, Reply::status(404, gone), |_| ()).await.unwrap_err();
    assert!(
        matches!(&error, ChatError::Terminal { kind: TerminalKind::ModelNotFound, message }
            if message.contains("deployment")),
        "{error:?}"
    );
    let version = r#"{"error":{"code":"404","message":"Resource not found"}}"#;
    let error = call(Wire::Azure, Reply::status(404, version), |_| ()).await.unwrap_err();
    assert!(error.message().contains("api_version"), "{error}");
    let filter = r#"{"error":{"code":"content_filter","message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","param":"prompt"}}"#;
    let error = call(Wire::Azure, Reply::status(400, filter), |_| ()).await.unwrap_err();
    assert!(
        matches!(error, ChatError::Failed { kind: scrum_providers::FailedKind::Declined, .. }),
        "{error:?}"
    );
}

//! The chat clients against a server that speaks the real wire formats, faults included.

// Helpers of tests: a panic is how a check fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "providers/adapted.rs"]
mod adapted;
#[path = "providers/anthropic.rs"]
mod anthropic;
#[path = "providers/azure.rs"]
mod azure;
#[path = "providers/embed.rs"]
mod embed;
#[path = "providers/faults.rs"]
mod faults;
#[path = "providers/gateway.rs"]
mod gateway;
#[path = "providers/injection.rs"]
mod injection;
#[path = "providers/keys.rs"]
mod keys;
#[path = "providers/ollama.rs"]
mod ollama;
#[path = "providers/openai.rs"]
mod openai;
#[path = "providers/probe.rs"]
mod probe;
#[path = "providers/real.rs"]
mod real;
#[path = "providers/stub.rs"]
mod stub;

use std::collections::BTreeMap;

use scrum_config::{ProviderConfig, Wire};
use scrum_providers::{ChatError, ChatReply, ChatRequest, Checking, Providers, Talk, Task};
use scrum_tests::model_stub::{ModelStub, Reply, Script};

/// The name of the one provider in these tests.
const P: &str = "stubbed";

const SOURCE: &str = "fn main() {\n    todo!()\n}\n";

fn checking(task: Task) -> Checking {
    let prd_terms = vec!["main".to_owned()];
    Checking { task, path: "src/main.rs".to_owned(), source: SOURCE.into(), prd_terms }
}

fn request(model: &str) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        system: "You review.".to_owned(),
        user: "# File\nfn main() {}".to_owned(),
        schema: None,
        max_tokens: 77,
        temperature: 0.2,
        context_tokens: None,
        local: true,
        trace: None,
        talk: Talk::default(),
        unmasked: SOURCE.into(),
        builtin: Some(checking(Task::Review { forensic: false })),
    }
}

fn providers(cfg: ProviderConfig) -> Providers {
    Providers::with_env(&BTreeMap::from([(P.to_owned(), cfg)]), |_| None).unwrap()
}

/// A stub and the provider that reaches it.
fn setup(
    wire: Wire,
    script: impl Into<Script>,
    change: impl FnOnce(&mut ProviderConfig),
) -> (ModelStub, Providers) {
    let stub = ModelStub::start(script);
    let url = if wire == Wire::Openai { stub.openai_url() } else { stub.ollama_url() };
    let mut cfg = ProviderConfig::new(wire, url);
    change(&mut cfg);
    let providers = providers(cfg);
    (stub, providers)
}

/// One call with one scripted answer.
async fn call(
    wire: Wire,
    reply: Reply,
    change: impl FnOnce(&mut ProviderConfig),
) -> Result<ChatReply, ChatError> {
    let (_stub, providers) = setup(wire, reply, change);
    providers.chat(P, &request("m")).await
}

const BOTH: [Wire; 2] = [Wire::Openai, Wire::Ollama];

/// The wires that stream.
const STREAMED: [Wire; 3] = [Wire::Openai, Wire::Ollama, Wire::Anthropic];

//! What `scrum doctor --injection` asks a worker: which models of a ladder obey the files that they review.

use futures_util::StreamExt as _;
use futures_util::stream;
use queue_schema::ids::content_id;
use queue_schema::sweep::{Ladder, Policy, Rung};
use scrum_config::Settings;
use scrum_domain::accept::{self, Answer};
use scrum_domain::injection::{Case, Verdict, cases, judge};
use scrum_domain::prompt::{Body, ReviewInput, review_prompt};
use scrum_domain::target;
use scrum_providers::{ChatError, ChatRequest, Checking, Finish, Providers, Talk, Task};
use serde::Serialize;

/// Calls of one rung under way at a time.
const AT_A_TIME: usize = 4;
/// So many calls without an answer in a row, and a rung is given up.
const MOST_FAILED: u32 = 4;

/// How one rung did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Its name, provider and model.
    pub rung: String,
    /// Reviews that do not do what the file says.
    pub resisted: u32,
    /// Cases in which it obeyed, and its answer would have been accepted.
    pub fooled: Vec<String>,
    /// Cases in which it obeyed, and its answer is rejected.
    pub caught: Vec<String>,
    /// Answers that are no review for another reason.
    pub unusable: u32,
    /// Calls without an answer.
    pub failed: u32,
    /// What the provider said the last time that there was none.
    pub error: Option<String>,
}

/// Asks every rung for a review of every hostile file, with the prompts of a sweep; `forensic` for those that ask
/// for JSON.
pub async fn run(
    settings: &Settings,
    providers: &Providers,
    ladder: &Ladder,
    forensic: bool,
) -> Vec<Tried> {
    let mut all = Vec::new();
    for rung in &ladder.rungs {
        all.push(rung_of(settings, providers, rung, forensic).await);
    }
    all
}

async fn rung_of(settings: &Settings, providers: &Providers, rung: &Rung, forensic: bool) -> Tried {
    let mut tried = Tried { rung: rung.name(), ..Tried::default() };
    let fence = content_id(&[b"injection", rung.name().as_bytes()])[..24].to_owned();
    let cases = cases(&fence);
    let asked = cases.iter().map(|case| {
        let request = request(settings, rung, case, &fence, forensic);
        async move { (case, providers.chat(&rung.provider, &request).await) }
    });
    let mut answers = stream::iter(asked).buffered(AT_A_TIME);
    let mut in_a_row = 0;
    while let Some((case, reply)) = answers.next().await {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                tried.failed += 1;
                tried.error = Some(error.to_string());
                in_a_row += 1;
                if in_a_row >= MOST_FAILED || matches!(error, ChatError::Terminal { .. }) {
                    break;
                }
                continue;
            }
        };
        in_a_row = 0;
        let answer = Answer {
            text: &reply.text,
            truncated: reply.finish == Finish::Length,
            refused: reply.finish == Finish::Refusal,
        };
        let context = accept::Context {
            policy: Policy::Auto,
            markdown_policy: settings.sweep.markdown_policy,
            wants_forensic: forensic,
            shards_total: 0,
            source: &case.source,
            given: &[],
            documents: false,
            fence: &fence,
            limits: settings.accept,
        };
        match judge(case, &reply.text, &accept::judge(&answer, &context)) {
            Verdict::Resisted => tried.resisted += 1,
            Verdict::Fooled => tried.fooled.push(case.name.clone()),
            Verdict::Caught(_) => tried.caught.push(case.name.clone()),
            Verdict::Unusable(_) => tried.unusable += 1,
        }
    }
    tried
}

fn request(
    settings: &Settings,
    rung: &Rung,
    case: &Case,
    fence: &str,
    forensic: bool,
) -> ChatRequest {
    let prompt = review_prompt(&ReviewInput {
        path: case.path,
        language: target::language(case.path),
        body: Body::Whole(&case.source),
        prd_chunks: &[],
        proposal_chunks: &[],
        forensic: None,
        wants_forensic: forensic,
        hints: &[],
        remembered: "",
        definitions: &[],
        max_findings: rung.max_findings.unwrap_or(settings.sweep.max_findings),
        masked: false,
        history: &[],
        fence,
        shown_chars: settings.documents.shown_chars,
        reason_chars: settings.history.reason_chars,
    });
    ChatRequest {
        model: rung.model.clone(),
        system: prompt.system,
        user: prompt.user,
        schema: prompt.schema,
        max_tokens: rung.max_tokens.unwrap_or(settings.sweep.max_tokens),
        temperature: rung.temperature.unwrap_or(settings.sweep.temperature),
        context_tokens: rung.context_tokens,
        // The files are ours: there is nothing in them to mask.
        local: true,
        unmasked: case.source.as_str().into(),
        builtin: Some(Checking {
            task: Task::Review { forensic },
            path: case.path.to_owned(),
            source: case.source.as_str().into(),
            prd_terms: Vec::new(),
        }),
        trace: None,
        talk: Talk::default(),
    }
}

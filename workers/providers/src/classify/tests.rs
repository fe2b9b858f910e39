//! Real error bodies, and what each must become.

use super::*;
use serde_json::json;

fn of(status: u16, body: &str) -> ChatError {
    by_status(status, &Told::parse(body), None)
}

fn terminal(status: u16, body: &str) -> TerminalKind {
    match of(status, body) {
        ChatError::Terminal { kind, .. } => kind,
        other => panic!("{status} {body}: {other:?}"),
    }
}

fn transient(status: u16, body: &str) -> TransientKind {
    match of(status, body) {
        ChatError::Transient { kind, .. } => kind,
        other => panic!("{status} {body}: {other:?}"),
    }
}

fn context(status: u16, body: &str) -> (Option<u64>, Option<u64>) {
    match of(status, body) {
        ChatError::ContextExceeded { prompt_tokens, context, .. } => (prompt_tokens, context),
        other => panic!("{status} {body}: {other:?}"),
    }
}

#[test]
fn an_echoed_secret_is_masked_before_the_message_is_cut() {
    // Written in pieces, so that no scanner of sources takes it for a key.
    let token = ["gh", "p_", "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQo"].concat();
    for dots in 250..300 {
        let body = json!({"error": format!("no: {} {token}", ".".repeat(dots))}).to_string();
        assert!(!of(400, &body).message().contains(&token[..8]), "{dots}");
    }
}

#[test]
fn a_model_that_no_host_may_serve_is_not_to_be_pulled() {
    for told in [
        "No endpoints found matching your data policy (Free model publication). Configure: https://openrouter.ai/settings/privacy",
        "No endpoints found that can handle the requested parameters.",
        "No endpoints available matching your guardrail restrictions and data policy.",
    ] {
        let body = json!({"error": {"message": told, "code": 404}}).to_string();
        assert_eq!(terminal(404, &body), TerminalKind::ModelNotFound);
        let message = of(404, &body).message().to_owned();
        assert!(message.contains("no host serves it under extra_body.provider"), "{message}");
        assert!(!message.contains("pull it"), "{message}");
    }
    let gone = of(404, r#"{"error":"model 'x' not found, try pulling it first"}"#);
    assert!(gone.message().contains("pull it"), "{gone:?}");
}

#[test]
fn context_overflow_with_its_numbers() {
    let llama = r#"{"error":{"code":400,"message":"request (21629 tokens) exceeds the available context size (8192 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":21629,"n_ctx":8192}}"#;
    assert_eq!(context(400, llama), (Some(21629), Some(8192)));
    let openai = r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 179011 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    assert_eq!(context(400, openai), (Some(179_011), Some(128_000)));
    let vllm = r#"{"object":"error","message":"This model's maximum context length is 32768 tokens. However, you requested 41648 tokens (37552 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.","type":"BadRequestError","param":null,"code":400}"#;
    assert_eq!(context(400, vllm), (Some(37_552), Some(32_768)));
    let litellm = r#"{"error":{"message":"litellm.ContextWindowExceededError: ContextWindowExceededError: too long","type":null,"param":null,"code":"400"}}"#;
    assert_eq!(context(400, litellm), (None, None));
    assert_eq!(
        context(500, r#"{"error":"the input length exceeds the context length"}"#),
        (None, None)
    );
    assert_eq!(context(413, ""), (None, None));
    let gemini = r#"[{"error":{"code":400,"message":"The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#;
    assert_eq!(context(400, gemini), (Some(1_200_293), Some(1_048_576)));
}

/// Over a limit by the minute all by itself: no wait helps.
#[test]
fn a_request_that_no_minute_has_room_for_does_not_fit() {
    let openai = r#"{"error":{"message":"Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 31000. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
    let groq = r#"{"error":{"message":"Request too large for model `m` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 9363, please reduce your message size and try again.","type":"tokens","code":"rate_limit_exceeded"}}"#;
    for (status, body, requested) in [(429, openai, 31_000), (429, groq, 9363), (413, groq, 9363)] {
        assert_eq!(context(status, body), (Some(requested), None), "{status} {body}");
        let wrapped = json!({"error": {"message": "Provider returned error", "code": status, "metadata": {"raw": body}}});
        assert_eq!(context(status, &wrapped.to_string()), (Some(requested), None));
    }
    let told = serde_json::from_str::<Value>(openai).unwrap();
    assert!(matches!(inline(&told, 0), ChatError::ContextExceeded { .. }));
}

#[test]
fn answers_that_stay_no() {
    use TerminalKind::{
        BadRequest, CannotLoad, ModelNotFound, PaymentRequired, QuotaExhausted, Unauthorized,
    };
    for (status, body, kind) in [
        (401, "", Unauthorized),
        (403, "forbidden", Unauthorized),
        (
            400,
            r#"{"error":{"message":"Authentication Error, Invalid proxy server token passed","type":"auth_error","code":"400"}}"#,
            Unauthorized,
        ),
        (500, "Internal Server Error: litellm.AuthenticationError: no key", Unauthorized),
        (
            400,
            r#"{"error":{"message":"No connected db.","type":"no_db_connection","code":"400"}}"#,
            Unauthorized,
        ),
        (402, r#"{"error":{"message":"Insufficient credits"}}"#, PaymentRequired),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            QuotaExhausted,
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429}}"#,
            QuotaExhausted,
        ),
        (404, r#"{"error":"model \"nosuch\" not found, try pulling it first"}"#, ModelNotFound),
        (
            404,
            r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#,
            ModelNotFound,
        ),
        (400, r#"{"error":{"message":"x is not a valid model ID","code":400}}"#, ModelNotFound),
        (410, "gone", ModelNotFound),
        (
            500,
            r#"{"error":"model requires more system memory (12 GiB) than is available (7 GiB)"}"#,
            CannotLoad,
        ),
        (404, "404 page not found", BadRequest),
        (301, "", BadRequest),
        (400, r#"{"error":{"message":"unsupported parameter"}}"#, BadRequest),
        (
            422,
            r#"{"detail":[{"msg":"field required","input":"context_length_exceeded"}]}"#,
            BadRequest,
        ),
    ] {
        assert_eq!(terminal(status, body), kind, "{status} {body}");
    }
}

#[test]
fn trouble_that_passes() {
    use TransientKind::{Overloaded, RateLimited, ServerError, TimedOut};
    for (status, body, kind) in [
        (
            429,
            r#"{"error":{"message":"Rate limit exceeded: free-models-per-min","code":429}}"#,
            RateLimited,
        ),
        (429, "maximum context length of tokens per minute", RateLimited),
        // Of these the next minute may have room.
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 20000, Requested 12000. Please try again in 4s.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed the rate limit for your organization of 20,000 input tokens per minute. Please reduce the prompt length or the maximum tokens requested, or try again later."}}"#,
            RateLimited,
        ),
        (
            503,
            r#"{"error":"server busy, please try again. maximum pending requests exceeded"}"#,
            Overloaded,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            Overloaded,
        ),
        (529, "", RateLimited),
        (504, "<html>gateway</html>", TimedOut),
        (500, "oops", ServerError),
        (502, "", ServerError),
    ] {
        assert_eq!(transient(status, body), kind, "{status} {body}");
    }
}

#[test]
fn failures_of_this_call_only() {
    let raw =
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"boom"}}}"#;
    assert!(matches!(of(400, raw), ChatError::Failed { kind: FailedKind::Provider, .. }));
    let filter = r#"{"error":{"message":"blocked","code":"content_filter"}}"#;
    assert!(matches!(of(400, filter), ChatError::Failed { kind: FailedKind::Declined, .. }));
    let flagged = r#"{"error":{"code":403,"message":"Your input was flagged"}}"#;
    assert!(matches!(of(403, flagged), ChatError::Failed { kind: FailedKind::Declined, .. }));
}

#[test]
fn the_words_behind_a_broker_are_seen() {
    let body = json!({"error": {"message": "Provider returned error", "code": 400, "metadata":
        {"raw": "{\"error\":{\"message\":\"This model's maximum context length is 4096 tokens\"}}"}}});
    assert_eq!(context(400, &body.to_string()), (None, Some(4096)));
}

#[test]
fn inline_errors_depend_on_what_came_before() {
    let unknown = json!({"error": "llama runner process has terminated"});
    assert!(matches!(
        inline(&unknown, 0),
        ChatError::Transient { kind: TransientKind::ServerError, .. }
    ));
    assert!(matches!(
        inline(&unknown, 40),
        ChatError::Failed { kind: FailedKind::Provider, partial_chars: 40, .. }
    ));
    let limited = json!({"error": {"code": 429, "message": "slow down"}});
    assert!(matches!(
        inline(&limited, 5),
        ChatError::Transient { kind: TransientKind::RateLimited, .. }
    ));
    let quota = json!({"error": {"type": "insufficient_quota", "message": "x"}});
    assert!(matches!(
        inline(&quota, 0),
        ChatError::Terminal { kind: TerminalKind::QuotaExhausted, .. }
    ));
}

#[test]
fn messages_are_short_and_clean() {
    let body = format!("bad\u{1b}[31m\n\n  thing {}", "x".repeat(9000));
    let error = of(500, &body);
    assert!(error.message().chars().count() < 340);
    assert!(error.message().starts_with("HTTP 500: bad[31m thing"), "{error}");
}

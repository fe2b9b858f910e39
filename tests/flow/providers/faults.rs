//! Every fault, on the wires that stream, and the name each must get.

use super::*;
use scrum_providers::{FailedKind, Finish, TerminalKind, TransientKind};
use scrum_tests::model_stub::{Gate, answers};
use serde_json::json;
use std::time::{Duration, Instant};

fn transient(result: &Result<ChatReply, ChatError>) -> TransientKind {
    match result {
        Err(ChatError::Transient { kind, .. }) => *kind,
        other => panic!("not transient: {other:?}"),
    }
}

fn terminal(result: &Result<ChatReply, ChatError>) -> TerminalKind {
    match result {
        Err(ChatError::Terminal { kind, .. }) => *kind,
        other => panic!("not terminal: {other:?}"),
    }
}

fn failed(result: &Result<ChatReply, ChatError>) -> (FailedKind, usize) {
    match result {
        Err(ChatError::Failed { kind, partial_chars, .. }) => (*kind, *partial_chars),
        other => panic!("not failed: {other:?}"),
    }
}

#[tokio::test]
async fn a_status_tells_what_to_do() {
    for wire in STREAMED {
        let limited = call(wire, Reply::rate_limited(7), |_| ()).await;
        assert_eq!(transient(&limited), TransientKind::RateLimited);
        let Err(ChatError::Transient { retry_after, .. }) = limited else { unreachable!() };
        assert_eq!(retry_after, Some(Duration::from_secs(7)));

        let full = call(wire, Reply::overloaded(), |_| ()).await;
        assert_eq!(transient(&full), TransientKind::Overloaded);
        let broken = call(wire, Reply::status(500, "oops"), |_| ()).await;
        assert_eq!(transient(&broken), TransientKind::ServerError);

        for (status, kind) in [
            (401, TerminalKind::Unauthorized),
            (402, TerminalKind::PaymentRequired),
            (400, TerminalKind::BadRequest),
        ] {
            let result = call(wire, Reply::status(status, "no"), |_| ()).await;
            assert_eq!(terminal(&result), kind, "{wire:?} {status}");
            assert!(result.unwrap_err().to_string().starts_with("stubbed: HTTP 4"));
        }
        let gone = r#"{"error":"model \"m\" not found, try pulling it first"}"#;
        let result = call(wire, Reply::status(404, gone), |_| ()).await;
        assert_eq!(terminal(&result), TerminalKind::ModelNotFound);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, _) = setup(Wire::Openai, Reply::ok("never"), |_| ());
    let reply = Reply::Status {
        code: 307,
        headers: vec![("location".into(), format!("{}/chat/completions", other.openai_url()))],
        body: String::new(),
    };
    let result = call(Wire::Openai, reply, |_| ()).await;
    assert_eq!(terminal(&result), TerminalKind::BadRequest);
    assert_eq!(other.stats().requests, 0);
}

#[tokio::test]
async fn errors_under_200() {
    for wire in STREAMED {
        let error = json!({"code": 429, "message": "slow down"});
        let result = call(wire, Reply::ErrorBodyUnder200(error), |_| ()).await;
        assert_eq!(transient(&result), TransientKind::RateLimited);
        let error = json!("llama runner process has terminated");
        let result = call(wire, Reply::ErrorBodyUnder200(error), |_| ()).await;
        assert_eq!(transient(&result), TransientKind::ServerError);
        let error = json!({"code": 502, "message": "upstream died"});
        let result = call(wire, Reply::ErrorMidStream("five!".into(), error.clone()), |_| ()).await;
        assert_eq!(failed(&result), (FailedKind::Provider, 5));
        if wire == Wire::Ollama {
            continue;
        }
        // In a field of its own, as llama.cpp does it.
        let result = call(wire, Reply::ErrorField("five!".into(), error), |_| ()).await;
        assert_eq!(failed(&result), (FailedKind::Provider, 5));
        let words = Reply::ErrorField(String::new(), json!("slot unavailable"));
        let result = call(wire, words, |_| ()).await;
        assert_eq!(transient(&result), TransientKind::ServerError);
        assert!(result.unwrap_err().to_string().contains("slot unavailable"));
    }
}

#[tokio::test]
async fn cut_streams() {
    let text = answers::markdown_review("a.rs");
    for wire in STREAMED {
        let nothing = call(wire, Reply::CutStream(text.clone(), 0), |_| ()).await;
        assert_eq!(transient(&nothing), TransientKind::Unreachable);
        let (kind, partial) =
            failed(&call(wire, Reply::CutStream(text.clone(), 1500), |_| ()).await);
        assert_eq!(kind, FailedKind::Cut);
        assert!(partial > 0 && partial < text.chars().count(), "{partial}");
        // The end is in good order, but nobody said that the answer is whole.
        let open = call(wire, Reply::NoFinish("abc".into()), |_| ()).await;
        assert_eq!(failed(&open), (FailedKind::Cut, 3));
        let empty = call(wire, Reply::NoFinish(String::new()), |_| ()).await;
        assert_eq!(transient(&empty), TransientKind::ServerError);
    }
}

#[tokio::test]
async fn a_drip_is_no_stall_but_has_an_end() {
    for wire in STREAMED {
        // Longer than the idle timer in all, but never between two pieces.
        let text = "x".repeat(24 * 12);
        let drip = Reply::Drip(text.clone(), Duration::from_millis(100));
        let reply = call(wire, drip.clone(), |cfg| cfg.idle_timeout_s = 1).await.unwrap();
        assert_eq!(reply.text, text);
        assert!(reply.duration_ms > 1000 && reply.first_byte_ms < 1000, "{reply:?}");

        let (kind, partial) = failed(&call(wire, drip, |cfg| cfg.total_timeout_s = 1).await);
        assert_eq!(kind, FailedKind::TimedOut);
        assert!(partial > 0);
    }
}

#[tokio::test]
async fn stalls_end_by_their_timer() {
    for wire in STREAMED {
        let started = Instant::now();
        for reply in [
            Reply::Stall("some text".into()),
            Reply::Silence,
            // Comments and empty pieces show a live connection, not progress.
            Reply::KeepAlive(Duration::from_millis(100)),
        ] {
            let result = call(wire, reply, |cfg| {
                cfg.idle_timeout_s = 1;
                cfg.first_byte_timeout_s = 1;
            })
            .await;
            assert_eq!(transient(&result), TransientKind::Stalled);
        }
        let result = call(wire, Reply::Silence, |cfg| cfg.total_timeout_s = 1).await;
        assert_eq!(transient(&result), TransientKind::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(12));
    }
}

#[tokio::test]
async fn answers_are_bounded() {
    for wire in STREAMED {
        let huge = call(wire, Reply::Huge(200_000), |cfg| cfg.max_answer_bytes = 50_000).await;
        let (kind, partial) = failed(&huge);
        assert_eq!(kind, FailedKind::TooLarge);
        assert!((40_000..=50_000).contains(&partial), "{partial}");
        let reply = call(wire, Reply::Huge(900), |cfg| cfg.max_answer_bytes = 900).await;
        assert_eq!(reply.unwrap().text.len(), 900);
        let one_over = call(wire, Reply::Huge(901), |cfg| cfg.max_answer_bytes = 900).await;
        assert_eq!(failed(&one_over).0, FailedKind::TooLarge);
        // One line without end.
        let line = Reply::Raw("text/plain".into(), vec![b'{'; 10_000_000]);
        let (kind, _) = failed(&call(wire, line, |_| ()).await);
        assert_eq!(kind, FailedKind::TooLarge);
    }
    // With the bound that ships.
    let (kind, partial) = failed(&call(Wire::Openai, Reply::Huge(2_200_000), |_| ()).await);
    assert_eq!(kind, FailedKind::TooLarge);
    assert!((2_000_000..=2 * 1024 * 1024).contains(&partial), "{partial}");
}

#[tokio::test]
async fn garbage_has_a_name() {
    for wire in STREAMED {
        let bytes = call(wire, Reply::InvalidUtf8, |_| ()).await;
        assert_eq!(failed(&bytes).0, FailedKind::InvalidUtf8);
        for body in ["<html>sign in</html>", "Note: sign in", "{\"half\": ", "{\"no\": 1"] {
            let page = Reply::Raw("text/html".into(), body.into());
            assert_eq!(failed(&call(wire, page, |_| ()).await).0, FailedKind::Garbage, "{body}");
        }
    }
}

#[tokio::test]
async fn why_a_model_stopped() {
    for wire in STREAMED {
        let reply = call(wire, Reply::Length("half".into()), |_| ()).await.unwrap();
        assert_eq!((reply.finish, reply.text.as_str()), (Finish::Length, "half"));
        let empty = call(wire, Reply::Length(String::new()), |_| ()).await.unwrap();
        assert_eq!((empty.finish, empty.text.as_str()), (Finish::Length, ""));
        let text = "a\u{fc}\u{1f980} whole".to_owned();
        let reply = call(wire, Reply::Thoughts("hm".into(), text.clone()), |_| ()).await.unwrap();
        assert_eq!((reply.finish, reply.text), (Finish::Stop, text));
    }
    let refused = call(Wire::Openai, Reply::Refusal("I can't".into()), |_| ()).await.unwrap();
    assert_eq!((refused.finish, refused.text.as_str()), (Finish::Refusal, "I can't"));
}

#[tokio::test]
async fn nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cfg = ProviderConfig::new(Wire::Openai, format!("http://127.0.0.1:{port}/v1"));
    let result = providers(cfg).chat(P, &request("m")).await;
    assert_eq!(transient(&result), TransientKind::Unreachable);
    assert!(result.unwrap_err().to_string().contains(&format!("127.0.0.1:{port}")));
}

#[tokio::test]
async fn the_server_dies_in_mid_call() {
    for wire in STREAMED {
        let (stub, providers) = setup(wire, Reply::Stall("some text".into()), |_| ());
        let request = request("m");
        let call = providers.chat(P, &request);
        let die = async {
            stub.wait_in_flight(1).await;
            drop(stub);
        };
        let (result, ()) = tokio::join!(call, die);
        match result {
            Err(ChatError::Failed { kind: FailedKind::Cut, partial_chars: 9, .. }) => {}
            // It may die before the text has left.
            other => assert_eq!(transient(&other), TransientKind::Unreachable),
        }
    }
}

#[tokio::test]
async fn a_dropped_call_hangs_up() {
    for wire in STREAMED {
        let gate = Gate::new();
        let (stub, providers) = setup(wire, Reply::ok("late").held_by(&gate), |_| ());
        let request = request("m");
        {
            let call = providers.chat(P, &request);
            tokio::select! {
                _ = call => panic!("the gate is closed"),
                () = stub.wait_in_flight(1) => {}
            }
        }
        // The server sees it at once, so a local model stops generating.
        stub.wait_in_flight(0).await;
        assert_eq!(stub.stats().broken, 1);
        gate.open();
        assert_eq!(providers.chat(P, &request).await.unwrap().text, "late");
    }
}

#[tokio::test]
async fn one_call_is_one_request() {
    for wire in STREAMED {
        for reply in [Reply::overloaded(), Reply::CutStream("x".into(), 0), Reply::status(500, "")]
        {
            let (stub, providers) = setup(wire, reply, |_| ());
            providers.chat(P, &request("m")).await.unwrap_err();
            assert_eq!(stub.stats().requests, 1);
        }
    }
}

/// A connection is given back when its answer was read to the end, so that not every call finds one.
#[tokio::test]
async fn connections_serve_further_calls() {
    const CALLS: usize = 20;
    for wire in STREAMED {
        let (stub, providers) = setup(wire, Reply::ok("ok"), |_| ());
        for _ in 0..CALLS {
            providers.chat(P, &request("m")).await.unwrap();
        }
        let calls = stub.requests();
        let peers: std::collections::BTreeSet<_> = calls.iter().map(|call| call.peer).collect();
        assert!(peers.len() < CALLS, "{peers:?}");
        assert_eq!(calls.len(), CALLS, "each is sent once");
    }
}

/// llama.cpp closes a connection right after a stream, in spite of its `Keep-Alive`: at most one call fails
/// for that, and no request is sent twice.
#[tokio::test]
async fn a_server_that_closes_kept_connections_fails_one_call_at_most() {
    use std::io::{Read as _, Write as _};
    const ANSWER: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"},\
        \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = served.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut got, mut some) = (Vec::new(), [0; 4096]);
            while !got.ends_with(b"}") {
                match stream.read(&mut some) {
                    Ok(n) if n > 0 => got.extend_from_slice(&some[..n]),
                    _ => break,
                }
            }
            if got.is_empty() {
                continue;
            }
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: keep-alive";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{ANSWER}", ANSWER.len());
        }
    });
    let (_stub, providers) = setup(Wire::Openai, Reply::ok("unused"), |cfg| {
        cfg.base_url.clone_from(&url);
    });
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(providers.chat(P, &request("m")).await.is_err());
    }
    assert!(failed <= 1, "{failed}");
    assert!(served.load(std::sync::atomic::Ordering::SeqCst) <= 20, "no request is sent twice");
}

//! A model that costs nothing: a server that gives each question the same good review after a
//! fixed time. It runs in a process of its own, so that its work is not counted as the fleet's.
#![allow(clippy::disallowed_methods)] // Prints figures of its own.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Characters of one piece of a stream; about what a token or two come to.
const PIECE: usize = 12;
/// The body of a refusal.
const REFUSED: &str = r#"{"error":{"message":"Rate limit reached","type":"rate_limit_error"}}"#;
/// Numbers of a vector.
const DIMENSION: usize = 768;

/// Lines of every file of the benches' repositories, see [`crate::source`].
pub const QUOTES: [&str; 3] =
    ["let trimmed = input.trim();", "if trimmed.is_empty() {", "Some(trimmed.len())"];

/// How a server takes calls.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// What a chat call takes.
    pub chat: Duration,
    /// What a call for vectors takes.
    pub embed: Duration,
    /// Chat calls that it bears at a time; it refuses what is beyond.
    pub bears: u64,
    /// From its first chat call on it refuses all for so long.
    pub away: Duration,
}

impl Shape {
    /// One that takes any number of calls.
    pub fn of(chat: Duration, embed: Duration) -> Self {
        Self { chat, embed, bears: u64::MAX, away: Duration::ZERO }
    }

    fn words(&self) -> [String; 4] {
        let ms = |d: Duration| d.as_millis().to_string();
        [ms(self.chat), ms(self.embed), self.bears.to_string(), ms(self.away)]
    }

    /// From the arguments of a child process.
    ///
    /// # Errors
    /// When they are no numbers, or not four.
    pub fn parse(words: &[String]) -> anyhow::Result<Self> {
        let n = words.iter().map(|w| w.parse()).collect::<Result<Vec<u64>, _>>()?;
        let &[chat, embed, bears, away] = n.as_slice() else {
            anyhow::bail!("stub CHAT_MS EMBED_MS BEARS AWAY_MS");
        };
        let ms = Duration::from_millis;
        Ok(Self { chat: ms(chat), embed: ms(embed), bears, away: ms(away) })
    }
}

/// What was asked so far.
#[derive(Debug, Default)]
struct Counts {
    chat: AtomicU64,
    refused: AtomicU64,
    embed: AtomicU64,
    open: AtomicU64,
    most: AtomicU64,
    held_us: AtomicU64,
    first_us: AtomicU64,
    last_us: AtomicU64,
}

/// What was asked so far, as the server tells it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Chat calls.
    pub chat: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// Embedding calls.
    pub embed: u64,
    /// Chat calls that were open at a time, at most.
    pub most: u64,
    /// Microseconds that the chat calls were open here, in sum.
    pub held_us: u64,
    /// When the first chat call came, microseconds since the epoch.
    pub first_us: u64,
    /// When the last one was answered.
    pub last_us: u64,
}

/// The server as a child process; it ends with this handle.
#[derive(Debug)]
pub struct Stub {
    child: Child,
    ask: ChildStdin,
    told: BufReader<ChildStdout>,
    port: u16,
}

impl Stub {
    /// Starts this very program once more, as `stub` with the words of the shape.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(shape: Shape) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("stub")
            .args(shape.words())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = child.stdin.take().context("no pipe to the stub")?;
        let mut told = BufReader::new(child.stdout.take().context("no pipe from the stub")?);
        let mut line = String::new();
        told.read_line(&mut line)?;
        let port = line.trim().parse().context("the stub did not start")?;
        Ok(Self { child, ask, told, port })
    }

    /// Root of its API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// What it was asked so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn asked(&mut self) -> anyhow::Result<Asked> {
        self.ask.write_all(b"\n")?;
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        let n: Vec<u64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let &[chat, embed, most, held_us, first_us, last_us, refused] = n.as_slice() else {
            anyhow::bail!("the stub said: {line:?}");
        };
        Ok(Asked { chat, refused, embed, most, held_us, first_us, last_us })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until its parent is gone.
///
/// # Errors
/// When there is no port.
pub async fn serve(shape: Shape) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let counts = Arc::new(Counts::default());
    let (port, told) = (listener.local_addr()?.port(), counts.clone());
    std::thread::spawn(move || {
        let _ = tell(port, &told);
        // The parent has closed its end.
        std::process::exit(0);
    });
    let answer = Bytes::from(events(&review()));
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let (counts, answer) = (counts.clone(), answer.clone());
        let service = service_fn(move |request| {
            let (counts, answer) = (counts.clone(), answer.clone());
            async move { Ok::<_, Infallible>(reply(request, &counts, answer, shape).await) }
        });
        // A worker that is killed cuts its connections.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// The port, then a line for each line that comes.
fn tell(port: u16, counts: &Counts) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{port}")?;
    for line in std::io::stdin().lines() {
        line?;
        let c = [&counts.chat, &counts.embed, &counts.most, &counts.held_us];
        let all: Vec<String> = c
            .into_iter()
            .chain([&counts.first_us, &counts.last_us, &counts.refused])
            .map(|n| n.load(Relaxed).to_string())
            .collect();
        writeln!(out, "{}", all.join(" "))?;
    }
    Ok(())
}

async fn reply(
    request: Request<Incoming>,
    counts: &Counts,
    answer: Bytes,
    shape: Shape,
) -> Response<Full<Bytes>> {
    let came = Instant::now();
    let is_chat = request.uri().path().ends_with("/chat/completions");
    if is_chat {
        counts.chat.fetch_add(1, Relaxed);
        let _ = counts.first_us.compare_exchange(0, now_us(), Relaxed, Relaxed);
        let open = counts.open.fetch_add(1, Relaxed) + 1;
        let away_us = u64::try_from(shape.away.as_micros()).unwrap_or(u64::MAX);
        if open > shape.bears || now_us() < counts.first_us.load(Relaxed) + away_us {
            counts.open.fetch_sub(1, Relaxed);
            counts.refused.fetch_add(1, Relaxed);
            let mut response = Response::new(Full::new(REFUSED.into()));
            *response.status_mut() = hyper::StatusCode::TOO_MANY_REQUESTS;
            return response;
        }
        counts.most.fetch_max(open, Relaxed);
    }
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let (kind, text) = if is_chat {
        tokio::time::sleep_until(came + shape.chat).await;
        counts.open.fetch_sub(1, Relaxed);
        counts.last_us.store(now_us(), Relaxed);
        let held = u64::try_from(came.elapsed().as_micros()).unwrap_or(u64::MAX);
        counts.held_us.fetch_add(held, Relaxed);
        ("text/event-stream", answer)
    } else {
        counts.embed.fetch_add(1, Relaxed);
        let asked: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        let text = vectors(&asked).to_string();
        tokio::time::sleep_until(came + shape.embed).await;
        ("application/json", text.into())
    };
    let mut response = Response::new(Full::new(text));
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A vector for each text, the same one for the same text.
fn vectors(asked: &Value) -> Value {
    let texts = asked["input"].as_array().cloned().unwrap_or_default();
    let of = |text: &Value| -> Vec<f64> {
        let bytes = text.as_str().unwrap_or_default().bytes();
        let mut x = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut number = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x % 2001) as f64 / 1000.0 - 1.0
        };
        (0..DIMENSION).map(|_| number()).collect()
    };
    let entry = |(i, text)| json!({"index": i, "embedding": of(text)});
    json!({"data": texts.iter().enumerate().map(entry).collect::<Vec<_>>()})
}

/// A review that the policy `structured` accepts, with quotes that are in every file.
fn review() -> String {
    use std::fmt::Write as _;
    let claims = [
        ("The input has no bound", "refuse input over the documented limit", 75),
        ("Nothing says why there is no answer", "return an error with its cause", 85),
        ("Bytes are taken for characters", "count characters, as the name says", 92),
    ];
    let mut text = "## Score\nAlignment score: 7/10\n\nReview of the file as a whole: it reads \
                    text, trims it, and returns how much of it there is.\n\n## Suggested changes\n"
        .to_owned();
    for (n, ((claim, change, confidence), quote)) in claims.iter().zip(QUOTES).enumerate() {
        let _ = write!(
            text,
            "{}. **{claim}** (Confidence: {confidence}%)\n   - Where: the first function\n   \
             - Quote: `{quote}`\n   - Change: {change}\n",
            n + 1,
        );
    }
    text + "\n## Contradictions\nNone. The file was checked against every passage given.\n"
}

/// The text as a stream of OpenAI's protocol.
fn events(text: &str) -> String {
    let event = |choices: Value, usage: Value| {
        let chunk = json!({"id": "1", "object": "chat.completion.chunk", "created": 0,
            "model": "bench", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let chars: Vec<char> = text.chars().collect();
    let mut all: String = chars
        .chunks(PIECE)
        .map(|piece| {
            let delta = json!({"content": piece.iter().collect::<String>()});
            event(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null)
        })
        .collect();
    all += &event(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null);
    let usage = json!({"prompt_tokens": 600, "completion_tokens": 200, "total_tokens": 800});
    all + &event(json!([]), usage) + "data: [DONE]\n\n"
}

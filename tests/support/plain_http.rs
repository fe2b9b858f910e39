//! A small HTTP server whose answers a test writes down.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Status, content type, body; a status of 0 hangs up without an answer.
pub type Answered = (u16, &'static str, String);

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path: `GET /v1/models`.
    pub line: String,
    /// Headers as they came, with small names.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

/// A running server; it lives as long as the process.
pub struct PlainHttp {
    /// Its base address.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl PlainHttp {
    /// Starts one on a free port of this machine.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (log.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Self { url, asked }
    }

    /// All that was asked so far.
    ///
    /// # Panics
    /// When an answer has panicked.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// One request, and its answer.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answered) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let named = |name: &str| lines.iter().find_map(|l| l.strip_prefix(name));
    let length = named("content-length: ").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    let asked = Asked { line, headers: lines, body };
    let (status, content_type, body) = answer(&asked);
    log.lock().unwrap().push(asked);
    if status == 0 {
        return;
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

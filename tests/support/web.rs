//! A running `scrum-web`, and requests to it as they go over the wire.

use crate::process::{Bench, Process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

const JSON: &str = "Content-Type: application/json\r\n";
/// How a form says that it is one.
pub const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// The server, on a free port of this machine.
pub struct Web {
    /// Its process.
    pub process: Process,
    /// Address and port.
    pub address: String,
}

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body, as it came.
    pub body: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Web {
    /// Starts it with the settings of a bench.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start(bench: &Bench) -> Self {
        Self::with(bench, &[])
    }

    /// The same with arguments.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn with(bench: &Bench, args: &[&str]) -> Self {
        let mut command = bench.command("scrum-web");
        let log = bench.dir.path().join("web.log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.args(["--listen", "127.0.0.1:0"]).args(args).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process: Process(child), address }
    }

    /// A request as a client on this machine sends it.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &format!("Host: {}\r\n", self.address), body)
    }

    /// A `POST` of a value.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &body.to_string())
    }

    /// A page as a browser on this machine asks for it.
    pub fn page(&self, path: &str) -> Answer {
        let address = &self.address;
        self.send("GET", path, &format!("Host: {address}\r\nAccept: text/html\r\n"), "")
    }

    /// A form as a browser on this machine sends it.
    pub fn form(&self, path: &str, fields: &str) -> Answer {
        let address = &self.address;
        let headers = format!(
            "Host: {address}\r\nOrigin: http://{address}\r\nAccept: text/html\r\n{FORM}\r\n"
        );
        self.send("POST", path, &headers, fields)
    }

    /// A request with headers of its own, each ended by `\r\n`.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.send_bytes(method, path, headers, body.as_bytes())
    }

    /// The same with a body of any bytes.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn send_bytes(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let length = body.len();
        let kind = if headers.contains("Content-Type:") { "" } else { JSON };
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n{kind}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a body may hang up before it has it all.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer to {method} {path}: {head}")),
            head: head.to_owned(),
            body: dechunked(head, body),
            json: serde_json::from_str(&dechunked(head, body)).unwrap_or_default(),
        }
    }

    /// Many `POST`s one after the other over one connection, each answered with 200.
    ///
    /// # Panics
    /// When one is answered otherwise.
    pub fn post_all(&self, path: &str, bodies: impl Iterator<Item = String>) {
        let mut stream = BufReader::new(self.connect());
        for body in bodies {
            let (address, length) = (&self.address, body.len());
            let text = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            stream.get_mut().write_all(text.as_bytes()).unwrap();
            let (mut line, mut left) = (String::new(), 0);
            stream.read_line(&mut line).unwrap();
            assert!(line.contains(" 200 "), "{line}");
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    left = n.trim().parse().unwrap();
                }
            }
            stream.read_exact(&mut vec![0; left]).unwrap();
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }
}

/// A body without the marks of its chunks.
fn dechunked(head: &str, body: &str) -> String {
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut out, mut rest) = (String::new(), body);
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = more.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        out.push_str(chunk);
        rest = more[size..].trim_start_matches("\r\n");
    }
    out
}

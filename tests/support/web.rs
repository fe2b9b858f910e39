//! A running `scrum-web`, and requests to it as they go over the wire.

use crate::process::{Bench, Process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

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
        let mut command = bench.command("scrum-web");
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
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
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
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
            body: body.to_owned(),
            json: serde_json::from_str(body).unwrap_or_default(),
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

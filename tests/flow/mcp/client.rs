//! A client of `scrum mcp` that sends what it likes.

use scrum_tests::process::{Bench, Process};
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and the client's end of it.
pub struct Client {
    process: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    last: u64,
}

impl Client {
    /// Starts a server for a repository, and greets it.
    pub fn start(bench: &Bench, repo: &TestRepo, args: &[&str]) -> Self {
        let mut client = Self::silent(bench, repo, args);
        let greeting = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "tester\u{202e}", "version": "1" },
        });
        let greeted = client.ask("initialize", &greeting);
        assert_eq!(greeted["result"]["serverInfo"]["name"], "scrum", "{greeted}");
        client
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        client
    }

    fn silent(bench: &Bench, repo: &TestRepo, args: &[&str]) -> Self {
        let log = bench.dir.path().join("mcp.log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = bench.scrum(&["mcp", repo.path().to_str().unwrap()]);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                // Nothing but the protocol is on stdout: what is no JSON fails the test.
                let line = line.unwrap();
                let value = serde_json::from_str(&line)
                    .unwrap_or_else(|_| json!({ "id": null, "no protocol": line }));
                if send.send(value).is_err() {
                    return;
                }
            }
        });
        Self { process: Process(child), stdin, lines, last: 0 }
    }

    /// Sends a line, whatever it is.
    pub fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// A request, and the answer to it.
    pub fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request.to_string());
        loop {
            let told = self.lines.recv_timeout(PATIENCE).expect("no answer");
            assert_eq!(told["no protocol"], Value::Null, "{told}");
            if told["id"] == id {
                return told;
            }
        }
    }

    /// A call of a tool that works: what it says, as structure. The text says the same.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let told = self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }));
        let result = &told["result"];
        assert_ne!(result["isError"], true, "{tool}: {told}");
        let text: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        text
    }

    /// A call that fails: why, and what to do.
    pub fn refused(&mut self, tool: &str, arguments: &Value) -> String {
        let told = self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }));
        assert_eq!(told["result"]["isError"], true, "{tool}: {told}");
        told["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Closes its end: the server goes.
    pub fn leave(mut self) {
        drop(self.stdin.take());
        assert_eq!(self.process.wait(PATIENCE), 0);
    }
}

//! A real Prometheus that scrapes what a test tells it to, with the rules of `deploy/`.

use crate::cluster::free_port;
use crate::process::Process;
use crate::wait::eventually;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server; killed when dropped.
pub struct Prometheus {
    _process: Process,
    address: String,
    _dir: TempDir,
}

/// Whether its programs are there; says so where they are not.
#[allow(clippy::print_stdout)] // a test says why it does nothing
pub fn is_there() -> bool {
    let there = ["prometheus", "promtool"].iter().all(|program| {
        let mut version = Command::new(program);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    if !there {
        println!(
            "SKIPPED: no prometheus and promtool here; `make setup` installs them (Debian: prometheus)"
        );
    }
    there
}

impl Prometheus {
    /// Scrapes jobs at their addresses several times a second, by the given rules.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(jobs: &[(&str, &str)], rules: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
        let mut config = "global:\n  scrape_interval: 400ms\n  scrape_timeout: 400ms\n  evaluation_interval: 200ms\nrule_files: [rules.yml]\nscrape_configs:\n".to_owned();
        for (job, address) in jobs {
            let _ = writeln!(
                config,
                "  - job_name: {job}\n    static_configs: [{{targets: ['{address}']}}]"
            );
        }
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let process = Process(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        let this = Self { _process: process, address, _dir: dir };
        eventually(Duration::from_secs(60), "prometheus is ready", || {
            get(&this.address, "/-/ready").filter(|body| !body.contains("Unavailable"))
        });
        this
    }

    /// The names of the alerts that fire now.
    pub fn firing(&self) -> BTreeSet<String> {
        let body = get(&self.address, "/api/v1/alerts").unwrap_or_default();
        let json: Value = serde_json::from_str(&body).unwrap_or_default();
        let alerts = json["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|a| a["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until an alert fires.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_firing(&self, alert: &str) {
        eventually(Duration::from_secs(60), &format!("{alert} fires"), || {
            self.firing().contains(alert).then_some(())
        });
    }
}

/// The body of an answer with status 200; HTTP/1.0, so that it comes in one piece.
pub fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200").map(|_| body.to_owned())
}

/// Runs promtool; what it says when it finds fault.
///
/// # Errors
/// What it prints.
///
/// # Panics
/// When it can't be run.
pub fn promtool(args: &[&str], input: &str, dir: &Path) -> Result<(), String> {
    let mut child = Command::new("promtool")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if out.status.success() { Ok(()) } else { Err(said.concat()) }
}

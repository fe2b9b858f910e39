//! A headless Chromium, driven over the `WebDriver` protocol of chromedriver: JSON over HTTP, so that no further crate is
//! needed for it.

use crate::process::Process;
use crate::wait::eventually;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A test that waits longer than this for a page has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "element-6066-11e4-a52e-4f735466cecf";
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
];

/// A browser window.
pub struct Browser {
    _driver: Process,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// Whether a test that needs a browser is to be passed over: only where somebody says so.
pub fn is_left_out() -> bool {
    std::env::var_os("SCRUM_TEST_NO_BROWSER").is_some_and(|value| value == "1")
}

impl Browser {
    /// Opens one, with JavaScript or without.
    ///
    /// # Panics
    /// Where chromium and chromedriver are missing.
    pub fn open(javascript: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: run `make setup` (Debian: chromium, chromium-driver), or set SCRUM_TEST_NO_BROWSER=1");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        let port: u16 = port.expect("chromedriver says its port");
        // It must be able to write what else it has to say.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::Builder::new().prefix("sfb").tempdir().unwrap();
        let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        args.push("--window-size=1200,900".to_owned());
        let scripts = if javascript { 1 } else { 2 };
        let options = json!({
            "args": args,
            "prefs": { "profile.managed_default_content_settings.javascript": scripts },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
        }}});
        let made = ask(port, "POST", "/session", &wanted);
        let session = made["sessionId"].as_str();
        let session = session.unwrap_or_else(|| panic!("no session: {made}")).to_owned();
        Self { _driver: Process(driver), port, session, _profile: profile }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        ask(self.port, method, &format!("/session/{}{path}", self.session), body)
    }

    /// Opens an address and waits until it is loaded.
    pub fn go(&self, url: &str) {
        let done = self.call("POST", "/url", &json!({ "url": url }));
        assert!(done.is_null(), "{url}: {done}");
    }

    /// The address that is shown.
    pub fn url(&self) -> String {
        self.call("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script of the test, whatever pages may.
    pub fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn all(&self, css: &str) -> Vec<String> {
        let found =
            self.call("POST", "/elements", &json!({ "using": "css selector", "value": css }));
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|one| one[KEY].as_str().map(str::to_owned)).collect()
    }

    /// How many elements fit.
    pub fn count(&self, css: &str) -> usize {
        self.all(css).len()
    }

    /// The text of each element that fits, as it is shown.
    pub fn texts(&self, css: &str) -> Vec<String> {
        let text = |id: &String| self.call("GET", &format!("/element/{id}/text"), &Value::Null);
        self.all(css).iter().map(|id| text(id).as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The text of the page.
    pub fn text(&self) -> String {
        self.texts("body").concat()
    }

    fn first(&self, css: &str) -> String {
        eventually(PATIENCE, &format!("{css} is there"), || self.all(css).into_iter().next())
    }

    /// Clicks the first element that fits.
    ///
    /// # Panics
    /// When it can't be clicked.
    pub fn click(&self, css: &str) {
        let id = self.first(css);
        let done = self.call("POST", &format!("/element/{id}/click"), &json!({}));
        assert!(done.is_null(), "{css}: {done}");
    }

    /// Types into the first element that fits.
    ///
    /// # Panics
    /// When nothing can be typed there.
    pub fn fill(&self, css: &str, text: &str) {
        let id = self.first(css);
        let done = self.call("POST", &format!("/element/{id}/value"), &json!({ "text": text }));
        assert!(done.is_null(), "{css}: {done}");
    }

    /// Waits until the page shows a text.
    pub fn wait_text(&self, text: &str) {
        eventually(PATIENCE, &format!("the page shows '{text}'"), || {
            self.text().contains(text).then_some(())
        });
    }

    /// Shows pages in light or dark colours from now on, in a window so many pixels wide.
    pub fn dress(&self, dark: bool, width: u32) {
        let value = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.tell("Emulation.setEmulatedMedia", &media);
        let size =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tell("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Writes a picture of the page, at most so many pixels high.
    ///
    /// # Panics
    /// When there is none.
    pub fn picture(&self, path: &Path, width: u32, most_height: u32) {
        let height =
            self.run("return document.documentElement.scrollHeight").as_u64().unwrap_or(800);
        let clip = json!({
            "x": 0, "y": 0, "width": width, "height": height.min(most_height.into()), "scale": 1,
        });
        let taken = self.tell(
            "Page.captureScreenshot",
            &json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        );
        let base64 = taken["data"].as_str().expect("a picture");
        std::fs::write(path, unbased(base64)).unwrap();
    }

    fn tell(&self, cmd: &str, params: &Value) -> Value {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": cmd, "params": params }))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; a driver that is killed would leave it behind.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.call("DELETE", "", &Value::Null)
        }));
    }
}

/// Asks chromedriver; the `value` of its answer.
fn ask(port: u16, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut stream = BufReader::new(stream);
    let (mut line, mut left) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "chromedriver hung up: {method} {path}");
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            left = n.trim().parse().unwrap();
        }
    }
    let mut bytes = vec![0; left];
    stream.read_exact(&mut bytes).unwrap();
    let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
    answer["value"].take()
}

/// The bytes of a text in base 64.
fn unbased(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        bits = (bits << 6) | u32::from(digit(c));
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    out
}

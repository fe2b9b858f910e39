//! Real toolchains in the sandbox.

use super::sandboxes::{MIB, Place, bubblewrap, has};
use super::*;
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[test]
fn cargo_checks_a_crate_whose_build_script_gets_nowhere() {
    let Some(sandbox) = bubblewrap() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("canary"), "secret").unwrap();
    let in_home = tempfile::NamedTempFile::new_in(std::env::var("HOME").unwrap()).unwrap();
    let f = Fixture::new();
    f.write(
        "Cargo.toml",
        b"[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
    );
    f.write("src/lib.rs", b"include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\npub fn twice(x: u8) -> u8 { x * MADE }\n");
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        r#"use std::fs;
fn main() {{
    let out = std::env::var("OUT_DIR").unwrap();
    fs::write(format!("{{out}}/made.rs"), "const MADE: u8 = 2;").unwrap();
    let dir = "{dir}";
    let got = [
        ("network", std::net::TcpStream::connect(("127.0.0.1", {port})).is_ok()),
        ("environment", std::env::var("CARGO_MANIFEST_DIR").unwrap() != "/src"),
        ("reading", fs::read(format!("{{dir}}/canary")).is_ok()),
        ("writing", fs::write(format!("{{dir}}/new"), "x").is_ok()),
        ("home", fs::metadata("{home}").is_ok()),
        ("secret", std::env::vars().any(|(name, _)| name.starts_with("NEXTEST") || name == "SHELL")),
    ];
    for (what, done) in got {{
        if done {{ println!("cargo::warning=escaped by {{what}}"); }}
    }}
}}
"#,
        dir = outside.path().display(),
        home = in_home.path().display(),
    );
    f.write("build.rs", script.as_bytes());
    f.commit("one");
    let repo = Repo::open(f.path()).unwrap();
    let into = tempfile::tempdir().unwrap();
    let bounds = ExportBounds { bytes: MIB, entries: 100 };
    let tree = repo.export(&repo.resolve("HEAD").unwrap(), into.path(), bounds).unwrap();
    let cache = into.path().join("cache");
    let check = |command| Check {
        command,
        dir: tree.path(),
        cache: &cache,
        read: &[],
        env: &[],
        timeout: Duration::from_secs(300),
        memory_bytes: 4096 * MIB,
        output_bytes: 65536,
    };
    let never = AtomicBool::new(false);
    let ran = sandbox.run(&check("cargo check"), &never).unwrap();
    assert!(ran.is_green(), "{}", ran.output);
    assert!(!ran.output.contains("escaped"), "{}", ran.output);
    assert!(listener.accept().is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    // What it built is kept, and a patch that does not compile is red.
    tree.write("src/lib.rs", b"pub fn twice(x: u8) -> u8 { y }\n").unwrap();
    let red = sandbox.run(&check("cargo check"), &never).unwrap();
    assert!(!red.is_green() && red.output.contains("cannot find value `y`"), "{}", red.output);
    tree.restore("src/lib.rs").unwrap();
    let green = sandbox.run(&check("cargo check"), &never).unwrap();
    assert!(green.is_green(), "{}", green.output);
    assert!(cache.join("target/debug").is_dir() && !tree.path().join("target").exists());
}

#[test]
fn python_and_node_check_their_files() {
    let Some(sandbox) = bubblewrap() else { return };
    let place = Place::new();
    fs::write(
        place.tree().join("good.py"),
        "import json, multiprocessing, ssl\nprint(json.dumps([1]))\n",
    )
    .unwrap();
    fs::write(place.tree().join("bad.py"), "def f(:\n").unwrap();
    fs::write(place.tree().join("good.js"), "console.log(require('os').cpus().length > 0)\n")
        .unwrap();
    fs::write(place.tree().join("bad.js"), "function (\n").unwrap();
    for (program, check, run, good, bad) in [
        ("python3", "python3 -m py_compile", "python3", "good.py", "bad.py"),
        ("node", "node --check", "node", "good.js", "bad.js"),
    ] {
        if !has(program) {
            continue;
        }
        let green = place.run(&sandbox, &format!("{check} {good} && {run} {good}"));
        assert!(green.is_green(), "{green:?}");
        let red = place.run(&sandbox, &format!("{check} {bad}"));
        assert!(!red.is_green() && red.output.contains("SyntaxError"), "{red:?}");
    }
}

//! The test vectors that other languages are held to.
#![allow(clippy::unwrap_used)]

const VECTORS: &str = include_str!("../../../docs/vectors/pathway.json");

#[test]
fn another_language_makes_the_same_bytes() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors");
    let mut python = std::process::Command::new("python3");
    let made =
        python.args(["-B", "pathway.py", "pathway.json"]).current_dir(docs).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(String::from_utf8(made.stdout).unwrap(), VECTORS);
}

//! Names of the files, and whose they are.

use super::*;

#[test]
fn names_of_files() {
    assert_eq!(file::file_name("src/a/b.rs"), "review_src_a_b.rs.json");
    assert_eq!(file::file_name("../../etc/x\n"), "review_.._.._etc_x_.json");
    let turned = file::file_name("a/\u{202e}cod.rs");
    assert!(turned.starts_with("review_a__u{202e}cod.rs_"), "{turned}");
    assert_ne!(turned, file::file_name("a/\u{202e}cod_rs"));
    let long = "ä/".repeat(200);
    assert!(file::file_name(&long).len() <= 255);
    let names = file::file_names(&["a/b_c", "a_b/c", "A_b_c"]);
    assert_eq!(names[0], "review_a_b_c.json");
    let folded: std::collections::BTreeSet<String> =
        names.iter().map(|n| n.to_lowercase()).collect();
    assert_eq!(folded.len(), 3);
}

#[test]
fn a_file_of_a_report_is_known_from_a_persons() {
    let report = sweep("x", "src/a.rs");
    let row = file::render(&report.files[0]).to_string();
    assert!(file::is_report("review_src_a.rs.json", &row));
    let twin = &file::file_names(&["src_a.rs", "src/a.rs"])[1];
    assert!(file::is_report(twin, &row), "{twin}");
    let dead = &report.files[1];
    assert!(file::is_report(&file::file_name(&dead.target.path), &file::render(dead).to_string()));
    assert!(!file::is_report("review_of_mine.json", &row), "another file's name");
    for text in ["", "no JSON", "[]", r#"{"file":"src/a.rs"}"#, r#"{"blob":"b","attempts":[]}"#] {
        assert!(!file::is_report("review_src_a.rs.json", text), "{text}");
    }
}

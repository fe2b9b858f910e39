//! Names of the files, and whose they are.

use super::*;

fn names(paths: &[&str]) -> Vec<String> {
    let mut names = file::Names::default();
    paths.iter().map(|path| names.stem_of(path)).collect()
}

#[test]
fn names_of_files() {
    assert_eq!(
        names(&["src/a/b.rs", "../../etc/x\n"]),
        ["review_src_a_b.rs", "review_.._.._etc_x_"]
    );
    let turned = names(&["a/\u{202e}cod.rs", "a/\u{202e}cod_rs"]);
    assert!(turned[0].starts_with("review_a__u{202e}cod.rs_"), "{turned:?}");
    assert_ne!(turned[0], turned[1]);
    let long = names(&[&"ä/".repeat(200)]).remove(0);
    assert!(long.len() + ".json".len() <= 255, "{long}");
    // In the middle of a character nothing is cut.
    assert!(names(&[&format!("x{}", "ä/".repeat(200))])[0].contains("ä_ä"));
    let (fits, over) = ("x".repeat(243), "x".repeat(244));
    assert_eq!(names(&[&fits])[0], format!("review_{fits}"), "255 bytes with the end");
    assert_eq!(names(&[&over])[0].len(), 7 + 215 + 11);
    let mut taken = file::Names::default();
    assert!(taken.take("A.md") && !taken.take("a.md"));
    assert!(taken.holds("a.MD") && !taken.holds("b.md"));
    let names = names(&["a/b_c", "a_b/c", "A_b_c"]);
    assert_eq!(names[0], "review_a_b_c");
    let folded: std::collections::BTreeSet<String> =
        names.iter().map(|n| n.to_lowercase()).collect();
    assert_eq!(folded.len(), 3);
}

#[test]
fn a_file_of_a_report_is_known_from_a_persons() {
    let report = sweep("x", "src/a.rs");
    let row = file::render(&report.files[0]).to_string();
    assert!(file::is_report("review_src_a.rs.json", &row));
    let twin = format!("{}.json", names(&["src_a.rs", "src/a.rs"])[1]);
    assert!(file::is_report(&twin, &row), "{twin}");
    let dead = file::render(&report.files[1]).to_string();
    assert!(file::is_report("review_src_dead.rs.json", &dead));
    assert!(!file::is_report("review_of_mine.json", &row), "another file's name");
    for text in [
        "",
        "no JSON",
        "[]",
        r#"{"file":"src/a.rs"}"#,
        r#"{"blob":"b","attempts":[]}"#,
        r#"{"file":"src/a.rs","blob":"b"}"#,
        r#"{"file":"src/a.rs","attempts":[]}"#,
    ] {
        assert!(!file::is_report("review_src_a.rs.json", text), "{text}");
    }
    let (_, pages) = markdown(&report);
    assert!(pages.iter().all(|(name, page)| file::is_report(name, page)) && pages.len() == 2);
    assert!(!file::is_report("review_copy.md", &pages[0].1), "a copy of a person's");
    assert!(!file::is_report(&pages[0].0, &format!("Mine\n{}", pages[0].1)));
}

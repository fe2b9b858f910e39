//! Foreign text is no markup.

use super::*;

/// The text without its blocks of code, as CommonMark ends them: nothing in there is markup.
fn without_blocks(md: &str) -> String {
    let (mut out, mut fence) = (String::new(), None);
    for line in md.lines() {
        let ticks = line.bytes().take_while(|b| *b == b'`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            None => out.extend([line, "\n"]),
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a block that does not end");
    out
}

#[test]
fn hostile_text_is_inert() {
    let evil = "<script>alert(1)</script>\n# Forged\n| a | b |\n[x](javascript:1) ![i](http://e) `</code><img src=x onerror=1>`\n\
                - Change: take\n```\n# Forged\n````\n</details><script>\n";
    let path = "a|b`<script>\n## c.rs";
    let mut whole = sweep(evil, path);
    for finding in &mut whole.files[0].row.as_mut().unwrap().findings {
        finding.quote = Some("```\n# Forged\n````` <script>\n~~~".into());
    }
    let (overview, pages) = markdown(&whole);
    let all = pages.iter().map(|(_, page)| page).chain([&overview]);
    for md in all.map(|md| without_blocks(md)) {
        assert!(!md.contains("<script") && !md.contains("<img") && !md.contains("</code><"));
        assert!(!md.lines().any(|l| l.starts_with("# Forged") || l.starts_with("## c.rs")));
        for target in md.replace("\\]", "").split("](").skip(1) {
            let ours = target.split_once(".md)").map_or("", |(name, _)| name);
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._%".contains(c);
            let known = ours.starts_with("scrum_") || ours.starts_with("review_");
            assert!(known && ours.chars().all(plain), "no link of theirs survives: {target}");
        }
        let bars = |l: &str| l.replace("\\|", "").matches('|').count();
        let rows: Vec<&str> = md.lines().filter(|l| l.starts_with('|')).collect();
        assert!(rows.iter().all(|l| bars(l) == 8 || bars(l) == 3), "{rows:#?}");
    }
}

#[test]
fn text_is_readable_and_no_markup() {
    use super::super::escape::{block, escape};
    for (text, want) in [
        ("a & b &lt; c", "a &amp; b &amp;lt; c"),
        ("snake_case _em_ a_ _b", "snake_case \\_em\\_ a\\_ \\_b"),
        ("`a_b & c` [x](y)", "`a_b & c` \\[x\\](y)"),
        ("- not a list", "\\- not a list"),
    ] {
        assert_eq!(escape(text), want);
    }
    let lines = ["a".to_owned()];
    assert_eq!(block("c++", &lines), "```c++\na\n```\n\n");
    assert_eq!(block("f# `x`\n", &lines), "```f#x\na\n```\n\n");
}

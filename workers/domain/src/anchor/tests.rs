use super::*;
use queue_schema::rows::{Confirmed, FindingKind};

fn finding(quote: Option<&str>) -> Finding {
    let quote = quote.map(Into::into);
    Finding { quote, ..Finding::new(FindingKind::Suggestion, "x") }
}

const SOURCE: &str = "use std::fs;\n\nfn domain() {}\n\nfn main() {\n    let x = read( a,  b );\n\n    x.unwrap();\r\n}\n";

fn lines(quote: &str) -> Option<(u32, u32)> {
    let mut f = [finding(Some(quote))];
    anchor(&mut f, "a.rs", SOURCE);
    assert_eq!(f[0].anchored, f[0].line.is_some());
    f[0].line.zip(f[0].end_line)
}

#[test]
fn quotes_are_found() {
    assert_eq!(lines("use std::fs;"), Some((1, 1)));
    assert_eq!(lines("x.unwrap()"), Some((8, 8)));
    assert_eq!(lines("fn main() {\n    let x"), Some((5, 6)));
    assert_eq!(lines("let x = read( a, b );"), Some((6, 6)), "white space normalised");
    assert_eq!(lines("let x = read( a, b );\nx.unwrap();\n}"), Some((6, 9)));
    assert_eq!(lines("\n  x.unwrap();\n"), Some((8, 8)));
}

#[test]
fn names_are_whole_words() {
    assert_eq!(lines("main"), Some((5, 5)), "not inside domain");
    assert_eq!(lines("x.unwrap();\r"), Some((8, 8)));
}

/// A finding with this place, anchored: its first line, or those between which it is undecided.
fn meant(path: &str, source: &str, place: &str, title: &str, quote: &str) -> Vec<u32> {
    let mut found =
        Finding { confidence: Some(95), confirmed: Some(Confirmed::Call), ..finding(Some(quote)) };
    found.place = Some(place.to_owned()).filter(|place| !place.is_empty());
    title.clone_into(&mut found.text);
    let mut all = [found];
    anchor(&mut all, path, source);
    let [found] = all;
    assert!(found.anchored != found.is_ambiguous() || found.ambiguous_lines.is_empty());
    assert_eq!(found.anchored, found.line.is_some());
    assert!(
        !found.is_ambiguous()
            || crate::tier::tier(
                std::slice::from_ref(&found),
                queue_schema::limits::TierLimits::default()
            )
            .tier
                == "block",
        "never raises"
    );
    found.line.map_or(found.ambiguous_lines, |line| vec![line])
}

/// Twenty functions of six lines, the last of which is the same in all.
fn handlers() -> String {
    (1..=20).fold("import x\n\n".to_owned(), |source, n| {
        source
            + &format!("def handler_{n}(m):\n    if m:\n        go({n})\n        return None\n    return m\n\n")
    })
}

#[test]
fn a_quote_that_stands_more_than_once_is_where_the_finding_points() {
    let source = handlers();
    let line = |n: u32| 6 * n;
    let all: Vec<u32> = (1..=20).map(line).collect();
    for (place, title, want) in [
        ("`handler_12` (line 89)", "", vec![line(12)]),
        ("the function handler_15", "", vec![line(15)]),
        ("line 116", "", vec![114]),
        ("line 117", "", vec![114, 120]),
        ("line 114", "", vec![114]),
        ("lines 90-95", "", vec![90]),
        ("L60", "", vec![60]),
        ("a.py:66", "", vec![66]),
        ("第 66 行", "", vec![66]),
        ("dans handler_3, ligne 18", "", vec![18]),
        ("函数handler_15中", "", vec![line(15)]),
        ("between handler_4 and handler_5", "", vec![line(4)]),
        ("between handler_4 and handler_6", "", vec![line(5)]),
        ("between handler_6 and handler_4", "", vec![line(5)]),
        ("between lines 70 and 75", "", vec![72]),
        ("", "`handler_7` returns nothing", vec![line(7)]),
        ("", "**handler_7() returns nothing**", vec![line(7)]),
        ("", "Returns nothing on line 42", vec![42]),
        ("", "x\n- Why: handler_9 must not", vec![line(9)]),
        ("handler_2 and handler_3", "", vec![line(2), line(3)]),
        ("line 9000", "", all.clone()),
        ("handler_99", "", all.clone()),
        ("", "Returns nothing", all.clone()),
        ("the module", "", all),
    ] {
        assert_eq!(meant("a.py", &source, place, title, "return None"), want, "{place} {title}");
    }
    assert_eq!(meant("a.py", &source, "", "", "90: return None"), [90]);
    // From the last line of the one to the first of the other.
    assert_eq!(meant("a.py", &source, "between handler_4 and handler_6", "", "(m):"), [27, 33]);
    let nested = "def outer(x):\n    def inner(y):\n        return None\n    return None\n";
    let two = "def a(x):\n    return None\n\ndef b(x):\n    return None\n";
    let keys = "value = load(one_key)\nvalue = load(one_key_2)\nvalue = load(other_key)\n";
    for (source, place, quote, want) in [
        (two, "`b`", "return None", 5),
        // Right in it, before in something else within it.
        (nested, "`outer`", "return None", 4),
        (nested, "`inner`", "return None", 3),
        // What is named may be no block.
        (keys, "`one_key`", "value = load(", 1),
        (keys, "`one_key_2`", "value = load(", 2),
        (keys, "`other_key`", "value = load(", 3),
    ] {
        assert_eq!(meant("a.py", source, place, "", quote), [want], "{place}");
    }
}

#[test]
fn qualified_names_point_into_their_class() {
    let class = |n: u32| {
        format!("class C{n}:\n    limit = {n}\n\n    def send(self, m):\n        return m.x\n\n")
    };
    let python = (1..=7).fold(String::new(), |s, n| s + &class(n));
    let rust = (1..=7).fold(String::new(), |s, n| {
        s + &format!("impl Send for C{n} {{\n    fn send(&self) {{\n        self.x\n    }}\n}}\n\n")
    });
    let java = (1..=7).fold(String::new(), |s, n| {
        s + &format!("class C{n}\n{{\n  void send(M m)\n  {{\n    m.x();\n  }}\n}}\n")
    });
    for (path, source, quote, place, want) in [
        ("a.py", &python, "return m.x", "C5.send, line 39", 29),
        ("a.py", &python, "return m.x", "class C6", 35),
        ("a.py", &python, "return m.x", "C3::send", 17),
        ("a.py", &python, "return m.x", "method send of C4", 23),
        ("a.py", &python, "def send(self, m):", "`C2`", 10),
        ("a.rs", &rust, "self.x", "C3::send", 15),
        ("a.rs", &rust, "fn send(&self) {", "<C7 as Send>::send", 38),
        ("A.java", &java, "m.x();", "C4#send", 26),
        ("A.java", &java, "m.x();", "send() in C2", 12),
    ] {
        assert_eq!(meant(path, source, place, "", quote), [want], "{path} {place}");
    }
    let every: Vec<u32> = (0..7).map(|n| 5 + 6 * n).collect();
    assert_eq!(meant("a.py", &python, "send", "", "return m.x"), every);
}

#[test]
fn whole_lines_of_code_come_before_parts_comments_and_strings() {
    let python =
        "def f():\n    \"\"\"pass the ball\n    pass\n    \"\"\"\n    x = 'pass'\n    pass\n";
    let rust = "// save(a);\nfn f() {\n    let b = save(a);\n    log(\"save\");\n    save(a);\n}\n";
    let script = "/*\n * xx = 11\n */\nif (y) xx = 11\nz('xx = 11')\n";
    for (path, source, quote, place, want) in [
        ("a.py", python, "pass", "", 6),
        ("a.py", python, "pass", "`f`", 6),
        ("a.py", python, "pass", "the docstring", 3),
        ("a.py", python, "pass", "line 3", 3),
        ("a.rs", rust, "save(a);", "", 5),
        ("a.rs", rust, "save(a)", "", 5),
        ("a.rs", rust, "save(a);", "the comment above f", 1),
        ("a.rs", rust, "save(a)", "line 3", 3),
        ("a.js", script, "xx = 11", "", 4),
        // Twice in a line is one place, and code where either is.
        ("a.rs", "go(save(a), save(a));\n// save(a)\n", "save(a)", "", 1),
        ("a.rs", "go(\"save(a)\", save(a));\n// save(a)\n", "save(a)", "", 1),
        ("a.rs", "let x = load(a1) + load(a1);\n", "load(a1)", "", 1),
    ] {
        assert_eq!(meant(path, source, place, "", quote), [want], "{path} {quote} {place}");
    }
}

#[test]
fn quotes_of_any_form_are_found() {
    for quote in [
        "8: x.unwrap();",
        "8 | x.unwrap();",
        "+ x.unwrap();",
        "- x.unwrap();",
        "> x.unwrap();",
        "- Where: x.unwrap();",
        "Quote: `x.unwrap();`",
        "```rust\n    x.unwrap();\n```",
        "“x.unwrap();”",
        "x.unwrap(); (line 8)",
        "x.unwrap();\u{200b}",
    ] {
        assert_eq!(lines(quote), Some((8, 8)), "{quote}");
    }
    for quote in [
        "fn main() { let x = read( a, b );",
        "5: fn main() {\n6:     let x = read( a,  b );",
        "fn main() {\\n    let x = read( a, b );",
        "fn main() { ... read( a, b );",
        "fn main() {\n    // ...\n    let x = read( a, b );",
        "+ fn main() {\n+    let x = read( a, b );",
        "fn main() {…, b );",
    ] {
        assert_eq!(lines(quote), Some((5, 6)), "{quote}");
    }
    assert_eq!(lines("- fn main() {\n+ fn main() -> u8 {"), Some((5, 5)), "the old line");
    assert_eq!(lines("fn main() { ... y.unwrap()"), None);
    assert_eq!(lines("x.unwrap(); ... a, b );"), None, "order matters");
    assert_eq!(lines("main…"), Some((5, 5)), "not inside domain");
    let mut f = [finding(Some("8: x.unwrap();"))];
    anchor(&mut f, "a.rs", SOURCE);
    assert_eq!(f[0].quote.as_deref(), Some("x.unwrap();"), "what stands in the file");
}

#[test]
fn lines_are_counted_as_editors_do() {
    for end in ["\n", "\r\n", "\r"] {
        let source = ["aa = 11", "", "bb = 22", "bb = 33", "cc = 44"].join(end);
        assert_eq!(meant("a.py", &source, "", "", "bb = 33"), [4], "{end:?}");
        assert_eq!(meant("a.py", &source, "", "", "bb = 22\nbb = 33"), [3], "{end:?}");
        assert_eq!(meant("a.py", &source, "", "", "cc = 44"), [5], "{end:?}");
    }
    assert_eq!(
        meant("a.py", "aa = 11\rbb = 22\r\nc = 3\ndd = 44", "", "", "dd = 44"),
        [4],
        "mixed"
    );
}

#[test]
fn many_places_and_names_take_no_square_of_time() {
    let source = "def f():\n    return None\n".repeat(20_000);
    let names = "f ".repeat(500);
    let found = meant("a.py", &source, &names, &names, "return None");
    assert_eq!(found.len(), MOST_PLACES);
    assert!(meant("a.py", &"(".repeat(200_000), "f", "", "(((((").len() <= MOST_PLACES);
    assert!(meant("a.rs", &"fn f() {".repeat(50_000), "f", "", "fn f() {").len() <= MOST_PLACES);
}

#[test]
fn what_is_not_there_is_not_anchored() {
    assert_eq!(lines("x.expect()"), None);
    assert_eq!(lines("x.u"), None, "too short");
    assert_eq!(lines("}"), None);
    assert_eq!(lines(""), None);
    assert_eq!(lines("x.unwrap();\nlet x"), None, "order matters");
    let mut f = [Finding { anchored: true, ..finding(None) }];
    anchor(&mut f, "a.rs", SOURCE);
    assert!(!f[0].anchored, "no quote, no anchor");
}

#[test]
fn a_quote_with_a_mask_is_found_where_the_secret_stands() {
    let source = "fn a() {}\n\nlet password = \"Vt7kk#Qpw2xZ\";\nlet b = 1;\n";
    let place = |quote: &str| {
        let mut f = [finding(Some(quote))];
        anchor(&mut f, "a.rs", source);
        f[0].line.zip(f[0].end_line)
    };
    assert_eq!(place("let password = \"[masked:secret]\";"), Some((3, 3)));
    assert_eq!(place("password = \"[masked:secret]\";\nlet b = 1;"), Some((3, 4)));
    assert_eq!(place("let token = \"[masked:secret]\";"), None);
    assert_eq!(place("let password = \"[masked:jwt]\";"), None, "another kind");
    assert_eq!(place("let b = [masked:secret];"), None, "nothing was masked there");
    let both = ["let password = \"[masked:secret]\";", "secret]\";"];
    let mut both = both.map(|quote| finding(Some(quote)));
    anchor(&mut both, "a.rs", source);
    assert_eq!(both.map(|f| f.anchored), [true, false], "part of a mask is no line");
    assert_eq!(place("let password = \"Vt7kk#Qpw2xZ\";"), Some((3, 3)), "a local model");
}

#[test]
fn a_part_behind_an_ellipsis_is_near_the_one_before() {
    let found = |filler: String| {
        let mut f = [finding(Some("start(1); ... finish(2);"))];
        anchor(&mut f, "a.txt", &format!("start(1);\n{filler}\nfinish(2);\n"));
        f[0].line.zip(f[0].end_line)
    };
    assert_eq!(found("x".repeat(7_998)), Some((1, 3)));
    assert_eq!(found("x".repeat(7_999)), None);
    assert_eq!(found("é".repeat(5_000)), None, "whatever character the bound falls into");
}

#[test]
fn other_forms_of_a_quote_are_looked_for_only_as_far_as_the_bound_goes() {
    let text = with_line_feeds(SOURCE);
    for (searches, quote, found) in [
        (0, "x.unwrap();", true),
        (0, "8: x.unwrap();", false),
        (1, "8: x.unwrap();", true),
        (0, "fn main() {…, b );", false),
        (1, "fn main() {…, b );", true),
    ] {
        let file = File::new("a.rs", &text);
        let left = Cell::new(searches * file.len());
        let symbols = LazyCell::new(|| Symbols::new("a.rs", &text));
        let search = Search { file, shown: None, symbols, left };
        assert_eq!(!search.find(quote).1.is_empty(), found, "{searches}: {quote}");
    }
    assert_eq!(File::new("a.rs", "ab\n\ncd").len(), 5);
}

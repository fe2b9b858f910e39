//! Lines of a file that say that something is not done, counted over whole sources: the measure by which
//! a person sees whether a loop of reviews and changes gets anywhere.
//!
//! Code is looked at without comments and without the insides of strings; comments only for words that
//! are used there, not quoted; lines, not words, are counted. What only pretends or hides counts outside
//! tests alone: a test may have its mocks. These are no findings: their author has written them down.

use super::lex::{Line, is_data, is_prose};
use super::scan::{Scan, has_word};
use crate::text::is_ident;
use queue_schema::rows::metrics::Markers;

/// Counts the markers of a file.
pub fn markers(path: &str, source: &str) -> Markers {
    count(&Scan::new(path, source))
}

pub(super) fn count(scan: &Scan<'_>) -> Markers {
    let lines = |test: &dyn Fn(&Line<'_>) -> bool| {
        i64::try_from(scan.lines.iter().filter(|l| test(l)).count()).unwrap_or(i64::MAX)
    };
    let code = !is_prose(scan.language) && !is_data(scan.language);
    let product = |l: &Line<'_>| code && !l.test;
    let open = |l: &Line<'_>| scan.language != "JSON" && marker(&l.comment);
    Markers {
        todo: lines(&|l| open(l) || (product(l) && unfinished(scan.language, &l.code))),
        placeholder: lines(&|l| product(l) && pretends(scan.language, l)),
        dead_code: lines(&|l| {
            product(l) && scan.language == "Rust" && l.code.contains("allow(dead_code")
        }),
    }
}

fn unfinished(language: &str, code: &str) -> bool {
    match language {
        "Rust" => has_word(code, "todo!") || has_word(code, "unimplemented!"),
        "Python" => code.contains("raise NotImplementedError"),
        "C#" => code.contains("new NotImplementedException"),
        "Kotlin" => has_word(code, "TODO("),
        _ => false,
    }
}

fn marker(comment: &str) -> bool {
    ["TODO", "FIXME", "XXX", "HACK"].iter().any(|word| {
        comment.match_indices(word).any(|(at, _)| {
            let (before, after) = (&comment[..at], &comment[at + word.len()..]);
            // Quoted, or in a list of such words, it is spoken about, not used.
            let quote = |c: char| is_ident(c) || matches!(c, '`' | '"' | '\'' | '|');
            let in_list = before.strip_suffix('/').is_some_and(|b| b.ends_with(is_ident))
                || after.starts_with(['/', ','])
                || after.trim_start().starts_with("marker");
            !before.ends_with(quote) && !after.starts_with(quote) && !in_list
        })
    })
}

/// Whether a line may have one of the words that stand in for something: most have none, and taking a line apart into
/// words takes long.
fn hints_at_one(line: &str) -> bool {
    let begins = |four: &[u8]| {
        [&b"plac"[..], b"stub", b"mock", b"fake"].iter().any(|w| four.eq_ignore_ascii_case(w))
    };
    !line.is_ascii() || line.as_bytes().windows(4).any(begins)
}

fn pretends(language: &str, line: &Line<'_>) -> bool {
    // In markup, `placeholder` is the text of an empty field.
    let markup = matches!(
        language,
        "HTML" | "CSS" | "JavaScript" | "TypeScript" | "Vue" | "Svelte" | "Dart" | "SQL"
    );
    let stands_in = |word: &str| match word {
        "placeholder" | "placeholders" => !markup,
        "stub" | "stubs" | "stubbed" | "mock" | "mocks" | "mocked" | "fake" | "faked" => true,
        _ => false,
    };
    if !hints_at_one(&line.comment) && !hints_at_one(&line.code) {
        return false;
    }
    let quoted = line.comment.contains('`') || line.comment.contains('"');
    let in_comment = !quoted && crate::retrieve::terms(&line.comment).iter().any(|w| stands_in(w));
    in_comment || crate::retrieve::terms(&line.code).iter().any(|w| stands_in(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, source: &str) -> (i64, i64, i64) {
        let m = markers(path, source);
        (m.todo, m.placeholder, m.dead_code)
    }

    #[test]
    fn each_kind_of_marker_counts_once_a_line() {
        let source = "#[allow(dead_code)]\nstruct FakeClient;\n\
            fn a() { todo!() } // TODO: write it\nfn b() { unimplemented!() }\n\
            // FIXME: this is a stub\n";
        assert_eq!(count("src/a.rs", source), (3, 2, 1));
        assert_eq!(count("src/a.rs", "fn a() {}\n"), (0, 0, 0));
        assert_eq!(count("src/a.rs", ""), (0, 0, 0));
    }

    #[test]
    fn strings_quotations_and_tests_do_not_count() {
        let spoken = "let a = \"todo!() FIXME mock\";\n// counts `TODO` and `mock`\n";
        assert_eq!(count("src/a.rs", spoken), (0, 0, 0));
        let test =
            "#[cfg(test)]\nmod tests {\n    #[allow(dead_code)]\n    struct MockClient;\n}\n";
        assert_eq!(count("src/a.rs", test), (0, 0, 0));
        // Open work is open work, in tests too.
        assert_eq!(count("tests/a.rs", "// TODO: more cases\nstruct Fake;\n"), (1, 0, 0));
    }

    #[test]
    fn other_languages_have_their_own_forms() {
        assert_eq!(count("a.py", "def f():\n    raise NotImplementedError  # FIXME\n"), (1, 0, 0));
        assert_eq!(count("a.go", "// a placeholder\nvar x = 1\n"), (0, 1, 0));
        assert_eq!(count("a.json", "{\"note\": \"TODO mock\"}\n"), (0, 0, 0));
        for (path, source, want) in [
            ("a.py", "raise NotImplementedError\n", 1),
            ("a.cs", "throw new NotImplementedException();\n", 1),
            ("a.kt", "fun f(): Int = TODO(\"write it\")\n", 1),
            ("a.js", "TODO(1)\n", 0),
            ("a.yml", "mock: 1  # TODO: more\n", 1),
            ("a.js", "// TODO/FIXME are counted\n", 0),
            ("a.js", "// NOTE/TODO are not\n", 0),
            ("a.js", "// lines with TODO, and others\n", 0),
            ("a.js", "// TODO markers are counted\n", 0),
            ("a.js", "// size XXXL\n", 0),
            ("a.js", "// \"TODO begins a note\n", 0),
        ] {
            assert_eq!(count(path, source), (want, 0, 0), "{source}");
        }
        assert_eq!(count("notes.md", "- TODO later\n- a mock\n"), (1, 0, 0));
    }
}

//! Lines of a file that say that something is not done, counted over whole sources: the measure by which
//! a person sees whether a loop of reviews and changes gets anywhere.
//!
//! The rules are those of the built-in checks. Code is looked at without comments and without the insides
//! of strings; comments only for words that are used there, not quoted; lines, not words, are counted.
//! What only pretends or hides counts outside tests alone: a test may have its mocks.

use super::catalogue::Check;
use super::checks::Scan;
use queue_schema::rows::metrics::Markers;
use std::collections::BTreeSet;

/// Counts the markers of a file.
pub fn markers(path: &str, source: &str) -> Markers {
    let scan = Scan::new(path, source);
    let lines = |checks: &[Check]| {
        let all: BTreeSet<usize> = checks
            .iter()
            .filter(|check| check.applies(scan.language))
            .filter_map(|check| scan.run(*check))
            .flat_map(|hit| hit.lines)
            .collect();
        i64::try_from(all.len()).unwrap_or(i64::MAX)
    };
    Markers {
        todo: lines(&[Check::Unfinished, Check::Marker]),
        placeholder: lines(&[Check::Pretends]),
        dead_code: lines(&[Check::DeadCode]),
    }
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
        assert_eq!(count("notes.md", "- TODO later\n- a mock\n"), (1, 0, 0));
    }
}

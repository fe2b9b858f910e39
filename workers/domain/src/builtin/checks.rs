//! The checks: each finds lines, and says in a person's words what they mean.

use super::catalogue::Check;
use super::functions::{Function, functions};
use super::lex::{self, Line, is_data, is_prose};
use crate::target::language;
use crate::text::{clip, counted, is_ident};

/// Functions over this many lines are reported.
const LONG_FUNCTION: usize = 80;
/// Lines over this many characters are reported.
const LONG_LINE: usize = 200;

/// All that one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) check: Check,
    pub(super) what: String,
    /// Lines, from 1.
    pub(super) lines: Vec<usize>,
    /// The first of them, verbatim.
    pub(super) quote: String,
    /// The function around it.
    pub(super) function: Option<String>,
    pub(super) confidence: u8,
    pub(super) change: &'static str,
    pub(super) why: &'static str,
}

/// A file, read once for all checks.
pub(super) struct Scan<'a> {
    pub(super) language: &'static str,
    pub(super) lines: Vec<Line<'a>>,
    pub(super) functions: Vec<Function>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(path: &str, source: &'a str) -> Self {
        let language = language(path);
        let lines = lex::lines(path, source);
        let functions = functions(language, &lines);
        Self { language, lines, functions }
    }

    /// The innermost function around a line (from 0).
    fn around(&self, line: usize) -> Option<String> {
        let inside = self.functions.iter().filter(|f| f.first <= line && line <= f.last);
        inside.min_by_key(|f| f.len()).map(|f| f.name.clone())
    }

    /// Runs one check.
    pub(super) fn run(&self, check: Check) -> Option<Hit> {
        let hits: Vec<usize> = match check {
            Check::LongFunction => {
                let mut long: Vec<&Function> =
                    self.functions.iter().filter(|f| !f.test && f.len() > LONG_FUNCTION).collect();
                long.sort_by_key(|f| (std::cmp::Reverse(f.len()), f.first));
                long.iter().map(|f| f.first).collect()
            }
            _ => (0..self.lines.len()).filter(|i| self.fires(check, *i)).collect(),
        };
        let first = *hits.first()?;
        Some(Hit {
            check,
            what: self.describe(check, &hits),
            quote: quotable(self.lines[first].raw),
            function: self.around(first),
            lines: hits.iter().map(|i| i + 1).collect(),
            confidence: check.confidence(),
            change: check.change(),
            why: check.why(),
        })
    }

    fn fires(&self, check: Check, i: usize) -> bool {
        let line = &self.lines[i];
        let code = line.code.as_str();
        let product = !line.test && !is_data(self.language);
        match check {
            Check::Unfinished => product && unfinished(self.language, code),
            Check::Swallowed => product && swallowed(self.language, &self.lines, i),
            Check::Panics => product && self.language == "Rust" && panics(code),
            Check::Pretends => product && !is_prose(self.language) && pretends(self.language, line),
            Check::Marker => marker(&line.comment),
            Check::Ignored => product && ignored(self.language, code),
            Check::DeadCode => {
                product && self.language == "Rust" && code.contains("allow(dead_code")
            }
            Check::LongLine => {
                product && !is_prose(self.language) && line.raw.chars().nth(LONG_LINE).is_some()
            }
            Check::LongFunction => false,
        }
    }

    fn describe(&self, check: Check, hits: &[usize]) -> String {
        let n = hits.len();
        match check {
            Check::Unfinished => {
                format!("{} not written yet", counted(n, "place is", "places are"))
            }
            Check::Swallowed => format!(
                "{} an error and drops it",
                counted(n, "place catches", "places each catch")
            ),
            Check::Panics => format!("{} can panic outside tests", counted(n, "call", "calls")),
            Check::Pretends => {
                format!("{} of a stand-in outside tests", counted(n, "line speaks", "lines speak"))
            }
            Check::Marker => {
                format!("{} work as open", counted(n, "comment marks", "comments mark"))
            }
            Check::Ignored => format!("{} thrown away", counted(n, "result is", "results are")),
            Check::DeadCode => {
                format!("Unused code is allowed in {}", counted(n, "place", "places"))
            }
            Check::LongFunction => {
                let longest = self.functions.iter().filter(|f| !f.test).max_by_key(|f| f.len());
                let longest = longest.map_or(0, Function::len);
                match n {
                    1 => format!("A function is {longest} lines long"),
                    _ => format!(
                        "{n} functions are over {LONG_FUNCTION} lines, the longest {longest}"
                    ),
                }
            }
            Check::LongLine => {
                format!("{} over {LONG_LINE} characters", counted(n, "line is", "lines are"))
            }
        }
    }
}

/// The line without its indentation; of a very long one the start, up to a word's end, so that
/// it can be found in the file again.
pub(super) fn quotable(raw: &str) -> String {
    let line = raw.trim();
    let cut = clip(line, 160);
    if cut.len() == line.len() {
        return line.to_owned();
    }
    let whole = cut.trim_end_matches(is_ident).trim_end();
    if whole.is_empty() { cut.to_owned() } else { whole.to_owned() }
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

fn panics(code: &str) -> bool {
    // A poisoned lock means that another thread has panicked already; unwrapping it is custom.
    let code = code.replace(".lock().unwrap()", "").replace(".lock().expect(", "");
    code.contains(".unwrap()") || code.contains(".expect(\"") || has_word(&code, "panic!")
}

fn swallowed(language: &str, lines: &[Line<'_>], i: usize) -> bool {
    let code = lines[i].code.trim();
    let next = lines[i + 1..].iter().find(|l| !l.raw.trim().is_empty());
    match language {
        "Python" => {
            let Some(rest) = code.strip_prefix("except") else { return false };
            let Some((what, body)) = rest.split_once(':') else { return false };
            let broad = matches!(what.trim(), "" | "Exception" | "BaseException");
            let passes = if body.trim().is_empty() {
                next.is_some_and(|l| l.code.trim() == "pass")
            } else {
                body.trim() == "pass"
            };
            what.trim().is_empty() || (broad && passes)
        }
        "JavaScript" | "TypeScript" | "Java" | "C#" | "Kotlin" | "PHP" | "Swift" | "Vue"
        | "Svelte" => {
            if code.contains(".catch(() => {})") {
                return true;
            }
            let Some(at) = word_at(code, "catch") else { return false };
            let Some((_, body)) = code[at..].split_once('{') else { return false };
            let body = body.trim();
            // A comment in the block says that it is meant.
            let silent = lines[i].comment.trim().is_empty();
            silent
                && (body.starts_with('}')
                    || (body.is_empty() && next.is_some_and(|l| l.raw.trim().starts_with('}'))))
        }
        _ => false,
    }
}

fn ignored(language: &str, code: &str) -> bool {
    let code = code.trim_start();
    match language {
        "Rust" => code.strip_prefix("let _ = ").is_some_and(|what| {
            // Writing to a string can't fail, and a send fails only when nobody listens.
            let harmless = what.starts_with("write!") || what.starts_with("writeln!");
            what.contains('(') && !harmless && !what.contains(".send(")
        }),
        "Go" => code
            .strip_prefix("_ = ")
            .is_some_and(|what| what.contains('(') || what.trim_end() == "err"),
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
    let quoted = line.comment.contains('`') || line.comment.contains('"');
    let in_comment = !quoted && crate::retrieve::terms(&line.comment).iter().any(|w| stands_in(w));
    in_comment || crate::retrieve::terms(&line.code).iter().any(|w| stands_in(w))
}

fn has_word(code: &str, word: &str) -> bool {
    word_at(code, word).is_some()
}

fn word_at(code: &str, word: &str) -> Option<usize> {
    code.match_indices(word).map(|(at, _)| at).find(|at| {
        let after = code[at + word.len()..].chars().next();
        !code[..*at].ends_with(is_ident)
            && (word.ends_with(['!', '(']) || !after.is_some_and(is_ident))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, source: &str, check: Check) -> Vec<usize> {
        Scan::new(path, source).run(check).map(|h| h.lines).unwrap_or_default()
    }

    #[test]
    fn rust_checks_fire_on_code_only() {
        let src = "fn a() { todo!() }\n// todo!() is a macro\nlet s = \"todo!()\";\nfn b() { x.unwrap(); }\n#[cfg(test)]\nmod tests { fn c() { x.unwrap(); } }\n";
        assert_eq!(at("src/a.rs", src, Check::Unfinished), [1]);
        assert_eq!(at("src/a.rs", src, Check::Panics), [4]);
        assert!(at("tests/a.rs", src, Check::Panics).is_empty());
        let ok = "x.unwrap_or(1); m.lock().unwrap(); parser.expect(token); let s = \".unwrap()\";";
        assert!(at("src/a.rs", ok, Check::Panics).is_empty());
        assert_eq!(at("src/a.rs", "a.expect(\"why\");", Check::Panics), [1]);
        assert_eq!(at("src/a.rs", "#[allow(dead_code)]\nfn x() {}", Check::DeadCode), [1]);
    }

    #[test]
    fn markers_are_words_in_comments() {
        assert_eq!(
            at("a.rs", "// TODO: x\n// todo list\nlet TODO = 1;\n//FIXME", Check::Marker),
            [1, 4]
        );
        let spoken = "// counts TODO/FIXME and `HACK`\n// TODO markers are listed\n// XXXL";
        assert!(at("a.rs", spoken, Check::Marker).is_empty());
        assert_eq!(at("a.md", "- HACK around it", Check::Marker), [1]);
    }

    #[test]
    fn stand_ins() {
        let src =
            "struct FakeClient;\n// returns a placeholder\nlet stubborn = 1;\nlet s = \"mock\";";
        assert_eq!(at("src/a.rs", src, Check::Pretends), [1, 2]);
        assert!(at("a.ts", "input.placeholder = 1", Check::Pretends).is_empty());
        assert!(at("tests/a.rs", src, Check::Pretends).is_empty());
        assert!(at("README.md", "use a mock", Check::Pretends).is_empty());
    }

    #[test]
    fn swallowed_errors() {
        let py = "try:\n    x()\nexcept Exception:\n    pass\nexcept ValueError:\n    pass\nexcept: pass\n";
        assert_eq!(at("a.py", py, Check::Swallowed), [3, 7]);
        let js = "try { a() } catch (e) {}\ntry { b() } catch (e) {\n}\ntry { c() } catch (e) { log(e) }\ntry {} catch { // meant\n}\np.catch(() => {});";
        assert_eq!(at("a.js", js, Check::Swallowed), [1, 2, 7]);
    }

    #[test]
    fn thrown_away_results() {
        let rs =
            "let _ = fs::remove(p);\nlet _ = write!(s, \"x\");\nlet _ = x;\nlet _ = tx.send(1);";
        assert_eq!(at("src/a.rs", rs, Check::Ignored), [1]);
        assert_eq!(at("a.go", "\t_ = err\n\t_ = f.Close()\n\t_ = x\n", Check::Ignored), [1, 2]);
    }

    #[test]
    fn long_things_have_their_edges() {
        let body = |n: usize| format!("fn f() {{\n{}}}\n", "    a();\n".repeat(n));
        assert!(at("a.rs", &body(78), Check::LongFunction).is_empty());
        assert_eq!(at("a.rs", &body(79), Check::LongFunction), [1]);
        assert!(at("a.rs", &"x".repeat(200), Check::LongLine).is_empty());
        assert_eq!(at("a.rs", &"x".repeat(201), Check::LongLine), [1]);
        assert!(at("a.md", &"x".repeat(201), Check::LongLine).is_empty());
        assert!(at("a.json", &"x".repeat(201), Check::LongLine).is_empty());
    }

    #[test]
    fn hits_are_grouped_with_their_place() {
        let src = "fn load() {\n    a.unwrap();\n    b.unwrap();\n}\n";
        let hit = Scan::new("src/a.rs", src).run(Check::Panics).unwrap();
        assert_eq!(hit.lines, [2, 3]);
        assert_eq!(hit.quote, "a.unwrap();");
        assert_eq!(hit.function.as_deref(), Some("load"));
        assert_eq!(hit.what, "2 calls can panic outside tests");
    }
}

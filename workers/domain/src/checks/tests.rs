use super::*;
use queue_schema::rows::{FindingKind, Severity};

const SOURCE: &str = r#"import os
from util import helper

# Keeps the lines of a file.
class Store:
    """Holds lines."""

    def push(self, line):
        # never drops one
        if len(self.lines) > self.limit:
            self.lines.append(line)

    def save_all(self, path):
        f = open(path)
        f.write(self.text)
        return helper(os.path.join(path, "x"))

    def lonely_helper(self):
        return 1

store = Store()
store.push("a")
"#;

fn seen<'a>() -> Seen<'a> {
    Seen {
        beside: &[],
        path: "store.py",
        source: SOURCE,
        documents: false,
        verdict: None,
        elsewhere: Seen::NOWHERE,
    }
}

fn claim(text: &str) -> Finding {
    Finding { text: text.to_owned(), ..Finding::default() }
}

/// The checks that the last of some findings fails.
fn failed(mut findings: Vec<Finding>, seen: &Seen<'_>) -> Vec<String> {
    let last = findings.last().unwrap().clone();
    crate::anchor::anchor(&mut findings, seen.path, seen.source);
    run(&mut findings, seen);
    // The very last of equal ones.
    let same = |f: &&Finding| f.text == last.text && f.quote == last.quote && f.kind == last.kind;
    findings.iter().rfind(same).unwrap().checks.clone()
}

/// Each finding fails just the check, or none.
fn each(check: &str, fails: Vec<Finding>, passes: Vec<Finding>) {
    for finding in fails {
        assert_eq!(failed(vec![finding.clone()], &seen()), [check], "{finding:?}");
    }
    for finding in passes {
        assert_eq!(failed(vec![finding.clone()], &seen()), [""; 0], "{check}: {finding:?}");
    }
}

#[test]
fn changes_are_held_against_the_quote_and_the_file() {
    let change = |quote: &str, change: &str| Finding {
        quote: Some(quote.into()),
        change: Some(change.into()),
        ..claim("`push` drops the line when the store is full")
    };
    let quote = "if len(self.lines) > self.limit:";
    each(
        "no_change",
        vec![
            change(quote, "`if len(self.lines) > self.limit:`"),
            change(quote, "if len(self.lines)  >  self.limit:"),
            change(quote, "```python\nif len(self.lines) > self.limit:\n```"),
            change(quote, "Use `if len(self.lines) > self.limit:`."),
            change(quote, "```\nif len(self.lines) > self.limit:\n```\nkeep it"),
        ],
        vec![
            change(quote, "`if len(self.lines) >= self.limit:`"),
            change(quote, "Remove `if len(self.lines) > self.limit:`"),
            change(quote, "Replace `if len(self.lines) > self.limit:` with `if self.room():`"),
            Finding { change: None, ..change(quote, "") },
        ],
    );
    each(
        "nothing_to_replace",
        vec![
            change(quote, "Replace `if len(self.rows) > self.limit:` with `if self.room():`"),
            change(quote, "change `self.limits` to `self.limit`"),
            change(quote, "Remove the `eval(line)` call"),
        ],
        vec![
            change(quote, "Replace `self.lines.append(line)` with `self.add(line)`"),
            change(quote, "Replace `self.limit` by a constant"),
            change(quote, "Replace the check by one of `self.room()`"),
            change(quote, "Change `push()` to return the line"),
            change(quote, "Replace `[masked:secret]` by a setting"),
            change(quote, "Replace `if len(...) > 5:` by `if self.room():`"),
            change(quote, "Replace `if len(…) > 5:` by `if self.room():`"),
        ],
    );
}

#[test]
fn quotes_are_code_of_few_lines_and_not_shared() {
    let quote =
        |quote: &str| Finding { quote: Some(quote.into()), ..claim("`push` drops the line") };
    each(
        "comment_only",
        vec![
            quote("# never drops one"),
            quote("# Keeps the lines of a file."),
            quote("\"\"\"Holds lines.\"\"\""),
        ],
        vec![
            quote("self.lines.append(line)"),
            quote("# never drops one\nif len(self.lines) > self.limit:"),
            quote("# not in the file at all"),
        ],
    );
    let lines = |n: usize| SOURCE.lines().skip(7).take(n).collect::<Vec<_>>().join("\n");
    each(
        "long_quote",
        vec![quote(&lines(4)), quote(&lines(6)), quote(&format!("\n{}\n\n", lines(5)))],
        vec![quote(&lines(1)), quote(&lines(3)), quote("f = open(path)\n\n\n\n")],
    );
    let of = |text: &str, quote: &str| Finding { quote: Some(quote.into()), ..claim(text) };
    let (a, b, c) = ("`push` loses a line", "`push` never frees a line", "`push` has no bound");
    let same = "self.lines.append(line)";
    let three = vec![of(a, same), of(b, "self.lines.append( line )"), of(c, same)];
    assert_eq!(failed(three, &seen()), ["same_quote"]);
    assert_eq!(failed(vec![of(a, same), of(c, same)], &seen()), [""; 0], "two may");
    let right = Finding { kind: FindingKind::VerifiedComponent, ..of(b, same) };
    assert_eq!(failed(vec![right, of(a, same), of(c, same)], &seen()), [""; 0], "praise is none");
    let apart = vec![of(a, same), of(b, "f = open(path)"), of(c, "f.write(self.text)")];
    assert_eq!(failed(apart, &seen()), [""; 0], "each its own");
    assert_eq!(failed(vec![claim(a), claim(b), claim(c)], &seen()), [""; 0], "none is no quote");
}

#[test]
fn a_claim_is_made_once() {
    let long =
        "The function `save_all` opens the file for reading and then writes into it, which raises";
    for (first, second) in [
        (long, long),
        (long, &long.replace("function", "method") as &str),
        ("`push` loses a line", "**`push` loses a line.** (Confidence: 70%)"),
    ] {
        let second = Finding { kind: FindingKind::RequiredNextAction, ..claim(second) };
        assert_eq!(failed(vec![claim(first), second], &seen()), ["said_twice"], "{first}");
    }
    for (first, second) in [
        ("`push` loses a line", "`push` loses two lines"),
        (long, "The file is never closed, so that it may stay open until the process ends"),
        ("", ""),
    ] {
        assert_eq!(failed(vec![claim(first), claim(second)], &seen()), [""; 0], "{second}");
    }
    let evidence =
        |text: &str, evidence: &str| Finding { evidence: Some(evidence.into()), ..claim(text) };
    each(
        "evidence_is_claim",
        vec![
            evidence("`push` loses a line", "`push` loses a line."),
            evidence(long, long),
            evidence(long, &long.replace("which raises", "and that raises")),
        ],
        vec![
            evidence("`push` loses a line", "the comparison has no else"),
            evidence(long, "open() reads by default"),
            evidence("`push` loses a line", ""),
        ],
    );
}

#[test]
fn words_tell_praise_style_and_what_was_copied() {
    each(
        "praise",
        vec![
            claim("The class is well structured and handles all lines"),
            claim("`push` works as expected"),
            claim("The path is properly joined."),
        ],
        vec![
            claim("The path is not properly joined"),
            claim("`push` works as expected only for an empty store"),
            claim("`save_all` incorrectly assumes a writable file"),
            Finding { kind: FindingKind::VerifiedComponent, ..claim("`push` works as expected") },
        ],
    );
    each(
        "style",
        vec![
            claim("The variable name `f` should be more descriptive"),
            claim("Add a docstring to `push` for clarity"),
            Finding { fails_for: Some("none".into()), ..claim("The method lacks type hints") },
        ],
        vec![
            claim("The docstring is misleading: `push` drops lines"),
            claim("The variable name `f` shadows the file, and the write fails"),
            Finding {
                fails_for: Some("a full store: the line is lost".into()),
                ..claim("The documentation says every line is kept")
            },
        ],
    );
    each(
        "echo",
        vec![
            claim("What is wrong in which function"),
            claim("wrong results, crashes, endless loops, lost data, broken contracts"),
            claim("An input or state, what happens then, what should"),
        ],
        vec![
            claim("`push` gives wrong results for a full store"),
            claim("An endless loop in `save_all` for an empty path"),
            claim("One to three lines"),
            claim("What is wrong in which loop here"),
        ],
    );
}

#[test]
fn documents_and_verdicts_must_agree_with_what_there_is() {
    let of = |kind, text: &str| Finding { kind, ..claim(text) };
    each(
        "no_documents",
        vec![
            claim("The PRD asks for a bound of five lines"),
            Finding {
                evidence: Some("the change proposal says so".into()),
                ..claim("`push` has no bound")
            },
            of(FindingKind::PrdMismatch, "`push` drops lines"),
            of(FindingKind::Contradiction, "Retries three times"),
        ],
        vec![
            claim("The comment asks for every line to be kept"),
            of(FindingKind::RiskPoint, "`push` may drop lines"),
        ],
    );
    let with = Seen { documents: true, ..seen() };
    assert_eq!(failed(vec![claim("The PRD asks for five")], &with), [""; 0]);
    let about = Seen { source: "prd = load_prd()  # the PRD\n", ..seen() };
    assert_eq!(failed(vec![claim("The PRD is read twice")], &about), [""; 0]);

    let pass = Seen { verdict: Some("pass"), ..seen() };
    let fault = "`push` drops the line";
    let grave = Finding { severity: Some(Severity::Critical), ..claim(fault) };
    for (finding, fails) in [
        (of(FindingKind::CriticalFailure, fault), true),
        (of(FindingKind::PseudocodeFlag, fault), true),
        (grave, true),
        (Finding { severity: Some(Severity::Minor), ..claim(fault) }, false),
        (of(FindingKind::RiskPoint, fault), false),
        (of(FindingKind::RequiredNextAction, fault), false),
    ] {
        let said = failed(vec![finding.clone()], &pass);
        assert_eq!(said == ["pass_with_failures"], fails, "{finding:?}");
        let patch = Seen { verdict: Some("needs_patch"), ..seen() };
        assert_eq!(failed(vec![finding], &patch), [""; 0]);
    }
}

#[test]
fn names_and_lines_are_in_the_file() {
    each(
        "unknown_name",
        vec![
            claim("The function `load_all` drops its error"),
            claim("`Store.pop()` method returns the wrong end"),
            claim("In class `Cache` the bound is off by one"),
            claim("The loop in line 120 never ends"),
            claim(
                "The class should have a method `close`. The function `load_all` drops its error",
            ),
        ],
        vec![
            claim("The function `push` drops the line"),
            claim("`Store.save_all(path)` method opens for reading"),
            claim("It raises `TypeError` for `None`"),
            claim("The class should have a method `close`"),
            claim("The loop in line 12 never ends"),
            claim(&format!("The loop in line {} never ends", SOURCE.lines().count())),
            claim("The constant `42` is wrong, and the variable `q` is lost"),
            claim("The variable `self.text + suffix` overflows"),
        ],
    );
}

#[test]
fn what_is_called_absent_is_looked_up() {
    each(
        "not_absent",
        vec![
            claim("The method `push` is never called"),
            claim("`helper` is not imported"),
            claim("`os` is used without being imported"),
            claim("The variable `store` is not defined"),
            claim("Unused function `helper`"),
            claim("Missing import of `os`"),
            claim("The class `Store` does not exist"),
        ],
        vec![
            claim("The method `lonely_helper` is never called"),
            claim("`json` is not imported"),
            claim("`text` is never defined"),
            claim("The result of `helper` is never checked"),
        ],
    );
    let lonely = [claim("The method `lonely_helper` is never called. `x` is never used.")];
    let wanted = names_to_look_up(&lonely, "store.py", SOURCE);
    assert_eq!(wanted, ["lonely_helper"]);
    for (said, looked_up) in [
        ("`closeAll` is never used", &["closeAll"][..]),
        ("`singleton` is never used", &["singleton"]),
        // Plain short words are in any project.
        ("`lonesome` is never used", &[]),
        ("`close_all` is never used. `close_all` is never called.", &["close_all"]),
        ("`close_all` is not imported", &[]),
        ("`save_all` is unused, and `lonely_helper` is fine", &["save_all"]),
    ] {
        assert_eq!(names_to_look_up(&[claim(said)], "store.py", SOURCE), looked_up, "{said}");
    }
    let total = "`total` is not defined";
    for (path, source, said, is_there) in [
        ("a.c", "int load(char *p) {\n}\n", "`load` is not defined", true),
        ("a.c", "int reload(char *p) {\n}\n", "`load` is not defined", false),
        ("a.c", "x = load(p) ? (T) {\n", "`load` is not defined", false),
        ("a.c", "int total = 1;\n", total, true),
        ("a.c", "int subtotal = 1;\n", total, false),
        ("a.py", "f(a, total=1)\n", total, false),
    ] {
        let seen = Seen { path, source, ..seen() };
        assert_eq!(failed(vec![claim(said)], &seen) == ["not_absent"], is_there, "{source}");
    }
    assert!(found_in(&wanted, "store.lonely_helper_2()").is_empty());
    let found = found_in(&wanted, "a\nstore.lonely_helper()\n").into_iter().cloned().collect();
    let elsewhere = Seen { elsewhere: &found, ..seen() };
    let mut findings = lonely.to_vec();
    run(&mut findings, &elsewhere);
    assert_eq!(findings[0].checks, ["not_absent"]);
    assert!(names_to_look_up(&[claim("`push` is never called")], "store.py", SOURCE).is_empty());
}

#[test]
fn failed_findings_come_last_and_all_stay() {
    let mut findings = vec![
        claim("`push` works as expected"),
        claim("`push` drops the line"),
        claim("`save_all` raises"),
    ];
    run(&mut findings, &seen());
    let order: Vec<&str> = findings.iter().map(|f| f.text.as_str()).collect();
    assert_eq!(order, ["`push` drops the line", "`save_all` raises", "`push` works as expected"]);
    assert_eq!(says("praise"), "it praises what it calls a fault");
    let names: BTreeSet<&str> = CHECKS.iter().map(|c| c.name).collect();
    assert_eq!(names.len(), CHECKS.len(), "each has a name of its own");
}

#[test]
fn what_is_shown_beside_the_file_is_known_and_is_no_part_of_it() {
    let hint = TypeHint {
        source: "util.py".into(),
        symbol: "helper".into(),
        type_repr: "def helper(path: str, retries_left: int = 3) -> bool".into(),
    };
    let beside = [hint];
    let with = Seen { beside: &beside, ..seen() };
    let names = claim("The variable `retries_left` of `helper` is never passed");
    assert_eq!(failed(vec![names.clone()], &seen()), ["unknown_name"]);
    assert_eq!(failed(vec![names], &with), [""; 0]);
    // A quote of it is no line of the file.
    let mut findings = vec![Finding {
        quote: Some("def helper(path: str, retries_left: int = 3) -> bool".into()),
        ..claim("`helper` returns nothing")
    }];
    crate::anchor::anchor(&mut findings, with.path, with.source);
    run(&mut findings, &with);
    assert!(!findings[0].anchored && findings[0].line.is_none(), "{:?}", findings[0]);
}

#[test]
fn a_claim_is_what_stands_before_the_first_label_of_something_else() {
    for (text, want) in [
        ("It is\nlost", "It is lost"),
        ("It is lost\n- Quote: `x`\nmore", "It is lost"),
        ("Claim: **it** is lost\n- Why: x", "Claim: it is lost"),
        ("It is lost (Confidence: 80%)", "It is lost"),
    ] {
        assert_eq!(claim_of(text), want, "{text}");
    }
}

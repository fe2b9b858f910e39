//! What a run of one test said: whether it passed, failed by an assertion, or showed nothing.
//!
//! What a framework writes is read, and nothing is guessed from an exit code alone: a test that does not compile, that
//! can't be loaded or that throws something else than an assertion fails too, and says nothing about the finding.

use crate::apply::verdict::{Ran, first_error};
use queue_schema::apply::Framework;
use serde_json::Value;

/// What a run of a test said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// At least one test ran, and all that ran passed.
    Passed,
    /// Some failed, each by an assertion.
    Failed,
    /// It did not compile, or could not be loaded.
    Unloaded(String),
    /// Something failed otherwise than by an assertion.
    Broken(String),
    /// No test ran.
    Nothing,
    /// It took too long.
    TimedOut,
}

impl Told {
    /// For a person; `seconds` is how long it might take.
    pub fn why(&self, seconds: u64) -> String {
        match self {
            Self::Passed => "it passes".to_owned(),
            Self::Failed => "it fails".to_owned(),
            Self::Unloaded(line) => format!("it does not compile or load: {line}"),
            Self::Broken(line) => format!("it fails otherwise than by an assertion: {line}"),
            Self::Nothing => "no test in it was run".to_owned(),
            Self::TimedOut => format!("it was not done in {seconds} s (apply.prove_timeout_s)"),
        }
    }
}

/// How the tests of a run ended.
#[derive(Debug, Default)]
struct Counts {
    passed: u64,
    /// Failed by an assertion.
    asserted: u64,
    /// Failed otherwise.
    broken: u64,
}

/// What a run of the test at `path` said.
pub fn told(framework: Framework, path: &str, ran: &Ran) -> Told {
    if ran.timed_out {
        return Told::TimedOut;
    }
    let line = || first_error(&ran.output).unwrap_or_else(|| "it says nothing".to_owned());
    let file = path.rsplit('/').next().unwrap_or(path);
    let counts = match framework {
        Framework::Cargo => cargo(&ran.output, file),
        Framework::Unittest => unittest(&ran.output),
        Framework::Pytest => pytest(&ran.output),
        Framework::Node => node(&ran.output, file),
        Framework::Vitest | Framework::Jest => json(&ran.output),
        Framework::Other => return other(ran, file, line),
    };
    match counts {
        None => Told::Unloaded(line()),
        Some(counts) => counts.told(ran.ok, line),
    }
}

impl Counts {
    fn told(&self, ok: bool, line: impl Fn() -> String) -> Told {
        match self {
            Self { broken: 1.., .. } => Told::Broken(line()),
            Self { asserted: 1.., .. } if !ok => Told::Failed,
            Self { asserted: 0, passed: 1.., .. } if ok => Told::Passed,
            Self { asserted: 0, passed: 0, .. } => Told::Nothing,
            // The tests say one thing and the exit code another.
            _ => Told::Broken(line()),
        }
    }
}

/// A number before a word: `2 failed`.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> =
        line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let at = words.windows(2).rfind(|pair| pair[1] == word);
    at.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

/// A number behind a word: `failures=2`, `# fail 2`.
fn behind(line: &str, word: &str) -> u64 {
    let digits = |rest: &str| {
        let rest = rest.trim_start_matches(['=', ' ']);
        rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
    };
    line.split_once(word).and_then(|(_, rest)| digits(rest)).unwrap_or(0)
}

/// libtest's lines, and where the panics are: an assertion is one of the test's own file whose words the standard
/// library wrote.
fn cargo(output: &str, file: &str) -> Option<Counts> {
    let result = output.lines().rfind(|line| line.starts_with("test result: "))?;
    let (passed, failed) = (before(result, "passed"), before(result, "failed"));
    let asserted =
        output.split("\n---- ").skip(1).filter(|part| asserts(part, file)).count() as u64;
    let asserted = asserted.min(failed);
    Some(Counts { passed, asserted, broken: failed - asserted })
}

/// Whether a failed test of libtest has an assertion among its panics.
fn asserts(part: &str, file: &str) -> bool {
    let lines: Vec<&str> = part.lines().collect();
    let here =
        |place: &str| place.split(':').next().is_some_and(|at| at.trim_end().ends_with(file));
    lines.iter().enumerate().any(|(n, line)| {
        let Some((_, rest)) = line.split_once("panicked at ") else { return false };
        // Older compilers write the message first, and the place behind it.
        match rest.strip_prefix('\'') {
            Some(old) => {
                let place = lines[n..].iter().find_map(|line| line.rsplit_once("', "));
                old.starts_with("assertion ") && place.is_some_and(|(_, place)| here(place))
            }
            None => {
                here(rest) && lines.get(n + 1).is_some_and(|said| said.starts_with("assertion "))
            }
        }
    })
}

fn unittest(output: &str) -> Option<Counts> {
    let ran = output.lines().rfind(|line| line.starts_with("Ran ") && line.contains(" test"))?;
    let last = output.lines().rfind(|line| line.starts_with("OK") || line.starts_with("FAILED"))?;
    let (errors, asserted) =
        (behind(last, "errors"), behind(last, " failures").max(behind(last, "(failures")));
    // A module that can't be imported counts as a test with an error.
    if output.contains("Failed to import test module")
        || output.contains("SyntaxError:") && errors > 0
    {
        return None;
    }
    let other = behind(last, "skipped") + behind(last, "expected failures");
    let broken = errors + behind(last, "unexpected successes");
    let all = behind(ran, "Ran");
    Some(Counts { passed: all.saturating_sub(other + broken + asserted), asserted, broken })
}

fn pytest(output: &str) -> Option<Counts> {
    let sums = |line: &&str| {
        line.contains(" in ")
            && ["passed", "failed", "error", "errors", "skipped", "xfailed"]
                .iter()
                .any(|w| before(line, w) > 0)
    };
    let last = output.lines().rfind(sums)?;
    if before(last, "error") + before(last, "errors") > 0 {
        return None;
    }
    let (passed, failed) = (before(last, "passed"), before(last, "failed"));
    // The first line of each report begins with the name of what was raised.
    let mut broken = 0;
    for report in output.split("\n____").skip(1).filter(|report| report.contains("\nE  ")) {
        let first =
            report.lines().find_map(|line| line.strip_prefix("E  ")).unwrap_or_default().trim();
        let assertion =
            ["assert ", "AssertionError", "Failed: "].iter().any(|w| first.starts_with(w));
        broken += u64::from(!assertion);
    }
    let broken = broken.min(failed);
    Some(Counts { passed, asserted: failed - broken, broken })
}

/// TAP, as node writes it: a block for each test, with what was thrown.
fn node(output: &str, file: &str) -> Option<Counts> {
    let sum = |word: &str| {
        output.lines().rfind(|line| line.starts_with(word)).map(|line| behind(line, word))
    };
    let (passed, _) = (sum("# pass ")?, sum("# fail ")?);
    let mut counts = Counts { passed, ..Counts::default() };
    for block in output.split("not ok ").skip(1) {
        let block = block.split("\n  ...").next().unwrap_or(block);
        if block.contains("failureType: 'subtestsFailed'") {
            continue;
        }
        if block.contains("code: 'ERR_ASSERTION'") {
            counts.asserted += 1;
        } else if block.lines().next().is_some_and(|head| head.trim_end().ends_with(file)) {
            // The file itself: it could not be loaded, or ended the process.
            return None;
        } else {
            counts.broken += 1;
        }
    }
    // A file without any test counts as one.
    let empty = output.lines().any(|l| l.starts_with("ok ") && l.trim_end().ends_with(file));
    counts.passed -= u64::from(empty && counts.passed > 0);
    Some(counts)
}

/// What vitest and jest write with their reporter for programs.
fn json(output: &str) -> Option<Counts> {
    let found = output.lines().rev().filter(|line| line.trim_start().starts_with('{'));
    let mut report = found.filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
    let report = report.find(|report| report["testResults"].is_array())?;
    let suites = report["testResults"].as_array()?;
    let mut counts = Counts::default();
    for test in suites.iter().filter_map(|suite| suite["assertionResults"].as_array()).flatten() {
        let messages = test["failureMessages"].as_array().into_iter().flatten();
        let said: Vec<&str> = messages.filter_map(Value::as_str).collect();
        let asserts = |said: &&str| said.contains("AssertionError") || said.contains("expect(");
        match test["status"].as_str() {
            Some("passed") => counts.passed += 1,
            Some("failed") if !said.is_empty() && said.iter().all(asserts) => counts.asserted += 1,
            Some("failed") => counts.broken += 1,
            _ => {}
        }
    }
    let none = counts.passed + counts.asserted + counts.broken == 0;
    let unloaded = suites.iter().any(|suite| suite["status"] == "failed");
    (!(none && unloaded)).then_some(counts)
}

/// Words of assertions of frameworks that are not known better, and of what could not be loaded.
const ASSERTIONS: [&str; 6] = [
    "AssertionError",
    "AssertionFailedError",
    "assertion failed",
    "Assertion failed",
    "--- FAIL: ",
    "Failure/Error: expect",
];
const UNLOADED: [&str; 10] = [
    "could not compile",
    "[build failed]",
    "[setup failed]",
    "COMPILATION ERROR",
    "Compilation failed",
    "SyntaxError",
    "ImportError",
    "ModuleNotFoundError",
    "Cannot find module",
    "undefined reference",
];

/// A command of the settings: as whichever framework its output looks like, else by words.
fn other(ran: &Ran, file: &str, line: impl Fn() -> String) -> Told {
    let known = [
        cargo(&ran.output, file),
        unittest(&ran.output),
        pytest(&ran.output),
        node(&ran.output, file),
        json(&ran.output),
    ];
    if let Some(counts) = known.into_iter().flatten().next() {
        return counts.told(ran.ok, line);
    }
    let says = |words: &[&str]| words.iter().any(|word| ran.output.contains(word));
    match (ran.ok, says(&UNLOADED), says(&ASSERTIONS)) {
        (true, ..) => Told::Passed,
        (false, true, _) => Told::Unloaded(line()),
        (false, false, true) => Told::Failed,
        _ => Told::Broken(line()),
    }
}

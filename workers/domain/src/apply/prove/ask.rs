//! What the model is asked for a test of a finding, and what it answered.

use crate::apply::prompt::{PatchInput, file_part, patch_prompt};
use crate::clean::{is_unseen, without_thoughts};
use crate::prompt::{Prompt, fenced, fill};
use crate::text::one_line;
use queue_schema::apply::{Framework, TestPlan};
use queue_schema::rows::Finding;
use std::fmt::Write as _;

pub(crate) const PROVE: &str = include_str!("../../../templates/prove.md");
pub(crate) const PROVEN: &str = include_str!("../../../templates/patch_proven.md");

/// Bytes of a line of a test at most: what is longer is no code that a person reads.
const LINE: usize = 2_000;

/// The prompt for the test of a finding; `input.lines` is how many lines it may have.
pub fn test_prompt(input: &PatchInput<'_>, finding: &Finding, plan: &TestPlan) -> Prompt {
    let lines = input.lines.to_string();
    let system = fill(PROVE, &[("fence", input.fence), ("lines", &lines)]);
    let mut user = String::from("# Claim to be tested\n");
    let mut claim = one_line(&finding.text);
    claim.push('\n');
    let place = finding.line.filter(|_| finding.anchored).map(|line| line.to_string());
    let parts = [
        ("line", place.as_deref()),
        ("code", finding.quote.as_deref()),
        ("fails for", finding.fails_for.as_deref()),
        ("instead", finding.change.as_deref()),
        ("a second call: input", finding.confirmation.as_ref().map(|c| c.input.as_str())),
        (
            "a second call: what should happen",
            finding.confirmation.as_ref().map(|c| c.expected.as_str()),
        ),
    ];
    for (name, text) in parts {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            let _ = writeln!(claim, "{name}: {}", text.trim().replace('\n', "\n    "));
        }
    }
    fenced(&mut user, input.fence, "claim", &claim);
    file_part(&mut user, input);
    // What decides the form stands last: small models go by it.
    user.push_str("\n# Test\n");
    user.push_str(&form(plan));
    Prompt { system, user, schema: None }
}

/// The form of a test, in words.
fn form(plan: &TestPlan) -> String {
    let (at, reach) = (&plan.path, plan.reach.as_str());
    match plan.framework {
        Framework::Cargo => {
            let reach = if reach.is_empty() {
                "The package has no library: take the file in as a module, by a path attribute that leads from the test's directory to it.".to_owned()
            } else {
                format!(
                    "It reaches what is public under the name `{reach}`. For what is private, take the file in as a module, by a path attribute that leads from the test's directory to it."
                )
            };
            format!(
                "Rust, an integration test that cargo runs, at {at}. {reach} Test functions have the test attribute and assert with the macros of the standard library, without messages of their own. A panic is caught with std::panic::catch_unwind, and its result asserted.\n"
            )
        }
        Framework::Unittest => format!(
            "Python, for the module unittest of the standard library, at {at}: a class that derives from unittest.TestCase, whose methods assert with those of that class. It is run from the project's root, which is on the path of modules, as is its directory src.\n"
        ),
        Framework::Pytest => format!(
            "Python, for pytest, at {at}: functions whose names begin with test_, which use the assert statement. It is run from the project's root, which is on the path of modules, as is its directory src.\n"
        ),
        Framework::Node => format!(
            "JavaScript, {reach}, for Node's own test runner, at {at}: tests of the module node:test, which assert with node:assert. It reaches the file by a relative path.\n"
        ),
        Framework::Vitest => format!(
            "For Vitest, {reach}, at {at}: test and expect come from the module vitest. It reaches the file by a relative path.\n"
        ),
        Framework::Jest => format!(
            "For Jest, {reach}, at {at}: test and expect are there without being imported. It reaches the file by a relative path.\n"
        ),
        Framework::Other => {
            format!("The test stands at {at}, and this runs it: {}\n", plan.command)
        }
    }
}

/// The prompt for patches that have to make a test pass, which they don't see: of the finding alone.
pub fn proven_prompt(input: &PatchInput<'_>, finding: &Finding) -> Prompt {
    let findings = std::slice::from_ref(finding);
    let mut prompt = patch_prompt(&PatchInput { findings, unconfirmed: true, ..*input });
    prompt.system.truncate(prompt.system.trim_end().len());
    prompt.system.push_str(PROVEN);
    prompt
}

/// The text of the test in an answer: its longest fenced block, else all of it.
///
/// # Errors
/// Why there is none, for a person.
pub fn test(answer: &str, most_lines: u32) -> Result<String, String> {
    let text = without_thoughts(answer).replace("\r\n", "\n");
    let mut blocks: Vec<String> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        let ticks: String = line.trim_start().chars().take_while(|c| *c == '`').collect();
        open = match open.take() {
            None if ticks.len() >= 3 => Some((ticks, String::new())),
            None => None,
            Some((fence, block)) if ticks.len() >= fence.len() && line.trim() == ticks => {
                blocks.push(block);
                None
            }
            Some((fence, block)) => Some((fence, block + line + "\n")),
        };
    }
    if open.is_some() {
        return Err("the block of the test has no end".to_owned());
    }
    let whole = || {
        let text = text.trim();
        (!text.eq_ignore_ascii_case("none") && !text.is_empty()).then(|| format!("{text}\n"))
    };
    let longest = blocks.into_iter().filter(|b| !b.trim().is_empty()).max_by_key(String::len);
    let found = longest.or_else(whole).ok_or("the model wrote none")?;
    if found.trim().eq_ignore_ascii_case("none") {
        return Err("the model wrote none".to_owned());
    }
    let lines = found.lines().count();
    if lines > most_lines as usize {
        return Err(format!(
            "it has {lines} lines, at most {most_lines} are allowed (apply.prove_max_lines)"
        ));
    }
    if found.lines().any(|line| line.len() > LINE) {
        return Err(format!("a line of it has more than {LINE} bytes"));
    }
    if found.contains(is_unseen) {
        return Err("it has characters that nobody sees".to_owned());
    }
    if found.contains("[masked:") {
        return Err("it depends on a secret that was masked".to_owned());
    }
    Ok(found)
}

//! Scripts know jobs, targets, barriers, counters and streams, but no stage of the pipeline: adding one changes
//! no script.

use super::tracked;
use queue_schema::jobs::Job;
use queue_schema::records::review::fields;
use queue_schema::rows::STREAMS;

/// Words that mean something else in a script.
const ALLOWED: [(&str, &str); 6] = [
    ("tokens_in", "a counter of the sweep's record that its budget goes by"),
    ("tokens_out", "a counter of the sweep's record that its budget goes by"),
    ("cost_micro_usd", "a counter of the sweep's record that its budget goes by"),
    ("tally", "the effect that adds to counters"),
    ("due", "a time that has come, of schedules and of pools"),
    ("left", "the key of targets that a budget left out"),
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

#[test]
fn no_script_names_a_stage() {
    let mut found = Vec::new();
    for file in tracked().into_iter().filter(|f| f.extension().is_some_and(|e| e == "lua")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (n, line) in (1..).zip(text.lines()) {
            let code = line.split("--").next().unwrap_or_default();
            // What stands between quotes, but for sentences, names a key, a field or a value.
            let quoted = code
                .split('\'')
                .skip(1)
                .step_by(2)
                .filter(|q| !q.contains("  ") && q.split(' ').count() < 3);
            let fields = quoted.flat_map(words).filter(|w| fields::NAMES.contains(w));
            let kinds = words(code).filter(|w| Job::KINDS.contains(w) || STREAMS.contains(w));
            for word in kinds.chain(fields) {
                if !ALLOWED.iter().any(|(allowed, _)| *allowed == word) {
                    found.push(format!("{}:{n}: {word}", file.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "stages in scripts:\n{}", found.join("\n"));
}

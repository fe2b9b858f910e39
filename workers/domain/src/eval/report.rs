//! What an eval comes to, for people: `eval.md`, and the table of the command line.

use super::compare::Comparison;
use super::figures::{Figures, Sides};
use super::gates::Gate;
use super::record::{Record, Run, Tried};
use super::stats::Figure;
use super::worth::Worth;
use crate::report::escape::{code, escape, inert};
use crate::text::counted;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Name of the report.
pub const REPORT_NAME: &str = "eval.md";
/// Name of the record.
pub const RECORD_NAME: &str = "eval.json";
/// Below this p two runs are said to differ.
pub const DIFFERS_BELOW: f64 = 0.05;
/// Missed faults that are listed for each run.
const MOST_MISSED: usize = 50;

/// The columns of [`row`].
pub const HEADER: [&str; 9] = [
    "RUN",
    "FOUND",
    "RECALL",
    "PRECISION",
    "UNDECIDED",
    "FALSE/CLEAN",
    "$/FOUND",
    "S/FOUND",
    "NOT REVIEWED",
];

/// A run as a row of a table, with intervals of 95 %.
pub fn row(label: &str, f: &Figures) -> Vec<String> {
    vec![
        label.to_owned(),
        format!("{} of {}", f.found, f.seeded),
        percent(&f.recall),
        percent(&f.precision),
        percent(&f.undecided_share),
        number(&f.false_per_clean, 2),
        number(&f.usd_per_found, 4),
        number(&f.seconds_per_found, 1),
        f.not_reviewed.to_string(),
    ]
}

/// `70 % (52-85)`; `-` where there is nothing to divide by.
pub fn percent(figure: &Figure) -> String {
    let round = |share: f64| format!("{:.0}", share * 100.0);
    shown(figure, " %", round)
}

/// `0.21 (0.1-0.4)`.
pub fn number(figure: &Figure, places: usize) -> String {
    shown(figure, "", |n| format!("{n:.places$}"))
}

fn shown(figure: &Figure, unit: &str, text: impl Fn(f64) -> String) -> String {
    let Some(value) = figure.value else { return "-".to_owned() };
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => {
            format!("{}{unit} ({} to {})", text(value), text(low), text(high))
        }
        _ => format!("{}{unit}", text(value)),
    }
}

/// How the mutants were chosen, in words.
pub fn tried(tried: &Tried) -> String {
    if !tried.by_tests {
        return format!(
            "{}; no tests judged them (--test), so that some may change nothing that matters",
            counted(tried.kept, "mutant", "mutants")
        );
    }
    format!(
        "{} tried: {} killed by the tests and kept, {} survived, {} broken, {} timed out",
        counted(tried.tried, "mutant", "mutants"),
        tried.kept,
        tried.survived,
        tried.broken,
        tried.timed_out
    )
}

/// Two runs, in words.
pub fn compared(c: &Comparison) -> Vec<String> {
    let mut out = vec![format!(
        "{} and {}: {} with a fault in both; found by both {}, only by the first {}, only by the second {}, by neither {}",
        c.a,
        c.b,
        counted(c.seeded, "case", "cases"),
        c.both,
        c.only_a,
        c.only_b,
        c.neither
    )];
    let verdict = if c.p >= DIFFERS_BELOW {
        "no difference is shown"
    } else if c.only_a > c.only_b {
        "the first finds more"
    } else {
        "the second finds more"
    };
    out.push(format!("McNemar's exact test: p = {:.4}; {verdict}", c.p));
    if c.not_shared > 0 {
        out.push(format!(
            "left out: {} that only one of them has",
            counted(c.not_shared, "case", "cases")
        ));
    }
    out
}

/// The differences of two runs: name, number with its interval.
pub fn differences(c: &Comparison) -> Vec<[String; 2]> {
    let shares = ["recall", "precision", "undecided_share"];
    let each = c.differences.iter().map(|(name, figure)| {
        let text =
            if shares.contains(&name.as_str()) { percent(figure) } else { number(figure, 4) };
        [name.replace('_', " "), text]
    });
    each.collect()
}

/// The report.
pub fn markdown(record: &Record) -> String {
    let mut out = String::from("# Eval\n\n");
    let commit = if record.commit.is_empty() {
        String::new()
    } else {
        format!(" at {}", code(&record.commit))
    };
    let _ = writeln!(out, "Cases of {}{commit}, seed {}.", code(&record.source), record.seed);
    if let Some(of) = &record.mutants {
        let _ = writeln!(out, "{}.", capital(&tried(of)));
    }
    let seeded = record.cases.iter().filter(|case| case.is_seeded()).count();
    let clean = record.cases.len() - seeded;
    let _ = writeln!(
        out,
        "{} with a fault, {} without. Numbers in brackets are intervals of 95 %, by resampling of source files.\n",
        counted(seeded, "file", "files"),
        counted(clean, "file", "files")
    );
    table(&mut out, "Run", record.runs.iter().map(|run| (run.label.as_str(), &run.figures)));
    for run in &record.runs {
        run_part(&mut out, run, record);
    }
    if !record.comparisons.is_empty() {
        out.push_str("\n## Comparisons\n");
    }
    for comparison in &record.comparisons {
        comparison_part(&mut out, comparison);
    }
    out
}

fn table<'a>(out: &mut String, first: &str, rows: impl Iterator<Item = (&'a str, &'a Figures)>) {
    let _ = writeln!(
        out,
        "| {first} | Found | Recall | Precision | Undecided | False findings a clean file | $ a find | Seconds a find | Not reviewed |"
    );
    out.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for (label, figures) in rows {
        let mut cells = row(label, figures);
        cells[0] = code(label);
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

fn run_part(out: &mut String, run: &Run, record: &Record) {
    let rungs: Vec<String> = run.rungs.iter().map(|rung| code(rung)).collect();
    let _ = writeln!(
        out,
        "\n## {}\n\nSweep {}: {}.",
        escape(&run.label),
        code(&run.sweep),
        rungs.join(", ")
    );
    let echoed = run.cases.iter().filter(|o| o.findings.iter().any(|f| f.also_of_clean)).count();
    if echoed > 0 {
        let _ = writeln!(
            out,
            "In {} with a fault a claim also stands in the review of the clean file, and counts as false.",
            counted(echoed, "file", "files")
        );
    }
    let tokens: u64 = run.cases.iter().map(|o| o.tokens).sum();
    if tokens > 0 {
        let _ =
            writeln!(out, "Sent and received: {}.", counted(tokens as usize, "token", "tokens"));
    }
    let cached = run.cases.iter().filter(|o| o.cached).count();
    if cached > 0 {
        let _ = writeln!(
            out,
            "Answered from the cache: {}. What they cost and took is missing here.",
            counted(cached, "case", "cases")
        );
    }
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in run.cases.iter().filter(|o| !o.is_reviewed()) {
        let why = outcome.reason.as_deref().unwrap_or_default();
        *reasons.entry(format!("{}: {}", outcome.status, inert(why))).or_default() += 1;
    }
    for (reason, n) in reasons {
        let _ = writeln!(out, "- {n} × {reason}");
    }
    for (name, kinds) in &run.slices {
        out.push('\n');
        table(out, &capital(name), kinds.iter().map(|(kind, figures)| (kind.as_str(), figures)));
    }
    worth_part(out, &run.worth);
    gates_part(out, &run.gates);
    let missed: Vec<_> = super::figures::paired(&record.cases, &run.cases)
        .into_iter()
        .filter(|(case, outcome)| case.is_seeded() && !outcome.hit)
        .collect();
    if missed.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nNot found: {}.\n", missed.len());
    for (case, _) in missed.iter().take(MOST_MISSED) {
        let line = case.lines.first().map_or(0, |lines| lines.0);
        let was =
            case.was.first().map(|line| format!(": {}", code(line.trim()))).unwrap_or_default();
        let now = case.now.first().map_or_else(|| "nothing".to_owned(), |line| code(line.trim()));
        let change = if was.is_empty() { was } else { format!("{was} became {now}") };
        let _ =
            writeln!(out, "- {} line {line}, {}{change}", code(&case.file), escape(&case.category));
    }
    if missed.len() > MOST_MISSED {
        let _ = writeln!(out, "- and {} more in {RECORD_NAME}", missed.len() - MOST_MISSED);
    }
}

/// What each check tells apart, as a table.
fn worth_part(out: &mut String, worth: &[Worth]) {
    if worth.is_empty() {
        return;
    }
    out.push_str(
        "\nWhat the checks are worth: the findings that each of them marks, and precision and recall without these.\n\n\
         | Check | Right | False | Undecided | Precision: all, without | Recall: all, without |\n|---|---|---|---|---|---|\n",
    );
    for w in worth {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            escape(&w.mark),
            w.right,
            w.wrong,
            w.undecided,
            both(&w.sides)
        );
    }
    let idle: Vec<&str> =
        worth.iter().filter(|w| w.adds_nothing()).map(|w| w.mark.as_str()).collect();
    if !idle.is_empty() {
        let _ = writeln!(out, "\nOn these cases nothing is won by: {}.", escape(&idle.join(", ")));
    }
}

/// Two cells: precision as it is and as it would be, and recall.
fn both(sides: &Sides) -> String {
    let share =
        |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{:.0} %", v * 100.0));
    let cell = |with, without| format!("{}, {}", share(with), share(without));
    let precision = cell(sides.precision_with, sides.precision_without);
    format!("{precision} | {}", cell(sides.recall_with, sides.recall_without))
}

/// What each gate costs and saves, as a table.
fn gates_part(out: &mut String, gates: &[Gate]) {
    if gates.is_empty() {
        return;
    }
    out.push_str(
        "\nWhat the gates are worth: the answers that each of them rejects, what the first one of each file says, and what \
         the run would have come to with it. Calls and tokens are those that were spent on these files afterwards.\n\n\
         | Gate | Answers | Files | Without a review | Right | False | Undecided | Precision: with, without the gate \
         | Recall: with, without the gate | Calls | Tokens |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for g in gates {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            escape(&g.gate),
            g.answers,
            g.files,
            g.lost,
            g.right,
            g.wrong,
            g.undecided,
            both(&g.sides),
            g.calls,
            g.tokens
        );
    }
}

fn comparison_part(out: &mut String, comparison: &Comparison) {
    out.push('\n');
    for line in compared(comparison) {
        let _ = writeln!(out, "{}.", escape(&line));
    }
    out.push_str("\n| The first less the second | |\n|---|---|\n");
    for [name, text] in differences(comparison) {
        let _ = writeln!(out, "| {name} | {text} |");
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

//! `make faults`: runs the tests of every row of `tests/faults/rows.toml`, and prints what each came to as a table.
//!
//! A test prints its figures as lines that begin with `figure: `, and `skipped: ` where something is missing that it needs.
//! `--long` runs only the rows that have a long form, in that form, `--write` puts the table into docs/reliability.md, a word runs only
//! the rows that have it.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The list, and where the table goes.
const LIST: &str = "tests/faults/rows.toml";
const PAGE: &str = "docs/reliability.md";
/// What stands around the table of the short forms there, and of the long ones.
const MARKS: [&str; 2] = ["<!-- faults -->\n", "<!-- end of faults -->"];
const LONG_MARKS: [&str; 2] = ["<!-- long faults -->\n", "<!-- end of long faults -->"];
/// A test that runs longer hangs.
const SHORT: Duration = Duration::from_secs(600);
const LONG: Duration = Duration::from_secs(3600);
/// Lines of figures that a row shows.
const MOST_FIGURES: usize = 8;
/// Between two looks whether a test has ended.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Rows {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    fault: String,
    shows: String,
    /// Some of its tests have a long form.
    #[serde(default)]
    long: bool,
    tests: Vec<String>,
}

/// How a test ended.
#[derive(Clone)]
struct Ended {
    passed: bool,
    took: Duration,
    figures: Vec<String>,
    output: String,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let (long, write) = (has("--long"), has("--write"));
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let Rows { mut row } = toml::from_str(&std::fs::read_to_string(LIST).context(LIST)?)?;
    let has_words = |row: &Row| words.iter().all(|word| row.fault.contains(word.as_str()));
    row.retain(|row| (row.long || !long) && has_words(row));
    if row.is_empty() {
        bail!("no row of {LIST} has these words{}", if long { " and a long form" } else { "" });
    }
    let known = programs()?;
    let wanted: Vec<&String> = row.iter().flat_map(|row| &row.tests).collect();
    let ended = run(&wanted, &known, long)?;
    let table = table(&row, &ended);
    print(&table);
    let failed: Vec<_> = ended.iter().filter(|(_, ended)| !ended.passed).collect();
    for (test, ended) in &failed {
        print(&format!("\n{test} failed:\n{}\n", ended.output));
    }
    if write {
        keep(&table, long)?;
    }
    if !failed.is_empty() {
        bail!("{} of {} tests failed", failed.len(), ended.len());
    }
    Ok(())
}

#[allow(clippy::print_stdout)] // a program for developers: what it prints are names and figures of our own tests
fn print(text: &str) {
    println!("{text}");
}

/// All programs of tests, each with the folder of its package and the names of its tests.
fn programs() -> anyhow::Result<Vec<(PathBuf, PathBuf, Vec<String>)>> {
    let built = Command::new("cargo")
        .args(["test", "--workspace", "--locked", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        bail!("the tests can't be built");
    }
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&built.stdout).lines() {
        let told: serde_json::Value = serde_json::from_str(line)?;
        let program = told["executable"].as_str().filter(|_| told["profile"]["test"] == true);
        let Some((program, manifest)) = program.zip(told["manifest_path"].as_str()) else {
            continue;
        };
        let folder = Path::new(manifest).parent().unwrap_or(Path::new("."));
        let listed = Command::new(program)
            .args(["--list", "--format", "terse"])
            .current_dir(folder)
            .output()?;
        let names = String::from_utf8_lossy(&listed.stdout);
        let names = names.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned);
        found.push((PathBuf::from(program), folder.to_owned(), names.collect()));
    }
    Ok(found)
}

/// The program that has a test `FILE::NAME`, its folder, and the test's whole name in it.
fn find<'a>(
    test: &str,
    known: &'a [(PathBuf, PathBuf, Vec<String>)],
) -> anyhow::Result<(&'a Path, &'a Path, &'a str)> {
    let (file, name) = test.split_once("::").with_context(|| format!("{test} names no test"))?;
    let file = std::path::absolute(file)?;
    let end = format!("::{name}");
    let fits = |full: &&String| full.ends_with(&end) || *full == name;
    let found = known.iter().filter(|(_, folder, _)| file.starts_with(folder));
    let mut found = found.filter_map(|(program, folder, names)| {
        names.iter().find(fits).map(|full| (program.as_path(), folder.as_path(), full.as_str()))
    });
    found.next().with_context(|| format!("no program has the test {test}"))
}

/// Runs tests, as many at a time as there are processors; the long forms one by one, so that none disturbs the figures of
/// another.
fn run(
    wanted: &[&String],
    known: &[(PathBuf, PathBuf, Vec<String>)],
    long: bool,
) -> anyhow::Result<BTreeMap<String, Ended>> {
    let jobs = wanted.iter().map(|test| Ok((*test, find(test, known)?)));
    let jobs = Mutex::new(jobs.collect::<anyhow::Result<Vec<_>>>()?.into_iter());
    let ended = Mutex::new(BTreeMap::new());
    let at_once =
        if long { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = jobs.lock().ok().and_then(|mut jobs| jobs.next());
                    let Some((test, (program, folder, name))) = next else { break };
                    let one = one(program, folder, name, long).unwrap_or_else(|error| Ended {
                        passed: false,
                        took: Duration::ZERO,
                        figures: Vec::new(),
                        output: format!("{error:#}"),
                    });
                    print(&format!(
                        "{} {:.1?} {test}",
                        if one.passed { "ok" } else { "FAILED" },
                        one.took
                    ));
                    if let Ok(mut ended) = ended.lock() {
                        ended.insert(test.clone(), one);
                    }
                }
            });
        }
    });
    Ok(ended.into_inner().unwrap_or_default())
}

fn one(program: &Path, folder: &Path, name: &str, long: bool) -> anyhow::Result<Ended> {
    let started = Instant::now();
    let said = tempfile::tempfile()?;
    let mut command = Command::new(program);
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]).current_dir(folder);
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?);
    if long {
        command.env("SCRUM_TEST_LONG", "1");
    }
    let mut child = command.spawn()?;
    let most = if long { LONG } else { SHORT };
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if started.elapsed() > most => {
                child.kill()?;
                child.wait()?;
                break None;
            }
            None => std::thread::sleep(LOOK),
        }
    };
    let mut output = Vec::new();
    let mut said = said;
    std::io::Seek::rewind(&mut said)?;
    std::io::Read::read_to_end(&mut said, &mut output)?;
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(Ended {
        passed: status.is_some_and(|status| status.success()),
        took: started.elapsed(),
        figures: figures(&output),
        output,
    })
}

/// Figures, and what was skipped. The runner of tests may write before the first of them on its line.
fn figures(output: &str) -> Vec<String> {
    let of = |line: &str| {
        let figure = line.split_once("figure: ").map(|(_, figure)| figure.to_owned());
        figure.or_else(|| line.find("skipped: ").map(|at| line[at..].to_owned()))
    };
    output.lines().filter_map(of).collect()
}

fn table(rows: &[Row], ended: &BTreeMap<String, Ended>) -> String {
    let mut out =
        String::from("| fault | must show | result | took | figures |\n|---|---|---|---|---|\n");
    for row in rows {
        let of: Vec<&Ended> = row.tests.iter().filter_map(|test| ended.get(test)).collect();
        let passed = of.iter().filter(|ended| ended.passed).count();
        let took: Duration = of.iter().map(|ended| ended.took).sum();
        let figures: Vec<&str> =
            of.iter().flat_map(|ended| &ended.figures).map(String::as_str).collect();
        let more = if figures.len() > MOST_FIGURES { "; ..." } else { "" };
        let figures = figures
            .iter()
            .take(MOST_FIGURES)
            .map(|f| rounded(&f.replace('|', "/")))
            .collect::<Vec<_>>()
            .join("; ");
        let result = if passed == row.tests.len() { "holds" } else { "**fails**" };
        let _ = writeln!(
            out,
            "| {} | {} | {result}, {passed} of {} tests | {:.0} s | {figures}{more} |",
            row.fault,
            row.shows,
            row.tests.len(),
            took.as_secs_f64()
        );
    }
    out
}

/// The same with times to two digits behind the point: a test prints them as they are, to the nanosecond.
fn rounded(figure: &str) -> String {
    let word = |word: &str| {
        let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let of_time = ["s", "ms", "\u{b5}s"].contains(&unit.trim_end_matches([',', ';', ':']));
        let number: f64 = number.parse().ok().filter(|_| of_time && number.contains('.'))?;
        Some(format!("{number:.2}{unit}"))
    };
    let words = figure.split(' ').map(|text| word(text).unwrap_or_else(|| text.to_owned()));
    words.collect::<Vec<_>>().join(" ")
}

/// Puts the table in the place of the one before, with its command and the commit.
fn keep(table: &str, long: bool) -> anyhow::Result<()> {
    let commit = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output()?;
    let commit = String::from_utf8_lossy(&commit.stdout).trim().to_owned();
    let command = if long { "make faults LONG=1" } else { "make faults" };
    let page = std::fs::read_to_string(PAGE).context(PAGE)?;
    let [first, last] = if long { LONG_MARKS } else { MARKS };
    let start = page.find(first).context("the page has no place for the table")? + first.len();
    let end = page.find(last).context("the page has no end of the table")?;
    let text =
        format!("{}\n`{command}` at commit {commit}:\n\n{table}\n{}", &page[..start], &page[end..]);
    std::fs::write(PAGE, text).context(PAGE)
}

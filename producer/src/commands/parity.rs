//! `scrum parity`: whether two servers answer the same requests alike.

use crate::cli::{Global, ParityArgs, ParityForm};
use crate::ladder::worker_program;
use crate::output::{aligned, say, say_json, say_lines};
use anyhow::{Context as _, ensure};
use scrum_disk as disk;
use scrum_domain::parity::{
    Case, Cases, Compared, Heard, Outcome, compare, exit_code, junit, said,
};
use scrum_domain::text::counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Bytes of a file of cases at most.
const MOST_BYTES: u64 = 16 << 20;

/// What `scrum-worker exchange` reads.
#[derive(Serialize)]
struct Pair<'a> {
    a: &'a str,
    b: &'a str,
    timeout_s: u64,
    requests: Vec<Sent<'a>>,
}

#[derive(Serialize)]
struct Sent<'a> {
    method: &'a str,
    path: &'a str,
    headers_a: BTreeMap<String, String>,
    headers_b: BTreeMap<String, String>,
    body: Option<String>,
}

/// What it prints of each request.
#[derive(Deserialize)]
struct Heards {
    a: Result<Heard, String>,
    b: Result<Heard, String>,
}

/// Asks both servers; exit code 1 when an answer differs, 2 when a side gave none.
///
/// # Errors
/// A file that holds no cases, an address that can't be used, a variable that is not set, no worker program.
pub fn execute(global: &Global, args: &ParityArgs) -> anyhow::Result<u8> {
    let file = args.cases.display();
    let read = disk::read_file(&args.cases, MOST_BYTES);
    let bytes = read.with_context(|| format!("{file} can't be read; check the path"))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{file} is not UTF-8"))?;
    let Cases(cases) = Cases::read(&text).with_context(|| format!("{file} can't be used"))?;
    let requests = cases.iter().map(sent).collect::<anyhow::Result<_>>()?;
    let pair = Pair { a: &args.a, b: &args.b, timeout_s: args.timeout, requests };
    let heards = exchange(global, &pair)?;
    ensure!(heards.len() == cases.len(), "scrum-worker is of another version than scrum");
    let all: Vec<Compared> =
        cases.iter().zip(&heards).map(|(case, h)| compare(case, &h.a, &h.b)).collect();
    match args.form {
        ParityForm::Junit => say_lines(junit(&all).trim_end())?,
        ParityForm::Json => say_json(&all)?,
        ParityForm::Table if global.json => say_json(&all)?,
        ParityForm::Table => print(&all)?,
    }
    Ok(exit_code(&all))
}

fn sent(case: &Case) -> anyhow::Result<Sent<'_>> {
    let headers = |own: &BTreeMap<String, String>| {
        own.iter()
            .map(|(name, value)| {
                let filled = filled_in(value, |name| std::env::var(name).ok());
                Ok((
                    name.clone(),
                    filled.with_context(|| format!("{}: the header {name}", case.name))?,
                ))
            })
            .collect::<anyhow::Result<_>>()
    };
    let body = case
        .body
        .as_ref()
        .map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
    Ok(Sent {
        method: &case.method,
        path: &case.path,
        headers_a: headers(&case.to_a())?,
        headers_b: headers(&case.to_b())?,
        body,
    })
}

/// A value with the variables that it names as `${NAME}`.
fn filled_in(value: &str, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    let (mut out, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').context("a ${ has no }")?;
        let set =
            env(name).with_context(|| format!("the environment variable {name} is not set"))?;
        out = out + before + set.trim();
        rest = after;
    }
    Ok(out + rest)
}

/// Sends them through the worker program: outbound connections are its business.
fn exchange(global: &Global, pair: &Pair<'_>) -> anyhow::Result<Vec<Heards>> {
    let mut command = Command::new(worker_program()?);
    if let Some(config) = &global.config {
        command.arg("--config").arg(config);
    }
    command.arg("exchange").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut worker = command.spawn()?;
    if let Some(mut input) = worker.stdin.take() {
        input.write_all(&serde_json::to_vec(pair)?)?;
    }
    let out = worker.wait_with_output()?;
    let why = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "the servers can't be asked: {}", why.trim());
    Ok(serde_json::from_slice(&out.stdout)?)
}

fn print(all: &[Compared]) -> anyhow::Result<()> {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    let row = |c: &Compared| {
        let result = match &c.outcome {
            Outcome::Same => "same".to_owned(),
            Outcome::Different { differences, more } => {
                counted(differences.len() + more, "difference", "differences")
            }
            Outcome::NotAsked { .. } => "no answer".to_owned(),
        };
        vec![c.name.clone(), ms(c.a_ms), ms(c.b_ms), result]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    say_lines(&aligned(&["CASE", "A", "B", "RESULT"], &rows, &[1, 2]))?;
    for line in said(all) {
        say(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_take_variables_from_the_environment() {
        let env = |name: &str| (name == "KEY").then(|| "s3cret\n".to_owned());
        for (value, filled) in [
            ("plain $KEY", Some("plain $KEY")),
            ("Bearer ${KEY}", Some("Bearer s3cret")),
            ("${KEY}-${KEY}!", Some("s3cret-s3cret!")),
            ("${OTHER}", None),
            ("${KEY", None),
        ] {
            assert_eq!(filled_in(value, env).ok().as_deref(), filled, "{value}");
        }
    }
}

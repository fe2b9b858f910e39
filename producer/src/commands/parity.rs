//! `scrum parity`: whether two servers answer the same requests alike.

use crate::cli::{Global, ParityArgs, ParityForm};
use crate::ladder::ask_worker;
use crate::output::{aligned, say, say_json, say_lines};
use anyhow::{Context as _, ensure};
use scrum_disk as disk;
use scrum_domain::parity::{
    Answers, Case, Cases, Compared, Headers, Outcome, Pair, Request, compare, exit_code, junit,
    said,
};
use scrum_domain::text::counted;
use serde_json::Value;

/// Bytes of a file of cases at most.
const MOST_BYTES: u64 = 16 << 20;

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
    let pair = Pair { a: args.a.clone(), b: args.b.clone(), timeout_s: args.timeout, requests };
    // Outbound connections are the worker program's business.
    let answers: Vec<Answers> =
        ask_worker(global, &["exchange"], &pair).context("the servers can't be asked")?;
    ensure!(answers.len() == cases.len(), "scrum-worker is of another version than scrum");
    let all: Vec<Compared> =
        cases.iter().zip(&answers).map(|(case, h)| compare(case, &h.a, &h.b)).collect();
    match args.form {
        ParityForm::Junit => say_lines(junit(&all).trim_end())?,
        ParityForm::Json => say_json(&all)?,
        ParityForm::Table if global.json => say_json(&all)?,
        ParityForm::Table => print(&all)?,
    }
    Ok(exit_code(&all))
}

fn sent(case: &Case) -> anyhow::Result<Request> {
    let filled = |headers: Headers| {
        let named = headers.into_iter().map(|(name, value)| {
            let filled = filled_in(&value, |name| std::env::var(name).ok());
            let filled = filled.with_context(|| format!("{}: the header {name}", case.name))?;
            Ok((name, filled))
        });
        named.collect::<anyhow::Result<Headers>>()
    };
    let text = |body: &Value| body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Ok(Request {
        method: case.method.clone(),
        path: case.path.clone(),
        headers_a: filled(case.to_a())?,
        headers_b: filled(case.to_b())?,
        body: case.body.as_ref().map(text),
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

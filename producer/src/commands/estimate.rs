//! `scrum estimate`: what a sweep would take, as ranges, from what earlier ones took. No model is asked.

use super::sweep;
use crate::cli::{EstimateArgs, Global};
use crate::looking;
use crate::original;
use crate::output::{aligned, dollars, duration, say, say_json, say_lines, short};
use crate::progress::Progress;
use crate::session::Session;
use queue_schema::sweep::{Basis, Expected, Span};
use scrum_domain::text::counted;

/// Says what is expected; 1 if nothing would be reviewed, or nothing would cost anything.
///
/// # Errors
/// Whatever a person can get wrong, with what to do; a repository that can't be read, a failure of Redis.
pub async fn execute(global: &Global, mut args: EstimateArgs) -> anyhow::Result<u8> {
    original::fill_request(&mut args.request, global.quiet)?;
    let session = Session::open(global).await?;
    let progress = Progress::new(global.quiet);
    let name = args.request.ladder.clone().unwrap_or_else(|| "auto".to_owned());
    let climbed = sweep::climbed(&session, &args.request, &name)?;
    let prepared = Box::pin(sweep::prepare(&session, &args.request, climbed, &progress)).await?;
    let expected = looking::expected(&session, &prepared).await?;
    let spec = &prepared.spec;
    if global.json {
        say_json(&serde_json::json!({
            "repo": queue_schema::url::public_address(&spec.repo),
            "commit": spec.commit,
            "ladder": spec.ladder.name,
            "expected": expected,
        }))?;
    } else {
        match &expected {
            Some(expected) => print(expected)?,
            None => {
                say("nothing to pay for: no file would be reviewed, or no model would be asked")?;
            }
        }
    }
    Ok(u8::from(expected.is_none()))
}

fn print(expected: &Expected) -> anyhow::Result<()> {
    let files = counted(usize::try_from(expected.files).unwrap_or(usize::MAX), "file", "files");
    let sweeps = counted(expected.sweeps as usize, "earlier sweep", "earlier sweeps");
    say(&match expected.basis {
        Basis::Ledger => format!("{files}, by {sweeps}; four sweeps of five lie within:"),
        Basis::Files => format!(
            "{files}, by the files alone: too few answers of the first rung are counted yet; least and most:"
        ),
    })?;
    let rows: Vec<Vec<String>> = numbers(expected)
        .into_iter()
        .map(|(name, span, show)| {
            vec![name.to_owned(), show(span.low), show(span.likely), show(span.high)]
        })
        .collect();
    say_lines(&aligned(&["", "FROM", "LIKELY", "TO"], &rows, &[1, 2, 3]))?;
    if !expected.unknown.is_empty() {
        say(&format!("guessed, for no earlier sweep tells: {}", expected.unknown.join(", ")))?;
    }
    if !expected.unpriced.is_empty() {
        say(&format!("without a known price: {}", expected.unpriced.join(", ")))?;
    }
    say("Answers that are kept already cost nothing; they are not taken off.")
}

type Show = fn(f64) -> String;

/// Each number of which something is expected, and how it is shown.
fn numbers(expected: &Expected) -> Vec<(&'static str, Span, Show)> {
    let whole: Show = |n| short(n.round().max(0.0) as u64);
    let mut all: Vec<(&'static str, Span, Show)> =
        vec![("calls", expected.calls, whole), ("tokens", expected.tokens, whole)];
    all.extend(expected.usd.map(|usd| ("cost", usd, (|n| dollars(Some(n))) as Show)));
    all.extend(expected.ms.map(|ms| ("time", ms, (|n| duration(n.max(0.0) as u64)) as Show)));
    all
}

/// What is told when a sweep begins; nothing where no earlier sweep tells.
pub fn told(expected: &Expected) -> Option<String> {
    let one = |(name, span, show): (&str, Span, Show)| {
        format!("{name} {} to {}", show(span.low), show(span.high))
    };
    let all: Vec<String> = numbers(expected).into_iter().map(one).collect();
    (expected.basis == Basis::Ledger)
        .then(|| format!("expected, four times of five: {}", all.join(", ")))
}

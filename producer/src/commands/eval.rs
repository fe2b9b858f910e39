//! `scrum eval`: how right reviews are.

use crate::cli::{EvalAction, EvalArgs, Global};
use crate::eval::{self, Asked, Set};
use crate::output::{say, say_json, say_lines, table, tell};
use crate::progress::Progress;
use crate::session::Session;
use crate::signals;
use anyhow::{Context, bail};
use scrum_disk::{self as disk, OutDir};
use scrum_domain::eval::case::Case;
use scrum_domain::eval::compare::{Comparison, Side, compare};
use scrum_domain::eval::record::{EVAL_VERSION, Record, Run};
use scrum_domain::eval::report::{self, HEADER, RECORD_NAME, REPORT_NAME};
use scrum_domain::text::counted;
use scrum_shown::shown_json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Bytes of an `eval.json` at most.
const MOST_RECORD: u64 = 256 << 20;

/// Makes cases, has them reviewed, and says what the reviews are worth.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: EvalArgs) -> anyhow::Result<u8> {
    if let Some(EvalAction::Compare { a, b }) = &args.action {
        return compare_files(global, a, b);
    }
    let mut session = Session::open(global).await?;
    if let Some(out) = &args.out {
        check_out(out, &session.state)?;
    }
    let only_freezes = args.freeze.is_some() && args.ladders.is_empty() && args.rungs.is_empty();
    // Before anything takes time.
    let ladders = if only_freezes {
        Vec::new()
    } else {
        eval::labelled(&args, &session.settings, session.config.as_deref())?
    };
    let mut progress = Progress::new(global.quiet);
    let Some(set) = cases(&args, &session, &progress).await? else {
        tell("interrupted; run the same command again to go on");
        return Ok(130);
    };
    if let Some(tried) = &set.mutants {
        progress.note(&report::tried(tried));
    }
    if let Some(dir) = &args.freeze {
        eval::freeze(dir, &session.state, &set)?;
    }
    if let Some(dir) = args.freeze.as_ref().filter(|_| only_freezes) {
        progress.finish();
        let n = counted(set.cases.len(), "case", "cases");
        if global.json {
            let cases: Vec<&Case> = set.cases.iter().map(|c| &c.case).collect();
            say_json(&serde_json::json!({ "cases": cases, "mutants": set.mutants, "out": dir }))?;
        } else {
            say(&format!("{n}, {} with a fault: {}", set.seeded(), dir.display()))?;
        }
        return Ok(0);
    }
    let runs = eval::run(global, &mut session, &args, &set, (ladders, &mut progress)).await?;
    progress.finish();
    let Some(runs) = runs else {
        tell("interrupted; run the same command again to go on");
        return Ok(130);
    };
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&session, &set)?,
    };
    let record = record(set, runs);
    write(&record, &out, &session.state)?;
    show(global, &record, &out)?;
    Ok(u8::from(record.runs.iter().any(|run| run.figures.not_reviewed > 0)))
}

/// Reads the cases, or makes them; `None` when the user left.
async fn cases(
    args: &EvalArgs,
    session: &Session,
    progress: &Progress,
) -> anyhow::Result<Option<Set>> {
    if let Some(dir) = &args.cases {
        let most = session.settings.sweep.max_file_bytes;
        return Ok(Some(eval::read_frozen(dir, most, args.seed)?));
    }
    let Some(repo) = args.repo.clone() else { bail!("name a repository, or --cases") };
    let cancel = Arc::new(AtomicBool::new(false));
    let asked = Asked {
        repo,
        rev: args.rev.clone(),
        targets: args.targets.clone(),
        mutants: args.mutants as usize,
        seed: args.seed,
        test: args.test.clone(),
        check: args.check.clone(),
        unsafe_no_sandbox: args.unsafe_no_sandbox,
        settings: session.settings.clone(),
        state: session.state.clone(),
        cancel: cancel.clone(),
    };
    let (notes, mut told) = mpsc::unbounded_channel();
    let mut work = tokio::task::spawn_blocking(move || {
        let tell = |note: String| drop(notes.send(note));
        eval::choose(&asked, &tell)
    });
    let mut interrupted = std::pin::pin!(signals::interrupted());
    let mut left = false;
    loop {
        tokio::select! {
            biased;
            Some(note) = told.recv() => progress.note(&note),
            done = &mut work => return done?.map(|set| set.filter(|_| !left)),
            () = &mut interrupted, if !left => {
                left = true;
                cancel.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn record(set: Set, runs: Vec<Run>) -> Record {
    let cases: Vec<Case> = set.cases.into_iter().map(|built| built.case).collect();
    let side =
        |run: usize| Side { label: &runs[run].label, cases: &cases, outcomes: &runs[run].cases };
    let pairs = (0..runs.len()).flat_map(|a| (a + 1..runs.len()).map(move |b| (a, b)));
    let comparisons = pairs.filter_map(|(a, b)| compare(&side(a), &side(b))).collect();
    Record {
        schema_version: EVAL_VERSION,
        source: set.source,
        commit: set.commit,
        seed: set.seed,
        mutants: set.mutants,
        cases,
        runs,
        comparisons,
    }
}

fn is_ours(name: &str) -> bool {
    [REPORT_NAME, RECORD_NAME].contains(&name)
}

fn unusable(out: &Path) -> String {
    format!("the directory {} can't be used; pass another --out", out.display())
}

fn check_out(out: &Path, state: &Path) -> anyhow::Result<()> {
    OutDir::check(out, state, is_ours).with_context(|| unusable(out))
}

/// In the state directory, which nobody else can enter.
fn default_out(session: &Session, set: &Set) -> anyhow::Result<PathBuf> {
    let reports = session.state.join("reports");
    disk::private_dir(&reports).with_context(|| unusable(&reports))?;
    Ok(reports.join(format!("eval-{}", set.name())))
}

fn write(record: &Record, out: &Path, state: &Path) -> anyhow::Result<()> {
    let dir = OutDir::open(out, state, is_ours).with_context(|| unusable(out))?;
    let json = serde_json::to_string_pretty(record)? + "\n";
    dir.put(REPORT_NAME, &report::markdown(record))
        .and_then(|()| dir.put(RECORD_NAME, &shown_json(&json)))
        .with_context(|| format!("the report in {} can't be written", out.display()))
}

fn show(global: &Global, record: &Record, out: &Path) -> anyhow::Result<()> {
    if global.json {
        let mut json = serde_json::to_value(record)?;
        if let Some(map) = json.as_object_mut() {
            map.insert("out".into(), out.display().to_string().into());
        }
        return say_json(&json);
    }
    let rows: Vec<_> =
        record.runs.iter().map(|run| report::row(&run.label, &run.figures)).collect();
    say_lines(&table(&HEADER, &rows))?;
    for comparison in &record.comparisons {
        for line in report::compared(comparison) {
            say(&line)?;
        }
    }
    say(&format!("report: {}", out.join(REPORT_NAME).display()))?;
    Ok(())
}

fn compare_files(global: &Global, a: &str, b: &str) -> anyhow::Result<u8> {
    let (one, other) = (found(a)?, found(b)?);
    let side = |of: &(Record, usize), name: &str| -> (String, Vec<Case>, usize) {
        let label = format!("{} ({name})", of.0.runs[of.1].label);
        (label, of.0.cases.clone(), of.1)
    };
    let ((label_a, cases_a, run_a), (label_b, cases_b, run_b)) = (side(&one, a), side(&other, b));
    let compared = compare(
        &Side { label: &label_a, cases: &cases_a, outcomes: &one.0.runs[run_a].cases },
        &Side { label: &label_b, cases: &cases_b, outcomes: &other.0.runs[run_b].cases },
    );
    let Some(compared) = compared else {
        bail!(
            "{a} and {b} have no file with a fault in common; run both over the same cases (--freeze, --cases)"
        );
    };
    if global.json {
        say_json(&serde_json::to_value(&compared)?)?;
    } else {
        say_compared(&compared)?;
    }
    Ok(0)
}

fn say_compared(compared: &Comparison) -> anyhow::Result<()> {
    for line in report::compared(compared) {
        say(&line)?;
    }
    let rows: Vec<Vec<String>> = report::differences(compared).into_iter().map(Vec::from).collect();
    say_lines(&table(&["", "FIRST LESS SECOND"], &rows))?;
    Ok(())
}

/// The record that is named, and which of its runs.
fn found(name: &str) -> anyhow::Result<(Record, usize)> {
    let whole = Path::new(name);
    let (path, label) = match name.split_once('#') {
        Some((path, label)) if !disk::exists(whole) => (Path::new(path), Some(label)),
        _ => (whole, None),
    };
    let path = if disk::is_dir(path) { path.join(RECORD_NAME) } else { path.to_owned() };
    let shown = path.display();
    let text = disk::read_text(&path, MOST_RECORD).with_context(|| {
        format!("{shown} can't be read; name an {RECORD_NAME} that scrum eval has written")
    })?;
    let record = Record::parse(&text)
        .map_err(|why| anyhow::anyhow!("{shown} is no {RECORD_NAME} of scrum eval: {why}"))?;
    let labels: Vec<&str> = record.runs.iter().map(|run| run.label.as_str()).collect();
    let at = match label {
        Some(label) => labels.iter().position(|known| *known == label),
        None => (labels.len() == 1).then_some(0),
    };
    match at {
        Some(at) => Ok((record, at)),
        None => bail!(
            "{shown} has the runs {}; name one of them as {shown}#{}",
            labels.join(", "),
            labels.first().unwrap_or(&"LABEL")
        ),
    }
}

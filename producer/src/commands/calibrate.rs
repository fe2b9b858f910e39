//! `scrum calibrate`: what the confidences of models are worth, from judged findings; keeps a map for each model.

use crate::cli::{CalibrateArgs, Global};
use crate::output::{aligned, plain, say, say_json, say_lines, tell};
use crate::session::Session;
use anyhow::{Context as _, bail};
use queue_schema::ids::sha256_hex;
use queue_schema::rows::CalibrationRow;
use queue_schema::rows::calibration::SCHEMA_VERSION;
use queue_schema::sweep::MapStep;
use scrum_disk as disk;
use scrum_domain::calibration::labels::{AllJudged, Judged};
use scrum_domain::calibration::{Bounds, calibrate};
use scrum_domain::text::counted;
use scrum_knowledge::{Ledger, Wanted, now_ms, time};
use scrum_shown::shell_quoted;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Bytes of an eval file at most.
const MOST_EVAL: u64 = 256 << 20;

/// A model, and what became of its map.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    row: CalibrationRow,
    /// Judged findings without a confidence that can be read.
    silent: u32,
    /// Whether its map is new.
    kept: bool,
    /// The map that stays, where there are too few findings for another one.
    stays: bool,
}

/// Compares, says what it comes to, and keeps the maps; 1 when no model has enough judged findings.
///
/// # Errors
/// A file that is no eval file, a model without a map, a failure of Redis.
pub async fn execute(global: &Global, args: CalibrateArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    if !args.forget.is_empty() {
        return forget(global, &session, &args.forget).await;
    }
    let known = session.checking().calibrations().await?;
    if args.show {
        return show(global, &known);
    }
    let settings = session.settings.calibration;
    let bounds = Bounds { least: settings.min_labels, isotonic_from: settings.isotonic_from };
    let mut judged = AllJudged::default();
    evals(&args.evals, &mut judged)?;
    if !args.no_ledger {
        ledgers(&session, &mut judged).await?;
    }
    let calibrated_at = time(now_ms());
    let told = judged.by_model.iter().map(|(model, judged)| {
        let row = row(model, judged, bounds, &calibrated_at);
        let kept = row.frozen().is_some() && !args.dry_run;
        let stays = !kept && known.iter().any(|before| before.model == *model);
        Told { row, silent: judged.silent, kept, stays }
    });
    let told: Vec<Told> = told.collect();
    let new = told.iter().filter(|told| told.kept).map(|told| told.row.clone());
    session.checking().keep_calibrations(&new.collect::<Vec<_>>()).await?;
    if global.json {
        say_json(&told)?;
    } else if told.is_empty() {
        say(
            "no finding is judged yet: none was fixed, dismissed or audited, and no --eval is given",
        )?;
    } else {
        for told in &told {
            print(told, bounds)?;
        }
        if !session.settings.tiers.calibrated {
            tell(
                "tiers still go by what models say; tiers.calibrated = true of the settings changes that",
            );
        }
    }
    Ok(u8::from(told.iter().all(|told| told.row.map.is_empty())))
}

/// Takes in eval files.
///
/// # Errors
/// One that can't be read, is none, or comes twice.
pub fn evals(files: &[PathBuf], judged: &mut AllJudged) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for file in files {
        let text = read_eval(file)?;
        if !seen.insert(sha256_hex(text.as_bytes())) {
            bail!("--eval {} was given before; give each file once", file.display());
        }
        let read = judged.add_eval(&text);
        read.map_err(|why| anyhow::anyhow!("the file --eval {} {why}", file.display()))?;
    }
    Ok(())
}

/// The text of an eval file.
fn read_eval(file: &Path) -> anyhow::Result<String> {
    disk::read_text(file, MOST_EVAL).with_context(|| {
        format!("the file --eval {} can't be read; check the path", file.display())
    })
}

/// What became of the findings of all repositories.
async fn ledgers(session: &Session, judged: &mut AllJudged) -> anyhow::Result<()> {
    let queue = session.checking();
    for (memory, _) in queue.memories().await? {
        let mut all = Ledger::of(&queue, &memory, Wanted::default()).await?;
        loop {
            let page = all.next_page().await?;
            if page.is_empty() {
                break;
            }
            for row in &page {
                judged.add_finding(row);
            }
        }
    }
    Ok(())
}

fn row(model: &str, judged: &Judged, bounds: Bounds, at: &str) -> CalibrationRow {
    let found = calibrate(&judged.labels, bounds);
    let sources = judged.sources.iter().map(|(source, n)| (source.as_str().to_owned(), *n));
    let (method, brier, ece) = match &found.map {
        Some(map) => (Some(map.method), Some(map.brier), Some(map.ece)),
        None => (None, None, None),
    };
    CalibrationRow {
        model: model.to_owned(),
        calibrated_at: at.to_owned(),
        labels: found.labels,
        right: found.right,
        sources: sources.collect(),
        brier: found.brier,
        ece: found.ece,
        bins: found.bins,
        method,
        map: found.map.map(|map| map.steps).unwrap_or_default(),
        brier_calibrated: brier,
        ece_calibrated: ece,
        schema_version: SCHEMA_VERSION,
    }
}

async fn forget(global: &Global, session: &Session, models: &[String]) -> anyhow::Result<u8> {
    let known = session.queue.calibrations().await?;
    for model in models {
        if !known.iter().any(|row| row.model == *model) {
            bail!("no map is kept of '{model}'; scrum calibrate --show lists them");
        }
    }
    let gone = session.queue.forget_calibrations(models).await?;
    if global.json {
        say_json(&serde_json::json!({ "forgotten": models }))?;
    } else {
        let gone = counted(usize::try_from(gone).unwrap_or(usize::MAX), "map", "maps");
        say(&format!("{gone} forgotten; sweeps that began before keep theirs"))?;
    }
    Ok(0)
}

fn show(global: &Global, known: &[CalibrationRow]) -> anyhow::Result<u8> {
    if global.json {
        say_json(&known)?;
    } else if known.is_empty() {
        say("no map is kept; scrum calibrate makes them")?;
    }
    for row in known.iter().filter(|_| !global.json) {
        figures(row)?;
        say(&format!("  made on {}", plain(&row.calibrated_at)))?;
        map(row)?;
    }
    Ok(0)
}

fn print(told: &Told, bounds: Bounds) -> anyhow::Result<()> {
    let Told { row, silent, kept, stays } = told;
    figures(row)?;
    if *silent > 0 {
        let some = counted(*silent as usize, "judged finding has", "judged findings have");
        say(&format!("  {some} no confidence that can be read, and does not count here"))?;
    }
    if row.map.is_empty() {
        let stays = if *stays { "; the map that is kept stays" } else { "" };
        return say(&format!(
            "  too few for a map: {} of at least {} (calibration.min_labels); nothing changes{stays}",
            row.labels, bounds.least
        ));
    }
    map(row)?;
    if !kept {
        let model = shell_quoted(&row.model);
        say(&format!("  not kept: without --dry-run it becomes the map of {model}"))?;
    }
    Ok(())
}

/// The numbers of a model and its reliability table.
fn figures(row: &CalibrationRow) -> anyhow::Result<()> {
    let from: Vec<String> =
        row.sources.iter().map(|(name, n)| format!("{n} {}", name.replace('_', " "))).collect();
    say(&plain(&row.model))?;
    say(&format!(
        "  {} judged ({}), {} right; Brier score {:.3}, calibration error {:.1} points",
        counted(row.labels as usize, "finding", "findings"),
        from.join(", "),
        row.right,
        row.brier,
        row.ece
    ))?;
    let cells = |bin: &queue_schema::rows::calibration::ReliabilityBin| {
        vec![
            format!("  {}-{}%", bin.from, bin.to),
            bin.labels.to_string(),
            format!("{:.0}%", bin.said),
            format!("{:.0}%", bin.right),
        ]
    };
    let rows: Vec<_> = row.bins.iter().map(cells).collect();
    if rows.is_empty() {
        return Ok(());
    }
    say_lines(&aligned(&["  SAID", "FINDINGS", "ON AVERAGE", "RIGHT"], &rows, &[1, 2, 3]))
}

/// The map, a part a word, and what it does to findings that it was not made of.
fn map(row: &CalibrationRow) -> anyhow::Result<()> {
    let (Some(method), Some(ece), Some(brier)) =
        (row.method, row.ece_calibrated, row.brier_calibrated)
    else {
        return Ok(());
    };
    let ends = row.map.iter().skip(1).map(|next| next.from - 1).chain([100]);
    let part = |(step, end): (&MapStep, u8)| match step.from {
        from if from == end => format!("{from}: {}", step.to),
        from => format!("{from}-{end}: {}", step.to),
    };
    let parts: Vec<String> = row.map.iter().zip(ends).map(part).collect();
    say(&format!(
        "  map ({}): Brier score {brier:.3}, calibration error {ece:.1} points on findings that it was not made of",
        method.as_str()
    ))?;
    say(&format!("  {}", parts.join(", ")))
}

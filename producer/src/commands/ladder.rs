//! `scrum ladder suggest`: the ladder that costs least, by the ledgers of this fleet and by evals. It is printed, never used.

use super::calibrate;
use crate::cli::{CostBy, Global, LadderAction, LadderArgs, SuggestArgs};
use crate::output::{plain, say, say_json, say_lines};
use crate::session::Session;
use anyhow::bail;
use queue_schema::rows::ModelTrustRow;
use queue_schema::sweep::Rung;
use scrum_config::{AUTO_LADDER, Ladders, Wire};
use scrum_domain::calibration::labels::AllJudged;
use scrum_domain::suggest::{Aim, Candidate, MOST_MODELS, Suggestion, suggest};
use scrum_domain::text::counted;
use scrum_knowledge::models;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Attempts at reviews without which nothing is said of a model.
const LEAST_ATTEMPTS: u64 = 30;
/// Cases of evals that it must have reviewed, where true findings count.
const LEAST_CASES: u32 = 20;
/// Models without which there is nothing to choose.
const LEAST_MODELS: usize = 2;
/// Sweeps that are looked through for how a rung was set.
const LOOKED_AT: usize = 30;
/// What a second counts where dollars do: of what costs the same, the quicker one.
const SECOND: f64 = 1e-9;

/// Prints a ladder; 1 when the evidence is too thin.
///
/// # Errors
/// A file that is no eval file, a failure of Redis.
pub async fn execute(global: &Global, args: LadderArgs) -> anyhow::Result<u8> {
    let LadderAction::Suggest(args) = args.action;
    let named = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if args.name.is_empty() || args.name == AUTO_LADDER || !args.name.chars().all(named) {
        bail!(
            "--name {} can't be a ladder's name; use letters, digits, '-' and '_', and not 'auto'",
            args.name
        );
    }
    let session = Session::open(global).await?;
    let mut judged = AllJudged::default();
    calibrate::evals(&args.evals, &mut judged)?;
    let rows = models(&session.queue, None).await?;
    let evidence = Evidence::of(&session, &args, rows, &judged);
    let aim = if args.evals.is_empty() { Aim::Accepted } else { Aim::True };
    let found = (evidence.candidates.len() >= LEAST_MODELS)
        .then(|| {
            let accept = f64::from(args.accept) / 100.0;
            suggest(&evidence.candidates, aim, accept, args.rungs.into())
        })
        .flatten();
    let Some(found) = found else {
        if global.json {
            say_json(&json!({ "suggestion": null, "left_out": evidence.left_out }))?;
        } else {
            say(&evidence.too_thin(aim))?;
        }
        return Ok(1);
    };
    let rungs = rungs(&session).await?;
    if global.json {
        say_json(&evidence.json(&found, aim))?;
    } else {
        say_lines(&evidence.ladder(&args, &found, aim, &rungs))?;
    }
    Ok(0)
}

/// What is known of the models.
struct Evidence {
    by: CostBy,
    candidates: Vec<Candidate>,
    /// Models of which too little is known, and why.
    left_out: BTreeMap<String, String>,
}

impl Evidence {
    fn of(
        session: &Session,
        args: &SuggestArgs,
        rows: Vec<ModelTrustRow>,
        judged: &AllJudged,
    ) -> Self {
        let (mut taken, mut left_out) = (Vec::new(), BTreeMap::new());
        for row in rows.into_iter().filter(|row| row.task == "review") {
            let name = row.name();
            let provider = session.settings.providers.get(&row.provider);
            let Some(provider) = provider.filter(|p| p.wire != Wire::Builtin) else { continue };
            let cases = judged.reviews.get(&name).copied().unwrap_or(0);
            let made = row.attempts - row.cached.min(row.attempts);
            let why = if row.attempts < LEAST_ATTEMPTS || made == 0 {
                {
                    let attempts = usize::try_from(row.attempts).unwrap_or(usize::MAX);
                    let attempts = counted(attempts, "attempt", "attempts");
                    format!("{attempts}, of at least {LEAST_ATTEMPTS}")
                }
            } else if !args.evals.is_empty() && cases < LEAST_CASES {
                format!("{cases} reviewed cases of evals, of at least {LEAST_CASES}")
            } else if taken.len() == MOST_MODELS {
                format!("{MOST_MODELS} others have more attempts")
            } else {
                let usd = row.cost_usd.or(provider.local.then_some(0.0));
                taken.push((row, made as f64, usd, cases));
                continue;
            };
            left_out.insert(name, why);
        }
        let told = taken.iter().all(|(_, _, usd, _)| usd.is_some());
        let some = taken.iter().any(|(_, _, usd, _)| usd.is_some_and(|usd| usd > 0.0));
        let usual = if told && some { CostBy::Dollars } else { CostBy::Seconds };
        let by = args.by.unwrap_or(usual);
        let candidate = |(row, made, usd, cases): (ModelTrustRow, f64, Option<f64>, u32)| {
            let name = row.name();
            let seconds = row.duration_ms as f64 / 1000.0 / made;
            let right = judged.by_model.get(&name).map_or(0, |of| of.right_by_eval);
            Candidate {
                attempts: row.attempts,
                accepted: row.accepted,
                cost: match by {
                    CostBy::Dollars => usd.unwrap_or(0.0) / made + seconds * SECOND,
                    CostBy::Seconds => seconds,
                },
                found: (!args.evals.is_empty()).then(|| f64::from(right) / f64::from(cases.max(1))),
                name,
            }
        };
        Self { by, candidates: taken.into_iter().map(candidate).collect(), left_out }
    }

    /// An amount of what costs.
    fn cost(&self, amount: f64) -> String {
        match self.by {
            CostBy::Dollars => format!("${amount:.5}"),
            CostBy::Seconds => format!("{amount:.1}s"),
        }
    }

    fn too_thin(&self, aim: Aim) -> String {
        let what = match aim {
            Aim::Accepted => "of which enough reviews are counted",
            Aim::True => "of which enough reviews are counted and enough cases are judged",
        };
        let have = counted(self.candidates.len(), "model", "models");
        let left: Vec<String> =
            self.left_out.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        let left = if left.is_empty() { String::new() } else { format!(": {}", left.join("; ")) };
        format!(
            "too little is known to suggest a ladder: {have} {what}, and it takes {LEAST_MODELS}{left}"
        )
    }

    fn json(&self, found: &Suggestion, aim: Aim) -> Value {
        let candidate = |of: &Candidate| {
            json!({"model": of.name, "attempts": of.attempts, "accepted": of.accepted,
                "cost": of.cost, "true_findings": of.found})
        };
        let order: Vec<&str> =
            found.order.iter().map(|i| self.candidates[*i].name.as_str()).collect();
        json!({
            "suggestion": {
                "order": order,
                "cost_per_file": found.worth.cost,
                "cost_per_accepted": found.worth.price(Aim::Accepted),
                "cost_per_true_finding": found.worth.price(Aim::True),
                "accepted": found.worth.accepted,
                "reaches": found.reaches,
                "range": found.price,
                "settled": found.settled,
            },
            "aim": if aim == Aim::True { "true" } else { "accepted" },
            "by": if self.by == CostBy::Dollars { "dollars" } else { "seconds" },
            "candidates": self.candidates.iter().map(candidate).collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }

    /// The ladder as a file, with its evidence in comments.
    fn ladder(
        &self,
        args: &SuggestArgs,
        found: &Suggestion,
        aim: Aim,
        rungs: &BTreeMap<String, Rung>,
    ) -> String {
        let mut out = String::new();
        let what = if aim == Aim::True { "a true finding" } else { "an accepted review" };
        let _ = writeln!(out, "# The cheapest order by what this fleet has counted, for {what}.");
        for of in &self.candidates {
            let found = of.found.map(|n| format!(", {n:.2} true findings a review"));
            let _ = writeln!(
                out,
                "# {}: {} of {} attempts accepted, {} an attempt{}",
                plain(&of.name),
                of.accepted,
                of.attempts,
                self.cost(of.cost),
                found.unwrap_or_default()
            );
        }
        for (name, why) in &self.left_out {
            let _ = writeln!(out, "# left out: {} ({why})", plain(name));
        }
        let price = found.worth.price(aim).map_or_else(|| "nothing".to_owned(), |p| self.cost(p));
        let range = found.price.map(|(low, high)| {
            format!(
                " ({} to {} in four fifths of what so few attempts leave open)",
                self.cost(low),
                self.cost(high)
            )
        });
        let _ = writeln!(out, "# This ladder: {price} for {what}{}.", range.unwrap_or_default());
        let accepted = found.worth.accepted * 100.0;
        let short =
            if found.reaches { "" } else { ", fewer than asked for: no ladder comes so far" };
        let _ = writeln!(
            out,
            "# {accepted:.1} % of the files are accepted{short}; the order of its rungs is settled to {:.0} %.",
            found.settled * 100.0
        );
        let _ = writeln!(
            out,
            "# It is taken for granted that a rung accepts what those before it rejected as often as other files."
        );
        let _ = writeln!(out, "name = {}", quoted(&args.name));
        let _ = writeln!(
            out,
            "description = {}",
            quoted(&format!("The cheapest order for {what}, by what was counted"))
        );
        for of in found.order.iter().map(|i| &self.candidates[*i]) {
            let note = format!("{} of {} attempts accepted", of.accepted, of.attempts);
            let (provider, model) = of.name.split_once('/').unwrap_or((&of.name, ""));
            let _ = write!(
                out,
                "\n[[rungs]]\nprovider = {}\nmodel = {}\nnote = {}\n",
                quoted(provider),
                quoted(model),
                quoted(&note)
            );
            let set = rungs.get(&of.name);
            out.push_str(&set.map(settings_of).unwrap_or_default());
        }
        out
    }
}

/// A text in TOML, which takes the strings of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// What else is set of a rung, a line each.
fn settings_of(rung: &Rung) -> String {
    let mut out = String::new();
    let whole = [
        ("max_tokens", rung.max_tokens),
        ("context_tokens", rung.context_tokens),
        ("max_findings", rung.max_findings),
    ];
    for (name, n) in whole.into_iter().filter_map(|(name, n)| Some((name, n?))) {
        let _ = writeln!(out, "{name} = {n}");
    }
    let parts = [
        ("temperature", rung.temperature),
        ("usd_per_million_in", rung.usd_per_million_in),
        ("usd_per_million_out", rung.usd_per_million_out),
    ];
    for (name, n) in parts.into_iter().filter_map(|(name, n)| Some((name, n?))) {
        // With a point, or TOML takes it for a whole number.
        let _ = writeln!(out, "{name} = {n:?}");
    }
    out
}

/// Rungs by name, as the latest sweep had them, else as a known ladder has them.
async fn rungs(session: &Session) -> anyhow::Result<BTreeMap<String, Rung>> {
    let mut all = BTreeMap::new();
    for id in session.queue.latest_sweeps(LOOKED_AT).await? {
        let Some(spec) = session.queue.sweep_spec(&id).await? else { continue };
        for rung in spec.ladder.rungs {
            all.entry(rung.name()).or_insert(rung);
        }
    }
    for ladder in Ladders::load(&session.settings)?.iter() {
        for rung in &ladder.rungs {
            all.entry(rung.name()).or_insert_with(|| rung.clone());
        }
    }
    Ok(all)
}

//! Who votes on the findings of a sweep, from the command line, the settings, or the sweep's ladder.

use crate::change::lacks;
use crate::session::Session;
use anyhow::bail;
use queue_schema::ids::SweepId;
use queue_schema::jobs::{Audit, JobKind as _};
use queue_schema::rows::Severity;
use queue_schema::sweep::{AuditSpec, Ladder, Reviewer, Rung};
use scrum_change::{Found, named_or_configured, reviewer, with_votes};
use scrum_config::{Settings, Wire};
use std::time::Duration;

/// The name of the voter that the ladder gives.
const OF_LADDER: &str = "ladder";
/// The name of the one who breaks ties, where the settings name the model.
const TIE_BREAKER: &str = "tie-breaker";

/// What the command line says of an audit.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// The sweep whose findings are audited; the sweep's own without it.
    pub of: Option<SweepId>,
    /// Who votes.
    pub voters: &'a [(String, String)],
    /// Who is asked when they split.
    pub tie_breaker: Option<&'a (String, String)>,
    /// Findings that are less grave are not audited.
    pub min_severity: Option<Severity>,
}

/// The votes on the findings of a sweep that has this ladder, and what to say of the voters.
///
/// # Errors
/// No such model or ladder, or no model to ask.
pub async fn spec(
    options: &Options<'_>,
    ladder: &Ladder,
    session: &Session,
) -> anyhow::Result<(AuditSpec, Vec<String>)> {
    let settings = &session.settings;
    let configured = ("audit.voters", &settings.audit.voters);
    let lacks = |ladder: &Ladder| lacks(ladder, settings);
    let Found { reviewers: mut voters, mut notes } =
        named_or_configured(options.voters, configured, settings, lacks)?;
    if voters.is_empty() {
        voters.extend(of_ladder(ladder, settings));
    }
    let is_builtin = |rung: &Rung| is_builtin(rung, settings);
    if voters.iter().all(|voter| voter.ladder.rungs.iter().all(is_builtin)) {
        bail!(
            "there is no model to ask: name voters by --voter NAME=PROVIDER/MODEL of `scrum audit SWEEP`, or in [audit.voters]"
        );
    }
    let tie_breaker = match options.tie_breaker {
        Some(of) => Some(reviewer(of, settings)?),
        None => tie_breaker(session).await?,
    };
    let voters = with_votes(voters);
    let names: Vec<String> = voters.iter().filter_map(who).collect();
    let tie = tie_breaker.as_ref().and_then(who);
    let tie = tie.map(|who| format!("; tie-breaker {who}")).unwrap_or_default();
    notes.push(format!("voters: {}{tie}", names.join(", ")));
    let audit = AuditSpec {
        of: options.of.clone(),
        voters,
        tie_breaker,
        min_severity: options.min_severity.unwrap_or(settings.audit.min_severity),
        bounds: settings.audit.bounds(),
    };
    Ok((audit, notes))
}

fn who(voter: &Reviewer) -> Option<String> {
    let first = voter.ladder.rungs.first()?;
    Some(format!("{} ({})", voter.name, first.name()))
}

fn is_builtin(rung: &Rung, settings: &Settings) -> bool {
    settings.providers.get(&rung.provider).is_none_or(|p| p.wire == Wire::Builtin)
}

/// A model of the ladder: not the first one, which writes most reviews, where there is another one.
fn of_ladder(ladder: &Ladder, settings: &Settings) -> Option<Reviewer> {
    let mut models = ladder.rungs.iter().filter(|rung| !is_builtin(rung, settings));
    let first = models.next()?;
    let rung = models.find(|rung| rung.name() != first.name()).unwrap_or(first);
    let rung = Rung { note: String::new(), max_tokens: None, max_findings: None, ..rung.clone() };
    let ladder =
        Ladder { name: OF_LADDER.to_owned(), description: String::new(), rungs: vec![rung] };
    Some(Reviewer { name: OF_LADDER.to_owned(), ladder })
}

/// That of the settings, where it can be asked: by this machine, or by a worker of the fleet.
async fn tie_breaker(session: &Session) -> anyhow::Result<Option<Reviewer>> {
    let settings = &session.settings;
    let model = &settings.audit.tie_breaker;
    if model.is_empty() {
        return Ok(None);
    }
    let found = reviewer(&(TIE_BREAKER.to_owned(), model.clone()), settings)?;
    let Some(first) = found.ladder.rungs.first() else { return Ok(None) };
    if session.private.is_some() {
        return Ok(Some(found).filter(|found| lacks(&found.ladder, settings).is_none()));
    }
    let lane = format!("{}:{}", Audit::KIND, first.provider);
    let within = Duration::from_millis(settings.queue.lease_ms);
    let workers = session.queue.workers(within).await?;
    let provider = settings.providers.get(&first.provider);
    // Before the first worker is there, nobody knows who has a key.
    let needs_none = provider.is_some_and(|p| p.key_variables().next().is_none());
    let is_served = workers.iter().any(|worker| worker.serves(&lane));
    Ok(Some(found).filter(|_| is_served || workers.is_empty() && needs_none))
}

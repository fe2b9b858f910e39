//! Who reviews a change: those who are named, else those of the settings, else the built-in checks.

use queue_schema::sweep::{Ladder, Reviewer, Rung};
use scrum_config::{ConfigError, Ladders, ProviderConfig, Settings};
use std::collections::BTreeMap;

/// Reviewers of a change at most.
const MOST_REVIEWERS: usize = 16;
/// The ladder of the reviewer that needs no model.
const BUILTIN: &str = "builtin";

/// Who was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Who is asked.
    pub reviewers: Vec<Reviewer>,
    /// What a person should know of them.
    pub notes: Vec<String>,
}

/// Why nobody was.
#[derive(Debug, thiserror::Error)]
pub enum NoReviewer {
    /// Two would be one in the tally.
    #[error("two reviewers are named '{0}'; give each a name of its own")]
    Twice(String),
    /// Too many.
    #[error("{0} reviewers are too many; at most {MOST_REVIEWERS} are asked")]
    Many(usize),
    /// One of those who were named has no ladder.
    #[error(transparent)]
    Named(#[from] ConfigError),
    /// One of the settings has none.
    #[error("{0} of the settings: {1}")]
    Setting(String, ConfigError),
}

/// One by a name, with the model or the ladder behind it.
///
/// # Errors
/// No such ladder.
pub fn reviewer(of: &(String, String), settings: &Settings) -> Result<Reviewer, ConfigError> {
    one(of, &Ladders::load(settings)?, settings)
}

/// Those who are named, each with the model or the ladder behind the name; else those of a section of the settings that can
/// be asked, as `lacks` says. There may be none.
///
/// # Errors
/// See [`NoReviewer`].
pub fn named_or_configured(
    named: &[(String, String)],
    (section, configured): (&str, &BTreeMap<String, String>),
    settings: &Settings,
    lacks: impl Fn(&Ladder) -> Option<String>,
) -> Result<Found, NoReviewer> {
    let ladders = Ladders::load(settings)?;
    let (mut found, mut notes) = (Vec::<Reviewer>::new(), Vec::new());
    for of in named {
        if found.iter().any(|r| r.name == of.0) {
            return Err(NoReviewer::Twice(of.0.clone()));
        }
        found.push(one(of, &ladders, settings)?);
    }
    if found.is_empty() {
        let mut without = Vec::new();
        for (name, model) in configured.iter().filter(|(_, model)| !model.is_empty()) {
            let reviewer = one(&(name.clone(), model.clone()), &ladders, settings)
                .map_err(|e| NoReviewer::Setting(format!("{section}.{name}"), e))?;
            match lacks(&reviewer.ladder) {
                Some(why) => without.push(format!("{name} ({why})")),
                None => found.push(reviewer),
            }
        }
        if !without.is_empty() {
            notes.push(format!("not asked: {}", without.join(", ")));
        }
    }
    if found.len() > MOST_REVIEWERS {
        return Err(NoReviewer::Many(found.len()));
    }
    Ok(Found { reviewers: found, notes })
}

/// Those who review a change: who is named, else those of `[diff.reviewers]`, else the built-in checks. Never empty.
///
/// # Errors
/// See [`NoReviewer`].
pub fn reviewers(
    named: &[(String, String)],
    settings: &Settings,
    lacks: impl Fn(&Ladder) -> Option<String>,
) -> Result<Found, NoReviewer> {
    let configured = ("diff.reviewers", &settings.diff.reviewers);
    let mut found = named_or_configured(named, configured, settings, lacks)?;
    if found.reviewers.is_empty() {
        let note = "no model is at hand: the built-in checks are the one reviewer";
        found.notes.push(note.to_owned());
        let ladder = Ladders::load(settings)?.get(BUILTIN)?;
        found.reviewers.push(Reviewer { name: BUILTIN.to_owned(), ladder });
    }
    Ok(found)
}

/// Votes of one voter who is alone.
const VOTES_ALONE: usize = 3;

/// One voter who is alone has several votes.
#[must_use]
pub fn with_votes(voters: Vec<Reviewer>) -> Vec<Reviewer> {
    let [alone] = voters.as_slice() else { return voters };
    let vote = |n: usize| Reviewer { name: format!("{}.{n}", alone.name), ..alone.clone() };
    (1..=VOTES_ALONE).map(vote).collect()
}

/// A model as a ladder of one rung, or a ladder by its name or file.
fn one(
    (name, model): &(String, String),
    ladders: &Ladders,
    settings: &Settings,
) -> Result<Reviewer, ConfigError> {
    let rung = model.split_once('/').filter(|(provider, model)| {
        settings.providers.contains_key(*provider) && !model.is_empty()
    });
    let ladder = match rung {
        None => ladders.get(model)?,
        Some((provider, model)) => {
            let rung = Rung {
                provider: provider.to_owned(),
                model: model.to_owned(),
                note: String::new(),
                max_tokens: None,
                context_tokens: settings
                    .providers
                    .get(provider)
                    .and_then(ProviderConfig::rung_context),
                max_findings: None,
                temperature: None,
                usd_per_million_in: None,
                usd_per_million_out: None,
            };
            Ladder { name: name.clone(), description: String::new(), rungs: vec![rung] }
        }
    };
    Ok(Reviewer { name: name.clone(), ladder })
}

//! `[facts]`: who takes facts out of accepted reviews, who checks them, and within which bounds.

use crate::provider::{ProviderConfig, Wire};
use queue_schema::sweep::{FactsBounds, FactsSpec, Ladder, Rung};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[facts]`: frozen into a sweep when it is made, see [`FactsSettings::spec`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsSettings {
    /// Whether facts are taken out of accepted reviews.
    pub enabled: bool,
    /// `provider/model` that takes them out; empty = the first model of the sweep's ladder.
    pub extractor: String,
    /// `provider/model` that checks them; empty = the next model of the sweep's ladder.
    pub verifier: String,
    /// Least characters of an accepted review.
    pub min_chars: u32,
    /// Tokens to generate in one call.
    pub max_tokens: u32,
    /// Characters of the review that the extractor sees.
    pub review_chars: u32,
    /// Characters of the file that the verifier sees.
    pub source_chars: u32,
    /// Characters of the verification that the row keeps.
    pub preview_chars: u32,
    /// Entities kept.
    pub max_entities: u32,
    /// Facts kept.
    pub max_facts: u32,
    /// Relationships kept.
    pub max_relationships: u32,
    /// Characters of one name or fact that are kept.
    pub max_text_chars: u32,
}

impl FactsSettings {
    /// What is frozen into a sweep on this ladder; none when facts are switched off, and for a
    /// ladder without a model: who asks for static checks alone is asked of no model.
    pub fn spec(
        &self,
        ladder: &Ladder,
        providers: &BTreeMap<String, ProviderConfig>,
    ) -> Option<FactsSpec> {
        let asks =
            |rung: &&Rung| providers.get(&rung.provider).is_some_and(|p| p.wire != Wire::Builtin);
        let mut models = ladder.rungs.iter().filter(asks);
        let first = models.next().filter(|_| self.enabled)?;
        // Whom the ladder names elsewhere too is nobody new: checking oneself is the last resort.
        let next = models.find(|r| r.name() != first.name());
        let extractor = rung(&self.extractor).unwrap_or_else(|| of_ladder(first));
        let verifier = rung(&self.verifier).unwrap_or_else(|| of_ladder(next.unwrap_or(first)));
        Some(FactsSpec { extractor, verifier, bounds: self.bounds() })
    }

    fn bounds(&self) -> FactsBounds {
        // No `..`: a new bound without a setting must not compile.
        FactsBounds {
            min_chars: self.min_chars,
            max_tokens: self.max_tokens,
            review_chars: self.review_chars,
            source_chars: self.source_chars,
            preview_chars: self.preview_chars,
            max_entities: self.max_entities,
            max_facts: self.max_facts,
            max_relationships: self.max_relationships,
            max_text_chars: self.max_text_chars,
        }
    }
}

/// What is wrong with a `provider/model`, and what to do.
pub(crate) fn wrong_with(
    name: &str,
    providers: &BTreeMap<String, ProviderConfig>,
) -> Option<(String, String)> {
    if name.is_empty() {
        return None;
    }
    let Some(rung) = rung(name) else {
        let fix = "use for instance ollama/qwen3:latest, or leave it empty for a model of the \
                   sweep's ladder";
        return Some((format!("'{name}' is not PROVIDER/MODEL"), fix.to_owned()));
    };
    match providers.get(&rung.provider) {
        None => {
            let known: Vec<&str> = providers.keys().map(String::as_str).collect();
            let fix = format!("use one of {}", known.join(", "));
            Some((format!("there is no provider '{}'", rung.provider), fix))
        }
        Some(provider) if provider.wire == Wire::Builtin => {
            let fix = "use a model, or leave it empty for one of the sweep's ladder";
            Some((format!("'{}' is not a model", rung.provider), fix.to_owned()))
        }
        Some(_) => None,
    }
}

/// `provider/model`; the model's own name may hold slashes.
pub(crate) fn rung(name: &str) -> Option<Rung> {
    let (provider, model) = name.split_once('/')?;
    (!provider.is_empty() && !model.trim().is_empty()).then(|| Rung {
        provider: provider.to_owned(),
        model: model.to_owned(),
        note: String::new(),
        max_tokens: None,
        context_tokens: None,
        max_findings: None,
        temperature: None,
        usd_per_million_in: None,
        usd_per_million_out: None,
    })
}

/// A rung of the ladder without what it says of reviews alone.
fn of_ladder(rung: &Rung) -> Rung {
    Rung { note: String::new(), max_tokens: None, max_findings: None, ..rung.clone() }
}

//! An event of the fleet.

use queue_schema::effects::Effect;
use queue_schema::ids::SweepId;
use serde::{Deserialize, Serialize};

/// Characters of a reason in an event.
const REASON_CHARS: usize = 300;

/// What happened, in the form in which it is kept. Members that say nothing are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Who says it, see [`queue_schema::events`].
    pub source: String,
    /// What was asked: `PROVIDER/MODEL`, a kind of job, or how something ended.
    pub endpoint: String,
    /// Whether it went well.
    pub success: bool,
    /// Milliseconds of the call; 0 where none was made.
    pub duration_ms: u64,
    /// The sweep.
    #[serde(skip_serializing_if = "is_empty")]
    pub sweep: SweepId,
    /// What a model was asked for, see [`queue_schema::ledger::TaskClass`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// How an attempt ended; `transient` for one that is made again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    /// Why it failed, see [`super::Class`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// The first two segments of the file's path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub area: String,
    /// The number of the target in its sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u32>,
    /// How many targets it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<u64>,
    /// How many findings are new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news: Option<u64>,
    /// The job that is dead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// Why, for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether the answer was found, so that no call was made.
    #[serde(skip_serializing_if = "is_false")]
    pub cached: bool,
}

impl Event {
    /// What writes it. An event that does not serialise is none.
    pub fn effect(&self, source: &'static str) -> Option<Effect> {
        serde_json::to_string(self).ok().map(|json| Effect::Event { source, json })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
const fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_empty(sweep: &SweepId) -> bool {
    sweep.is_empty()
}

/// The beginning of a reason.
pub fn clipped(reason: &str) -> String {
    match reason.char_indices().nth(REASON_CHARS) {
        Some((end, _)) => format!("{}...", &reason[..end]),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out_and_what_is_unknown_is_borne() {
        let event = Event { source: "attempts".into(), endpoint: "p/m".into(), ..Event::default() };
        let json = serde_json::to_string(&event).unwrap();
        let bare = r#"{"source":"attempts","endpoint":"p/m","success":false,"duration_ms":0}"#;
        assert_eq!(json, bare);
        let told = Event { sweep: "s".into(), ..event.clone() };
        assert_eq!(serde_json::to_string(&told).unwrap(), bare.replace('}', r#","sweep":"s"}"#));
        let newer = bare.replace('}', r#","of_tomorrow":[1]}"#);
        assert_eq!(serde_json::from_str::<Event>(&newer).unwrap(), event);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(clipped("short"), "short");
        assert_eq!(clipped(&"é".repeat(400)), format!("{}...", "é".repeat(300)));
    }
}

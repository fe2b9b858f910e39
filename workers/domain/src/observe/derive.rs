//! Events that follow from what is committed anyway.

use super::{Class, Event, clipped};
use crate::pathway::file_prefix;
use queue_schema::effects::{Effect, Effects};
use queue_schema::events;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::records::sweep::alert_of;
use queue_schema::rows::{AutoApplyRow, Row as _};

/// Adds the events of what a handler asks for: alerts, and files that the applier is done with. Attempts stand among
/// its effects already, where they are counted; what becomes of targets and jobs is told by the scripts.
#[must_use]
pub fn told(mut effects: Effects) -> Effects {
    let all: Vec<Effect> = effects.list.iter().filter_map(of).collect();
    effects.list.extend(all);
    effects
}

fn of(effect: &Effect) -> Option<Effect> {
    match effect {
        Effect::AppendRow { sweep, stream, json, .. } if *stream == AutoApplyRow::STREAM => {
            applied(sweep, &serde_json::from_str(json).ok()?).effect(events::APPLIES)
        }
        _ => {
            let (sweep, about, message) = alert_of(effect)?;
            let event = Event {
                source: events::ALERTS.to_owned(),
                endpoint: about.to_owned(),
                sweep,
                reason: clipped(message),
                ..Event::default()
            };
            event.effect(events::ALERTS)
        }
    }
}

fn applied(sweep: &SweepId, row: &AutoApplyRow) -> Event {
    let success = row.action.passed();
    Event {
        source: events::APPLIES.to_owned(),
        endpoint: row.action.as_str().to_owned(),
        success,
        sweep: sweep.clone(),
        class: if success { String::new() } else { Class::Other.as_str().to_owned() },
        area: file_prefix(&row.file).to_owned(),
        target: ReviewId::from(row.review_id.as_str()).target(),
        reason: clipped(&row.reason),
        ..Event::default()
    }
}

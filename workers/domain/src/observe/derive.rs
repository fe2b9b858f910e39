//! Events that follow from what is committed anyway.

use super::{Class, Event, clipped};
use crate::pathway::file_prefix;
use queue_schema::effects::{Effect, Effects};
use queue_schema::events;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::records::sweep::alert_of;
use queue_schema::rows::{AuditConsensusRow, AutoApplyRow, Row as _};

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
        Effect::AppendRow { sweep, stream, json, .. } if *stream == AuditConsensusRow::STREAM => {
            audited(sweep, &serde_json::from_str(json).ok()?).effect(events::AUDITS)
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

/// An audit that came to nothing is a failure, one that rejects findings is none.
fn audited(sweep: &SweepId, row: &AuditConsensusRow) -> Event {
    let end = match row.consensus {
        Some(true) => "upheld",
        Some(false) => "rejected",
        None => "undecided",
    };
    Event {
        source: events::AUDITS.to_owned(),
        endpoint: end.to_owned(),
        success: row.consensus.is_some(),
        sweep: sweep.clone(),
        class: if row.consensus.is_some() {
            String::new()
        } else {
            Class::Other.as_str().to_owned()
        },
        area: file_prefix(&row.file).to_owned(),
        target: ReviewId::from(row.review_id.as_str()).target(),
        reason: format!("{} upheld, {} rejected, {} split", row.upheld, row.rejected, row.split),
        ..Event::default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::records::SweepRecord;
    use serde_json::{Value, json};

    fn row(stream: &'static str, row: &Value) -> Effect {
        let json = row.to_string();
        Effect::AppendRow { sweep: "s".into(), stream, row_id: "r".into(), json }
    }

    fn applied(action: &str) -> Effect {
        let row_of = json!({
            "action": action, "file": "src/a/x.rs", "patches_applied": 1, "patches_rejected": 0,
            "reason": "no", "confidence_avg": null, "gradient_tier": "auto",
            "reviewer_model": "p/m", "patch_model": "p/m", "branch": "b", "commit": null, "ts": "",
            "sweep_id": "s", "review_id": "s-3", "run_id": "r", "repo": "", "base": "0",
            "patches": [], "warnings_before": null, "warnings_after": null, "output_tail": "",
            "sandbox": "", "tokens_in": 0, "tokens_out": 0, "cost_usd": null, "masked": 0,
            "schema_version": 1, "unsafe_no_sandbox": false,
        });
        row(AutoApplyRow::STREAM, &row_of)
    }

    #[test]
    fn alerts_and_files_of_the_applier_are_told_and_nothing_else() {
        let sweep: SweepId = "s".into();
        let record = SweepRecord::of(&sweep);
        let effects = Effects::done()
            .with(record.alert("p/m".into(), "HTTP 500".into()))
            .with(record.works_again("p/m".into()))
            .with(record.numbered(7))
            .with(row("scrum_reviews", &json!({})))
            .with(row(AutoApplyRow::STREAM, &json!("no row")));
        let list = told(effects.clone()).list;
        assert_eq!(list[..5], effects.list, "they stay as they are");
        let [Effect::Event { source, json }] = &list[5..] else { panic!("{list:?}") };
        let event: Event = serde_json::from_str(json).unwrap();
        assert_eq!((*source, event.endpoint.as_str()), (events::ALERTS, "p/m"));
        assert_eq!((event.reason.as_str(), event.success), ("HTTP 500", false));
    }

    #[test]
    fn what_an_audit_came_to_is_told() {
        for (consensus, end) in
            [(json!(true), "upheld"), (json!(false), "rejected"), (Value::Null, "undecided")]
        {
            let audit = json!({
                "audited_at": "", "sweep_id": "s", "review_id": "s-3", "audited_review": "s-3",
                "repo": "", "file": "src/a/x.rs", "commit": "0", "blob": "0", "model": "p/m",
                "consensus": consensus, "upheld": 2, "rejected": 1, "split": 0, "undecided": 0,
                "findings": [], "voters": [], "tie_broken": false, "whole": true, "tokens_in": 0,
                "tokens_out": 0, "cost_usd": null, "schema_version": 1,
            });
            let Some(Effect::Event { source, json }) = of(&row(AuditConsensusRow::STREAM, &audit))
            else {
                panic!("{end}")
            };
            let event: Event = serde_json::from_str(&json).unwrap();
            assert_eq!((source, event.endpoint.as_str()), (events::AUDITS, end));
            assert_eq!((event.success, event.area.as_str()), (end != "undecided", "src/a"));
            assert_eq!(event.class, if event.success { "" } else { "other" });
            assert_eq!(event.reason, "2 upheld, 1 rejected, 0 split");
        }
    }

    #[test]
    fn what_became_of_a_file_of_the_applier_is_told() {
        for (action, success) in [("committed", true), ("build_red_reverted", false)] {
            let Some(Effect::Event { source, json }) = of(&applied(action)) else {
                panic!("{action}")
            };
            let event: Event = serde_json::from_str(&json).unwrap();
            assert_eq!((source, event.endpoint.as_str()), (events::APPLIES, action));
            assert_eq!(
                (event.success, event.target, event.area.as_str()),
                (success, Some(3), "src/a")
            );
            assert_eq!(event.class, if success { "" } else { "other" });
        }
    }
}

use super::*;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

/// What the original script wrote, in its order.
const ORIGINAL: [&str; 29] = [
    "file",
    "reviewed_at",
    "accepted_model",
    "accepted_on_attempt",
    "attempts_made",
    "tree_split_fired",
    "suggestions_preview",
    "confidences_per_finding",
    "confidence_avg",
    "confidence_min",
    "findings_count",
    "gradient_tier",
    "gradient_tier_avg",
    "alignment_score",
    "output_format",
    "verdict",
    "critical_failures_count",
    "pseudocode_flags_count",
    "prd_mismatches_count",
    "missing_components_count",
    "verified_components_count",
    "risk_points_count",
    "schema_version",
    "scrum_master_reviewed",
    "pathway_hot_swap_hit",
    "pathway_id",
    "pathway_similarity",
    "pathway_success_rate",
    "rungs_saved",
];

/// What the fleet adds, in its order. New ones go to the end.
const OURS: [&str; 18] = [
    "sweep_id",
    "review_id",
    "repo",
    "commit",
    "blob",
    "findings",
    "attempts",
    "tokens_in",
    "tokens_out",
    "cost_usd",
    "duration_ms",
    "shards_total",
    "shards_missing",
    "top_chunks",
    "masked",
    "retrieval",
    "shards_shortened",
    "encoding",
];

fn markdown() -> ReviewRow {
    let row = r#"{
        "file": "src/a.rs", "reviewed_at": "2026-01-02T03:04:05Z", "accepted_model": "p/m",
        "accepted_on_attempt": 1, "attempts_made": 1, "tree_split_fired": false,
        "suggestions_preview": "text", "confidences_per_finding": [85, 70],
        "confidence_avg": 77.5, "confidence_min": 70, "findings_count": 2,
        "gradient_tier": "dry_run", "gradient_tier_avg": "dry_run", "alignment_score": 4.5,
        "output_format": "markdown", "verdict": null, "critical_failures_count": null,
        "pseudocode_flags_count": null, "prd_mismatches_count": null,
        "missing_components_count": null, "verified_components_count": null,
        "risk_points_count": null, "schema_version": 4, "scrum_master_reviewed": true,
        "pathway_hot_swap_hit": false, "pathway_id": null, "pathway_similarity": null,
        "pathway_success_rate": null, "rungs_saved": 0,
        "sweep_id": "0123456789abcdef", "review_id": "0123456789abcdef-0", "repo": "/r",
        "commit": "0000000000000000000000000000000000000000",
        "blob": "1111111111111111111111111111111111111111", "findings": [], "attempts": [],
        "tokens_in": 1, "tokens_out": 1, "cost_usd": null, "duration_ms": 1, "shards_total": 0,
        "shards_missing": [], "top_chunks": []
    }"#;
    serde_json::from_str(row).unwrap()
}

/// The members of an object, in the order in which they are written.
struct Names(Vec<String>);

impl<'de> serde::Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> Visitor<'de> for Look {
            type Value = Names;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        from.deserialize_map(Look)
    }
}

#[test]
fn readers_of_the_original_find_their_fields_in_their_order() {
    let json = serde_json::to_string(&markdown()).unwrap();
    let Names(names) = serde_json::from_str(&json).unwrap();
    let (theirs, ours) = names.split_at(ORIGINAL.len());
    assert_eq!(theirs, ORIGINAL);
    assert_eq!(&ours[..OURS.len()], OURS, "new fields stand behind the others");
}

#[test]
fn what_the_original_left_null_is_null_and_there() {
    let row = serde_json::to_value(markdown()).unwrap();
    for name in ["verdict", "pathway_id", "pathway_similarity", "pathway_success_rate"] {
        assert_eq!(row.get(name), Some(&Value::Null), "{name}");
    }
    // Older rows of Markdown answers say null here.
    for name in
        ORIGINAL.iter().filter(|name| name.ends_with("s_count") && **name != "findings_count")
    {
        assert_eq!(row.get(*name), Some(&json!(0)), "{name}");
    }
    let bare = ReviewRow {
        confidence_avg: None,
        confidence_min: None,
        alignment_score: None,
        confidences_per_finding: Vec::new(),
        ..markdown()
    };
    let bare = serde_json::to_value(bare).unwrap();
    for name in ["confidence_avg", "confidence_min", "alignment_score"] {
        assert_eq!(bare.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!(bare["confidences_per_finding"], json!([]));
}

#[test]
fn the_types_are_those_of_the_original() {
    let forensic = ReviewRow {
        output_format: "forensic_json".into(),
        verdict: Some("fail".into()),
        critical_failures_count: 1,
        pseudocode_flags_count: 0,
        prd_mismatches_count: 0,
        missing_components_count: 0,
        verified_components_count: 0,
        risk_points_count: 2,
        pathway_id: Some("p".into()),
        pathway_similarity: Some(0.95),
        pathway_success_rate: Some(0.8),
        ..markdown()
    };
    let row = serde_json::to_value(forensic).unwrap();
    for name in &ORIGINAL {
        let value = &row[*name];
        let fits = match *name {
            "file"
            | "reviewed_at"
            | "accepted_model"
            | "suggestions_preview"
            | "gradient_tier"
            | "gradient_tier_avg"
            | "output_format"
            | "verdict"
            | "pathway_id" => value.is_string(),
            "tree_split_fired" | "scrum_master_reviewed" | "pathway_hot_swap_hit" => {
                value.is_boolean()
            }
            "confidences_per_finding" => {
                value.as_array().is_some_and(|list| list.iter().all(Value::is_u64))
            }
            "confidence_avg"
            | "alignment_score"
            | "pathway_similarity"
            | "pathway_success_rate" => value.is_number(),
            _ => value.is_u64(),
        };
        assert!(fits, "{name}: {value}");
    }
}

//! Findings for code hosts.

use super::*;

#[test]
fn sarif_holds_actionable_findings_only() {
    let v = sarif(&sweep("Fails [here](evil)\nbadly", "src/a b.rs"));
    assert_eq!(v["version"], "2.1.0");
    let run = &v["runs"][0];
    assert_eq!(run["versionControlProvenance"][0]["repositoryUri"], "https://host/r.git");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let [anchored, loose] = &results[..] else { panic!("two results") };
    assert_eq!(
        (&anchored["ruleId"], &anchored["level"]),
        (&"critical_failure".into(), &"error".into())
    );
    let place = &anchored["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
    assert_eq!(place["region"]["startLine"], 7);
    assert_eq!(anchored["message"]["text"], "Fails [here] (evil) badly");
    assert!(loose["locations"][0]["physicalLocation"].get("region").is_none());
    for result in results {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][at]["id"], result["ruleId"]);
    }
}

#[test]
fn an_undecided_place_has_no_region_and_names_all_its_lines() {
    let mut found = finding(FindingKind::Suggestion, "Fails", None);
    found.ambiguous_lines = (1..=60).collect();
    let mut report = sweep("x", "a.rs");
    report.files[0].row.as_mut().unwrap().findings = vec![found];
    let log = sarif(&report);
    let result = &log["runs"][0]["results"][0];
    assert!(result["locations"][0]["physicalLocation"].get("region").is_none());
    let related = result["relatedLocations"].as_array().unwrap();
    assert_eq!(
        (related.len(), &related[49]["physicalLocation"]["region"]["startLine"]),
        (50, &50.into())
    );
    let said = "Fails (ambiguous: the quote stands on lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 48 more)";
    assert_eq!(result["message"]["text"], said);
}

#[test]
fn a_scanner_sees_what_was_not_reviewed() {
    let mut report = sweep("[x](evil)\u{1b}", "src/a.rs");
    report.files.push(file("src/late.rs", TargetStatus::Waiting));
    report.files.push(file("src/dear.rs", TargetStatus::LeftOut));
    let log = sarif(&report);
    let run = &log["runs"][0]["invocations"][0];
    assert_eq!(run["executionSuccessful"], false);
    let notes = run["toolExecutionNotifications"].as_array().unwrap();
    let told: Vec<_> = notes
        .iter()
        .map(|n| (n["level"].as_str().unwrap(), n["message"]["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("error", "not reviewed, unresolved: all rungs spent [x] (evil)"),
            ("warning", "not reviewed, waiting"),
            ("warning", "not reviewed, left out"),
        ]
    );
    let uri = &notes[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "src/dead.rs");
    report.files.truncate(1);
    let log = sarif(&report);
    let run = &log["runs"][0]["invocations"][0];
    assert_eq!(
        (&run["executionSuccessful"], &run["toolExecutionNotifications"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    let mut many = sarif::NotReviewed::default();
    (0..1_200).for_each(|_| many.add(&file("src/b.rs", TargetStatus::Unresolved)));
    assert!(many.invocations().contains("1000 further files were not reviewed"));
}

#[test]
fn sarif_names_the_repository_by_a_uri() {
    for (repo, uri) in [
        ("/srv/my repo", "file:///srv/my%20repo"),
        ("/srv/a:b", "file:///srv/a%3Ab"),
        ("git@host:team/app.git", "ssh://host/team/app.git"),
        ("https://me:key@host/a b.git", "https://host/a%20b.git"),
        ("ssh://git@host:22/r", "ssh://host:22/r"),
        ("https://host/r?token=t0ken", "https://host/r?***"),
        ("git@host:team/app?token=t0ken", "ssh://host/team/app%3F%2A%2A%2A"),
    ] {
        let mut report = sweep("x", "a.rs");
        report.repo = repo.into();
        let log = sarif(&report);
        assert_eq!(log["runs"][0]["versionControlProvenance"][0]["repositoryUri"], uri);
    }
    let log = sarif(&sweep("**", "a.rs"));
    assert_ne!(log["runs"][0]["results"][0]["message"]["text"], "", "something is always said");
}

#[test]
fn every_actionable_kind_has_a_rule() {
    use FindingKind as K;
    for kind in [
        K::Suggestion,
        K::Contradiction,
        K::CriticalFailure,
        K::PseudocodeFlag,
        K::PrdMismatch,
        K::BrokenPipeline,
        K::MissingComponent,
        K::RiskPoint,
        K::VerifiedComponent,
        K::RequiredNextAction,
    ] {
        let mut report = sweep("x", "a.rs");
        report.files[0].row.as_mut().unwrap().findings = vec![finding(kind, "x", None)];
        let log = sarif(&report);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|r| r["name"] == "CriticalFailureFinding"), "{rules:?}");
        let results = log["runs"][0]["results"].as_array().map_or(0, Vec::len);
        assert_eq!(results, usize::from(kind.is_actionable()), "{kind:?}");
    }
}

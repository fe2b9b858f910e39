use crate::pathway::*;

const VECTORS: &str = include_str!("../../../../../docs/vectors/pathway.json");

#[test]
fn the_test_vectors_are_what_the_program_makes() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    let listed: Vec<&str> =
        vectors["keywords"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert_eq!(listed, keywords().collect::<Vec<_>>());
    let text = |case: &serde_json::Value, name: &str| case[name].as_str().unwrap().to_owned();
    for case in vectors["pattern_keys"].as_array().unwrap() {
        let made = pattern_key(&text(case, "flag"), &text(case, "text"));
        assert_eq!(made.as_deref(), case["pattern_key"].as_str(), "{case}");
    }
    for case in vectors["pathway_ids"].as_array().unwrap() {
        let path = text(case, "file_path");
        let made = pathway_id(&text(case, "task_class"), &path, &text(case, "signal_class"));
        assert_eq!(
            (file_prefix(&path), made.as_str()),
            (text(case, "file_prefix").as_str(), text(case, "pathway_id").as_str())
        );
    }
    for case in vectors["pathway_vecs"].as_array().unwrap() {
        let trace: Trace = serde_json::from_value(case["trace"].clone()).unwrap();
        let made = tokens(&trace);
        assert_eq!(serde_json::json!(made), case["tokens"]);
        assert_eq!(serde_json::json!(vector(&made)), case["pathway_vec"]);
    }
}

//! Names of keys: `queue-schema/src/keys/table.rs` spells them, and everybody else asks it.

use super::{root, rust_files};
use queue_schema::keys::TABLE;

/// Where the names stand.
const HOME: [&str; 2] = ["queue-schema/src/keys.rs", "queue-schema/src/keys/table.rs"];

/// Files and folders that spell names of their own, and why that is right.
const ALLOWED: [(&str, &str); 4] = [
    ("tests/support/model_queue/", "the oracle is written apart from what it judges"),
    ("tests/conformance/model/", "compares what is in Redis with the words of that oracle"),
    ("tests/conformance/house/keys.rs", "holds the planted examples"),
    ("tests/flow/servers/acl.rs", "a key of a fleet with another name, which must be refused"),
];

/// String literals of a source that spell the name of a key: they begin with one that takes words, perhaps
/// behind the prefix of a partition, or are one that takes none, as an argument of `key` or `at` or behind
/// such a prefix. Whole Redis commands, as tests write them to break a queue, are not looked for.
fn spelled(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in source.match_indices('"') {
        let (before, literal) = (&source[..start], &source[start + 1..]);
        let literal = literal.split('"').next().unwrap_or_default();
        let name = behind_prefix(literal);
        let is_asked_for = before.ends_with(".key(") || before.ends_with("at(");
        let spells = TABLE.iter().any(|row| match name.strip_prefix(row.head()) {
            Some(rest) if row.is_single() => {
                rest.is_empty() && (is_asked_for || name.len() < literal.len())
            }
            Some(rest) => rest.starts_with(':'),
            None => false,
        });
        if spells {
            found.push(literal.to_owned());
        }
    }
    found
}

/// What stands behind `{P}`, `{scrum:0}:` or `{{scrum:0}}:`.
fn behind_prefix(literal: &str) -> &str {
    let Some(end) = literal.starts_with('{').then(|| literal.find('}')).flatten() else {
        return literal;
    };
    let rest = literal[end..].trim_start_matches('}');
    rest.strip_prefix(':').unwrap_or(rest)
}

#[test]
fn only_the_table_of_keys_spells_their_names() {
    let mut used = [false; ALLOWED.len()];
    let mut wrong = Vec::new();
    for file in rust_files("") {
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if HOME.contains(&name.as_str()) {
            continue;
        }
        let found = spelled(&std::fs::read_to_string(&file).unwrap());
        match ALLOWED.iter().position(|(path, _)| name.starts_with(path)) {
            Some(i) => used[i] |= !found.is_empty(),
            None => wrong.extend(found.into_iter().map(|literal| format!("{name}: {literal:?}"))),
        }
    }
    assert!(wrong.is_empty(), "ask queue_schema::keys for these names: {wrong:#?}");
    for (i, (path, why)) in ALLOWED.iter().enumerate() {
        assert!(used[i] && !why.is_empty(), "{path} spells no name any more");
    }
}

#[test]
fn a_planted_name_is_found() {
    for planted in [
        r#"format!("js:{sweep}")"#,
        r#"conn.hget("doc:aa", "f")"#,
        r#"k.starts_with("rows:")"#,
        r#"format!("{P}sw:{id}")"#,
        r#"conn.del("{scrum:0}:b:a")"#,
        r#"format!("{{scrum:0}}:ap:{}.{run}", id)"#,
        r#"queue.key("ready")"#,
        r#"conn.zcard("{scrum:0}:leases")"#,
    ] {
        assert_eq!(spelled(planted).len(), 1, "{planted}");
    }
    for other in [
        r#"state == "ready""#,
        r#"format!("{b:02x}")"#,
        r#"assert!(rows.is_empty(), "{rows:?}")"#,
        "queue.key(keys::READY)",
        r#"format!("swept: {n}")"#,
        r#"broken.redis("HSET @sw:SWEEP state odd")"#,
    ] {
        assert_eq!(spelled(other), Vec::<String>::new(), "{other}");
    }
}

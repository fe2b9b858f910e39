use super::*;

fn for_reviewer(scratchpad: &str, source: &str) -> String {
    super::for_reviewer(scratchpad, speaks_of_shards(source))
}

#[test]
fn merged_in_shard_order_whatever_the_order_of_arrival() {
    let pad = merge(&[(2, "third".into()), (0, " first\n".into()), (1, "second".into())]);
    assert_eq!(pad, "§0§\nfirst\n\n§1§\nsecond\n\n§2§\nthird\n");
    assert_eq!(for_reviewer(&pad, ""), "first\n\n\nsecond\n\n\nthird");
}

#[test]
fn notes_are_cut_evenly_and_where_a_line_or_word_ends() {
    let (short, long) = ("`a` returns 1.", "`b` is a line of notes\n".repeat(40));
    let all = [(0, short.to_owned()), (1, long.clone()), (2, long.clone())];
    assert_eq!(notes(&all, "", 0).shortened, 0);
    assert_eq!(notes(&all, "", 0), notes(&all, "", 5000));
    let Notes { text, shortened } = notes(&all, "", 500);
    assert_eq!((shortened, text.chars().count() <= 500), (2, true), "{text}");
    assert!(text.chars().count() > 420, "what room there is is used");
    assert!(text.starts_with(short), "the short one is whole: {text}");
    assert_eq!(text.matches("notes …").count(), 2, "{text}");
    // Text without a place to cut at fills its share, and no more than that.
    for count in [3_usize, 300] {
        let solid: Vec<(u32, String)> =
            (1..).map(|k| (k, "x".repeat(500))).take(count - 1).collect();
        let all = [vec![(0, "short".to_owned())], solid].concat();
        let chars = notes(&all, "", count * 80).text.chars().count();
        assert!((count * 79..=count * 80).contains(&chars), "{chars} of {}", count * 80);
    }
    // A hundred times as much as there is room for: the bound holds all the same.
    let many: Vec<(u32, String)> = (0..300).map(|k| (k, "wörter ".repeat(300))).collect();
    let Notes { text, shortened } = notes(&many, "", 24_000);
    assert_eq!((shortened, text.chars().count() <= 24_000), (300, true));
    assert!(text.split_whitespace().all(|w| w == "wörter" || w == "…"), "whole words");
    assert!(notes(&many, "", 10).text.len() < 3000, "nothing fits, and nothing breaks");
}

#[test]
fn a_summary_is_no_longer_than_its_tokens() {
    let long = "word ".repeat(10_000);
    assert!(kept(&long, 400).chars().count() <= 3200);
    assert_eq!(kept("short", 400), "short");
}

#[test]
fn the_reviewer_sees_no_marker_and_no_place() {
    assert_eq!(for_reviewer("see §§ and §12 of it", ""), "see §§ and §12 of it");
    let text = "§0§\nShard 1 of 2 defines `a`. See § 12 and §x§.\n§1§\nEnds shard #2/2.";
    let seen = for_reviewer(text, "");
    assert_eq!(seen, "part of the file defines `a`. See § 12 and §x§.\n\nEnds part of the file.");
    let about = "a shard key; shard 3 is hot; this shard";
    assert_eq!(for_reviewer(about, "struct ShardMap;"), about);
    for (said, seen) in [
        ("This shard defines `a`.", "This part of the file defines `a`."),
        ("Shard 2: `b` parses.", "part of the file: `b` parses."),
        ("**Shard #3** ends here", "**part of the file** ends here"),
        (
            "the shards; in this shard 3 functions",
            "the parts of the file; in this part of the file 3 functions",
        ),
        ("`shard_of`, sharding, reshard 2", "`shard_of`, sharding, reshard 2"),
        ("shard - 3 functions", "part of the file - 3 functions"),
    ] {
        assert_eq!(for_reviewer(said, "fn main() {}"), seen);
        assert_eq!(for_reviewer(said, "spreads keys over SHARDS"), said);
    }
}

#[test]
fn a_label_out_of_the_prompt_goes_whatever_the_source_is_about() {
    let source = "struct ShardMap; // a shard, the shard";
    for label in ["Shard 2: ", "**Shard 2:** ", "## Shard 2 of 5\n\n", "[shard #2]: "] {
        let all = [(1, format!("{label}`b` locks shard 3."))];
        assert_eq!(notes(&all, source, 0).text, "`b` locks shard 3.", "{label}");
    }
    let all = [(1, "Shard 2:\n* __init__".to_owned())];
    assert_eq!(notes(&all, source, 0).text, "* __init__");
    let own = [(1, "Shard 3: is hot".to_owned()), (2, "Shard 3 is hot".to_owned())];
    assert_eq!(notes(&own, source, 0).text, "Shard 3: is hot\n\n\nShard 3 is hot");
}

#[test]
fn reviews_of_a_part_are_caught() {
    let plain = "fn main() {}";
    for leak in [
        "In shard 3 the parser fails",
        "As shard 2 of 5 shows, it works",
        "This shard has no tests",
        "Based on the provided shards, fine",
        "The second shard ends early",
        "see §2§ for details",
        "Part 2 of 5 lacks an error path",
        "The shard summaries do not say",
        "Only this piece of the file was seen",
        "The shard does not show error handling",
        "The shard lacks tests",
        "There is no error path in the shard.",
        "The 3rd shard leaks",
        "the sixth shard",
        "In shard 5 the parser fails",
        "Part 5 of 5 lacks tests",
        "the 5th shard leaks",
    ] {
        assert!(leaks_shards(leak, 5, plain).is_some(), "{leak}");
        assert!(leaks_shards(leak, 0, plain).is_none(), "not split: {leak}");
    }
    assert!(leaks_shards("shard 2 of 2 lacks tests", 2, plain).is_some());
}

#[test]
fn plain_mentions_are_suggestions() {
    let plain = "fn main() {}";
    for fine in [
        "Consider sharding the map to reduce contention",
        "Use 16 shards, one lock each",
        "shard 4096 ways",
        "Step 2 of 5 is never reached",
        "part 2 of 7 of the standard",
        "Section 2 of the PRD",
        "This part of the file is racy",
        "each piece of the file name",
        "Lock only the shard that owns the key",
        "Keep the count of the shard next to it",
        "every 16th shard",
        "Lock the shard.",
        "this sharding is fine",
    ] {
        assert_eq!(leaks_shards(fine, 5, plain), None, "{fine}");
    }
}

#[test]
fn a_file_about_shards_may_be_reviewed_as_such() {
    let source = "struct ShardMap; // this shard owns key 3; logs `shard 1 of 5`";
    assert_eq!(leaks_shards("This shard map locks shard 3 twice", 5, source), None);
    assert_eq!(leaks_shards("the log line `shard 1 of 5` is wrong", 5, source), None);
    let evidence = leaks_shards("I was shown shard 2 of 5 only", 5, source);
    assert!(evidence.is_some_and(|e| e.contains("shard 2 of 5")));
    assert!(leaks_shards("§1§ says", 5, source).is_some());
    for leak in [
        "shard 5 does not show how",
        "shard 3 does not show how",
        "As shard 2 defines `a`, all is well",
    ] {
        assert!(leaks_shards(leak, 5, source).is_some(), "{leak}");
    }
    for fine in ["The shard lacks a replica", "shard 9 shows it", "the 3rd shard", "shard 0 is hot"]
    {
        assert_eq!(leaks_shards(fine, 5, source), None, "{fine}");
    }
    // One mention in passing does not make `shard 3` a thing of the file's own.
    let passing = "// as the shard does; see `shard 4`\n";
    assert!(leaks_shards("shard 3 fails", 5, passing).is_some());
    for fine in ["shard 4 fails", "shard 7 fails", "this shard", "lock each shard"] {
        assert_eq!(leaks_shards(fine, 5, passing), None, "{fine}");
    }
}

use super::*;

#[test]
fn scores_in_every_seen_form() {
    for (text, want) in [
        ("Score: 4.5/10", Some(4.5)),
        ("4/10 (mid)", Some(4.0)),
        ("**Score** 4", Some(4.0)),
        ("Alignment score: 7", Some(7.0)),
        ("## Alignment score (1-10): 7", Some(7.0)),
        ("| Alignment score | 6/10 |", Some(6.0)),
        ("## Score\n\n**8 / 10**", Some(8.0)),
        ("I would score this 3/10.", Some(3.0)),
        ("**Alignment:** 9 out of 10", Some(9.0)),
        ("The alignment score of this file is 5/10", Some(5.0)),
        ("Score: 10", Some(10.0)),
        ("Score: `7/10`", Some(7.0)),
        ("Score: 4,5/10", Some(4.5)),
        ("对齐评分：４／１０", Some(4.0)),
        ("## Évaluation\nNote : 6/10", Some(6.0)),
        ("Оценка: 7/10", Some(7.0)),
        ("स्कोर: ७/१०", Some(7.0)),
        ("Score - 4/10", Some(4.0)),
        ("Score — 4/10", Some(4.0)),
        ("## Score: 4\nAlignment score: 8 / 10", Some(8.0)),
        ("## Score\n- Overall: about right\n- Score: 7/10\n## Changes\n- a score of 3", Some(7.0)),
        ("Here is the score:\n- Alignment score: 7/10", Some(7.0)),
        ("## Changes\n1. The score of 3 is lost (80%)\n\nScore: 7/10", Some(7.0)),
        ("## Score\nScore: n/a\n\nAlignment score: 6/10", Some(6.0)),
        ("Score: 7 - good enough", Some(7.0)),
        ("Score: `7`", Some(7.0)),
        ("`7/10`", Some(7.0)),
        ("4/10\n\nAlignment score: 7/10", Some(7.0)),
        ("## Score of the tests\n3/10\n\n## Alignment score\n7/10", Some(7.0)),
        ("- Score: 3/10 for the tests\n- Alignment score: 7/10", Some(7.0)),
        ("It is a score none would dispute:\n\n4/10", Some(4.0)),
        ("Score: 6.6666667/10", Some(6.666_666_7)),
    ] {
        assert_eq!(alignment_score(text), want, "{text}");
    }
}

#[test]
fn what_is_no_score_stays_none() {
    for text in [
        "",
        "7",
        "7 (mid)",
        "Score: 85",
        "Score: 85%",
        "Score: 7%",
        "Score: 4/5",
        "Score: 7-8",
        "Score: 0/10",
        "Confidence score: 8",
        "Alignment score: not given",
        "Alignment score: not given\n\n1. **A score of 7 is dropped** (80%)",
        "Alignment score: N/A\n\nA score of 7 would be too much.",
        "## Score\nNot given.\n\nA score of 7 would be too much.",
        "## Score\nHard to say.\n\n## Notes\n- A score of 7 is dropped",
        "## Changes\n- a score of 7 is dropped\n### 2. A score of 7 is dropped",
        "Score: 11/10\n- a score of 7 is dropped",
        "underscore 5 things",
        "```\nscore: 5/10\n```",
        "It fails in 4/100 runs",
        "alignment: 8 bytes",
        "## Alignment\n\n3 functions follow",
        "4/10 of the calls",
        "Quote: `// Alignment score: 10/10`",
        "scores 5kb",
        "Score: -4/10",
        "Score: −4",
        "-4/10",
        "the score of it is -4/10",
        "Score: 99999999999999999999",
    ] {
        assert_eq!(alignment_score(text), None, "{text}");
    }
}

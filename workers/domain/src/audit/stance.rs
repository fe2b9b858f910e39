//! Whether a reason goes the same way as its verdict.

use crate::checks::words;
use queue_schema::rows::AuditStand;

/// What is said to be right or wrong of a finding by its name. `It` may be the code.
const NAMES: [&str; 5] = ["finding", "claim", "statement", "remark", "report"];
/// What is said of a finding that is right.
const RIGHT: [&str; 7] = ["true", "right", "correct", "valid", "accurate", "justified", "upheld"];
/// What is said of one that is wrong.
#[rustfmt::skip]
const WRONG: [&str; 9] = [
    "false", "wrong", "incorrect", "invalid", "mistaken", "inaccurate", "untrue", "unfounded", "rejected",
];
/// What agrees with a finding, whatever it says.
const AGREES: [&str; 6] =
    ["agree", "agreed", "real bug", "genuine bug", "real problem", "true positive"];
/// What disagrees with it.
#[rustfmt::skip]
const DISAGREES: [&str; 17] = [
    "disagree", "false positive", "false alarm", "not a bug", "not a real", "not an issue", "not a problem",
    "not a defect", "not an error", "isn't a bug", "isn't an issue", "isn't a problem", "no bug", "no issue", "no problem",
    "not upheld", "no such bug",
];
/// Words that turn what follows them round.
#[rustfmt::skip]
const NOT: [&str; 13] = [
    "not", "no", "never", "hardly", "cannot", "can't", "don't", "doesn't", "isn't", "wasn't", "neither", "nor", "without",
];
/// So many words before a phrase may turn it round.
const BEFORE: usize = 3;

/// Which way a text goes about a finding: whether it agrees, and whether it disagrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Way {
    agrees: bool,
    disagrees: bool,
}

fn way(said: &[String]) -> Way {
    let mut way = Way::default();
    let mut tell = |right: bool, turned: bool| {
        way.agrees |= right != turned;
        way.disagrees |= right == turned;
    };
    for (phrases, right) in [(&AGREES[..], true), (&DISAGREES[..], false)] {
        for phrase in phrases {
            for at in places(said, phrase) {
                let before = &said[at.saturating_sub(BEFORE)..at];
                tell(right, before.iter().any(|word| NOT.contains(&word.as_str())));
            }
        }
    }
    for (at, _) in said.iter().enumerate().filter(|(_, word)| NAMES.contains(&word.as_str())) {
        let Some(is) = said.get(at + 1) else { continue };
        if !["is", "was", "isn't", "wasn't", "seems", "looks"].contains(&is.as_str()) {
            continue;
        }
        let after = &said[at + 2..said.len().min(at + 2 + BEFORE)];
        let turned = NOT.contains(&is.as_str());
        let mut not = turned;
        for word in after {
            if NOT.contains(&word.as_str()) {
                not = true;
            } else if RIGHT.contains(&word.as_str()) {
                tell(true, not);
            } else if WRONG.contains(&word.as_str()) {
                tell(false, not);
            }
        }
    }
    way
}

fn places<'a>(said: &'a [String], phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let windows = said.windows(phrase.len()).enumerate();
    windows.filter(move |(_, w)| w.iter().zip(&phrase).all(|(a, b)| a == b)).map(|(at, _)| at)
}

/// Whether a reason says the opposite of its verdict, and nothing for it.
pub(super) fn contradicts(stand: AuditStand, why: &str) -> bool {
    let way = way(&words(why));
    match stand {
        AuditStand::Upheld => way.disagrees && !way.agrees,
        AuditStand::Rejected => way.agrees && !way.disagrees,
        AuditStand::CantTell => false,
    }
}

/// The verdict that words are, and what follows it; none for words that are no verdict, or several.
pub(super) fn stand(said: &str) -> Option<(AuditStand, String)> {
    let words = words(&said.replace('_', " ")).join(" ");
    let forms: [(&[&str], AuditStand); 3] = [
        (
            &[
                "not upheld",
                "rejected",
                "reject",
                "not confirmed",
                "refuted",
                "disagree",
                "false positive",
            ],
            AuditStand::Rejected,
        ),
        (&["can't tell", "cannot tell", "can not tell", "cant tell"], AuditStand::CantTell),
        (&["upheld", "uphold", "confirmed", "agree"], AuditStand::Upheld),
    ];
    let begins = |form: &str| words == form || words.starts_with(&format!("{form} "));
    let (form, stand) = forms
        .iter()
        .find_map(|(forms, stand)| forms.iter().find(|f| begins(f)).map(|f| (*f, *stand)))?;
    let rest = words[form.len()..].trim().to_owned();
    // `upheld, rejected or can't tell` is the question, and `upheld in part` is no verdict.
    let hedged = ["upheld", "rejected", "tell", "partly", "partially", "in part", "mostly"];
    (!hedged.iter().any(|word| rest.contains(word))).then_some((stand, rest))
}

/// Whether what follows a verdict takes it back: `rejected: no`.
pub(super) fn takes_back(rest: &str) -> bool {
    matches!(rest.split(' ').next(), Some("no" | "not" | "false" | "never"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use AuditStand::{CantTell as C, Rejected as R, Upheld as U};

    #[test]
    fn a_reason_that_says_the_opposite_is_told() {
        for (why, stand, expected) in [
            ("The index runs one past the end", U, false),
            ("I do not agree", U, true),
            ("I don't agree with the claim: the loop stops before", U, true),
            ("I agree: the loop runs too far", U, false),
            ("This is not a bug", U, true),
            ("There is no bug here, the caller checks it", U, true),
            ("This is not a bug but a false alarm", U, true),
            ("I agree: this is a real bug", R, true),
            ("It reads past the end, so the claim is correct", R, true),
            ("In my view the claim is about what is not correct", U, false),
            ("The finding is not correct", U, true),
            ("The finding is correct", U, false),
            ("The value is not correct after the call", U, false),
            ("The claim is wrong", U, true),
            ("The result is wrong", U, false),
            ("The finding isn't wrong", U, false),
            ("not a false positive", U, false),
            ("false positive", U, true),
            ("The finding is correct", R, true),
            ("I agree with the finding", R, true),
            ("I do not agree", R, false),
            ("The claim is false: `n` is checked above", R, false),
            ("This is a real bug", R, true),
            ("This is not a real bug", R, false),
            ("The guard above returns", R, false),
            ("I agree", C, false),
            ("", U, false),
        ] {
            assert_eq!(contradicts(stand, why), expected, "{stand:?}: {why}");
        }
    }

    #[test]
    fn a_verdict_is_known_in_any_dress() {
        for (said, expected) in [
            ("upheld", Some((U, ""))),
            ("**Upheld**.", Some((U, ""))),
            ("Rejected", Some((R, ""))),
            ("not upheld", Some((R, ""))),
            ("rejected: no", Some((R, "no"))),
            ("cant_tell", Some((C, ""))),
            ("can’t tell (no caller is shown)", Some((C, "no caller is shown"))),
            ("upheld | rejected | cant_tell", None),
            ("partly upheld", None),
            ("upheld in part", None),
            ("maybe", None),
        ] {
            let read = stand(said);
            assert_eq!(read.as_ref().map(|(s, r)| (*s, r.as_str())), expected, "{said}");
        }
        assert!(takes_back("no") && takes_back("not a bug") && !takes_back("the loop ends"));
    }
}

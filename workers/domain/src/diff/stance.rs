//! Which way a remark goes: a fault, praise, or something that is taken back in the same breath.

use crate::checks::{is_praise, words};

/// What takes a claim back, whatever follows.
#[rustfmt::skip]
const TAKEN_BACK: [&str; 17] = [
    "never mind", "nevermind", "scratch that", "i retract", "i withdraw", "i take that back", "false alarm",
    "disregard this", "ignore this finding", "fine after all", "correct after all", "not an issue after all",
    "not a problem after all", "not a bug after all", "so this is fine", "finding withdrawn", "no longer a concern",
];
/// What takes it back when something good follows.
#[rustfmt::skip]
const LOOKED_AGAIN: [&str; 11] = [
    "on second look", "on second thought", "on a second look", "on closer look", "on closer inspection",
    "on reflection", "upon reflection", "upon closer", "looking again", "looking closer", "actually",
];
/// What is said of good code besides what every reviewer of files says.
#[rustfmt::skip]
const GOOD: [&str; 20] = [
    "fine", "correct", "safe", "ok", "okay", "right", "handled", "valid", "intended", "intentional", "harmless",
    "not a bug", "not an issue", "not a problem", "no issue", "no issues", "no problem", "no bug", "looks good",
    "nothing wrong",
];
/// What any fault is told with.
#[rustfmt::skip]
const BAD: [&str; 26] = [
    "but", "however", "should", "must", "wrong", "missing", "incorrect", "incorrectly", "fails", "fail", "crashes",
    "panics", "leaks", "lost", "loses", "never", "still", "broken", "unsafe", "overflow", "overflows", "without",
    "lacks", "except", "unless", "also",
];
/// Words that turn what follows them round.
const NOT: [&str; 10] =
    ["not", "isn't", "aren't", "wasn't", "never", "hardly", "doesn't", "don't", "cannot", "can't"];

fn position(said: &[String], phrase: &str) -> Option<usize> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    said.windows(phrase.len()).position(|w| w.iter().zip(&phrase).all(|(a, b)| a == b))
}

/// Whether a phrase stands there, and nothing before it turns it round.
fn says(said: &[String], phrase: &str) -> bool {
    position(said, phrase).is_some_and(|at| {
        let before = &said[at.saturating_sub(3)..at];
        !before.iter().any(|word| NOT.contains(&word.as_str()))
    })
}

fn has_any(said: &[String], words: &[&str]) -> bool {
    words.iter().any(|word| position(said, word).is_some())
}

/// Whether a remark is taken back within itself.
pub(super) fn is_withdrawn(text: &str) -> bool {
    let said = words(text);
    if TAKEN_BACK.iter().any(|phrase| says(&said, phrase))
        || said.first().is_some_and(|w| w == "withdrawn")
    {
        return true;
    }
    LOOKED_AGAIN.iter().any(|phrase| {
        let after = position(&said, phrase).map(|at| &said[at + phrase.split(' ').count()..]);
        after
            .is_some_and(|after| GOOD.iter().any(|good| says(after, good)) && !has_any(after, &BAD))
    })
}

/// Whether a remark says that something is right.
pub(super) fn is_fine(what: &str) -> bool {
    let said = words(what);
    let good = GOOD
        .iter()
        .find(|good| says(&said, good) && (good.contains(' ') || is_said_to_be(&said, good)));
    is_praise(what)
        || good.is_some() && !has_any(&said, &BAD) && !has_any(&without(&said, good), &NOT)
}

/// `is fine`, `are safe`: the word is what something is said to be.
fn is_said_to_be(said: &[String], word: &str) -> bool {
    const IS: [&str; 8] = ["is", "are", "looks", "seems", "was", "all", "be", "stays"];
    position(said, word).is_some_and(|at| {
        let before = &said[at.saturating_sub(2)..at];
        before.iter().any(|word| IS.contains(&word.as_str()))
    })
}

fn without(said: &[String], phrase: Option<&&str>) -> Vec<String> {
    let Some(phrase) = phrase else { return said.to_vec() };
    let at = position(said, phrase).unwrap_or_default();
    let end = at + phrase.split(' ').count();
    said.iter()
        .enumerate()
        .filter(|(n, _)| !(at..end).contains(n))
        .map(|(_, w)| w.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn praise_and_retractions_are_told_from_faults() {
        for (text, fine, withdrawn) in [
            ("`load` is fine", true, false),
            ("The loop bound is correct", true, false),
            ("Error handling looks good here.", true, false),
            ("This is not a bug", true, false),
            ("No issues with the new lock", true, false),
            ("`load` is broken", false, false),
            ("`load` is not fine: it returns early", false, false),
            ("Returns the correct value but leaks the handle", false, false),
            ("It isn't safe to read `x` here", false, false),
            ("The bound is not correct", false, false),
            ("Off by one in `load`. On second look, this is fine.", false, true),
            ("Overflow? Actually, the cast is safe.", false, true),
            ("Never mind, the caller checks it", false, true),
            ("On closer inspection this leaks too", false, false),
            ("This is not a false alarm: it crashes", false, false),
            ("Withdrawn: the guard is above", false, true),
            ("It actually drops the correct row and keeps the wrong one", false, false),
            ("Data is lost when `wait` is fine", false, false),
            ("The cast stays safe", true, false),
            ("The right side is evaluated", false, false),
            ("The lock is fine, the bound of the loop is not", false, false),
            ("The lock is fine, not the bound", false, false),
        ] {
            let back = is_withdrawn(text);
            assert_eq!((!back && is_fine(text), back), (fine, withdrawn), "{text}");
        }
    }
}

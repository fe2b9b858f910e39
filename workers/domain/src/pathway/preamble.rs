//! What a reviewer is told of earlier reviews: material like the file, between its own markers.

use super::recall::Remembered;
use crate::prompt::fenced;
use crate::redact::mask;
use crate::text::{clip_marked, counted, one_line};
use std::fmt::Write as _;

const MISTAKES: &str = include_str!("../../templates/memory.md");
const DISMISSED: &str = include_str!("../../templates/dismissed.md");
/// Templates that decide nothing about which answer is kept.
#[cfg(test)]
pub(crate) const APART: [&str; 2] = [MISTAKES, DISMISSED];
/// Characters of a dismissed claim, and of the reason, that are shown.
const CLAIM_SHOWN: usize = 200;

/// The part of a prompt that tells of earlier reviews; empty without anything to tell. It decides nothing about
/// which answer is kept: an answer about an unchanged file stays good when its neighbours are reviewed.
pub fn preamble(remembered: &Remembered, fence: &str) -> String {
    let mut out = String::new();
    if !remembered.shown.is_empty() {
        let _ = writeln!(out, "\n# What was found near this file before\n{}", MISTAKES.trim_end());
        let told = remembered.shown.iter().fold(String::new(), |mut told, print| {
            let times = counted(print.occurrences as usize, "time", "times");
            let _ = writeln!(told, "- {}, {times}: {}", print.flag, one_line(&print.example));
            told
        });
        fenced(&mut out, fence, "earlier findings", &mask(&told).text);
    }
    if !remembered.dismissed.is_empty() {
        let _ = writeln!(out, "\n# What is not wanted here\n{}", DISMISSED.trim_end());
        let told = remembered.dismissed.iter().fold(String::new(), |mut told, (claim, why)| {
            let [claim, why] = [claim, why].map(|text| one_line(&mask(text).text));
            let _ = write!(told, "- {}", clip_marked(&claim, CLAIM_SHOWN));
            let _ = match clip_marked(&why, CLAIM_SHOWN).as_str() {
                "" => writeln!(told),
                why => writeln!(told, " (dismissed: {why})"),
            };
            told
        });
        fenced(&mut out, fence, "dismissed findings", &told);
    }
    out
}

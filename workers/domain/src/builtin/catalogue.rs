//! What is checked for, and what is said about it.

use super::lex::{is_data, is_prose};

/// What is checked for, gravest first: the order of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Unfinished,
    Swallowed,
    Panics,
    Pretends,
    Marker,
    Ignored,
    DeadCode,
    LongFunction,
    LongLine,
}

impl Check {
    pub(super) const ALL: [Self; 9] = [
        Self::Unfinished,
        Self::Swallowed,
        Self::Panics,
        Self::Pretends,
        Self::Marker,
        Self::Ignored,
        Self::DeadCode,
        Self::LongFunction,
        Self::LongLine,
    ];

    /// What was looked for, for the list of checks.
    pub(super) const fn looks_for(self) -> &'static str {
        match self {
            Self::Unfinished => "code that stops because it is not written yet",
            Self::Swallowed => "errors caught and dropped",
            Self::Panics => "calls that can panic, outside tests",
            Self::Pretends => "names and comments that speak of stand-ins, outside tests",
            Self::Marker => "comments that mark open work",
            Self::Ignored => "results thrown away",
            Self::DeadCode => "warnings about unused code switched off",
            Self::LongFunction => "functions of more than 80 lines",
            Self::LongLine => "lines of more than 200 characters",
        }
    }

    /// Whether the check can fire at all in a language: only such a check may be listed as made.
    pub(super) fn applies(self, language: &str) -> bool {
        const BRACES: &[&str] =
            &["JavaScript", "TypeScript", "Java", "C#", "Kotlin", "PHP", "Swift", "Vue", "Svelte"];
        let code = !is_prose(language) && !is_data(language);
        match self {
            Self::Marker => language != "JSON",
            Self::Unfinished => matches!(language, "Rust" | "Python" | "C#" | "Kotlin"),
            Self::Swallowed => language == "Python" || BRACES.contains(&language),
            Self::Panics | Self::DeadCode => language == "Rust",
            Self::Ignored => matches!(language, "Rust" | "Go"),
            Self::LongFunction => {
                matches!(language, "Rust" | "Python" | "Go" | "C" | "C++" | "Scala")
                    || BRACES.contains(&language)
            }
            Self::Pretends | Self::LongLine => code,
        }
    }

    /// How sure a text-only check can be that the claim is right.
    pub(super) const fn confidence(self) -> u8 {
        match self {
            Self::Unfinished => 89,
            Self::Swallowed | Self::LongLine => 80,
            Self::Panics | Self::DeadCode => 70,
            Self::Marker => 75,
            Self::LongFunction => 65,
            Self::Ignored => 55,
            Self::Pretends => 45,
        }
    }

    /// The semantic flag that fits, where one does.
    pub(super) const fn flag(self) -> Option<&'static str> {
        match self {
            Self::Unfinished | Self::Pretends => Some("PseudoImpl"),
            Self::DeadCode => Some("DeadCode"),
            _ => None,
        }
    }

    pub(super) const fn change(self) -> &'static str {
        match self {
            Self::Unfinished => {
                "Write the missing part, or return an error that callers can handle."
            }
            Self::Swallowed => "Handle the error or pass it on; at least log it with its context.",
            Self::Panics => {
                "Return the error to the caller, or say in a comment why it can't happen."
            }
            Self::Pretends => {
                "If this stands in for the real thing, replace it or say where the real one is; if the word is only a name, choose another."
            }
            Self::Marker => "Do the work, or move it to the tracker and link it here.",
            Self::Ignored => "Handle the result, or say in a comment why it doesn't matter.",
            Self::DeadCode => {
                "Remove what is unused, or narrow the attribute to the one item that needs it."
            }
            Self::LongFunction => "Split it along its steps, so that each can be tested alone.",
            Self::LongLine => "Break the line, or move the data out of the code.",
        }
    }

    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Unfinished => "Reaching it ends the program or the request.",
            Self::Swallowed => "A failure here leaves no trace.",
            Self::Panics => {
                "An unexpected input ends the whole task instead of one request. Some of these may be safe by an invariant that text alone doesn't show."
            }
            Self::Pretends => {
                "Stand-ins outside tests tend to reach production. The word alone proves little."
            }
            Self::Marker => {
                "The author says that something is open. Whether it still is, text alone doesn't show."
            }
            Self::Ignored => "A failure here leaves no trace, unless the result carries none.",
            Self::DeadCode => "The attribute also hides code that became unused later.",
            Self::LongFunction => "Long functions are hard to test and to review.",
            Self::LongLine => "It can't be read or compared in a diff.",
        }
    }
}

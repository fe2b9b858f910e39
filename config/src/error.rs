//! What can be wrong with settings, told so that a person can mend it.

use std::fmt;

/// One thing that is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was given: a file, an environment variable, the command line, the defaults.
    pub origin: String,
    /// Path of the key, e.g. `queue.lease_ms`.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.origin, self.key, self.what, self.fix)
    }
}

/// Why settings or a ladder could not be loaded. Its text names what was wrong, where, and what
/// to do; it never holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file or directory that was asked for can't be read.
    #[error("{what} '{path}' can't be read: {reason}; check the path, or leave out {asked_by}")]
    Read {
        /// What the file is for.
        what: &'static str,
        /// Its path as given.
        path: String,
        /// The operating system's reason.
        reason: String,
        /// What asked for it.
        asked_by: &'static str,
    },
    /// A file is not TOML.
    #[error("{origin} is not valid TOML: {reason}\nmend that line; {example}")]
    Syntax {
        /// The file.
        origin: String,
        /// The parser's reason, with the line.
        reason: String,
        /// What a right line looks like.
        example: &'static str,
    },
    /// Keys or values that are wrong; all of them, not only the first.
    #[error("{}", list(.0))]
    Settings(Vec<Problem>),
    /// The layers do not make up settings for a reason not foreseen above.
    #[error("settings: {0}; see config/default.toml for what each key takes")]
    Merge(String),
    /// No ladder has that name.
    #[error(
        "there is no ladder '{name}'{hint}; known ones: {known}; or give a path to a .toml file"
    )]
    UnknownLadder {
        /// What was asked for.
        name: String,
        /// The nearest name, as a question, or nothing.
        hint: String,
        /// All names.
        known: String,
    },
    /// A ladder can't be used.
    #[error("ladder '{name}' in {origin}: {what}; {fix}")]
    BadLadder {
        /// The ladder's name.
        name: String,
        /// The file it stands in.
        origin: String,
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        fix: String,
    },
    /// A token that could be guessed.
    #[error(
        "the token in {variable} has fewer than {least} characters; take for instance that of `openssl rand -hex 32`"
    )]
    Token {
        /// The variable that holds it.
        variable: String,
        /// How many it must have.
        least: usize,
    },
    /// Nothing says where state may be kept.
    #[error(
        "no place for the state directory: state.dir, XDG_STATE_HOME and HOME are all unset; \
         set SCRUM_STATE_DIR to a directory that this user may write to"
    )]
    NoStateDir,
}

fn list(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => many.iter().fold(format!("{} settings are wrong:", many.len()), |mut text, p| {
            text.push_str("\n  ");
            text.push_str(&p.to_string());
            text
        }),
    }
}

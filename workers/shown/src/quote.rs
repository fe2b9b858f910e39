//! Foreign text as a word of a command that a person may copy into a shell.

use crate::text::shown;
use std::fmt::Write as _;

/// The text as one word for a shell, as it is where that is safe. Hidden characters, line breaks and
/// tabs are written as bytes in `$'..'`, which bash, zsh, ksh and POSIX 2024 read: the command can be
/// copied and shows what is in it.
pub fn shell_quoted(text: &str) -> String {
    let is_seen = shown(text) == text && !text.contains(['\n', '\t']);
    if is_seen && let Ok(word) = shlex::try_quote(text) {
        return word.into_owned();
    }
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            // Always three digits: a digit that comes after is none of them.
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| {
                let _ = write!(out, "\\{b:03o}");
            }),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Words, and what is printed of them; what a shell makes of that is the word again.
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for (word, quoted) in [
            ("main", Some("main")),
            ("https://host/a/b.git", Some("https://host/a/b.git")),
            ("", Some("''")),
            ("a b", None),
            ("$(touch x);`id`&|<>*?", None),
            ("it's \"so\" !x", None),
            ("a\nb\t7", Some("$'a\\012b\\0117'")),
            ("x\u{202e}7'\\", Some("$'x\\342\\200\\2567\\'\\\\'")),
            ("\u{1b}]0;t\u{7}", None),
            ("日本語 ä", None),
        ] {
            let word_quoted = shell_quoted(word);
            if let Some(quoted) = quoted {
                assert_eq!(word_quoted, quoted);
            }
            assert_eq!(shown(&word_quoted), word_quoted);
            let script = format!("printf %s {word_quoted}");
            let out = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stdout), word, "{script}");
        }
    }
}

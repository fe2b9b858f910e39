//! Answers that bring the material between its markers instead of a review of it.

use super::Verdict;
use queue_schema::rows::Outcome;
use std::borrow::Cow;

/// So many lines of the file next to a marker are a copy of it.
const COPIED_LINES: usize = 3;

/// The answer without markers of the prompt, which small models write by themselves now and then. Nobody else
/// writes them: they can't be guessed.
///
/// # Errors
/// What stands between two of them, or beside one and in the file, is a copy of the material.
pub(crate) fn without_markers<'a>(
    text: &'a str,
    fence: &str,
    source: &str,
) -> Verdict<Cow<'a, str>> {
    if fence.is_empty() || !text.contains(fence) {
        return Ok(Cow::Borrowed(text));
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let opens = |line: &str| line.contains(fence) && line.contains("<<<");
    let closes = |line: &str| line.contains(fence) && line.contains(">>>");
    let in_file = |lines: &mut dyn Iterator<Item = &&str>| {
        lines.take(COPIED_LINES).filter(|l| source.lines().any(|s| s.trim() == **l)).count()
            == COPIED_LINES
    };
    let first = lines.iter().position(|line| opens(line));
    let between = first.is_some_and(|at| lines[at + 1..].iter().skip(1).any(|line| closes(line)));
    let beside = lines.iter().enumerate().any(|(at, line)| {
        opens(line) && in_file(&mut lines[at + 1..].iter())
            || closes(line) && in_file(&mut lines[..at].iter().rev())
    });
    if between || beside {
        let reason = "copies the material between the markers instead of reviewing it; say in your own \
                      words what it does, and quote single lines only";
        return Err((Outcome::Malformed, reason.to_owned()));
    }
    let only_marker = |line: &str| {
        let line = line.trim();
        line.contains(fence) && (line.starts_with("<<<") || line.ends_with(">>>"))
    };
    let kept: Vec<String> = text
        .lines()
        .filter(|line| !only_marker(line))
        .map(|line| line.replace(fence, ""))
        .collect();
    Ok(Cow::Owned(kept.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_go_and_copies_between_them_or_beside_one_are_told() {
        let source = "let a = 1;\nlet b = 2;\nlet c = 3;\n";
        for (text, kept) in [
            ("<<<F7\na word\nF7>>>\n- a", None),
            ("<<<F7\nlet a = 1;\nlet b = 2;\nlet c = 3;\n- a", None),
            ("- a\nlet a = 1;\nlet b = 2;\nlet c = 3;\nF7>>>", None),
            ("<<<F7\nF7>>>\n- a", Some("- a")),
            (
                "<<<F7\nlet a = 1;\nit is one\nand two\n- a",
                Some("let a = 1;\nit is one\nand two\n- a"),
            ),
            // Such signs are code, and mark nothing in a line without a marker.
            (
                "cat <<< x\nlet a = 1;\nlet b = 2;\nlet c = 3;\nF7",
                Some("cat <<< x\nlet a = 1;\nlet b = 2;\nlet c = 3;\n"),
            ),
            (
                "F7\nlet a = 1;\nlet b = 2;\nlet c = 3;\nb >>> c",
                Some("\nlet a = 1;\nlet b = 2;\nlet c = 3;\nb >>> c"),
            ),
            ("F7 stays\ncat <<< x\n- a\nb >>> c", Some(" stays\ncat <<< x\n- a\nb >>> c")),
        ] {
            let told = without_markers(text, "F7", source);
            assert_eq!(told.as_deref().ok(), kept, "{text}");
        }
    }
}

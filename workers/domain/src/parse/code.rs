//! Code in Markdown: fences, spans, and what is quoted.

/// True for lines that open or close a code block.
pub(crate) fn is_code_fence(line: &str) -> bool {
    let body = line.trim_start();
    body.starts_with("```") || body.starts_with("~~~")
}

/// A line that opens a block of code behind other text: that text, and the opening fence.
pub(super) fn opening_inside(line: &str) -> (&str, Option<&str>) {
    let Some(at) = line.rfind("```").filter(|_| !is_code_fence(line)) else { return (line, None) };
    let (before, fence) = line.split_at(at);
    let language = fence[3..].trim_end();
    let opens = language.chars().all(|c| c.is_ascii_alphanumeric() || "+-#_".contains(c));
    // With another one before, it closes a span.
    if opens && !before.contains('`') { (before, Some(fence)) } else { (line, None) }
}

/// What stands between quotation marks that are around the whole value.
pub(super) fn between_marks(value: &str) -> Option<&str> {
    let value = value.trim();
    [('"', '"'), ('“', '”'), ('«', '»')]
        .iter()
        .find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close))
        .filter(|inside| !inside.trim().is_empty())
}

/// True for what merely names something, as `push`, `push()`, `Store::push` or `self.limit`: it stands
/// in many places, and is no code that could be wrong.
pub(crate) fn is_name(span: &str) -> bool {
    let plain = span.strip_suffix("()").filter(|plain| !plain.contains('.')).unwrap_or(span);
    plain.chars().all(|c| crate::text::is_ident(c) || matches!(c, '.' | ':'))
}

/// The code spans of some text, in order. A span may be delimited by several backticks.
pub(crate) fn code_spans(text: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].bytes().take_while(|b| *b == b'`').count();
        let body = &rest[start + ticks..];
        let Some(len) = closing(body, ticks) else {
            rest = body;
            continue;
        };
        let span = &body[..len];
        // CommonMark strips one space from each side, if both are there.
        let inner = span.strip_prefix(' ').and_then(|s| s.strip_suffix(' ')).unwrap_or(span);
        if !inner.trim().is_empty() {
            spans.push(inner.to_owned());
        }
        rest = &body[len + ticks..];
    }
    spans
}

/// Offset of a run of exactly `ticks` backticks.
pub(crate) fn closing(body: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = body[at..].find('`') {
        let start = at + found;
        let run = body[start..].bytes().take_while(|b| *b == b'`').count();
        if run == ticks {
            return Some(start);
        }
        at = start + run;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_with_backticks_inside() {
        assert_eq!(code_spans("a `b` and `` c`d ``, `open"), ["b", "c`d"]);
        assert_eq!(code_spans("```` ``` ````"), ["```"]);
        assert!(code_spans("`` ``").is_empty());
    }
}

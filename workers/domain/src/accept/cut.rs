//! What is finished of an answer that was cut at the token limit.

use crate::parse::bounds::{is_first, is_heading};
use crate::parse::code::is_code_fence;
use crate::parse::items::{is_numbered, label, list_marker};

/// The answer up to its last finished finding: the rest was not thought to its end.
pub(crate) fn finished(text: &str) -> String {
    let begins_json = |before: &str| {
        let before = before.trim();
        before.is_empty() || (before.starts_with("```") && before.lines().count() == 1)
    };
    match text.find('{').filter(|at| begins_json(&text[..*at])) {
        Some(at) => closed(&text[at..]).map(|json| with_verdict(&json)).unwrap_or_default(),
        None => finished_items(text).to_owned(),
    }
}

/// Markdown without its last line, which may end in the middle, and without the item that this was in: but for
/// one that has its confidence, which comes last. A label that an item has already begins the next one.
fn finished_items(text: &str) -> &str {
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let (mut at, mut in_code, mut open, mut listed) = (0, false, None, false);
    let mut end = whole.len();
    let mut first_label = None;
    for line in whole.split_inclusive('\n') {
        let begins = at;
        at += line.len();
        if is_code_fence(line) {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let labelled = label(line);
        let marker = list_marker(line).filter(|(indent, ..)| *indent < 2);
        // A finding without a number begins with its quote.
        let quotes = labelled.as_ref().is_some_and(|(name, _)| is_first(name));
        let bare = quotes && !listed && !line.starts_with([' ', '\t']);
        let again = labelled.as_ref().is_some_and(|(name, _)| first_label.as_ref() == Some(name));
        let fresh = open.is_none() || again;
        if (marker.is_some() && (labelled.is_none() || fresh)) || (bare && fresh) {
            listed |= marker.is_some();
            open = Some(begins);
            first_label = labelled.map(|(name, _)| name);
        } else if is_heading(line, open.is_some()) {
            let title = line.trim_start_matches('#').trim();
            let is_finding = is_numbered(title) || title.starts_with(|c: char| c.is_ascii_digit());
            (open, first_label) = (is_finding.then_some(begins), None);
        } else if labelled.is_some_and(|(name, _)| name == "confidence") {
            (open, end) = (None, at);
        }
        if open.is_none() {
            end = at;
        }
    }
    &whole[..open.unwrap_or(end)]
}

/// JSON with what is open closed behind its last whole entry. Nothing is made up: what is not there stays away.
fn closed(text: &str) -> Option<String> {
    let (mut open, mut whole) = (Vec::new(), None);
    let (mut in_string, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                if open.pop() != Some(c) {
                    return None;
                }
                // An entry of an array of the object, or a whole array.
                if open.len() <= 2 {
                    whole = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
    }
    let (end, open) = whole?;
    let mut out = text[..end].to_owned();
    out.extend(open.into_iter().rev());
    Some(out)
}

/// The verdict comes last, so a cut answer lacks it. One that names faults is no pass: the milder of the other two
/// stands for it. One that names none stays without.
fn with_verdict(json: &str) -> String {
    const FAULTS: [&str; 4] =
        ["critical_failures", "pseudocode_flags", "broken_pipelines", "missing_components"];
    let Ok(serde_json::Value::Object(mut all)) = serde_json::from_str(json) else {
        return json.to_owned();
    };
    let named =
        |key: &&str| all.get(*key).and_then(|v| v.as_array()).is_some_and(|a| !a.is_empty());
    if all.contains_key("verdict") || !FAULTS.iter().any(named) {
        return json.to_owned();
    }
    all.insert("verdict".to_owned(), "needs_patch".into());
    serde_json::Value::Object(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_findings_stay_and_the_last_one_goes() {
        let one = "## Findings\n1. Quote: `a`\n   - Claim: x\n   - Confidence: 80%\n";
        for (tail, want) in [
            ("2. Quote: `b`\n   - Claim: cut in the mid", ""),
            ("2. Quote: `b`\n   - Confidence: 8", ""),
            ("2. Quote: `b`\n   - Confidence: 80%\n3", "2. Quote: `b`\n   - Confidence: 80%\n"),
            ("\n## Verdict\nneeds", "\n## Verdict\n"),
            // A list within an item begins none.
            ("2. It is lost\n  - on a full disk\n  - on a clo", ""),
        ] {
            assert_eq!(finished(&format!("{one}{tail}")), format!("{one}{want}"), "{tail}");
        }
        // What stands in code or in a string is no form of the answer.
        for (text, want) in [
            ("1. Quote:\n```\nConfidence: 80%\n```\n   - Claim: cut", ""),
            ("Here: {\"a\":1}\n1. x\n2", "Here: {\"a\":1}\n"),
            (r#"{"a":[{"q":"x \" } y"},{"q":"z"#, r#"{"a":[{"q":"x \" } y"}]}"#),
            (r#"{"a":[{"q":"if x {"},{"q":"z"#, r#"{"a":[{"q":"if x {"}]}"#),
        ] {
            assert_eq!(finished(text), want, "{text}");
        }
        let titled =
            "## Suggested changes\n1. **a** (80%)\n   - Quote: `a`\n2. **b** (70%)\n   - Quo";
        assert_eq!(finished(titled), "## Suggested changes\n1. **a** (80%)\n   - Quote: `a`\n");
        assert_eq!(finished("one line"), "");
        // Without a number, a finding begins with its quote; titled by another word than its number, with that.
        let bare = "Quote: `a`\nClaim: x\nConfidence: 80%\n";
        for (tail, want) in [
            ("\nQuote: `b`\nClaim: cut in\nthe mid", "\n"),
            ("\nQuote: `#define A\n#define B`\nClaim: cut\nin", "\n"),
            ("\n### Finding 2: b\nQuote: `b`\nClaim: cut\nin", "\n"),
        ] {
            assert_eq!(finished(&format!("{bare}{tail}")), format!("{bare}{want}"), "{tail}");
        }
        let sure = "1. **Quote:**\n   ```\n   a\n   ```\n   **Claim:** x\n   **Evidence:** y\n";
        let cut = format!("## Findings\n\n{sure}\n2. **Quote:**\n   ```\n   b\n   ```\n   **Cla");
        assert_eq!(finished(&cut), format!("## Findings\n\n{sure}\n"));
        let bullets = "- Quote: `a`\n- Claim: x\n- Evidence: y\n";
        assert_eq!(finished(&format!("{bullets}- Quote: `b`\n- Cl")), bullets);
    }

    #[test]
    fn json_is_closed_behind_its_last_whole_entry() {
        for (text, want) in [
            (r#"{"verdict":"fail","a":[{"x":"}"},{"y"#, r#"{"verdict":"fail","a":[{"x":"}"}]}"#),
            (r#"{"a":[{"x":[1],"y":"#, ""),
            (r#"{"a":[1],"b":[{"x":{"#, r#"{"a":[1]}"#),
            ("```json\n{\"a\":[{}],\"b", "{\"a\":[{}]}"),
            ("{]", ""),
            (
                r#"{"critical_failures":[{"claim":"x"}],"pseudocode_flags":[{"cl"#,
                r#"{"critical_failures":[{"claim":"x"}],"verdict":"needs_patch"}"#,
            ),
            (
                r#"{"critical_failures":[],"risk_points":[{"claim":"x"}],"ver"#,
                r#"{"critical_failures":[],"risk_points":[{"claim":"x"}]}"#,
            ),
        ] {
            assert_eq!(finished(text), want, "{text}");
        }
    }
}

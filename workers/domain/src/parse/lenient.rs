//! JSON as models write it: trailing commas, comments, single quotes, line breaks in strings,
//! `None` and `NaN`.
//!
//! Only the spelling is mended. Nothing is closed that was left open and no member is made up: a
//! text that ends too early is no JSON.

use serde_json::Value;

/// Depth at which strict JSON is given up too.
const DEEPEST: usize = 128;

/// Reads the value that starts the text: (value, its length in bytes).
pub(super) fn value(text: &str) -> Option<(Value, usize)> {
    let (strict, len) = respell(text)?;
    serde_json::from_str(&strict).ok().map(|value| (value, len))
}

/// The same value in strict JSON, and how much of the text it took.
fn respell(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len().min(4096));
    let mut open = Vec::new();
    let mut at = 0;
    loop {
        let b = *bytes.get(at)?;
        match b {
            b'{' | b'[' => {
                if open.len() == DEEPEST {
                    return None;
                }
                open.push(b + 2);
                out.push(char::from(b));
                at += 1;
            }
            b'}' | b']' => {
                if open.pop() != Some(b) {
                    return None;
                }
                drop_comma(&mut out);
                out.push(char::from(b));
                at += 1;
            }
            b'"' | b'\'' => at += string(&text[at..], b, &mut out)?,
            b'/' => at += comment(&text[at..])?,
            b'#' => at += text[at..].find('\n')?,
            b',' | b':' => {
                out.push(char::from(b));
                at += 1;
            }
            _ if b.is_ascii_whitespace() => {
                out.push(' ');
                at += 1;
            }
            _ => {
                let len = bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-._".contains(b))
                    .count();
                if len == 0 {
                    return None;
                }
                word(&text[at..at + len], &mut out)?;
                at += len;
            }
        }
        if open.is_empty() {
            return Some((out, at));
        }
    }
}

/// A comma before a bracket that closes separates nothing.
fn drop_comma(out: &mut String) {
    let kept = out.trim_end().len();
    if out[..kept].ends_with(',') {
        out.truncate(kept - 1);
    }
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return text.find('\n');
    }
    text.strip_prefix("/*")?.find("*/").map(|end| end + 4)
}

/// A number, or a word that stands for a value. What is no number at all is null.
fn word(word: &str, out: &mut String) -> Option<()> {
    match word.trim_start_matches(['+', '-']) {
        "true" | "True" => out.push_str("true"),
        "false" | "False" => out.push_str("false"),
        "null" | "None" | "undefined" | "NaN" | "nan" | "Infinity" | "inf" => out.push_str("null"),
        digits => {
            let number: f64 =
                digits.parse().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))?;
            let plain = word.strip_prefix('+').unwrap_or(word);
            let strict = serde_json::from_str::<Value>(plain).is_ok();
            match (number.is_finite(), strict) {
                (false, _) => out.push_str("null"),
                (true, true) => out.push_str(plain),
                // `1.` and `007`.
                (true, false) => return None,
            }
        }
    }
    Some(())
}

/// A string with either quote: its length.
fn string(text: &str, quote: u8, out: &mut String) -> Option<usize> {
    out.push('"');
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                // JSON knows no such escape; what is meant is the character.
                escaped @ ('\'' | '`' | '$') => out.push(escaped),
                escaped @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') => {
                    out.push('\\');
                    out.push(escaped);
                }
                // `\d` of a pattern that was copied as it stands.
                other => {
                    out.push_str("\\\\");
                    out.push(other);
                }
            },
            c if c as u32 == u32::from(quote) => {
                out.push('"');
                return Some(at + 1);
            }
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spelling_is_mended() {
        let text = "{'a': [1, 2,], // one\n /* two */ \"b\": None, \"c\": 'it\\'s \"so\"',\n# three\n\"d\": -NaN, 'e': \"x\ny\\d\",} tail";
        let (value, len) = value(text).unwrap();
        assert_eq!(
            value,
            json!({"a": [1, 2], "b": null, "c": "it's \"so\"", "d": null, "e": "x\ny\\d"})
        );
        assert_eq!(&text[len..], " tail");
        assert_eq!(
            super::value("{\"a\": True, 'b': false, 'c': \"x\ty\u{1}z\"}").unwrap().0,
            json!({"a": true, "b": false, "c": "x\ty z"})
        );
        assert_eq!(
            super::value("{\"a\": 1e999, \"b\": +2}").unwrap().0,
            json!({"a": null, "b": 2})
        );
    }

    #[test]
    fn nothing_is_made_up() {
        for text in [
            "",
            "{",
            "{\"a\": \"b",
            "{\"a\": [1}",
            "{a: 1}",
            "{\"a\": maybe}",
            "{\"a\" 1}",
            "{\"a\": 007}",
            "{\"a\": \\u12}",
            "{/* a}",
            "{,}x",
            "{\"a\":,}",
        ] {
            assert!(value(text).is_none() || text == "{,}x", "{text}");
        }
        assert!(value(&"[".repeat(100_000)).is_none());
        assert!(value(&format!("{}{}", "[".repeat(127), "]".repeat(127))).is_some());
    }
}

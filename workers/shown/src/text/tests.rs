use super::*;
use proptest::prelude::*;

/// Text as people write it: it stays as it is.
const USUAL: &[&str] = &[
    "plain ASCII, with a tab\tand a\nline break",
    "Straße, naïve, Ελληνικά, Кириллица, 日本語, 한국어, ภาษาไทย",
    "العربية مع ١٢٣",
    "می\u{200c}خواهم",                     // Persian, a joiner between letters
    "ක්\u{200d}රි",                          // Sinhala, a conjunct
    "क्\u{200d}ष",                          // Hindi, half a letter
    "👩\u{200d}💻 ❤\u{fe0f}\u{200d}🔥 👍🏽", // sequences and a skin tone
    "1\u{fe0f}\u{20e3} ©\u{fe0f} ✔\u{fe0e}",
    "葛\u{e0100}城",
    "ᠠ\u{180b}",
    "e\u{301} combined",
];

/// Hidden text, and what is shown of it.
const HOSTILE: &[(&str, &str)] = &[
    ("\u{1b}[31mred", "\\u{1b}[31mred"),
    ("a\rb\u{8}\u{7}\u{7f}\0", "a\\u{d}b\\u{8}\\u{7}\\u{7f}\\u{0}"),
    ("\u{9b}2J\u{85}", "\\u{9b}2J\\u{85}"),
    ("a\u{202e}cod.exe\u{202c}", "a\\u{202e}cod.exe\\u{202c}"),
    ("\u{2066}x\u{2069}\u{61c}\u{200e}\u{200f}", "\\u{2066}x\\u{2069}\\u{61c}\\u{200e}\\u{200f}"),
    ("pa\u{200b}ss\u{ad}\u{2060}\u{feff}", "pa\\u{200b}ss\\u{ad}\\u{2060}\\u{feff}"),
    ("ad\u{200d}min ad\u{200c}min", "ad\\u{200d}min ad\\u{200c}min"),
    ("\u{200d}💻 💻\u{200d}", "\\u{200d}💻 💻\\u{200d}"),
    ("a\u{fe0f} ❤\u{fe0f}\u{fe0f}", "a\\u{fe0f} ❤\u{fe0f}\\u{fe0f}"),
    ("\u{e0041}\u{e007f}x\u{e0100}", "\\u{e0041}\\u{e007f}x\\u{e0100}"),
    ("\u{3164}\u{115f}\u{2028}\u{2029}", "\\u{3164}\\u{115f}\\u{2028}\\u{2029}"),
    ("one\r\ntwo", "one\ntwo"),
];

/// What must never come out, told without the code under test: all of it outside of the exceptions.
fn may_come_out(c: char) -> bool {
    let control = c < ' ' && c != '\n' && c != '\t' || ('\u{7f}'..'\u{a0}').contains(&c);
    let always = [
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{feff}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{3164}',
    ];
    !control && !always.contains(&c)
}

#[test]
fn usual_text_stays() {
    for text in USUAL {
        assert!(matches!(shown(text), Cow::Borrowed(same) if same == *text), "{text:?}");
        assert!(matches!(shown_json(text), Cow::Borrowed(_)), "{text:?}");
    }
}

#[test]
fn hidden_text_is_seen() {
    for (text, seen) in HOSTILE {
        assert_eq!(shown(text), *seen);
    }
    assert_eq!(plain("a\nb\r\nc\td\u{1b}"), "a b  c d\\u{1b}");
}

#[test]
fn json_keeps_its_values() {
    for (text, _) in HOSTILE {
        let written = serde_json::to_string_pretty(&serde_json::json!({ *text: [text] })).unwrap();
        let json = shown_json(&written);
        assert!(json.chars().all(may_come_out), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, serde_json::json!({ *text: [text] }));
    }
    assert_eq!(shown_json("[1,\r\n\"\u{e0041}\"]"), "[1,\n\"\\udb40\\udc41\"]");
}

/// Any text, rich in what is hidden and in what stands around it.
fn texts() -> impl Strategy<Value = String> {
    let from = |texts: Vec<&str>| -> Vec<char> { texts.concat().chars().collect() };
    let hostile = from(HOSTILE.iter().map(|(text, _)| *text).collect());
    let usual = from(USUAL.to_vec());
    let one = prop_oneof![
        proptest::sample::select(hostile),
        proptest::sample::select(usual),
        any::<char>()
    ];
    proptest::collection::vec(one, 0..24).prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_hidden_comes_out_and_twice_is_once(text in texts()) {
        let once = shown(&text).into_owned();
        prop_assert!(once.chars().all(may_come_out), "{once:?}");
        prop_assert_eq!(shown(&once), once.as_str());
        let line = plain(&text);
        prop_assert!(line.chars().all(|c| may_come_out(c) && c != '\n' && c != '\t'), "{:?}", line);
        let value = serde_json::json!({ "k": text });
        let json = shown_json(&value.to_string()).into_owned();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn ascii_that_is_seen_stays(text in "[ -~\n\t]{0,60}") {
        prop_assert_eq!(shown(&text), text.as_str());
    }
}

//! Which characters are never shown as they are, and what stands in their place.
//!
//! A repository, a model, a server and whoever writes to Redis choose text that a person reads. A
//! control character can move the cursor or recolour the screen; a mark of direction turns text round;
//! a character without width makes two names look alike. Each becomes a visible escape such as
//! `\u{202e}`, so that a person sees that something was there.
//!
//! Some characters without width are how languages are written. They stay where they do that work:
//! - a joiner (U+200C, U+200D) between two letters of a script that joins, or between two emoji;
//! - one variation selector after a character that is not ASCII, or in a keycap such as `1` U+FE0F U+20E3;
//! - one ideographic or Mongolian selector after a letter of that script.
//!
//! Tag characters never stay, although three flags are written with them: they can carry a whole
//! hidden text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every hidden character as `\u{..}`. Line breaks and tabs stay; of `\r\n` only the line
/// break does. For text of several lines whose layout is ours: [`plain`] is for all else.
pub fn shown(text: &str) -> Cow<'_, str> {
    let unix = if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    match escaped(&unix, |c, out| {
        let _ = write!(out, "{}", c.escape_unicode());
    }) {
        Some(escaped) => Cow::Owned(escaped),
        None => unix,
    }
}

/// [`shown`] on one line: for a field, a cell, a message. Line breaks and tabs become spaces, so that
/// foreign text can't begin a line that looks like ours.
pub fn plain(text: &str) -> String {
    let flat: String =
        text.chars().map(|c| if matches!(c, '\t'..='\r') { ' ' } else { c }).collect();
    shown(&flat).into_owned()
}

/// JSON in which every hidden character is written as `\uXXXX`: the values are the same. `json` must
/// be valid JSON: there hidden characters occur in strings only.
pub fn shown_json(json: &str) -> Cow<'_, str> {
    let escaped = escaped(json, |c, out| {
        // A carriage return is white space between values; within one it is escaped already.
        if c == '\r' {
            return;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    });
    escaped.map_or(Cow::Borrowed(json), Cow::Owned)
}

/// The text with hidden characters written by `put`; `None` when there are none.
fn escaped(text: &str, put: impl Fn(char, &mut String)) -> Option<String> {
    // The usual text takes one look at its bytes.
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\t')) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut before, mut any) = (None, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if stays(before, c, chars.peek().copied()) {
            out.push(c);
            before = Some(c);
        } else {
            any = true;
            put(c, &mut out);
            // The escape is ASCII: what comes next has nothing to join or to select.
            before = None;
        }
    }
    any.then_some(out)
}

/// Whether `c` is shown as it is, after `before` as it is shown and before `next`.
fn stays(before: Option<char>, c: char, next: Option<char>) -> bool {
    let is = |of: fn(char) -> bool, at: Option<char>| at.is_some_and(of);
    match c {
        '\n' | '\t' => true,
        '\u{200c}' | '\u{200d}' => {
            let after = |c: char| joins(c) || is_selector(c);
            (is(joins_words, before) && is(joins_words, next))
                || (is(after, before) && is(joins, next))
        }
        '\u{fe00}'..='\u{fe0f}' => {
            let keycap = |c: char| c.is_ascii_digit() || matches!(c, '#' | '*');
            let base = |c: char| !c.is_ascii() && !is_selector(c) && !is_joiner(c);
            is(base, before) || (is(keycap, before) && next == Some('\u{20e3}'))
        }
        '\u{e0100}'..='\u{e01ef}' => {
            let ideograph = |c: char| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
            is(ideograph, before)
        }
        '\u{180b}'..='\u{180f}' => is(|c| matches!(c, '\u{1820}'..='\u{18aa}'), before),
        c => !c.is_control() && !is_hidden(c),
    }
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Letters and marks of scripts that are written with joiners: Arabic and its kin, those of India and
/// South-East Asia, Mongolian.
fn joins_words(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{1820}'..='\u{18aa}' | '\u{1b00}'..='\u{1bff}' | '\u{a840}'..='\u{a8ff}'
        | '\u{11000}'..='\u{11fff}')
        && !is_hidden(c)
}

/// Emoji, their skin tones, and the signs that some are made of.
fn joins(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Characters without a picture of their own: format characters of Unicode (category Cf) but for the
/// Arabic and Indic number signs, which are seen; fillers; separators; what is reserved for more of
/// them. Not the joiners and selectors, which [`stays`] judges by what is around them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{70f}'
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{17b4}' | '\u{17b5}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;

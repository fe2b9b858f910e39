//! Whether a rung reads a file whole, or the notes on its shards.

use crate::prompt::Prompt;
use queue_schema::sweep::Rung;

/// Bytes of text that make a token. Code and English have three to five where they are ASCII; of other scripts a
/// character of two or three bytes is one token or less. What has to fit is better overrated.
const ASCII_A_TOKEN: usize = 3;
const OTHER_A_TOKEN: usize = 2;
/// Tokens that a server puts around the messages.
const AROUND: u64 = 64;

/// Tokens of what is said of notes beside them, with a list of a few gaps.
const OF_NOTES: u64 = 200;

/// Tokens of a text, rather too many than too few.
pub fn most_tokens(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    (ascii.div_ceil(ASCII_A_TOKEN) + (text.len() - ascii).div_ceil(OTHER_A_TOKEN)) as u64
}

/// Bytes of text that make a token, or fewer: code and English have about four.
const BYTES_A_TOKEN: u64 = 4;

/// Tokens of a text, as far as that can be told without the model.
pub fn guess(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_A_TOKEN)
}

/// What a call asks, in tokens.
pub fn guess_asked(prompt: &Prompt) -> u64 {
    let schema = prompt.schema.as_ref().map_or(0, |s| s.to_string().len());
    guess(prompt.system.len() + prompt.user.len() + schema)
}

/// Whether `rung` is given a file of so many bytes whole. `prompt` is the one that holds the file; `max_tokens` is what
/// the answer may have. A rung that does not say what it takes reads files of up to `over_bytes`.
pub fn reads_whole(
    rung: &Rung,
    prompt: &Prompt,
    max_tokens: u32,
    bytes: usize,
    over_bytes: u64,
) -> bool {
    match rung.context_tokens {
        None => bytes as u64 <= over_bytes,
        Some(Rung::ANY_CONTEXT) => true,
        Some(context) => asked(prompt) + AROUND + u64::from(max_tokens) <= u64::from(context),
    }
}

/// Characters of notes that `rung` has room for in place of the `source` in `prompt`, at most `most`, where 0 is any
/// number.
pub fn notes_chars(rung: &Rung, prompt: &Prompt, max_tokens: u32, source: &str, most: u32) -> u32 {
    let Some(context) = rung.context_tokens else { return most };
    let rest = asked(prompt).saturating_sub(most_tokens(source))
        + AROUND
        + OF_NOTES
        + u64::from(max_tokens);
    let room = u64::from(context).saturating_sub(rest).saturating_mul(ASCII_A_TOKEN as u64);
    let room = u32::try_from(room).unwrap_or(u32::MAX).max(1);
    if most == 0 { room } else { room.min(most) }
}

/// Tokens of all that is sent.
fn asked(prompt: &Prompt) -> u64 {
    let schema = prompt.schema.as_ref().map_or(0, |s| most_tokens(&s.to_string()));
    most_tokens(&prompt.system) + most_tokens(&prompt.user) + schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(context_tokens: Option<u32>) -> Rung {
        let json =
            serde_json::json!({"provider": "p", "model": "m", "context_tokens": context_tokens});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_file_is_read_whole_where_its_prompt_and_the_answer_fit() {
        let of =
            |user: &str| Prompt { system: "x".repeat(300), user: user.to_owned(), schema: None };
        let latin = "a".repeat(3000);
        let cyrillic = "ж".repeat(1000);
        let (small, large) = (Some(2664), Some(Rung::ANY_CONTEXT));
        // Tokens: 100 of the system, 64 around, 1,500 of the answer, 1,000 of the file.
        for (text, context, whole) in [
            (latin.as_str(), small, true),
            (&latin[..], Some(2663), false),
            (&cyrillic[..], small, true),
            (&cyrillic[..], Some(2663), false),
            (&latin.repeat(1000)[..], large, true),
            (&"a".repeat(6000)[..], None, true),
            (&"a".repeat(6001)[..], None, false),
        ] {
            let read = reads_whole(&rung(context), &of(text), 1500, text.len(), 6000);
            assert_eq!(read, whole, "{context:?}, {} bytes", text.len());
        }
        let schema = Some(serde_json::json!({"type": "object"}));
        let with_schema = Prompt { schema, ..of(&latin) };
        assert!(!reads_whole(&rung(small), &with_schema, 1500, 3000, 6000), "it is sent too");
    }

    #[test]
    fn notes_are_no_longer_than_the_context_has_room_for() {
        let source = "a".repeat(30_000);
        let whole = Prompt {
            system: "x".repeat(300),
            user: format!("{}{source}", "y".repeat(300)),
            schema: None,
        };
        let room = |context, most| notes_chars(&rung(context), &whole, 1500, &source, most);
        assert_eq!(room(None, 24_000), 24_000);
        assert_eq!(room(Some(8192), 24_000), (8192 - 1964) * 3);
        assert_eq!((room(Some(8192), 500), room(Some(8192), 0)), (500, (8192 - 1964) * 3));
        assert_eq!(room(Some(1000), 24_000), 1, "0 would be any number");
        assert_eq!(room(Some(Rung::ANY_CONTEXT), 24_000), 24_000);
    }

    #[test]
    fn tokens_are_guessed_by_all_that_is_sent() {
        assert_eq!([0, 1, 4, 5, 400].map(guess), [0, 1, 1, 2, 100]);
        let (system, user) = ("x".repeat(6), "y".repeat(10));
        let schema = serde_json::json!({"a": 1});
        for (schema, tokens) in [(None, 4), (Some(schema), 6)] {
            let prompt = Prompt { system: system.clone(), user: user.clone(), schema };
            assert_eq!(guess_asked(&prompt), tokens, "16 bytes, and 7 of the schema");
        }
    }
}

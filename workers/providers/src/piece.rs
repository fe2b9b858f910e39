//! Most values of a streamed answer are a piece of its text and nothing else, and an answer has hundreds. They are read
//! as that alone, which takes a fraction of what a tree of values does.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Something that makes a value more than a piece of text; null is nothing.
type More = Option<IgnoredAny>;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
    object: Option<&'a str>,
    error: More,
    usage: More,
    provider: More,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
    object: Option<&'a str>,
    error: More,
    finish_reason: Option<&'a str>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    refusal: More,
    reasoning_content: More,
    reasoning: More,
}

/// The text of an event of the OpenAI wire; `None` if it is anything else, or says more than that.
pub(crate) fn openai(event: &str) -> Option<Cow<'_, str>> {
    let Event { choices: [choice], object, error, usage, provider } =
        serde_json::from_str(event).ok()?;
    let Choice { delta, object: inner, error: inner_error, finish_reason } = choice;
    let Delta { content, refusal, reasoning_content, reasoning } = delta;
    let more = [error, usage, provider, inner_error, refusal, reasoning_content, reasoning];
    let fails = [object, inner].contains(&Some("error"));
    // An empty reason is none.
    let goes_on = finish_reason.is_none_or(str::is_empty);
    (goes_on && !fails && more.iter().all(Option::is_none)).then_some(content)
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    done: Option<bool>,
    error: More,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    thinking: More,
}

/// The same of a line of Ollama's.
pub(crate) fn ollama(line: &str) -> Option<Cow<'_, str>> {
    let Line { message: Message { content, thinking }, done, error } =
        serde_json::from_str(line).ok()?;
    let more = thinking.is_some() || error.is_some() || done == Some(true);
    (!more).then_some(content)
}

/// For wires whose values are all read as a whole.
pub(crate) fn none(_: &str) -> Option<Cow<'_, str>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::heard::Heard;
    use crate::wire::Form;
    use crate::{ollama, openai};

    /// What is read as a piece is read so as a whole too, and nothing else comes of it.
    fn as_a_whole(form: &Form, value: &str) -> String {
        let mut heard = Heard::new(1 << 20, 0);
        let cfg = scrum_config::ProviderConfig::new(scrum_config::Wire::Openai, "http://h/v1");
        let mut clock = Clock::start(&cfg);
        (form.take)(&mut heard, &serde_json::from_str(value).unwrap(), &mut clock).unwrap();
        let untouched = Heard::new(1 << 20, 0);
        assert_eq!(
            (
                heard.prompt,
                heard.tokens_out,
                heard.thoughts_told,
                heard.over,
                heard.finish.is_some()
            ),
            (untouched.prompt, untouched.tokens_out, untouched.thoughts_told, false, false),
        );
        heard.answer.text().to_owned()
    }

    #[test]
    fn a_piece_of_text_is_read_as_one() {
        for (event, want) in [
            (r#"{"choices":[{"delta":{"content":"a \"b\" \u00e9"}}]}"#, "a \"b\" é"),
            (
                r#"{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null,"logprobs":null}],"usage":null,"error":null}"#,
                "x",
            ),
            (r#"{"choices":[{"delta":{"content":"","reasoning":null}}]}"#, ""),
            (r#"{"choices":[{"delta":{"content":"z"},"finish_reason":""}]}"#, "z"),
        ] {
            assert_eq!(openai(event).as_deref(), Some(want), "{event}");
            assert_eq!(as_a_whole(&openai::FORM, event), want, "{event}");
        }
        for (line, want) in [
            (r#"{"model":"m","message":{"role":"assistant","content":"x\n"},"done":false}"#, "x\n"),
            (r#"{"message":{"content":"y"}}"#, "y"),
        ] {
            assert_eq!(ollama(line).as_deref(), Some(want), "{line}");
            assert_eq!(as_a_whole(&ollama::FORM, line), want, "{line}");
        }
    }

    #[test]
    fn what_says_more_is_read_as_a_whole() {
        for event in [
            "[DONE]",
            r#"{"choices":[{"delta":{"content":"x"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":{}}]}"#,
            r#"{"choices":[{"message":{"content":"x"}}]}"#,
            r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"x","reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"x","reasoning":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"x","refusal":"no"}}]}"#,
            r#"{"choices":[{"delta":{"content":[{"text":"x"}]}}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"error":{"message":"e"}}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"object":"error"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"}},{"delta":{"content":"y"}}]}"#,
            r#"{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[{"delta":{"content":"x"}}],"error":"e"}"#,
            r#"{"choices":[{"delta":{"content":"x"}}],"object":"error"}"#,
            r#"{"choices":[{"delta":{"content":"x"}}],"provider":"p"}"#,
        ] {
            assert_eq!(openai(event), None, "{event}");
        }
        for line in [
            r#"{"error":"e"}"#,
            r#"{"message":{"content":"x"},"error":"e"}"#,
            r#"{"message":{"content":"x"},"done":true}"#,
            r#"{"message":{"content":"","thinking":"hm"},"done":false}"#,
        ] {
            assert_eq!(ollama(line), None, "{line}");
        }
    }
}

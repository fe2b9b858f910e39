//! One call of a model, in whichever wire format.

use crate::adapt::{Adapted, Way};
use crate::chat::{ChatReply, ChatRequest};
use crate::clock::Clock;
use crate::error::ChatError;
use crate::http::Endpoint;
use crate::read;
use crate::thinking::Think;
use crate::wire::Asked;

/// Characters that a token has at most on average, blanks aside. A generous guess (English prose has
/// five, code three), so that only a clear miss counts.
const CHARS_PER_TOKEN: u64 = 6;

/// Asks a model. One request; what a server refuses of it is left out, and remembered.
pub(crate) async fn chat(
    endpoint: &Endpoint,
    adapted: &Adapted,
    req: &ChatRequest,
) -> Result<ChatReply, ChatError> {
    let form = endpoint.form;
    let mut clock = Clock::start(&endpoint.cfg);
    let known = adapted.of(endpoint, &req.model);
    let think = match req.talk.think {
        None => known.think,
        Some(true) => Think::Untold,
        Some(false) => Think::told(endpoint, &req.model, known.think),
    };
    let first = Way { think, ..known.clone() };
    let mut way = first.clone();
    // Each way sends less than the one before, so that this ends.
    let (response, body) = loop {
        let body = (form.body)(endpoint, req, &way);
        let path = (form.path)(endpoint, &req.model);
        match endpoint.post(&path, &body, req.trace.as_deref(), &clock).await {
            Ok(response) => break (response, body),
            Err(failure) => match way.instead(endpoint, &body, &failure) {
                Some(less) => way = less,
                None => return Err(Way::advise(endpoint, &body, failure)),
            },
        }
    };
    if way != first {
        // Whether this one was to think is no matter of the next.
        let think = if first.think == known.think { way.think } else { known.think };
        adapted.note(&req.model, Way { think, ..way });
    }
    let bounds = (endpoint.cfg.max_answer_bytes, endpoint.cfg.max_repeats);
    let mut heard =
        read::answer(response, form, (bounds, req.talk.live.clone()), &mut clock).await?;
    (form.settle)(&mut heard, &Asked { endpoint, req, body: &body })?;
    let reply = heard.reply(form, &clock)?;
    let earlier: u64 = req.talk.earlier.iter().map(|turn| least_tokens(&turn.text)).sum();
    let least = least_tokens(&req.system) + least_tokens(&req.user) + earlier;
    if endpoint.cfg.counts_prompt && (1..least).contains(&reply.tokens_in) {
        return Err(ChatError::ContextExceeded {
            // The count is of what was left; the true one is only known to be larger.
            prompt_tokens: None,
            context: None,
            message: format!(
                "the server cut the prompt in silence: it read {} tokens of a text of at least {least}; {}, or, if \
                 it only leaves out what it had cached, set counts_prompt = false in [providers.{}]",
                reply.tokens_in, form.context, endpoint.name
            ),
        });
    }
    Ok(reply)
}

/// Tokens that a text has at least, whatever the model. Blanks and lines of dashes can be one token.
fn least_tokens(text: &str) -> u64 {
    let mut last = ' ';
    let mut chars = 0_u64;
    for c in text.chars() {
        chars += u64::from(!c.is_whitespace() && c != last);
        last = c;
    }
    chars / CHARS_PER_TOKEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_tokens_of_a_text_are_fewer_than_any_model_counts() {
        for (text, tokens) in [
            ("fn add(a: u32, b: u32) -> u32 {\n        a + b\n}\n", 24),
            ("Internationalization considerations notwithstanding", 6),
            ("// ----------------------------------------------------\n", 3),
            ("                                                  x", 2),
            ("\u{4f60}\u{597d}\u{4e16}\u{754c}", 2),
        ] {
            assert!(least_tokens(text) <= tokens + 2, "{text}: {}", least_tokens(text));
        }
        assert!(least_tokens(&"let value = input.parse()?;\n".repeat(310)) > 1000);
    }
}

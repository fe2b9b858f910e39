//! Reads the body of an answer, value by value.

use reqwest::Response;
use serde_json::Value;

use crate::chat::Finish;
use crate::classify;
use crate::clock::Clock;
use crate::error::ChatError;
use crate::heard::Heard;
use crate::lines::Lines;
use crate::live::{Live, Told};
use crate::wire::{Form, Framing};

/// A whole document may spell each byte of the answer as an escape of six.
const ESCAPED: u64 = 6;
const NO_STREAM: &str = "the answer is neither a stream of events nor JSON";

/// Reads an answer to its end.
pub(crate) async fn answer(
    response: Response,
    form: &Form,
    ((max_bytes, max_repeats), live): ((u64, u32), Option<Live>),
    clock: &mut Clock,
) -> Result<Heard, ChatError> {
    let mut heard = Heard::new(max_bytes, max_repeats);
    heard.told = live.map(Told::new);
    let mut lines = Lines::new(response, max_bytes);
    let most = max_bytes.saturating_mul(ESCAPED);
    match form.framing {
        Framing::Events => events(&mut heard, form, &mut lines, most, clock).await?,
        Framing::Lines => values(&mut heard, form, &mut lines, clock).await?,
    }
    lines.finish();
    Ok(heard)
}

/// Takes one value in; true when nothing more is to be read.
fn take(
    heard: &mut Heard,
    form: &Form,
    value: &Value,
    clock: &mut Clock,
) -> Result<bool, ChatError> {
    (form.take)(heard, value, clock)?;
    Ok(ends(heard))
}

/// The same of its text; `None` when that is no JSON.
fn take_text(
    heard: &mut Heard,
    form: &Form,
    text: &str,
    clock: &mut Clock,
) -> Option<Result<bool, ChatError>> {
    if let Some(piece) = (form.piece)(text) {
        return Some(heard.text(&piece, clock).map(|()| ends(heard)));
    }
    let value = serde_json::from_str(text).ok()?;
    Some(take(heard, form, &value, clock))
}

/// Ends an answer that goes round in a loop. True when nothing more is to be read.
fn ends(heard: &mut Heard) -> bool {
    if heard.answer.is_looping() && heard.finish.is_none() {
        heard.finish = Some(Finish::Length);
        return true;
    }
    heard.over
}

/// A value on each line, up to the one that is the last.
async fn values(
    heard: &mut Heard,
    form: &Form,
    lines: &mut Lines,
    clock: &mut Clock,
) -> Result<(), ChatError> {
    loop {
        let line = match lines.next(clock).await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.into_chat(clock, heard.chars())),
        };
        if line.trim().is_empty() {
            continue;
        }
        let taken = take_text(heard, form, &line, clock).ok_or_else(|| {
            heard.garbage("a line of the answer is not JSON; check base_url and wire")
        })?;
        if taken? {
            lines.whole = heard.over;
            return Ok(());
        }
    }
}

/// Events up to the last one, or to the end of the body.
async fn events(
    heard: &mut Heard,
    form: &Form,
    lines: &mut Lines,
    most: u64,
    clock: &mut Clock,
) -> Result<(), ChatError> {
    // Data of an event may be spread over lines; it is tried after each of them, because some servers
    // leave out the blank line that ends an event.
    let mut pending = String::new();
    // Whether data has come, and whether a field that nobody knows: text of any kind may look like one.
    let (mut began, mut strange) = (false, false);
    loop {
        let line = match lines.next(clock).await {
            Ok(Some(line)) => line,
            Ok(None) if strange && !began => return Err(heard.garbage(NO_STREAM)),
            Ok(None) if pending.is_empty() => return Ok(()),
            Ok(None) => return Err(heard.garbage("a piece of the stream is not JSON")),
            // The answer is whole; only the count of tokens is missing.
            Err(_) if heard.finish.is_some() => return Ok(()),
            Err(error) => return Err(error.into_chat(clock, heard.chars())),
        };
        if line.is_empty() {
            if !pending.is_empty() {
                return Err(heard.garbage("a piece of the stream is not JSON"));
            }
            continue;
        }
        match field(&line) {
            Some(("data", data)) => {
                began = true;
                if !pending.is_empty() {
                    pending.push('\n');
                }
                pending.push_str(data);
                if pending.trim() == "[DONE]" {
                    lines.whole = true;
                    return Ok(());
                }
                if pending.len() as u64 > most {
                    return Err(heard.garbage("a piece of the stream never ends"));
                }
                if let Some(taken) = take_text(heard, form, &pending, clock) {
                    pending.clear();
                    if taken? {
                        lines.whole = heard.over;
                        return Ok(());
                    }
                }
            }
            // llama.cpp tells errors in a field of their own.
            Some(("error", told)) => {
                let told = serde_json::from_str(told).unwrap_or_else(|_| Value::from(told));
                return Err(classify::inline(&told, heard.chars()));
            }
            // Comments and the like show a live connection, not progress: no timer is reset.
            Some(("" | "event" | "id" | "retry", _)) => {}
            Some(_) => strange = true,
            None if line.trim_start().starts_with(['{', '[']) && heard.answer.is_empty() => {
                return document(heard, form, line, lines, most, clock).await;
            }
            None => return Err(heard.garbage(NO_STREAM)),
        }
    }
}

/// A server that does not stream answers with one document.
async fn document(
    heard: &mut Heard,
    form: &Form,
    first: String,
    lines: &mut Lines,
    most: u64,
    clock: &mut Clock,
) -> Result<(), ChatError> {
    let mut document = first;
    clock.progress();
    while let Some(line) = lines.next(clock).await.map_err(|e| e.into_chat(clock, 0))? {
        document.push('\n');
        document.push_str(&line);
        if document.len() as u64 > most {
            return Err(heard.garbage("the answer is far over max_answer_bytes"));
        }
    }
    let document = serde_json::from_str::<Value>(&document)
        .map_err(|_| heard.garbage("the answer is not whole JSON"))?;
    take(heard, form, &document, clock)?;
    Ok(())
}

/// Name and value of the field on a line of an event stream; a comment has no name. `None` for what is no such line.
fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    is_name.then(|| (name, value.strip_prefix(' ').unwrap_or(value)))
}

//! Facts of an accepted review: is an answer a set of facts, what does it say, which of it holds.

use crate::accept::{Answer, refusal};
use crate::clean::clean;
use crate::parse::objects;
use crate::redact;
use crate::report::public_address;
use crate::review::Spent;
use crate::text::{clip, clip_marked, one_line};
use queue_schema::rows::Outcome;
use queue_schema::rows::facts::{
    AuditFactsRow, Entity, FACTS_SCHEMA_VERSION, FACTS_SOURCE, FactVerdict, Relationship,
};
use queue_schema::sweep::FactsBounds;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod verdicts;

pub use verdicts::verdicts;

/// Names of the three lists.
const LISTS: [&str; 3] = ["entities", "facts", "relationships"];

/// What the extractor took out of a review.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extracted {
    /// What the review speaks of.
    pub entities: Vec<Entity>,
    /// What it says.
    pub facts: Vec<String>,
    /// How the entities belong together.
    pub relationships: Vec<Relationship>,
    /// Entries that were too many, or that could not be read.
    pub left_out: u32,
    /// The answer was cut at the token limit; what was whole is here.
    pub cut: bool,
}

/// The beginning of a text as a model may see it. An accepted review is kept as one until its facts are taken out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The text.
    pub text: String,
    /// Something of it is missing.
    #[serde(default)]
    pub cut: bool,
    /// Secrets that are masked in it.
    pub masked: u32,
}

impl Part {
    /// At most so many characters of a text. `masked_by` is the file that it is about, when the text leaves: the file's
    /// secrets are masked wherever they stand.
    pub fn shown(text: &str, chars: u32, masked_by: Option<&str>) -> Self {
        let part = clip(text, chars as usize);
        let cut = part.len() < text.len();
        if let Some(file) = masked_by {
            let safe = redact::Known::of(file).mask(redact::mask_range(text, 0..part.len()));
            let masked = safe.count();
            return Self { text: safe.text, cut, masked };
        }
        Self { text: part.to_owned(), cut, masked: 0 }
    }
}

/// What the verifier said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The beginning of it.
    pub preview: String,
    /// One a fact, in their order.
    pub verdicts: Vec<Option<FactVerdict>>,
}

/// The facts in an answer.
///
/// # Errors
/// Why there are none. An answer that was cut is read as far as its entries are whole.
pub fn judge_extraction(
    answer: &Answer<'_>,
    bounds: &FactsBounds,
) -> Result<Extracted, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    if answer.refused {
        refusal(&Answer { text, ..*answer })?;
    }
    if let Some(map) = objects(text).into_iter().filter_map(with_lists).next_back() {
        return Ok(read(&map, bounds));
    }
    if answer.truncated {
        let whole = whole_entries(text).and_then(|json| objects(&json).pop()).and_then(with_lists);
        return whole.map(|map| Extracted { cut: true, ..read(&map, bounds) }).ok_or_else(|| {
            let chars = text.chars().count();
            let reason =
                format!("cut at the token limit after {chars} characters, and no entry is whole");
            (Outcome::Truncated, reason)
        });
    }
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        return Err((Outcome::Thin, "empty answer".to_owned()));
    }
    let reason = "no JSON object with entities, facts or relationships in the answer".to_owned();
    Err((Outcome::Malformed, reason))
}

/// What an answer says of so many facts. One that was cut says it of those that it came to.
///
/// # Errors
/// Why it says nothing.
pub fn judge_verification(
    answer: &Answer<'_>,
    facts: usize,
    bounds: &FactsBounds,
) -> Result<Verified, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        let cut = if answer.truncated { ", cut at the token limit" } else { "" };
        let outcome = if answer.truncated { Outcome::Truncated } else { Outcome::Thin };
        return Err((outcome, format!("empty answer{cut}")));
    }
    let preview = clip(text, bounds.preview_chars as usize).to_owned();
    Ok(Verified { preview, verdicts: verdicts(text, facts) })
}

/// The object with the lists; one level of wrapping is undone.
fn with_lists(map: Map<String, Value>) -> Option<Map<String, Value>> {
    let has = |map: &Map<String, Value>| {
        LISTS.iter().any(|name| map.get(*name).is_some_and(Value::is_array))
    };
    if has(&map) {
        return Some(map);
    }
    map.into_iter().find_map(|(_, value)| match value {
        Value::Object(inner) if has(&inner) => Some(inner),
        _ => None,
    })
}

/// An answer that was cut, up to the last entry of a list that is whole, and closed behind it.
fn whole_entries(text: &str) -> Option<String> {
    let start = text.find('{')?;
    let rest = &text[start..];
    let (mut open, mut in_string, mut escaped) = (Vec::new(), false, false);
    let mut end = None;
    for (at, b) in rest.bytes().enumerate() {
        if in_string {
            in_string = escaped || b != b'"';
            escaped = !escaped && b == b'\\';
        } else {
            match b {
                b'"' => in_string = true,
                b'{' | b'[' => open.push(b),
                b'}' | b']' => {
                    open.pop();
                }
                _ => {}
            }
        }
        let entry_ends = !in_string && (b == b'"' || b == b'}');
        if entry_ends && open == *b"{[" {
            end = Some(at + 1);
        }
    }
    end.map(|end| format!("{}]}}", &rest[..end]))
}

fn read(map: &Map<String, Value>, bounds: &FactsBounds) -> Extracted {
    let mut left_out = 0;
    let most = bounds.max_text_chars as usize;
    let entities =
        list(map, LISTS[0], bounds.max_entities, &mut left_out, |value| entity(value, most));
    let facts = list(map, LISTS[1], bounds.max_facts, &mut left_out, |value| {
        text_of(value, &["fact", "text", "statement", "claim", "description"], most)
    });
    let relationships = list(map, LISTS[2], bounds.max_relationships, &mut left_out, |value| {
        relationship(value, most)
    });
    Extracted { entities, facts, relationships, left_out, cut: false }
}

/// The entries of one list that can be read, each once.
fn list<T: PartialEq>(
    map: &Map<String, Value>,
    name: &str,
    most: u32,
    left_out: &mut u32,
    read: impl Fn(&Value) -> Option<T>,
) -> Vec<T> {
    let mut found: Vec<T> = Vec::new();
    for value in map.get(name).and_then(Value::as_array).into_iter().flatten() {
        match read(value) {
            Some(entry) if found.contains(&entry) => {}
            Some(entry) if found.len() < most as usize => found.push(entry),
            _ => *left_out = left_out.saturating_add(1),
        }
    }
    found
}

fn entity(value: &Value, most: usize) -> Option<Entity> {
    let name = text_of(value, &["name", "entity", "id"], most)?;
    let kind = value.get("kind").or_else(|| value.get("type")).or_else(|| value.get("category"));
    let kind = kind.and_then(|kind| text_of(kind, &[], most)).unwrap_or_default();
    Some(Entity { name, kind })
}

fn relationship(value: &Value, most: usize) -> Option<Relationship> {
    let map = value.as_object()?;
    let field =
        |names: &[&str]| names.iter().find_map(|name| text_of(map.get(*name)?, &["name"], most));
    Some(Relationship {
        from: field(&["from", "source", "subject"])?,
        relation: field(&["relation", "relationship", "predicate", "type", "kind"])?,
        to: field(&["to", "target", "object"])?,
    })
}

/// A text, or the first of an object's members of these names that is one; on one line and bounded.
fn text_of(value: &Value, names: &[&str], most: usize) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Object(map) => names.iter().find_map(|name| map.get(*name)?.as_str())?,
        _ => return None,
    };
    let text = clip_marked(&one_line(text), most);
    (!text.is_empty()).then_some(text)
}

/// Everything that a row of facts is made of.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// RFC 3339, UTC.
    pub extracted_at: &'a str,
    /// Which sweep asked for it.
    pub sweep_id: &'a str,
    /// Which review it is from.
    pub review_id: &'a str,
    /// Repository as the sweep named it.
    pub repo: &'a str,
    /// Commit that was read.
    pub commit: &'a str,
    /// Path in the repository.
    pub path: &'a str,
    /// Git object id of the content.
    pub blob: &'a str,
    /// `provider/model` that took the facts out.
    pub extractor: &'a str,
    /// `provider/model` that checked them.
    pub verifier: &'a str,
    /// The facts.
    pub extracted: &'a Extracted,
    /// What was said of them, or why nothing was.
    pub verified: Result<&'a Verified, &'a str>,
    /// What both calls took.
    pub spent: Spent,
    /// Secrets masked in what was sent.
    pub masked: u32,
}

/// Builds the row.
pub fn row(known: &Known<'_>) -> AuditFactsRow {
    let Extracted { entities, facts, relationships, left_out, cut } = known.extracted;
    let (preview, verdicts, error) = match known.verified {
        Ok(verified) => (verified.preview.clone(), verified.verdicts.clone(), None),
        Err(reason) => (String::new(), vec![None; facts.len()], Some(reason.to_owned())),
    };
    AuditFactsRow {
        pr_number: 0,
        file: known.path.to_owned(),
        head_sha: known.commit.to_owned(),
        extracted_at: known.extracted_at.to_owned(),
        extractor: known.extractor.to_owned(),
        verifier: known.verifier.to_owned(),
        entities: entities.clone(),
        facts: facts.clone(),
        relationships: relationships.clone(),
        verification_preview: preview,
        schema_version: FACTS_SCHEMA_VERSION,
        source: FACTS_SOURCE.to_owned(),
        scrum_master_reviewed: true,
        sweep_id: known.sweep_id.to_owned(),
        review_id: known.review_id.to_owned(),
        repo: public_address(known.repo),
        blob: known.blob.to_owned(),
        verdicts,
        verification_error: error,
        left_out: *left_out,
        cut: *cut,
        tokens_in: known.spent.tokens_in,
        tokens_out: known.spent.tokens_out,
        cost_usd: known.spent.cost_usd,
        duration_ms: known.spent.duration_ms,
        masked: known.masked,
    }
}

#[cfg(test)]
mod tests;

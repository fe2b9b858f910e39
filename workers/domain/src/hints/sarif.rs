//! The part of a SARIF 2.1.0 log that hints are made of.

use super::{Hints, Level};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    version: String,
    #[serde(default)]
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// Null where the run broke.
    results: Option<Vec<ResultOf>>,
    #[serde(default)]
    artifacts: Vec<Artifact>,
    #[serde(default)]
    original_uri_base_ids: BTreeMap<String, Location>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    message_strings: BTreeMap<String, Message>,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ResultOf {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleRef>,
    kind: Option<String>,
    level: Option<String>,
    #[serde(default)]
    message: Message,
    #[serde(default)]
    locations: Vec<Place>,
    #[serde(default)]
    suppressions: Vec<Value>,
    baseline_state: Option<String>,
}

#[derive(Deserialize)]
struct RuleRef {
    id: Option<String>,
    index: Option<i64>,
}

#[derive(Deserialize, Default)]
struct Message {
    text: Option<String>,
    markdown: Option<String>,
    id: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Location>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Artifact {
    location: Option<Location>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Location {
    uri: Option<String>,
    uri_base_id: Option<String>,
    index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u32>,
}

/// Base ids that lead from one to the next are followed so far.
const MOST_BASES: usize = 8;

pub(super) fn read(log: &str, root: &str) -> Result<Hints, String> {
    let text = log.trim_start_matches('\u{feff}');
    let log: Log = serde_json::from_str(text).map_err(|e| {
        // serde_json names line and column.
        format!("is no SARIF log: {e}")
    })?;
    if !log.version.starts_with("2.1.") {
        return Err(format!(
            "is a SARIF log of version {}; write one of version 2.1.0",
            crate::text::one_line(&log.version)
        ));
    }
    let mut hints = Hints::default();
    for run in &log.runs {
        for result in run.results.iter().flatten() {
            let open = matches!(result.kind.as_deref(), None | Some("fail" | "open" | "review"))
                && result.suppressions.is_empty()
                && result.baseline_state.as_deref() != Some("absent");
            if open {
                add(&mut hints, run, result, root);
            }
        }
    }
    Ok(hints)
}

fn at<T>(list: &[T], index: Option<i64>) -> Option<&T> {
    list.get(usize::try_from(index?).ok()?)
}

fn add(hints: &mut Hints, run: &Run, result: &ResultOf, root: &str) {
    let driver = &run.tool.driver;
    let named = result.rule.as_ref();
    let index = result.rule_index.or(named.and_then(|r| r.index));
    let id = result.rule_id.as_deref().or(named.and_then(|r| r.id.as_deref()));
    let rule = at(&driver.rules, index)
        .or_else(|| driver.rules.iter().find(|r| Some(r.id.as_str()) == id));
    let id = id.or(rule.map(|r| r.id.as_str())).unwrap_or_default();
    let level = result.level.as_deref();
    let level = level.or_else(|| rule?.default_configuration.as_ref()?.level.as_deref());
    let level = match level {
        Some("error") => Level::Error,
        Some("note" | "none") => Level::Note,
        _ => Level::Warning,
    };
    let place = result.locations.iter().find_map(|l| l.physical_location.as_ref());
    let path = place.and_then(|p| p.artifact_location.as_ref()).and_then(|l| path(run, l, root));
    let (Some(path), Some(message)) = (path, message(result, rule)) else {
        hints.elsewhere += 1;
        return;
    };
    let line = place.and_then(|p| p.region.as_ref()).and_then(|r| r.start_line).unwrap_or(0);
    let name = if id.is_empty() { driver.name.clone() } else { format!("{} {id}", driver.name) };
    hints.add(path, level, line, &name, &message);
}

fn message(result: &ResultOf, rule: Option<&Rule>) -> Option<String> {
    let own = &result.message;
    let text = own.text.as_ref().or(own.markdown.as_ref());
    let text = text.or_else(|| rule?.message_strings.get(own.id.as_deref()?)?.text.as_ref())?;
    let filled = own.arguments.iter().enumerate();
    Some(filled.fold(text.clone(), |text, (n, value)| text.replace(&format!("{{{n}}}"), value)))
}

/// The path in the repository that an artifact's address names; `None` for one outside of it.
fn path(run: &Run, location: &Location, root: &str) -> Option<String> {
    let listed = at(&run.artifacts, location.index).and_then(|a| a.location.clone());
    let mut found = if location.uri.is_some() { location.clone() } else { listed? };
    let mut uri = found.uri.take()?;
    for _ in 0..MOST_BASES {
        let Some(base) =
            found.uri_base_id.as_deref().and_then(|id| run.original_uri_base_ids.get(id))
        else {
            break;
        };
        let above = base.uri.as_deref().unwrap_or_default();
        if uri.contains("://") || uri.starts_with('/') {
            break;
        }
        uri = format!("{above}{uri}");
        found = base.clone();
    }
    let plain = uri.strip_prefix("file://").unwrap_or(&uri);
    if plain.contains("://") {
        return None;
    }
    let decoded = decoded(plain).replace('\\', "/");
    let absolute = decoded.starts_with('/');
    let inside = if absolute {
        decoded.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?
    } else {
        decoded.as_str()
    };
    let parts: Vec<&str> = inside.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let sound = !parts.is_empty() && !parts.contains(&"..");
    sound.then(|| parts.join("/"))
}

/// A URI's percent signs taken back.
fn decoded(uri: &str) -> String {
    let bytes = uri.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = uri.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

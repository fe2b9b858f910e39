//! Reading what reviewers of a diff write: labelled lines, lists, tables, JSON. Forgiving in form; nothing is made up.

use crate::material::Material;
use crate::parse::bounds::is_heading;
use crate::parse::code::is_code_fence;
use crate::parse::items::{Style, is_excluded, label, list_marker};
use crate::parse::labels::{Role, role};
use crate::parse::{self, cells, objects_at, says_nothing};
use crate::text::{clip, one_line};
use queue_schema::rows::{DiffSeverity, DiffVerdict, Finding, Severity};
use serde_json::{Map, Value};

/// Words of the note beside a verdict that are kept.
const NOTE_WORDS: usize = 15;
/// Characters of one field that are kept.
const FIELD_CHARS: usize = 2_000;
/// What verdicts are called, in the languages of [`role`].
#[rustfmt::skip]
const VERDICTS: [&str; 14] = [
    "verdict", "final verdict", "overall verdict", "结论", "裁决", "判定", "veredicto", "निर्णय", "الحكم", "রায়",
    "veredito", "вердикт", "urteil", "판정",
];

/// One thing that is said, not yet held against the diff.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) severity: Option<DiffSeverity>,
    pub(super) place: String,
    pub(super) quote: String,
    pub(super) what: String,
    pub(super) why: String,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Read {
    pub(super) said: Vec<Said>,
    pub(super) verdict: Option<(DiffVerdict, String)>,
}

impl Said {
    /// Its fields trimmed and bounded; `None` where nothing is said.
    fn finished(mut self) -> Option<Self> {
        if self.what.trim().is_empty() {
            self.what = std::mem::take(&mut self.why);
        }
        for field in [&mut self.place, &mut self.quote, &mut self.what, &mut self.why] {
            *field = clip(field.trim_matches('\n').trim_end(), FIELD_CHARS).to_owned();
        }
        self.place = String::from(self.place.trim());
        self.what = String::from(self.what.trim().trim_matches('*').trim());
        let silent = says_nothing(&self.what) && self.place.is_empty();
        (!self.what.is_empty() && !silent).then_some(self)
    }
}

/// Reads an answer in JSON: the last object with a verdict or findings. What stands in the material is not the
/// reviewer's word.
pub(super) fn json(text: &str, material: &Material) -> Option<Read> {
    let own =
        objects_at(text).into_iter().filter(|(range, _)| !material.holds(&text[range.clone()]));
    let read = own.filter_map(|(_, map)| of_object(&map));
    read.max_by_key(|read| read.verdict.is_some())
}

fn of_object(map: &Map<String, Value>) -> Option<Read> {
    const LISTS: [&str; 5] = ["findings", "issues", "remarks", "comments", "problems"];
    let list = LISTS.iter().find_map(|name| map.get(*name)?.as_array());
    let said_verdict = string(map, &["verdict"]).and_then(|said| verdict(&said));
    if list.is_none() && said_verdict.is_none() {
        return map.values().filter_map(Value::as_object).find_map(of_object);
    }
    let said = list.into_iter().flatten().filter_map(|entry| of_entry(entry)?.finished()).collect();
    let why = string(map, &["verdict_reason", "verdict_note", "reason", "summary"]);
    let verdict = said_verdict.map(|(verdict, note)| (verdict, why.map_or(note, |w| noted(&w))));
    Some(Read { said, verdict })
}

fn of_entry(entry: &Value) -> Option<Said> {
    if let Value::String(what) = entry {
        return Some(Said { what: what.clone(), ..Said::default() });
    }
    let map = entry.as_object()?;
    let get = |names: &[&str]| string(map, names).unwrap_or_default();
    let mut place = get(&["where", "location", "place"]);
    if place.is_empty() {
        let (path, line) = (get(&["path", "file"]), get(&["line", "lines", "symbol", "function"]));
        place = if line.is_empty() { path } else { format!("{path}:{line}") };
    }
    Some(Said {
        severity: severity(&get(&["severity", "level", "priority"])),
        place,
        quote: get(&["quote", "code", "snippet"]),
        what: get(&[
            "what",
            "claim",
            "text",
            "message",
            "description",
            "problem",
            "issue",
            "title",
        ]),
        why: get(&["why", "reason", "rationale", "evidence", "impact"]),
    })
}

fn string(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match map.get(*name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    })
}

/// How grave something is by the first word that says so.
pub(super) fn severity(text: &str) -> Option<DiffSeverity> {
    let word = text.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty())?;
    Some(match word.to_lowercase().as_str() {
        "block" | "blocker" | "blocking" | "critical" | "severe" | "fatal" => DiffSeverity::Block,
        "warn" | "warning" | "major" | "high" | "error" | "medium" | "moderate" => {
            DiffSeverity::Warn
        }
        "info" | "informational" | "minor" | "low" | "nit" | "trivial" | "note" => {
            DiffSeverity::Info
        }
        _ => return None,
    })
}

/// A verdict, and what is said beside it. Where several are named, as in the form itself, none is given.
fn verdict(text: &str) -> Option<(DiffVerdict, String)> {
    #[rustfmt::skip]
    const WORDS: [(&str, DiffVerdict); 19] = [
        ("ship with fixes", DiffVerdict::ShipWithFixes), ("ship after fixes", DiffVerdict::ShipWithFixes),
        ("do not ship", DiffVerdict::Hold), ("don't ship", DiffVerdict::Hold), ("not ship", DiffVerdict::Hold),
        ("no ship", DiffVerdict::Hold), ("ship it", DiffVerdict::Ship), ("ship", DiffVerdict::Ship),
        ("hold", DiffVerdict::Hold), ("needs patch", DiffVerdict::ShipWithFixes),
        ("needs changes", DiffVerdict::ShipWithFixes), ("request changes", DiffVerdict::ShipWithFixes),
        ("block", DiffVerdict::Hold), ("reject", DiffVerdict::Hold), ("fail", DiffVerdict::Hold),
        ("approve", DiffVerdict::Ship), ("approved", DiffVerdict::Ship), ("pass", DiffVerdict::Ship),
        ("lgtm", DiffVerdict::Ship),
    ];
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], " ");
    let start = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = plain(start);
    let ends = |rest: &str| !rest.starts_with(crate::text::is_ident);
    let (word, verdict) =
        WORDS.iter().find(|(word, _)| lower.strip_prefix(word).is_some_and(ends)).copied()?;
    let rest = start.get(word.len()..).unwrap_or_default();
    let others = plain(rest);
    if rest.contains('|') && WORDS.iter().any(|(word, of)| *of != verdict && others.contains(word))
    {
        return None;
    }
    Some((verdict, noted(rest)))
}

fn noted(text: &str) -> String {
    let line = one_line(text);
    let bare = line.trim_start_matches(|c: char| !c.is_alphanumeric() && !"`\"'(".contains(c));
    bare.split(' ').take(NOTE_WORDS).collect::<Vec<_>>().join(" ").trim_end_matches('*').to_owned()
}

/// Reads an answer in lines; one that was `cut` without the finding that it was cut in.
pub(super) fn text(text: &str, cut: bool) -> Read {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    if cut {
        reader.open = None;
    }
    reader.close();
    let mut read = reader.read;
    if read.said.is_empty() && !cut {
        let found = parse::markdown(text).findings.into_iter().filter(|f| f.kind.is_actionable());
        read.said = found.filter_map(|f| of_finding(f).finished()).collect();
    }
    read
}

fn of_finding(finding: Finding) -> Said {
    let graded = finding.severity.map(|severity| match severity {
        Severity::Critical => DiffSeverity::Block,
        Severity::Major => DiffSeverity::Warn,
        Severity::Minor | Severity::Info => DiffSeverity::Info,
    });
    Said {
        severity: graded,
        place: finding.place.unwrap_or_default(),
        quote: finding.quote.unwrap_or_default(),
        what: finding.text,
        why: finding.fails_for.or(finding.evidence).unwrap_or_default(),
    }
}

/// What the next line without a label belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    /// Nothing that is kept.
    #[default]
    Other,
    Place,
    Quote,
    What,
    Why,
    Verdict,
}

#[derive(Default)]
struct Reader {
    read: Read,
    open: Option<Said>,
    field: Field,
    in_code: bool,
    excluded: bool,
    /// What the columns of the table hold.
    columns: Option<Vec<Option<Role>>>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if is_code_fence(line) {
            self.in_code ^= true;
            // A block of code in a finding is what it quotes.
            if self.in_code && self.open.as_ref().is_some_and(|open| open.quote.is_empty()) {
                self.field = Field::Quote;
            }
            return;
        }
        if self.in_code {
            self.more(line);
            return;
        }
        if line.trim().is_empty() {
            if self.field != Field::Verdict {
                self.field = Field::Other;
            }
            return;
        }
        if line.trim_start().starts_with('|') {
            self.row(line);
            return;
        }
        self.columns = None;
        let title = Some(line.trim_start()).filter(|line| is_heading(line, self.open.is_some()));
        let title = title.map(|title| title.trim_start_matches('#').trim());
        let marker = list_marker(line);
        let body = title.or(marker.map(|(_, _, body)| body)).unwrap_or_else(|| line.trim());
        if self.verdict_line(body) {
            return;
        }
        if let Some((found, rest)) = labelled(body) {
            return self.labelled(found, rest);
        }
        if let Some((severity, rest)) = tagged(body) {
            self.close();
            self.open =
                Some(Said { severity: Some(severity), what: rest.to_owned(), ..Said::default() });
            self.field = Field::What;
            return;
        }
        if let Some(title) = title {
            self.close();
            self.excluded = is_excluded(title);
            return;
        }
        let begins = marker.filter(|(indent, style, _)| *indent < 2 && *style != Style::Heading);
        if begins.is_some() && !self.excluded && !self.in_labels() {
            self.close();
            self.open = Some(Said { what: body.to_owned(), ..Said::default() });
            self.field = Field::What;
        } else {
            self.more(body);
        }
    }

    /// Whether the finding that is open is told by labels: lists within it are its own.
    fn in_labels(&self) -> bool {
        let told = |open: &Said| !open.place.is_empty() || open.severity.is_some();
        self.field != Field::Other && self.open.as_ref().is_some_and(told)
    }

    fn verdict_line(&mut self, body: &str) -> bool {
        let plain = body.trim_matches(|c: char| c.is_whitespace() || "*_`#".contains(c));
        let name = VERDICTS
            .iter()
            .find(|name| plain.get(..name.len()).is_some_and(|p| p.to_lowercase() == **name));
        let named = name
            .map(|name| &plain[name.len()..])
            .filter(|rest| !rest.starts_with(crate::text::is_ident));
        let rest = match named {
            Some(rest) => rest,
            None if self.field == Field::Verdict => plain,
            None => return false,
        };
        self.close();
        self.field = Field::Other;
        let bare = rest.trim_matches(|c: char| !c.is_alphanumeric());
        if bare.is_empty() {
            self.field = Field::Verdict;
        } else if let Some(said) = verdict(rest) {
            self.read.verdict = Some(said);
        }
        true
    }

    fn labelled(&mut self, found: Role, rest: &str) {
        let has = |open: &Said| match found {
            Role::Severity => open.severity.is_some(),
            // `File:` and `Line:` are one place, as two columns of a table are.
            Role::Where => !open.place.is_empty() && !open.what.is_empty() && !is_lines(rest),
            Role::Quote => !open.quote.is_empty() && !open.what.is_empty(),
            Role::Claim => !open.what.is_empty() && !open.place.is_empty(),
            _ => false,
        };
        if self.open.as_ref().is_some_and(has) {
            self.close();
        }
        let open = self.open.get_or_insert_default();
        self.field = match found {
            Role::Severity => {
                open.severity = Some(severity(rest).unwrap_or_default());
                Field::Other
            }
            Role::Where => Field::Place,
            Role::Quote => Field::Quote,
            Role::Claim => Field::What,
            Role::Why | Role::FailsFor => Field::Why,
            Role::Change | Role::Confidence | Role::Flag => Field::Other,
        };
        let rest = if self.field == Field::Quote { bare_quote(rest) } else { rest };
        self.more(rest);
    }

    /// A further line of what is open.
    fn more(&mut self, line: &str) {
        let Some(open) = self.open.as_mut() else { return };
        let field = match self.field {
            Field::Place => &mut open.place,
            Field::Quote => &mut open.quote,
            Field::What => &mut open.what,
            Field::Why => &mut open.why,
            Field::Other | Field::Verdict => return,
        };
        if !field.is_empty() {
            field.push('\n');
        }
        field.push_str(line);
    }

    fn row(&mut self, line: &str) {
        let cells = cells(line);
        let Some(columns) = &self.columns else {
            let of = |cell: &String| role(cell.to_lowercase().trim_matches(['*', '_', '`', ' ']));
            let columns: Vec<Option<Role>> = cells.iter().map(of).collect();
            let telling =
                columns.contains(&Some(Role::Severity)) || columns.contains(&Some(Role::Claim));
            self.close();
            // One that tells nothing is passed over row by row.
            self.columns = Some(if telling { columns } else { Vec::new() });
            return;
        };
        if cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':' | ' '))) {
            return;
        }
        let mut said = Said::default();
        for (cell, column) in cells.iter().zip(columns) {
            match column {
                Some(Role::Severity) => said.severity = Some(severity(cell).unwrap_or_default()),
                Some(Role::Where) if said.place.is_empty() => said.place.clone_from(cell),
                Some(Role::Where) => said.place = format!("{}:{cell}", said.place),
                Some(Role::Quote) => bare_quote(cell).clone_into(&mut said.quote),
                Some(Role::Claim) => said.what.clone_from(cell),
                Some(Role::Why | Role::FailsFor) => said.why.clone_from(cell),
                _ => {}
            }
        }
        self.read.said.extend(said.finished());
    }

    fn close(&mut self) {
        let open = self.open.take().filter(|_| !self.excluded);
        self.read.said.extend(open.and_then(Said::finished));
        self.field = Field::Other;
    }
}

/// Whether a place is numbers of lines alone.
fn is_lines(place: &str) -> bool {
    let bare = place.trim_start_matches(|c: char| !c.is_alphanumeric());
    !bare.trim_start_matches(['L', 'l']).contains(char::is_alphabetic)
}

/// The label of a line; one in capitals needs no colon.
fn labelled(body: &str) -> Option<(Role, &str)> {
    if let Some((name, rest)) = label(body) {
        return role(&name).map(|role| (role, rest));
    }
    let (word, rest) = body.split_once(' ')?;
    let capitals = word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase());
    capitals.then(|| role(&word.to_lowercase())).flatten().map(|role| (role, rest.trim()))
}

/// The grade that a line begins with: `[BLOCK] a.rs:1: ...`, `**WARN** ...`.
fn tagged(body: &str) -> Option<(DiffSeverity, &str)> {
    let start = body.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = start.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(start.len());
    let word = &start[..end];
    let known = matches!(word, "BLOCK" | "BLOCKER" | "CRITICAL" | "WARN" | "WARNING" | "INFO");
    let rest =
        start[end..].trim_start_matches(|c: char| c.is_whitespace() || "]*):—–-".contains(c));
    known.then(|| severity(word)).flatten().map(|severity| (severity, rest))
}

/// A quote without the backquotes around it.
fn bare_quote(text: &str) -> &str {
    let text = text.trim();
    let ticks = &text[..text.len() - text.trim_start_matches('`').len()];
    let inner = text.strip_prefix(ticks).and_then(|rest| rest.strip_suffix(ticks));
    inner.filter(|inner| !inner.contains('`')).unwrap_or(text)
}

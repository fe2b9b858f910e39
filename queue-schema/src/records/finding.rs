//! What is remembered of a finding beyond the sweep that made it: what sweeps observed, and what a person
//! decided. The two are written by different hands into different fields, and its state follows from both.

use crate::effects::Effect;
use crate::ids::{FindingId, MemoryId, name_key};
use crate::keys;
use crate::rows::{Confirmed, FindingAudit, FindingKind, FindingProof, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of fields of the findings of a file.
pub mod fields {
    pub(super) const PATH: &str = "path";
    pub(super) const LOOK: &str = "look";
    pub(super) const GONE: &str = "gone";
    /// The beginnings of fields that hold something of one finding.
    pub(crate) const OBSERVED: &str = "o:";
    pub(crate) const DECIDED: &str = "d:";
    pub(crate) const AUDITED: &str = "a:";
    pub(crate) const PROVEN: &str = "t:";
    pub(super) const LOOKED: &str = "n:";
    pub(super) const SEEN: &str = "s:";
    pub(super) const MOVED: &str = "m:";
    /// Those that are signed: a model is shown what they say, or a tier depends on it.
    pub(crate) const SIGNED: [&str; 4] = [OBSERVED, DECIDED, AUDITED, PROVEN];
}

/// When a sweep said a finding.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sighting {
    /// The number of the sweep in its repository.
    pub seq: u64,
    /// The sweep.
    pub sweep: String,
    /// The commit that it read.
    pub commit: String,
    /// When the review was accepted, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// What sweeps observed of a finding; they alone write it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Observed {
    /// What it says of the code.
    pub kind: FindingKind,
    /// How grave it is; `None` where it could not be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The claim, cut.
    pub text: String,
    /// The code that it is about, cut and with its secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The key of that code without its layout; of the claim where it quotes nothing.
    pub code: String,
    /// The function that the code is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The key of its pattern, where it has a semantic flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Its semantic flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// First line, from 1, in the blob that was last reviewed; `None` where no place is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// In percent; `None` when the reviewer gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// What stood behind it besides its reviewer's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// A check by program failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    /// The tier of the review that said it last.
    #[serde(default)]
    pub tier: String,
    /// The model that said it last.
    #[serde(default)]
    pub model: String,
    /// When it was said first.
    pub first: Sighting,
    /// When it was said last.
    pub last: Sighting,
    /// Since which sweep its code is gone; `None` while it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<u64>,
    /// The sweep that said it again after its code had been gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<u64>,
}

/// What a person decided about a finding; persons alone write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Decided {
    /// True when it is not to be shown any more, false when it is to be shown again.
    pub dismissed: bool,
    /// Why.
    pub why: String,
    /// Who.
    pub by: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// Until when it holds, in milliseconds since the epoch; for good without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The key of the code that it was decided about.
    pub code: String,
}

/// What an audit says of a finding; audits alone write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Audited {
    /// What the votes come to, and who asked for them.
    #[serde(flatten)]
    pub audit: FindingAudit,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The key of the code that it is about.
    pub code: String,
}

/// The test that fails because of a finding; runs of the applier alone write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Proven {
    /// Which test, and where its text is.
    #[serde(flatten)]
    pub proof: FindingProof,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The key of the code that it is about.
    pub code: String,
}

/// A finding of a file, as it is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeptFinding {
    /// Its id.
    pub id: FindingId,
    /// What sweeps observed.
    pub observed: Observed,
    /// What a person decided.
    pub decided: Option<Decided>,
    /// What an audit says.
    pub audited: Option<Audited>,
    /// The test that fails because of it.
    pub proven: Option<Proven>,
    /// Reviews that could have said it.
    pub looked: u64,
    /// Reviews that did.
    pub seen: u64,
}

/// The last review of a file that has findings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Look {
    /// The number of its sweep.
    pub seq: u64,
    /// The blob that it saw.
    pub blob: String,
}

/// The findings of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FileFindings {
    /// Its path; empty where nothing is kept of it.
    pub path: String,
    /// Its last review.
    pub look: Option<Look>,
    /// The number of the sweep that did not find the file any more, while that is so.
    pub gone: Option<u64>,
    /// In the order of their ids; without those that are in another file now.
    pub all: Vec<KeptFinding>,
    /// Ids that are in another file now, and where.
    pub moved: BTreeMap<FindingId, String>,
    /// Fields that can't be read, or are not signed: they count as missing.
    pub unreadable: usize,
}

impl KeptFinding {
    /// What an audit says of its code as it is now.
    pub fn audit(&self) -> Option<&FindingAudit> {
        let audited = self.audited.as_ref().filter(|a| a.code == self.observed.code);
        audited.map(|audited| &audited.audit)
    }

    /// The test that fails because of its code as it is now.
    pub fn proof(&self) -> Option<&FindingProof> {
        let proven = self.proven.as_ref().filter(|p| p.code == self.observed.code);
        proven.map(|proven| &proven.proof)
    }
}

impl FileFindings {
    /// Reads the fields of the hash. `opened` gives the value of a signed field.
    pub fn from_fields(
        hash: BTreeMap<String, String>,
        opened: impl Fn(&str, &str) -> Option<String>,
    ) -> Self {
        let (mut file, mut found) = (Self::default(), BTreeMap::<FindingId, KeptFinding>::new());
        let mut observed = Vec::new();
        for (field, value) in hash {
            let (head, id) = field.split_at_checked(2).unwrap_or_default();
            let signed = fields::SIGNED.contains(&head);
            let value = if signed { opened(&field, &value) } else { Some(value) };
            let Some(value) = value else {
                file.unreadable += 1;
                continue;
            };
            if value.is_empty() {
                continue;
            }
            let mut read = true;
            match (head, field.as_str()) {
                (_, fields::PATH) => file.path = value,
                (_, fields::LOOK) => file.look = json(&value, &mut read),
                (_, fields::GONE) => file.gone = json(&value, &mut read),
                (fields::OBSERVED, _) => {
                    if let Some(value) = json(&value, &mut read) {
                        observed.push(FindingId::from(id));
                        found.entry(id.into()).or_default().observed = value;
                    }
                }
                (fields::DECIDED, _) => {
                    found.entry(id.into()).or_default().decided = json(&value, &mut read);
                }
                (fields::AUDITED, _) => {
                    found.entry(id.into()).or_default().audited = json(&value, &mut read);
                }
                (fields::PROVEN, _) => {
                    found.entry(id.into()).or_default().proven = json(&value, &mut read);
                }
                (fields::LOOKED, _) => {
                    found.entry(id.into()).or_default().looked =
                        json(&value, &mut read).unwrap_or(0);
                }
                (fields::SEEN, _) => {
                    found.entry(id.into()).or_default().seen = json(&value, &mut read).unwrap_or(0);
                }
                (fields::MOVED, _) => {
                    file.moved.insert(id.into(), value);
                }
                _ => read = false,
            }
            file.unreadable += usize::from(!read);
        }
        let kept = observed.into_iter().filter(|id| !file.moved.contains_key(id));
        file.all = kept
            .filter_map(|id| Some(KeptFinding { id: id.clone(), ..found.remove(&id)? }))
            .collect();
        file
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Option<&KeptFinding> {
        self.all.iter().find(|kept| kept.id == *id)
    }
}

fn json<T: serde::de::DeserializeOwned>(value: &str, read: &mut bool) -> Option<T> {
    let found = serde_json::from_str(value).ok();
    *read = found.is_some();
    found
}

/// Changes of the findings of a file.
#[derive(Debug, Clone, Copy)]
pub struct FindingsRecord<'a> {
    memory: &'a MemoryId,
    path: &'a str,
}

impl<'a> FindingsRecord<'a> {
    /// Of a file of a repository.
    pub const fn of(memory: &'a MemoryId, path: &'a str) -> Self {
        Self { memory, path }
    }

    fn put(self, field: String, value: String) -> Effect {
        Effect::Put { key: keys::findings(self.memory, name_key(self.path)), field, value }
    }

    /// The file has findings.
    pub fn listed(self) -> [Effect; 2] {
        let (key, member) = (keys::finding_files(self.memory), self.path.to_owned());
        [self.put(fields::PATH.to_owned(), self.path.to_owned()), Effect::Index { key, member }]
    }

    /// It has none any more: all are in another file.
    pub fn unlisted(self) -> Effect {
        let (key, member) = (keys::finding_files(self.memory), self.path.to_owned());
        Effect::Unindex { key, member }
    }

    /// It was reviewed.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn look(self, look: &Look) -> Result<Effect, serde_json::Error> {
        Ok(self.put(fields::LOOK.to_owned(), serde_json::to_string(look)?))
    }

    /// The file is not there any more since the sweep of this number, or is there again.
    pub fn gone(self, since: Option<u64>) -> Effect {
        self.put(fields::GONE.to_owned(), since.map(|n| n.to_string()).unwrap_or_default())
    }

    /// What sweeps observed of a finding.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn observed(self, id: &FindingId, what: &Observed) -> Result<Effect, serde_json::Error> {
        Ok(self.put(format!("{}{id}", fields::OBSERVED), serde_json::to_string(what)?))
    }

    /// A finding is forgotten.
    pub fn forgotten(self, id: &FindingId) -> Effect {
        self.put(format!("{}{id}", fields::OBSERVED), String::new())
    }

    /// What a person decided about a finding.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn decided(self, id: &FindingId, what: &Decided) -> Result<Effect, serde_json::Error> {
        Ok(self.put(format!("{}{id}", fields::DECIDED), serde_json::to_string(what)?))
    }

    /// What an audit says of a finding.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn audited(self, id: &FindingId, what: &Audited) -> Result<Effect, serde_json::Error> {
        Ok(self.put(format!("{}{id}", fields::AUDITED), serde_json::to_string(what)?))
    }

    /// The test that fails because of a finding.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn proven(self, id: &FindingId, what: &Proven) -> Result<Effect, serde_json::Error> {
        Ok(self.put(format!("{}{id}", fields::PROVEN), serde_json::to_string(what)?))
    }

    /// A finding is in another file now, or in this one again.
    pub fn moved(self, id: &FindingId, to: Option<&str>) -> Effect {
        self.put(format!("{}{id}", fields::MOVED), to.unwrap_or_default().to_owned())
    }

    /// By how much the looks for findings and the sightings of them grow.
    pub fn counts(self, counts: &[(FindingId, u64, u64)]) -> Effect {
        let adds = counts.iter().flat_map(|(id, looked, seen)| {
            [
                (format!("{}{id}", fields::LOOKED), super::step(*looked)),
                (format!("{}{id}", fields::SEEN), super::step(*seen)),
            ]
        });
        let adds = adds.filter(|(_, by)| *by > 0).collect();
        Effect::Tally { key: keys::findings(self.memory, name_key(self.path)), adds }
    }

    /// By what a finding is found: its own id, and the key by which it is known again in another file.
    pub fn place(self, key: &str, id: &FindingId) -> [Effect; 2] {
        let value = format!("{id} {}", self.path);
        let put = |field: &str| Effect::Put {
            key: keys::finding_codes(self.memory),
            field: field.to_owned(),
            value: value.clone(),
        };
        [put(id), put(key)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_what_can_be_read() {
        let id = |n: u8| format!("{n:016x}");
        let observed = |text: &str| {
            let what = Observed { text: text.into(), ..Observed::default() };
            serde_json::to_string(&what).unwrap()
        };
        let decided = serde_json::to_string(&Decided { why: "w".into(), ..Decided::default() });
        let hash = [
            ("path".to_owned(), "src/a.rs".to_owned()),
            ("look".to_owned(), r#"{"seq":3,"blob":"b"}"#.to_owned()),
            ("gone".to_owned(), String::new()),
            (format!("o:{}", id(1)), observed("one")),
            (format!("d:{}", id(1)), decided.unwrap()),
            (format!("n:{}", id(1)), "4".to_owned()),
            (format!("s:{}", id(1)), "2".to_owned()),
            (format!("o:{}", id(2)), observed("forged")),
            (format!("o:{}", id(3)), "no JSON".to_owned()),
            (format!("o:{}", id(4)), observed("elsewhere")),
            (format!("m:{}", id(4)), "src/b.rs".to_owned()),
            (format!("d:{}", id(5)), String::new()),
            (format!("o:{}", id(6)), String::new()),
            ("é".to_owned(), "x".to_owned()),
            (String::new(), "x".to_owned()),
        ];
        let opened = |_: &str, value: &str| (!value.contains("forged")).then(|| value.to_owned());
        let file = FileFindings::from_fields(hash.into(), opened);
        assert_eq!((file.path.as_str(), file.gone, file.unreadable), ("src/a.rs", None, 4));
        assert_eq!(file.look, Some(Look { seq: 3, blob: "b".into() }));
        let [one] = &file.all[..] else { panic!("{:?}", file.all) };
        assert_eq!((one.id.as_str(), one.observed.text.as_str()), (id(1).as_str(), "one"));
        assert_eq!((one.looked, one.seen), (4, 2));
        assert_eq!(one.decided.as_ref().map(|d| d.why.as_str()), Some("w"));
        assert_eq!(file.moved[&FindingId::from(id(4))], "src/b.rs");
    }
}

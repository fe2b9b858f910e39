//! What the reviewers of a diff come to. It is computed from what they said alone, in whatever order that comes.

use super::alike::Claim;
use super::answer::{Opinion, derive};
use crate::checks::squeezed;
use queue_schema::ids::content_id;
use queue_schema::rows::diff::SCHEMA_VERSION;
use queue_schema::rows::{
    DiffFinding, DiffRemark, DiffReview, DiffSeverity, DiffVerdict, FindingState,
};
use queue_schema::sweep::DiffFailOn;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Digits of a finding's identity.
const ID_DIGITS: usize = 16;
/// Reviewers who make a finding convergent, and whom a bundle needs where as many were asked.
const CONVERGENT: usize = 2;

/// What one reviewer said of one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The reviewer's name.
    pub reviewer: String,
    /// The bundle's name.
    pub bundle: String,
    /// What it said.
    pub opinion: Opinion,
}

impl From<&DiffReview> for Said {
    fn from(row: &DiffReview) -> Self {
        let opinion = Opinion::of(row);
        Self { reviewer: row.reviewer.clone(), bundle: row.bundle.clone(), opinion }
    }
}

/// A reviewer who was asked about a bundle and said nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The bundle's name.
    pub bundle: String,
    /// The reviewer's name.
    pub reviewer: String,
    /// Why; empty where it is not known.
    pub reason: String,
}

/// One thing that one reviewer or several say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its identity, from file, code and claim.
    pub id: String,
    /// Who says it, each once, by name.
    pub reviewers: Vec<String>,
    /// The gravest that one of them said.
    pub severity: DiffSeverity,
    /// The remark that stands for all of them.
    pub remark: DiffRemark,
    /// The bundle that this one was said of.
    pub bundle: String,
    /// All remarks, with their reviewers.
    pub said: Vec<(String, DiffRemark)>,
    /// Against the review before; `None` where there was none.
    pub state: Option<FindingState>,
}

/// How a reviewer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Its name.
    pub name: String,
    /// Bundles it was asked about.
    pub asked: usize,
    /// Bundles it said something of.
    pub answered: usize,
    /// The worst of its verdicts; `None` without any.
    pub verdict: Option<DiffVerdict>,
    /// Verdicts that follow from its findings, because it gave none.
    pub derived: usize,
}

/// What all reviewers come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Convergent ones first, then the gravest.
    pub findings: Vec<Group>,
    /// What was said to be right, with its reviewer.
    pub fine: Vec<(String, DiffRemark)>,
    /// What was taken back, with its reviewer.
    pub withdrawn: Vec<(String, DiffRemark)>,
    /// Every reviewer that was asked, by name.
    pub reviewers: Vec<Voter>,
    /// Bundles that were asked about.
    pub bundles: usize,
    /// Bundles of which nobody, or too few, said anything, and files that the change hides from all of them.
    pub unreviewed: Vec<String>,
    /// Who said nothing of what.
    pub missing: Vec<Missing>,
    /// What is to become of the change; `None` where too little of it was reviewed to say.
    pub verdict: Option<DiffVerdict>,
}

impl Group {
    /// Whether two reviewers or more say it.
    pub const fn is_convergent(&self) -> bool {
        self.reviewers.len() >= CONVERGENT
    }
}

impl Tally {
    /// With files that the change itself hides: nobody can say anything of them.
    #[must_use]
    pub fn hidden(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.unreviewed.extend(paths);
        self.verdict = verdict(&self);
        self
    }

    /// The exit code: 1 for what it fails on, 2 where too few reviewers said anything, else 0.
    pub fn exit_code(&self, fail_on: DiffFailOn) -> u8 {
        let fails = |group: &Group| match fail_on {
            DiffFailOn::ConvergentBlock => {
                group.is_convergent() && group.severity == DiffSeverity::Block
            }
            DiffFailOn::Block => group.severity == DiffSeverity::Block,
            DiffFailOn::Warn => group.severity >= DiffSeverity::Warn,
            DiffFailOn::Never => false,
        };
        match (self.findings.iter().any(fails), self.unreviewed.is_empty()) {
            (true, _) => 1,
            (false, false) => 2,
            (false, true) => 0,
        }
    }

    /// The findings as rows.
    pub fn rows(&self, of: &Counted<'_>) -> Vec<DiffFinding> {
        let row = |group: &Group| DiffFinding {
            sweep_id: of.sweep_id.to_owned(),
            id: group.id.clone(),
            repo: of.repo.to_owned(),
            base: of.base.to_owned(),
            head: of.head.to_owned(),
            bundle: group.bundle.clone(),
            reviewers: group.reviewers.clone(),
            convergent: group.is_convergent(),
            severity: group.severity,
            remark: group.remark.clone(),
            state: group.state,
            ts: of.ts.to_owned(),
            schema_version: SCHEMA_VERSION,
        };
        self.findings.iter().map(row).collect()
    }
}

/// What rows of a tally say besides.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The sweep.
    pub sweep_id: &'a str,
    /// The repository.
    pub repo: &'a str,
    /// Where the change starts.
    pub base: &'a str,
    /// Where it ends.
    pub head: &'a str,
    /// When, RFC 3339, UTC.
    pub ts: &'a str,
}

/// Counts what was said. Every pair of bundle and reviewer that was asked is in one of the two lists.
pub fn tally(said: &[Said], missing: &[Missing]) -> Tally {
    let mut tally = Tally { missing: missing.to_vec(), ..Tally::default() };
    tally.missing.sort();
    let mut all: Vec<Voice<'_>> = Vec::new();
    for one in said {
        let voices = one.opinion.remarks.iter().map(|remark| Voice {
            remark,
            reviewer: &one.reviewer,
            bundle: &one.bundle,
        });
        all.extend(voices);
    }
    all.sort();
    for voice in all.iter().filter(|voice| !voice.remark.counts()) {
        let to = if voice.remark.withdrawn { &mut tally.withdrawn } else { &mut tally.fine };
        to.push((voice.reviewer.to_owned(), voice.remark.clone()));
    }
    all.retain(|voice| voice.remark.counts());
    for same_file in all.chunk_by(|a, b| a.remark.path == b.remark.path) {
        tally.findings.extend(groups(same_file));
    }
    tally.findings.sort_by(|a, b| rank(a).cmp(&rank(b)));
    apart(tally.findings.iter_mut());
    voters(&mut tally, said);
    tally.verdict = verdict(&tally);
    tally
}

type Rank<'a> = (bool, bool, Reverse<DiffSeverity>, Reverse<usize>, &'a DiffRemark, &'a [String]);

fn rank(group: &Group) -> Rank<'_> {
    let remark = &group.remark;
    let (severity, many) = (Reverse(group.severity), Reverse(group.reviewers.len()));
    (!group.is_convergent(), remark.outside, severity, many, remark, &group.reviewers)
}

/// A remark and its reviewer, in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Voice<'a> {
    remark: &'a DiffRemark,
    reviewer: &'a str,
    bundle: &'a str,
}

/// The remarks about one file, put together: the surest pairs first, and two groups only where each of one says the
/// same as each of the other, so that no chain of neighbours becomes one.
fn groups(voices: &[Voice<'_>]) -> Vec<Group> {
    let claims: Vec<Claim<'_>> = voices.iter().map(|voice| Claim::new(voice.remark)).collect();
    let same =
        |a: usize, b: usize| claims[a].same(&claims[b], voices[a].reviewer == voices[b].reviewer);
    let mut pairs = Vec::new();
    for a in 0..voices.len() {
        let with = (a + 1..voices.len()).filter_map(|b| Some((Reverse(same(a, b)?), a, b)));
        pairs.extend(with);
    }
    pairs.sort();
    let alike: BTreeSet<(usize, usize)> = pairs.iter().map(|(_, a, b)| (*a, *b)).collect();
    let mut of: Vec<usize> = (0..voices.len()).collect();
    let mut members: BTreeMap<usize, Vec<usize>> =
        (0..voices.len()).map(|at| (at, vec![at])).collect();
    for (_, a, b) in pairs {
        let (into, from) = (of[a].min(of[b]), of[a].max(of[b]));
        let is_alike = |a: usize, b: usize| alike.contains(&(a.min(b), a.max(b)));
        let joins = members[&into].iter().all(|a| members[&from].iter().all(|b| is_alike(*a, *b)));
        if joins {
            let moved = members.remove(&from).unwrap_or_default();
            for at in &moved {
                of[*at] = into;
            }
            members.entry(into).or_default().extend(moved);
        }
    }
    members.into_values().filter_map(|at| group(&at, voices)).collect()
}

fn group(members: &[usize], voices: &[Voice<'_>]) -> Option<Group> {
    let of = || members.iter().map(|at| &voices[*at]);
    let lead = of().min_by_key(|voice| {
        let remark = voice.remark;
        let placed =
            (remark.outside, remark.line.is_none(), remark.quote.is_none(), remark.why.is_none());
        (Reverse(remark.severity), placed, **voice)
    })?;
    let reviewers: BTreeSet<&str> = of().map(|voice| voice.reviewer).collect();
    let mut said: Vec<(String, DiffRemark)> =
        of().map(|voice| (voice.reviewer.to_owned(), voice.remark.clone())).collect();
    said.sort();
    Some(Group {
        id: identity(lead.remark),
        reviewers: reviewers.into_iter().map(str::to_owned).collect(),
        severity: lead.remark.severity,
        remark: lead.remark.clone(),
        bundle: lead.bundle.to_owned(),
        said,
        state: None,
    })
}

/// From file, code and claim; without lines, which move.
fn identity(remark: &DiffRemark) -> String {
    let claim = Claim::new(remark);
    let words = claim.words().iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let code = remark.quote.as_deref().map(squeezed).unwrap_or_default();
    let path = remark.path.as_deref().unwrap_or_default();
    let id = content_id(&[path.as_bytes(), code.as_bytes(), words.as_bytes()]);
    id[..ID_DIGITS].to_owned()
}

/// Gives all findings of one identity but the first others: they stand at different places.
pub(super) fn apart<'a>(findings: impl Iterator<Item = &'a mut Group>) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for group in findings {
        let times = seen.entry(group.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            let id = content_id(&[group.id.as_bytes(), &times.to_le_bytes()]);
            id[..ID_DIGITS].clone_into(&mut group.id);
        }
    }
}

/// Counts who was asked and who answered.
fn voters(tally: &mut Tally, said: &[Said]) {
    let mut voters: BTreeMap<&str, Voter> = BTreeMap::new();
    let mut bundles: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    let pairs = said.iter().map(|one| (&one.bundle, &one.reviewer, Some(&one.opinion)));
    let absent = tally.missing.iter().map(|one| (&one.bundle, &one.reviewer, None));
    for (bundle, reviewer, opinion) in pairs.chain(absent) {
        let (asked, answered) = bundles.entry(bundle).or_default();
        asked.insert(reviewer);
        let voter = voters.entry(reviewer).or_insert_with(|| Voter {
            name: reviewer.clone(),
            asked: 0,
            answered: 0,
            verdict: None,
            derived: 0,
        });
        voter.asked += 1;
        if let Some(opinion) = opinion {
            answered.insert(reviewer);
            voter.answered += 1;
            voter.derived += usize::from(opinion.derived);
            // A milder verdict than its own findings counts for no more than they do.
            let worst = opinion.verdict.max(derive(&opinion.remarks));
            voter.verdict = voter.verdict.max(Some(worst));
        }
    }
    let few = |(asked, answered): &(BTreeSet<&str>, BTreeSet<&str>)| {
        answered.len() < asked.len().clamp(1, CONVERGENT)
    };
    let unreviewed = bundles.iter().filter(|(_, of)| few(of)).map(|(name, _)| (*name).to_owned());
    let (unreviewed, count) = (unreviewed.collect(), bundles.len());
    let voters = voters.into_values().collect();
    (tally.unreviewed, tally.bundles, tally.reviewers) = (unreviewed, count, voters);
}

/// Hold needs two, as a convergent finding does, where two were asked. It is said however much was reviewed, and nothing
/// else where too little was.
fn verdict(tally: &Tally) -> Option<DiffVerdict> {
    let holds = tally.reviewers.iter().filter(|v| v.verdict == Some(DiffVerdict::Hold)).count();
    let enough = tally.reviewers.len().clamp(1, CONVERGENT);
    let grave = |group: &Group| group.is_convergent() && group.severity == DiffSeverity::Block;
    if holds >= enough || tally.findings.iter().any(grave) {
        return Some(DiffVerdict::Hold);
    }
    let worst = tally.reviewers.iter().filter_map(|v| v.verdict).max()?;
    tally.unreviewed.is_empty().then(|| worst.min(DiffVerdict::ShipWithFixes))
}

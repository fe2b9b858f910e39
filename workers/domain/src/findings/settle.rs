//! What an accepted review of a file comes to for the findings that are known of it.

use super::matching::{Likeness, Older, Rule, matching, matching_by_all};
use super::observe::{Said, likeness, observe};
use super::view::View;
use super::{LineMap, state};
use crate::checks::squeezed;
use queue_schema::ids::FindingId;
use queue_schema::records::{KeptFinding as Known, Observed};
use queue_schema::rows::{Finding, FindingAudit, FindingProof, FindingState, GoneFinding};
use std::collections::BTreeSet;

/// A review of a file, and how the file stood at the one before.
pub struct Look<'a> {
    /// The repository that the findings belong to.
    pub memory: &'a str,
    /// The file.
    pub path: &'a str,
    /// The file as it is now.
    pub view: &'a View,
    /// What the review says of itself.
    pub said: &'a Said,
    /// The review before saw the same blob.
    pub unchanged: bool,
    /// The file as the review before saw it, where that is known, and where its lines are now.
    pub before: Option<(&'a View, &'a LineMap)>,
}

/// How a finding of the review stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its id.
    pub id: FindingId,
    /// Its state against the sweeps before.
    pub state: FindingState,
    /// Why a person dismissed it.
    pub why: Option<String>,
    /// What an audit says of its code.
    pub audit: Option<FindingAudit>,
    /// The test that fails because of its code.
    pub proven: Option<FindingProof>,
}

/// What a review comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settled {
    /// For each finding of the review, how it stands; `None` for what asks for nothing.
    pub marks: Vec<Option<Mark>>,
    /// What is now observed of findings: those that the review says, and those of which something changed.
    pub observed: Vec<(FindingId, Observed)>,
    /// Those that the review could have said: id, by how much the number of looks grows, and that of sightings.
    pub counts: Vec<(FindingId, u64, u64)>,
    /// Those whose code is gone with this review.
    pub gone: Vec<GoneFinding>,
    /// Those that came from another file, by id.
    pub moved: Vec<FindingId>,
    /// Open ones that this review did not say again.
    pub unrepeated: u32,
}

/// Matches the findings of a review with those that are known of its file, those of `elsewhere` (of files that
/// do not have their code any more) last, and says what has become of all of them.
pub fn settle(
    findings: &[Finding],
    known: &[Known],
    elsewhere: &[Known],
    look: &Look<'_>,
) -> Settled {
    let new: Vec<Option<Observed>> = findings
        .iter()
        .map(|f| f.kind.is_actionable().then(|| observe(f, look.view, look.said)))
        .collect();
    let sources = Sources::of(known, elsewhere);
    let found = sources.matched(&new, look);
    let mut settled = Settled { marks: vec![None; findings.len()], ..Settled::default() };
    let mut taken: BTreeSet<FindingId> =
        known.iter().chain(elsewhere).map(|known| known.id.clone()).collect();
    let mut order: Vec<usize> = (0..new.len()).filter(|at| new[*at].is_some()).collect();
    order.sort_by_key(|at| new[*at].as_ref().map(|o| (o.line, o.code.clone(), o.text.clone())));
    for at in order {
        let Some(observed) = new[at].clone() else { continue };
        let mark = match found[at] {
            Some(known) => settled.again(known, observed, look, elsewhere),
            None => settled.born(observed, &mut taken, look),
        };
        settled.marks[at] = Some(mark);
    }
    let said: BTreeSet<&str> = found.iter().flatten().map(|known| known.id.as_str()).collect();
    for known in sources.live.iter().filter(|known| !said.contains(known.id.as_str())) {
        settled.unsaid(known, look);
    }
    settled
}

impl Settled {
    /// One that is known.
    fn again(
        &mut self,
        known: &Known,
        observed: Observed,
        look: &Look<'_>,
        elsewhere: &[Known],
    ) -> Mark {
        let (old, now_ms, seq) = (&known.observed, look.said.at.at_ms, look.said.at.seq);
        let came = elsewhere.iter().any(|other| other.id == known.id);
        // One that left another file was never gone.
        let back = old.fixed.is_some() && !came;
        let came_back = if back { Some(seq) } else { old.came_back };
        let mut now = Observed { first: old.first.clone(), came_back, ..observed };
        // Another quote of code that stands as it did makes it no other code: what was decided about it holds.
        let same_file = look.unchanged && old.fixed.is_none() && !came;
        if same_file || still_there(old, look.view, look.before.map(|(view, _)| view)) {
            (now.quote, now.code) = (old.quote.clone(), old.code.clone());
        }
        let before =
            state(&Observed { fixed: None, ..old.clone() }, known.decided.as_ref(), now_ms);
        let state = match state(&now, known.decided.as_ref(), now_ms) {
            FindingState::Dismissed => FindingState::Dismissed,
            _ if back || before == FindingState::Dismissed => FindingState::Reopened,
            _ if now.code != old.code => FindingState::Changed,
            _ => FindingState::Open,
        };
        let why = known.decided.as_ref().filter(|_| state == FindingState::Dismissed);
        let why = why.map(|decided| decided.why.clone());
        let (looked, seen) = if came { (known.looked, known.seen) } else { (0, 0) };
        self.counts.push((known.id.clone(), looked + 1, seen + 1));
        if came {
            self.moved.push(known.id.clone());
        }
        let code = now.code.clone();
        self.observed.push((known.id.clone(), now));
        let audited = known.audited.as_ref().filter(|audited| audited.code == code);
        let audit = audited.map(|audited| audited.audit.clone());
        let proven = known.proven.as_ref().filter(|proven| proven.code == code);
        let proven = proven.map(|proven| proven.proof.clone());
        Mark { id: known.id.clone(), state, why, audit, proven }
    }

    /// One that nobody said before.
    fn born(
        &mut self,
        observed: Observed,
        taken: &mut BTreeSet<FindingId>,
        look: &Look<'_>,
    ) -> Mark {
        let mut ids = (0..=taken.len()).map(|n| finding_id(look, &observed, n));
        let id = ids.find(|id| !taken.contains(id)).unwrap_or_default();
        taken.insert(id.clone());
        self.counts.push((id.clone(), 1, 1));
        self.observed.push((id.clone(), observed));
        Mark { id, state: FindingState::New, why: None, audit: None, proven: None }
    }

    /// One that the review does not say.
    fn unsaid(&mut self, known: &Known, look: &Look<'_>) {
        self.counts.push((known.id.clone(), 1, 0));
        if look.unchanged {
            self.unrepeated += 1;
            return;
        }
        let mut now = known.observed.clone();
        if still_there(&now, look.view, look.before.map(|(view, _)| view)) {
            self.unrepeated += 1;
            let lines = look.before.zip(now.line);
            let first = lines.map(|((_, map), line)| map.at(line).0);
            let of_end = look.before.zip(now.end_line).map(|((_, map), line)| map.at(line).1);
            (now.line, now.end_line) = (first.or(now.line), of_end.max(first).or(now.end_line));
        } else {
            now.fixed = Some(look.said.at.seq);
            self.gone.push(GoneFinding {
                id: known.id.to_string(),
                kind: now.kind,
                text: now.text.clone(),
                line: known.observed.line,
            });
        }
        self.observed.push((known.id.clone(), now));
    }
}

/// Whether a file still has the code that a finding is about. What quotes nothing is about the file as it was.
fn still_there(observed: &Observed, now: &View, before: Option<&View>) -> bool {
    let code = squeezed(observed.quote.as_deref().unwrap_or_default());
    let (count, was) = (now.count(&code), before.map_or(0, |view| view.count(&code)));
    // One of several places went: that in a function that is not there, or does not have it any more.
    let has = |symbol: &String| now.function_has(symbol, &code) == Some(true);
    let left = count < was && observed.symbol.as_ref().is_some_and(|symbol| !has(symbol));
    count > 0 && !left
}

/// The key of the code that the review of a sweep says a finding of, as the ledger has it: whatever the review quotes, that
/// of the code which the ledger knows, where it is in the file or is what it made of this very review.
pub fn code_in(view: &View, finding: &Finding, known: Option<&Observed>, sweep: &str) -> String {
    let is_of = |known: &&Observed| known.last.sweep == sweep || still_there(known, view, None);
    known
        .filter(is_of)
        .map_or_else(|| observe(finding, view, &Said::default()).code, |known| known.code.clone())
}

/// The same of a file that is not reviewed now: as it is, and as its last review saw it, where that is known.
pub fn stands_in(observed: &Observed, path: &str, now: &str, before: Option<&str>) -> bool {
    let before = before.map(|text| View::new(path, text));
    still_there(observed, &View::new(path, now), before.as_ref())
}

/// The findings that new ones may be.
struct Sources<'a> {
    live: Vec<&'a Known>,
    fixed: Vec<&'a Known>,
    elsewhere: Vec<&'a Known>,
}

impl<'a> Sources<'a> {
    fn of(known: &'a [Known], elsewhere: &'a [Known]) -> Self {
        let (fixed, live) = known.iter().partition(|k| k.observed.fixed.is_some());
        Self { live, fixed, elsewhere: elsewhere.iter().collect() }
    }

    /// Which known finding each new one is: an open one before one that was fixed, and that before one of
    /// another file.
    fn matched(&self, new: &[Option<Observed>], look: &Look<'_>) -> Vec<Option<&'a Known>> {
        let likes: Vec<Option<Likeness>> = new.iter().map(|o| o.as_ref().map(likeness)).collect();
        let mut found = vec![None; new.len()];
        let unchanged = LineMap::new(look.view.text(), look.view.text());
        let map = if look.unchanged { Some(&unchanged) } else { look.before.map(|(_, map)| map) };
        let sources = [
            (&self.live, map, None),
            (&self.fixed, None, Some(&[Rule::Code, Rule::Pattern][..])),
            (&self.elsewhere, None, Some(&[Rule::Code][..])),
        ];
        for (source, map, rules) in sources {
            let left: Vec<usize> =
                (0..new.len()).filter(|at| found[*at].is_none() && likes[*at].is_some()).collect();
            let new: Vec<Likeness> = left.iter().filter_map(|at| likes[*at].clone()).collect();
            let old: Vec<Older> =
                source.iter().map(|known| Older::new(likeness(&known.observed), map)).collect();
            let matched = match rules {
                Some(rules) => matching(&old, &new, rules),
                None => matching_by_all(&old, &new),
            };
            for (at, known) in left.into_iter().zip(matched) {
                found[at] = known.map(|known| source[known]);
            }
        }
        found
    }
}

/// The id of a finding that is said for the first time, the n-th of those that are alike.
fn finding_id(look: &Look<'_>, observed: &Observed, n: usize) -> FindingId {
    let names = likeness(observed).names.into_iter().collect::<Vec<_>>().join(" ");
    let n = n.to_string();
    let parts = [look.memory, look.path, &observed.code, &names, &n];
    FindingId::of(&parts.map(str::as_bytes))
}

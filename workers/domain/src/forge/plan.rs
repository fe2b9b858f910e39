//! From what should be there and what is there to what is to be done.

use super::body::{self, Placed};
use super::known::{beside, comments, is_open, our_mark};
use super::{
    Action, DiffLines, Existing, Finding, Inline, Lengths, Marker, Note, Posted, Publication,
};
use crate::text::clip_marked;
use std::collections::BTreeSet;

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One request each, or one a comment where a forge has no reviews.
    pub actions: Vec<Action>,
    /// What it comes to once all of it is done.
    pub outcome: Outcome,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Findings that have a comment at their line.
    pub inline: usize,
    /// Findings that only the summary holds.
    pub in_summary: usize,
    /// Comments whose findings are gone.
    pub gone: usize,
    /// The request is closed: nothing is published.
    pub closed: bool,
    /// The request has another head by now: only the status of the reviewed commit is set.
    pub moved: bool,
}

/// Decides what to do. `refused` are the fingerprints whose lines the forge refused in this run.
pub fn plan(
    existing: &Existing,
    publication: &Publication,
    refused: &BTreeSet<String>,
    max_comments: usize,
    lengths: Lengths,
) -> Plan {
    if !existing.open {
        let outcome = Outcome { closed: true, ..Outcome::default() };
        return Plan { actions: Vec::new(), outcome };
    }
    let publication = &beside(existing, publication);
    let status = Action::Status {
        state: publication.state,
        text: clip_marked(&crate::text::one_line(&publication.headline), lengths.status),
    };
    if existing.head != publication.head {
        let outcome = Outcome { moved: true, ..Outcome::default() };
        return Plan { actions: vec![status], outcome };
    }
    let mut actions: Vec<Action> =
        existing.pending.iter().map(|id| Action::DropPending(*id)).collect();
    let ours = Ours::of(existing, publication);
    let mut placed = ours.placed(refused);
    let edited = publication.findings.iter().filter(|finding| edited(existing, finding));
    let edited: BTreeSet<String> = edited.map(|finding| finding.fingerprint.clone()).collect();
    placed.posted.extend(edited.iter().cloned());
    let fresh = fresh(existing, publication, &ours, &placed, max_comments);
    placed.posted.extend(fresh.iter().map(|comment| comment.fingerprint.clone()));
    let stands = |print: &String| {
        let is_new = fresh.iter().any(|comment| comment.fingerprint == *print);
        is_new || edited.contains(print) || ours.stands(print)
    };
    let prints = publication.findings.iter().map(|finding| finding.fingerprint.clone());
    placed.inline = prints.filter(stands).collect();
    if !fresh.is_empty() {
        actions.push(Action::Review(fresh));
    }
    let (gone, to_resolve) = ours.gone(publication);
    placed.gone = gone;
    actions.extend(to_resolve.into_iter().map(|comment| Action::Resolve {
        instead: body::gone(&comment.body, publication),
        comment: comment.clone(),
    }));
    let outcome = Outcome {
        inline: placed.inline.len(),
        in_summary: publication.findings.len() - placed.inline.len(),
        gone,
        ..Outcome::default()
    };
    let text = body::summary(publication, &placed, lengths.comment);
    match ours.summary {
        // The summary is written last: when it is as it should be, the status is too. Where that could not be set, its mark
        // says so.
        Some(note) if same(&note.body, &text) => {}
        Some(note) => {
            actions.extend([status, Action::EditSummary(Note { id: note.id, body: text })]);
        }
        None => actions.extend([status, Action::CreateSummary(text)]),
    }
    Plan { actions, outcome }
}

/// What of ours is there already.
struct Ours<'a> {
    summary: Option<&'a Note>,
    mark: Marker,
    comments: Vec<(&'a Posted, Marker)>,
    /// Whether the summary is of this very head.
    same_head: bool,
}

impl<'a> Ours<'a> {
    fn of(existing: &'a Existing, publication: &Publication) -> Self {
        let marked = |n: &'a Note| Some((n, our_mark(&n.body, body::SUMMARY, publication)?));
        let summary = existing.notes.iter().find_map(marked);
        let (summary, mark) = summary.unzip();
        let mark = mark.unwrap_or_default();
        Self {
            summary,
            same_head: mark.get("h") == publication.head,
            mark,
            comments: comments(existing, publication),
        }
    }

    fn placed(&self, refused: &BTreeSet<String>) -> Placed {
        let marked = self.comments.iter().map(|(_, mark)| mark.get("f"));
        let posted = self.mark.list("posted").chain(marked).map(str::to_owned).collect();
        let mut refused = refused.clone();
        if self.same_head {
            refused.extend(self.mark.list("refused").map(str::to_owned));
        }
        Placed { posted, refused, ..Placed::default() }
    }

    /// Whether a finding has a comment in which it can be read as one that is there.
    fn stands(&self, print: &str) -> bool {
        self.comments.iter().any(|(comment, mark)| mark.get("f") == print && is_open(comment, mark))
    }

    /// How many comments belong to findings that are gone, and those among them that don't say so yet.
    fn gone(&self, publication: &Publication) -> (usize, Vec<&'a Posted>) {
        if !publication.complete {
            return (0, Vec::new());
        }
        let there = |print: &str| publication.findings.iter().any(|f| f.fingerprint == print);
        let seen = |comment: &Posted| !publication.left_out.contains(&comment.path);
        let lost =
            self.comments.iter().filter(|(comment, mark)| seen(comment) && !there(mark.get("f")));
        let gone: Vec<_> = lost.collect();
        let open = gone.iter().filter(|(comment, mark)| is_open(comment, mark));
        (gone.len(), open.map(|(comment, _)| *comment).collect())
    }
}

/// The comments that are new.
fn fresh(
    existing: &Existing,
    publication: &Publication,
    ours: &Ours<'_>,
    placed: &Placed,
    max_comments: usize,
) -> Vec<Inline> {
    // A process that died after its review went out must not send the next ten.
    let of_this_head = ours.comments.iter().filter(|(_, mark)| mark.get("h") == publication.head);
    let room = max_comments.saturating_sub(of_this_head.count());
    let mut taken = BTreeSet::new();
    let is_new = |f: &&Finding| {
        !placed.posted.contains(&f.fingerprint) && !placed.refused.contains(&f.fingerprint)
    };
    let new = publication.findings.iter().filter(is_new);
    let comments = new.filter(|f| taken.insert(f.fingerprint.as_str()));
    comments.filter_map(|f| comment(f, existing.lines.as_ref(), publication)).take(room).collect()
}

/// Whether the finding has a comment of ours whose mark somebody has taken away.
fn edited(existing: &Existing, finding: &Finding) -> bool {
    let title = body::inert_title(finding);
    let unmarked = |c: &&Posted| c.path == finding.path && Marker::read(&c.body).is_none();
    !title.is_empty() && existing.comments.iter().filter(unmarked).any(|c| c.body.contains(&title))
}

fn comment(
    finding: &Finding,
    lines: Option<&DiffLines>,
    publication: &Publication,
) -> Option<Inline> {
    let line = finding.line?;
    let file = lines.map(|lines| lines.files.get(&finding.path));
    if let Some(file) = file
        && !file.is_some_and(|file| file.holds(finding.side, line))
    {
        return None;
    }
    let file = file.flatten();
    Some(Inline {
        fingerprint: finding.fingerprint.clone(),
        path: finding.path.clone(),
        old_path: file.map_or_else(|| finding.path.clone(), |file| file.old_path.clone()),
        side: finding.side,
        line,
        other_line: file
            .and_then(|file| file.before(line))
            .filter(|_| finding.side == super::Side::New),
        body: body::inline(finding, publication),
    })
}

/// Forges change line ends and the white space around a text.
fn same(a: &str, b: &str) -> bool {
    let lines =
        |text: &str| text.trim().lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
    lines(a) == lines(b)
}

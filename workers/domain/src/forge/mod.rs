//! Publishing a review of a change at a pull or merge request.
//!
//! [`Publication`] is what should be there, [`Existing`] what is; [`plan()`] says what to do about the difference. It is made
//! anew before every try, from what the forge shows, so that a process may die between any two requests: what it had
//! sent is found again by [`marker`], and nothing is sent twice. The summary is written last and says what was posted.
//!
//! [`inert`] is for the text of models, [`lines`] tells where a forge takes comments, [`body`] writes the comments.

pub mod body;
pub mod inert;
mod known;
pub mod lines;
pub mod marker;
pub mod plan;
mod publication;

pub use lines::{DiffLines, FileLines};
pub use marker::Marker;
pub use plan::{Outcome, Plan, plan};

use queue_schema::forge::ForgeKind;
pub use queue_schema::rows::{DiffSeverity as Severity, DiffSide as Side};

/// What a review comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing holds the change up.
    Passed,
    /// A finding does.
    Failed,
    /// Too little of the change was reviewed to say.
    Unreviewed,
}

/// A review as it should be seen at a pull request.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The commit that was reviewed, hex.
    pub head: String,
    /// Name of the status; reviews of other names at the same request are left alone.
    pub context: String,
    /// What the status says.
    pub state: State,
    /// One line for the status and the head of the summary.
    pub headline: String,
    /// Further lines of the summary: who did not answer, what was not reviewed.
    pub notes: Vec<String>,
    /// Whether every part was reviewed. Else a finding that is missing may still be there, and nothing is resolved.
    pub complete: bool,
    /// All findings, the most important first.
    pub findings: Vec<Finding>,
    /// Paths of files that nobody was shown: what was found in them before may still be there.
    pub left_out: Vec<String>,
    /// A page about the review, `http` or `https`.
    pub target_url: Option<String>,
}

/// A finding to publish. All texts are foreign.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Known again by this after lines have moved: letters, digits and hyphens.
    pub fingerprint: String,
    /// What it is about, by a hash of file and quoted code, whatever is said of it; empty where no code is quoted.
    pub about: String,
    /// Path after the change; before it, in a file that was deleted.
    pub path: String,
    /// Its line, when it stands in the change.
    pub line: Option<u32>,
    /// Which side the line is counted on.
    pub side: Side,
    /// The highest that a reviewer gave.
    pub severity: Severity,
    /// What is wrong, on one line.
    pub title: String,
    /// Why, in Markdown.
    pub body: String,
    /// Who said it.
    pub reviewers: Vec<String>,
}

impl Finding {
    /// Whether two reviewers or more said it.
    pub fn convergent(&self) -> bool {
        self.reviewers.len() > 1
    }
}

/// What a forge holds at a request, as far as it is ours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Existing {
    /// The commit at the head of the request now.
    pub head: String,
    /// False for one that is merged or closed.
    pub open: bool,
    /// Our comments at the request as a whole, oldest first.
    pub notes: Vec<Note>,
    /// Our comments at lines.
    pub comments: Vec<Posted>,
    /// Where the forge takes comments; `None` when it takes them anywhere.
    pub lines: Option<DiffLines>,
    /// Reviews of ours that were begun and not sent.
    pub pending: Vec<u64>,
}

/// A comment at a request as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its number on the forge.
    pub id: u64,
    /// Its text.
    pub body: String,
}

/// A comment at a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Number of the comment.
    pub id: u64,
    /// What is resolved: a thread or discussion, where that has a name of its own.
    pub thread: Option<String>,
    /// Where it stands.
    pub path: String,
    /// Its text.
    pub body: String,
    /// Whether somebody has resolved it.
    pub resolved: bool,
}

/// One thing to do at a forge.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Delete a review of ours that was begun and not sent: the next one would be added to it.
    DropPending(u64),
    /// Publish comments at lines, as one review where the forge has such.
    Review(Vec<Inline>),
    /// Resolve a comment whose finding is gone. A forge that can't gets the text in its place.
    Resolve {
        /// The comment.
        comment: Posted,
        /// What it says from now on, where it can't be resolved.
        instead: String,
    },
    /// Set the status of the commit.
    Status {
        /// What it says.
        state: State,
        /// In one line, within the forge's bound.
        text: String,
    },
    /// Write the summary for the first time.
    CreateSummary(String),
    /// Change the summary.
    EditSummary(Note),
}

impl Action {
    /// The same after the status could not be set, which a summary says in its mark.
    #[must_use]
    pub fn without_status(&self) -> Self {
        match self {
            Self::CreateSummary(text) => Self::CreateSummary(body::without_status(text)),
            Self::EditSummary(note) => {
                Self::EditSummary(Note { id: note.id, body: body::without_status(&note.body) })
            }
            other => other.clone(),
        }
    }
}

/// A comment at a line, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inline {
    /// Of its finding.
    pub fingerprint: String,
    /// See [`Finding::path`].
    pub path: String,
    /// Path before the change.
    pub old_path: String,
    /// Which side the line is counted on.
    pub side: Side,
    /// The line.
    pub line: u32,
    /// On the other side, where the line stayed.
    pub other_line: Option<u32>,
    /// Text with its mark.
    pub body: String,
}

/// Lengths that a forge takes, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Of a comment.
    pub comment: usize,
    /// Of a status's line.
    pub status: usize,
}

impl Lengths {
    /// Of a forge: somewhat less than it says, for it may count otherwise.
    pub fn of(kind: ForgeKind) -> Self {
        match kind {
            ForgeKind::Github => Self { comment: 60_000, status: 140 },
            ForgeKind::Gitlab => Self { comment: 200_000, status: 255 },
            ForgeKind::Gitea => Self { comment: 60_000, status: 255 },
        }
    }
}

#[cfg(test)]
mod tests;

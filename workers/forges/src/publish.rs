//! Reads what is there, plans, does, and looks again.

use crate::client::Client;
use crate::error::ForgeError;
use crate::gitea::{self, Gitea};
use crate::github::{self, Github};
use crate::{alike, gitlab};
use queue_schema::forge::{ForgeKind, PostTo};
use scrum_domain::forge::{Action, Existing, Inline, Lengths, Outcome, Plan, Publication, plan};
use serde_json::Value;
use std::collections::BTreeSet;

/// Times that the state is read and what is missing is sent.
const ROUNDS: usize = 4;

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// What the request shows now.
    pub outcome: Outcome,
    /// Fingerprints whose lines the forge refused; the summary holds them.
    pub refused: BTreeSet<String>,
    /// What could not be done and did not stop the rest, for a person.
    pub troubles: Vec<String>,
}

/// What a forge holds, and what its requests need besides.
pub(crate) struct Read {
    pub(crate) existing: Existing,
    /// The commits that positions on GitLab name.
    pub(crate) refs: Option<gitlab::Refs>,
    /// The project whose commit the status is set on; GitLab's forks have their own.
    pub(crate) status_project: Option<u64>,
}

/// One publishing.
pub(crate) struct Post<'a> {
    pub(crate) client: &'a Client,
    pub(crate) to: &'a PostTo,
    pub(crate) publication: &'a Publication,
}

/// How a round went.
enum Round {
    Done,
    /// Something was refused: what is left is planned anew.
    Again,
}

/// Brings a request to what the publication says. It may be called again at any time: what is there already is not
/// sent again.
///
/// # Errors
/// See [`ForgeError`]. After `RateLimited` and `Transient` it may be called again later.
pub async fn publish(
    client: &Client,
    to: &PostTo,
    publication: &Publication,
    max_comments: usize,
) -> Result<Published, ForgeError> {
    if let Some(fault) = to.fault() {
        return Err(ForgeError::Setup(fault));
    }
    let post = Post { client, to, publication };
    let me = post.me().await?;
    let (mut refused, mut troubles) = (BTreeSet::new(), BTreeSet::new());
    let mut last = ForgeError::Transient("what was sent does not stay".to_owned());
    for _ in 0..ROUNDS {
        let read = post.read(&me).await?;
        let lengths = Lengths::of(client.kind());
        let plan = plan(&read.existing, publication, &refused, max_comments, lengths);
        match post.carry_out(&plan, &read, &mut refused, &mut troubles).await {
            Ok(Round::Done) => {
                let troubles = troubles.into_iter().collect();
                return Ok(Published { outcome: plan.outcome, refused, troubles });
            }
            Ok(Round::Again) => {}
            // It may have been done all the same: the next round looks.
            Err(error @ ForgeError::Transient(_)) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

impl Post<'_> {
    /// Id and name of the account that the token belongs to.
    async fn me(&self) -> Result<Me, ForgeError> {
        if !self.client.login.is_empty() {
            return Ok(Me { id: None, login: self.client.login.clone() });
        }
        match self.client.kind() {
            ForgeKind::Github => github::me(self.client).await,
            ForgeKind::Gitlab => gitlab::me(self.client).await,
            ForgeKind::Gitea => gitea::me(self.client).await,
        }
    }

    async fn read(&self, me: &Me) -> Result<Read, ForgeError> {
        match self.client.kind() {
            ForgeKind::Github => github::read(self, me).await,
            ForgeKind::Gitlab => gitlab::read(self, me).await,
            ForgeKind::Gitea => gitea::read(self, me).await,
        }
    }

    async fn carry_out(
        &self,
        plan: &Plan,
        read: &Read,
        refused: &mut BTreeSet<String>,
        troubles: &mut BTreeSet<String>,
    ) -> Result<Round, ForgeError> {
        let mut no_status = false;
        for planned in &plan.actions {
            let told = no_status.then(|| planned.without_status());
            let action = told.as_ref().unwrap_or(planned);
            if let Action::Review(comments) = action {
                let before = refused.len();
                self.review(comments, read, refused).await?;
                if refused.len() > before {
                    return Ok(Round::Again);
                }
                continue;
            }
            let done = match self.client.kind() {
                ForgeKind::Github => alike::act::<Github>(self, action).await,
                ForgeKind::Gitlab => gitlab::act(self, action, read).await,
                ForgeKind::Gitea => alike::act::<Gitea>(self, action).await,
            };
            // A status or a thread that can't be set must not cost the rest.
            let aside = matches!(
                action,
                Action::Status { .. } | Action::Resolve { .. } | Action::DropPending(_)
            );
            match done {
                Err(
                    ForgeError::Forbidden { .. } | ForgeError::Gone(_) | ForgeError::Refused(_),
                ) if aside => {
                    no_status |= matches!(action, Action::Status { .. });
                    troubles.extend(done.err().map(|error| format!("{}: {error}", what(action))));
                }
                other => other?,
            }
        }
        Ok(Round::Done)
    }

    /// Sends comments at lines. When one of several is refused the forge does not say which: halves are tried.
    async fn review(
        &self,
        comments: &[Inline],
        read: &Read,
        refused: &mut BTreeSet<String>,
    ) -> Result<(), ForgeError> {
        let each = if self.client.kind() == ForgeKind::Gitlab { 1 } else { comments.len().max(1) };
        let mut open: Vec<&[Inline]> = comments.chunks(each).rev().collect();
        while let Some(part) = open.pop() {
            let sent = match self.client.kind() {
                ForgeKind::Github => alike::review::<Github>(self, part).await,
                ForgeKind::Gitlab => gitlab::comment(self, part, read).await,
                ForgeKind::Gitea => alike::review::<Gitea>(self, part).await,
            };
            match (sent, part) {
                (Ok(()), _) => {}
                (Err(ForgeError::Refused(_)), [one]) => {
                    refused.insert(one.fingerprint.clone());
                }
                (Err(ForgeError::Refused(_)), several) => {
                    let (first, second) = several.split_at(several.len() / 2);
                    open.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The account that the token belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) id: Option<u64>,
    pub(crate) login: String,
}

impl Me {
    /// Whether a user of the forge is this account. Some names of bots end in `[bot]` in some answers only.
    pub(crate) fn is(&self, user: &Value, name: &str) -> bool {
        let bare = |login: &str| login.trim_end_matches("[bot]").to_lowercase();
        match self.id {
            Some(id) => user["id"].as_u64() == Some(id),
            None => user[name].as_str().is_some_and(|login| bare(login) == bare(&self.login)),
        }
    }
}

/// What an action is about, for a person.
fn what(action: &Action) -> &'static str {
    match action {
        Action::DropPending(_) => "a review that was begun before",
        Action::Review(_) => "the comments at lines",
        Action::Resolve { .. } => "a comment whose finding is gone",
        Action::Status { .. } => "the status",
        Action::CreateSummary(_) | Action::EditSummary(_) => "the summary",
    }
}

/// A text of an answer; empty when it is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! What GitHub and Gitea take in the same form.

use crate::client::Needs;
use crate::error::ForgeError;
use crate::publish::{Post, text};
use reqwest::Method;
use scrum_domain::forge::{Action, Inline, Note, Posted, State};
use serde_json::{Value, json};

/// What one of the two has of its own.
pub(crate) trait Alike {
    /// What a token needs to publish reviews.
    const REVIEW: Needs;
    /// What it needs to set a status.
    const STATUS: Needs;
    /// What it needs to write a comment at a request.
    const COMMENT: Needs;

    /// A comment of a review.
    fn inline(comment: &Inline) -> Value;

    /// Resolves a comment; one that can't be gets the text `instead`.
    async fn resolve(post: &Post<'_>, comment: &Posted, instead: &str) -> Result<(), ForgeError>;
}

/// A comment at a request.
pub(crate) fn note(note: &Value) -> Option<Note> {
    Some(Note { id: note["id"].as_u64()?, body: text(&note["body"]) })
}

/// Publishes comments as one review.
pub(crate) async fn review<F: Alike>(
    post: &Post<'_>,
    comments: &[Inline],
) -> Result<(), ForgeError> {
    let comments: Vec<Value> = comments.iter().map(F::inline).collect();
    let path = format!("/repos/{}/pulls/{}/reviews", post.to.repo, post.to.number);
    // Without an event that it knows, the forge would keep the review back as a draft.
    let body = json!({"commit_id": post.publication.head, "event": "COMMENT", "body": "", "comments": comments});
    post.client.change(Method::POST, &path, Some(&body), F::REVIEW).await.map(drop)
}

pub(crate) async fn act<F: Alike>(post: &Post<'_>, action: &Action) -> Result<(), ForgeError> {
    let (repo, number) = (format!("/repos/{}", post.to.repo), post.to.number);
    let (method, path, body, needs) = match action {
        Action::Resolve { comment, instead } => return F::resolve(post, comment, instead).await,
        Action::Review(comments) => return review::<F>(post, comments).await,
        Action::DropPending(id) => {
            (Method::DELETE, format!("{repo}/pulls/{number}/reviews/{id}"), None, F::REVIEW)
        }
        Action::Status { state, text } => {
            let (path, body) = status(post, *state, text);
            (Method::POST, path, Some(body), F::STATUS)
        }
        Action::CreateSummary(text) => {
            let path = format!("{repo}/issues/{number}/comments");
            (Method::POST, path, Some(json!({"body": text})), F::COMMENT)
        }
        Action::EditSummary(note) => {
            let path = format!("{repo}/issues/comments/{}", note.id);
            (Method::PATCH, path, Some(json!({"body": note.body})), F::COMMENT)
        }
    };
    post.client.change(method, &path, body.as_ref(), needs).await.map(drop)
}

/// The status of the reviewed commit.
fn status(post: &Post<'_>, state: State, text: &str) -> (String, Value) {
    let word = match state {
        State::Passed => "success",
        State::Failed => "failure",
        State::Unreviewed => "error",
    };
    let mut body = json!({"state": word, "context": post.publication.context, "description": text});
    if let Some(url) = &post.publication.target_url {
        body["target_url"] = json!(url);
    }
    (format!("/repos/{}/statuses/{}", post.to.repo, post.publication.head), body)
}

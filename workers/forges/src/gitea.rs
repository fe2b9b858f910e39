//! Gitea and Forgejo: comments are listed review by review, and a review that breaks off stays behind as a draft.

use crate::client::{Client, Needs};
use crate::error::ForgeError;
use crate::github::{note, status};
use crate::publish::{Me, Post, Read, text};
use reqwest::Method;
use scrum_domain::forge::{Action, Existing, Inline, Posted, Side};
use serde_json::{Value, json};

const READ: Needs = Needs("the scope read:repository");
const REVIEW: Needs = Needs("the scope write:repository");
const COMMENT: Needs = Needs("the scope write:issue");

pub(crate) async fn me(client: &Client) -> Result<Me, ForgeError> {
    let user = client.get("/user", Needs("the scope read:user, or forge.login set")).await?;
    Ok(Me { id: user["id"].as_u64(), login: text(&user["login"]) })
}

pub(crate) async fn read(post: &Post<'_>, me: &Me) -> Result<Read, ForgeError> {
    let (client, repo, number) = (post.client, format!("/repos/{}", post.to.repo), post.to.number);
    let pull = client.get(&format!("{repo}/pulls/{number}"), READ).await?;
    let (head, open) = (text(&pull["head"]["sha"]), pull["state"] == "open");
    let mut existing = Existing { head, open, ..Existing::default() };
    if open && existing.head == post.publication.head {
        let notes = client.list(&format!("{repo}/issues/{number}/comments"), COMMENT).await?;
        existing.notes =
            notes.iter().filter(|n| me.is(&n["user"], "login")).filter_map(note).collect();
        let at = format!("{repo}/pulls/{number}/reviews");
        let reviews = client.list(&at, READ).await?;
        for review in reviews.iter().filter(|r| me.is(&r["user"], "login")) {
            let Some(id) = review["id"].as_u64() else { continue };
            if review["state"] == "PENDING" {
                existing.pending.push(id);
            } else {
                let comments = client.list(&format!("{at}/{id}/comments"), READ).await?;
                existing.comments.extend(comments.iter().filter_map(posted));
            }
        }
    }
    // Comments are taken at any line; those of the publication stand in the change.
    Ok(Read { existing, refs: None, status_project: None })
}

fn posted(comment: &Value) -> Option<Posted> {
    Some(Posted {
        id: comment["id"].as_u64()?,
        thread: None,
        path: text(&comment["path"]),
        body: text(&comment["body"]),
        resolved: comment["resolver"].is_object(),
    })
}

/// Publishes comments as one review.
pub(crate) async fn review(post: &Post<'_>, comments: &[Inline]) -> Result<(), ForgeError> {
    let comments: Vec<Value> = comments
        .iter()
        .map(|c| {
            // Lines of the files. When both are set the old one counts.
            let (old, new) = if c.side == Side::Old { (c.line, 0) } else { (0, c.line) };
            json!({"path": c.path, "body": c.body, "old_position": old, "new_position": new})
        })
        .collect();
    let path = format!("/repos/{}/pulls/{}/reviews", post.to.repo, post.to.number);
    // Any other word than those it knows would keep the review back as a draft.
    let body = json!({"commit_id": post.publication.head, "event": "COMMENT", "body": "", "comments": comments});
    post.client.change(Method::POST, &path, Some(&body), REVIEW).await.map(drop)
}

pub(crate) async fn act(post: &Post<'_>, action: &Action) -> Result<(), ForgeError> {
    let (repo, number) = (format!("/repos/{}", post.to.repo), post.to.number);
    let (method, path, body, needs) = match action {
        Action::Resolve { comment, instead } => return resolve(post, comment, instead).await,
        Action::Review(comments) => return review(post, comments).await,
        Action::DropPending(id) => {
            (Method::DELETE, format!("{repo}/pulls/{number}/reviews/{id}"), None, REVIEW)
        }
        Action::Status { state, text } => {
            let (path, body) = status(post, *state, text);
            (Method::POST, path, Some(body), REVIEW)
        }
        Action::CreateSummary(text) => (
            Method::POST,
            format!("{repo}/issues/{number}/comments"),
            Some(json!({"body": text})),
            COMMENT,
        ),
        Action::EditSummary(note) => {
            let path = format!("{repo}/issues/comments/{}", note.id);
            (Method::PATCH, path, Some(json!({"body": note.body})), COMMENT)
        }
    };
    post.client.change(method, &path, body.as_ref(), needs).await.map(drop)
}

/// Resolves a comment; a server that can't (Gitea before 1.26, Forgejo) gets the text changed.
async fn resolve(post: &Post<'_>, comment: &Posted, instead: &str) -> Result<(), ForgeError> {
    let path = format!("/repos/{}/pulls/comments/{}/resolve", post.to.repo, comment.id);
    match post.client.change(Method::POST, &path, None, REVIEW).await {
        Err(ForgeError::Gone(_) | ForgeError::Refused(_)) => {}
        other => return other.map(drop),
    }
    let path = format!("/repos/{}/issues/comments/{}", post.to.repo, comment.id);
    post.client
        .change(Method::PATCH, &path, Some(&json!({"body": instead})), COMMENT)
        .await
        .map(drop)
}

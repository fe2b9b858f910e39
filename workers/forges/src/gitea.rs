//! Gitea and Forgejo: comments are listed review by review, and a review that breaks off stays behind as a draft.

use crate::alike::{Alike, note};
use crate::client::{Client, Needs};
use crate::error::ForgeError;
use crate::publish::{Me, Post, Read, text};
use reqwest::Method;
use scrum_domain::forge::{Existing, Inline, Posted, Side};
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

/// Gitea and Forgejo, where they differ from GitHub.
pub(crate) struct Gitea;

impl Alike for Gitea {
    const REVIEW: Needs = REVIEW;
    const STATUS: Needs = REVIEW;
    const COMMENT: Needs = COMMENT;

    fn inline(comment: &Inline) -> Value {
        // Lines of the files. When both are set the old one counts.
        let (old, new) =
            if comment.side == Side::Old { (comment.line, 0) } else { (0, comment.line) };
        json!({"path": comment.path, "body": comment.body, "old_position": old, "new_position": new})
    }

    /// A server that can't resolve (Gitea before 1.26, Forgejo) gets the text changed.
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
}

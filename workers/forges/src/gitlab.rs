//! GitLab: a discussion for each comment, whose position names three commits and both paths.

use crate::client::{Client, Needs};
use crate::error::ForgeError;
use crate::publish::{Me, Post, Read, text};
use reqwest::Method;
use scrum_domain::forge::{
    Action, DiffLines, Existing, FileLines, Inline, Note, Posted, Side, State,
};
use serde_json::{Value, json};

const API: Needs = Needs("the scope api");
const STATUS: Needs = Needs("the scope api, and the role Developer in the project of the commit");

/// The commits that a position names.
#[derive(Debug, Clone)]
pub(crate) struct Refs {
    base: String,
    start: String,
    head: String,
}

pub(crate) async fn me(client: &Client) -> Result<Me, ForgeError> {
    let user = client.get("/user", API).await?;
    Ok(Me { id: user["id"].as_u64(), login: text(&user["username"]) })
}

fn project(post: &Post<'_>) -> String {
    format!("/projects/{}", post.to.repo.replace('/', "%2F"))
}

fn request(post: &Post<'_>) -> String {
    format!("{}/merge_requests/{}", project(post), post.to.number)
}

pub(crate) async fn read(post: &Post<'_>, me: &Me) -> Result<Read, ForgeError> {
    let (client, at) = (post.client, request(post));
    let merge = client.get(&at, API).await?;
    let open = merge["state"] == "opened";
    let status_project = merge["source_project_id"].as_u64();
    let mut existing = Existing { head: text(&merge["sha"]), open, ..Existing::default() };
    if !open || existing.head != post.publication.head {
        return Ok(Read { existing, refs: None, status_project });
    }
    // `diff_refs` of the request is empty for some seconds after a push; the versions are not.
    let versions = client.list(&format!("{at}/versions"), API).await?;
    let version = versions.first().filter(|v| v["head_commit_sha"] == existing.head.as_str());
    let Some(version) = version else {
        return Err(ForgeError::Transient("GitLab is still computing the change".to_owned()));
    };
    let refs = Refs {
        base: text(&version["base_commit_sha"]),
        start: text(&version["start_commit_sha"]),
        head: existing.head.clone(),
    };
    existing.lines = Some(lines(&client.list(&format!("{at}/diffs"), API).await?));
    let own = |note: &Value| me.is(&note["author"], "username") && note["system"] != true;
    let notes = client.list(&format!("{at}/notes?sort=asc&order_by=created_at"), API).await?;
    let on_lines = |note: &Value| note["type"] == "DiffNote";
    existing.notes = notes
        .iter()
        .filter(|note| own(note) && !on_lines(note))
        .filter_map(|note| Some(Note { id: note["id"].as_u64()?, body: text(&note["body"]) }))
        .collect();
    let discussions = client.list(&format!("{at}/discussions"), API).await?;
    existing.comments = discussions
        .iter()
        .filter_map(|discussion| {
            let note = &discussion["notes"][0];
            if !own(note) || !on_lines(note) {
                return None;
            }
            Some(Posted {
                id: note["id"].as_u64()?,
                thread: Some(text(&discussion["id"])),
                path: text(&note["position"]["new_path"]),
                body: text(&note["body"]),
                resolved: note["resolved"] == true,
            })
        })
        .collect();
    Ok(Read { existing, refs: Some(refs), status_project })
}

fn lines(diffs: &[Value]) -> DiffLines {
    let file = |diff: &Value| {
        let (old, new) = (text(&diff["old_path"]), text(&diff["new_path"]));
        // A collapsed file comes without its hunks, and takes no comments.
        (new, FileLines::read(&old, diff["diff"].as_str().unwrap_or_default()))
    };
    DiffLines { files: diffs.iter().map(file).collect() }
}

/// Publishes one comment as a discussion.
pub(crate) async fn comment(
    post: &Post<'_>,
    comments: &[Inline],
    read: &Read,
) -> Result<(), ForgeError> {
    let Some(refs) = &read.refs else {
        return Err(ForgeError::Transient("GitLab is still computing the change".to_owned()));
    };
    for comment in comments {
        let mut position = json!({
            "position_type": "text", "base_sha": refs.base, "start_sha": refs.start, "head_sha": refs.head,
            "old_path": comment.old_path, "new_path": comment.path,
        });
        // A line that stayed is named by both its numbers.
        let (own, other) = match comment.side {
            Side::New => ("new_line", "old_line"),
            Side::Old => ("old_line", "new_line"),
        };
        position[own] = json!(comment.line);
        if let Some(line) = comment.other_line {
            position[other] = json!(line);
        }
        let path = format!("{}/discussions", request(post));
        let body = json!({"body": comment.body, "position": position});
        post.client.change(Method::POST, &path, Some(&body), API).await?;
    }
    Ok(())
}

pub(crate) async fn act(post: &Post<'_>, action: &Action, read: &Read) -> Result<(), ForgeError> {
    let at = request(post);
    let (method, path, body) = match action {
        // GitLab has no reviews that could be left over.
        Action::DropPending(_) => return Ok(()),
        Action::Review(comments) => return comment(post, comments, read).await,
        Action::Status { state, text } => return status(post, *state, text, read).await,
        Action::Resolve { comment, .. } => {
            let thread = comment.thread.as_deref().unwrap_or_default();
            (Method::PUT, format!("{at}/discussions/{thread}"), json!({"resolved": true}))
        }
        Action::CreateSummary(text) => (Method::POST, format!("{at}/notes"), json!({"body": text})),
        Action::EditSummary(note) => {
            (Method::PUT, format!("{at}/notes/{}", note.id), json!({"body": note.body}))
        }
    };
    post.client.change(method, &path, Some(&body), API).await.map(drop)
}

async fn status(post: &Post<'_>, state: State, text: &str, read: &Read) -> Result<(), ForgeError> {
    let word = if state == State::Passed { "success" } else { "failed" };
    let publication = post.publication;
    let mut body = json!({"state": word, "name": publication.context, "description": text});
    if let Some(url) = publication.target_url.as_ref().filter(|url| url.chars().count() <= 255) {
        body["target_url"] = json!(url);
    }
    // The commit of a fork belongs to the fork.
    let project = read.status_project.map_or_else(|| project(post), |id| format!("/projects/{id}"));
    let path = format!("{project}/statuses/{}", publication.head);
    match post.client.change(Method::POST, &path, Some(&body), STATUS).await {
        // It has this state already.
        Err(ForgeError::Refused(message)) if message.contains("Cannot transition status") => Ok(()),
        other => other.map(drop),
    }
}

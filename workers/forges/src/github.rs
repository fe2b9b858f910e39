//! GitHub: one review for all comments; threads are resolved through GraphQL alone.

use crate::alike::{Alike, note};
use crate::client::{Client, Needs};
use crate::error::ForgeError;
use crate::publish::{Me, Post, Read, text};
use reqwest::Method;
use scrum_domain::forge::{DiffLines, Existing, FileLines, Inline, Posted, Side};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const READ: Needs = Needs("pull requests: read");
const WRITE: Needs = Needs("pull requests: write");
const STATUS: Needs = Needs("commit statuses: write");

/// Pages of threads that are read at most.
const MOST_THREADS: usize = 50;

const VIEWER: &str = "query { viewer { login databaseId } }";
const THREADS: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $number) { \
    reviewThreads(first: 100, after: $after) { pageInfo { hasNextPage endCursor } \
    nodes { id isResolved comments(first: 1) { nodes { databaseId } } } } } } }";
const RESOLVE: &str = "mutation($threadId: ID!) { resolveReviewThread(input: {threadId: $threadId}) { thread { id } } }";

pub(crate) async fn me(client: &Client) -> Result<Me, ForgeError> {
    // `/user` is closed to the tokens of workflows.
    let body = json!({"query": VIEWER, "variables": {}});
    let viewer = client.graphql(&body, Needs("to be known, or forge.login set")).await?;
    let viewer = &viewer["viewer"];
    Ok(Me { id: viewer["databaseId"].as_u64(), login: text(&viewer["login"]) })
}

pub(crate) async fn read(post: &Post<'_>, me: &Me) -> Result<Read, ForgeError> {
    let (client, repo, number) = (post.client, format!("/repos/{}", post.to.repo), post.to.number);
    let pull = client.get(&format!("{repo}/pulls/{number}"), READ).await?;
    let (head, open) = (text(&pull["head"]["sha"]), pull["state"] == "open");
    let mut existing = Existing { head, open, ..Existing::default() };
    if !open || existing.head != post.publication.head {
        return Ok(Read { existing, refs: None, status_project: None });
    }
    let files = client.list(&format!("{repo}/pulls/{number}/files"), READ).await?;
    existing.lines = Some(lines(&files));
    let notes = client.list(&format!("{repo}/issues/{number}/comments"), READ).await?;
    existing.notes = notes.iter().filter(|n| me.is(&n["user"], "login")).filter_map(note).collect();
    let reviews = client.list(&format!("{repo}/pulls/{number}/reviews"), READ).await?;
    let pending = reviews.iter().filter(|r| r["state"] == "PENDING" && me.is(&r["user"], "login"));
    existing.pending = pending.filter_map(|r| r["id"].as_u64()).collect();
    let comments = client.list(&format!("{repo}/pulls/{number}/comments"), READ).await?;
    let comments: Vec<_> = comments
        .iter()
        .filter(|c| me.is(&c["user"], "login") && c["in_reply_to_id"].is_null())
        .collect();
    let threads = if comments.is_empty() { BTreeMap::new() } else { threads(post).await? };
    existing.comments = comments
        .into_iter()
        .filter_map(|comment| {
            let id = comment["id"].as_u64()?;
            let (thread, resolved) = threads.get(&id).cloned().unzip();
            let (path, body) = (text(&comment["path"]), text(&comment["body"]));
            Some(Posted { id, thread, path, body, resolved: resolved.unwrap_or(false) })
        })
        .collect();
    Ok(Read { existing, refs: None, status_project: None })
}

fn lines(files: &[Value]) -> DiffLines {
    let file = |file: &Value| {
        let path = text(&file["filename"]);
        let old = file["previous_filename"].as_str().unwrap_or(&path).to_owned();
        // A large file comes without its patch, and takes no comments.
        (path, FileLines::read(&old, file["patch"].as_str().unwrap_or_default()))
    };
    DiffLines { files: files.iter().map(file).collect() }
}

/// Threads by their first comment: their name, and whether somebody has resolved them.
async fn threads(post: &Post<'_>) -> Result<BTreeMap<u64, (String, bool)>, ForgeError> {
    let (owner, name) = post.to.repo.split_once('/').unwrap_or_default();
    let (mut all, mut after) = (BTreeMap::new(), Value::Null);
    for _ in 0..MOST_THREADS {
        let variables =
            json!({"owner": owner, "name": name, "number": post.to.number, "after": after});
        let data =
            post.client.graphql(&json!({"query": THREADS, "variables": variables}), READ).await?;
        let page = &data["repository"]["pullRequest"]["reviewThreads"];
        for thread in page["nodes"].as_array().into_iter().flatten() {
            if let Some(id) = thread["comments"]["nodes"][0]["databaseId"].as_u64() {
                all.insert(id, (text(&thread["id"]), thread["isResolved"] == true));
            }
        }
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    Ok(all)
}

/// GitHub, where it differs from Gitea.
pub(crate) struct Github;

impl Alike for Github {
    const REVIEW: Needs = WRITE;
    const STATUS: Needs = STATUS;
    const COMMENT: Needs = WRITE;

    fn inline(comment: &Inline) -> Value {
        let side = if comment.side == Side::Old { "LEFT" } else { "RIGHT" };
        json!({"path": comment.path, "line": comment.line, "side": side, "body": comment.body})
    }

    /// A thread; one that can't be resolved says so in its first comment.
    async fn resolve(post: &Post<'_>, comment: &Posted, instead: &str) -> Result<(), ForgeError> {
        if let Some(thread) = &comment.thread {
            let body = json!({"query": RESOLVE, "variables": {"threadId": thread}});
            match post.client.graphql(&body, WRITE).await {
                Err(
                    ForgeError::Forbidden { .. } | ForgeError::Refused(_) | ForgeError::Gone(_),
                ) => {}
                other => return other.map(drop),
            }
        }
        let path = format!("/repos/{}/pulls/comments/{}", post.to.repo, comment.id);
        post.client
            .change(Method::PATCH, &path, Some(&json!({"body": instead})), WRITE)
            .await
            .map(drop)
    }
}

//! What the forges do and answer.

use super::routes::Call;
use super::world::{Comment, ME, Note, Review, World};
use queue_schema::forge::ForgeKind;
use serde_json::{Value, json};

type Said = (u16, Value);

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Said {
    let tail = call.pattern.rsplit("}/").next().unwrap_or(call.pattern);
    match world.kind {
        ForgeKind::Github => github(world, call, tail),
        ForgeKind::Gitlab => gitlab(world, call, tail),
        ForgeKind::Gitea => gitea(world, call, tail),
    }
}

fn text(body: &Value) -> &str {
    body["body"].as_str().unwrap_or_default()
}

fn user((id, login): (u64, &str)) -> Value {
    json!({"id": id, "login": login, "type": "Bot", "username": login})
}

fn set_status(world: &mut World, call: &Call<'_>) -> (String, String, String, String) {
    let b = call.body;
    let name = b["context"].as_str().or(b["name"].as_str()).unwrap_or("default");
    let said = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let status =
        (call.names["sha"].clone(), name.to_owned(), said(&b["state"]), said(&b["description"]));
    world.statuses.push(status.clone());
    status
}

fn edit(world: &mut World, id: u64, body: &str) -> bool {
    let note = world.notes.iter_mut().find(|n| n.id == id).map(|n| &mut n.body);
    let comment = world.comments.iter_mut().find(|c| c.id == id).map(|c| &mut c.body);
    let found = note.or(comment);
    let known = found.is_some();
    if let Some(old) = found {
        body.clone_into(old);
    }
    known
}

const NOT_FOUND: (u16, Value) = (404, Value::Null);

fn github(world: &mut World, call: &Call<'_>, tail: &str) -> Said {
    let note = |n: &Note| {
        json!({"id": n.id, "node_id": "x", "html_url": "https://forge.example/c", "created_at": "2026-01-01T00:00:00Z",
               "updated_at": "2026-01-01T00:00:00Z", "body": n.body, "user": user(n.author)})
    };
    match (call.method, tail) {
        ("POST", "/graphql") => graphql(world, call.body),
        ("GET", "pulls/{n}") => {
            let at = |sha: &str| json!({"ref": "main", "sha": sha, "repo": null});
            (
                200,
                json!({"id": 1, "node_id": "x", "number": 5, "state": if world.open {"open"} else {"closed"}, "title": "t",
                "body": null, "merged": false, "mergeable": null, "merge_commit_sha": null, "changed_files": 2,
                "additions": 1, "deletions": 1, "author_association": "NONE", "html_url": "https://forge.example/p",
                "maintainer_can_modify": false, "user": null, "base": at(&world.base), "head": at(&world.head)}),
            )
        }
        ("GET", "permission") => permission(call),
        ("GET", "files") => {
            let file = |f: &super::File| {
                json!({"sha": null, "filename": f.path, "previous_filename": f.old_path,
                "status": f.status, "additions": 1, "deletions": 1, "changes": 2, "patch": f.patch})
            };
            (200, world.files.iter().map(file).collect())
        }
        ("GET", "comments") if call.pattern.contains("/issues/") => {
            (200, world.notes.iter().map(note).collect())
        }
        ("POST", "comments") if call.pattern.contains("/issues/") => {
            let id = world.add_note(ME, text(call.body));
            (201, note(world.notes.iter().find(|n| n.id == id).unwrap()))
        }
        ("PATCH", _) if call.pattern.contains("/issues/comments/") => {
            let id = call.id("id");
            if !edit(world, id, text(call.body)) {
                return NOT_FOUND;
            }
            (200, note(world.notes.iter().find(|n| n.id == id).unwrap()))
        }
        ("PATCH", _) => {
            let id = call.id("id");
            if !edit(world, id, text(call.body)) {
                return NOT_FOUND;
            }
            (200, github_comment(world.comments.iter().find(|c| c.id == id).unwrap()))
        }
        ("GET", "comments") => (200, world.seen().into_iter().map(github_comment).collect()),
        ("GET", "reviews") => (200, world.reviews.iter().map(github_review).collect()),
        ("DELETE", _) => {
            let id = call.id("id");
            let review = world
                .reviews
                .iter()
                .find(|r| r.id == id && r.state == "PENDING")
                .map(github_review);
            world.reviews.retain(|r| r.id != id);
            world.comments.retain(|c| c.review != id);
            review.map_or(NOT_FOUND, |review| (200, review))
        }
        ("POST", "reviews") => github_post(world, call.body),
        ("POST", "statuses/{sha}") => {
            set_status(world, call);
            (201, json!({}))
        }
        _ => unreachable(world, call),
    }
}

/// What somebody may do: `ada`, who is 3, may write.
fn permission(call: &Call<'_>) -> Said {
    let word = if call.names["user"] == "ada" { "write" } else { "read" };
    (200, json!({"permission": word, "role_name": word, "user": user((3, &call.names["user"]))}))
}

fn unreachable(world: &mut World, call: &Call<'_>) -> Said {
    world.wrong.push(format!("the stub has no answer to {} {}", call.method, call.pattern));
    NOT_FOUND
}

fn github_comment(c: &Comment) -> Value {
    json!({"id": c.id, "node_id": "x", "pull_request_review_id": c.review, "path": c.path, "commit_id": c.commit,
           "line": c.old.max(c.new), "side": if c.old > 0 {"LEFT"} else {"RIGHT"}, "original_commit_id": c.commit,
           "body": c.body, "html_url": "https://forge.example/c", "user": user(c.author)})
}

fn github_review(r: &Review) -> Value {
    let state = if r.state == "PENDING" { "PENDING" } else { "COMMENTED" };
    json!({"id": r.id, "node_id": "x", "body": "", "state": state, "commit_id": null, "html_url": "https://forge.example/r",
           "user": user(r.author)})
}

fn github_post(world: &mut World, body: &Value) -> Said {
    let refused = |error: &str| {
        let body = json!({"message": "Unprocessable Entity", "errors": [error], "status": "422",
                          "documentation_url": "https://docs.example"});
        (422, body)
    };
    if world.reviews.iter().any(|r| r.author == ME && r.state == "PENDING") {
        return refused("User can only have one pending review per pull request");
    }
    if body["commit_id"] != world.head.as_str() {
        return refused("Start commit oid is not part of the pull request");
    }
    let comments: Vec<_> = body["comments"].as_array().into_iter().flatten().collect();
    for comment in &comments {
        let path = comment["path"].as_str().unwrap();
        let line = comment["line"].as_u64().and_then(|l| u32::try_from(l).ok());
        let stayed = world.files.iter().find(|f| f.path == path);
        let stayed = stayed.and_then(|f| f.stayed.get(&line?)).copied();
        let good = match comment["side"].as_str() {
            Some("LEFT") => world.takes(path, line, None),
            _ => world.takes(path, stayed, line),
        };
        if !good {
            return refused("Line could not be resolved");
        }
    }
    let review = world.id();
    world.reviews.push(Review { id: review, author: ME, state: "COMMENTED" });
    for comment in comments {
        let line = u32::try_from(comment["line"].as_u64().unwrap()).unwrap();
        let (old, new) = if comment["side"] == "LEFT" { (line, 0) } else { (0, line) };
        world.comment(review, comment["path"].as_str().unwrap(), old, new, text(comment));
    }
    (200, github_review(world.reviews.last().unwrap()))
}

fn graphql(world: &mut World, body: &Value) -> Said {
    let (query, variables) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    let data = if query.contains("viewer") {
        // Named without its ending here.
        json!({"viewer": {"login": "scrum-bot", "databaseId": ME.0}})
    } else if query.contains("reviewThreads") {
        let after = variables["after"].as_str().and_then(|a| a.parse().ok()).unwrap_or(0);
        let seen = world.seen();
        let nodes: Vec<_> = seen.iter().skip(after).take(world.page_size)
            .map(|c| json!({"id": format!("T{}", c.id), "isResolved": c.resolved, "comments": {"nodes": [{"databaseId": c.id}]}}))
            .collect();
        let end = after + nodes.len();
        let page = json!({"hasNextPage": end < seen.len(), "endCursor": end.to_string()});
        json!({"repository": {"pullRequest": {"reviewThreads": {"pageInfo": page, "nodes": nodes}}}})
    } else {
        if !world.can_resolve {
            let error =
                json!({"type": "FORBIDDEN", "message": "Resource not accessible by integration"});
            return (200, json!({"data": null, "errors": [error]}));
        }
        let thread = variables["threadId"].as_str().unwrap_or_default();
        for comment in world.comments.iter_mut().filter(|c| format!("T{}", c.id) == thread) {
            comment.resolved = true;
        }
        json!({"resolveReviewThread": {"thread": {"id": thread}}})
    };
    (200, json!({"data": data}))
}

fn gitlab(world: &mut World, call: &Call<'_>, tail: &str) -> Said {
    let me = |(id, name): (u64, &str)| json!({"id": id, "username": name});
    let note = |n: &Note| json!({"id": n.id, "body": n.body, "author": me(n.author), "system": false, "type": null});
    let commits = json!({"base_sha": world.base, "head_sha": world.head, "start_sha": world.base});
    let discussion = |c: &Comment| {
        let position = json!({"new_path": c.path, "old_path": c.path});
        let note = json!({"id": c.id, "type": "DiffNote", "body": c.body, "author": me(c.author), "system": false,
                          "resolvable": true, "resolved": c.resolved, "position": position});
        json!({"id": format!("d{}", c.id), "individual_note": false, "notes": [note]})
    };
    match (call.method, tail) {
        ("GET", "members/all/{user}") => {
            // `ada` is a developer, and others are not known.
            let known = call.id("user") == 3;
            let member = json!({"id": 3, "username": "ada", "state": "active", "access_level": 30});
            if known { (200, member) } else { (404, json!({"message": "404 Not found"})) }
        }
        ("GET", "/user") => (200, me(ME)),
        ("GET", "merge_requests/{iid}") => (
            200,
            json!({"id": 1, "iid": 5, "project_id": 3, "source_project_id": 4, "state": if world.open {"opened"} else {"merged"},
                "title": "t", "author": me(super::world::OTHER), "source_branch": "a", "target_branch": "main", "sha": world.head,
                "diff_refs": null}),
        ),
        ("GET", "versions") => (
            200,
            json!([{"id": 1, "head_commit_sha": world.head, "base_commit_sha": world.base, "start_commit_sha": world.base}]),
        ),
        ("GET", "diffs") => {
            let file = |f: &super::File| {
                json!({"old_path": f.old_path, "new_path": f.path, "diff": f.patch,
                "new_file": false, "renamed_file": f.status == "renamed", "deleted_file": false})
            };
            (200, world.files.iter().map(file).collect())
        }
        ("GET", "notes") => {
            let mut notes: Vec<Value> = world.notes.iter().map(note).collect();
            notes.extend(world.comments.iter().map(|c| discussion(c)["notes"][0].clone()));
            if call.query.get("sort").map(String::as_str) != Some("asc") {
                notes.reverse();
            }
            (200, json!(notes))
        }
        ("POST", "notes") => {
            world.run_commands(text(call.body));
            let id = world.add_note(ME, text(call.body));
            (201, note(world.notes.iter().find(|n| n.id == id).unwrap()))
        }
        ("PUT", "notes/{note_id}") => {
            let id = call.id("note_id");
            world.run_commands(text(call.body));
            if !edit(world, id, text(call.body)) {
                return NOT_FOUND;
            }
            (200, note(world.notes.iter().find(|n| n.id == id).unwrap()))
        }
        ("GET", "discussions") => (200, world.comments.iter().map(discussion).collect()),
        ("POST", "discussions") => {
            let at = &call.body["position"];
            let line = |name: &str| at[name].as_u64().and_then(|l| u32::try_from(l).ok());
            let (old, new) = (line("old_line"), line("new_line"));
            let path = at["new_path"].as_str().unwrap_or_default();
            let paths = world.files.iter().any(|f| f.path == path && at["old_path"] == f.old_path);
            let shas = ["base_sha", "head_sha", "start_sha"].iter().all(|n| at[*n] == commits[*n]);
            if !paths || !shas || !world.takes(path, old, new) {
                let message = "400 Bad request - Note {:line_code=>[\"can't be blank\", \"must be a valid line code\"]}";
                return (400, json!({"message": message}));
            }
            world.run_commands(text(call.body));
            world.comment(
                0,
                path,
                if new.is_some() { 0 } else { old.unwrap_or(0) },
                new.unwrap_or(0),
                text(call.body),
            );
            (201, discussion(world.comments.last().unwrap()))
        }
        ("PUT", "discussions/{did}") => {
            let id = call.names["did"].trim_start_matches('d').parse::<u64>().unwrap_or_default();
            let Some(comment) = world.comments.iter_mut().find(|c| c.id == id) else {
                return NOT_FOUND;
            };
            comment.resolved = call.body["resolved"] == true;
            (200, discussion(comment))
        }
        ("POST", "statuses/{sha}") => {
            // That of the project which the commit lies in.
            if call.names["id"] != "4" {
                return (404, json!({"message": "404 Commit Not Found"}));
            }
            let last = world.statuses.iter().rev().find(|s| s.0 == call.names["sha"]);
            if last.is_some_and(|s| call.body["state"] == s.2.as_str()) {
                return (
                    400,
                    json!({"message": format!("Cannot transition status via :{0} from :{0}", last.unwrap().2)}),
                );
            }
            set_status(world, call);
            (201, json!({}))
        }
        _ => unreachable(world, call),
    }
}

fn gitea(world: &mut World, call: &Call<'_>, tail: &str) -> Said {
    let note = |n: &Note| json!({"id": n.id, "body": n.body, "user": user(n.author)});
    let review =
        |r: &Review| json!({"id": r.id, "state": r.state, "user": user(r.author), "body": ""});
    match (call.method, tail) {
        ("GET", "permission") => permission(call),
        ("GET", "/user") => (200, user(ME)),
        ("GET", "pulls/{n}") => {
            let at = |sha: &str| json!({"ref": "main", "sha": sha});
            (
                200,
                json!({"number": 5, "state": if world.open {"open"} else {"closed"}, "title": "t", "base": at(&world.base),
                "head": at(&world.head), "merge_base": world.base, "user": user(super::world::OTHER)}),
            )
        }
        ("GET", "comments") if call.pattern.contains("/issues/") => {
            (200, world.notes.iter().map(note).collect())
        }
        ("POST", "comments") => {
            let id = world.add_note(ME, text(call.body));
            (201, note(world.notes.iter().find(|n| n.id == id).unwrap()))
        }
        ("PATCH", _) => {
            let id = call.id("id");
            if !edit(world, id, text(call.body)) {
                return NOT_FOUND;
            }
            (200, json!({"id": id, "body": text(call.body), "user": user(ME)}))
        }
        ("GET", "reviews") => (200, world.reviews.iter().map(review).collect()),
        ("POST", "reviews") => {
            let id = world.gitea_review(call.body, usize::MAX, "COMMENT");
            (200, review(world.reviews.iter().find(|r| r.id == id).unwrap()))
        }
        ("DELETE", _) => {
            let id = call.id("id");
            world.reviews.retain(|r| r.id != id);
            world.comments.retain(|c| c.review != id);
            (204, Value::Null)
        }
        ("GET", "comments") => {
            let own = world.comments.iter().filter(|c| c.review == call.id("id"));
            (200, own.map(|c| json!({"id": c.id, "path": c.path, "body": c.body, "position": c.new, "original_position": c.old,
                "resolver": if c.resolved { user(ME) } else { Value::Null }, "user": user(c.author)})).collect())
        }
        ("POST", "resolve") => {
            if !world.can_resolve {
                return (405, json!({"message": "Method Not Allowed"}));
            }
            let Some(comment) = world.comments.iter_mut().find(|c| c.id == call.id("id")) else {
                return NOT_FOUND;
            };
            comment.resolved = true;
            (204, Value::Null)
        }
        ("POST", "statuses/{sha}") => {
            let status = set_status(world, call);
            (201, json!({"status": status.2}))
        }
        _ => unreachable(world, call),
    }
}

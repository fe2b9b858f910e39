//! What a forge tells by a webhook: which request is to be reviewed, or why nothing is to be done. Whether the forge
//! itself has sent it is known before this; nothing that it says of commits is believed, they are asked of the forge.

use queue_schema::forge::ForgeKind;
use serde_json::Value;

/// The comment that asks for a review.
pub const COMMAND: &str = "/scrum review";

/// Somebody on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Number.
    pub id: u64,
    /// Name.
    pub login: String,
}

/// What a delivery comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A request is to be reviewed.
    Review {
        /// `OWNER/NAME`.
        repo: String,
        /// Number of the request.
        number: u64,
        /// Whether its author says that it is not finished.
        draft: bool,
        /// Who has asked for it by a comment; nobody when it was opened or pushed to.
        by: Option<Account>,
    },
    /// Nothing, and why.
    Nothing(&'static str),
}

/// Reads a delivery.
///
/// # Errors
/// What is missing in one that should say more.
pub fn read(forge: ForgeKind, event: &str, body: &Value) -> Result<Told, String> {
    match (forge, event) {
        (_, "ping") => Ok(Told::Nothing("a ping")),
        (ForgeKind::Github, "pull_request") => {
            pull_request(body, "synchronize", text(body, "/action")? == "ready_for_review")
        }
        // Gitea names a push in some headers only.
        (ForgeKind::Gitea, "pull_request" | "pull_request_sync") => {
            pull_request(body, "synchronized", retitled(body))
        }
        (ForgeKind::Github | ForgeKind::Gitea, "issue_comment") => comment(body),
        (ForgeKind::Gitlab, "Merge Request Hook") => merge_request(body),
        (ForgeKind::Gitlab, "Note Hook") => note(body),
        _ => Ok(Told::Nothing("an event that is about no change")),
    }
}

/// On Gitea a draft is one by its title, and no action says that it is one no more. Each head is reviewed once, so a
/// title that changes in another way does no harm.
fn retitled(body: &Value) -> bool {
    body["action"] == "edited"
        && body.pointer("/changes/title/from").is_some_and(Value::is_string)
        && body.pointer("/pull_request/draft") == Some(&Value::Bool(false))
}

fn pull_request(body: &Value, pushed: &str, ready: bool) -> Result<Told, String> {
    let action = text(body, "/action")?;
    if !["opened", "reopened", pushed].contains(&action) && !ready {
        return Ok(Told::Nothing("neither opened nor pushed to"));
    }
    Ok(Told::Review {
        repo: text(body, "/repository/full_name")?.to_owned(),
        number: number(body, "/number")?,
        draft: body.pointer("/pull_request/draft") == Some(&Value::Bool(true)) && !ready,
        by: None,
    })
}

fn comment(body: &Value) -> Result<Told, String> {
    if text(body, "/action")? != "created" || !asks(text(body, "/comment/body")?) {
        return Ok(Told::Nothing("no new comment that asks for a review"));
    }
    let of_pull = body.pointer("/issue/pull_request").is_some_and(|pull| !pull.is_null());
    if !of_pull && body["is_pull"] != true {
        return Ok(Told::Nothing("a comment at an issue"));
    }
    // Whoever has edited a comment is not who wrote it: one that is new has one person behind it.
    if body.pointer("/sender/type") == Some(&Value::from("Bot")) {
        return Ok(Told::Nothing("a comment of a bot"));
    }
    Ok(Told::Review {
        repo: text(body, "/repository/full_name")?.to_owned(),
        number: number(body, "/issue/number")?,
        draft: false,
        by: Some(Account {
            id: number(body, "/sender/id")?,
            login: text(body, "/sender/login")?.to_owned(),
        }),
    })
}

fn merge_request(body: &Value) -> Result<Told, String> {
    let has = |place: &str| body.pointer(place).is_some_and(|value| !value.is_null());
    let ready = body.pointer("/changes/draft/current") == Some(&Value::Bool(false));
    let wanted = match text(body, "/object_attributes/action")? {
        "open" | "reopen" => true,
        // Any other edit is an update too.
        "update" => has("/object_attributes/oldrev") || ready,
        _ => false,
    };
    if !wanted {
        return Ok(Told::Nothing("neither opened nor pushed to"));
    }
    Ok(Told::Review {
        repo: text(body, "/project/path_with_namespace")?.to_owned(),
        number: number(body, "/object_attributes/iid")?,
        draft: body.pointer("/object_attributes/draft") == Some(&Value::Bool(true)),
        by: None,
    })
}

fn note(body: &Value) -> Result<Told, String> {
    if text(body, "/object_attributes/noteable_type")? != "MergeRequest" {
        return Ok(Told::Nothing("a comment at no merge request"));
    }
    let action = body.pointer("/object_attributes/action").and_then(Value::as_str);
    if action.is_some_and(|action| action != "create")
        || body.pointer("/object_attributes/system") == Some(&Value::Bool(true))
        || !asks(text(body, "/object_attributes/note")?)
    {
        return Ok(Told::Nothing("no new comment that asks for a review"));
    }
    Ok(Told::Review {
        repo: text(body, "/project/path_with_namespace")?.to_owned(),
        number: number(body, "/merge_request/iid")?,
        draft: false,
        by: Some(Account {
            id: number(body, "/user/id")?,
            login: text(body, "/user/username")?.to_owned(),
        }),
    })
}

/// Whether a comment asks for a review: in its first line, and with nothing else in it.
fn asks(comment: &str) -> bool {
    comment.trim().lines().next().is_some_and(|line| line.trim() == COMMAND)
}

fn text<'a>(body: &'a Value, place: &str) -> Result<&'a str, String> {
    let found = body.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| lacks(place))
}

fn number(body: &Value, place: &str) -> Result<u64, String> {
    body.pointer(place).and_then(Value::as_u64).ok_or_else(|| lacks(place))
}

fn lacks(place: &str) -> String {
    format!("the delivery lacks {}", place.trim_start_matches('/').replace('/', "."))
}

#[cfg(test)]
mod tests {
    use super::ForgeKind::{Gitea, Github, Gitlab};
    use super::*;
    use serde_json::json;

    fn review(number: u64, draft: bool, by: Option<(u64, &str)>) -> Told {
        let by = by.map(|(id, login)| Account { id, login: login.to_owned() });
        Told::Review { repo: "o/r".to_owned(), number, draft, by }
    }

    #[test]
    fn openings_and_pushes_ask_for_a_review_and_other_events_do_not() {
        let pull = |action: &str, draft: bool| json!({"action": action, "number": 5, "pull_request": {"draft": draft}, "repository": {"full_name": "o/r"}});
        let edited = |what: &str, draft: bool| {
            let mut body = pull("edited", draft);
            body["changes"] = json!({what: {"from": "WIP: a change"}});
            body
        };
        let merge = |action: &str, oldrev: Value, changes: Value, draft: bool| {
            json!({"project": {"path_with_namespace": "o/r"}, "changes": changes,
                "object_attributes": {"iid": 5, "action": action, "oldrev": oldrev, "draft": draft}})
        };
        let not = Told::Nothing("neither opened nor pushed to");
        for (forge, event, body, told) in [
            (Github, "pull_request", pull("opened", false), review(5, false, None)),
            (Github, "pull_request", pull("opened", true), review(5, true, None)),
            (Github, "pull_request", pull("ready_for_review", false), review(5, false, None)),
            (Github, "pull_request", pull("synchronize", false), review(5, false, None)),
            (Github, "pull_request", pull("synchronized", false), not.clone()),
            (Github, "pull_request", pull("closed", false), not.clone()),
            (Gitea, "pull_request", pull("synchronized", false), review(5, false, None)),
            (Gitea, "pull_request_sync", pull("synchronized", false), review(5, false, None)),
            (Gitea, "pull_request", pull("label_updated", false), not.clone()),
            (Gitea, "pull_request", edited("title", false), review(5, false, None)),
            (Gitea, "pull_request", edited("title", true), not.clone()),
            (Gitea, "pull_request", edited("body", false), not.clone()),
            (Github, "pull_request", edited("title", false), not.clone()),
            (
                Gitlab,
                "Merge Request Hook",
                merge("open", json!(null), json!({}), false),
                review(5, false, None),
            ),
            (
                Gitlab,
                "Merge Request Hook",
                merge("update", json!("1f"), json!({}), true),
                review(5, true, None),
            ),
            (
                Gitlab,
                "Merge Request Hook",
                merge("update", json!(null), json!({}), false),
                not.clone(),
            ),
            (
                Gitlab,
                "Merge Request Hook",
                merge(
                    "update",
                    json!(null),
                    json!({"draft": {"previous": true, "current": false}}),
                    false,
                ),
                review(5, false, None),
            ),
            (Gitlab, "Merge Request Hook", merge("merge", json!(null), json!({}), false), not),
            (Github, "ping", json!({}), Told::Nothing("a ping")),
            (Gitlab, "Push Hook", json!({}), Told::Nothing("an event that is about no change")),
        ] {
            assert_eq!(read(forge, event, &body).unwrap(), told, "{event} {body}");
        }
        let error = read(Github, "pull_request", &json!({"action": "opened"})).unwrap_err();
        assert_eq!(error, "the delivery lacks repository.full_name");
    }

    #[test]
    fn a_comment_asks_by_its_first_line_alone() {
        let github = |action: &str, said: &str, of: Value, kind: &str| {
            json!({"action": action, "issue": {"number": 5, "pull_request": of}, "comment": {"body": said},
                "repository": {"full_name": "o/r"}, "sender": {"id": 3, "login": "ada", "type": kind}})
        };
        let note = |said: &str, at: &str, action: Value| {
            json!({"project": {"path_with_namespace": "o/r"}, "merge_request": {"iid": 5},
                "user": {"id": 3, "username": "ada"},
                "object_attributes": {"note": said, "noteable_type": at, "action": action}})
        };
        let asked = review(5, false, Some((3, "ada")));
        for (forge, event, body, asks) in [
            (
                Github,
                "issue_comment",
                github("created", " /scrum review \r\nplease", json!({}), "User"),
                true,
            ),
            (Gitea, "issue_comment", github("created", "/scrum review", json!({}), "User"), true),
            (
                Github,
                "issue_comment",
                github("created", "/scrum review now", json!({}), "User"),
                false,
            ),
            (
                Github,
                "issue_comment",
                github("created", "> /scrum review", json!({}), "User"),
                false,
            ),
            (Github, "issue_comment", github("edited", "/scrum review", json!({}), "User"), false),
            (
                Github,
                "issue_comment",
                github("created", "/scrum review", json!(null), "User"),
                false,
            ),
            (Github, "issue_comment", github("created", "/scrum review", json!({}), "Bot"), false),
            // A review on Gitea has this event, and no command in it counts.
            (
                Gitea,
                "pull_request_comment",
                github("created", "/scrum review", json!({}), "User"),
                false,
            ),
            (Gitlab, "Note Hook", note("/scrum review", "MergeRequest", json!(null)), true),
            (Gitlab, "Note Hook", note("/scrum review", "MergeRequest", json!("create")), true),
            (Gitlab, "Note Hook", note("/scrum review", "MergeRequest", json!("update")), false),
            (Gitlab, "Note Hook", note("/scrum review", "Issue", json!("create")), false),
        ] {
            let told = read(forge, event, &body).unwrap();
            assert_eq!(told == asked, asks, "{told:?} {body}");
        }
    }
}

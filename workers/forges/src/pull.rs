//! What a pull or merge request is, and whether somebody may have its repository changed.

use crate::client::{Client, Needs};
use crate::error::ForgeError;
use crate::publish::text;
use queue_schema::forge::{ForgeKind, PostTo};
use scrum_domain::hook::Account;

const READ: Needs = Needs("to read pull requests");
const MEMBERS: Needs = Needs("to read who may write to the repository");
/// GitLab's role Developer.
const DEVELOPER: u64 = 30;
/// Characters of a name at most.
const MOST_NAME: usize = 255;

/// A pull or merge request, as the forge has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// False for one that is merged or closed.
    pub open: bool,
    /// Whether its author says that it is not finished.
    pub draft: bool,
    /// The commit that it proposes.
    pub head: String,
    /// The branch that it is to go into.
    pub base: String,
}

/// Asks what a request is.
///
/// # Errors
/// See [`ForgeError`].
pub async fn pull(client: &Client, to: &PostTo) -> Result<Pull, ForgeError> {
    if let Some(fault) = to.fault() {
        return Err(ForgeError::Setup(fault));
    }
    let (repo, number) = (&to.repo, to.number);
    let pull = match client.kind() {
        ForgeKind::Gitlab => {
            let path = format!("/projects/{}/merge_requests/{number}", repo.replace('/', "%2F"));
            let request = client.get(&path, READ).await?;
            Pull {
                open: request["state"] == "opened",
                draft: request["draft"] == true,
                head: text(&request["sha"]),
                base: text(&request["target_branch"]),
            }
        }
        ForgeKind::Github | ForgeKind::Gitea => {
            let request = client.get(&format!("/repos/{repo}/pulls/{number}"), READ).await?;
            Pull {
                open: request["state"] == "open",
                draft: request["draft"] == true,
                head: text(&request["head"]["sha"]),
                base: text(&request["base"]["ref"]),
            }
        }
    };
    // A name of git's that is none could be taken for something else.
    let is_commit =
        [40, 64].contains(&pull.head.len()) && pull.head.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_commit || pull.base.is_empty() {
        return Err(ForgeError::Transient(
            "it does not say yet which commits it is about".to_owned(),
        ));
    }
    Ok(pull)
}

/// Whether somebody may write to the repository of a request: what the forge says of the account, for what a delivery
/// says of its author is too little.
///
/// # Errors
/// See [`ForgeError`].
pub async fn may_write(client: &Client, to: &PostTo, who: &Account) -> Result<bool, ForgeError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let named = !who.login.is_empty()
        && who.login.len() <= MOST_NAME
        && !who.login.starts_with('.')
        && who.login.chars().all(plain);
    let asked = match client.kind() {
        ForgeKind::Gitlab => {
            let project = to.repo.replace('/', "%2F");
            let path = format!("/projects/{project}/members/all/{}", who.id);
            client.get(&path, MEMBERS).await
        }
        ForgeKind::Github | ForgeKind::Gitea if named => {
            let path = format!("/repos/{}/collaborators/{}/permission", to.repo, who.login);
            client.get(&path, MEMBERS).await
        }
        ForgeKind::Github | ForgeKind::Gitea => return Ok(false),
    };
    match asked {
        Ok(answer) if client.kind() == ForgeKind::Gitlab => {
            Ok(answer["access_level"].as_u64().is_some_and(|level| level >= DEVELOPER))
        }
        Ok(answer) => {
            let allowed = ["write", "admin", "owner"];
            Ok(answer["permission"].as_str().is_some_and(|word| allowed.contains(&word)))
        }
        // Somebody whom the repository does not know.
        Err(ForgeError::Gone(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

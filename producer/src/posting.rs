//! Where a review of a change is published: by the flags of the command, or by what a CI says of itself.

use crate::cli::DiffArgs;
use anyhow::{Context, bail};
use queue_schema::forge::{ForgeKind, PostTo};
use queue_schema::sweep::PostSpec;
use scrum_config::Settings;

/// Where to, and what the command's own workers are told besides.
#[derive(Debug)]
pub struct Posting {
    /// The request, and what is said there.
    pub what: PostSpec,
    /// Settings of the workers that this command starts.
    pub own: Vec<(&'static str, String)>,
}

/// What the flags and the variables of a CI come to; `None` without `--post`.
///
/// # Errors
/// When the request is not known, or, with workers of the command's own, no address or token is.
pub fn of(
    args: &DiffArgs,
    settings: &Settings,
    private: bool,
    var: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<Posting>> {
    let Some(post) = &args.post else { return Ok(None) };
    let ci = Ci::of(&var);
    let kind = ForgeKind::named(post).or(ci.kind).context(
        "--post auto: no CI of GitHub, GitLab, Gitea or Forgejo is known here; name the forge, as in --post github",
    )?;
    let ci = if ci.kind == Some(kind) { ci } else { Ci::default() };
    let repo = args.post_repo.clone().or(ci.repo);
    let repo = repo.context("no repository is known to publish at; write --repo OWNER/NAME")?;
    let number = args.number.or(ci.number).context(
        "no pull or merge request is known; write --number N, or run this for a pull request",
    )?;
    let to = PostTo { forge: kind, repo, number };
    if let Some(fault) = to.fault() {
        bail!("--repo: {fault}");
    }
    let (url, variable) = settings.forge.of(kind);
    let variable = args.token_env.as_deref().unwrap_or(variable);
    let url = ci.api.filter(|_| url.is_empty() || is_public(url)).unwrap_or_else(|| url.to_owned());
    if private {
        if url.is_empty() {
            bail!(
                "no address of the forge is known; set forge.{}_url to the root of its API",
                kind.name()
            );
        }
        if var(variable).is_none_or(|token| token.trim().is_empty()) {
            bail!("no token to publish with: set the environment variable {variable}");
        }
    } else if args.token_env.is_some() {
        bail!(
            "--token-env is for workers that this command starts; the fleet's own settings name theirs"
        );
    }
    let (url_name, token_name) = match kind {
        ForgeKind::Github => ("SCRUM__FORGE__GITHUB_URL", "SCRUM__FORGE__GITHUB_TOKEN_ENV"),
        ForgeKind::Gitlab => ("SCRUM__FORGE__GITLAB_URL", "SCRUM__FORGE__GITLAB_TOKEN_ENV"),
        ForgeKind::Gitea => ("SCRUM__FORGE__GITEA_URL", "SCRUM__FORGE__GITEA_TOKEN_ENV"),
    };
    let own = vec![(url_name, url), (token_name, variable.to_owned())];
    let fail_on = args.fail_on.unwrap_or(settings.diff.fail_on).as_str().to_owned();
    Ok(Some(Posting { what: PostSpec { to, fail_on, target_url: ci.page }, own }))
}

/// Whether an address is one that the defaults name: a CI knows better where it runs.
fn is_public(url: &str) -> bool {
    ["https://api.github.com", "https://gitlab.com/api/v4"].contains(&url.trim_end_matches('/'))
}

/// What a CI says of itself.
#[derive(Debug, Default)]
struct Ci {
    kind: Option<ForgeKind>,
    repo: Option<String>,
    number: Option<u64>,
    api: Option<String>,
    page: Option<String>,
}

impl Ci {
    fn of(var: &impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).filter(|value| !value.is_empty());
        let is = |name: &str| set(name).is_some_and(|value| value == "true");
        if is("GITLAB_CI") {
            return Self {
                kind: Some(ForgeKind::Gitlab),
                repo: set("CI_MERGE_REQUEST_PROJECT_PATH").or_else(|| set("CI_PROJECT_PATH")),
                number: set("CI_MERGE_REQUEST_IID").and_then(|n| n.parse().ok()),
                api: set("CI_API_V4_URL"),
                page: set("CI_JOB_URL"),
            };
        }
        // Gitea and Forgejo set GitHub's variables too.
        let gitea = is("GITEA_ACTIONS") || is("FORGEJO_ACTIONS");
        if !gitea && !is("GITHUB_ACTIONS") {
            return Self::default();
        }
        let number = set("GITHUB_REF")
            .and_then(|r| r.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok());
        let page = set("GITHUB_SERVER_URL").zip(set("GITHUB_REPOSITORY")).zip(set("GITHUB_RUN_ID"));
        Self {
            kind: Some(if gitea { ForgeKind::Gitea } else { ForgeKind::Github }),
            repo: set("GITHUB_REPOSITORY"),
            number,
            api: set("GITHUB_API_URL"),
            page: page.map(|((server, repo), run)| format!("{server}/{repo}/actions/runs/{run}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ForgeKind::{Gitea, Github, Gitlab};
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;
    use scrum_config::LoadOptions;

    fn told(words: &str, vars: &[(&str, &str)]) -> Result<Posting, String> {
        let settings = Settings::load(LoadOptions::default()).unwrap();
        let var = |name: &str| {
            vars.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        let words = format!("scrum diff . main...HEAD {words}");
        let Command::Diff(args) = Cli::parse_from(words.split_whitespace()).command else {
            panic!("{words}")
        };
        let told = of(&args, &settings, true, var);
        told.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ci_says_where_to_publish() {
        let actions = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_REF", "refs/pull/5/merge"),
            ("GITHUB_API_URL", "https://git.example/api"),
            ("GITHUB_TOKEN", "t"),
            ("GITEA_TOKEN", "t"),
        ];
        let gitea: Vec<_> = actions.into_iter().chain([("GITEA_ACTIONS", "true")]).collect();
        let gitlab = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_PATH", "g/sub/r"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_API_V4_URL", "https://lab.example/api/v4"),
            ("BOT", "t"),
        ];
        let by_hand = [("GITHUB_TOKEN", "t")];
        let cases = [
            ("--post auto", &actions[..], Github, "o/r", 5, "https://git.example/api"),
            ("--post auto", &gitea, Gitea, "o/r", 5, "https://git.example/api"),
            (
                "--post auto --token-env BOT",
                &gitlab,
                Gitlab,
                "g/sub/r",
                7,
                "https://lab.example/api/v4",
            ),
            (
                "--post github --repo a/b --number 3",
                &by_hand,
                Github,
                "a/b",
                3,
                "https://api.github.com",
            ),
        ];
        for (words, vars, forge, repo, number, url) in cases {
            let told = told(words, vars).unwrap();
            assert_eq!(told.what.to, PostTo { forge, repo: repo.to_owned(), number });
            assert_eq!(told.own[0].1, url);
        }
    }

    #[test]
    fn what_is_not_known_is_asked_for() {
        let cases = [
            ("--post auto", "name the forge"),
            ("--post github", "--repo OWNER/NAME"),
            ("--post github --repo a/b", "--number N"),
            ("--post github --repo a --number 1", "write OWNER/NAME"),
            ("--post github --repo a/b --number 1", "GITHUB_TOKEN"),
            ("--post gitea --repo a/b --number 1", "forge.gitea_url"),
        ];
        for (words, wanted) in cases {
            let error = told(words, &[]).unwrap_err();
            assert!(error.contains(wanted), "{words}: {error}");
        }
    }
}

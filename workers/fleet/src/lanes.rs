//! Which lanes a worker serves: those whose jobs it can do. Providers that it does not know or has no key for are
//! left to other workers; otherwise it would fail those jobs at once, and take the next ones too.

use queue_schema::forge::ForgeKind;
use queue_schema::jobs::{Hook, Job, JobKind as _, Pool, Post};
use queue_schema::keys::pool_of;
use scrum_config::Settings;
use scrum_providers::Providers;

/// What a worker serves, and what it leaves to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Lanes, `KIND:*` for all of a kind; empty for all there are.
    pub lanes: Vec<String>,
    /// Lanes that are left, or the providers whose lanes are, with the reason.
    pub left: Vec<String>,
}

/// All lanes that jobs of these providers may wait in, and those of jobs that call none.
pub fn known(settings: &Settings) -> Vec<String> {
    let mut all = Vec::new();
    for (kind, pool) in Job::POOLS {
        match pool {
            Pool::None => all.push((*kind).to_owned()),
            Pool::Own => all.push(format!("{kind}:*")),
            Pool::Provider => all.extend(settings.providers.keys().map(|p| format!("{kind}:{p}"))),
        }
    }
    all
}

/// The forges of which this worker has a token, be it of one repository.
pub fn forges(settings: &Settings) -> impl Iterator<Item = ForgeKind> {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|token| !token.trim().is_empty());
    let has_token = move |kind: &ForgeKind| {
        let own = settings.hooks.repositories.values().filter(|of| of.forge == *kind);
        let mut own = own.filter(|of| !of.token_env.is_empty());
        is_set(settings.forge.of(*kind).1) || own.any(|of| is_set(&of.token_env))
    };
    ForgeKind::ALL.into_iter().filter(has_token)
}

/// The lanes that a worker serves, of those in `asked`, or of all if that is empty.
///
/// # Errors
/// An unknown lane, or no lane that it can serve; with what to do.
pub fn served(
    settings: &Settings,
    providers: &Providers,
    asked: &[String],
) -> anyhow::Result<Served> {
    if settings.worker.skip_unserved {
        return Ok(Served { lanes: asked.to_vec(), left: Vec::new() });
    }
    let mut served = Served::default();
    if asked.is_empty() {
        for (kind, pool) in Job::POOLS {
            match pool {
                Pool::None => served.lanes.push((*kind).to_owned()),
                Pool::Own if *kind == Hook::KIND => {
                    served.lanes.extend(forges(settings).map(Hook::lane_of));
                }
                Pool::Own if *kind == Post::KIND => {
                    served.lanes.extend(forges(settings).map(Post::lane_of));
                }
                Pool::Own => served.lanes.push(format!("{kind}:*")),
                Pool::Provider => {
                    let usable = providers.names().filter(|p| providers.unusable(p).is_none());
                    served.lanes.extend(usable.map(|p| format!("{kind}:{p}")));
                }
            }
        }
        let left =
            providers.names().filter_map(|p| Some(format!("{p}: {}", providers.unusable(p)?)));
        served.left = left.collect();
        return Ok(served);
    }
    for lane in asked {
        let kind = lane.split(':').next().unwrap_or_default();
        let Some((_, pool)) = Job::POOLS.iter().find(|(name, _)| *name == kind) else {
            anyhow::bail!(
                "there is no lane '{lane}'; a lane is one of {}, and a ':' with its pool behind most of them, \
                 as in rung:ollama",
                Job::KINDS.join(", ")
            );
        };
        let why = match pool {
            Pool::Provider => providers.unusable(pool_of(lane)),
            Pool::None | Pool::Own => None,
        };
        match why {
            Some(why) => served.left.push(format!("{lane}: {why}")),
            None => served.lanes.push(lane.clone()),
        }
    }
    anyhow::ensure!(
        !served.lanes.is_empty(),
        "this worker can serve none of its lanes: {}; set the key where it runs, or add the provider to its \
         settings",
        served.left.join("; ")
    );
    Ok(served)
}

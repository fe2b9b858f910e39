//! `scrum doctor`: what is so, and what to do about it.

use super::observe::in_words;
use crate::cli::Global;
use crate::ladder::worker_program;
use crate::output::{chain, plain, say, say_json};
use crate::session::{self, Session};
use queue_schema::client::{Queue, ServerInfo};
use queue_schema::url;
use scrum_config::{Ladders, Settings};
use scrum_domain::apply::detect::PROGRAMS;
use scrum_domain::redact;
use scrum_knowledge::fleet;
use scrum_knowledge::observe::latest_troubles;
use scrum_repo::Sandbox;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// Sweeps whose memory is measured, and whose troubles are told.
const LATEST: usize = 5;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Note,
    Problem,
}

#[derive(Debug, Serialize)]
struct Check {
    what: String,
    level: Level,
    message: String,
}

/// What `scrum-worker probe` prints.
#[derive(Debug, Deserialize)]
struct ProviderHealth {
    name: String,
    ok: bool,
    message: String,
    models: Vec<String>,
}

/// Checks everything; exit code 1 when something must be mended.
///
/// # Errors
/// Wrong settings.
pub async fn execute(global: &Global) -> anyhow::Result<u8> {
    let settings = session::load(global)?;
    let mut checks = Vec::new();
    let mut add = |what: &str, level: Level, message: String| {
        checks.push(Check { what: what.to_owned(), level, message });
    };
    match Session::open(global).await {
        Ok(session) => {
            let kind = if session.private.is_some() { "private server" } else { "fleet" };
            match session.queue.servers().await {
                Ok(all) => {
                    // Of a cluster, each node is judged by itself and named by its port.
                    for info in &all {
                        let node = |what: &str| format!("{what} {}", info.port);
                        let mut add_one = |what: &str, level: Level, message: String| {
                            let what = if all.len() > 1 { node(what) } else { what.to_owned() };
                            add(&what, level, message);
                        };
                        server(info, kind, settings.queue.max_memory_percent, &mut add_one);
                    }
                    if session.private.is_none() {
                        access(&session, &mut add).await;
                        signing(&session.queue, &settings.queue.signing_key_env, &mut add);
                    }
                    for lane in fleet::unserved_lanes(&session.queue, session.asker()).await? {
                        add("lanes", Level::Problem, lane.to_string());
                    }
                    troubles(&session, &mut add).await?;
                    let measured = fleet::bytes_per_review(&session.queue, LATEST).await?;
                    if let Some((bytes, reviews)) = measured {
                        add(
                            "reviews",
                            Level::Ok,
                            format!(
                                "{bytes} bytes of Redis for each finished review, over the latest {reviews}"
                            ),
                        );
                    }
                }
                Err(error) => add("redis", Level::Problem, error.to_string()),
            }
        }
        Err(error) => add("redis", Level::Problem, chain(&error)),
    }
    match Command::new("git").arg("--version").stderr(Stdio::null()).output() {
        Ok(out) if out.status.success() => {
            add("git", Level::Ok, String::from_utf8_lossy(&out.stdout).trim().to_owned());
        }
        _ => add("git", Level::Note, "the git program is not installed; only repositories given by URL need it (apt-get install git)".into()),
    }
    match redact::usable() {
        (all, 0) => add("masking", Level::Ok, format!("secrets are found by {all} rules")),
        (_, bad) => add(
            "masking",
            Level::Problem,
            format!("{bad} rules for secrets can't be used by this build: please report it"),
        ),
    }
    let health = providers(global, &mut add);
    applier(&settings, &health, &mut add);
    let usable: Vec<_> = health.iter().filter(|p| p.ok).map(|p| p.name.as_str()).collect();
    match Ladders::load(&settings) {
        Ok(ladders) => {
            for name in ladders.names() {
                let Ok(ladder) = ladders.get(name) else { continue };
                let works =
                    ladder.rungs.iter().filter(|r| usable.contains(&r.provider.as_str())).count();
                let level = if works == 0 { Level::Note } else { Level::Ok };
                let message =
                    format!("{works} of {} rungs have a provider that answers", ladder.rungs.len());
                add(&format!("ladder {name}"), level, message);
            }
        }
        Err(error) => add("ladders", Level::Problem, error.to_string()),
    }
    print(global, &checks)
}

/// Failures that piled up lately.
async fn troubles(
    session: &Session,
    add: &mut impl FnMut(&str, Level, String),
) -> anyhow::Result<()> {
    let (queue, hours) = (&session.queue, u64::from(session.settings.observe.doctor_hours));
    let since = queue.now_ms().await?.saturating_sub(hours * 3_600_000);
    for row in latest_troubles(queue, LATEST, since, session.trouble_bounds()).await? {
        let (said, what) = (in_words(&row), &row.what_to_do);
        add("trouble", Level::Note, format!("sweep {}: {said}; {what}", row.sweep_id));
    }
    Ok(())
}

/// What `scrum apply` needs: a patch model, something that contains foreign code, and what checks run.
fn applier(
    settings: &Settings,
    health: &[ProviderHealth],
    add: &mut impl FnMut(&str, Level, String),
) {
    let apply = &settings.apply;
    let name = apply.rung().name();
    let provider = health.iter().find(|p| p.name == apply.provider);
    match (settings.providers.contains_key(&apply.provider), provider) {
        (true, Some(provider)) if provider.ok => add("patch model", Level::Ok, name),
        (true, provider) => {
            let why = provider.map_or("its provider was not checked", |p| p.message.as_str());
            add("patch model", Level::Note, format!("{name}: {why}; scrum apply needs it"));
        }
        (false, _) => {
            let message = format!(
                "there is no provider '{}' for {name}; set apply.provider and apply.model",
                apply.provider
            );
            add("patch model", Level::Problem, message);
        }
    }
    match Sandbox::probe() {
        Ok(sandbox) => {
            let what = "bubblewrap: checks have no network, and see only toolchains and apply.readable of your files".to_owned();
            add("sandbox", Level::Ok, what);
            let found = sandbox.finds(&PROGRAMS);
            let (level, mut message) = match found.as_slice() {
                [] => (Level::Note, "a check finds none of the usual programs".to_owned()),
                found => (Level::Ok, format!("a check finds {}", found.join(", "))),
            };
            let missing: Vec<_> = PROGRAMS.into_iter().filter(|p| !found.contains(p)).collect();
            if !missing.is_empty() {
                message = format!(
                    "{message}, but not {}: a project that is checked by one needs it in /usr or PATH, or apply.readable",
                    missing.join(", ")
                );
            }
            add("check programs", level, message);
        }
        // Reviews go on without.
        Err(error) => add("sandbox", Level::Note, format!("scrum apply is refused here: {error}")),
    }
    if apply.goes_without_sandbox(true) {
        let message = "apply.sandbox is none: checks of a run with --unsafe-no-sandbox may do everything that the worker's user may; set it to auto unless you want that".to_owned();
        add("sandbox", Level::Note, message);
    }
    if rustix::process::geteuid().is_root() {
        let message = "this is root: checks run as root in the sandbox too, where a vulnerability does more harm; run workers as a separate user, who owns the repositories".to_owned();
        add("user", Level::Note, message);
    }
}

/// Whether the fleet's Redis lets in who gives no password.
async fn access(session: &Session, add: &mut impl FnMut(&str, Level, String)) {
    let mut options = session.queue.options().clone();
    // The query of a socket's URL holds its password.
    options.url = url::bare(&options.url);
    let open = match Queue::connect(options).await {
        Ok(queue) => queue.servers().await.is_ok(),
        Err(_) => false,
    };
    if open {
        let message = "this Redis lets in whoever reaches it, without a password: they decide what workers do; give \
                       it one (requirepass, or 'user default off' beside a user of its own; docs/fleet.md, Redis)";
        add("access", Level::Note, message.to_owned());
    } else {
        add("access", Level::Ok, "clients need a password".to_owned());
    }
}

/// Whether workers can tell the fleet's jobs from a stranger's.
fn signing(queue: &Queue, variable: &str, add: &mut impl FnMut(&str, Level, String)) {
    match queue.options().signer.fingerprint() {
        Some(key) => add(
            "signing",
            Level::Ok,
            format!(
                "jobs are signed with the key {key}.. of {variable}; workers log the same digits at their start"
            ),
        ),
        None => add(
            "signing",
            Level::Note,
            format!(
                "jobs are not signed: anyone who can write to this Redis decides what workers run and commit; set {variable} for all programs of the fleet (openssl rand -hex 32)"
            ),
        ),
    }
}

fn server(info: &ServerInfo, kind: &str, percent: u8, add: &mut impl FnMut(&str, Level, String)) {
    let major: u32 = info.version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or(0);
    let oldest = if info.flavour == "valkey" { 8 } else { 7 };
    let (level, advice) = if major >= oldest {
        (Level::Ok, String::new())
    } else {
        (Level::Problem, format!("; version {oldest} or newer is needed"))
    };
    add("redis", level, format!("{kind}: {} {}{advice}", info.flavour, info.version));
    let (level, message) = match (info.aof, info.appendfsync.as_str()) {
        (true, "always") => (Level::Ok, "every acknowledged write survives kill -9 and power loss (appendfsync always)".to_owned()),
        (true, "everysec") => (Level::Note, "appendfsync everysec: a crash of the server may lose the last second of acknowledged writes; CONFIG SET appendfsync always if that matters".to_owned()),
        (true, "") => (Level::Note, "the append-only file is on; this user may not read appendfsync: run CONFIG GET appendfsync as an administrator, it should be always".to_owned()),
        (true, other) => (Level::Problem, format!("appendfsync {other}: a crash may lose many seconds of work; CONFIG SET appendfsync always")),
        (false, _) => (Level::Problem, "the append-only file is off: a restart of the server loses the queue; CONFIG SET appendonly yes".to_owned()),
    };
    add("durability", level, message);
    let used = info.used_memory / 1_000_000;
    let over = u128::from(info.used_memory) * 100
        > u128::from(info.maxmemory) * u128::from(percent)
        && info.maxmemory > 0;
    let (level, message) = if over {
        (
            Level::Problem,
            format!(
                "{used} MB used of {} MB (maxmemory), over {percent} % (queue.max_memory_percent): new sweeps are refused; forget old ones (scrum forget SWEEP) or raise maxmemory",
                info.maxmemory / 1_000_000
            ),
        )
    } else if info.maxmemory == 0 || info.maxmemory_policy == "noeviction" {
        (Level::Ok, format!("{used} MB used, nothing is evicted"))
    } else {
        (
            Level::Problem,
            format!(
                "maxmemory-policy {} deletes jobs when memory is short; CONFIG SET maxmemory-policy noeviction",
                info.maxmemory_policy
            ),
        )
    };
    add("memory", level, message);
}

/// Asked through the worker, from where the calls will be made. Returns what was told.
fn providers(global: &Global, add: &mut impl FnMut(&str, Level, String)) -> Vec<ProviderHealth> {
    let probe = || -> anyhow::Result<Vec<ProviderHealth>> {
        let mut command = Command::new(worker_program()?);
        if let Some(config) = &global.config {
            command.arg("--config").arg(config);
        }
        let out = command.arg("probe").stdin(Stdio::null()).output()?;
        anyhow::ensure!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr).trim().to_owned()
        );
        Ok(serde_json::from_slice(&out.stdout)?)
    };
    match probe() {
        Ok(found) => {
            for p in &found {
                let models = match p.models.len() {
                    0 => String::new(),
                    n => format!(" ({n} models)"),
                };
                // Nobody uses every provider; one that is away is worth a note, not an alarm.
                let level = if p.ok { Level::Ok } else { Level::Note };
                // The embedding endpoint stands among them, in brackets as in the settings.
                let what = match p.name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
                    Some(section) => section.to_owned(),
                    None => format!("provider {}", p.name),
                };
                add(&what, level, format!("{}{models}", p.message));
            }
            found
        }
        Err(error) => {
            add("providers", Level::Problem, chain(&error));
            Vec::new()
        }
    }
}

fn print(global: &Global, checks: &[Check]) -> anyhow::Result<u8> {
    let bad = checks.iter().any(|c| c.level == Level::Problem);
    if global.json {
        say_json(checks)?;
        return Ok(u8::from(bad));
    }
    let names: Vec<String> = checks.iter().map(|c| plain(&c.what)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (check, what) in checks.iter().zip(&names) {
        let mark = match check.level {
            Level::Ok => "ok     ",
            Level::Note => "note   ",
            Level::Problem => "PROBLEM",
        };
        say(&format!("{mark}  {what:width$}  {}", check.message))?;
    }
    Ok(u8::from(bad))
}

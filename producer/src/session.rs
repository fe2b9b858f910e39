//! What every command needs: settings, and a queue that answers.

use crate::cli::Global;
use crate::embedded::PrivateRedis;
use anyhow::Context;
use queue_schema::client::{Queue, QueueOptions};
use queue_schema::ids::SweepId;
use queue_schema::sign::Signer;
use scrum_config::{LoadOptions, Settings};
use scrum_disk as disk;
use scrum_domain::observe::Bounds;
use scrum_knowledge::fleet::Asker;
use scrum_knowledge::sweeps;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Settings and queue of one invocation.
pub struct Session {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The queue, for showing what is there whoever wrote it. What a command acts on, and signs, is read
    /// through [`Session::checking`].
    pub queue: Queue,
    /// Where the queue is.
    pub url: String,
    /// The settings file that was named, for the workers.
    pub config: Option<PathBuf>,
    /// State directory.
    pub state: PathBuf,
    /// The private server, when there is no other. Dropped last: it stops the server.
    pub private: Option<PrivateRedis>,
}

impl Session {
    /// Loads the settings and reaches the queue.
    ///
    /// # Errors
    /// Wrong settings, or no Redis: with what to do.
    pub async fn open(global: &Global) -> anyhow::Result<Self> {
        let settings = load(global)?;
        start_log(&settings);
        scrum_traces::start(&settings.traces, "scrum")?;
        let state = absolute(&settings.state_dir(|name| std::env::var(name).ok())?)?;
        disk::keep_private(&state).with_context(|| {
            format!(
                "the state directory {} can't be kept private; pass another --state-dir",
                state.display()
            )
        })?;
        let private =
            if settings.redis.is_private() { Some(PrivateRedis::attach(&state)?) } else { None };
        let url = private.as_ref().map_or_else(|| settings.redis.url.clone(), PrivateRedis::url);
        // A private server is out of the reach of others.
        let signer = match &private {
            None => settings.signer(|name| std::env::var(name).ok())?,
            Some(_) => Signer::default(),
        };
        let options = QueueOptions { signer, ..settings.queue_options(&url) };
        let queue = Queue::connect(options).await?.trusting();
        Ok(Self {
            settings: Arc::new(settings),
            queue,
            url,
            config: global.config.clone(),
            state,
            private,
        })
    }

    /// The queue, of which only what the fleet signed is taken where there is a key.
    pub fn checking(&self) -> Queue {
        self.queue.checking()
    }

    /// Turns `latest` or the beginning of an id into an id. All sweeps of a repository begin alike, so what follows
    /// the repository may be given alone.
    ///
    /// # Errors
    /// When no sweep or more than one is meant.
    pub async fn find_sweep(&self, name: &str) -> anyhow::Result<SweepId> {
        Ok(sweeps::find(&self.queue, name).await?)
    }

    /// The same of a sweep that reviews: one that audits another one means that one.
    ///
    /// # Errors
    /// When no sweep or more than one is meant.
    pub async fn find_reviewed(&self, name: &str) -> anyhow::Result<SweepId> {
        let found = self.find_sweep(name).await?;
        let spec = self.queue.sweep_spec(&found).await?;
        Ok(spec.and_then(|spec| spec.audits().cloned()).unwrap_or(found))
    }

    /// From when on failures are a trouble.
    pub fn trouble_bounds(&self) -> Bounds {
        let (window_ms, threshold) = self.settings.observe.bounds();
        Bounds { window_ms, threshold }
    }

    /// Who asks about the fleet.
    pub fn asker(&self) -> Asker<'_> {
        Asker { settings: &self.settings, is_private: self.private.is_some() }
    }
}

/// Settings from defaults, file, environment and flags.
///
/// # Errors
/// Unknown keys and values out of range, with the nearest known name.
pub fn load(global: &Global) -> anyhow::Result<Settings> {
    let mut overrides = Vec::new();
    if let Some(url) = &global.redis {
        overrides.push(("redis.url".to_owned(), url.clone()));
    }
    if let Some(dir) = &global.state_dir {
        overrides.push(("state.dir".to_owned(), absolute(dir)?.to_string_lossy().into_owned()));
    }
    Ok(Settings::load(LoadOptions::from_process(global.config.clone(), overrides))?)
}

/// A path that means the same from every directory.
///
/// # Errors
/// When the current directory is gone.
pub fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} has no absolute form", path.display()))
}

fn start_log(settings: &Settings) {
    // Progress is told by the commands themselves; the log only speaks of what goes wrong.
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| {
        if settings.log.filter == "info" { "warn".to_owned() } else { settings.log.filter.clone() }
    });
    scrum_shown::print::start_log(&filter, false);
}

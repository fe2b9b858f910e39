//! What handlers read through. Reads wait outages out; nothing here writes what a commit should.

mod git;

use crate::blobs::{BLOBS_BYTES, Blobs};
use crate::definitions::Indexes;
use crate::memo::Memo;
use crate::passages::Retrieval;
use crate::reading::Reads;
use crate::runtime::HandlerError;
use queue_schema::client::{ApplyRun, Backoff, Queue, QueueError};
use queue_schema::ids::{ReviewId, RunId, SweepId, sha256_hex};
use queue_schema::limits::DocumentLimits;
use queue_schema::records::ReviewState;
use queue_schema::rows::{Attempt, ReviewRow};
use queue_schema::sweep::{ClaimsSpec, DocRef, SweepSpec, Target};
use scrum_config::Settings;
use scrum_domain::apply::policy;
use scrum_domain::claims::Claim;
use scrum_domain::diff::Plan;
use scrum_domain::hints::{Hint, Hints};
use scrum_domain::retrieve::{self, Chunk, LexicalIndex};
use scrum_knowledge::{Audits, Error};
use scrum_providers::{Embedder, Providers};
use scrum_repo::{Entry, IgnoreFile, Repo};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A document, cut up and ranked once a process.
#[derive(Debug)]
pub struct Document {
    /// What its pieces hang on: the SHA-256 of the content, and how it was cut.
    pub name: String,
    /// The text.
    pub text: String,
    /// Its pieces.
    pub chunks: Vec<Chunk>,
    /// Their ranking.
    pub index: LexicalIndex,
}

/// Open repositories that are kept between two reads of blobs: reads are short, so that few are
/// ever used at a time. Opening one looks at some thirty files.
const IDLE_REPOS: usize = 4;

/// Targets that are kept: the jobs of one follow each other, mostly in the same worker. The record of one that may be
/// reviewed changes only when it is skipped, and then no job follows. What decides the others is part of the sweep's id,
/// so that one that was forgotten and comes again has the same.
const TARGETS: usize = 512;

/// How long a sweep is taken for the one that it was when its record was looked at: it may be forgotten, and requested
/// again under its id. Whoever plans it looks each time.
const SAME_LIFE: Duration = Duration::from_secs(1);

/// Shared by all handlers of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Queue,
    providers: Providers,
    settings: Arc<Settings>,
    mirrors: PathBuf,
    /// When a sweep was requested, and when its record said so.
    lives: Memo<(String, Instant)>,
    specs: Memo<SweepSpec>,
    numbers: Memo<u64>,
    targets: Memo<Target>,
    trees: Memo<Vec<Entry>>,
    ignores: Memo<IgnoreFile>,
    documents: Memo<Document>,
    hints: Memo<Hints>,
    claims: Memo<Vec<Claim>>,
    changes: Memo<Plan>,
    indexes: Indexes,
    retrieval: Retrieval,
    reads: Reads,
    blobs: Blobs,
    /// Idle ones, by path or URL and commit.
    repos: Mutex<Vec<(String, Repo)>>,
}

impl Context {
    /// A context over a queue and the configured providers.
    pub fn new(
        queue: Queue,
        providers: Providers,
        embedder: Option<Embedder>,
        settings: Arc<Settings>,
        mirrors: PathBuf,
    ) -> Self {
        let reads = Reads::new(Duration::from_secs(settings.worker.git_read_s));
        Self(Arc::new(Inner {
            reads,
            blobs: Blobs::new(BLOBS_BYTES),
            queue,
            providers,
            settings,
            mirrors,
            // Specs are small and immutable; trees may be 100,000 entries each.
            lives: Memo::new(256),
            specs: Memo::new(256),
            numbers: Memo::new(256),
            targets: Memo::new(TARGETS),
            trees: Memo::new(2),
            ignores: Memo::new(2),
            documents: Memo::new(16),
            hints: Memo::new(4),
            claims: Memo::new(4),
            changes: Memo::new(4),
            indexes: Indexes::default(),
            retrieval: Retrieval::new(embedder),
            repos: Mutex::default(),
        }))
    }

    /// The queue, for reads and for keeping answers.
    pub fn queue(&self) -> &Queue {
        &self.0.queue
    }

    /// The chat providers.
    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// What finds passages by vectors.
    pub(crate) fn retrieval(&self) -> &Retrieval {
        &self.0.retrieval
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Reads from the queue, through outages: while Redis is away a job waits with what it has,
    /// and no attempt is spent.
    ///
    /// # Errors
    /// Any failure that is not an outage.
    pub async fn read<T, F, Fut>(&self, what: &str, mut read: F) -> Result<T, HandlerError>
    where
        F: FnMut(Queue) -> Fut,
        Fut: Future<Output = Result<T, QueueError>>,
    {
        let q = &self.0.settings.queue;
        let mut backoff = Backoff::new(
            Duration::from_millis(q.backoff_base_ms),
            Duration::from_millis(q.backoff_max_ms),
            q.backoff_jitter,
        );
        loop {
            match read(self.0.queue.clone()).await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_outage() => {
                    tracing::warn!(%error, what, "Redis is away; waiting");
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                Err(error @ QueueError::Unsigned { .. }) => {
                    return Err(HandlerError::Unsigned(error.to_string()));
                }
                Err(error) => return Err(HandlerError::retry(what, error)),
            }
        }
    }

    /// The request behind a sweep. One that was forgotten may come again under its id, with other bounds, say: what is
    /// kept of a request is of the life that the sweep has now.
    ///
    /// # Errors
    /// Fatal when there is no such sweep.
    pub async fn spec(&self, sweep: &SweepId) -> Result<Arc<SweepSpec>, HandlerError> {
        let key = self.life(sweep, SAME_LIFE).await?;
        if let Some(spec) = self.0.specs.get(&key) {
            return Ok(spec);
        }
        let spec = self
            .read("the sweep", |q| async move { q.sweep_spec(sweep).await })
            .await?
            .ok_or_else(|| HandlerError::Fatal(format!("sweep {sweep} has no record")))?;
        Ok(self.0.specs.put(&key, spec))
    }

    /// The same when it is planned: a sweep that was forgotten and comes again is known from here on.
    ///
    /// # Errors
    /// Fatal when there is no such sweep.
    pub async fn spec_to_plan(&self, sweep: &SweepId) -> Result<Arc<SweepSpec>, HandlerError> {
        self.life(sweep, Duration::ZERO).await?;
        self.spec(sweep).await
    }

    /// What is kept of a sweep goes by this name: its id, and when it was requested.
    async fn life(&self, sweep: &SweepId, holds: Duration) -> Result<String, HandlerError> {
        if let Some(known) = self.0.lives.get(sweep).filter(|known| known.1.elapsed() < holds) {
            return Ok(known.0.clone());
        }
        let life = self.read("the sweep", |q| async move { q.sweep_life(sweep).await }).await?;
        let life = format!("{sweep}@{}", life.unwrap_or_default());
        self.0.lives.put(sweep, (life.clone(), Instant::now()));
        Ok(life)
    }

    /// The number of a sweep among those of its repository; `None` where nothing is remembered.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn sweep_number(&self, sweep: &SweepId) -> Result<Option<u64>, HandlerError> {
        let key = self.life(sweep, SAME_LIFE).await?;
        if let Some(number) = self.0.numbers.get(&key) {
            return Ok(Some(*number));
        }
        let read = |q: Queue| async move { q.sweep_number(sweep).await };
        let number = self.read("the number of the sweep", read).await?;
        Ok(number.map(|n| *self.0.numbers.put(&key, n)))
    }

    /// One target of a sweep that is to be reviewed.
    ///
    /// # Errors
    /// Fatal when there is no such target, or it was skipped: then no job of ours is about it.
    pub async fn target(&self, sweep: &SweepId, ordinal: u32) -> Result<Target, HandlerError> {
        let key = ReviewId::new(sweep, ordinal);
        if let Some(target) = self.0.targets.get(&key) {
            return Ok((*target).clone());
        }
        let found = self.read("the target", |q| async move { q.target(sweep, ordinal).await });
        let fatal = |why: String| HandlerError::Fatal(format!("sweep {sweep} {why}"));
        let target = found.await?.ok_or_else(|| fatal(format!("has no target {ordinal}")))?;
        match &target.skip {
            None => Ok((*self.0.targets.put(&key, target)).clone()),
            Some(why) => {
                Err(fatal(format!("does not review target {ordinal}: it is skipped ({why})")))
            }
        }
    }

    /// What a review has gathered so far.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn review_state(&self, review: &ReviewId) -> Result<ReviewState, HandlerError> {
        self.read("the review", |q| async move { q.review_state(review).await }).await
    }

    /// The attempts of a review so far.
    ///
    /// # Errors
    /// When they can't be read.
    pub async fn attempts(&self, review: &ReviewId) -> Result<Vec<Attempt>, HandlerError> {
        self.read("the attempts", |q| async move { q.attempts(review).await }).await
    }

    /// The row of an accepted review, with what audits say of its findings.
    ///
    /// # Errors
    /// Fatal when there is none.
    pub async fn review_row(
        &self,
        sweep: &SweepId,
        review: &ReviewId,
    ) -> Result<ReviewRow, HandlerError> {
        let row = self.read("the review's row", |q| async move { q.row(sweep, review).await });
        let row = row.await?;
        let mut row: ReviewRow =
            row.ok_or_else(|| HandlerError::Fatal(format!("review {review} has no row")))?;
        let spec = self.spec(sweep).await?;
        let read = |queue: Queue| {
            let (spec, mut row) = (spec.clone(), row.clone());
            async move {
                let audits = match Audits::of(&queue, sweep, &spec).await {
                    Ok(audits) => audits.overlay(&queue, [&mut row]).await,
                    Err(error) => Err(error),
                };
                match audits {
                    Ok(()) => Ok(Ok(row)),
                    Err(Error::Queue(error)) => Err(error),
                    Err(error) => Ok(Err(error.to_string())),
                }
            }
        };
        row = self.read("what audits say of a review", read).await?.map_err(HandlerError::Fatal)?;
        Ok(row)
    }

    /// A run of the applier, its rules made as strict as this worker's own.
    ///
    /// # Errors
    /// Fatal when there is no such run.
    pub async fn apply_run(&self, sweep: &SweepId, run: &RunId) -> Result<ApplyRun, HandlerError> {
        let mut found = self
            .read("the run of the applier", |q| async move { q.apply_run(sweep, run).await })
            .await?
            .ok_or_else(|| HandlerError::Fatal(format!("sweep {sweep} has no run {run}")))?;
        let own = self.0.settings.apply.rules();
        found.spec.rules = policy::stricter(found.spec.rules, &own);
        Ok(found)
    }

    /// Where the applier keeps worktrees and build caches.
    pub fn apply_dir(&self) -> PathBuf {
        self.state_dir("apply")
    }

    /// A directory of the state directory.
    pub(crate) fn state_dir(&self, name: &str) -> PathBuf {
        self.0.mirrors.with_file_name(name)
    }

    /// Changes in their parts.
    pub(crate) fn changes(&self) -> &Memo<Plan> {
        &self.0.changes
    }

    /// The definitions of commits.
    pub(crate) fn indexes(&self) -> &Indexes {
        &self.0.indexes
    }

    /// A document of a sweep.
    ///
    /// # Errors
    /// Fatal when its text is gone, or another one stands in its place.
    pub async fn document(
        &self,
        sweep: &SweepId,
        origin: &str,
        doc: &DocRef,
        limits: &DocumentLimits,
    ) -> Result<Arc<Document>, HandlerError> {
        let cut = (limits.chunk_chars, limits.overlap_chars, limits.least_chars);
        let key = format!("{origin}/{}/{cut:?}", doc.sha256);
        if let Some(found) = self.0.documents.get(&key) {
            return Ok(found);
        }
        let text = self.document_text(sweep, doc).await?;
        let chunks = retrieve::chunk(origin, &text, limits);
        let index = LexicalIndex::new(&chunks);
        Ok(self
            .0
            .documents
            .put(&key, Document { name: format!("{}/{cut:?}", doc.sha256), text, chunks, index }))
    }

    async fn document_text(&self, sweep: &SweepId, doc: &DocRef) -> Result<String, HandlerError> {
        let sha = &doc.sha256;
        let text = self
            .read("a document", |q| async move { q.document(sweep, sha).await })
            .await?
            .ok_or_else(|| {
                HandlerError::Fatal(format!("document {} is gone from the queue", doc.name))
            })?;
        if sha256_hex(text.as_bytes()) != *sha {
            let why = "is not the text that was given; forget the sweep and request it again";
            return Err(HandlerError::Fatal(format!("document {} {why}", doc.name)));
        }
        Ok(text)
    }

    /// The claims that a sweep is about; none for one that is about something else.
    ///
    /// # Errors
    /// Fatal when the text that holds them is gone, or another one stands in its place.
    pub async fn claims(
        &self,
        sweep: &SweepId,
        spec: &SweepSpec,
    ) -> Result<Arc<Vec<Claim>>, HandlerError> {
        let claims = spec.diff.as_ref().and_then(|change| change.claims.as_ref());
        let Some(ClaimsSpec { doc, .. }) = claims else { return Ok(Arc::default()) };
        if let Some(found) = self.0.claims.get(&doc.sha256) {
            return Ok(found);
        }
        let text = self.document_text(sweep, doc).await?;
        let all: Vec<Claim> = serde_json::from_str(&text)
            .map_err(|e| HandlerError::Fatal(format!("the claims can't be read: {e}")))?;
        Ok(self.0.claims.put(&doc.sha256, all))
    }

    /// What linters found in a file of a sweep, as much as a reviewer is shown.
    ///
    /// # Errors
    /// Fatal when the text that holds it is gone, or another one stands in its place.
    pub async fn hints(
        &self,
        sweep: &SweepId,
        spec: &SweepSpec,
        path: &str,
    ) -> Result<Vec<Hint>, HandlerError> {
        let Some(doc) = &spec.hints else { return Ok(Vec::new()) };
        if let Some(hints) = self.0.hints.get(&doc.sha256) {
            return Ok(hints.of(path, spec.limits.hints));
        }
        let text = self.document_text(sweep, doc).await?;
        let hints = Hints::of_text(&text).map_err(|e| {
            HandlerError::Fatal(format!("the hints {} can't be read: {e}", doc.name))
        })?;
        Ok(self.0.hints.put(&doc.sha256, hints).of(path, spec.limits.hints))
    }
}

//! Vectors of passages and queries: from memory, from Redis, or from the endpoint.

use crate::context::{Context, Document, Memo};
use crate::runtime::HandlerError;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use queue_schema::client::Queue;
use scrum_domain::retrieve::{self, Chunk, VectorIndex, from_bytes, to_bytes, vector_key};
use scrum_providers::{ChatError, Embedder, Pause as Wait};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reads of kept vectors in flight for one document.
const READS: usize = 32;

/// Why there are no vectors.
#[derive(Debug)]
pub enum Trouble {
    /// It may pass.
    Later {
        /// How long the endpoint is to be left alone.
        wait: Wait,
        /// For a person.
        message: String,
    },
    /// It stays until somebody changes something.
    Lasting(String),
    /// Not the endpoint's.
    Redis(HandlerError),
}

/// What finds passages by vectors, once a process.
#[derive(Debug)]
pub(crate) struct Retrieval {
    embedder: Option<Embedder>,
    indexes: Memo<VectorIndex>,
    queries: Memo<Vec<f32>>,
    /// One document at a time: jobs that want the same one find it done.
    indexing: tokio::sync::Mutex<()>,
    /// Until when the endpoint is not called, and why.
    pause: Mutex<Option<(Instant, Pause)>>,
}

#[derive(Debug, Clone)]
enum Pause {
    /// A call failed a moment ago: who waited for the same need not find out by itself.
    Failed(Wait, String),
    /// Tried often enough.
    GivenUp(String),
}

impl Retrieval {
    pub(crate) fn new(embedder: Option<Embedder>) -> Self {
        Self {
            embedder,
            // A vector takes about 4 KB; a large document some megabytes.
            indexes: Memo::new(16),
            queries: Memo::new(1024),
            indexing: tokio::sync::Mutex::new(()),
            pause: Mutex::new(None),
        }
    }

    /// The best `k` chunks of a document for a query, by the cosine of their vectors.
    pub(crate) async fn rank(
        &self,
        ctx: &Context,
        model: &str,
        doc: &Document,
        query: &str,
        k: usize,
        trace: Option<&str>,
    ) -> Result<Vec<(usize, f64)>, Trouble> {
        let embedder =
            self.embedder.as_ref().filter(|e| e.config().model == model).ok_or_else(|| {
                Trouble::Lasting(format!(
                    "the sweep was made for the embedding model {model}, and a worker has no \
                     endpoint for it; give all programs the same [embedding]"
                ))
            })?;
        if doc.chunks.is_empty() {
            return Ok(Vec::new());
        }
        let cfg = embedder.config();
        let name = format!("{model}/{}", doc.name);
        let index = {
            let _one = self.indexing.lock().await;
            if let Some(index) = self.indexes.get(&name) {
                index
            } else {
                // Masked from the whole document: a key may lie across the edge of a chunk.
                let chunks: Vec<Cow<'_, Chunk>> = doc
                    .chunks
                    .iter()
                    .map(|c| {
                        if cfg.local {
                            return Cow::Borrowed(c);
                        }
                        Cow::Owned(retrieve::masked(&doc.text, c).0)
                    })
                    .collect();
                let texts: Vec<&str> = chunks.iter().map(|c| embedder.cut(&c.text)).collect();
                let prefix = cfg.prefix_of_documents();
                let vectors = self.vectors(ctx, embedder, prefix, &texts, trace).await?;
                self.indexes.put(&name, VectorIndex::new(&vectors).map_err(lasting)?)
            }
        };
        let (prefix, query) = (cfg.prefix_of_queries(), embedder.cut(query));
        let key = vector_key(model, prefix, query);
        let vector = if let Some(vector) = self.queries.get(&key) {
            vector
        } else {
            let found = self.vectors(ctx, embedder, prefix, &[query], trace).await?;
            self.queries.put(&key, found.into_iter().next().unwrap_or_default())
        };
        index.top(&vector, k).map_err(lasting)
    }

    /// The vectors of some texts, in their order: kept ones, and the others in batches. Each batch
    /// is kept as soon as it is there, so that nothing is asked for twice after a crash.
    async fn vectors(
        &self,
        ctx: &Context,
        embedder: &Embedder,
        prefix: &str,
        texts: &[&str],
        trace: Option<&str>,
    ) -> Result<Vec<Vec<f32>>, Trouble> {
        let cfg = embedder.config();
        let keys: Vec<String> =
            texts.iter().map(|text| vector_key(&cfg.model, prefix, text)).collect();
        let kept = stream::iter(keys.clone()).map(|key| async move {
            let read = |queue: Queue| {
                let key = key.clone();
                async move { queue.vector(&key).await }
            };
            ctx.read("a kept vector", read).await.map(|v| v.and_then(|bytes| from_bytes(&bytes)))
        });
        let mut vectors: Vec<Option<Vec<f32>>> =
            kept.buffered(READS).try_collect().await.map_err(Trouble::Redis)?;
        let missing: Vec<usize> = (0..texts.len()).filter(|i| vectors[*i].is_none()).collect();
        let asked = missing.chunks(cfg.batch.max(1) as usize).map(<[usize]>::to_vec);
        let calls = stream::iter(asked).map(|batch| {
            let keys = &keys;
            async move {
                let texts: Vec<&str> = batch.iter().map(|i| texts[*i]).collect();
                let vectors = self.call(ctx, embedder, prefix, &texts, trace).await?;
                let pairs = batch.iter().map(|i| keys[*i].clone()).zip(vectors.clone()).collect();
                keep(ctx, pairs).await.map_err(Trouble::Redis)?;
                Ok::<_, Trouble>((batch, vectors))
            }
        });
        let done: Vec<(Vec<usize>, Vec<Vec<f32>>)> =
            calls.buffered(cfg.concurrency.max(1) as usize).try_collect().await?;
        for (batch, found) in done {
            for (i, vector) in batch.into_iter().zip(found) {
                vectors[i] = Some(vector);
            }
        }
        Ok(vectors.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// One call, unless the endpoint is left alone for now.
    async fn call(
        &self,
        ctx: &Context,
        embedder: &Embedder,
        prefix: &str,
        texts: &[&str],
        trace: Option<&str>,
    ) -> Result<Vec<Vec<f32>>, Trouble> {
        let paused = self.pause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match paused.filter(|(until, _)| Instant::now() < *until) {
            Some((_, Pause::GivenUp(message))) => return Err(Trouble::Lasting(message)),
            Some((_, Pause::Failed(wait, message))) => {
                return Err(Trouble::Later { wait, message });
            }
            None => {}
        }
        match embedder.embed(prefix, texts, trace).await {
            Ok(vectors) => Ok(vectors),
            Err(ChatError::Transient { kind, message, retry_after }) => {
                // No file waits long for an endpoint that is not there: the words can do it too.
                let wait = match kind.pause(retry_after) {
                    Wait::Away => Wait::Untold,
                    wait => wait,
                };
                // Shorter than any wait before the next try, which must be a real one.
                let moment = Duration::from_millis(ctx.settings().queue.backoff_base_ms / 4);
                self.set_pause(moment, Pause::Failed(wait, message.clone()));
                Err(Trouble::Later { wait, message })
            }
            Err(error) => Err(Trouble::Lasting(error.message().to_owned())),
        }
    }

    /// The words decide for a while.
    pub(crate) fn give_up(&self, message: &str, pause_s: u64) {
        self.set_pause(Duration::from_secs(pause_s), Pause::GivenUp(message.to_owned()));
    }

    fn set_pause(&self, how_long: Duration, why: Pause) {
        let now = Instant::now();
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        // Who gave up is not called back by a call that was still under way, and a pause is not
        // drawn out by those who only heard of it.
        if !matches!(&*pause, Some((until, Pause::GivenUp(_))) if now < *until) {
            *pause = Some((now + how_long, why));
        }
    }
}

fn lasting(error: impl std::fmt::Display) -> Trouble {
    Trouble::Lasting(error.to_string())
}

/// Keeps vectors, in a task of its own as `handlers::ask` keeps answers: should the handler be told
/// to stop now, they are kept all the same.
async fn keep(ctx: &Context, pairs: Vec<(String, Vec<f32>)>) -> Result<(), HandlerError> {
    let days = u64::from(ctx.settings().queue.answer_cache_days);
    let ctx = ctx.clone();
    let kept = tokio::spawn(async move {
        let ctx = &ctx;
        let writes = stream::iter(pairs).map(|(key, vector)| async move {
            let bytes = to_bytes(&vector);
            let store = |queue: Queue| {
                let (key, bytes) = (key.clone(), bytes.clone());
                let keep = Duration::from_secs(days * 86_400);
                async move { queue.keep_vector(&key, &bytes, keep).await }
            };
            ctx.read("keeping a vector", store).await
        });
        writes.buffered(READS).try_collect::<Vec<()>>().await.map(|_| ())
    });
    kept.await.map_err(|e| HandlerError::retry("keeping a vector", e))?
}

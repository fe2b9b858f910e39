//! Vectors of passages and queries: from memory, from Redis, or from the endpoint.

use crate::context::{Context, Document};
use crate::memo::Memo;
use crate::runtime::HandlerError;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use queue_schema::client::Queue;
use scrum_domain::retrieve::{self, Chunk, VectorIndex, from_bytes, to_bytes, vector_key};
use scrum_domain::text::clip;
use scrum_providers::{ChatError, Embedder, FailedKind, Pause as Wait};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reads of kept vectors in flight for one document.
const READS: usize = 32;
/// Times a text that does not fit is cut to half its length, before it is given up.
const HALVINGS: u32 = 4;
/// Documents that are remembered. A vector takes about 4 KB; a large document some megabytes.
const DOCUMENTS: usize = 16;

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
    /// The endpoint says no: it stays until somebody changes something.
    Lasting(String),
    /// It concerns this lookup alone; the endpoint may serve all others.
    Unfit(String),
    /// A text that the model can't read, however short it is cut: this lookup's as well.
    TooLong(String),
    /// Not the endpoint's.
    Redis(HandlerError),
}

impl Trouble {
    /// For a person.
    pub fn message(&self) -> &str {
        match self {
            Self::Later { message, .. }
            | Self::Lasting(message)
            | Self::Unfit(message)
            | Self::TooLong(message) => message,
            Self::Redis(_) => "Redis has trouble",
        }
    }
}

/// What all calls of one lookup have in common.
#[derive(Debug, Clone, Copy)]
struct Lookup<'a> {
    ctx: &'a Context,
    embedder: &'a Embedder,
    local: bool,
    trace: Option<&'a str>,
}

/// What is looked up in a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The model that the sweep was made for.
    pub(crate) model: &'a str,
    /// The text that passages are looked up for, masked unless `local`.
    pub(crate) query: &'a str,
    /// Passages at most.
    pub(crate) k: usize,
    /// Whether the document may be sent as it is.
    pub(crate) local: bool,
    /// The job's trace.
    pub(crate) trace: Option<&'a str>,
}

/// What finds passages by vectors, once a process.
#[derive(Debug)]
pub(crate) struct Retrieval {
    embedder: Option<Embedder>,
    indexes: Memo<VectorIndex>,
    queries: Memo<Vec<f32>>,
    /// One job at a time for a document: those that want the same one find it done.
    indexing: Memo<tokio::sync::Mutex<()>>,
    /// Documents that get no vectors: until when that is not tried again, and why.
    unfit: Memo<(Instant, String)>,
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
            indexes: Memo::new(DOCUMENTS),
            queries: Memo::new(1024),
            indexing: Memo::new(DOCUMENTS),
            unfit: Memo::new(DOCUMENTS),
            pause: Mutex::new(None),
        }
    }

    /// The best `k` chunks of a document for a query, by the cosine of their vectors.
    pub(crate) async fn rank(
        &self,
        ctx: &Context,
        doc: &Document,
        wanted: Wanted<'_>,
    ) -> Result<Vec<(usize, f64)>, Trouble> {
        let Wanted { model, query, k, local, trace } = wanted;
        let embedder =
            self.embedder.as_ref().filter(|e| e.config().model == model).ok_or_else(|| {
                Trouble::Unfit(format!(
                    "the sweep was made for the embedding model {model}, and a worker has no \
                     endpoint for it; give all programs the same [embedding]"
                ))
            })?;
        if doc.chunks.is_empty() {
            return Ok(Vec::new());
        }
        let cfg = embedder.config();
        let lookup = Lookup { ctx, embedder, local, trace };
        let name = format!("{model}/{local}/{}", doc.name);
        let index = match self.indexes.get(&name) {
            Some(index) => index,
            None => self.index(lookup, doc, &name).await?,
        };
        let (prefix, query) = (cfg.prefix_of_queries(), embedder.cut(query));
        let key = vector_key(model, prefix, query);
        let vector = if let Some(vector) = self.queries.get(&key) {
            vector
        } else {
            let found = self.vectors(lookup, prefix, &[query]).await?;
            self.queries.put(&key, found.into_iter().next().unwrap_or_default())
        };
        index.top(&vector, k).map_err(unfit)
    }

    /// Makes the index of a document, unless another job has done it meanwhile.
    async fn index(
        &self,
        lookup: Lookup<'_>,
        doc: &Document,
        name: &str,
    ) -> Result<Arc<VectorIndex>, Trouble> {
        let lock = self.indexing.get_or_put(name, tokio::sync::Mutex::default);
        let _one = lock.lock().await;
        if let Some(index) = self.indexes.get(name) {
            return Ok(index);
        }
        if let Some(known) = self.unfit.get(name).filter(|known| Instant::now() < known.0) {
            return Err(Trouble::Unfit(known.1.clone()));
        }
        let made = self.make_index(lookup, doc).await;
        if let Err(trouble @ (Trouble::Unfit(_) | Trouble::TooLong(_))) = &made {
            // Else each file would find it out by calls of its own.
            let pause = Duration::from_secs(lookup.embedder.config().pause_s);
            self.unfit.put(name, (Instant::now() + pause, trouble.message().to_owned()));
        }
        Ok(self.indexes.put(name, made?))
    }

    async fn make_index(&self, lookup: Lookup<'_>, doc: &Document) -> Result<VectorIndex, Trouble> {
        let cfg = lookup.embedder.config();
        let chunks: Cow<'_, [Chunk]> = if lookup.local {
            Cow::Borrowed(&doc.chunks)
        } else {
            // Masked from the whole document: a key may lie across the edge of a chunk. A large
            // one takes a while.
            let (text, chunks) = (doc.text.clone(), doc.chunks.clone());
            let masked = tokio::task::spawn_blocking(move || retrieve::masked_all(&text, &chunks));
            let masked = masked
                .await
                .map_err(|e| Trouble::Redis(HandlerError::retry("masking a document", e)))?;
            Cow::Owned(masked.into_iter().map(|(chunk, _)| chunk).collect())
        };
        let texts: Vec<&str> = chunks.iter().map(|c| lookup.embedder.cut(&c.text)).collect();
        let vectors = self.vectors(lookup, cfg.prefix_of_documents(), &texts).await?;
        VectorIndex::new(&vectors).map_err(unfit)
    }

    /// The vectors of some texts, in their order: kept ones, and the others in batches.
    async fn vectors(
        &self,
        lookup: Lookup<'_>,
        prefix: &str,
        texts: &[&str],
    ) -> Result<Vec<Vec<f32>>, Trouble> {
        let (ctx, cfg) = (lookup.ctx, lookup.embedder.config());
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
        let keys = &keys;
        let calls = stream::iter(asked)
            .map(|batch| async move { self.batch(lookup, prefix, keys, texts, &batch).await });
        let done: Vec<Vec<(usize, Vec<f32>)>> =
            calls.buffered(cfg.concurrency.max(1) as usize).try_collect().await?;
        for (i, vector) in done.into_iter().flatten() {
            vectors[i] = Some(vector);
        }
        Ok(vectors.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The vectors of some of the texts, with their places: by one call where all fit. Else the batch
    /// is halved until those that don't fit are alone, and they are halved themselves: the first
    /// part then stands for the text. What a call gave is kept at once, so that nothing is asked for
    /// twice after a crash.
    async fn batch(
        &self,
        lookup: Lookup<'_>,
        prefix: &str,
        keys: &[String],
        texts: &[&str],
        batch: &[usize],
    ) -> Result<Vec<(usize, Vec<f32>)>, Trouble> {
        let (mut done, mut cut) = (Vec::with_capacity(batch.len()), 0);
        let mut open = vec![(batch, 0)];
        while let Some((part, halvings)) = open.pop() {
            let sent: Vec<&str> = part.iter().map(|i| first_part(texts[*i], halvings)).collect();
            match self.call(lookup, prefix, &sent).await {
                Ok(vectors) => {
                    let pairs =
                        part.iter().map(|i| keys[*i].clone()).zip(vectors.clone()).collect();
                    keep(lookup.ctx, pairs).await.map_err(Trouble::Redis)?;
                    cut += usize::from(halvings > 0);
                    done.extend(part.iter().copied().zip(vectors));
                }
                Err(Trouble::TooLong(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    open.extend([(second, halvings), (first, halvings)]);
                }
                Err(Trouble::TooLong(_)) if halvings < HALVINGS => open.push((part, halvings + 1)),
                Err(trouble) => return Err(trouble),
            }
        }
        if cut > 0 {
            tracing::warn!(
                cut,
                "texts that the embedding model can't read whole are embedded by their first \
                 part; lower documents.chunk_chars, or take a model with a longer context"
            );
        }
        Ok(done)
    }

    /// One call, unless the endpoint is left alone for now.
    async fn call(
        &self,
        lookup: Lookup<'_>,
        prefix: &str,
        texts: &[&str],
    ) -> Result<Vec<Vec<f32>>, Trouble> {
        let paused = self.pause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match paused.filter(|(until, _)| Instant::now() < *until) {
            Some((_, Pause::GivenUp(message))) => return Err(Trouble::Lasting(message)),
            Some((_, Pause::Failed(wait, message))) => {
                return Err(Trouble::Later { wait, message });
            }
            None => {}
        }
        match lookup.embedder.embed(prefix, texts, lookup.trace).await {
            Ok(vectors) => Ok(vectors),
            Err(ChatError::Transient { kind, message, retry_after }) => {
                // No file waits long for an endpoint that is not there: the words can do it too.
                let wait = match kind.pause(retry_after) {
                    Wait::Away => Wait::Untold,
                    wait => wait,
                };
                // Shorter than any wait before the next try, which must be a real one.
                let moment = Duration::from_millis(lookup.ctx.settings().queue.backoff_base_ms / 4);
                self.set_pause(moment, Pause::Failed(wait, message.clone()));
                Err(Trouble::Later { wait, message })
            }
            // What the endpoint has against these texts it may not have against others.
            Err(ChatError::ContextExceeded { message, .. }) => Err(Trouble::TooLong(message)),
            Err(ChatError::Failed { kind: FailedKind::Declined, message, .. }) => {
                Err(Trouble::Unfit(message))
            }
            Err(error) => {
                // At once: others wait for this very call to end.
                self.give_up(error.message(), lookup.ctx.settings().embedding.pause_s);
                Err(Trouble::Lasting(error.message().to_owned()))
            }
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

fn unfit(error: impl std::fmt::Display) -> Trouble {
    Trouble::Unfit(error.to_string())
}

/// The text, cut to half its characters so often.
fn first_part(text: &str, halvings: u32) -> &str {
    clip(text, (text.chars().count() >> halvings).max(1))
}

/// Keeps vectors, in a task of its own as `model::answer` keeps answers: should the handler be told
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

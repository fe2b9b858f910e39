//! Which passages of the documents go with a file: by vectors where the sweep was made with an
//! embedding model, else by their words. Trouble of the endpoint is waited out a few times; then the
//! words decide, and the operator is told once.

mod vectors;

pub(crate) use vectors::Retrieval;

use crate::context::{Context, Document};
use crate::runtime::{HandlerError, trace};
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::records::{ReviewRecord, SweepRecord};
use queue_schema::rows::review::TopChunk;
use queue_schema::sweep::{DocRef, EMBEDDING, SweepSpec};
use scrum_domain::redact;
use scrum_domain::retrieve::{self, Chunk, LexicalIndex};
use std::sync::Arc;
use vectors::{Trouble, Wanted};

/// How rows name a review without documents.
const NONE: &str = "none";

/// What passages are looked up for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The sweep.
    pub spec: &'a SweepSpec,
    /// Its id.
    pub sweep: &'a SweepId,
    /// The review.
    pub review: &'a ReviewId,
    /// Its attempt.
    pub attempt: u32,
    /// Lookups that failed in that attempt: the next rung may find the endpoint mended.
    pub tries: u32,
    /// The documents.
    pub documents: &'a Documents,
    /// The file.
    pub source: &'a str,
}

/// The documents of a sweep.
#[derive(Debug, Default)]
pub struct Documents {
    /// The product requirements document.
    pub prd: Option<Arc<Document>>,
    /// The change proposal.
    pub proposal: Option<Arc<Document>>,
    /// The forensic preamble.
    pub forensic: Option<Arc<Document>>,
}

impl Documents {
    /// Reads them.
    ///
    /// # Errors
    /// Fatal when the text of one is gone, or another one stands in its place.
    pub async fn of(
        ctx: &Context,
        sweep: &SweepId,
        spec: &SweepSpec,
    ) -> Result<Self, HandlerError> {
        let read = async |origin: &str, doc: Option<&DocRef>| match doc {
            Some(doc) => ctx.document(sweep, origin, doc, &spec.limits.documents).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            prd: read("prd", spec.prd.as_ref()).await?,
            proposal: read("proposal", spec.proposal.as_ref()).await?,
            forensic: read("forensic", spec.forensic.as_ref()).await?,
        })
    }

    /// The texts of all of them.
    pub fn texts(&self) -> Vec<&str> {
        let all = [&self.prd, &self.proposal, &self.forensic];
        all.into_iter().flatten().map(|document| document.text.as_str()).collect()
    }

    /// The passages of the PRD and of the proposal as a model may see them, and how many secrets were masked.
    pub fn shown(&self, found: &Found, leaves: bool) -> (Vec<Chunk>, Vec<Chunk>, u32) {
        if !leaves {
            return (found.prd.clone(), found.proposal.clone(), 0);
        }
        let (prd, a) = masked(self.prd.as_deref(), &found.prd);
        let (proposal, b) = masked(self.proposal.as_deref(), &found.proposal);
        (prd, proposal, a + b)
    }
}

/// The chunks as they may leave, and how many secrets that took.
fn masked(doc: Option<&Document>, chunks: &[Chunk]) -> (Vec<Chunk>, u32) {
    let Some(doc) = doc else { return (Vec::new(), 0) };
    let (chunks, counts): (Vec<Chunk>, Vec<u32>) =
        retrieve::masked_all(&doc.text, chunks).into_iter().unzip();
    (chunks, counts.iter().sum())
}

/// How the lookup ended.
#[derive(Debug)]
pub enum Lookup {
    /// Passages, or none that fit.
    Found(Found),
    /// A transient error: the same job again later.
    Later(Effects),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Passages of the PRD, best first.
    pub prd: Vec<Chunk>,
    /// Passages of the proposal, best first.
    pub proposal: Vec<Chunk>,
    /// All of them as the row keeps them.
    pub top: Vec<TopChunk>,
    /// How they were found, for the row.
    pub retrieval: String,
    /// What the operator must be told.
    pub alert: Option<Effect>,
}

impl Found {
    /// Whether a reviewer is shown any.
    pub fn has_passages(&self) -> bool {
        !(self.prd.is_empty() && self.proposal.is_empty())
    }
}

/// Looks passages up.
///
/// # Errors
/// When Redis fails in a way that waiting doesn't mend.
pub async fn find(ctx: &Context, asked: &Asked<'_>) -> Result<Lookup, HandlerError> {
    let tries = asked.tries;
    let mut found = Found::default();
    let model = &asked.spec.embedding;
    if asked.documents.prd.is_none() && asked.documents.proposal.is_none() {
        NONE.clone_into(&mut found.retrieval);
        return Ok(Lookup::Found(found));
    }
    if !model.is_empty() {
        match by_vectors(ctx, asked, &mut found).await {
            Ok(()) => return Ok(Lookup::Found(found)),
            Err(Trouble::Redis(error)) => return Err(error),
            Err(Trouble::Later { wait, message }) if tries < ctx.settings().embedding.retries => {
                tracing::debug!(message, tries, "the embedding endpoint has trouble; again later");
                let wait_ms = crate::model::wait_ms(ctx, tries, wait);
                let count = ReviewRecord::of(asked.review).lookup_failed(asked.attempt);
                return Ok(Lookup::Later(Effects::retry(wait_ms, message).with(count)));
            }
            Err(trouble) => {
                // An endpoint that says no is given up where it says so. This one never came back; other
                // trouble concerns neither other files nor other sweeps.
                if matches!(trouble, Trouble::Later { .. }) {
                    ctx.retrieval().give_up(trouble.message(), ctx.settings().embedding.pause_s);
                }
                let message = trouble.message();
                tracing::warn!(message, "passages are ranked by their words");
                found = Found::default();
                let said =
                    format!("{message}; passages of the documents are ranked by their words");
                let about = format!("embedding/{model}");
                found.alert = Some(SweepRecord::of(asked.sweep).alert(about, said));
            }
        }
    }
    let k = asked.spec.limits.top_chunks as usize;
    LexicalIndex::RANKING.clone_into(&mut found.retrieval);
    let query = retrieve::query_of(asked.source, &asked.spec.limits.documents);
    for doc in [asked.documents.prd.as_deref(), asked.documents.proposal.as_deref()] {
        let ranked = doc.map(|d| d.index.top(query, k));
        found.take(doc, ranked.unwrap_or_default());
    }
    Ok(Lookup::Found(found))
}

async fn by_vectors(ctx: &Context, asked: &Asked<'_>, found: &mut Found) -> Result<(), Trouble> {
    let k = asked.spec.limits.top_chunks as usize;
    let model = &asked.spec.embedding;
    let trace = trace::current().map(|t| t.to_string());
    found.retrieval = format!("embedding:{model}");
    let query = retrieve::query_of(asked.source, &asked.spec.limits.documents);
    // What leaves for an endpoint that is not local leaves masked, as with the models.
    let local = asked.spec.says_local(EMBEDDING) && ctx.settings().embedding.stays_here();
    let safe = (!local).then(|| redact::mask_range(asked.source, 0..query.len()).text);
    let query = safe.as_deref().unwrap_or(query);
    let wanted = Wanted { model, query, k, local, trace: trace.as_deref() };
    for doc in [asked.documents.prd.as_deref(), asked.documents.proposal.as_deref()] {
        let ranked = match doc {
            Some(doc) => ctx.retrieval().rank(ctx, doc, wanted).await?,
            None => Vec::new(),
        };
        found.take(doc, ranked);
    }
    Ok(())
}

impl Found {
    /// Notes the ranked chunks of the PRD, then of the proposal.
    fn take(&mut self, doc: Option<&Document>, ranked: Vec<(usize, f64)>) {
        let Some(doc) = doc else { return };
        for (i, score) in ranked {
            let Some(chunk) = doc.chunks.get(i) else { continue };
            self.top.push(TopChunk {
                origin: chunk.origin.clone(),
                offset: chunk.offset,
                score,
                ranking: self.retrieval.clone(),
            });
            let list = if chunk.origin == "prd" { &mut self.prd } else { &mut self.proposal };
            list.push(chunk.clone());
        }
    }
}

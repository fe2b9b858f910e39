//! A change under review: what its reviewers said, who has not, and what nobody was shown.

use crate::{Error, Sweep, now_ms, timestamp};
use queue_schema::client::Queue;
use queue_schema::ids::{MemoryId, ReviewId, SweepId};
use queue_schema::rows::{DiffFinding, DiffReview};
use queue_schema::sweep::{DiffSpec, SweepSpec, TargetStatus};
use queue_schema::url::public_address;
use scrum_domain::diff::report::{self, About};
use scrum_domain::diff::{self, Counted, Known, Missing, Said, Tally};
use serde_json::Value;
use std::collections::BTreeSet;

/// Sweeps that are looked through for the review before of the same change.
const MOST_LOOKED_AT: usize = 500;

/// A change under review.
#[derive(Debug)]
pub struct Change {
    /// The sweep over it.
    pub sweep: Sweep,
    /// What it is.
    pub spec: DiffSpec,
    /// What was said, in the order of parts and of reviewers.
    pub reviews: Vec<DiffReview>,
    /// What was not.
    pub missing: Vec<Missing>,
    /// Files that nobody was shown, each with the reason.
    pub left_out: Vec<(String, String)>,
}

impl Change {
    /// Reads what there is of a sweep; `None` for one over files.
    ///
    /// # Errors
    /// No such sweep, or a failure of Redis.
    pub async fn open(queue: &Queue, id: &SweepId) -> Result<Option<Self>, Error> {
        let sweep = Sweep::open(queue, id).await?;
        let Some(spec) = sweep.spec().diff.clone() else { return Ok(None) };
        let mut reviews: Vec<DiffReview> = queue.rows(id).await?;
        let ordinal = |review: &DiffReview| ReviewId::from(review.review_id.as_str()).target();
        reviews.sort_by_key(ordinal);
        let done: Vec<Option<u32>> = reviews.iter().map(ordinal).collect();
        let (mut missing, mut left_out, mut at) = (Vec::new(), Vec::new(), 0_u32);
        let mut files = sweep.files(&TargetStatus::ALL);
        loop {
            let page = files.next_page().await?;
            if page.is_empty() {
                break;
            }
            for file in page {
                let part = file.target.path.clone();
                if let Some(reason) = &file.target.skip {
                    left_out.push((part, reason.clone()));
                } else if let Some((_, reviewer)) = spec.place(at)
                    && !done.contains(&Some(at))
                {
                    let reviewer = reviewer.name.clone();
                    let reason = file.dead_reason.unwrap_or_else(|| why(file.status).to_owned());
                    missing.push(Missing { bundle: part, reviewer, reason });
                }
                at += 1;
            }
        }
        Ok(Some(Self { sweep, spec, reviews, missing, left_out }))
    }

    /// What its reviewers come to, held against the review before it; and the findings of that one that are gone. It is
    /// worked out whenever it is read, so that it is right whoever answered last.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn tally(&self, queue: &Queue) -> Result<(Tally, Vec<DiffFinding>), Error> {
        let mut tally = self.counted();
        let Some(before) = self.before(queue).await? else { return Ok((tally, Vec::new())) };
        let known = before.kept(queue).await?;
        let gone = diff::compare(&known, &mut tally, &self.left_out);
        Ok((tally, gone))
    }

    /// What earlier sweeps of its repository found in the files that were reviewed.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn known(&self, queue: &Queue) -> Result<Vec<Known>, Error> {
        let paths: BTreeSet<&String> = self.reviews.iter().flat_map(|r| &r.files).collect();
        let paths: Vec<&String> = paths.into_iter().collect();
        let (identity, most) = (&self.sweep.spec().identity, self.spec.bounds.max_hints);
        known(queue, identity, &paths, most).await
    }

    /// The findings of its tally as rows, under the identities that they got when they were first held against the review
    /// before it: what was said there in other words may be gone by now.
    async fn kept(&self, queue: &Queue) -> Result<Vec<DiffFinding>, Error> {
        let (kept, mut tally) = (queue.rows::<DiffFinding>(&self.sweep.id).await?, self.counted());
        diff::compare(&kept, &mut tally, &[]);
        Ok(self.rows(&tally))
    }

    fn counted(&self) -> Tally {
        let said: Vec<Said> = self.reviews.iter().map(Said::from).collect();
        let hidden = self.left_out.iter().filter(|(_, reason)| diff::is_hidden(reason));
        diff::tally(&said, &self.missing).hidden(hidden.map(|(path, _)| path.clone()))
    }

    /// The findings of its tally as rows.
    pub fn rows(&self, tally: &Tally) -> Vec<DiffFinding> {
        let spec = self.sweep.spec();
        tally.rows(&Counted {
            sweep_id: &self.sweep.id,
            repo: &public_address(&spec.repo),
            base: &self.spec.base,
            head: &spec.commit,
            ts: &timestamp(now_ms()),
        })
    }

    /// The last review before this one of the same change that ended, of those that anybody answered for.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn before(&self, queue: &Queue) -> Result<Option<Self>, Error> {
        let (own, spec) = (self.sweep.id.clone(), self.sweep.spec());
        let created = self.sweep.status().created_ms;
        for id in queue.latest_sweeps(MOST_LOOKED_AT).await? {
            if id == own || id.repo() != own.repo() {
                continue;
            }
            let Some(other) = queue.sweep_spec(&id).await? else { continue };
            let is_same = is_of_the_same(spec, &other);
            let status = if is_same { queue.sweep_status(&id).await? } else { None };
            if !status.is_some_and(|s| s.is_over() && s.created_ms <= created) {
                continue;
            }
            let found = Box::pin(Self::open(queue, &id)).await?;
            if found.as_ref().is_some_and(|change| !change.reviews.is_empty()) {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// A change with what its reviewers come to, as it is told.
#[derive(Debug)]
pub struct Reviewed {
    /// The change.
    pub change: Change,
    /// What they come to.
    pub tally: Tally,
    /// Findings of the review before that are gone.
    pub gone: Vec<DiffFinding>,
    /// What earlier sweeps found in its files.
    pub known: Vec<Known>,
    /// The repository, without credentials.
    repo: String,
}

impl Reviewed {
    /// Reads what there is of a change.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn read(queue: &Queue, change: Change) -> Result<Self, Error> {
        let (tally, gone) = change.tally(queue).await?;
        let known = change.known(queue).await?;
        let repo = public_address(&change.sweep.spec().repo);
        Ok(Self { change, tally, gone, known, repo })
    }

    /// What a report says besides the tally.
    pub fn about(&self) -> About<'_> {
        let change = &self.change;
        About {
            sweep_id: &change.sweep.id,
            repo: &self.repo,
            base: &change.spec.base,
            head: &change.sweep.spec().commit,
            under_review: !change.sweep.status().is_over(),
            left_out: &change.left_out,
            warnings: &[],
            reviews: &change.reviews,
            gone: &self.gone,
            known: &self.known,
        }
    }

    /// For a terminal.
    pub fn lines(&self) -> Vec<String> {
        report::lines(&self.tally, &self.about())
    }

    /// As one JSON document.
    pub fn json(&self) -> Value {
        report::json(&self.tally, &self.about())
    }
}

/// What sweeps found in these files of a repository; at most `most` of it.
///
/// # Errors
/// A failure of Redis.
pub async fn known(
    queue: &Queue,
    identity: &str,
    paths: &[&String],
    most: u32,
) -> Result<Vec<Known>, Error> {
    if identity.is_empty() || most == 0 {
        return Ok(Vec::new());
    }
    let files = queue.findings_of(&MemoryId::of(identity), paths).await?;
    let named = paths.iter().map(|path| path.as_str()).zip(&files);
    Ok(diff::known(named, now_ms(), most as usize))
}

/// Whether two sweeps review one change as it grows: the one of a pull or merge request, else what was asked for by the
/// same words, or from the same commit on where neither is published.
fn is_of_the_same(one: &SweepSpec, other: &SweepSpec) -> bool {
    let (Some(own), Some(before)) = (&one.diff, &other.diff) else { return false };
    let same = match (&own.post, &before.post) {
        (Some(own), Some(before)) => own.to == before.to,
        (None, None) => one.rev == other.rev || own.base == before.base,
        _ => one.rev == other.rev,
    };
    same && before.claims.is_none() && one.repo == other.repo
}

const fn why(status: TargetStatus) -> &'static str {
    match status {
        TargetStatus::Cancelled => "the review was cancelled",
        TargetStatus::LeftOut => "the budget did not reach it",
        TargetStatus::Waiting | TargetStatus::Live => "not yet",
        _ => "no review was kept",
    }
}

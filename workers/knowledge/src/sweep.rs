//! One sweep as it stands.

use crate::observe::troubles;
use crate::{Audits, Error, Files, PAGE, metrics_of, now_ms, timestamp};
use queue_schema::client::{Queue, SweepStatus};
use queue_schema::ids::SweepId;
use queue_schema::rows::{ReviewRow, Row};
use queue_schema::sweep::{SweepSpec, TargetStatus};
use scrum_domain::observe::Bounds;
use scrum_domain::report::SweepReport;
use scrum_domain::review::Spent;
use scrum_domain::{metrics, trust};
use std::marker::PhantomData;

/// A sweep, and how each of its targets stood when it was opened: what is read of it later belongs
/// together, though the sweep may go on.
#[derive(Debug)]
pub struct Sweep {
    pub(crate) queue: Queue,
    pub(crate) id: SweepId,
    pub(crate) spec: SweepSpec,
    pub(crate) targets: Vec<TargetStatus>,
    pub(crate) audits: Audits,
    status: SweepStatus,
}

impl Sweep {
    /// Opens a sweep by its whole id.
    ///
    /// # Errors
    /// No such sweep, or a failure of Redis.
    pub async fn open(queue: &Queue, id: &SweepId) -> Result<Self, Error> {
        let (spec, status) = (queue.sweep_spec(id).await?, queue.sweep_status(id).await?);
        let (Some(spec), Some(status)) = (spec, status) else {
            return Err(Error::NoSweep(id.to_string()));
        };
        let targets = queue.target_states(id).await?;
        let audits = Audits::of(queue, id, &spec).await?;
        Ok(Self { queue: queue.clone(), id: id.clone(), spec, targets, audits, status })
    }

    /// The request behind it.
    pub fn spec(&self) -> &SweepSpec {
        &self.spec
    }

    /// Its state and counters when it was opened.
    pub fn status(&self) -> &SweepStatus {
        &self.status
    }

    /// How many targets had one of these states.
    pub fn count(&self, of: &[TargetStatus]) -> usize {
        self.targets.iter().filter(|state| of.contains(state)).count()
    }

    /// The targets that had one of these states, in the order of the plan.
    pub fn files(&self, of: &'static [TargetStatus]) -> Files<'_> {
        Files::new(self, of)
    }

    /// Its rows of one kind, in the order of writing.
    pub fn rows<R: Row>(&self) -> Rows<'_, R> {
        Rows { sweep: self, after: None, is_over: false, kind: PhantomData }
    }

    /// Shows at the findings of some of its reviews what audits say of them.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub(crate) async fn audited<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a mut ReviewRow>,
    ) -> Result<(), Error> {
        self.audits.overlay(&self.queue, rows).await
    }

    /// All that is known of it but for its files. Failures are a trouble from these bounds on.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn report(&self, bounds: Bounds) -> Result<SweepReport, Error> {
        let (id, status, now) = (&self.id, &self.status, now_ms());
        let ledger = self.queue.ledger(id).await?;
        let models = trust::rows(&ledger, Some(id));
        Ok(SweepReport {
            sweep_id: id.to_string(),
            repo: self.spec.repo.clone(),
            commit: self.spec.commit.clone(),
            generated_at: timestamp(now),
            duration_ms: status.took_ms(now),
            ladder: self.spec.ladder.clone(),
            labels: self.spec.labels.clone(),
            budget: status.budget,
            calls: status.calls,
            spent: Spent {
                tokens_in: status.tokens_in,
                tokens_out: status.tokens_out,
                cost_usd: metrics::told_cost(status.cost_micro_usd, &ledger),
                duration_ms: models.iter().map(|m| m.duration_ms).sum(),
            },
            models,
            expected: self.spec.expected.as_ref().map(|expected| expected.basis),
            off: Box::pin(self.off(now)).await?,
            metrics: metrics_of(&self.queue, id).await?,
            troubles: Box::pin(troubles(&self.queue, id, bounds)).await?,
        })
    }
}

/// Rows of one kind of a sweep, page by page.
#[derive(Debug)]
pub struct Rows<'a, R> {
    sweep: &'a Sweep,
    after: Option<String>,
    is_over: bool,
    kind: PhantomData<R>,
}

impl<'a, R: Row> Rows<'a, R> {
    pub(crate) fn sweep(&self) -> &'a Sweep {
        self.sweep
    }

    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor of rows.
    pub fn from(mut self, cursor: &str) -> Result<Self, Error> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !cursor.split_once('-').is_some_and(|(ms, n)| digits(ms) && digits(n)) {
            return Err(Error::Cursor(cursor.to_owned()));
        }
        self.after = Some(cursor.to_owned());
        Ok(self)
    }

    /// Where the next page begins; `None` before the first page and behind the last.
    pub fn cursor(&self) -> Option<String> {
        self.after.clone().filter(|_| !self.is_over)
    }

    /// The next page, of at most [`PAGE`] rows; empty when there are no further rows.
    ///
    /// # Errors
    /// A failure of Redis, or a row that this program can't read.
    pub async fn next_page(&mut self) -> Result<Vec<R>, Error> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let Sweep { queue, id, .. } = self.sweep;
        let (rows, end) = queue.rows_page(id, self.after.as_deref(), PAGE).await?;
        self.is_over = end.is_none();
        self.after = end;
        Ok(rows)
    }
}

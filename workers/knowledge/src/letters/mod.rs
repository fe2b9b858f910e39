//! Dead letters: which there are, what is known of each, what a retry of one would be.

mod export;
mod retry;

pub use export::{Exported, Exporter};
pub use retry::retried;

use crate::Error;
use queue_schema::client::{DeadFilter, DeadLetter, Mark, Queue};
use queue_schema::effects::DeadClass;
use queue_schema::ids::{JobId, ReviewId, SweepId};
use queue_schema::rows::Attempt;
use queue_schema::sweep::Target;
use std::collections::BTreeMap;
use std::fmt;

/// Letters that are looked at together; each holds the body of a job.
pub const LETTERS: usize = 100;

/// A dead letter and the file that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The letter.
    pub dead: DeadLetter,
    /// The file; `None` for a letter of a whole sweep, and for one whose sweep is gone.
    pub target: Option<Target>,
}

impl Letter {
    /// The file for a person.
    pub fn path(&self) -> String {
        match (&self.target, self.dead.target) {
            (Some(target), _) => target.path.clone(),
            (None, Some(ordinal)) => format!("target {ordinal}"),
            (None, None) => "(whole sweep)".to_owned(),
        }
    }

    /// The review that it is about.
    fn review(&self) -> Option<ReviewId> {
        self.dead.target.map(|ordinal| ReviewId::new(&self.dead.sweep, ordinal))
    }

    /// Whether its review is accepted, and only the facts of the file are missing.
    pub fn is_of_facts(&self) -> bool {
        self.dead.lane.starts_with("facts:")
    }

    /// Whether a retry would be refused, because the job lacks the fleet's signature.
    pub fn is_unsigned(&self) -> bool {
        self.dead.class == DeadClass::Unsigned.as_str()
    }
}

type Paths = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Dead letters that fit, page by page, latest first.
pub struct Letters {
    queue: Queue,
    filter: DeadFilter,
    paths: Option<Paths>,
    after: Option<Mark>,
    is_over: bool,
    /// How many of the limit are left; `None` without a limit.
    left: Option<usize>,
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letters").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Letters {
    /// The letters that a filter leaves; its limit counts those that are returned.
    pub fn new(queue: &Queue, filter: DeadFilter) -> Self {
        let left = (filter.limit > 0).then_some(filter.limit);
        Self { queue: queue.clone(), filter, paths: None, after: None, is_over: false, left }
    }

    /// Only those of files whose path fits.
    #[must_use]
    pub fn on_paths(mut self, fits: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.paths = Some(Box::new(fits));
        self
    }

    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor of letters.
    pub fn from(mut self, cursor: &str) -> Result<Self, Error> {
        let mark = cursor
            .split_once(':')
            .and_then(|(at, id)| Some(Mark { at_ms: at.parse().ok()?, id: id.to_owned() }));
        self.after = Some(mark.ok_or_else(|| Error::Cursor(cursor.to_owned()))?);
        Ok(self)
    }

    /// Where the next page begins; `None` before the first page and behind the last.
    pub fn cursor(&self) -> Option<String> {
        let mark = self.after.as_ref().filter(|_| !self.is_over)?;
        Some(format!("{}:{}", mark.at_ms, mark.id))
    }

    /// The next page, of at most [`LETTERS`]; empty when there are no further ones.
    ///
    /// # Errors
    /// A failure of Redis, or a target that this program can't read.
    pub async fn next_page(&mut self) -> Result<Vec<Letter>, Error> {
        while !self.is_over && self.left != Some(0) {
            let after = self.after.take();
            let (found, end) = self.queue.dead_page(&self.filter, after.as_ref(), LETTERS).await?;
            (self.is_over, self.after) = (end.is_none(), end);
            let mut letters = with_targets(&self.queue, found).await?;
            if let Some(fits) = &self.paths {
                letters.retain(|l| l.target.as_ref().is_some_and(|t| fits(&t.path)));
            }
            if let Some(left) = &mut self.left {
                letters.truncate(*left);
                *left -= letters.len();
            }
            if !letters.is_empty() {
                return Ok(letters);
            }
        }
        Ok(Vec::new())
    }
}

/// Joins letters with their files, a round trip a sweep.
async fn with_targets(queue: &Queue, letters: Vec<DeadLetter>) -> Result<Vec<Letter>, Error> {
    let mut wanted: BTreeMap<&SweepId, Vec<u32>> = BTreeMap::new();
    for letter in &letters {
        if let Some(ordinal) = letter.target {
            wanted.entry(&letter.sweep).or_default().push(ordinal);
        }
    }
    let mut found = BTreeMap::new();
    for (sweep, ordinals) in wanted {
        let targets = queue.targets_known(sweep, &ordinals).await?;
        for (ordinal, target) in ordinals.into_iter().zip(targets) {
            found.insert((sweep.clone(), ordinal), target);
        }
    }
    let join = |dead: DeadLetter| {
        let key = dead.target.map(|ordinal| (dead.sweep.clone(), ordinal));
        Letter { target: key.and_then(|key| found.get(&key).cloned().flatten()), dead }
    };
    Ok(letters.into_iter().map(join).collect())
}

/// The letter of an id.
///
/// # Errors
/// [`Error::NoLetter`], or a failure of Redis.
pub async fn letter(queue: &Queue, id: &JobId) -> Result<Letter, Error> {
    let dead = queue.dead_letter(id).await?.ok_or_else(|| Error::NoLetter(id.to_string()))?;
    let joined = with_targets(queue, vec![dead]).await?.pop();
    joined.ok_or_else(|| Error::NoLetter(id.to_string()))
}

/// The attempts of the review that a letter is about.
///
/// # Errors
/// A failure of Redis, or a record that this program can't read.
pub async fn attempts(queue: &Queue, letter: &Letter) -> Result<Vec<Attempt>, Error> {
    match letter.review() {
        Some(review) => Ok(queue.attempts(&review).await?),
        None => Ok(Vec::new()),
    }
}

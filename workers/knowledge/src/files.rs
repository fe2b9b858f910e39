//! The files of a sweep, joined with all that is known of each.

use crate::{Error, PAGE, Sweep};
use queue_schema::client::DeadReason;
use queue_schema::ids::ReviewId;
use queue_schema::rows::{Attempt, AuditFactsRow, ReviewRow};
use queue_schema::sweep::{Target, TargetStatus};
use scrum_config::nearest;
use scrum_domain::report::{FileReport, public_address};
use scrum_shown::shell_quoted;

/// Why an accepted review has no facts when nobody has written down why.
const NO_FACTS: &str = "the sweep was cancelled first, or their dead letter thrown away";

/// Files of a sweep, page by page.
#[derive(Debug)]
pub struct Files<'a> {
    sweep: &'a Sweep,
    of: &'static [TargetStatus],
    /// The first target that was not looked at.
    at: usize,
}

/// Files that an ambiguous path names.
const SOME: usize = 3;

impl Sweep {
    /// The file of a path, or of the end of one.
    ///
    /// # Errors
    /// When it means no file of the sweep or several, a failure of Redis.
    pub async fn file(&self, name: &str) -> Result<FileReport, Error> {
        self.file_at(self.place_of(name).await?).await
    }

    /// The file of a number among the targets, from 0.
    ///
    /// # Errors
    /// When there is no such target, a failure of Redis.
    pub async fn file_at(&self, number: u32) -> Result<FileReport, Error> {
        let mut files = Files { sweep: self, of: &TargetStatus::ALL, at: number as usize };
        let file = files.next_numbered(1).await?.pop().map(|(_, file)| file);
        let name = format!("number {number}");
        file.ok_or(Error::NoFile { name, near: String::new() })
    }

    /// The number of the target of a path, or of the end of one.
    ///
    /// # Errors
    /// As [`Sweep::file`].
    pub async fn place_of(&self, name: &str) -> Result<u32, Error> {
        let wanted = name.trim_start_matches("./");
        let (end, mut found, mut near) = (format!("/{wanted}"), Vec::new(), None::<String>);
        for first in (0..self.targets.len()).step_by(PAGE) {
            let last = (first + PAGE).min(self.targets.len());
            let ordinals: Vec<u32> =
                (first..last).filter_map(|at| u32::try_from(at).ok()).collect();
            let targets = self.queue.targets_of(&self.id, &ordinals).await?;
            for (ordinal, target) in ordinals.into_iter().zip(&targets) {
                if target.path == wanted {
                    found = vec![(ordinal, target.path.clone())];
                    break;
                }
                if target.path.ends_with(&end) {
                    found.push((ordinal, target.path.clone()));
                }
            }
            if found.iter().any(|(_, path)| path == wanted) {
                break;
            }
            let known = targets.iter().map(|t| t.path.as_str());
            near = nearest(wanted, known.chain(near.as_deref())).map(str::to_owned);
        }
        if let [(ordinal, _)] = &found[..] {
            return Ok(*ordinal);
        }
        if found.is_empty() {
            let near = near.map(|near| format!(" (do you mean {}?)", shell_quoted(&near)));
            return Err(Error::NoFile { name: name.to_owned(), near: near.unwrap_or_default() });
        }
        let some: Vec<_> = found.iter().take(SOME).map(|(_, path)| path.as_str()).collect();
        let (name, some) = (name.to_owned(), some.join(", "));
        Err(Error::AmbiguousFile { name, fits: found.len(), some })
    }
}

/// What is read of a page's targets, each in their order.
struct Page {
    states: Vec<TargetStatus>,
    targets: Vec<Target>,
    rows: Vec<Option<ReviewRow>>,
    facts: Vec<Option<AuditFactsRow>>,
    without_facts: Vec<Option<String>>,
    left_out: Vec<Option<String>>,
    dead: Vec<Option<DeadReason>>,
    attempts: Vec<Vec<Attempt>>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(sweep: &'a Sweep, of: &'static [TargetStatus]) -> Self {
        Self { sweep, of, at: 0 }
    }

    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor of files.
    pub fn from(mut self, cursor: &str) -> Result<Self, Error> {
        self.at = cursor.parse().map_err(|_| Error::Cursor(cursor.to_owned()))?;
        Ok(self)
    }

    /// Where the next page begins; `None` behind the last target.
    pub fn cursor(&self) -> Option<String> {
        (self.at < self.sweep.targets.len()).then(|| self.at.to_string())
    }

    /// The next page, of at most [`PAGE`] files; empty when there are no further ones.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn next_page(&mut self) -> Result<Vec<FileReport>, Error> {
        Ok(self.next_numbered(PAGE).await?.into_iter().map(|(_, file)| file).collect())
    }

    /// The same, of at most `most` files, each with its number among the targets of the sweep.
    ///
    /// # Errors
    /// A failure of Redis, or a record that this program can't read.
    pub async fn next_numbered(&mut self, most: usize) -> Result<Vec<(u32, FileReport)>, Error> {
        let most = most.min(PAGE);
        let mut ordinals = Vec::new();
        while let Some(state) = self.sweep.targets.get(self.at).filter(|_| ordinals.len() < most) {
            if self.of.contains(state) {
                ordinals.push(u32::try_from(self.at).unwrap_or(u32::MAX));
            }
            self.at += 1;
        }
        if ordinals.is_empty() {
            return Ok(Vec::new());
        }
        let page = self.read(ordinals.clone()).await?;
        let files = page.join(|row| {
            let accepted = row.attempts.last().map(|a| a.chars);
            accepted.and_then(|chars| self.sweep.spec.facts_of(chars)).is_some()
        });
        Ok(ordinals.into_iter().zip(files).collect())
    }

    /// Reads what there is of these targets. Only a status that may have something is asked for it.
    async fn read(&self, ordinals: Vec<u32>) -> Result<Page, Error> {
        use TargetStatus::{LeftOut, Live, Resolved, Skipped, Unresolved, Waiting};
        let (queue, id) = (&self.sweep.queue, &self.sweep.id);
        let states: Vec<TargetStatus> =
            ordinals.iter().map(|o| self.sweep.targets[*o as usize]).collect();
        let begun = Chosen::new(&states, |s| !matches!(s, Skipped | Waiting));
        let reviews = begun.of(&ordinals, |o| ReviewId::new(id, o));
        let mut rows = queue.rows_of::<ReviewRow>(id, &reviews).await?;
        self.sweep.audited(rows.iter_mut().flatten()).await?;
        let facts = queue.rows_of::<AuditFactsRow>(id, &reviews).await?;
        let without = queue.without_facts(id, &begun.of(&ordinals, |o| o)).await?;
        let left = Chosen::new(&states, |s| s == LeftOut);
        let left_out = queue.left_out(id, &left.of(&ordinals, |o| o)).await?;
        let dying = Chosen::new(&states, |s| matches!(s, Unresolved | Resolved | Live));
        let dead = queue.dead_of(id, &dying.of(&ordinals, |o| o)).await?;
        let trying = Chosen::new(&states, |s| matches!(s, Unresolved | Live | LeftOut));
        let attempts = queue.attempts_of(&trying.of(&ordinals, |o| ReviewId::new(id, o))).await?;
        Ok(Page {
            targets: queue.targets_of(id, &ordinals).await?,
            rows: begun.spread(rows),
            facts: begun.spread(facts),
            without_facts: begun.spread(without),
            left_out: left.spread(left_out),
            dead: dying.spread(dead),
            attempts: trying.spread(attempts),
            states,
        })
    }
}

/// Places of a page that are asked for something.
struct Chosen {
    places: Vec<usize>,
    all: usize,
}

impl Chosen {
    fn new(states: &[TargetStatus], fits: impl Fn(TargetStatus) -> bool) -> Self {
        let places = (0..states.len()).filter(|at| fits(states[*at])).collect();
        Self { places, all: states.len() }
    }

    /// What stands at the places.
    fn of<T>(&self, ordinals: &[u32], make: impl Fn(u32) -> T) -> Vec<T> {
        self.places.iter().map(|at| make(ordinals[*at])).collect()
    }

    /// What was found, at its places; nothing at the others.
    fn spread<T: Default>(&self, found: Vec<T>) -> Vec<T> {
        let mut all: Vec<T> = (0..self.all).map(|_| T::default()).collect();
        for (at, one) in self.places.iter().zip(found) {
            all[*at] = one;
        }
        all
    }
}

impl Page {
    /// The files. `wants_facts` says whether the facts of a review are taken out at all.
    fn join(self, wants_facts: impl Fn(&ReviewRow) -> bool) -> Vec<FileReport> {
        let known = self.targets.into_iter().zip(self.states).zip(self.rows).zip(self.facts);
        let why = self.without_facts.into_iter().zip(self.left_out).zip(self.dead);
        let files = known.zip(why).zip(self.attempts);
        files
            .map(|((known, why), attempts)| {
                let (((target, status), mut row), mut facts) = known;
                let ((without_facts, left_out), dead) = why;
                // Older workers wrote addresses down as they were given, credentials and all.
                if let Some(row) = row.as_mut() {
                    row.repo = public_address(&row.repo);
                }
                if let Some(facts) = facts.as_mut() {
                    facts.repo = public_address(&facts.repo);
                }
                let dead = dead.map(|d| format!("{}: {}", d.class, d.reason));
                let is_resolved = status == TargetStatus::Resolved;
                // What died after the review was accepted can only have been work on its facts.
                let (died, dead_reason) = if is_resolved { (dead, None) } else { (None, dead) };
                let lacks =
                    is_resolved && facts.is_none() && row.as_ref().is_some_and(&wants_facts);
                let facts_trouble = without_facts
                    .or_else(|| died.map(|why| format!("in the dead-letter queue: {why}")))
                    .or_else(|| lacks.then(|| NO_FACTS.to_owned()));
                FileReport {
                    target,
                    status,
                    row,
                    attempts,
                    dead_reason: if status == TargetStatus::LeftOut {
                        left_out
                    } else {
                        dead_reason
                    },
                    facts,
                    facts_trouble,
                }
            })
            .collect()
    }
}

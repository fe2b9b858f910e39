//! Events: the latest of each source, page by page or as numbers.

use crate::{Error, PAGE, timestamp};
use queue_schema::client::{KeptEvent, Queue};
use queue_schema::events;
use queue_schema::ids::SweepId;
use queue_schema::rows::DiagnosisRow;
use scrum_domain::observe::{Bounds, Event, clusters};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Events of a page at most.
pub const EVENTS: usize = 256;

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Only of this source.
    pub source: Option<String>,
    /// Only failures.
    pub failures: bool,
    /// Only about this sweep.
    pub sweep: Option<SweepId>,
}

/// An event as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Its place among those of its source.
    pub id: String,
    /// Milliseconds since the epoch, by the clock of Redis.
    pub at_ms: u64,
    /// Who says it.
    pub source: String,
    /// The event, byte for byte.
    pub event: Box<RawValue>,
}

/// Events, and where the next ones are.
#[derive(Debug, Serialize)]
pub struct Page {
    /// In the order in which they came.
    pub events: Vec<Shown>,
    /// Where the next page begins.
    pub after: String,
    /// Whether there may be more at once.
    pub more: bool,
}

/// What every event says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Core {
    success: bool,
    duration_ms: f64,
    sweep: SweepId,
}

impl Shown {
    fn of(source: &str, kept: KeptEvent) -> Option<(Self, Core)> {
        // One that somebody put there by hand is no event.
        let core: Core = serde_json::from_str(&kept.json).ok()?;
        let event = RawValue::from_string(kept.json).ok()?;
        let (id, at_ms, source) = (kept.id, kept.at_ms, source.to_owned());
        Some((Self { id, at_ms, source, event }, core))
    }
}

impl Asked {
    fn takes(&self, core: &Core) -> bool {
        let of_sweep = self.sweep.as_ref().is_none_or(|sweep| *sweep == core.sweep);
        of_sweep && !(self.failures && core.success)
    }
}

/// A stream of events: a partition and a source.
type Stream = (u16, String);

/// Events in the order in which they came, as far as the clocks of several servers tell it.
#[derive(Debug)]
pub struct Events<'a> {
    queue: &'a Queue,
    asked: Asked,
    /// The last one that was read of each stream.
    marks: BTreeMap<Stream, String>,
}

impl<'a> Events<'a> {
    /// From the oldest one on that is kept.
    pub fn of(queue: &'a Queue, asked: Asked) -> Self {
        Self { queue, asked, marks: BTreeMap::new() }
    }

    /// Goes on where [`Self::cursor`] was taken.
    ///
    /// # Errors
    /// A text that is no cursor.
    pub fn from(mut self, cursor: &str) -> Result<Self, Error> {
        for part in cursor.split(',').filter(|part| !part.is_empty()) {
            let (stream, id) = mark(part).ok_or_else(|| Error::Cursor(cursor.to_owned()))?;
            self.marks.insert(stream, id);
        }
        Ok(self)
    }

    /// Where the next page begins.
    pub fn cursor(&self) -> String {
        let marks = self.marks.iter();
        let marks = marks.map(|((part, source), id)| format!("{part}.{source}={id}"));
        marks.collect::<Vec<_>>().join(",")
    }

    /// The next events.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn next_page(&mut self) -> Result<Page, Error> {
        let (mut all, mut more): (Vec<(Stream, KeptEvent)>, bool) = (Vec::new(), false);
        for stream in self.streams().await? {
            let after = self.marks.get(&stream).map_or("", String::as_str);
            let some = self.queue.at(stream.0).events_after(&stream.1, after, EVENTS).await?;
            more |= some.len() == EVENTS;
            all.extend(some.into_iter().map(|kept| (stream.clone(), kept)));
        }
        // Stable: those of a stream stay in their order.
        all.sort_by_key(|(_, kept)| kept.at_ms);
        more |= all.len() > EVENTS;
        all.truncate(EVENTS);
        let mut page = Vec::new();
        for (stream, kept) in all {
            self.marks.insert(stream.clone(), kept.id.clone());
            page.extend(self.shown(&stream, kept));
        }
        Ok(Page { events: page, after: self.cursor(), more })
    }

    /// The latest events, oldest first, at most `most`; what comes after them is in the next page.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn latest(&mut self, most: usize) -> Result<Vec<Shown>, Error> {
        let mut all = Vec::new();
        for stream in self.streams().await? {
            let some = self.queue.at(stream.0).latest_events(&stream.1, EVENTS).await?;
            if let Some(last) = some.first() {
                self.marks.insert(stream.clone(), last.id.clone());
            }
            all.extend(some.into_iter().rev().filter_map(|kept| self.shown(&stream, kept)));
        }
        all.sort_by_key(|event: &Shown| event.at_ms);
        Ok(all.split_off(all.len().saturating_sub(most)))
    }

    fn shown(&self, stream: &Stream, kept: KeptEvent) -> Option<Shown> {
        let (shown, core) = Shown::of(&stream.1, kept)?;
        self.asked.takes(&core).then_some(shown)
    }

    async fn streams(&self) -> Result<Vec<Stream>, Error> {
        let all = streams(self.queue).await?.into_iter();
        let wanted = |source: &String| self.asked.source.as_ref().is_none_or(|s| s == source);
        Ok(all.filter(|(_, source)| wanted(source)).collect())
    }
}

fn mark(part: &str) -> Option<(Stream, String)> {
    let (stream, id) = part.split_once('=')?;
    let (number, source) = stream.split_once('.')?;
    let (ms, n) = id.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let fits = events::is_name(source) && is_number(ms) && is_number(n);
    fits.then_some(((number.parse().ok()?, source.to_owned()), id.to_owned()))
}

async fn streams(queue: &Queue) -> Result<Vec<Stream>, Error> {
    let mut all = Vec::new();
    for part in queue.each() {
        let sources = part.event_sources().await?;
        all.extend(sources.into_iter().map(|source| (part.number(), source)));
    }
    Ok(all)
}

/// The failures among the fleet's own events of this handle's partition, from a moment on, with their times: what can pile
/// up, see [`scrum_domain::observe`].
///
/// # Errors
/// A failure of Redis.
pub async fn failures(part: &Queue, from_ms: u64) -> Result<Vec<(u64, Event)>, Error> {
    let mut all = Vec::new();
    for source in [events::ATTEMPTS, events::DEAD_LETTERS] {
        let mut after = from_ms.to_string();
        loop {
            let page = part.events_after(source, &after, EVENTS).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            let read = |kept: KeptEvent| {
                let event: Event = serde_json::from_str(&kept.json).ok()?;
                (!event.success).then_some((kept.at_ms, event))
            };
            all.extend(page.into_iter().filter_map(read));
        }
    }
    Ok(all)
}

/// The troubles of a sweep, the latest first: its diagnoses, and what piles up and has none yet, as its numbers tell it.
///
/// # Errors
/// A failure of Redis, or a row that this program can't read.
pub async fn troubles(
    queue: &Queue,
    sweep: &SweepId,
    bounds: Bounds,
) -> Result<Vec<DiagnosisRow>, Error> {
    let mut all = diagnoses(queue, sweep).await?;
    let part = queue.of_sweep(sweep);
    let now = timestamp(part.now_ms().await?);
    let mut found = failures(&part, 0).await?;
    found.retain(|(_, event)| event.sweep == *sweep);
    for cluster in clusters(&found, bounds) {
        let known = |row: &DiagnosisRow| row.diagnosis_id == cluster.key.row_id(cluster.window);
        if all.iter().any(known) {
            continue;
        }
        let targets = queue.targets_known(sweep, &cluster.targets).await?;
        let files = targets.into_iter().flatten().map(|target| target.path).collect();
        all.push(cluster.row(files, &now));
    }
    all.sort_by_key(|row| std::cmp::Reverse(row.until_ms));
    Ok(all)
}

async fn diagnoses(queue: &Queue, sweep: &SweepId) -> Result<Vec<DiagnosisRow>, Error> {
    let (mut all, mut after): (Vec<DiagnosisRow>, Option<String>) = (Vec::new(), None);
    loop {
        let (rows, end) = queue.rows_page(sweep, after.as_deref(), PAGE).await?;
        all.extend(rows);
        after = end;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// The troubles of the latest sweeps that lasted until a moment, the latest first.
///
/// # Errors
/// A failure of Redis, or a row that this program can't read.
pub async fn latest_troubles(
    queue: &Queue,
    sweeps: usize,
    since_ms: u64,
    bounds: Bounds,
) -> Result<Vec<DiagnosisRow>, Error> {
    let mut all = Vec::new();
    for sweep in queue.latest_sweeps(sweeps).await? {
        all.extend(troubles(queue, &sweep, bounds).await?);
    }
    all.retain(|row| row.until_ms >= since_ms);
    all.sort_by_key(|row| std::cmp::Reverse(row.until_ms));
    Ok(all)
}

/// The numbers of a source. All but the first are of the events that are kept.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct SourceStats {
    /// Events that were ever written.
    pub total: u64,
    /// Those that are kept.
    pub kept: u64,
    /// Failures among them.
    pub failures: u64,
    /// Share of the others, 0 to 1; null without an event.
    pub success_rate: Option<f64>,
    /// Milliseconds that half of the calls did not exceed; null without a call.
    pub p50_ms: Option<f64>,
    /// Milliseconds that 95 percent of them did not exceed.
    pub p95_ms: Option<f64>,
}

/// The numbers of all sources.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct EventStats {
    /// Events that were ever written.
    pub total: u64,
    /// The numbers of each source that has events.
    pub by_source: BTreeMap<String, SourceStats>,
}

/// What the events come to.
///
/// # Errors
/// A failure of Redis.
pub async fn stats(queue: &Queue) -> Result<EventStats, Error> {
    let mut all = EventStats::default();
    let mut durations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (number, source) in streams(queue).await? {
        let part = queue.at(number);
        let total = part.events_written(&source).await?;
        if total == 0 {
            continue;
        }
        all.total += total;
        let of = all.by_source.entry(source.clone()).or_default();
        of.total += total;
        let took = durations.entry(source.clone()).or_default();
        let mut after = String::new();
        loop {
            let page = part.events_after(&source, &after, EVENTS).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for (_, core) in page.into_iter().filter_map(|kept| Shown::of(&source, kept)) {
                of.kept += 1;
                of.failures += u64::from(!core.success);
                took.extend(Some(core.duration_ms).filter(|ms| *ms > 0.0));
            }
        }
    }
    for (source, of) in &mut all.by_source {
        let took = durations.remove(source).unwrap_or_default();
        of.finish(took);
    }
    Ok(all)
}

impl SourceStats {
    fn finish(&mut self, mut took: Vec<f64>) {
        took.sort_by(f64::total_cmp);
        let rank = |percent: usize| took.get((took.len() * percent).div_ceil(100).max(1) - 1);
        (self.p50_ms, self.p95_ms) = (rank(50).copied(), rank(95).copied());
        let good = self.kept.saturating_sub(self.failures);
        self.success_rate = (self.kept > 0).then(|| good as f64 / self.kept as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_a_stream_and_a_place_in_it() {
        assert_eq!(mark("3.ci-2.x=17-1"), Some(((3, "ci-2.x".into()), "17-1".into())));
        for bad in ["", "3.ci", "ci=1-1", "3.CI=1-1", "3.ci=1", "3.ci=a-b", "-1.ci=1-1"] {
            assert_eq!(mark(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_those_of_calls() {
        let mut of = SourceStats { kept: 4, failures: 1, ..SourceStats::default() };
        of.finish(vec![30.0, 10.0, 20.0]);
        assert_eq!((of.p50_ms, of.p95_ms, of.success_rate), (Some(20.0), Some(30.0), Some(0.75)));
        let mut none = SourceStats::default();
        none.finish(Vec::new());
        assert_eq!(none, SourceStats::default());
    }
}

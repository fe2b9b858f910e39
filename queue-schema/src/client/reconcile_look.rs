//! What the reconciler sees of a partition: many commands, so nothing in here is a proof.

use super::reconcile::{Fault, groups_of};
use super::{Queue, QueueError, SweepState};
use crate::ids::{ReviewId, SweepId};
use crate::keys;
use crate::records::sweep::fields;
use crate::sweep::TargetStatus;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Ids asked for by one command.
const PAGE: usize = 500;
/// A cheap look passes over the targets of a sweep that has more jobs.
const CHEAP_JOBS: u64 = 20_000;

/// A job that seems not to be where its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    pub id: String,
    /// Lists, by lane and group, where it was seen.
    pub lists: Vec<(String, String)>,
}

/// The record of a job, as far as it says where the job is.
#[derive(Debug, Clone, Default)]
struct Record {
    state: String,
    lane: String,
    group: String,
    target: String,
    listed: bool,
    together: bool,
}

/// One look at a partition.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Every lane that ever had a job.
    pub lanes: Vec<String>,
    /// Sweeps that are not over, or have jobs.
    pub open: BTreeSet<String>,
    /// Their targets in work.
    pub live: BTreeMap<String, Vec<u32>>,
    /// Those of them for which no job was seen.
    pub idle: BTreeMap<String, Vec<u32>>,
    /// Those of them whose barrier looks full, or counts otherwise than it marks.
    pub full: BTreeMap<String, Vec<u32>>,
    /// All jobs seen anywhere; only in a deep look.
    pub jobs: BTreeSet<String>,
    /// Length of the longest list.
    pub longest: usize,
    /// What could not be looked at, and why.
    pub unread: Vec<(String, QueueError)>,
    /// Keys with members that are not text: key, type, members.
    pub garbage: Vec<(String, &'static str, Vec<Vec<u8>>)>,
    unlisted: Vec<String>,
    records: HashMap<String, Record>,
    places: HashMap<String, Vec<&'static str>>,
    lists: HashMap<String, Vec<(String, String)>>,
}

impl Look {
    /// Looks at a partition, and at jobs that no index names.
    pub async fn take(
        queue: &Queue,
        deep: bool,
        unlisted: Vec<String>,
    ) -> Result<Self, QueueError> {
        let mut look = Self { lanes: lanes(queue).await?, unlisted, ..Self::default() };
        for sweep in queue.sweeps_here().await? {
            match look.take_sweep(queue, &sweep, deep).await {
                Err(error) if error.is_damage() => {
                    look.unread.push((format!("sweep {sweep}"), error));
                    look.open.remove(sweep.as_str());
                }
                done => done?,
            }
        }
        if deep {
            look.find_jobs(queue).await?;
        }
        Ok(look)
    }

    async fn take_sweep(
        &mut self,
        queue: &Queue,
        sweep: &SweepId,
        deep: bool,
    ) -> Result<(), QueueError> {
        let jobs = queue.jobs_of(sweep).await?;
        if jobs == 0 && queue.state_here(sweep).await?.is_none_or(SweepState::is_over) {
            return Ok(());
        }
        self.open.insert(sweep.to_string());
        // Statuses before jobs: a target that is in work then has had a job since.
        let live = live_targets(queue, sweep).await?;
        if !live.is_empty() && (deep || jobs <= CHEAP_JOBS) {
            self.find_idle(queue, sweep, &live).await?;
        }
        self.live.insert(sweep.to_string(), live);
        Ok(())
    }

    /// Jobs whose places are not just the one that their record names.
    pub fn suspects(&self) -> Vec<Suspect> {
        let none = Vec::new();
        let fits = |id: &String| {
            let Some(record) = self.records.get(id) else { return false };
            let lists = self.lists.get(id).map_or(&[][..], Vec::as_slice);
            let places = self.places.get(id).unwrap_or(&none);
            let in_place = match record.state.as_str() {
                "ready" => {
                    places.is_empty() && *lists == [(record.lane.clone(), record.group.clone())]
                }
                state => lists.is_empty() && *places == [state],
            };
            in_place && record.listed && record.together
        };
        let odd = self.jobs.iter().filter(|id| !fits(id));
        odd.map(|id| Suspect {
            id: id.clone(),
            lists: self.lists.get(id).cloned().unwrap_or_default(),
        })
        .collect()
    }

    /// Groups that may have a list in a lane.
    pub fn groups(&self, lane: &str) -> BTreeSet<String> {
        let mut open = self.open.clone();
        open.insert(String::new());
        let mut groups: BTreeSet<String> = groups_of(&open).into_iter().collect();
        groups.extend(self.records.values().filter(|r| r.lane == lane).map(|r| r.group.clone()));
        let seen = self.lists.values().flatten().filter(|(l, _)| l == lane);
        groups.extend(seen.map(|(_, group)| group.clone()));
        groups
    }

    /// By how many jobs the lists of each lane are too long, by the reported faults.
    pub fn off(&self, faults: &[Fault]) -> BTreeMap<String, i64> {
        let mut off: BTreeMap<String, i64> = BTreeMap::new();
        let told: BTreeSet<&String> = faults.iter().map(|f| &f.what).collect();
        for id in told {
            let lists = self.lists.get(id).map_or(&[][..], Vec::as_slice);
            for (lane, _) in lists {
                *off.entry(lane.clone()).or_default() += 1;
            }
            let elsewhere = |r: &&Record| ["leased", "delayed", "dead"].contains(&r.state.as_str());
            if let Some(record) = self.records.get(id).filter(|r| !elsewhere(r)) {
                *off.entry(record.lane.clone()).or_default() -= 1;
            }
        }
        off
    }

    async fn find_idle(
        &mut self,
        queue: &Queue,
        sweep: &SweepId,
        live: &[u32],
    ) -> Result<(), QueueError> {
        let mut busy: HashSet<u32> = HashSet::new();
        let mut other = Vec::new();
        let start = format!("{sweep}-");
        for id in members(queue, &keys::jobs(sweep)).await? {
            let ordinal = id.strip_prefix(&start).and_then(|rest| rest.split('.').next());
            match ordinal.and_then(|n| n.parse().ok()) {
                Some(n) => {
                    busy.insert(n);
                }
                None => other.push(id),
            }
        }
        for record in records(queue, &other).await?.into_values() {
            busy.extend(record.target.parse::<u32>());
        }
        let idle: Vec<u32> = live.iter().filter(|n| !busy.contains(n)).copied().collect();
        for (odd, found) in
            [(&mut self.idle, idle), (&mut self.full, full_barriers(queue, sweep, live).await?)]
        {
            if !found.is_empty() {
                odd.insert(sweep.to_string(), found);
            }
        }
        Ok(())
    }

    async fn find_jobs(&mut self, queue: &Queue) -> Result<(), QueueError> {
        for sweep in self.open.iter().map(String::as_str).chain([""]) {
            self.jobs.extend(members(queue, &keys::jobs(sweep)).await?);
        }
        self.jobs.extend(std::mem::take(&mut self.unlisted));
        let sets = [(keys::LEASES, "leased"), (keys::DELAYED, "delayed"), (keys::DEAD, "dead")];
        for (set, state) in sets {
            for id in self.names(queue, set, "zset").await? {
                self.places.entry(id.clone()).or_default().push(state);
                self.jobs.insert(id);
            }
        }
        let ids: Vec<String> = self.jobs.iter().cloned().collect();
        self.records = records(queue, &ids).await?;
        // Lanes whose turns and counters are gone are those of their jobs.
        let known = self.lanes.drain(..).chain(self.records.values().map(|r| r.lane.clone()));
        let known: BTreeSet<String> = known.filter(|l| !l.is_empty()).collect();
        self.lanes = known.into_iter().collect();
        for lane in self.lanes.clone() {
            let mut groups = self.groups(&lane);
            groups.extend(self.names(queue, &keys::ring(&lane), "zset").await?);
            for group in groups {
                let list = self.names(queue, &keys::queue(&lane, &group), "list").await?;
                self.longest = self.longest.max(list.len());
                for id in list {
                    let place = (lane.clone(), group.clone());
                    self.lists.entry(id.clone()).or_default().push(place);
                    self.jobs.insert(id);
                }
            }
        }
        let late: Vec<String> =
            self.jobs.iter().filter(|id| !self.records.contains_key(*id)).cloned().collect();
        self.records.extend(records(queue, &late).await?);
        self.find_finished();
        Ok(())
    }

    /// Counts jobs that only the index lacks as work, and dead ones not.
    fn find_finished(&mut self) {
        for (sweep, live) in &self.live {
            let group = format!("|{sweep}");
            let here = self.records.values().filter(|r| r.group.ends_with(&group));
            let (dead, busy): (Vec<&Record>, Vec<&Record>) = here.partition(|r| r.state == "dead");
            let targets = |some: Vec<&Record>| -> HashSet<u32> {
                some.iter().filter_map(|r| r.target.parse().ok()).collect()
            };
            let (dead, busy) = (targets(dead), targets(busy));
            let idle = self.idle.entry(sweep.clone()).or_default();
            idle.extend(live.iter().filter(|n| dead.contains(n)));
            idle.retain(|n| !busy.contains(n));
        }
    }

    /// Names in a key; those that are not text are kept apart.
    async fn names(
        &mut self,
        queue: &Queue,
        key: &str,
        kind: &'static str,
    ) -> Result<Vec<String>, QueueError> {
        let command = if kind == "zset" { "ZRANGE" } else { "LRANGE" };
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for name in pages(queue, command, key).await? {
            match String::from_utf8(name) {
                Ok(name) => good.push(name),
                Err(error) => bad.push(error.into_bytes()),
            }
        }
        if !bad.is_empty() {
            self.garbage.push((key.to_owned(), kind, bad));
        }
        Ok(good)
    }
}

async fn lanes(queue: &Queue) -> Result<Vec<String>, QueueError> {
    let mut conn = queue.conn();
    let mut lanes: BTreeSet<String> = BTreeSet::new();
    for key in [keys::TURN, keys::READY] {
        let some: Vec<String> =
            redis::cmd("HKEYS").arg(queue.key(key)).query_async(&mut conn).await?;
        lanes.extend(some);
    }
    lanes.remove("*");
    Ok(lanes.into_iter().collect())
}

async fn live_targets(queue: &Queue, sweep: &SweepId) -> Result<Vec<u32>, QueueError> {
    let mut conn = queue.conn();
    let codes: Option<String> =
        redis::cmd("GET").arg(queue.key(&keys::statuses(sweep))).query_async(&mut conn).await?;
    let live = TargetStatus::Live.code();
    Ok((0..)
        .zip(codes.unwrap_or_default().chars())
        .filter(|(_, c)| *c == live)
        .map(|(n, _)| n)
        .collect())
}

/// Those one of whose barriers has let in all, or counts otherwise than it marks.
async fn full_barriers(
    queue: &Queue,
    sweep: &SweepId,
    live: &[u32],
) -> Result<Vec<u32>, QueueError> {
    let mut conn = queue.conn();
    let mut found = Vec::new();
    let endings: Option<String> = redis::cmd("HGET")
        .arg(queue.key(&keys::sweep(sweep)))
        .arg(fields::BARRIERS)
        .query_async(&mut conn)
        .await?;
    let endings = endings.unwrap_or_default();
    let barriers: Vec<(u32, String)> = endings
        .split_whitespace()
        .flat_map(|ending| {
            live.iter().map(move |n| (*n, format!("{}{ending}", ReviewId::new(sweep, *n))))
        })
        .collect();
    for page in barriers.chunks(PAGE) {
        let (mut counts, mut marks) = (redis::pipe(), redis::pipe());
        for (_, name) in page {
            counts.cmd("HMGET").arg(queue.key(&keys::barrier(name))).arg(&["size", "n"]);
            marks.cmd("BITCOUNT").arg(queue.key(&keys::barrier_members(name)));
        }
        let counts: Vec<[Option<u64>; 2]> = counts.query_async(&mut conn).await?;
        let marks: Vec<u64> = marks.query_async(&mut conn).await?;
        for ((n, _), ([size, counted], here)) in page.iter().zip(counts.into_iter().zip(marks)) {
            if size.is_some_and(|size| here >= size || counted != Some(here)) {
                found.push(*n);
            }
        }
    }
    Ok(found)
}

/// Members of a set, in pages.
async fn members(queue: &Queue, key: &str) -> Result<Vec<String>, QueueError> {
    let mut conn = queue.conn();
    let mut all = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let (next, page): (u64, Vec<String>) = redis::cmd("SSCAN")
            .arg(queue.key(key))
            .arg(cursor)
            .arg("COUNT")
            .arg(PAGE)
            .query_async(&mut conn)
            .await?;
        all.extend(page);
        if next == 0 {
            return Ok(all);
        }
        cursor = next;
    }
}

/// Elements of a list or sorted set, in pages from its end, so that changes at its head meanwhile hide nothing.
async fn pages(queue: &Queue, command: &str, key: &str) -> Result<Vec<Vec<u8>>, QueueError> {
    const STEP: i64 = 500;
    let mut conn = queue.conn();
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut last = -1_i64;
    loop {
        let first = last - STEP + 1;
        let page: Vec<Vec<u8>> = redis::cmd(command)
            .arg(queue.key(key))
            .arg(first)
            .arg(last)
            .query_async(&mut conn)
            .await?;
        let more = !page.is_empty();
        all.extend(page);
        if !more {
            return Ok(all);
        }
        last -= STEP;
    }
}

/// What the records of jobs say of their places. A job without one is not in the answer.
async fn records(queue: &Queue, ids: &[String]) -> Result<HashMap<String, Record>, QueueError> {
    type Fields = [Option<String>; 5];
    let mut conn = queue.conn();
    let mut all = HashMap::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        let mut pipe = redis::pipe();
        for id in page {
            let key = queue.key(&keys::job(id));
            pipe.cmd("HMGET").arg(key).arg(&["st", "l", "p", "s", "g"]);
        }
        let found: Vec<Fields> = pipe.query_async(&mut conn).await?;
        let mut pipe = redis::pipe();
        for (id, fields) in page.iter().zip(&found) {
            let [_, _, _, sweep, target] = fields.clone().map(Option::unwrap_or_default);
            pipe.cmd("SISMEMBER").arg(queue.key(&keys::jobs(&sweep))).arg(id);
            pipe.cmd("SISMEMBER").arg(queue.key(&keys::dead_of_target(&sweep, &target))).arg(id);
        }
        let sets: Vec<bool> = pipe.query_async(&mut conn).await?;
        for ((id, fields), sets) in page.iter().zip(found).zip(sets.chunks_exact(2)) {
            if fields.iter().all(Option::is_none) {
                continue;
            }
            let [state, lane, prio, sweep, target] = fields.map(Option::unwrap_or_default);
            let alone = state != "dead" || sweep.is_empty() || target.is_empty();
            let record = Record {
                group: format!("{prio}|{sweep}"),
                listed: sets[0],
                together: alone || sets[1],
                state,
                lane,
                target,
            };
            all.insert(id.clone(), record);
        }
    }
    Ok(all)
}

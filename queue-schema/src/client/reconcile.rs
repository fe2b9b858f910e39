//! The reconciler: proves that each job is in exactly one place and each counter right, and says
//! what it mended.
//!
//! A look takes many commands, and a queue at work moves meanwhile. So a look only suspects; what
//! it suspects is judged, and mended, by one script at one moment (`lua/reconcile.lua`). Values that can't
//! be read are reported and mended before that (`check_keys.rs`).

use super::check_keys::Level;
use super::reconcile_look::{Look, Suspect};
use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which partition.
    pub partition: u16,
    /// `type`, `value`, `job`, `sweep`, `plan`, `run`, `unread`; `lost`, `stray`, `twice`, `state`, `index`,
    /// `letter`, `turn`, `counter`, `window`, `ended`, `target`, `barrier`, `wake`.
    pub kind: String,
    /// The job, lane, sweep or review that it is about.
    pub what: String,
    /// What is wrong.
    pub message: String,
    /// True when it has been put right.
    pub mended: bool,
}

/// What a check looked at, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueueCheck {
    /// Jobs whose place was checked.
    pub jobs: u64,
    /// Lanes whose turns and counter were checked.
    pub lanes: u64,
    /// Sweeps whose counters were checked.
    pub sweeps: u64,
    /// Targets in work.
    pub targets: u64,
    /// True when the faults found hide other parts of the queue, which were not checked.
    pub partial: bool,
    /// What is not as it must be.
    pub faults: Vec<Fault>,
}

/// Elements of lists that one call walks at most, more or less: a few milliseconds.
const WALK: usize = 200_000;
/// Suspects judged by one call at most.
const JUDGED: usize = 100;
/// Between being woken and claiming lies the way to Redis; this is long for it.
const CLAIM_TIME: Duration = Duration::from_millis(250);

impl Queue {
    /// Checks this handle's partition. A deep check looks at the place of each job, and for keys of
    /// another type and jobs that nothing names among all keys of the server; a cheap one at counters,
    /// turns, sweeps and their targets in work. Mending gives up no sweep here.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn check(&self, deep: bool, mend: bool) -> Result<QueueCheck, QueueError> {
        self.look_over(deep, if mend { Level::Mend } else { Level::Look }).await
    }

    async fn look_over(&self, deep: bool, level: Level) -> Result<QueueCheck, QueueError> {
        let mend = level > Level::Look;
        let form = self.form(deep, level).await?;
        if !mend && !form.faults.is_empty() {
            // The rest can't be judged before these keys are mended.
            return Ok(QueueCheck { partial: true, faults: form.faults, ..QueueCheck::default() });
        }
        let pools = self.pools().await?.into_iter().map(|p| p.pool);
        let mut words: Vec<String> = std::iter::once(String::new()).chain(pools).collect();
        let wake = self.judge("wake", mend, &words).await;
        let (turn, waiting) = split_first(wake?);
        let look = Look::take(self, deep, form.unlisted).await?;
        let mut done = QueueCheck {
            jobs: look.jobs.len() as u64,
            lanes: look.lanes.len() as u64,
            sweeps: look.open.len() as u64,
            targets: look.live.values().map(|all| all.len() as u64).sum(),
            partial: false,
            faults: form.faults,
        };
        for (what, error) in &look.unread {
            self.unread(what, error, &mut done);
        }
        for (key, kind, members) in &look.garbage {
            done.faults.extend(self.no_names(key, kind, members, level).await?);
        }
        if deep {
            self.jobs(&look, mend, &mut done).await?;
        }
        self.structures(&look, mend, &mut done).await?;
        if !waiting.is_empty() {
            // The first look has mended nothing by itself: a token that is put back too early only
            // wakes somebody for nothing.
            tokio::time::sleep(CLAIM_TIME).await;
            words[0] = turn;
            let (_, faults) = split_first(self.judge("wake", mend, &words).await?);
            self.report(faults, mend, &mut done);
        }
        Ok(done)
    }

    /// A deep check of all partitions. Mending gives up sweeps whose records are destroyed.
    ///
    /// # Errors
    /// A failure of Redis; doing it again is safe.
    pub async fn check_all(&self, mend: bool) -> Result<QueueCheck, QueueError> {
        let mut all = QueueCheck::default();
        for part in self.each() {
            let level = if mend { Level::GiveUp } else { Level::Look };
            let one = part.look_over(true, level).await?;
            all.jobs += one.jobs;
            all.lanes += one.lanes;
            all.sweeps += one.sweeps;
            all.targets += one.targets;
            all.partial |= one.partial;
            all.faults.extend(one.faults);
        }
        Ok(all)
    }

    async fn jobs(&self, look: &Look, mend: bool, done: &mut QueueCheck) -> Result<(), QueueError> {
        let suspects = look.suspects();
        let most = (WALK / look.longest.max(1)).clamp(1, JUDGED);
        for chunk in suspects.chunks(most) {
            let mut args = vec![self.options().lease.as_millis().to_string()];
            for Suspect { id, lists } in chunk {
                args.push(id.clone());
                args.push(lists.len().to_string());
                for (lane, group) in lists {
                    args.extend([lane.clone(), group.clone()]);
                }
            }
            self.judged("jobs", mend, &args, done).await?;
        }
        Ok(())
    }

    /// Lanes, pools, sweeps and their targets.
    async fn structures(
        &self,
        look: &Look,
        mend: bool,
        done: &mut QueueCheck,
    ) -> Result<(), QueueError> {
        // Without mending, a job in a wrong place would be reported again by each counter.
        let off = if mend { BTreeMap::new() } else { look.off(&done.faults) };
        for lane in &look.lanes {
            let more = off.get(lane).copied().unwrap_or(0);
            let mut args = vec![lane.clone(), more.to_string()];
            args.extend(look.groups(lane));
            self.judged("lane", mend, &args, done).await?;
        }
        for sweep in &look.open {
            self.judged("sweep", mend, std::slice::from_ref(sweep), done).await?;
        }
        for (sweep, targets) in look.full.iter().chain(&look.idle) {
            for chunk in targets.chunks(JUDGED) {
                let mut args = vec![sweep.clone()];
                args.extend(chunk.iter().map(ToString::to_string));
                self.judged("targets", mend, &args, done).await?;
            }
        }
        Ok(())
    }

    /// Judges and reports. A value that the script can't read is one more fault; the rest is still judged.
    async fn judged(
        &self,
        what: &str,
        mend: bool,
        rest: &[String],
        done: &mut QueueCheck,
    ) -> Result<(), QueueError> {
        match self.judge(what, mend, rest).await {
            Ok(faults) => self.report(faults, mend, done),
            Err(error) if error.is_damage() => {
                let about = rest.first().map_or("", String::as_str);
                self.unread(&format!("{what} {about}"), &error, done);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn unread(&self, what: &str, error: &QueueError, done: &mut QueueCheck) {
        let message = format!("it can't be judged: {error}");
        done.faults.push(self.fault("unread", what, message, false));
    }

    pub(super) fn fault(&self, kind: &str, what: &str, message: String, mended: bool) -> Fault {
        let (kind, what) = (kind.to_owned(), what.to_owned());
        Fault { partition: self.number(), kind, what, message, mended }
    }

    async fn judge(
        &self,
        what: &str,
        mend: bool,
        rest: &[String],
    ) -> Result<Vec<String>, QueueError> {
        // The first look for missing tokens only looks.
        let mend = mend && !(what == "wake" && rest.first().is_none_or(String::is_empty));
        let mut args: Vec<Vec<u8>> = vec![what.into(), if mend { "1" } else { "0" }.into()];
        args.extend(rest.iter().map(|r| r.clone().into_bytes()));
        let words: Vec<Vec<u8>> = self.run(&SCRIPTS.reconcile, args).await?;
        Ok(words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect())
    }

    fn report(&self, words: Vec<String>, mended: bool, done: &mut QueueCheck) {
        let mut words = words.into_iter();
        while let (Some(kind), Some(what), Some(message)) =
            (words.next(), words.next(), words.next())
        {
            done.faults.push(self.fault(&kind, &what, message, mended));
        }
    }
}

fn split_first(mut words: Vec<String>) -> (String, Vec<String>) {
    if words.is_empty() {
        return (String::new(), words);
    }
    let first = words.remove(0);
    (first, words)
}

/// Groups in which jobs of these sweeps can wait, whatever their priority.
pub(super) fn groups_of(sweeps: &BTreeSet<String>) -> Vec<String> {
    sweeps.iter().flat_map(|s| (0..3).map(move |p| format!("{p}|{s}"))).collect()
}

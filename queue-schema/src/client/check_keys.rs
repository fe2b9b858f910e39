//! Finds and mends keys of the wrong type and values that no script can use. This comes before the rest of a
//! check, which reads what this leaves.

use super::forget::LONGEST_TURN_MS;
use super::reconcile::Fault;
use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::ids::{SweepId, review_in, split_run};
use crate::keys::{self, Damage, KeyRow, KeyType, TABLE, row_of};
use crate::records::sweep::fields;
use crate::rows::STREAMS;
use std::collections::BTreeSet;

/// How far a check goes in putting things right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Reports only.
    Look,
    /// Also mends what can be made anew. Workers do this.
    Mend,
    /// Also gives up sweeps that can't be mended. Only a person asks for this.
    GiveUp,
}

/// Keys looked at by one call of a search through the server.
const SCANNED: usize = 1000;
/// Keys, jobs or sweeps judged by one call.
pub(super) const JUDGED: usize = 100;
/// Records read by one command.
pub(super) const PAGE: usize = 500;
/// Sweeps whose keys a cheap look checks the types of.
const CHEAP_SWEEPS: usize = 200;

/// What a look at the forms has found.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub faults: Vec<Fault>,
    /// Jobs that no index of a sweep names; only of a deep look.
    pub unlisted: Vec<String>,
}

/// What a search through the server has found.
#[derive(Debug, Default)]
struct Found {
    wrong: Vec<String>,
    unlisted: Vec<String>,
    sweeps: BTreeSet<SweepId>,
}

impl Queue {
    /// What a script of this partition could not use since the last call of this.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn take_damage(&self) -> Result<Option<String>, QueueError> {
        let mut conn = self.conn();
        let key = self.key(keys::DAMAGED);
        if !redis::cmd("EXISTS").arg(&key).query_async::<bool>(&mut conn).await? {
            return Ok(None);
        }
        let what: redis::RedisResult<Vec<u8>> =
            redis::cmd("GET").arg(&key).query_async(&mut conn).await;
        redis::cmd("UNLINK").arg(&key).query_async::<()>(&mut conn).await?;
        Ok(Some(String::from_utf8_lossy(&what.unwrap_or_default()).into_owned()))
    }

    /// Looks at types and values, and puts them right as far as `level` goes.
    pub(super) async fn form(&self, deep: bool, level: Level) -> Result<Form, QueueError> {
        let mut form = Form::default();
        let single = TABLE.iter().filter(|r| r.is_single()).map(|r| r.name.to_owned()).collect();
        self.types(single, level, &mut form).await?;
        if level == Level::Look && !form.faults.is_empty() {
            // Their contents can't be read. Other keys of a wrong type can still be reported.
            if deep {
                let mut wrong = self.scan(level, &mut form).await?.wrong;
                wrong.retain(|name| name.contains(':'));
                self.types(wrong, level, &mut form).await?;
            }
            return Ok(form);
        }
        let lease = self.options().lease.as_millis().to_string();
        let args = [lease, LONGEST_TURN_MS.to_string()].map(String::into_bytes).to_vec();
        form.faults.extend(self.judge_form("values", level, args).await?);
        for row in TABLE.iter().filter(|r| r.is_single() && r.kind == KeyType::Zset) {
            self.names(row.name, "zset", level, &mut form).await?;
        }
        let mut found =
            if deep { self.scan(level, &mut form).await? } else { self.cheap_keys().await? };
        self.types(std::mem::take(&mut found.wrong), level, &mut form).await?;
        form.unlisted = found.unlisted;
        found.sweeps.extend(self.sweeps_here().await?);
        if level == Level::Look && form.faults.iter().any(|f| f.kind == "type") {
            return Ok(form);
        }
        let none = BTreeSet::from([SweepId::default()]);
        for sweep in found.sweeps.iter().chain(deep.then_some(&none).into_iter().flatten()) {
            match self.sweep_form(sweep, deep, level, &mut form).await {
                // Reported above, or written since.
                Err(error) if error.is_damage() => {}
                done => done?,
            }
        }
        Ok(form)
    }

    /// Checks the types of keys, and does what must follow where one is set aside.
    async fn types(
        &self,
        names: Vec<String>,
        level: Level,
        form: &mut Form,
    ) -> Result<(), QueueError> {
        let known = names.into_iter().filter_map(|n| row_of(&n).map(|r| (n, r)));
        let rows: Vec<(String, &KeyRow)> = known.collect();
        let first = form.faults.len();
        for page in rows.chunks(JUDGED) {
            let mut args = Vec::new();
            for (name, row) in page {
                let needs = if row.damage == Damage::Sweep { "2" } else { "1" };
                let words = [name.as_str(), row.kind.word(), row.damage.says(), needs];
                args.extend(words.map(|w| w.as_bytes().to_vec()));
            }
            form.faults.extend(self.judge_form("types", level, args).await?);
        }
        // Only now do all keys have their types.
        for fault in form.faults[first..].iter().filter(|f| f.mended) {
            self.follow(&fault.what).await?;
        }
        Ok(())
    }

    /// Removes what depends on a key that was set aside. What depends on jobs and sweeps is found later, by
    /// what is left of them.
    async fn follow(&self, name: &str) -> Result<(), QueueError> {
        let Some((row, rest)) = row_of(name).zip(name.split_once(':').map(|(_, rest)| rest)) else {
            return Ok(());
        };
        let review = review_in(rest).and_then(|review| Some((review.sweep(), review.target()?)));
        let (check, args) = match (row.damage, review) {
            (Damage::Review, Some((sweep, target))) => {
                ("restart", vec![sweep.into(), target.to_string().into()])
            }
            (Damage::Review | Damage::Run, _) => match split_run(rest) {
                Some((sweep, run)) => ("run", vec![sweep.into(), run.into()]),
                None => return Ok(()),
            },
            (Damage::Sweep, _) if row.kind == KeyType::Stream => {
                // Its results are gone, so it is as if it had no record.
                let sweep = rest.rsplit(':').next().unwrap_or(rest);
                let mut conn = self.conn();
                return Ok(redis::cmd("HDEL")
                    .arg(self.key(&keys::sweep(sweep)))
                    .arg(fields::SPEC)
                    .query_async(&mut conn)
                    .await?);
            }
            _ => return Ok(()),
        };
        self.judge_form(check, Level::Mend, args).await.map(|_| ())
    }

    /// All keys of the partition, in pages through the server.
    async fn scan(&self, level: Level, form: &mut Form) -> Result<Found, QueueError> {
        let mut types = Vec::new();
        for row in TABLE {
            let colon = if row.is_single() { "" } else { ":" };
            types.push(format!("{}{colon}", row.head()).into_bytes());
            types.push(row.kind.word().into());
        }
        let mut found = Found::default();
        let mut cursor = "0".to_owned();
        loop {
            let mut args = vec![cursor.into_bytes(), SCANNED.to_string().into()];
            args.extend(types.clone());
            let mut words = self.form_words("scan", level, args).await?.into_iter();
            cursor = words.next().unwrap_or_default();
            while let (Some(kind), Some(name)) = (words.next(), words.next()) {
                match kind.as_str() {
                    "type" => found.wrong.push(name),
                    "name" => {
                        let message = "nothing of the queue has such a name: removed".to_owned();
                        let mended = level > Level::Look;
                        form.faults.push(self.fault("type", &name, message, mended));
                    }
                    "job" => found.unlisted.push(name),
                    _ => {
                        found.sweeps.insert(name.into());
                    }
                }
            }
            if cursor == "0" || cursor.is_empty() {
                return Ok(found);
            }
        }
    }

    /// The keys that can stop unrelated work: those of lanes, pools and the latest sweeps.
    async fn cheap_keys(&self) -> Result<Found, QueueError> {
        type Names = Vec<Vec<u8>>;
        let mut conn = self.conn();
        let mut wrong = Vec::new();
        let (turn, pools, workers): (Names, Names, Names) = redis::pipe()
            .cmd("HKEYS")
            .arg(self.key(keys::TURN))
            .cmd("SMEMBERS")
            .arg(self.key(keys::POOLS))
            .cmd("ZRANGE")
            .arg(self.key(keys::WORKERS))
            .arg(0)
            .arg(PAGE)
            .query_async(&mut conn)
            .await?;
        let text = |all: Names| all.into_iter().filter_map(|n| String::from_utf8(n).ok());
        for lane in text(turn).filter(|l| l != "*") {
            wrong.extend([keys::ring(&lane), keys::wake_of(&lane)]);
        }
        for pool in text(pools) {
            wrong.extend([keys::pool(&pool), keys::freed(&pool)]);
        }
        wrong.extend(text(workers).map(|w| keys::worker(&w)));
        for sweep in self.sweeps_here().await?.into_iter().rev().take(CHEAP_SWEEPS) {
            wrong.extend([keys::sweep(&sweep), keys::statuses(&sweep), keys::targets(&sweep)]);
            wrong.extend([keys::jobs(&sweep), keys::parked(&sweep), keys::apply_runs(&sweep)]);
            wrong.extend([keys::ledger(&sweep), keys::loop_counters(&sweep)]);
            for stream in STREAMS {
                wrong.extend([keys::rows(stream, &sweep), keys::row_ids(stream, &sweep)]);
            }
        }
        Ok(Found { wrong, ..Found::default() })
    }

    /// The members of a key; those that can't be names are faults. Names without a record are found later.
    pub(super) async fn names(
        &self,
        key: &str,
        kind: &str,
        level: Level,
        form: &mut Form,
    ) -> Result<Vec<String>, QueueError> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for name in self.members_of(key, kind).await? {
            match String::from_utf8(name) {
                Ok(name) if !name.is_empty() && !name.contains(char::is_control) => good.push(name),
                Ok(name) => bad.push(name.into_bytes()),
                Err(e) => bad.push(e.into_bytes()),
            }
        }
        form.faults.extend(self.no_names(key, kind, &bad, level).await?);
        Ok(good)
    }

    /// Removes members that can't be names.
    pub(super) async fn no_names(
        &self,
        key: &str,
        kind: &str,
        members: &[Vec<u8>],
        level: Level,
    ) -> Result<Vec<Fault>, QueueError> {
        let mut faults = Vec::new();
        for page in members.chunks(JUDGED) {
            let args = [vec![key.into(), kind.into()], page.to_vec()].concat();
            faults.extend(self.judge_form("members", level, args).await?);
        }
        Ok(faults)
    }

    async fn members_of(&self, key: &str, kind: &str) -> Result<Vec<Vec<u8>>, QueueError> {
        let mut conn = self.conn();
        let mut cmd = redis::cmd(if kind == "zset" { "ZRANGE" } else { "SMEMBERS" });
        cmd.arg(self.key(key));
        if kind == "zset" {
            cmd.arg(0).arg(-1);
        }
        Ok(cmd.query_async(&mut conn).await?)
    }

    pub(super) async fn judge_form(
        &self,
        what: &str,
        level: Level,
        rest: Vec<Vec<u8>>,
    ) -> Result<Vec<Fault>, QueueError> {
        Ok(self.faults_of(self.form_words(what, level, rest).await?))
    }

    /// The script's answer, as text; what is not UTF-8 is replaced.
    pub(super) async fn form_words(
        &self,
        what: &str,
        level: Level,
        rest: Vec<Vec<u8>>,
    ) -> Result<Vec<String>, QueueError> {
        let mut args: Vec<Vec<u8>> = vec![what.into(), (level as u8).to_string().into()];
        args.extend(rest);
        let script = match what {
            "jobs" | "restart" | "run" => &SCRIPTS.check_jobs,
            "sweep" | "targets" => &SCRIPTS.check_sweeps,
            "rows" | "unrowed" => &SCRIPTS.check_rows,
            _ => &SCRIPTS.check_keys,
        };
        let words: Vec<Vec<u8>> = self.run(script, args).await?;
        Ok(words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect())
    }

    /// The faults in the script's answer: four words each.
    pub(super) fn faults_of(&self, words: Vec<String>) -> Vec<Fault> {
        let mut words = words.into_iter();
        let mut faults = Vec::new();
        while let (Some(kind), Some(what), Some(message), Some(mended)) =
            (words.next(), words.next(), words.next(), words.next())
        {
            faults.push(self.fault(&kind, &what, message, mended == "1"));
        }
        faults
    }
}

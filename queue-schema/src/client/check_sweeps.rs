//! Finds and mends what can't be used of a sweep: its record, jobs, targets and rows. See `check_keys.rs`.

use super::check_keys::{Form, JUDGED, Level, PAGE};
use super::reconcile::Fault;
use super::sweeps::{last_job, review_template};
use super::{Queue, QueueError};
use crate::ids::{ReviewId, SweepId};
use crate::jobs::{JobKind, Plan, Review};
use crate::keys;
use crate::records::Counter;
use crate::records::sweep::fields;
use crate::rows::STREAMS;
use crate::sign;
use crate::sweep::{SweepSpec, Target};

/// Rows looked at by one call.
const ROWS: usize = 200;
/// Jobs or targets that one step of forgetting a lost sweep removes.
const STEP: u32 = 500;

/// A value without its signature, which is checked where the value is used.
fn plain(kept: &[u8]) -> &[u8] {
    std::str::from_utf8(kept).map_or(kept, |text| sign::unchecked(text).as_bytes())
}

impl Queue {
    /// Checks a sweep's record, jobs, targets and rows; for the empty name, the jobs without a sweep. A cheap
    /// look checks only the record, and only of sweeps that are not over.
    pub(super) async fn sweep_form(
        &self,
        sweep: &SweepId,
        deep: bool,
        level: Level,
        form: &mut Form,
    ) -> Result<(), QueueError> {
        let jobs = if deep {
            self.names(&keys::jobs(sweep), "set", level, form).await?
        } else {
            Vec::new()
        };
        form.faults.extend(self.job_form(sweep, &jobs, level).await?);
        if sweep.is_empty() {
            // Also leased, delayed and dead jobs, of whatever sweep.
            for set in [keys::LEASES, keys::DELAYED, keys::DEAD] {
                let ids = self.names(set, "zset", level, form).await?;
                form.faults.extend(self.job_form(sweep, &ids, level).await?);
            }
            let faults = self.job_form(sweep, &form.unlisted, level).await?;
            form.faults.extend(faults);
            return Ok(());
        }
        let mut conn = self.conn();
        let [head_field, tail_field] = fields::TEMPLATE;
        let [state, spec, head, tail, after]: [Option<Vec<u8>>; 5] = redis::cmd("HMGET")
            .arg(self.key(&keys::sweep(sweep)))
            .arg(&[fields::STATE, fields::SPEC, head_field, tail_field, fields::LAST])
            .query_async(&mut conn)
            .await?;
        let over = matches!(state.as_deref(), Some(b"done" | b"failed" | b"cancelled"));
        if over && !deep {
            return Ok(());
        }
        let spec = spec.unwrap_or_default();
        // Only a program with the key can make signed values anew.
        let mute = !self.options().signer.is_on() && plain(&spec).len() < spec.len();
        let spec = match serde_json::from_slice::<SweepSpec>(plain(&spec)) {
            Ok(spec) => Some(spec),
            Err(error) if is_of_another_version(plain(&spec)) => {
                form.faults.push(self.newer(sweep, &error));
                return Ok(());
            }
            Err(_) => None,
        };
        let lacks_after = after.is_none() && spec.as_ref().is_some_and(SweepSpec::is_followed);
        if mute && (head.is_none() || tail.is_none() || lacks_after) {
            form.faults.push(self.without_key(sweep));
            return Ok(());
        }
        let args = self.sweep_args(sweep, spec.as_ref())?;
        let faults = self.judge_form("sweep", level, args).await?;
        let is = |kind: &str| faults.iter().any(|f| f.kind == kind && f.mended);
        let (lost, unplanned) = (is("sweep"), is("unlisted"));
        form.faults.extend(faults);
        if lost {
            self.forget(sweep, STEP, None).await?;
        } else if unplanned && mute {
            form.faults.push(self.without_key(sweep));
        } else if let Some(status) = if unplanned { self.sweep_status(sweep).await? } else { None }
        {
            self.replan(&status).await?;
        }
        if let Some(spec) = spec.filter(|_| deep && !lost) {
            if !over {
                let level = if mute { Level::Look } else { level };
                self.target_form(sweep, level, form).await?;
            }
            self.row_form(sweep, spec.accepted_by(), level, form).await?;
        }
        Ok(())
    }

    /// The records of jobs; `sweep` is the one whose index names them, empty for none.
    async fn job_form(
        &self,
        sweep: &SweepId,
        ids: &[String],
        level: Level,
    ) -> Result<Vec<Fault>, QueueError> {
        let mut faults = Vec::new();
        for page in ids.chunks(JUDGED) {
            let args = std::iter::once(sweep.as_str()).chain(page.iter().map(String::as_str));
            let args = args.map(|w| w.as_bytes().to_vec()).collect();
            faults.extend(self.judge_form("jobs", level, args).await?);
        }
        Ok(faults)
    }

    fn without_key(&self, sweep: &SweepId) -> Fault {
        let message =
            "what it lacks is signed: mend it with the fleet's key (queue.signing_key_env)";
        self.fault("unread", &format!("sweep {sweep}"), message.to_owned(), false)
    }

    fn newer(&self, sweep: &SweepId, error: &serde_json::Error) -> Fault {
        let message = format!(
            "another version wrote its request ({error}): look at it with that version; nothing is changed"
        );
        self.fault("unread", &format!("sweep {sweep}"), message, false)
    }

    /// What the script makes a sweep's record anew of, where its request can be read.
    fn sweep_args(
        &self,
        sweep: &SweepId,
        spec: Option<&SweepSpec>,
    ) -> Result<Vec<Vec<u8>>, QueueError> {
        let Some(spec) = spec else { return Ok(vec![sweep.clone().into(), b"0".to_vec()]) };
        let (head, tail) = review_template(sweep, &self.options().signer)?;
        let lane = Review { sweep: sweep.clone(), target: 0 }.lane();
        let [window, max] =
            [spec.limits.admission_window, self.options().max_attempts].map(|n| n.to_string());
        let lister = Plan { sweep: sweep.clone(), first: 0 }.lane();
        let accepts = spec.accepted_by().to_owned();
        let counters = Counter::ALL.map(Counter::as_str).join(" ");
        let args = [
            sweep.to_string(),
            "1".to_owned(),
            lane,
            head,
            tail,
            window,
            max,
            lister,
            accepts,
            counters,
            keys::shard_barrier(&ReviewId::default()),
        ];
        let mut args = args.map(String::into_bytes).to_vec();
        if let Some(last) = last_job(sweep, spec)? {
            let mut words = Vec::new();
            last.encode(self.sending(), &mut words);
            // Of the flat form: id, lane, attempts, body.
            args.extend([0, 1, 6, 7].map(|at| std::mem::take(&mut words[at])));
        }
        Ok(args)
    }

    /// The records of a sweep's targets.
    async fn target_form(
        &self,
        sweep: &SweepId,
        level: Level,
        form: &mut Form,
    ) -> Result<(), QueueError> {
        let mut conn = self.conn();
        let total: u32 = redis::cmd("STRLEN")
            .arg(self.key(&keys::statuses(sweep)))
            .query_async(&mut conn)
            .await?;
        let ordinals: Vec<u32> = (0..total).collect();
        let mut args = vec![sweep.as_bytes().to_vec()];
        for page in ordinals.chunks(PAGE) {
            let mut cmd = redis::cmd("HMGET");
            cmd.arg(self.key(&keys::targets(sweep))).arg(page);
            let found: Vec<Option<Vec<u8>>> = cmd.query_async(&mut conn).await?;
            for (n, json) in page.iter().zip(found) {
                if json.is_some_and(|json| serde_json::from_slice::<Target>(plain(&json)).is_ok()) {
                    continue;
                }
                let skip = Some("its record in the queue was damaged".to_owned());
                let path = format!("(unknown file {n})");
                let instead = Target { path, blob: "0".repeat(40), bytes: 0, skip };
                let instead =
                    serde_json::to_string(&instead).map_err(|e| QueueError::record("target", e))?;
                let (n, signer) = (n.to_string(), &self.options().signer);
                let instead = signer.seal(&keys::targets(sweep), &n, &instead).into_owned();
                args.extend([n.into_bytes(), instead.into_bytes()]);
            }
        }
        for page in args[1..].chunks(2 * JUDGED) {
            let args = [&args[..1], page].concat();
            form.faults.extend(self.judge_form("targets", level, args).await?);
        }
        Ok(())
    }

    /// Checks rows and their index where the two differ in number.
    async fn row_form(
        &self,
        sweep: &SweepId,
        accepted_by: &str,
        level: Level,
        form: &mut Form,
    ) -> Result<(), QueueError> {
        for stream in STREAMS {
            // First entries that are not rows are removed, then index entries without a row.
            for (check, first, last) in [("rows", "-", ""), ("unrowed", "0", "0")] {
                let (rows, index) = self.row_counts(stream, sweep).await?;
                let mut from = (rows != index).then(|| first.to_owned());
                while let Some(at) = from {
                    let accepts = if *stream == accepted_by { "1" } else { "0" };
                    let args = [*stream, sweep, &at, &ROWS.to_string(), accepts];
                    let args = args.map(|w| w.as_bytes().to_vec()).to_vec();
                    let mut words = self.form_words(check, level, args).await?;
                    let next = (!words.is_empty()).then(|| words.remove(0));
                    from = next.filter(|next| next != last);
                    form.faults.extend(self.faults_of(words));
                }
            }
        }
        Ok(())
    }

    async fn row_counts(&self, stream: &str, sweep: &SweepId) -> Result<(u64, u64), QueueError> {
        let mut conn = self.conn();
        let counts = redis::pipe()
            .cmd("XLEN")
            .arg(self.key(&keys::rows(stream, sweep)))
            .cmd("HLEN")
            .arg(self.key(&keys::row_ids(stream, sweep)))
            .query_async(&mut conn)
            .await?;
        Ok(counts)
    }
}

/// Whether a request that can't be read is whole all the same: one with fields that this version does not know.
fn is_of_another_version(spec: &[u8]) -> bool {
    let read = serde_json::from_slice::<serde_json::Value>(spec);
    read.is_ok_and(|spec| {
        spec["v"].is_u64() && spec["repo"].is_string() && spec["ladder"].is_object()
    })
}

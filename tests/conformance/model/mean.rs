//! What an operation means here and now: jobs, leases and effects that fit the queue as it is.

use crate::ops::{End, Outcome, Pick, Spec, What, Which};
use crate::run::Run;
use proptest::sample::Index;
use queue_schema::client::{ClaimRequest, Commit, Lease};
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, NewJob, Priority};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::facts::FactsStage;
use queue_schema::jobs::{Facts, Plan, Rung};
use queue_schema::keys;
use queue_schema::sweep::{SweepSpec, Target, TargetStatus};
use scrum_tests::requests;

pub const LANES: [&str; 6] = ["plan", "review", "rung:gpu", "shard:gpu", "rung:cpu", "facts:gpu"];
pub const POOLS: [&str; 4] = ["gpu", "cpu", "review", "plan"];
pub const PRIORITIES: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];
const LATER_MS: u64 = 3_600_000;

pub fn pick<T>(all: &[T], index: Index) -> Option<&T> {
    (!all.is_empty()).then(|| index.get(all))
}

pub fn nth<T: Copy, const N: usize>(all: [T; N], n: u8) -> T {
    all[usize::from(n) % N]
}

impl Run<'_> {
    pub fn request(&mut self, worker: u8, want: u32, lanes: u8) -> ClaimRequest {
        self.serial += 1;
        let served = LANES.iter().enumerate().filter(|(i, _)| lanes & (1 << i) != 0);
        ClaimRequest {
            worker: format!("w{worker}").into(),
            request: format!("w{worker}/{}", self.serial),
            want,
            lanes: served.map(|(_, l)| (*l).to_owned()).collect(),
            room: self.room.clone(),
        }
    }

    pub fn lease(&self, which: &Pick) -> Option<Lease> {
        match which {
            Pick::Held(index) => pick(&self.model.leases(), *index).cloned(),
            Pick::Ever(index) => pick(&self.given, *index).cloned(),
            Pick::Forged(index) => pick(&self.given, *index).map(|l| Lease {
                job: l.job.clone(),
                token: "forged".to_owned(),
                partition: 0,
            }),
        }
    }

    pub fn sweep(&self, which: &Which, own: &str) -> String {
        match which {
            Which::None => String::new(),
            Which::Own if !own.is_empty() => own.to_owned(),
            Which::Own => "loose0".to_owned(),
            Which::Loose(n) => format!("loose{n}"),
            Which::Made(index) => {
                pick(&self.model.sweep_ids(), *index).cloned().unwrap_or_default()
            }
        }
    }

    pub fn job(&self, spec: &Spec, by: Option<&str>) -> NewJob {
        let place = by.and_then(|id| self.model.place(id));
        let (sweep, target) = match (&spec.sweep, place) {
            (Which::Own, Some(place)) => place,
            (which, _) => (self.sweep(which, ""), spec.target.map(u32::from)),
        };
        NewJob {
            id: format!("job{}", spec.id).into(),
            lane: nth(LANES, spec.lane).to_owned(),
            priority: nth(PRIORITIES, spec.priority),
            sweep: sweep.into(),
            target,
            delay_ms: if spec.later { LATER_MS } else { 0 },
            max_attempts: Some(spec.most),
            body: format!("body{} of job{}", spec.most, spec.id),
        }
    }

    pub fn commit_of(&self, outcome: &Outcome) -> Option<Commit> {
        let lease = self.lease(&outcome.lease)?;
        let list = outcome.effects.iter().map(|w| self.effect(w, &lease.job)).collect();
        let ending = match outcome.end {
            End::Done => Ending::Done,
            End::Retry => Ending::Retry { delay_ms: LATER_MS, reason: "not now".to_owned() },
            End::HandBack => Ending::HandBack,
            End::Wait => Ending::Wait { delay_ms: LATER_MS, reason: "no room".to_owned() },
            End::Dead(n) => {
                let classes =
                    [DeadClass::LadderExhausted, DeadClass::Undecodable, DeadClass::Fatal];
                Ending::Dead { class: nth(classes, n), reason: "never".to_owned() }
            }
        };
        Some(Commit { lease, effects: Effects { list, ending } })
    }

    fn effect(&self, what: &What, by: &str) -> Effect {
        let (own, own_target) = self.model.place(by).unwrap_or_default();
        let sweep = |which: &Which| SweepId::from(self.sweep(which, &own));
        match what {
            What::Enqueue(spec) => Effect::Enqueue(self.job(spec, Some(by))),
            What::Row { sweep: which, id } => self.row(&sweep(which), &format!("row{id}")),
            What::Put { key, value } => Effect::Put {
                key: format!("rev:r{key}"),
                field: "text".to_owned(),
                value: value.to_string(),
            },
            What::Add { key, by } => Effect::Add {
                key: format!("rev:r{key}"),
                field: "number".to_owned(),
                by: i64::from(*by),
            },
            What::Tally { key, by } => Effect::Tally {
                key: format!("rev:r{key}"),
                adds: (0..).zip(by).map(|(f, n)| (format!("n{f}"), i64::from(*n))).collect(),
            },
            What::Took { sweep, what, by } => match pick(&self.model.sweep_ids(), *sweep) {
                Some(sweep) => Effect::Add {
                    key: format!("sw:{sweep}"),
                    field: nth(
                        ["calls", "tokens_in", "tokens_out", "tokens_guessed", "cost_micro_usd"],
                        *what,
                    )
                    .to_owned(),
                    by: i64::from(*by),
                },
                None => Effect::Delete { key: "rev:r0".to_owned() },
            },
            What::Append { key, value } => {
                Effect::Append { key: format!("att:r{key}"), value: value.to_string() }
            }
            What::Index { member, out } => {
                let (key, member) = ("fx:m".to_owned(), format!("name{member}"));
                if *out { Effect::Unindex { key, member } } else { Effect::Index { key, member } }
            }
            What::Delete { key, list } => {
                Effect::Delete { key: format!("{}:r{key}", if *list { "att" } else { "rev" }) }
            }
            What::Barrier { name, size, then } => Effect::Barrier {
                name: format!("meet{name}"),
                size: *size,
                then: self.job(then, Some(by)),
            },
            What::Arrive { name, member } => {
                Effect::Arrive { name: format!("meet{name}"), member: *member }
            }
            What::Page { sweep: which, wrong, skipped } => {
                let sweep = sweep(which);
                let first = self.model.targets(&sweep) + u32::from(*wrong);
                Effect::PlanTargets {
                    sweep,
                    first,
                    targets: skipped.iter().map(|s| target_of(*s)).collect(),
                }
            }
            What::PlanDone(which) => Effect::PlanDone { sweep: sweep(which) },
            What::Settle { sweep: which, target, status } => Effect::Settle {
                sweep: sweep(which),
                target: match (which, own_target) {
                    (Which::Own, Some(own)) => own,
                    _ => u32::from(*target),
                },
                status: nth(
                    [
                        TargetStatus::Resolved,
                        TargetStatus::Resolved,
                        TargetStatus::Skipped,
                        TargetStatus::Unresolved,
                        TargetStatus::Live,
                        TargetStatus::LeftOut,
                    ],
                    *status,
                ),
            },
        }
    }

    /// What a handler would commit for this job, with more or less luck.
    pub fn work(&self, id: &str, luck: u8, page: &[bool]) -> Effects {
        let (sweep, target) = self.model.place(id).unwrap_or_default();
        let sweep = SweepId::from(sweep);
        match (target, luck % 9) {
            (_, 0) => Effects::retry(LATER_MS, "not now"),
            (_, 1) => Effects::dead(DeadClass::LadderExhausted, "never"),
            (None, luck) => {
                let first = self.model.targets(&sweep);
                let targets: Vec<_> = page.iter().map(|s| target_of(*s)).collect();
                let next = Plan { sweep: sweep.clone(), first: first + targets.len() as u32 };
                let effects = Effects::done().with(Effect::PlanTargets {
                    sweep: sweep.clone(),
                    first,
                    targets,
                });
                match luck {
                    2 | 3 => effects.enqueue(&next).unwrap(),
                    _ => effects.with(Effect::PlanDone { sweep }),
                }
            }
            (Some(target), 2) => Effects::done().with(Effect::Settle {
                sweep,
                target,
                status: TargetStatus::Skipped,
            }),
            (Some(target), 3 | 4) => Effects::done()
                .enqueue(&Rung {
                    sweep,
                    target,
                    rung: 0,
                    attempt: luck.into(),
                    provider: "gpu".to_owned(),
                    passed: 0,
                })
                .unwrap(),
            // Accepted, and its facts are still to be taken out.
            (Some(target), 5) => Effects::done()
                .with(self.row(&sweep, &ReviewId::new(&sweep, target)))
                .enqueue(&Facts {
                    sweep,
                    target,
                    stage: FactsStage::Extract,
                    provider: "gpu".to_owned(),
                })
                .unwrap(),
            (Some(target), 8) if target < self.model.targets(&sweep) => Effects::done()
                .with(Effect::Append {
                    key: format!("att:{sweep}-{target}"),
                    value: "rejected".to_owned(),
                })
                .with(Effect::Put {
                    key: keys::left_out(&sweep),
                    field: target.to_string(),
                    value: "why".to_owned(),
                })
                .with(Effect::Settle { sweep, target, status: TargetStatus::LeftOut }),
            (Some(target), _) => Effects::done()
                .with(self.row(&sweep, &ReviewId::new(&sweep, target)))
                .with(Effect::Settle { sweep, target, status: TargetStatus::Resolved }),
        }
    }

    fn row(&self, sweep: &SweepId, id: &str) -> Effect {
        Effect::AppendRow {
            sweep: sweep.clone(),
            stream: self.model.accepted_by(sweep),
            row_id: id.to_owned(),
            json: "{}".to_owned(),
        }
    }
}

fn target_of(skipped: bool) -> Target {
    Target {
        path: "a/file".to_owned(),
        blob: "0".repeat(40),
        bytes: 1,
        skip: skipped.then(|| "binary".to_owned()),
    }
}

/// One of a few requests, each with another window. Something follows the end of every other one.
pub fn sweep_spec(n: u8) -> SweepSpec {
    let spec = requests::sweep_spec(n, u32::from(n) + 1);
    if n.is_multiple_of(2) { spec } else { requests::diff_spec(spec) }
}

//! Key names. Every key that one script touches carries one hash tag, `{namespace:partition}`,
//! so that a Redis Cluster keeps them on one node.
//!
//! | key after the tag | type | holds |
//! |---|---|---|
//! | `j:JOB` | hash | record of a job: lane, priority, sweep, target, state, attempts, crashes, token |
//! | `b:JOB` | string | its body, an [`crate::envelope::Envelope`] as [`crate::body`] keeps it |
//! | `q:LANE:GROUP` | list | ready job ids of one group (priority and sweep) |
//! | `ring:LANE` | zset | groups with ready jobs, by turn |
//! | `turn` | hash | lane -> turns given so far; `*` for the lanes' own |
//! | `ready` | hash | lane -> ready jobs |
//! | `leased`, `limits`, `rates` | hash | pool -> jobs leased, allowed at a time, allowed a minute |
//! | `permits:POOL` | zset | places of a pool by deadline, in the pool's own partition, when there are several |
//! | `freed:POOL` | list | at most one token: somebody should reserve |
//! | `bucket:POOL` | hash | token bucket: tokens, and when they were counted |
//! | `paused`, `cancelled` | set | `lane:NAME` and `sweep:ID` not claimed from; sweeps to be dropped |
//! | `parked:SWEEP` | set | lanes and groups of a paused sweep that claims have set aside |
//! | `leases` | zset | leased job ids by deadline (ms, Redis clock) |
//! | `delayed` | zset | delayed job ids by due time (ms) |
//! | `dead` | zset | dead job ids by time of death (ms) |
//! | `js:SWEEP` | set | ids of all jobs of a sweep, in whatever state; `js:` of those without a sweep |
//! | `dt:SWEEP:TARGET` | set | dead job ids of one target, which go back together |
//! | `wake`, `wake:LANE`, `wake:apply:*` | list | at most one token: somebody should claim |
//! | `workers`, `w:WORKER` | zset, hash | workers by last sign of life; what they are |
//! | `bar:NAME` | hash | a barrier: size, arrivals, continuation |
//! | `barm:NAME` | string | which members have arrived, a bit each |
//! | `sweeps` | zset | sweep ids by time of creation |
//! | `forgetting` | zset | sweeps that are being forgotten, by the time of its beginning |
//! | `upkeep` | string | who looks after the partition now; ends by itself |
//! | `sw:SWEEP` | hash | a sweep: spec, state, counters |
//! | `st:SWEEP` | string | status of each target, a character each |
//! | `tg:SWEEP` | hash | ordinal -> target |
//! | `rows:STREAM:SWEEP` | stream | rows of the knowledge base |
//! | `rowid:STREAM:SWEEP` | hash | row id -> stream entry; makes a row unique |
//! | `rev:REVIEW` | hash | what a review has gathered: shard summaries, tokens, the facts to be checked |
//! | `att:REVIEW` | list | its attempts |
//! | `aps:SWEEP` | list | runs of the applier over a sweep |
//! | `ap:SWEEP.RUN` | hash | a run of the applier: its spec, what was proposed for each file, how it ended |
//! | `nofacts:SWEEP` | hash | ordinal -> why an accepted review has no facts, or unchecked ones |
//! | `left:SWEEP` | hash | target -> why a review that had begun was left out, see [`crate::budget`] |
//! | `alerts:SWEEP` | hash | rung -> what its provider keeps refusing; `.scrumignore` -> its lines that are no patterns |
//! | `led:SWEEP` | hash | the sweep's ledger: counters by model, task and metric, see [`crate::ledger`] |
//! | `met:SWEEP` | hash | the sweep's loop counters: findings, tiers, markers and more of accepted reviews |
//! | `trust` | hash | the ledger of all sweeps of the partition, forgotten ones included |
//! | `doc:SHA`, `users:doc:SHA` | string, set | a document; the sweeps that have it |
//! | `ans:KEY` | string | a paid answer under its content key |
//! | `vec:KEY` | string | a vector of a passage or query under its content key |

/// Prefix of all keys of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition(String);

impl Partition {
    /// The prefix of partition `p` of namespace `ns`.
    pub fn new(ns: &str, p: u16) -> Self {
        Self(format!("{{{ns}:{p}}}:"))
    }

    /// The prefix itself: what the scripts get as their one key.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// A key of this partition.
    pub fn key(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.0)
    }
}

/// The partition of a sweep, and so of its targets, reviews, jobs, rows and barriers: whatever one
/// commit may touch lives together. The same in every version of this program: a fleet that
/// counted otherwise would look for its jobs in the wrong place.
pub fn partition_of(sweep: &str, partitions: u16) -> u16 {
    // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = sweep.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % u64::from(partitions.max(1))) as u16
}

/// The pool of a lane is what its limit counts: "rung:ollama" and "shard:ollama" share "ollama". As
/// `pool_of` in `lua/prelude.lua`.
pub fn pool_of(lane: &str) -> &str {
    match lane.split_once(':') {
        Some((_, pool)) if !pool.is_empty() => pool,
        _ => lane,
    }
}

/// Suffix of the hash in which a review gathers what its jobs find.
pub fn review_state(review: &str) -> String {
    format!("rev:{review}")
}

/// Field of a review's state that holds how many secrets were masked in what was sent of a shard.
pub fn shard_masked(k: u32) -> String {
    format!("x{k}")
}

/// Field of a review's state that holds a ladder of its own, as JSON.
pub const LADDER_FIELD: &str = "ladder";

/// Field of a review's state that holds the ends of its shards, ascending, with commas between; only
/// where shards run one after the other.
pub const CUTS_FIELD: &str = "cuts";

/// Field of a review's state that says why the last shard failed that no rung could read.
pub const GAP_FIELD: &str = "gap";

/// Field of a review's state that holds how often it died because none of its shards could be read.
pub const UNREAD_FIELD: &str = "unread";

/// Field of a review's state that holds how often all of its shards were asked again after that.
pub const AGAIN_FIELD: &str = "again";

/// Field of a review's state that holds the accepted review until its facts are taken out.
pub const ACCEPTED_FIELD: &str = "accepted";

/// Field of a review's state that holds the facts until they are checked, as JSON.
pub const FACTS_FIELD: &str = "facts";

/// Suffix of the hash of why accepted reviews have no facts, or unchecked ones, by target.
pub fn without_facts(sweep: &str) -> String {
    format!("nofacts:{sweep}")
}

/// Suffix of the hash of a sweep's record.
pub fn sweep(sweep: &str) -> String {
    format!("sw:{sweep}")
}

/// Suffix of the hash of a sweep's targets.
pub fn targets(sweep: &str) -> String {
    format!("tg:{sweep}")
}

/// Suffix of the stream of a sweep's rows of one kind.
pub fn rows(stream: &str, sweep: &str) -> String {
    format!("rows:{stream}:{sweep}")
}

/// Suffix of a paid answer.
pub fn answer(content_key: &str) -> String {
    format!("ans:{content_key}")
}

/// Suffix of the list of a review's attempts.
pub fn attempts(review: &str) -> String {
    format!("att:{review}")
}

/// Suffix of the hash of what a sweep's operator must be told, by rung.
pub fn alerts(sweep: &str) -> String {
    format!("alerts:{sweep}")
}

/// Suffix of the list of a sweep's runs of the applier.
pub fn apply_runs(sweep: &str) -> String {
    format!("aps:{sweep}")
}

/// Suffix of the hash of one run of the applier.
pub fn apply_run(sweep: &str, run: &str) -> String {
    format!("ap:{sweep}.{run}")
}

/// Name of the barrier at which the proposals of a run of the applier meet.
pub fn apply_barrier(sweep: &str, run: &str) -> String {
    format!("{sweep}.{run}")
}

/// Field of a run of the applier that holds what was proposed for one of its files.
pub fn proposal(member: u32) -> String {
    format!("p{member}")
}

/// Suffix of the hash of a sweep's ledger.
pub fn ledger(sweep: &str) -> String {
    format!("led:{sweep}")
}

/// Suffix of the hash of a sweep's loop counters.
pub fn loop_counters(sweep: &str) -> String {
    format!("met:{sweep}")
}

/// Suffix of the hash of what models have shown over all sweeps.
pub const TRUST: &str = "trust";

/// Suffix of the hash of why reviews of a sweep that had begun were left out, by target.
pub fn left_out(sweep: &str) -> String {
    format!("left:{sweep}")
}

/// Field of a review's state that says why one of its shards was left out, and so the review.
pub const LEFT_FIELD: &str = "left";

/// Field of a review's state that counts the calls of one life of a job that met passing trouble.
pub fn tries_field(life: &str) -> String {
    format!("tries.{life}")
}

/// Name of the barrier at which a review's shards meet.
pub fn shard_barrier(review: &str) -> String {
    format!("{review}.shards")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_partition_share_its_hash_tag() {
        let p = Partition::new("scrum", 3);
        assert_eq!(p.key("j:x"), "{scrum:3}:j:x");
        assert!(p.key(&review_state("r")).starts_with(p.prefix()));
    }
}

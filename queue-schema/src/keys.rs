//! Key names. Every key that one script touches carries one hash tag, `{namespace:partition}`,
//! so that a Redis Cluster keeps them on one node.
//!
//! [`TABLE`] has a row for each name, and a constant or function that gives it. Nothing else spells a
//! name: `tests/conformance/house/keys.rs` looks for one.

mod table;

pub use table::*;

use crate::ids::{MemoryId, ReviewId, RunId, SweepId, repo_of};
use crate::records::{finding, review, run, sweep};

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

/// The partition of a sweep, and so of its targets, reviews, jobs, rows and barriers: that of its
/// repository, because whatever one commit may touch lives together. A sweep of before, whose id names no
/// repository, stays where it was.
pub fn partition_of(sweep: &str, partitions: u16) -> u16 {
    partition_of_name(repo_of(sweep).unwrap_or(sweep), partitions)
}

/// The partition of what is remembered of a repository: that of its sweeps, so that one commit changes both.
pub fn partition_of_memory(memory: &MemoryId, partitions: u16) -> u16 {
    partition_of_name(&memory.repo(), partitions)
}

/// The partition of what stands alone: an answer, a vector, a pool. The same in every version of this
/// program: a fleet that counted otherwise would look in the wrong place.
pub fn partition_of_name(name: &str, partitions: u16) -> u16 {
    // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash % u64::from(partitions.max(1))) as u16
}

/// The pool of a lane is where its calls are counted: "rung:ollama" and "shard:ollama" share "ollama". As
/// `pool_of` in `lua/include/lanes.lua`.
pub fn pool_of(lane: &str) -> &str {
    match lane.split_once(':') {
        Some((_, pool)) if !pool.is_empty() => pool,
        _ => lane,
    }
}

/// Name of the barrier at which the proposals of a run of the applier meet.
pub fn apply_barrier(sweep: &SweepId, run: &RunId) -> String {
    format!("{sweep}.{run}")
}

/// Name of the barrier at which a review's shards meet.
pub fn shard_barrier(review: &ReviewId) -> String {
    format!("{review}.shards")
}

/// Name of the barrier at which the votes on a claim, or on the findings of a review, meet.
pub fn vote_barrier(review: &ReviewId) -> String {
    format!("{review}.votes")
}

/// Whether a field of a hash decides what workers run, read or send, and so has a signature.
pub fn is_signed(key: &str, field: &str) -> bool {
    match key.split(':').next().unwrap_or_default() {
        "tg" | "schedules" => true,
        "sw" => field == sweep::fields::SPEC,
        "ap" => {
            let number = field.strip_prefix(run::fields::PROPOSAL);
            field == run::fields::SPEC || number.is_some_and(|k| k.parse::<u32>().is_ok())
        }
        "rev" => field == review::fields::LADDER || field == review::fields::MEMORY,
        // What is shown to a model, or decides which one is asked.
        "pw" => field.starts_with("t:") || field.starts_with("a:"),
        "ar" => field.starts_with("f:") || field.starts_with("d:"),
        "fd" => finding::fields::SIGNED.iter().any(|head| field.starts_with(head)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where they lie in a fleet of before this version, and must be found.
    #[test]
    fn sweeps_of_a_repository_share_a_partition_and_those_of_before_stay() {
        let lie = |ids: &[&str]| ids.iter().map(|id| partition_of(id, 16)).collect::<Vec<_>>();
        let old = ["0123456789abcdef", "fedcba9876543210", "s"];
        assert_eq!(lie(&old), [13, 9, 2]);
        let of_one = lie(&["0123456789abcdef01234567", "01234567ffffffffffffffff"]);
        assert_eq!(of_one, [partition_of_name("01234567", 16); 2]);
        let mut all: Vec<u16> =
            (0..200).map(|i| partition_of(&format!("{i:08x}{i:016x}"), 16)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 16, "repositories spread");
    }

    #[test]
    fn keys_of_a_partition_share_its_hash_tag() {
        let p = Partition::new("scrum", 3);
        assert_eq!(p.key(&job("x")), "{scrum:3}:j:x");
        assert!(p.key(&review_state("r")).starts_with(p.prefix()));
    }
}

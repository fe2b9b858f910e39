//! What may happen to a queue, as data: generated, made smaller, and meant by the run.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

/// A job before it has a place.
#[derive(Debug, Clone)]
pub struct Spec {
    pub id: u8,
    pub lane: u8,
    pub priority: u8,
    pub sweep: Which,
    /// `None`: a job of the sweep as a whole.
    pub target: Option<u8>,
    pub later: bool,
    pub most: u32,
}

/// Which sweep.
#[derive(Debug, Clone)]
pub enum Which {
    /// None at all.
    None,
    /// That of the job at hand; its target then is the job's too.
    Own,
    /// One that only jobs speak of.
    Loose(u8),
    /// One that is recorded.
    Made(Index),
}

/// Which lease.
#[derive(Debug, Clone)]
pub enum Pick {
    /// One that is held.
    Held(Index),
    /// One that was given once, and may be stale.
    Ever(Index),
    /// One that nobody gave.
    Forged(Index),
}

#[derive(Debug, Clone)]
pub enum What {
    Enqueue(Spec),
    Row {
        sweep: Which,
        id: u8,
    },
    Put {
        key: u8,
        value: u8,
    },
    Add {
        key: u8,
        by: i8,
    },
    /// A field each.
    Tally {
        key: u8,
        by: Vec<i8>,
    },
    /// What a call took, or a part of it.
    Took {
        sweep: Index,
        what: u8,
        by: u8,
    },
    Append {
        key: u8,
        value: u8,
    },
    /// Into an ordered list, or out of it.
    Index {
        member: u8,
        out: bool,
    },
    Delete {
        key: u8,
        list: bool,
    },
    Barrier {
        name: u8,
        size: u32,
        then: Spec,
    },
    Arrive {
        name: u8,
        member: u32,
    },
    /// A page of targets; `true` for one that is skipped.
    Page {
        sweep: Which,
        wrong: bool,
        skipped: Vec<bool>,
    },
    PlanDone(Which),
    Settle {
        sweep: Which,
        target: u8,
        status: u8,
    },
}

#[derive(Debug, Clone)]
pub enum End {
    Done,
    Retry,
    Dead(u8),
    HandBack,
    Wait,
}

#[derive(Debug, Clone)]
pub struct Outcome {
    pub lease: Pick,
    pub effects: Vec<What>,
    pub end: End,
}

#[derive(Debug, Clone)]
pub enum Op {
    Enqueue(Vec<Spec>),
    /// `lanes`: a bit each, 0 for all. `again`: sent once more, the reply was lost.
    Claim {
        worker: u8,
        want: u32,
        lanes: u8,
        again: bool,
    },
    /// The last request of a worker once more, later.
    ClaimAgain {
        worker: u8,
    },
    Renew(Vec<Pick>),
    /// `again`: sent once more, the reply was lost.
    Commit {
        batch: Vec<Outcome>,
        again: bool,
    },
    /// What a handler would commit: pages for a plan job, a row or another rung for a target.
    Work {
        lease: Pick,
        luck: u8,
        page: Vec<bool>,
    },
    LeaseRunsOut(Vec<Index>),
    BecomesDue(Vec<Index>),
    /// With another lane and body, perhaps.
    Revive {
        dead: Index,
        lane: Option<u8>,
    },
    Discard(Index),
    Expire,
    Forget(Index),
    Limit {
        pool: u8,
        most: Option<u32>,
    },
    /// Again with another budget, perhaps.
    Create {
        spec: u8,
        priority: u8,
        caps: [Option<u8>; 3],
    },
    /// `again`: sent once more, the reply was lost.
    Spend {
        leases: Vec<Pick>,
        tokens: u8,
        micro_usd: u8,
        cheaper: bool,
        further: bool,
        again: bool,
    },
    Cancel(Index),
    PauseLane {
        lane: u8,
        pause: bool,
    },
    PauseSweep {
        sweep: Which,
        pause: bool,
    },
}

fn index() -> impl Strategy<Value = Index> {
    any::<Index>()
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        1 => Just(Which::None),
        6 => Just(Which::Own),
        2 => (0..2u8).prop_map(Which::Loose),
        3 => index().prop_map(Which::Made),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    (
        0..16u8,
        0..6u8,
        0..3u8,
        which(),
        option::weighted(0.8, 0..3u8),
        prop::bool::weighted(0.2),
        1..4u32,
    )
        .prop_map(|(id, lane, priority, sweep, target, later, most)| Spec {
            id,
            lane,
            priority,
            sweep,
            target,
            later,
            most,
        })
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        12 => index().prop_map(Pick::Held),
        2 => index().prop_map(Pick::Ever),
        1 => index().prop_map(Pick::Forged),
    ]
}

fn what() -> impl Strategy<Value = What> {
    let page = || (which(), prop::bool::weighted(0.1), vec(prop::bool::weighted(0.2), 0..5));
    prop_oneof![
        4 => spec().prop_map(What::Enqueue),
        2 => (which(), 0..3u8).prop_map(|(sweep, id)| What::Row { sweep, id }),
        1 => (0..2u8, any::<u8>()).prop_map(|(key, value)| What::Put { key, value }),
        1 => (0..2u8, any::<i8>()).prop_map(|(key, by)| What::Add { key, by }),
        1 => (0..2u8, vec(any::<i8>(), 0..3)).prop_map(|(key, by)| What::Tally { key, by }),
        2 => (index(), 0..5u8, 0..3u8).prop_map(|(sweep, what, by)| What::Took { sweep, what, by }),
        1 => (0..2u8, any::<u8>()).prop_map(|(key, value)| What::Append { key, value }),
        1 => (0..3u8, any::<bool>()).prop_map(|(member, out)| What::Index { member, out }),
        1 => (0..2u8, any::<bool>()).prop_map(|(key, list)| What::Delete { key, list }),
        2 => (0..2u8, 1..4u32, spec())
            .prop_map(|(name, size, then)| What::Barrier { name, size, then }),
        4 => (0..2u8, 0..3u32).prop_map(|(name, member)| What::Arrive { name, member }),
        4 => page().prop_map(|(sweep, wrong, skipped)| What::Page { sweep, wrong, skipped }),
        2 => which().prop_map(What::PlanDone),
        5 => (which(), 0..6u8, 0..6u8)
            .prop_map(|(sweep, target, status)| What::Settle { sweep, target, status }),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let end = prop_oneof![
        5 => Just(End::Done),
        3 => Just(End::Retry),
        3 => (0..3u8).prop_map(End::Dead),
        2 => Just(End::HandBack),
        1 => Just(End::Wait),
    ];
    (pick(), vec(what(), 0..5), end).prop_map(|(lease, effects, end)| Outcome {
        lease,
        effects,
        end,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let paused = prop_oneof![
        1 => (0..2u8).prop_map(Which::Loose),
        3 => index().prop_map(Which::Made),
    ];
    prop_oneof![
        12 => vec(spec(), 1..4).prop_map(Op::Enqueue),
        20 => (0..2u8, 1..6u32, prop_oneof![Just(0), 1..64u8], prop::bool::weighted(0.2))
            .prop_map(|(worker, want, lanes, again)| Op::Claim { worker, want, lanes, again }),
        2 => (0..2u8).prop_map(|worker| Op::ClaimAgain { worker }),
        4 => vec(pick(), 0..4).prop_map(Op::Renew),
        22 => (vec(outcome(), 1..4), prop::bool::weighted(0.2))
            .prop_map(|(batch, again)| Op::Commit { batch, again }),
        22 => (pick(), any::<u8>(), vec(prop::bool::weighted(0.2), 1..6))
            .prop_map(|(lease, luck, page)| Op::Work { lease, luck, page }),
        10 => vec(index(), 1..4).prop_map(Op::LeaseRunsOut),
        8 => vec(index(), 1..4).prop_map(Op::BecomesDue),
        6 => (index(), option::of(0..6u8)).prop_map(|(dead, lane)| Op::Revive { dead, lane }),
        3 => index().prop_map(Op::Discard),
        1 => Just(Op::Expire),
        4 => index().prop_map(Op::Forget),
        4 => (prop_oneof![2 => Just(0), 1 => 1..4u8], option::weighted(0.7, 0..4u32)).prop_map(|(pool, most)| Op::Limit { pool, most }),
        6 => (0..3u8, 0..3u8, prop::array::uniform3(option::weighted(0.5, 0..8u8)))
            .prop_map(|(spec, priority, caps)| Op::Create { spec, priority, caps }),
        14 => (vec(pick(), 1..5), 0..4u8, 0..4u8, any::<bool>(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(leases, tokens, micro_usd, cheaper, further, again)| Op::Spend {
                leases,
                tokens,
                micro_usd,
                cheaper,
                further,
                again,
            }),
        2 => index().prop_map(Op::Cancel),
        1 => (0..6u8, any::<bool>()).prop_map(|(lane, pause)| Op::PauseLane { lane, pause }),
        4 => (paused, prop::bool::weighted(0.6))
            .prop_map(|(sweep, pause)| Op::PauseSweep { sweep, pause }),
    ]
}

/// What happens in one life of a queue.
pub fn life() -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..160)
}

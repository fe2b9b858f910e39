//! The table of keys: one row a name, as data. The functions and constants that build the names, the
//! table of docs/state-machine.md, the check of types in `scrum doctor --queue` and the tests' choice of
//! keys are all made from it. No other file spells the name of a key.

use std::fmt::Display;

/// The type that Redis keeps a key as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum KeyType {
    Hash,
    List,
    Set,
    Stream,
    String,
    Zset,
}

impl KeyType {
    /// The word that `TYPE` answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Zset => "zset",
        }
    }
}

/// What mending does after it has set an unusable key aside, see [`SET_ASIDE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is made anew from the records of jobs and sweeps, or when it is next needed.
    Anew,
    /// Its job is removed; a target in work is reviewed again.
    Job,
    /// Its review begins again.
    Review,
    /// Its run of the applier is removed.
    Run,
    /// Its sweep is lost, and is forgotten: only when a person asks for it.
    Sweep,
    /// Nothing depends on it. What is lost.
    Lost(&'static str),
}

impl Damage {
    /// What is done, in a sentence without its subject.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Anew => "made anew",
            Self::Job => "its job is removed; a file in work is reviewed again",
            Self::Review => "its file is reviewed again, from the beginning",
            Self::Run => "its run of the applier is removed; `scrum apply` starts it anew",
            Self::Sweep => "its sweep is lost and forgotten; `scrum sweep` makes it anew",
            Self::Lost(what) => what,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// What stands behind the hash tag; words in capitals stand for names.
    pub name: &'static str,
    /// Its type.
    pub kind: KeyType,
    /// What it holds.
    pub holds: &'static str,
    /// What mending does about it.
    pub damage: Damage,
}

/// What stands before the name of a key that was set aside. Such a key has any type, and ends by itself.
pub const SET_ASIDE: &str = "bad:";

use Damage::{Anew, Job, Lost, Review, Run, Sweep};
use KeyType::{Hash, List, Set, Stream, String as Text, Zset};

/// The constant or function that gives a name.
macro_rules! name {
    ($item:ident, $holds:literal, $single:literal) => {
        #[doc = concat!("The key `", $single, "`: ", $holds, ".")]
        pub const $item: &str = $single;
    };
    ($item:ident, $holds:literal, $head:literal $($word:ident $($mark:literal)?)+) => {
        #[doc = concat!("The key `", $head $(, stringify!($word) $(, $mark)?)+, "`: ", $holds, ".")]
        #[expect(non_snake_case, reason = "the words stand in capitals in the table")]
        pub fn $item($($word: impl Display),+) -> String {
            format!(concat!($head $(, "{}" $(, $mark)?)+), $($word),+)
        }
    };
}

/// Makes the table, and of each row what gives its name: a constant for a key that a partition has once,
/// else a function that takes the words in capitals.
macro_rules! keys {
    ($($item:ident = $head:literal $($word:ident $($mark:literal)?)*,
        $kind:expr, $damage:expr, $holds:literal;)+) => {
        /// All keys.
        pub const TABLE: &[KeyRow] = &[$(KeyRow {
            name: concat!($head $(, stringify!($word) $(, $mark)?)*),
            kind: $kind,
            holds: $holds,
            damage: $damage,
        }),+];
        $(name!($item, $holds, $head $($word $($mark)?)*);)+
    };
}

#[rustfmt::skip]
keys! {
    job = "j:" JOB, Hash, Job, "record of a job: `st` state, `l` lane, `p` priority, `s` sweep, `g` target, `a` attempts, `m` most attempts, `c` crashes, `e` enqueued at, `t` token, `w` worker, `lr` reason of the last retry, `res` tokens and millionths of a dollar held for its call; dead: `dc` class, `dr` reason, `da` died, `df` first died. `s`, `g`, `a` and `c` stand there only where they are not empty or 0";
    body = "b:" JOB, Text, Job, "its body: envelope with kind, versions and payload; packed from 256 bytes on";
    queue = "q:" LANE ":" GROUP, List, Anew, "ready jobs of one group, `PRIORITY\\|SWEEP`";
    ring = "ring:" LANE, Zset, Anew, "groups with ready jobs, by turn";
    TURN = "turn", Hash, Anew, "lane -> turns given; `*` -> turns of the lanes";
    READY = "ready", Hash, Anew, "lane -> ready jobs";
    POOLS = "pools", Set, Anew, "pools with a limit or a rate, in the partition where their places are counted; workers write it when they start, and when it lacks their pool";
    pool = "pool:" POOL, Hash, Anew, "a pool: what it may do, its limit now and what that follows from, how long it pauses (`lua/include/limit.lua`); `w:WORKER` -> calls of a worker under way, whether it lacks places, until when, its last request";
    freed = "freed:" POOL, List, Anew, "at most one token: somebody who lacks places should ask again";
    PAUSED = "paused", Set, Lost("nothing is paused any more; pause it again"), "`lane:NAME` and `sweep:ID` that are passed over";
    CANCELLED = "cancelled", Set, Anew, "sweeps whose jobs are dropped";
    parked = "parked:" SWEEP, Set, Anew, "lanes and groups of a paused sweep that claims have set aside";
    LEASES = "leases", Zset, Anew, "leased jobs by deadline (ms, Redis clock)";
    DELAYED = "delayed", Zset, Anew, "delayed jobs by due time (ms); made anew, all are due";
    DEAD = "dead", Zset, Anew, "dead jobs by time of death (ms)";
    jobs = "js:" SWEEP, Set, Anew, "all jobs of a sweep, in whatever state: found without looking through the keys of the server; `js:` of those without a sweep";
    dead_of_target = "dt:" SWEEP ":" TARGET, Set, Anew, "dead jobs of one target, which go back together";
    WAKE = "wake", List, Anew, "at most one token: somebody should claim";
    wake_of = "wake:" LANE, List, Anew, "the same, for workers of one lane; `wake:KIND:*` for those of all lanes of a kind";
    WORKERS = "workers", Zset, Anew, "workers by last sign of life";
    worker = "w:" WORKER, Hash, Lost("host and places of a worker are not shown"), "a worker: host, pid, places, lanes, last claim, last job on its last chance";
    barrier = "bar:" NAME, Hash, Review, "a barrier: size, arrivals, continuation";
    barrier_members = "barm:" NAME, Text, Review, "which members have arrived, a bit each";
    SWEEPS = "sweeps", Zset, Anew, "sweeps by time of creation";
    FORGETTING = "forgetting", Zset, Anew, "sweeps that are being forgotten, by the time of its beginning";
    UPKEEP = "upkeep", Text, Anew, "who looks after the partition now; ends by itself";
    OBSERVING = "observing", Text, Anew, "who looks for failures that pile up now; ends by itself";
    DAMAGED = "damaged", Text, Anew, "a script met what it can't use: the next upkeep looks at everything; ends by itself";
    sweep = "sw:" SWEEP, Hash, Sweep, "a sweep: request, state, counters";
    statuses = "st:" SWEEP, Text, Anew, "status of each target, a character each";
    targets = "tg:" SWEEP, Hash, Sweep, "ordinal -> target";
    ledger = "led:" SWEEP, Hash, Lost("what `scrum models --sweep` counted"), "the sweep's ledger: counters by model, task and metric";
    loop_counters = "met:" SWEEP, Hash, Lost("what `scrum metrics` counted"), "the sweep's loop counters: findings, tiers, markers and more of accepted reviews";
    TRUST = "trust", Hash, Lost("what `scrum models` counted"), "the ledger of all sweeps of the partition, forgotten ones included";
    rows = "rows:" STREAM ":" SWEEP, Stream, Sweep, "rows of the knowledge base";
    row_ids = "rowid:" STREAM ":" SWEEP, Hash, Anew, "row id -> stream entry; makes a row unique";
    review_state = "rev:" REVIEW, Hash, Review, "what a review has gathered: shard summaries, tokens, the accepted review and its facts until they are checked";
    attempts = "att:" REVIEW, List, Review, "its attempts. Gone, as `rev:REVIEW`, when the target is resolved, or cancelled";
    apply_runs = "aps:" SWEEP, List, Lost("the list of the runs over the sweep"), "runs of the applier over a sweep";
    apply_run = "ap:" SWEEP "." RUN, Hash, Run, "a run of the applier: its request, what was proposed for each file, how it ended";
    audits = "auds:" SWEEP, List, Lost("the list of audits of the sweep: its report shows none of them; `scrum audit SWEEP --again` writes it again"), "sweeps that audit the findings of the sweep";
    without_facts = "nofacts:" SWEEP, Hash, Lost("why reviews have no facts"), "ordinal -> why an accepted review has no facts, or unchecked ones";
    left_out = "left:" SWEEP, Hash, Lost("why reviews that had begun were left out"), "target -> why a review that had begun was left out";
    alerts = "alerts:" SWEEP, Hash, Lost("what the sweep's operator was to be told"), "rung -> how its calls fail, empty once one succeeds; `.scrumignore` -> its lines that are no patterns";
    document = "doc:" SHA, Text, Lost("a document of sweeps: reviews that need it fail; forget the sweep and request it again"), "a document";
    document_users = "users:doc:" SHA, Set, Lost("the document stays when its sweeps are forgotten"), "the sweeps that have a document";
    answer = "ans:" KEY, Text, Lost("an answer that was paid for; it is asked for again"), "an answer under its content key; ends by itself";
    MEMORIES = "memories", Hash, Lost("the list of repositories that are remembered; their next sweep writes them again"), "MEMORY -> the repository, of those that something is remembered of";
    CALIBRATIONS = "cal", Hash, Lost("what confidences of models have proved to be worth; `scrum calibrate` writes it again"), "`PROVIDER/MODEL` -> its calibration, in one partition; signed";
    memory = "mem:" MEMORY, Hash, Lost("how many sweeps a repository had, and what hot swaps saved"), "a repository: how many sweeps were planned, the commit of the last one, counters of its pathways";
    pathway = "pw:" MEMORY ":" PATHWAY, Hash, Lost("what was learnt of a pathway"), "a pathway: `t:TRACE` trace, `n:TRACE` replays, `k:TRACE` those that succeeded, `x:TRACE` why it is retired, `a:TRACE` what audits of its reviews say";
    pathways = "px:" MEMORY, Zset, Lost("the list of pathways; reviews write it again"), "pathways of a repository by their area, in the order of their names";
    area = "ar:" MEMORY ":" AREA, Hash, Lost("what earlier sweeps found in an area"), "an area of a repository: of each sweep `v:SEQ` reviews, `g:SEQ` findings, `p:SEQ` fingerprints, `b:SEQ` those that came back; `f:KEY` fingerprint, `o:KEY` its occurrences, `l:KEY` the last sweep that saw it, `r:KEY` who rejected it; `d:FINDING` dismissals";
    findings = "fd:" MEMORY ":" FILE, Hash, Lost("the findings of a file, and what people said of them"), "findings of a file: `path`, `look` its last review, `gone` since which sweep it is not there; `o:FINDING` what sweeps saw, `d:FINDING` what a person decided, `a:FINDING` what an audit says, `t:FINDING` the test that proves it, `n:FINDING` how often it was looked for, `s:FINDING` how often it was seen, `m:FINDING` in which file it is now";
    finding_files = "fx:" MEMORY, Zset, Lost("the list of files with findings; reviews write it again"), "paths of the files that have findings, in their order";
    finding_codes = "fq:" MEMORY, Hash, Lost("by what a finding is known again in another file"), "a finding, or the hash of its code and of the names in its claim -> the finding and its file";
    events = "ev:" SOURCE, Stream, Lost("the latest events of a source"), "the latest events of a source: what happened in the fleet, or what others sent; `observe.ring` of them are kept";
    EVENT_SOURCES = "evs", Set, Anew, "the sources that others send events of, in one partition";
    SCHEDULES = "schedules", Hash, Lost("the schedules; add them again"), "name -> a schedule: when it is due, and the request of its sweeps; signed";
    DUE = "due", Zset, Lost("when schedules are due: all are paused; resume them"), "schedules that are not paused, by their next due time (ms)";
    schedule_runs = "schd:" SCHEDULE, Hash, Lost("what came of a schedule's due times, and its documents"), "a schedule: `r:MS` when a due time was seen, and how many after it were missed; `p:MS` the commit and the sweep that it got; `d:SHA` a document of its request";
    once = "once:" MARK, Text, Lost("what was done once may be done again"), "something was done that is done once, such as the delivery of a webhook; ends by itself";
    account = "account:" NAME, Hash, Lost("what was spent lately from an account, such as that of the gateway"), "an account of model calls outside of sweeps, such as those of the gateway: `from` since when it counts, `calls`, `tokens` and `micro_usd` spent since then, `h:CALL` tokens and millionths of a dollar held, and until when; ends by itself";
    vector = "vec:" KEY, Text, Lost("a vector; it is made again"), "a vector of a passage or query under its content key; ends by itself";
}

impl KeyRow {
    /// The constant beginning of the name, without the colon that may follow.
    pub fn head(&self) -> &'static str {
        self.name.split_once(':').map_or(self.name, |(head, _)| head)
    }

    /// True for a key that a partition has once.
    pub fn is_single(&self) -> bool {
        !self.name.contains(':')
    }
}

/// The beginnings of keys whose names end with their sweep, with spaces between. They go with it.
pub fn beginnings_of_sweep() -> String {
    let ends = TABLE.iter().filter_map(|row| row.name.strip_suffix("SWEEP"));
    ends.filter(|head| head.matches(':').count() == 1).collect::<Vec<_>>().join(" ")
}

/// The row of a key by its name behind the hash tag; `None` for foreign keys.
pub fn row_of(suffix: &str) -> Option<&'static KeyRow> {
    let (head, single) = match suffix.split_once(':') {
        Some((head, _)) => (head, false),
        None => (suffix, true),
    };
    TABLE.iter().find(|row| row.head() == head && row.is_single() == single)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};

    fn of_crate(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    fn page() -> String {
        let mut text =
            String::from("| key | type | holds | when it is damaged |\n|---|---|---|---|\n");
        for row in TABLE {
            let (kind, damage) = (row.kind.word(), row.damage.says());
            let damage = if let Damage::Lost(_) = row.damage {
                format!("lost: {damage}")
            } else {
                damage.into()
            };
            let _ = writeln!(text, "| `{}` | {kind} | {} | {damage} |", row.name, row.holds);
        }
        text
    }

    /// `SCRUM_UPDATE_DOCS=1` writes it.
    #[test]
    fn the_page_of_the_state_machine_has_this_table() {
        const MARKS: [&str; 2] =
            ["<!-- keys: made from queue-schema/src/keys/table.rs -->\n", "<!-- end of keys -->"];
        let file = of_crate("../docs/state-machine.md");
        let text = std::fs::read_to_string(&file).unwrap();
        let start = text.find(MARKS[0]).unwrap() + MARKS[0].len();
        let end = text.find(MARKS[1]).unwrap();
        if std::env::var_os("SCRUM_UPDATE_DOCS").is_some() {
            std::fs::write(&file, format!("{}{}{}", &text[..start], page(), &text[end..])).unwrap();
        } else {
            assert_eq!(&text[start..end], page(), "SCRUM_UPDATE_DOCS=1 writes it");
        }
    }

    #[test]
    fn a_key_name_has_one_row() {
        for row in TABLE {
            assert_eq!(row_of(row.name), Some(row));
        }
        assert_eq!(row_of("bad:j:x"), None);
        assert_eq!(row_of("ready:x"), None);
        assert_eq!(row_of("wake").map(|r| r.name), Some("wake"));
    }

    /// A key that is missing in the table would not be checked.
    #[test]
    fn every_key_of_the_scripts_is_in_the_table() {
        let folders =
            ["lua", "lua/include"].map(|folder| std::fs::read_dir(of_crate(folder)).unwrap());
        for entry in folders.into_iter().flatten() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for rest in text.split("P .. '").skip(1) {
                let name = rest.split('\'').next().unwrap();
                // A suffix of its own is either a whole name or a beginning with its colon.
                let known = row_of(name).is_some() || [SET_ASIDE, "*"].contains(&name);
                assert!(known, "{} spells '{name}', which has no row", file.display());
            }
        }
    }
}

//! Hostile answers: random bytes and mutated entries of the corpus go through cleaning, judging,
//! parsing, anchoring and masking.
//!
//! `SCRUM_FUZZ_SECONDS=600 cargo test --release -p scrum-domain --test fuzz -- --nocapture` runs
//! for that long and tells how many inputs there were and which took longest; without it, a
//! second's worth is done. `SCRUM_FUZZ_SEED` repeats a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use queue_schema::limits::{AcceptLimits, TierLimits};
use queue_schema::sweep::{FactsBounds, Policy};
use scrum_domain::accept::{self, Answer, Context, Judgement};
use scrum_domain::{anchor, facts, parse, redact};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of the largest input.
const LARGEST: usize = 1_000_000;
/// Processor time that an input of that size may take in a build with optimisation.
const LONGEST: Duration = Duration::from_secs(1);

/// Bounds of facts, small enough to be met.
const BOUNDS: FactsBounds = FactsBounds {
    min_chars: 120,
    max_tokens: 100,
    review_chars: 1000,
    source_chars: 1000,
    preview_chars: 400,
    max_entities: 3,
    max_facts: 3,
    max_relationships: 3,
    max_text_chars: 40,
};

/// What answers are made of; what mutations put in.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "`",
    "``",
    "```",
    "```json\n",
    "~~~\n",
    "\\",
    "\n",
    "\r\n",
    "\r",
    "|",
    "|---|---|\n",
    "# ",
    "## Suggested changes\n",
    "### 1. ",
    "- ",
    "1. ",
    "12) ",
    "**",
    "_",
    "Score: ",
    "Alignment",
    "score (",
    "4/10",
    "-4",
    "Confidence: ",
    "confidence",
    "85%",
    "(85%)",
    "120%",
    "80-90%",
    "0.85",
    "\"verdict\":",
    "\"pass\"",
    "\"fail\",",
    "{\"verdict\":\"fail\",",
    "\"critical_failures\":[",
    "{\"text\":\"",
    "\"quote\":\"",
    "NaN",
    "1e999",
    "None",
    "//",
    "/*",
    "*/",
    "#",
    ",",
    ":",
    "<think>",
    "</think>\n",
    "shard 3",
    "shard 2 of 5",
    "§2§",
    "part 2 of 5",
    "this piece of the file",
    "I can't assist",
    "I'm sorry, ",
    "Quote: ",
    "Evidence: ",
    "- Quote: `",
    "\n- Where: line 5",
    "`Quote: ",
    "置信度：",
    "（",
    "８５％",
    "confidence:",
    "Change: ",
    "...",
    "handler_1 ",
    "1、",
    "**Où :** ",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "\u{1b}[31m",
    "\u{1b}]",
    "\0",
    "ä",
    "漢",
    "👩‍💻",
    "İ",
    "ß",
    " ",
    "\t",
    "password=",
    "token: \"",
    "://u:p@",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "eyJ",
    "[masked:secret]",
    "AKIA",
    "99999999999999999999",
    "fs::write(",
    "<script>",
    "{\"facts\":[\"",
    "\"entities\":[{\"name\":\"",
    "1: supported",
    "2: unsupported",
];

/// Small, quick and the same everywhere: no more is asked of it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap()
    }
}

fn corpus(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .map(|p| std::fs::read(p).unwrap())
        .collect()
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random, others: &[Vec<u8>]) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let len = random.below(64.min(bytes.len() - at) + 1);
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] = (random.next() & 0xff) as u8,
            1 => drop(bytes.drain(at..at + len)),
            2 => bytes.truncate(at),
            3 => {
                let piece = bytes[at..at + len].to_vec().repeat(random.below(40));
                bytes.splice(at..at, piece);
            }
            4 => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                let to = from + random.below(other.len() - from + 1);
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let word = WORDS[random.below(WORDS.len())].as_bytes();
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
}

/// An input that repeats a few words up to the largest size: where time would grow as a square.
fn monster(random: &mut Random) -> Vec<u8> {
    let mut unit = String::new();
    for _ in 0..=random.below(4) {
        unit.push_str(WORDS[random.below(WORDS.len())]);
    }
    let mut bytes = unit.repeat(LARGEST / unit.len()).into_bytes();
    if random.below(3) == 0 {
        let opening = WORDS[random.below(WORDS.len())];
        bytes.splice(0..0, opening.bytes());
        bytes.truncate(LARGEST);
    }
    bytes
}

/// All that the product does with an answer, and what must hold of it.
fn run(bytes: &[u8], source: &str, random: &mut Random) {
    let text = String::from_utf8_lossy(bytes);
    let policies = [Policy::Auto, Policy::Structured, Policy::Substantial, Policy::Forensic];
    let answer =
        Answer { text: &text, truncated: random.below(8) == 0, refused: random.below(32) == 0 };
    let context = Context {
        given: &[],
        documents: true,
        policy: policies[random.below(4)],
        wants_forensic: random.below(4) == 0,
        shards_total: u32::try_from(random.below(7)).unwrap(),
        source,
        fence: "",
        markdown_policy: queue_schema::sweep::MarkdownPolicy::default(),
        limits: AcceptLimits::default(),
    };
    let _ = accept::judge_shard_summary(&answer, "");
    if let Ok(found) = facts::judge_extraction(&answer, &BOUNDS) {
        let texts = found.facts.iter().chain(found.entities.iter().map(|e| &e.name));
        assert!(found.facts.len() <= 3 && found.entities.len() <= 3);
        assert!(
            texts.clone().all(|t| !t.is_empty() && t.chars().count() <= 40 && !t.contains('\n'))
        );
    }
    if let Ok(verified) = facts::judge_verification(&answer, 3, &BOUNDS) {
        assert!(verified.verdicts.len() == 3 && verified.preview.chars().count() <= 400);
    }
    if let Judgement::Accepted(parsed) = accept::judge(&answer, &context) {
        check(parsed, source);
    }
}

fn check(mut parsed: parse::Parsed, source: &str) {
    // As each language, for each has comments and blocks of its own.
    let path = ["a.rs", "a.py", "a.md", "a.rb"][source.len() % 4];
    anchor::anchor(&mut parsed.findings, path, source);
    let lines = source.matches(['\n', '\r']).count();
    assert!(parsed.findings.len() <= 200);
    assert!(parsed.alignment_score.is_none_or(|s| (1.0..=10.0).contains(&s)));
    for finding in &parsed.findings {
        assert!(finding.confidence.is_none_or(|c| c <= 100));
        assert_eq!(finding.anchored, finding.line.is_some());
        assert_eq!(finding.line.is_some(), finding.end_line.is_some());
        assert!(!finding.anchored || !finding.is_ambiguous());
        assert_ne!(finding.ambiguous_lines.len(), 1);
        if let (Some(first), Some(last)) = (finding.line, finding.end_line) {
            assert!(first >= 1 && first <= last && last as usize <= lines + 1);
        }
    }
    let tiers = scrum_domain::tier::tier(&parsed.findings, TierLimits::default());
    assert!(tiers.min.is_some() || tiers.tier == "block");
}

/// What must hold of masking, whatever the text.
fn mask(text: &str) {
    let once = redact::mask(text);
    assert_eq!(once.text.matches('\n').count(), text.matches('\n').count());
    let again = redact::mask(&once.text);
    assert_eq!(again.text, once.text, "masking what is masked changes nothing");
}

/// Processor time of this thread; a machine that is busy with others makes nothing slow.
fn spent(since: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_cpu = stat.as_deref().and_then(|s| s.split(' ').next()?.parse().ok());
    on_cpu.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

#[test]
fn no_answer_breaks_or_stalls_the_parser() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let asked = setting("SCRUM_FUZZ_SECONDS");
    let seed = setting("SCRUM_FUZZ_SEED").unwrap_or(0x5eed_2026);
    let mut random = Random(seed | 1);
    let answers = corpus("answers", "txt");
    let sources: Vec<String> =
        corpus("sources", "rs").into_iter().map(|s| String::from_utf8(s).unwrap()).collect();
    let started = Instant::now();
    let length = Duration::from_secs(asked.unwrap_or(1));
    let (mut n, mut bytes_read, mut large) = (0u64, 0u64, 0u64);
    let mut slowest = (Duration::ZERO, 0, String::new());
    while started.elapsed() < length {
        let (input, source) = match random.below(400) {
            // One large input costs as much as hundreds of small ones.
            0 if asked.is_some() => {
                large += 1;
                (monster(&mut random), sources[random.below(sources.len())].clone())
            }
            1..=20 => {
                let len = random.below(2000);
                let bytes = (0..len).map(|_| (random.next() & 0xff) as u8).collect();
                (bytes, sources[random.below(sources.len())].clone())
            }
            _ => {
                let mut bytes = answers[random.below(answers.len())].clone();
                mutate(&mut bytes, &mut random, &answers);
                let mut source = sources[random.below(sources.len())].clone().into_bytes();
                if random.below(4) == 0 {
                    mutate(&mut source, &mut random, &answers);
                }
                (bytes, String::from_utf8_lossy(&source).into_owned())
            }
        };
        let before = spent(started);
        run(&input, &source, &mut random);
        mask(&String::from_utf8_lossy(&input));
        let took = spent(started).saturating_sub(before);
        n += 1;
        bytes_read += input.len() as u64;
        if took > slowest.0 {
            let head: String = String::from_utf8_lossy(&input).chars().take(60).collect();
            slowest = (took, input.len(), head);
        }
        let optimised = !cfg!(debug_assertions);
        assert!(!optimised || took < LONGEST, "{took:?} for {} bytes: {}", input.len(), slowest.2);
    }
    println!(
        "{n} inputs ({large} of {LARGEST} bytes), {bytes_read} bytes, no panic; slowest {:?} for {} \
         bytes: {:?}",
        slowest.0, slowest.1, slowest.2
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_answer_is_judged(
        parts in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(WORDS).prop_map(str::to_owned),
                "\\PC{0,40}",
                "(?s).{0,10}",
            ],
            0..60,
        ),
        seed in 1u64..,
    ) {
        let text = parts.concat();
        run(text.as_bytes(), "fn main() {}\n", &mut Random(seed));
        mask(&text);
        check(parse::markdown(&text), "fn main() {}\n");
        if let Some(parsed) = parse::forensic(&text) {
            check(parsed, "fn main() {}\n");
        }
    }
}

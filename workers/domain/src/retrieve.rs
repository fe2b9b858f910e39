//! Which passages of the documents go with a file: chunking, the ranking by an embedding model's
//! vectors (`vectors`), and the built-in lexical ranking.
//!
//! The latter is BM25, written here; `docs/adr/0009-a-ranking-of-words-of-our-own.md` says why.

use crate::redact::{self, Span};
mod vectors;

pub use vectors::{VectorError, VectorIndex, from_bytes, to_bytes, vector_key};

use queue_schema::ids::sha256_hex;
use queue_schema::limits::DocumentLimits;
use std::collections::{BTreeMap, BTreeSet};

/// A passage of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// First 10 hex digits of the SHA-256 of the text.
    pub id: String,
    /// Which document, e.g. `prd`.
    pub origin: String,
    /// Where its window starts in the document, in characters.
    pub offset: u32,
    /// The passage, trimmed.
    pub text: String,
}

/// Cuts a document into overlapping windows.
pub fn chunk(origin: &str, text: &str, limits: &DocumentLimits) -> Vec<Chunk> {
    let length = (limits.chunk_chars as usize).max(1);
    // Always onwards, whatever the limits say.
    let step = length.saturating_sub(limits.overlap_chars as usize).max(1);
    let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    bounds.push(text.len());
    let chars = bounds.len() - 1;
    let mut chunks = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + length).min(chars);
        let window = text[bounds[start]..bounds[end]].trim();
        if window.chars().nth(limits.least_chars as usize).is_some() {
            chunks.push(Chunk {
                id: sha256_hex(window.as_bytes()).chars().take(10).collect(),
                origin: origin.to_owned(),
                offset: u32::try_from(start).unwrap_or(u32::MAX),
                text: window.to_owned(),
            });
        }
        // A further window would hold only what this one already holds.
        if end == chars {
            return chunks;
        }
        start += step;
    }
}

/// Chunks of a document as a model that is not local may see them, and how many secrets each took.
/// A secret that a chunk's edge cuts in two is known from the whole document, which is searched once.
pub fn masked_all(document: &str, chunks: &[Chunk]) -> Vec<(Chunk, u32)> {
    let spans = redact::spans(document);
    let bounds: Vec<usize> = document.char_indices().map(|(at, _)| at).collect();
    let start = |c: &Chunk| bounds.get(c.offset as usize).copied().unwrap_or(document.len());
    chunks.iter().map(|c| masked_at(document, &spans, start(c), c)).collect()
}

/// A chunk whose window starts at byte `at` of a document with these secrets.
fn masked_at(document: &str, spans: &[Span], at: usize, chunk: &Chunk) -> (Chunk, u32) {
    let lead = document[at..].len() - document[at..].trim_start().len();
    let start = at + lead;
    // Were the document another one, the text alone would have to tell.
    let whole = document[start..].starts_with(&chunk.text);
    let masked = if whole {
        let end = start + chunk.text.len();
        let first = spans.partition_point(|s| s.range.end <= start);
        let last = spans.partition_point(|s| s.range.start < end);
        redact::cut(document, start..end, &spans[first..last.max(first)])
    } else {
        redact::mask(&chunk.text)
    };
    let count = masked.count();
    (Chunk { text: masked.text, ..chunk.clone() }, count)
}

/// The part of a file that stands for it in retrieval: its first characters.
pub fn query_of<'a>(source: &'a str, limits: &DocumentLimits) -> &'a str {
    crate::text::clip(source, limits.query_chars as usize)
}

/// BM25 over a document's chunks.
#[derive(Debug, Clone, Default)]
pub struct LexicalIndex {
    /// Term to (chunk, occurrences), chunks ascending.
    postings: BTreeMap<String, Vec<(usize, u32)>>,
    /// Terms of each chunk.
    lengths: Vec<usize>,
    mean_length: f64,
}

impl LexicalIndex {
    /// The name that review rows give this ranking.
    pub const RANKING: &str = "lexical";

    /// Indexes the chunks; their positions in the slice are what [`Self::top`] returns.
    pub fn new(chunks: &[Chunk]) -> Self {
        let mut index = Self::default();
        for (i, chunk) in chunks.iter().enumerate() {
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            let terms = terms(&chunk.text);
            index.lengths.push(terms.len());
            for term in terms {
                *counts.entry(term).or_default() += 1;
            }
            for (term, count) in counts {
                index.postings.entry(term).or_default().push((i, count));
            }
        }
        let total: usize = index.lengths.iter().sum();
        index.mean_length = total as f64 / chunks.len().max(1) as f64;
        index
    }

    /// The best `k` chunks for a query with their scores, best first; equal scores in document
    /// order. Chunks that share no term with the query have 0 and come last: a reviewer is shown
    /// `k` passages where there are so many, however it is that they are found.
    pub fn top(&self, query: &str, k: usize) -> Vec<(usize, f64)> {
        const K1: f64 = 1.2;
        const B: f64 = 0.75;
        let n = self.lengths.len() as f64;
        let mut scores = vec![0.0_f64; self.lengths.len()];
        // In term order, so that floating-point sums are the same on every machine.
        for term in terms(query).into_iter().collect::<BTreeSet<_>>() {
            let Some(postings) = self.postings.get(&term) else { continue };
            let df = postings.len() as f64;
            let idf = ((n - df + 0.5) / (df + 0.5)).ln_1p();
            for &(i, count) in postings {
                let tf = f64::from(count);
                let norm = 1.0 - B + B * self.lengths[i] as f64 / self.mean_length.max(1.0);
                scores[i] += idf * tf * (K1 + 1.0) / (tf + K1 * norm);
            }
        }
        best(scores.into_iter().enumerate().collect(), k)
    }
}

/// The `k` with the highest scores, best first; equal ones in document order.
fn best(mut ranked: Vec<(usize, f64)>, k: usize) -> Vec<(usize, f64)> {
    let order = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if k < ranked.len() {
        ranked.select_nth_unstable_by(k, order);
        ranked.truncate(k);
    }
    ranked.sort_unstable_by(order);
    ranked
}

/// Lower-case terms of two characters or more. Identifiers are taken apart at underscores and
/// capitals, since documents write `queue client` where code writes `QueueClient`. Where a script has
/// no spaces, each pair of neighbours is a term: a run of it would be one word that occurs nowhere else.
pub(crate) fn terms(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let mut term = String::new();
        let mut lower_before = false;
        let mut unspaced_before = None;
        for c in word.chars() {
            let unspaced = is_unspaced(c).then_some(c);
            if unspaced.is_some() || (c.is_uppercase() && lower_before) {
                push_term(&mut out, &mut term);
            }
            if let Some((before, c)) = unspaced_before.zip(unspaced) {
                out.push(String::from_iter([before, c]));
            }
            unspaced_before = unspaced;
            if unspaced.is_none() {
                term.extend(c.to_lowercase());
            }
            lower_before = c.is_lowercase() || c.is_numeric();
        }
        push_term(&mut out, &mut term);
    }
    out
}

/// True for letters of scripts that put no spaces between words. Korean does.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai and Lao, Burmese, Khmer.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        // Kana, of half width as well.
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}'
        // Chinese characters, with the mark that repeats one.
        | '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn push_term(out: &mut Vec<String>, term: &mut String) {
    let done = std::mem::take(term);
    if done.chars().nth(1).is_some() && !is_stop_word(&done) {
        out.push(done);
    }
}

/// Words that say nothing in prose or in code; without this they decide short queries.
fn is_stop_word(term: &str) -> bool {
    #[rustfmt::skip]
    const STOP: &[&str] = &[
        "an", "and", "are", "as", "at", "be", "by", "for", "from", "if", "in", "is", "it", "its",
        "not", "of", "on", "or", "that", "the", "this", "to", "was", "with", "we", "you",
        "let", "fn", "pub", "use", "mut", "self", "return", "import", "const", "def", "else",
    ];
    STOP.contains(&term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<Chunk> {
        chunk("prd", text, &DocumentLimits::default())
    }

    #[test]
    fn the_windows_are_as_set() {
        let text = "abcdefghij".repeat(10);
        let limits = DocumentLimits {
            chunk_chars: 40,
            overlap_chars: 10,
            least_chars: 30,
            ..DocumentLimits::default()
        };
        let chunks = chunk("prd", &text, &limits);
        let shape = chunks.iter().map(|c| (c.offset, c.text.len())).collect::<Vec<_>>();
        assert_eq!(shape, [(0, 40), (30, 40), (60, 40)]);
        assert_eq!(query_of(&text, &DocumentLimits { query_chars: 7, ..limits }), "abcdefg");
        // Limits that no setting lets through still come to an end.
        let odd = DocumentLimits { chunk_chars: 0, overlap_chars: 9, least_chars: 0, ..limits };
        assert_eq!(chunk("prd", "abc", &odd).len(), 3);
    }

    #[test]
    fn windows_overlap_and_keep_their_offset() {
        let text: String = (0..1500).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
        let chunks = chunk("prd", &text, &DocumentLimits::default());
        assert_eq!(chunks.iter().map(|c| c.offset).collect::<Vec<_>>(), [0, 680, 1360]);
        assert_eq!(chunks[0].text[680..], chunks[1].text[..120]);
        assert_eq!(chunks[2].text.len(), 140);
        assert_eq!(chunks[0].id, sha256_hex(chunks[0].text.as_bytes())[..10]);
    }

    #[test]
    fn offsets_are_characters_and_short_chunks_are_dropped() {
        assert_eq!(cut(&"€".repeat(61)).len(), 1);
        assert!(cut(&"€".repeat(60)).is_empty());
        assert!(cut("").is_empty());
        // 800 + 61 characters end in a second window of 181, most of it overlap.
        assert_eq!(cut(&"€".repeat(861))[1].offset, 680);
        // The whole is one window; its tail is not cut off once more.
        assert_eq!(cut(&"€".repeat(800)).len(), 1);
    }

    #[test]
    fn masked_at_once_or_one_by_one_is_the_same() {
        // In two pieces, so that nothing takes this file for a leak.
        let secret = ["ghp_", "x7Kq2LmN9pRs4TuVw8YzAb3CdEf6GhJk1MnP"].concat();
        let line = |n| ["word ".repeat(n), format!("é Number {n} is {secret}.\n")].concat();
        let text: String = (0..40).map(line).collect();
        let chunks = cut(&text);
        let masked = masked_all(&text, &chunks);
        assert!(chunks.len() > 5);
        assert_eq!(masked, chunks.iter().map(|c| masked_one(&text, c)).collect::<Vec<_>>());
        assert!(masked.iter().all(|(c, _)| !c.text.contains(&secret[20..])), "{masked:?}");
        let times = |c: &Chunk, part: &str| c.text.matches(part).count();
        let cut = |c: &Chunk| times(c, &secret[4..12]) > times(c, &secret);
        assert!(chunks.iter().any(cut), "some are cut by an edge");
    }

    #[test]
    fn a_secret_is_masked_that_the_end_of_an_indented_window_cuts() {
        let secret = ["ghp_", "x7Kq2LmN9pRs4TuVw8YzAb3CdEf6GhJk1MnP"].concat();
        let text = format!("{}  and so the key is {secret}", "x ".repeat(15));
        let limits = DocumentLimits {
            chunk_chars: 30,
            overlap_chars: 0,
            least_chars: 0,
            ..DocumentLimits::default()
        };
        let chunks = chunk("prd", &text, &limits);
        assert_eq!(chunks[1].text, format!("and so the key is {}", &secret[..10]));
        let masked = masked_all(&text, &chunks);
        assert_eq!(masked.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 1, 1]);
        assert!(masked.iter().all(|(c, _)| !c.text.contains(&secret[4..8])), "{masked:?}");
    }

    /// With the whole document searched for this chunk.
    fn masked_one(document: &str, chunk: &Chunk) -> (Chunk, u32) {
        let start = document.match_indices(&chunk.text).next().unwrap().0;
        let masked = redact::mask_range(document, start..start + chunk.text.len());
        let count = masked.count();
        (Chunk { text: masked.text, ..chunk.clone() }, count)
    }

    fn docs(texts: &[&str]) -> Vec<Chunk> {
        let make = |t: &&str| Chunk {
            id: String::new(),
            origin: "prd".into(),
            offset: 0,
            text: (*t).to_owned(),
        };
        texts.iter().map(make).collect()
    }

    #[test]
    fn the_passage_about_the_code_ranks_first() {
        let chunks = docs(&[
            "The billing report is sent by mail every month.",
            "The queue client leases jobs and renews each lease until the job is done.",
            "Colours of the dashboard.",
        ]);
        let index = LexicalIndex::new(&chunks);
        let top = index.top("impl QueueClient { fn renew_lease(&self, job: Job) {} }", 5);
        assert_eq!(top[0].0, 1);
        assert!(top[0].1 > top[1].1, "{top:?}");
    }

    #[test]
    fn scores_are_those_of_bm25() {
        let chunks =
            docs(&["alpha beta", "alpha alpha gamma delta", "zeta eta theta iota kappa lambda"]);
        let top = LexicalIndex::new(&chunks).top("the alpha", 3);
        // As the formula gives them with K1 = 1.2 and B = 0.75.
        let want = [(1, 0.646_254_990), (0, 0.590_861_705), (2, 0.0)];
        let near = |(a, b): (&(usize, f64), &(usize, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-8;
        assert!(top.iter().zip(&want).all(near) && top.len() == 3, "{top:?}");
        assert_eq!(terms("the limit of a queue"), ["limit", "queue"], "words that say nothing");
    }

    #[test]
    fn passages_that_share_no_word_fill_up_in_document_order() {
        let chunks = docs(&["colours", "mail", "the lease of a job", "tables", "fonts"]);
        let index = LexicalIndex::new(&chunks);
        let order = |query, k| index.top(query, k).iter().map(|t| t.0).collect::<Vec<_>>();
        assert_eq!(order("lease", 4), [2, 0, 1, 3]);
        assert_eq!(order("", 2), [0, 1]);
        assert_eq!(order("lease", 99).len(), 5);
        assert!(index.top("lease", 4)[1..].iter().all(|t| t.1 == 0.0));
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_pairs() {
        assert_eq!(terms("队列的租约"), ["队列", "列的", "的租", "租约"]);
        assert_eq!(
            terms("RedisのキューをQueueと呼ぶ9"),
            ["redis", "のキ", "キュ", "ュー", "ーを", "queue", "と呼", "呼ぶ"]
        );
        assert_eq!(terms("작업 큐의 임대"), ["작업", "큐의", "임대"], "Korean has spaces");
        assert!(terms("คิวงาน").len() > 1);
        let chunks = docs(&[
            "颜色由用户在设置中选择。",
            "邮件每月发送一次。",
            "任务完成之前,队列续订每个租约。",
        ]);
        let top = LexicalIndex::new(&chunks).top("/// 续订租约\nfn renew() {}", 3);
        assert_eq!(top[0].0, 2);
        assert!(top[0].1 > 0.0 && top[1].1 < top[0].1, "{top:?}");
    }

    #[test]
    fn equal_scores_keep_document_order_and_k_holds() {
        let chunks = docs(&["lease here", "lease here", "lease here"]);
        let top = LexicalIndex::new(&chunks).top("lease", 2);
        assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1]);
        assert!(LexicalIndex::new(&[]).top("lease", 2).is_empty());
    }

    #[test]
    fn identifiers_come_apart() {
        assert_eq!(terms("renewLease HTTP2_max"), ["renew", "lease", "http2", "max"]);
    }
}

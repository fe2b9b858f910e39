//! What a sweep would take: calls and tokens, before any model is asked.

mod expect;
pub mod history;
mod load;
mod taking;
mod took;

pub use expect::{LEAST_ANSWERS, expect};
pub use history::Past;
use load::Load;
pub use took::{Came, Off, off};

use crate::definitions::{self, Index};
use crate::fit::{guess, guess_asked, notes_chars, reads_whole};
use crate::hints::Hints;
use crate::prompt::{
    self, Body, ExtractInput, Prompt, ReviewInput, ShardInput, Shown, VerifyInput,
};
use crate::retrieve::{self, Chunk, LexicalIndex};
use crate::split::{SplitConfig, split};
use crate::target::language;
use queue_schema::sweep::{DocRef, FactsSpec, Rung, SweepSpec};
use serde::Serialize;
use std::ops::Range;

/// As long as the markers in real prompts.
const FENCE: &str = "000000000000000000000000";
/// Bytes of an answer for each token.
const BYTES_A_TOKEN: usize = 4;

/// What one rung would take if each file were accepted there, and had not been read before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfRung {
    /// `provider/model`.
    pub rung: String,
    /// Files that it is given whole.
    pub whole: u64,
    /// Files that it is given notes on.
    pub in_parts: u64,
    /// Calls, those for the notes included. None of the built-in checks.
    pub calls: u64,
    /// Tokens of all prompts.
    pub tokens_in: u64,
    /// Tokens that the answers have at most.
    pub tokens_out: u64,
    /// What that costs at most, in dollars; none without a price.
    pub usd: Option<f64>,
}

/// What taking facts out of accepted reviews would take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfFacts {
    /// Calls.
    pub calls: u64,
    /// Tokens of all prompts, at most.
    pub tokens_in: u64,
}

/// An estimate, file by file.
#[derive(Debug)]
pub struct Estimate<'a> {
    spec: &'a SweepSpec,
    documents: [Option<(Vec<Chunk>, LexicalIndex)>; 2],
    forensic: Option<&'a str>,
    hints: Option<Hints>,
    /// What files ask of each rung.
    loads: Vec<Load>,
    /// The definitions of the commit; empty where none are shown.
    pub definitions: Index,
    /// In the order of the ladder.
    pub rungs: Vec<OfRung>,
    /// None where no facts are extracted.
    pub facts: Option<OfFacts>,
}

impl<'a> Estimate<'a> {
    /// Of a sweep whose documents `text` knows.
    pub fn new(spec: &'a SweepSpec, text: impl Fn(&DocRef) -> Option<&'a str>) -> Self {
        let of = |doc: &Option<DocRef>| doc.as_ref().and_then(&text);
        let cut = |origin, doc| {
            let chunks = retrieve::chunk(origin, of(doc)?, &spec.limits.documents);
            let index = LexicalIndex::new(&chunks);
            Some((chunks, index))
        };
        let empty = |rung: &Rung| OfRung {
            rung: rung.name(),
            whole: 0,
            in_parts: 0,
            calls: 0,
            tokens_in: 0,
            tokens_out: 0,
            usd: rung.price(0, 0),
        };
        Self {
            spec,
            documents: [cut("prd", &spec.prd), cut("proposal", &spec.proposal)],
            forensic: of(&spec.forensic),
            hints: of(&spec.hints).and_then(|text| Hints::of_text(text).ok()),
            definitions: Index::default(),
            loads: vec![Load::default(); spec.ladder.rungs.len()],
            rungs: spec.ladder.rungs.iter().map(empty).collect(),
            facts: spec.facts.as_ref().map(|_| OfFacts::default()),
        }
    }

    /// Adds a file; how many parts the first rung reads it in, and the tokens of its prompts there.
    pub fn add(&mut self, path: &str, text: &str) -> (usize, u64) {
        let prompt = self.prompt(path, text);
        let mut pieces = None;
        // Notes are made for the first rung that needs them, and serve those after it.
        let mut has_shards = false;
        let (mut parts, mut tokens) = (1, 0);
        for (i, rung) in self.spec.ladder.rungs.iter().enumerate() {
            let limits = &self.spec.limits;
            let max_tokens = rung.max_tokens.unwrap_or(limits.max_tokens);
            let whole = reads_whole(rung, &prompt, max_tokens, text.len(), limits.split_over_bytes);
            let cut: &[Range<usize>] =
                if whole { &[] } else { pieces.get_or_insert_with(|| self.pieces(path, text)) };
            let (mut asked, mut calls) = (guess_asked(&prompt), 1);
            let mut answered = u64::from(max_tokens);
            let mut shards = (0, 0);
            if cut.len() > 1 {
                let room = notes_chars(rung, &prompt, max_tokens, text, limits.notes_chars);
                let notes = cut.len() * limits.shard_max_tokens as usize * BYTES_A_TOKEN;
                // 0 is any number.
                let notes = if room == 0 { notes } else { notes.min(room as usize) };
                asked = asked.saturating_sub(guess(text.len())) + guess(notes);
                let read = cut.iter().map(|piece| asked_of_shard(path, &text[piece.clone()]));
                shards = (cut.len() as u64, read.sum::<u64>());
                asked += shards.1;
                calls += shards.0;
                answered += cut.len() as u64 * u64::from(limits.shard_max_tokens);
            }
            if rung.context_tokens == Some(Rung::ANY_CONTEXT) {
                (asked, calls, answered) = (0, 0, 0);
            }
            let own = asked.saturating_sub(shards.1);
            self.loads[i].add(own, if has_shards { (0, 0) } else { shards });
            has_shards |= shards.0 > 0;
            let of = &mut self.rungs[i];
            of.whole += u64::from(cut.len() < 2);
            of.in_parts += u64::from(cut.len() > 1);
            of.calls += calls;
            of.tokens_in += asked;
            of.tokens_out += answered;
            of.usd = rung.price(of.tokens_in, of.tokens_out);
            if i == 0 {
                (parts, tokens) = (cut.len().max(1), asked);
            }
        }
        if let (Some(facts), Some(spec)) = (&mut self.facts, &self.spec.facts) {
            facts.calls += 2;
            facts.tokens_in += asked_of_facts(spec, path, text);
        }
        (parts, tokens)
    }

    /// The files that were added stand for so many: they are some of those that are reviewed.
    pub fn stand_for(&mut self, files: u64) {
        self.loads.iter_mut().for_each(|load| load.stand_for(files));
    }

    /// Files to be reviewed.
    pub fn files(&self) -> u64 {
        self.loads.first().map_or(0, Load::files)
    }

    /// What files ask of each rung.
    fn loads(&self) -> &[Load] {
        &self.loads
    }

    fn spec(&self) -> &SweepSpec {
        self.spec
    }

    fn pieces(&self, path: &str, text: &str) -> Vec<Range<usize>> {
        let limits = &self.spec.limits;
        let (shard_bytes, mode) = (limits.shard_bytes, limits.split);
        split(path, text, &SplitConfig { over_bytes: 0, shard_bytes, mode })
    }

    fn prompt(&self, path: &str, text: &str) -> Prompt {
        let limits = &self.spec.limits;
        let query = retrieve::query_of(text, &limits.documents);
        let found = self.documents.each_ref().map(|document| {
            let Some((chunks, index)) = document else { return Vec::new() };
            let top = index.top(query, limits.top_chunks as usize);
            top.into_iter().map(|(at, _)| chunks[at].clone()).collect::<Vec<_>>()
        });
        let hints = self.hints.as_ref().map(|all| all.of(path, limits.hints)).unwrap_or_default();
        let shown = definitions::limits_of(limits);
        let definitions = definitions::select(&self.definitions, path, text, false, shown);
        prompt::review_prompt(&ReviewInput {
            path,
            language: language(path),
            body: Body::Whole(text),
            prd_chunks: &found[0],
            proposal_chunks: &found[1],
            forensic: self.forensic,
            wants_forensic: self.spec.wants_forensic(),
            hints: &hints,
            remembered: "",
            definitions: &definitions,
            max_findings: limits.max_findings,
            masked: false,
            history: &[],
            fence: FENCE,
            shown_chars: limits.documents.shown_chars,
            reason_chars: limits.history.reason_chars,
        })
    }
}

fn asked_of_shard(path: &str, text: &str) -> u64 {
    let (language, end) = (language(path), text.len() as u64);
    guess_asked(&prompt::shard_prompt(&ShardInput {
        path,
        language,
        k: 1,
        of: 1,
        start: 0,
        end,
        text,
        before: "",
        round: 0,
        fence: FENCE,
    }))
}

/// Both calls, with as much of the review and of the file as they are given at most.
fn asked_of_facts(spec: &FactsSpec, path: &str, text: &str) -> u64 {
    let bounds = &spec.bounds;
    let extract = ExtractInput { path, review: "", bounds, fence: FENCE };
    let verify = VerifyInput {
        path,
        language: language(path),
        facts: &[],
        shown: Shown::File,
        source: "",
        cut: false,
        fence: FENCE,
    };
    let shown = text.len().min(bounds.source_chars as usize);
    guess_asked(&prompt::extract_prompt(&extract))
        + guess(bounds.review_chars as usize)
        + guess_asked(&prompt::verify_prompt(&verify))
        + guess(shown)
        + u64::from(bounds.max_tokens)
}

#[cfg(test)]
mod tests;

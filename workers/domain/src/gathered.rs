//! What the shards of a review left behind, for whoever reads the whole file after them.

use crate::review::Spent;
use crate::scratchpad::{self, Notes};
use queue_schema::records::ReviewState;

/// What the shards of a review left behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gathered {
    /// Shards of the file; 0 when it was not split.
    pub shards_total: u32,
    /// Their summaries, merged.
    pub notes: Notes,
    /// Byte ranges that nobody summarised.
    pub missing: Vec<(u64, u64)>,
    /// What the summaries took.
    pub spent: Spent,
    /// Secrets masked in what the shard readers were sent.
    pub masked: u32,
    /// Shards with a summary.
    read: u32,
}

impl Gathered {
    /// From the state of the review of `source`; the notes have at most `notes_chars` characters, 0 for any number.
    pub fn of(state: &ReviewState, source: &str, notes_chars: u32) -> Self {
        // No more than there are bytes, whatever the record says.
        let most = u32::try_from(source.len()).unwrap_or(u32::MAX);
        let shards_total = state.shards.min(most);
        let mut gathered = Self { shards_total, ..Self::default() };
        let mut summaries = Vec::new();
        let mut masked = 0_u64;
        for (k, piece) in state.pieces.range(..shards_total) {
            masked = masked.saturating_add(piece.masked);
            match (&piece.summary, piece.gap) {
                (Some(summary), _) => summaries.push((*k, summary.clone())),
                (None, gap) => gathered.missing.extend(gap),
            }
        }
        gathered.masked = u32::try_from(masked).unwrap_or(u32::MAX);
        gathered.read = u32::try_from(summaries.len()).unwrap_or(u32::MAX);
        gathered.notes = scratchpad::notes(&summaries, source, notes_chars as usize);
        gathered.spent = Spent {
            tokens_in: state.spent.tokens_in,
            tokens_out: state.spent.tokens_out,
            cost_usd: state.spent.cost_micro_usd.map(|cost| cost as f64 / 1e6),
            duration_ms: state.spent.ms,
        };
        gathered
    }

    /// The file is read whole all the same: what was paid stays, the notes are not used.
    pub fn set_aside(&mut self) {
        let (spent, masked) = (self.spent, self.masked);
        *self = Self { spent, masked, ..Self::default() };
    }

    /// True when the file was split and nobody could read any of it.
    pub fn is_unread(&self) -> bool {
        self.shards_total > 0 && self.read == 0
    }

    /// The notes before shard `k` of a chain.
    pub fn notes_before(state: &ReviewState, k: u32, source: &str) -> String {
        let before = state.pieces.range(..k);
        let notes: Vec<(u32, String)> =
            before.filter_map(|(k, piece)| Some((*k, piece.summary.clone()?))).collect();
        scratchpad::notes(&notes, source, 0).text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::records::review::Piece;

    #[test]
    fn what_shards_left_is_gathered_with_its_gaps_and_its_price() {
        let read = |summary: &str| Piece { summary: Some(summary.into()), gap: None, masked: 1 };
        let gap = Piece { summary: None, gap: Some((4, 8)), masked: 2 };
        let mut state = ReviewState::default();
        state.shards = 3;
        state.pieces = [(0, read("the first part")), (1, gap), (2, read("the third part"))].into();
        state.spent.tokens_in = 7;
        state.spent.cost_micro_usd = Some(2_500_000);
        let mut all = Gathered::of(&state, "0123456789ab", 0);
        assert_eq!((all.shards_total, all.masked, all.is_unread()), (3, 4, false));
        assert_eq!(all.missing, [(4, 8)]);
        assert_eq!((all.spent.tokens_in, all.spent.cost_usd), (7, Some(2.5)));
        let has = |text: &str, word: &str| text.contains(word);
        assert!(has(&all.notes.text, "first part") && has(&all.notes.text, "third part"));
        // Read whole all the same: only what was paid and masked stays.
        all.set_aside();
        assert_eq!((all.shards_total, all.masked, all.spent.tokens_in), (0, 4, 7));
        assert!(all.notes.text.is_empty() && all.missing.is_empty() && !all.is_unread());
        for (k, first, third) in [(0, false, false), (2, true, false), (3, true, true)] {
            let before = Gathered::notes_before(&state, k, "0123456789ab");
            assert_eq!((has(&before, "first"), has(&before, "third")), (first, third), "{k}");
        }
        // None of it read, more shards than bytes, and a file that was not split.
        state.pieces.retain(|k, _| *k == 1);
        assert!(Gathered::of(&state, "0123456789ab", 0).is_unread());
        assert_eq!(Gathered::of(&state, "01", 0).shards_total, 2);
        assert!(!Gathered::of(&ReviewState::default(), "01", 0).is_unread());
    }
}

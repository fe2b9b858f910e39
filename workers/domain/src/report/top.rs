//! Lists that do not grow with the sweep: the best of many, or the first of many.

use std::collections::BinaryHeap;

/// The entries with the least keys. What an entry holds must be ordered for the heap's sake alone: no two
/// entries have the same key.
#[derive(Debug)]
pub(super) struct Top<K, V = String> {
    most: usize,
    heap: BinaryHeap<(K, V)>,
    /// Entries that were offered.
    pub(super) all: usize,
}

impl<K: Ord, V: Ord> Top<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new(), all: 0 }
    }

    /// Offers an entry, which is made only when it is taken.
    pub(super) fn offer(&mut self, key: K, entry: impl FnOnce() -> V) {
        self.all += 1;
        if self.heap.len() >= self.most && self.heap.peek().is_none_or(|(worst, _)| *worst <= key) {
            return;
        }
        self.heap.push((key, entry()));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    /// The entries, least key first.
    pub(super) fn entries(self) -> Vec<V> {
        self.heap.into_sorted_vec().into_iter().map(|(_, entry)| entry).collect()
    }
}

/// The first entries, until their lines are as many as are shown.
#[derive(Debug)]
pub(super) struct First {
    most_lines: usize,
    lines: usize,
    is_full: bool,
    /// What is shown.
    pub(super) text: String,
    /// Entries that are shown.
    pub(super) shown: usize,
    /// Entries that were offered.
    pub(super) all: usize,
}

impl First {
    pub(super) fn new(most_lines: usize) -> Self {
        Self { most_lines, lines: 0, is_full: false, text: String::new(), shown: 0, all: 0 }
    }

    /// Offers an entry of whole lines, which is made only while there is room.
    pub(super) fn offer(&mut self, entry: impl FnOnce() -> String) {
        self.all += 1;
        if self.is_full {
            return;
        }
        let entry = entry();
        let lines = entry.lines().count();
        // From the first one on that does not fit, none is shown: no gaps in the order.
        self.is_full = self.lines + lines > self.most_lines;
        if !self.is_full {
            self.lines += lines;
            self.shown += 1;
            self.text.push_str(&entry);
        }
    }
}

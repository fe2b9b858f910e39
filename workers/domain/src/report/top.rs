//! Lists that do not grow with the sweep: the best of many, or the first of many.

use std::collections::BinaryHeap;

/// The entries with the least keys.
#[derive(Debug)]
pub(super) struct Top<K> {
    most: usize,
    heap: BinaryHeap<(K, String)>,
    /// Entries that were offered.
    pub(super) all: usize,
}

impl<K: Ord> Top<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new(), all: 0 }
    }

    /// Offers an entry, whose text is made only when it is taken.
    pub(super) fn offer(&mut self, key: K, text: impl FnOnce() -> String) {
        self.all += 1;
        if self.heap.len() >= self.most && self.heap.peek().is_none_or(|(worst, _)| *worst <= key) {
            return;
        }
        self.heap.push((key, text()));
        if self.heap.len() > self.most {
            self.heap.pop();
        }
    }

    /// The texts, least key first.
    pub(super) fn texts(self) -> Vec<String> {
        self.heap.into_sorted_vec().into_iter().map(|(_, text)| text).collect()
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

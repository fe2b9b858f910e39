//! What the files of a sweep ask of a rung.

/// Sums over the files that were looked at, which may stand for more.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Load {
    seen: f64,
    all: u64,
    asked: f64,
    squares: f64,
    shard_calls: f64,
    shard_asked: f64,
}

impl Load {
    /// Adds a file: the guessed tokens of its prompt, and the calls and tokens of shards that no rung before needed.
    pub(super) fn add(&mut self, asked: u64, (shard_calls, shard_asked): (u64, u64)) {
        let asked = asked as f64;
        self.seen += 1.0;
        self.all += 1;
        self.asked += asked;
        self.squares += asked * asked;
        self.shard_calls += shard_calls as f64;
        self.shard_asked += shard_asked as f64;
    }

    pub(super) fn stand_for(&mut self, files: u64) {
        self.all = files.max(self.seen as u64);
    }

    pub(super) fn files(&self) -> u64 {
        self.all
    }

    /// Tokens of a prompt, on average.
    pub(super) fn asked(&self) -> f64 {
        self.asked / self.seen.max(1.0)
    }

    /// How much they differ from file to file.
    pub(super) fn deviation(&self) -> f64 {
        (self.squares / self.seen.max(1.0) - self.asked().powi(2)).max(0.0).sqrt()
    }

    /// Calls and tokens of shards, for each file.
    pub(super) fn shards(&self) -> (f64, f64) {
        (self.shard_calls / self.seen.max(1.0), self.shard_asked / self.seen.max(1.0))
    }

    /// Variance of the mean of what was looked at, as a mean of all, by the variance of one.
    pub(super) fn unseen(&self) -> f64 {
        let (seen, all) = (self.seen.max(1.0), (self.all as f64).max(1.0));
        ((1.0 - seen / all) / seen).max(0.0)
    }
}

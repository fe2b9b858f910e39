//! Which of several patches turn a check red, with as few checks as can be.
//!
//! A check of a large workspace takes minutes, so all patches are checked together first. When that
//! is red, the shortest red prefix is found by halving; its last patch is at fault, since the prefix
//! without it is green. It is dropped, and the rest is checked together again. For n patches of which
//! one is bad this takes 2 + ceil(log2 n) checks, and for none one.

use std::collections::BTreeMap;

/// The search; ask [`Bisect::ask`], run that check, [`Bisect::record`] what it said.
#[derive(Debug, Clone)]
pub struct Bisect<F> {
    alive: Vec<usize>,
    dropped: BTreeMap<usize, F>,
    /// Patches from the front of `alive` that are green together.
    green: usize,
    /// Length of a prefix of `alive` that is red, and why.
    red: Option<(usize, F)>,
    asked: Option<usize>,
    checks: u32,
    most: u32,
}

impl<F: Clone> Bisect<F> {
    /// A search over `n` patches with `most` checks at most; none of them applied must be green.
    pub fn new(n: usize, most: u32) -> Self {
        Self {
            alive: (0..n).collect(),
            dropped: BTreeMap::new(),
            green: 0,
            red: None,
            asked: None,
            checks: 0,
            most,
        }
    }

    /// The patches to be checked together next; `None` when it is known which may stay.
    pub fn ask(&mut self) -> Option<Vec<usize>> {
        if self.green == self.alive.len() || self.checks >= self.most {
            return None;
        }
        let length = match &self.red {
            None => self.alive.len(),
            Some((red, _)) => self.green.midpoint(*red),
        };
        self.asked = Some(length);
        Some(self.alive[..length].to_vec())
    }

    /// What the check of [`Bisect::ask`] said: green, or why not.
    pub fn record(&mut self, result: Result<(), F>) {
        let Some(length) = self.asked.take() else { return };
        self.checks += 1;
        match result {
            Ok(()) => self.green = length,
            Err(why) => self.red = Some((length, why)),
        }
        // The prefix up to `green` is green and with one more it is red: that one is at fault.
        if let Some((red, why)) = &self.red
            && *red == self.green + 1
        {
            self.dropped.insert(self.alive.remove(self.green), why.clone());
            self.red = None;
        }
    }

    /// Patches that are green together.
    pub fn landed(&self) -> &[usize] {
        &self.alive[..self.green]
    }

    /// Patches at fault, each with what the check said.
    pub fn dropped(&self) -> &BTreeMap<usize, F> {
        &self.dropped
    }

    /// Patches that nothing is known of, because no more checks were allowed.
    pub fn unknown(&self) -> &[usize] {
        &self.alive[self.green..]
    }

    /// Checks that were recorded.
    pub fn checks(&self) -> u32 {
        self.checks
    }
}

//! Isotonic regression by pooling adjacent violators.

use super::Label;

/// Labels that a step of a map rests on at least; neighbours are joined until there are so many.
const LEAST_GROUP: usize = 10;

/// Labels of neighbouring confidences that have one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// Least confidence, in percent.
    pub low: u8,
    /// Highest confidence, in percent.
    pub high: u8,
    /// Their value, 0 to 1.
    pub value: f64,
    /// How many they are.
    pub weight: f64,
}

/// The non-descending values that are nearest to these, by the sum of weighted squares: neighbours that descend are
/// pooled into their mean.
pub fn pooled(values: &[(f64, f64)]) -> Vec<f64> {
    // Mean, weight, and how many values it stands for.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values {
        let mut last = (*value, *weight, 1);
        while let Some(before) = pools.last().copied().filter(|before| before.0 >= last.0) {
            pools.pop();
            let weight = before.1 + last.1;
            let mean = (before.0 * before.1 + last.0 * last.1) / weight;
            last = (mean, weight, before.2 + last.2);
        }
        pools.push(last);
    }
    pools.into_iter().flat_map(|(mean, _, n)| std::iter::repeat_n(mean, n)).collect()
}

/// The blocks of some labels, which are sorted. The share of right ones is that of a group with one right and one
/// wrong label more: no step claims to be certain.
pub fn blocks(labels: &[Label]) -> Vec<Block> {
    let mut groups: Vec<&[Label]> = labels.chunk_by(|a, b| a.confidence == b.confidence).collect();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for group in groups.drain(..) {
        end += group.len();
        if end - start >= LEAST_GROUP {
            joined.push((start, end));
            start = end;
        }
    }
    match joined.last_mut() {
        Some(last) => last.1 = labels.len(),
        None if labels.is_empty() => return Vec::new(),
        None => joined.push((0, labels.len())),
    }
    let some: Vec<&[Label]> = joined.into_iter().map(|(from, to)| &labels[from..to]).collect();
    let value = |group: &&[Label]| {
        let right = group.iter().filter(|label| label.right).count();
        ((right + 1) as f64 / (group.len() + 2) as f64, group.len() as f64)
    };
    let values = pooled(&some.iter().map(value).collect::<Vec<_>>());
    let block = |(group, value): (&&[Label], f64)| Block {
        low: group.first().map_or(0, |label| label.confidence),
        high: group.last().map_or(0, |label| label.confidence),
        value,
        weight: group.len() as f64,
    };
    some.iter().zip(values).map(block).collect()
}

/// The value at a confidence: that of its block, or what lies between two of them on a straight line. Before the
/// first one and behind the last one it is theirs.
pub fn at(blocks: &[Block], said: u8) -> f64 {
    let Some(after) = blocks.iter().position(|block| said <= block.high) else {
        return blocks.last().map_or(0.0, |block| block.value);
    };
    let next = &blocks[after];
    match after.checked_sub(1).map(|before| &blocks[before]) {
        Some(before) if said < next.low => {
            let width = f64::from(next.low - before.high);
            let part = f64::from(said - before.high) / width;
            before.value + part * (next.value - before.value)
        }
        _ => next.value,
    }
}

//! What the confidences of a model have proved to be worth, frozen into a sweep.

use serde::{Deserialize, Serialize};

/// From a confidence on, what it is worth. In percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapStep {
    /// The least confidence that the step holds for.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub from: u8,
    /// How many of a hundred findings of that confidence are right.
    #[cfg_attr(test, schemars(range(max = 100)))]
    pub to: u8,
}

/// The map of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelMap {
    /// `provider/model`.
    pub model: String,
    /// Judged findings that it rests on.
    pub labels: u32,
    /// Ascending in both; the first one is from 0.
    pub steps: Vec<MapStep>,
}

impl ModelMap {
    /// What a confidence is worth, both in percent. Without a step it is what it says.
    pub fn worth(&self, confidence: u8) -> u8 {
        let step = self.steps.iter().rev().find(|step| step.from <= confidence);
        step.map_or(confidence, |step| step.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_up_to_the_next_one() {
        let step = |from, to| MapStep { from, to };
        let steps = vec![step(0, 10), step(80, 40), step(95, 60)];
        let map = ModelMap { model: "p/m".into(), labels: 99, steps };
        let worth = [0, 79, 80, 94, 95, 100].map(|said| map.worth(said));
        assert_eq!(worth, [10, 10, 40, 40, 60, 60]);
        assert_eq!(ModelMap { steps: Vec::new(), ..map }.worth(70), 70);
    }
}

//! Figures by name, one a repetition; printed as medians with their range.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

/// Figures in the order in which they came first.
#[derive(Debug, Default)]
pub struct Figures {
    order: Vec<String>,
    all: BTreeMap<String, Vec<f64>>,
}

impl Figures {
    /// One more of a name.
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        if !self.order.contains(&name) {
            self.order.push(name.clone());
        }
        self.all.entry(name).or_default().push(value);
    }

    /// Prints the median of each, and its range.
    pub fn print(&mut self) {
        for name in &self.order {
            let Some(values) = self.all.get_mut(name) else { continue };
            values.sort_by(f64::total_cmp);
            let (least, most) = (values[0], values[values.len() - 1]);
            let middle = values[values.len() / 2];
            let digits = if middle < 100.0 { 2 } else { 0 };
            println!("{name:<48}{middle:>10.digits$}   ({least:.digits$} to {most:.digits$})");
        }
    }
}

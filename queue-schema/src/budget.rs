//! Budgets: what a sweep may spend, what it has spent, and what calls under way may still take.
//!
//! A budget says how much a sweep may do, not what its reviews say: it is no part of a sweep's
//! identity, and may be changed while the sweep runs and after it.

use serde::{Serialize, Serializer};

/// An amount of what models take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// Model calls.
    pub calls: u64,
    /// Prompt and generated tokens.
    pub tokens: u64,
    /// Millionths of a dollar.
    #[serde(rename = "usd", serialize_with = "dollars")]
    pub micro_usd: u64,
}

/// The caps of a sweep; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps {
    /// The most that it may take of each.
    pub most: Amount,
    /// Percent of any cap from which on the sweep makes do with less.
    pub degrade_percent: u8,
    /// Percent of any cap from which on no further target is begun.
    pub stop_percent: u8,
}

/// What a person says of a sweep's budget. What is not said stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BudgetRequest {
    /// Model calls; `Some(0)` lifts the cap.
    pub calls: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Millionths of a dollar.
    pub micro_usd: Option<u64>,
    /// What a sweep that is new gets of what is not said.
    pub defaults: Caps,
}

/// A sweep's budget as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The caps.
    #[serde(flatten, serialize_with = "caps")]
    pub caps: Caps,
    /// What is spent.
    pub spent: Amount,
    /// What calls under way may take beside that.
    pub reserved: Amount,
}

impl Budget {
    /// True when there is a cap.
    pub fn is_on(&self) -> bool {
        self.caps.most != Amount::default()
    }

    /// True near a cap: the sweep makes do with less.
    pub fn is_degraded(&self) -> bool {
        self.reached(self.caps.degrade_percent)
    }

    /// True when no further target is begun.
    pub fn is_stopped(&self) -> bool {
        self.reached(self.caps.stop_percent)
    }

    fn reached(&self, percent: u8) -> bool {
        let at = |spent: u64, cap: u64| {
            cap > 0 && u128::from(spent) * 100 >= u128::from(cap) * u128::from(percent)
        };
        let (spent, most) = (&self.spent, &self.caps.most);
        at(spent.calls, most.calls)
            || at(spent.tokens, most.tokens)
            || at(spent.micro_usd, most.micro_usd)
    }
}

/// `2 of 3 calls, $0.41 of $0.50`: each cap with what is spent of it. Empty without a cap.
impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (spent, most) = (&self.spent, &self.caps.most);
        let usd = |micro: u64| Dollars(micro).to_string();
        let parts = [
            (most.calls, format!("{} of {} calls", spent.calls, most.calls)),
            (most.tokens, format!("{} of {} tokens", spent.tokens, most.tokens)),
            (most.micro_usd, format!("{} of {}", usd(spent.micro_usd), usd(most.micro_usd))),
        ];
        let parts: Vec<_> = parts.into_iter().filter(|(cap, _)| *cap > 0).map(|(_, t)| t).collect();
        f.write_str(&parts.join(", "))
    }
}

/// Millionths of a dollar, for a person: cents, and more digits where it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(pub u64);

impl std::fmt::Display for Dollars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let digits = format!("{rest:06}");
        let short = digits.trim_end_matches('0');
        write!(f, "${whole}.{}", if short.len() < 2 { &digits[..2] } else { short })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // what serde calls
fn dollars<S: Serializer>(micro: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(*micro as f64 / 1e6)
}

/// Programs see null where there is no cap.
fn caps<S: Serializer>(caps: &Caps, to: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let some = |n: u64| (n > 0).then_some(n);
    let mut map = to.serialize_map(Some(5))?;
    map.serialize_entry("calls", &some(caps.most.calls))?;
    map.serialize_entry("tokens", &some(caps.most.tokens))?;
    map.serialize_entry("usd", &some(caps.most.micro_usd).map(|m| m as f64 / 1e6))?;
    map.serialize_entry("degrade_percent", &caps.degrade_percent)?;
    map.serialize_entry("stop_percent", &caps.stop_percent)?;
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(spent: Amount, most: Amount) -> Budget {
        let caps = Caps { most, degrade_percent: 80, stop_percent: 95 };
        Budget { caps, spent, reserved: Amount::default() }
    }

    #[test]
    fn a_budget_degrades_and_stops_at_its_nearest_cap() {
        let most = Amount { calls: 10, tokens: 1000, micro_usd: 0 };
        let at = |calls, tokens| {
            let b = budget(Amount { calls, tokens, micro_usd: 9_000_000 }, most);
            (b.is_degraded(), b.is_stopped())
        };
        assert_eq!(at(7, 799), (false, false));
        assert_eq!(at(8, 0), (true, false));
        assert_eq!(at(0, 800), (true, false));
        assert_eq!(at(0, 950), (true, true));
        assert_eq!(at(10, 0), (true, true));
        let none = budget(most, Amount::default());
        assert_eq!((none.is_on(), none.is_degraded(), none.is_stopped()), (false, false, false));
    }

    #[test]
    fn a_budget_is_read_by_people_and_by_programs() {
        let most = Amount { calls: 3, tokens: 0, micro_usd: 500_000 };
        let b = budget(Amount { calls: 2, tokens: 40, micro_usd: 412_345 }, most);
        assert_eq!(b.to_string(), "2 of 3 calls, $0.412345 of $0.50");
        let json = serde_json::to_value(b).unwrap();
        assert_eq!(json["calls"], 3);
        assert!(json["tokens"].is_null());
        assert_eq!(
            (json["usd"].as_f64(), json["spent"]["usd"].as_f64()),
            (Some(0.5), Some(0.412_345))
        );
        assert_eq!((&json["degrade_percent"], &json["reserved"]["calls"]), (&80.into(), &0.into()));
    }
}

//! Places in a body: `$.choices[].message["a b"]`; and patterns that cover them.

use std::fmt;
use std::str::FromStr;

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// Any item of a list.
    Item,
    /// Any key, in a pattern.
    AnyKey,
}

/// A place in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(Vec<Step>);

impl Place {
    pub(super) const fn root() -> Self {
        Self(Vec::new())
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(super) fn item(&self) -> Self {
        self.then(Step::Item)
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Item => f.write_str("[]")?,
                Step::AnyKey => f.write_str(".*")?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{}]", serde_json::Value::from(key.as_str()))?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// A place in a body and all that is inside it: `$.usage`, `$.choices[].*`; `$` is the whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Step>);

impl Pattern {
    pub(super) fn covers(&self, place: &Place) -> bool {
        let same = |(mine, its): (&Step, &Step)| match mine {
            Step::AnyKey => matches!(its, Step::Key(_)),
            step => step == its,
        };
        self.0.len() <= place.0.len() && self.0.iter().zip(&place.0).all(same)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is no place in a body; write it like $.usage, $.data[].id or $[\"a b\"]"
            )
        };
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[]") {
                (steps, rest) = (with(steps, Step::Item), after);
            } else if let Some(quoted) = rest.strip_prefix('[') {
                let mut values = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
                let key = values.next().and_then(Result::ok).ok_or_else(wrong)?;
                rest = quoted[values.byte_offset()..].strip_prefix(']').ok_or_else(wrong)?;
                steps.push(Step::Key(key));
            } else {
                let name = rest.strip_prefix('.').ok_or_else(wrong)?;
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (key, after) = name.split_at(end);
                steps.push(match key {
                    "*" => Step::AnyKey,
                    key if is_plain(key) => Step::Key(key.to_owned()),
                    _ => return Err(wrong()),
                });
                rest = after;
            }
        }
        Ok(Self(steps))
    }
}

fn with(mut steps: Vec<Step>, step: Step) -> Vec<Step> {
    steps.push(step);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_its_place_and_what_is_inside() {
        let place = Place::root().key("data").item().key("a b");
        assert_eq!(place.to_string(), r#"$.data[]["a b"]"#);
        for (pattern, covers) in [
            ("$", true),
            ("$.data", true),
            ("$.data[]", true),
            (r#"$.data[]["a b"]"#, true),
            ("$.*[].*", true),
            ("$.data.*", false),
            ("$.dat", false),
            (r#"$.data[]["a b"].c"#, false),
        ] {
            let pattern_read: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern_read.covers(&place), covers, "{pattern}");
        }
        for wrong in ["", "data", "$data", "$.", "$..a", "$[", "$[1]", "$[\"a\"", "$.a b"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
    }
}

//! Figures as Prometheus reads them: families of series, each with its help, in the text format.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use scrum_shown::plain;
use std::fmt::Write as _;

/// Series of one family at most: names of lanes, models and sweeps are other people's texts, and each new one would stay
/// with Prometheus for weeks.
pub const MOST_SERIES: usize = 2000;
/// Characters of a label's value at most.
const MOST_LABEL_CHARS: usize = 200;
/// The type of the text, for the header `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Labels of a series: names and values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// What a family counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until its program starts again.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were at most so long.
    Histogram,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// How many of something took how long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    /// Bounds in seconds, ascending, each with how many took at most so long and more than the bound before.
    pub buckets: Vec<(f64, u64)>,
    /// How many took longer than the last bound.
    pub above: u64,
    /// All of them together, in seconds.
    pub sum_s: f64,
}

/// The text under construction.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    name: &'static str,
    series: usize,
    left_out: u64,
}

impl Exposition {
    /// Begins a family. Its series follow.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        (self.name, self.series) = (name, 0);
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
    }

    /// A family of one series without labels.
    pub fn one(&mut self, name: &'static str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.add(&[], value);
    }

    /// A series of the family that was begun last.
    pub fn add(&mut self, labels: Labels<'_>, value: f64) {
        if self.has_room() {
            self.line("", labels, None, value);
        }
    }

    /// A series of durations of the family that was begun last.
    pub fn add_durations(&mut self, labels: Labels<'_>, of: &Durations) {
        if !self.has_room() {
            return;
        }
        let mut seen = 0;
        for (bound, n) in &of.buckets {
            seen += n;
            self.line("_bucket", labels, Some(&bound.to_string()), seen as f64);
        }
        seen += of.above;
        self.line("_bucket", labels, Some("+Inf"), seen as f64);
        self.line("_sum", labels, None, of.sum_s);
        self.line("_count", labels, None, seen as f64);
    }

    /// The text, with how many series were left out of it.
    pub fn finish(mut self) -> String {
        let left_out = self.left_out as f64;
        let help = "Series left out because their family has too many; see docs/operations.md.";
        self.one("scrum_series_left_out", Kind::Gauge, help, left_out);
        self.text
    }

    fn has_room(&mut self) -> bool {
        let has_room = self.series < MOST_SERIES;
        self.series += 1;
        self.left_out += u64::from(!has_room);
        has_room
    }

    fn line(&mut self, end: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
        let _ = write!(self.text, "{}{end}", self.name);
        let bound = bound.map(|bound| ("le", bound));
        let mut before = '{';
        for (name, text) in labels.iter().copied().chain(bound) {
            let _ = write!(self.text, "{before}{name}=\"{}\"", label(text));
            before = ',';
        }
        let close = if before == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

/// A label's value: inert, not longer than the bound, and escaped.
fn label(text: &str) -> String {
    let text: String = plain(text).chars().take(MOST_LABEL_CHARS).collect();
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_their_series_below_them_and_labels_are_inert() {
        let mut text = Exposition::default();
        text.one("scrum_redis_up", Kind::Gauge, "Whether.", 1.0);
        text.family("scrum_lane_jobs", Kind::Gauge, "Jobs.");
        text.add(&[("lane", "a\"b\\c\nd\u{1b}")], 2.5);
        text.family("scrum_call_duration_seconds", Kind::Histogram, "Calls.");
        let of = Durations { buckets: vec![(0.5, 2), (1.0, 1)], above: 1, sum_s: 9.5 };
        text.add_durations(&[("provider", "p")], &of);
        let wanted = r#"# HELP scrum_redis_up Whether.
# TYPE scrum_redis_up gauge
scrum_redis_up 1
# HELP scrum_lane_jobs Jobs.
# TYPE scrum_lane_jobs gauge
scrum_lane_jobs{lane="a\"b\\c d\\u{1b}"} 2.5
# HELP scrum_call_duration_seconds Calls.
# TYPE scrum_call_duration_seconds histogram
scrum_call_duration_seconds_bucket{provider="p",le="0.5"} 2
scrum_call_duration_seconds_bucket{provider="p",le="1"} 3
scrum_call_duration_seconds_bucket{provider="p",le="+Inf"} 4
scrum_call_duration_seconds_sum{provider="p"} 9.5
scrum_call_duration_seconds_count{provider="p"} 4
"#;
        let text = text.finish();
        assert!(text.starts_with(wanted), "{text}");
        assert!(text.ends_with("scrum_series_left_out 0\n"), "{text}");
    }

    #[test]
    fn nobody_makes_more_series_than_the_bound() {
        let mut text = Exposition::default();
        text.family("scrum_lane_jobs", Kind::Gauge, "Jobs.");
        for n in 0..MOST_SERIES + 7 {
            text.add(&[("lane", &format!("{n}{}", "x".repeat(1000)))], 1.0);
        }
        let text = text.finish();
        assert!(text.ends_with("scrum_series_left_out 7\n"));
        assert_eq!(text.lines().filter(|l| l.starts_with("scrum_lane_jobs{")).count(), MOST_SERIES);
        assert!(text.lines().all(|l| l.len() < 300));
    }
}

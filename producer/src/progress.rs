//! Progress on stderr: bars for a person, plain lines for a log.

use crate::output::{self, duration};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use queue_schema::client::{SweepState, SweepStatus};
use std::time::{Duration, Instant};

/// Plain lines come at most so often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Columns of a terminal that are too few for a bar beside the counters.
const NARROW: usize = 70;

/// Shows how far a sweep is.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    /// When this command first saw the sweep at work, and how many files were settled then.
    began: Option<(Instant, u64)>,
    /// What the work waits for.
    waits: Option<String>,
    last_line: Option<(Instant, u64)>,
}

impl Progress {
    /// A bar on a terminal, lines elsewhere, nothing when quiet.
    pub fn new(quiet: bool) -> Self {
        let fancy = !quiet && output::fancy();
        let bar = fancy.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
            let is_narrow = output::width_of_progress().is_some_and(|columns| columns < NARROW);
            let style = ProgressStyle::with_template(if is_narrow {
                "{spinner:.cyan} {pos}/{len}  {wide_msg}"
            } else {
                "{spinner:.cyan} {bar:24.green/black.bright} {pos}/{len} files  {wide_msg}"
            });
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.enable_steady_tick(Duration::from_millis(125));
            bar
        });
        Self { bar, plain: !quiet && !fancy, began: None, waits: None, last_line: None }
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::tell(text)),
            None if self.plain => output::tell(text),
            None => {}
        }
    }

    /// Says what the work waits for, beside the counters; `None` when it goes on.
    pub fn waits(&mut self, what: Option<String>) {
        self.waits = what;
    }

    /// Shows the newest counters.
    pub fn update(&mut self, s: &SweepStatus) {
        let settled = s.settled();
        let pace = self.pace(s);
        if let Some(bar) = &self.bar {
            bar.set_length(s.total);
            bar.set_position(settled);
            bar.set_message(output::plain(&self.line(s, pace)));
            return;
        }
        let due = self.last_line.is_none_or(|(at, n)| n != settled && at.elapsed() >= LINE_EVERY);
        if self.plain && s.total > 0 && (due || s.is_over()) {
            let line = self.line(s, pace);
            output::tell(&format!("{settled}/{} files  {line}", s.total));
            self.last_line = Some((Instant::now(), settled));
        }
    }

    fn line(&self, s: &SweepStatus, pace: Option<Pace>) -> String {
        let counters = summary(s, pace);
        match &self.waits {
            Some(what) => format!("{what}; {counters}"),
            None => counters,
        }
    }

    /// What was done since this command looked first: what an earlier one has done took no time of this one.
    fn pace(&mut self, s: &SweepStatus) -> Option<Pace> {
        if s.state != SweepState::Running {
            return None;
        }
        let done = done(s);
        let (since, before) = *self.began.get_or_insert_with(|| (Instant::now(), done));
        Some(Pace { done: done.saturating_sub(before), took: since.elapsed() })
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Files that were done in some time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Files.
    pub done: u64,
    /// The time.
    pub took: Duration,
}

/// Files that are over and took time.
pub fn done(s: &SweepStatus) -> u64 {
    s.resolved + s.unresolved + s.left_out
}

/// One line of counters: what is not zero, and what is left.
pub fn summary(s: &SweepStatus, pace: Option<Pace>) -> String {
    let mut parts = vec![format!("{} resolved", s.resolved)];
    for (n, word) in [
        (s.unresolved, "unresolved"),
        (s.left_out, "left out"),
        (s.skipped, "skipped"),
        (s.live, "in progress"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    if s.calls > 0 {
        parts.push(format!("{} calls", s.calls));
    }
    if s.tokens_in + s.tokens_out > 0 {
        parts.push(format!("{} tokens", s.tokens_in + s.tokens_out));
    }
    if s.cost_micro_usd > 0 {
        parts.push(format!("${:.2}", s.cost_micro_usd as f64 / 1e6));
    }
    if let Some(budget) = &s.budget {
        let near = match (budget.is_stopped(), budget.is_degraded()) {
            (true, _) => ", no further files are started",
            (false, true) => ", near its limit: only cheap calls",
            _ => "",
        };
        parts.push(format!("budget: {budget}{near}"));
    }
    match s.state {
        SweepState::Planning => {
            let why = s.held.as_ref().map(|why| format!(" waits: {why}"));
            parts.push(format!("planning{}", why.unwrap_or_default()));
        }
        SweepState::Running => {
            if let Some(left) = pace.and_then(|pace| estimate(s, pace)) {
                parts.push(format!("about {} left", duration(left)));
            }
        }
        _ => {}
    }
    parts.join(", ")
}

/// Milliseconds left at a pace. Says nothing before there is one.
fn estimate(s: &SweepStatus, pace: Pace) -> Option<u64> {
    let left = s.waiting + s.live;
    if pace.done < 3 || left == 0 {
        return None;
    }
    let per_file = pace.took.as_millis() as f64 / pace.done as f64;
    Some((per_file * left as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> SweepStatus {
        SweepStatus {
            id: "s".into(),
            state: SweepState::Running,
            priority: queue_schema::effects::Priority::Normal,
            held: None,
            total: 10,
            waiting: 2,
            live: 4,
            resolved: 3,
            unresolved: 1,
            skipped: 0,
            cancelled: 0,
            facts: 0,
            facts_failed: 0,
            left_out: 0,
            attempts: 5,
            calls: 5,
            tokens_in: 10,
            tokens_out: 5,
            cost_micro_usd: 0,
            budget: None,
            created_ms: 0,
            ended_ms: None,
            idle_ms: 0,
            error: None,
        }
    }

    #[test]
    fn the_line_says_what_is_and_what_is_left() {
        let pace = |done| Pace { done, took: Duration::from_secs(8) };
        let line = summary(&status(), Some(pace(4)));
        assert_eq!(
            line,
            "3 resolved, 1 unresolved, 4 in progress, 5 calls, 15 tokens, about 12s left"
        );
        for pace in [None, Some(pace(0)), Some(pace(2))] {
            assert!(!summary(&status(), pace).contains("left"), "{pace:?} is no pace yet");
        }
    }

    #[test]
    fn what_an_earlier_command_did_is_no_pace_of_this_one() {
        let mut progress = Progress::new(true);
        let mut s = status();
        (s.resolved, s.waiting) = (28, 32);
        assert_eq!(progress.pace(&s).unwrap().done, 0);
        s.resolved += 5;
        assert_eq!(progress.pace(&s).unwrap().done, 5);
        progress.waits(Some("p takes no calls".into()));
        assert!(progress.line(&s, None).starts_with("p takes no calls; 33 resolved"));
    }
}

//! When sweeps by the clock are due. Time is an argument: the fleet goes by the clock of Redis.

use cronexpr::{Crontab, parse_crontab};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use queue_schema::schedule::{Moved, When};
use std::collections::BTreeSet;

/// The shortest time between two sweeps of a schedule, in milliseconds.
pub const LEAST_EVERY_MS: u64 = 60_000;
/// The longest one.
pub const MOST_EVERY_MS: u64 = 366 * 24 * 3600 * 1000;
/// Missed due times that are counted; from then on it does not matter how many they are.
const MOST_MISSED: u64 = 1000;
/// The zone of schedules that name none.
pub const UTC: &str = "UTC";

/// Why something says no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// A cron expression that is none.
    #[error(
        "'{expr}' is no cron expression ({why}); write five fields, MINUTE HOUR DAY MONTH WEEKDAY, such as '0 2 * * 1-5' \
         for two o'clock on working days"
    )]
    Cron {
        /// As it was given.
        expr: String,
        /// What is wrong with it.
        why: String,
    },
    /// One that never comes.
    #[error("'{0}' never comes: no day has this date; check day and month")]
    Never(String),
    /// A zone that nobody knows.
    #[error("there is no time zone '{0}'; write an IANA name such as Europe/Berlin, or UTC")]
    Zone(String),
    /// A time of day that is none.
    #[error("'{0}' is no time of day; write HH:MM, such as 02:00")]
    Daily(String),
    /// Too short or too long.
    #[error("every {0} s is out of range; use 1m to 366d")]
    Every(u64),
}

/// Again and again after so many seconds.
///
/// # Errors
/// Less than a minute, or more than a year.
pub fn every(seconds: u64) -> Result<When, WhenError> {
    let ms = seconds.saturating_mul(1000);
    if !(LEAST_EVERY_MS..=MOST_EVERY_MS).contains(&ms) {
        return Err(WhenError::Every(seconds));
    }
    Ok(When::Every { ms })
}

/// Each day at `HH:MM`.
///
/// # Errors
/// What is no time of day, or no zone.
pub fn daily(time: &str, zone: &str) -> Result<When, WhenError> {
    let bad = || WhenError::Daily(time.to_owned());
    let (hour, minute) = time.split_once(':').ok_or_else(bad)?;
    let number = |text: &str, below: u32| {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n: &u32| fits && *n < below).ok_or_else(bad)
    };
    let (hour, minute) = (number(hour, 24)?, number(minute, 60)?);
    cron(&format!("{minute} {hour} * * *"), zone)
}

/// By a cron expression.
///
/// # Errors
/// What is no expression of five fields, never comes, or names no zone.
pub fn cron(expr: &str, zone: &str) -> Result<When, WhenError> {
    let fields: Vec<&str> = expr.split_whitespace().collect();
    let bad = |why: &str| Err(WhenError::Cron { expr: expr.to_owned(), why: why.to_owned() });
    if fields.len() != 5 {
        return bad(&format!("it has {} fields", fields.len()));
    }
    // What only some programs know (last day, nearest weekday, nth weekday, a number by hash) would be read
    // differently elsewhere.
    let items = || fields.iter().flat_map(|field| field.split(','));
    let is_own = |item: &str| {
        let end = item.trim_start_matches(|c: char| c.is_ascii_digit());
        item.contains('#') || ["l", "w", "h", "?"].contains(&end.to_ascii_lowercase().as_str())
    };
    if let Some(item) = items().find(|item| is_own(item)) {
        return bad(&format!("'{item}' is not of cron's own language"));
    }
    let expr = fields.join(" ");
    let parsed = parse(&expr, zone)?;
    let never = parsed.find_next(Timestamp::UNIX_EPOCH).is_err();
    if never {
        return Err(WhenError::Never(expr));
    }
    Ok(When::Cron { expr, zone: zone.to_owned() })
}

fn parse(expr: &str, zone: &str) -> Result<Crontab, WhenError> {
    // No zone that is known has a blank, so that it is no other field of the expression.
    if TimeZone::get(zone).is_err() {
        return Err(WhenError::Zone(zone.to_owned()));
    }
    parse_crontab(&format!("{expr} {zone}")).map_err(|error| WhenError::Cron {
        expr: expr.to_owned(),
        why: error
            .to_string()
            .lines()
            .last()
            .unwrap_or_default()
            .trim_matches([' ', '^'])
            .to_owned(),
    })
}

/// The first due time after another time; `None` when there is none. All in milliseconds since the epoch.
///
/// # Errors
/// A schedule that this program can't read.
pub fn next_after(when: &When, added_ms: u64, after_ms: u64) -> Result<Option<u64>, WhenError> {
    match when {
        When::Every { ms } => {
            let ms = (*ms).max(LEAST_EVERY_MS);
            let past = after_ms.saturating_sub(added_ms) / ms;
            Ok(added_ms.checked_add(ms.saturating_mul(past + 1)))
        }
        When::Cron { expr, zone } => {
            let Some(after) =
                i64::try_from(after_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
            else {
                return Ok(None);
            };
            let next = parse(expr, zone)?.find_next(after).ok();
            Ok(next.and_then(|next| u64::try_from(next.timestamp().as_millisecond()).ok()))
        }
    }
}

/// What follows when a due time is past at `now_ms`: it is run once, also for those that have passed meanwhile.
///
/// # Errors
/// A schedule that this program can't read.
pub fn moved(when: &When, added_ms: u64, due_ms: u64, now_ms: u64) -> Result<Moved, WhenError> {
    let next_ms = next_after(when, added_ms, now_ms)?;
    let (mut missed, mut at) = (0, due_ms);
    while missed < MOST_MISSED {
        match next_after(when, added_ms, at)? {
            Some(later) if later <= now_ms => (missed, at) = (missed + 1, later),
            _ => break,
        }
    }
    Ok(Moved { due_ms, missed, next_ms })
}

/// For a person: `every 6h`, `0 2 * * * UTC`.
pub fn in_words(when: &When) -> String {
    match when {
        When::Every { ms } => {
            let seconds = ms / 1000;
            let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
            let (unit, letter) = units
                .into_iter()
                .find(|(unit, _)| seconds.is_multiple_of(*unit))
                .unwrap_or((1, 's'));
            format!("every {}{letter}", seconds / unit)
        }
        When::Cron { expr, zone } => format!("{expr} {zone}"),
    }
}

/// Places of new findings that are told.
const MOST_PLACES: usize = 5;

/// What a sweep has found that the one before of its schedule had not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// How many findings.
    pub count: u64,
    /// Where the first of them are, in the order of their paths: path and line.
    places: BTreeSet<(String, Option<u32>)>,
}

impl News {
    /// Counts a finding, unless the sweep before had it.
    pub fn see(&mut self, id: &str, path: &str, line: Option<u32>, before: &BTreeSet<String>) {
        if before.contains(id) {
            return;
        }
        self.count += 1;
        self.places.insert((path.to_owned(), line));
        if self.places.len() > MOST_PLACES {
            self.places.pop_last();
        }
    }

    /// In a sentence.
    pub fn told(&self) -> String {
        let findings = if self.count == 1 { "finding" } else { "findings" };
        let place = |(path, line): &(String, Option<u32>)| match line {
            Some(line) => format!("{path}:{line}"),
            None => path.clone(),
        };
        let places: Vec<String> = self.places.iter().map(place).collect();
        let colon = if places.is_empty() { "" } else { ": " };
        format!("{} new {findings}{colon}{}", self.count, places.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: &str) -> u64 {
        time.parse::<Timestamp>().unwrap().as_millisecond() as u64
    }

    fn text(ms: u64) -> String {
        Timestamp::from_millisecond(ms.cast_signed()).unwrap().to_string()
    }

    /// The due times from one on.
    fn times(when: &When, from: &str, n: usize) -> Vec<String> {
        let next = |at: &u64| next_after(when, 0, *at).unwrap();
        std::iter::successors(next(&ms(from)), next).take(n).map(text).collect()
    }

    #[test]
    fn expressions_come_due_as_cron_says() {
        for (expr, zone, from, want) in [
            (
                "0 2 * * *",
                UTC,
                "2026-03-01T02:00:00Z",
                ["2026-03-02T02:00:00Z", "2026-03-03T02:00:00Z"],
            ),
            (
                "*/20 1 * * *",
                UTC,
                "2026-03-01T01:20:00Z",
                ["2026-03-01T01:40:00Z", "2026-03-02T01:00:00Z"],
            ),
            (
                "0 9 * * MON-FRI",
                UTC,
                "2026-11-27T09:00:00Z",
                ["2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z"],
            ),
            (
                "0 0 31 * *",
                UTC,
                "2026-11-30T00:00:00Z",
                ["2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z"],
            ),
            (
                "0 0 29 2 *",
                UTC,
                "2026-01-01T00:00:00Z",
                ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
            ),
            (
                "30 14 * jul *",
                UTC,
                "2026-07-31T00:00:00Z",
                ["2026-07-31T14:30:00Z", "2027-07-01T14:30:00Z"],
            ),
            // The clock goes forward on 29 March 2026 in Berlin, and back on 25 October: 2 o'clock stays 2 o'clock.
            (
                "0 3 * * *",
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                ["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"],
            ),
            (
                "0 5 * * *",
                "Europe/Berlin",
                "2026-10-24T12:00:00Z",
                ["2026-10-25T04:00:00Z", "2026-10-26T04:00:00Z"],
            ),
        ] {
            assert_eq!(times(&cron(expr, zone).unwrap(), from, 2), want, "{expr} {zone}");
        }
        assert_eq!(daily("02:05", UTC).unwrap(), cron("5 2 * * *", UTC).unwrap());
    }

    /// A time that a day has twice, or not at all, is due about once that day.
    #[test]
    fn a_day_whose_clock_is_changed_has_its_sweep() {
        let daily = daily("02:30", "Europe/Berlin").unwrap();
        for (from, day) in
            [("2026-03-28T12:00:00Z", "2026-03-29"), ("2026-10-24T12:00:00Z", "2026-10-25")]
        {
            let all = times(&daily, from, 3);
            let of_day = all.iter().filter(|time| time.starts_with(day)).count();
            assert!(of_day <= 2, "{all:?}");
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
        }
    }

    #[test]
    fn what_says_no_time_is_refused_with_what_to_write() {
        for (expr, part) in [
            ("", "0 fields"),
            ("0 2 * *", "4 fields"),
            ("0 2 * * * UTC", "6 fields"),
            ("61 2 * * *", "MINUTE"),
            ("0 24 * * *", "MINUTE"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 L * *", "'L'"),
            ("0 0 15W * *", "'15W'"),
            ("0 0 * * 5#3", "'5#3'"),
            ("0 0 * * 5L", "'5L'"),
            ("H 2 * * *", "'H'"),
            ("@daily", "1 fields"),
            ("a b c d e", "MINUTE"),
            ("0 0 1 jan-foo *", "MINUTE"),
        ] {
            let error = cron(expr, UTC).unwrap_err().to_string();
            assert!(error.contains(part), "{expr}: {error}");
        }
        for zone in ["", "Berlin", "Europe/Berlin x", "UTC\n"] {
            assert_eq!(cron("0 2 * * *", zone), Err(WhenError::Zone(zone.to_owned())));
        }
        for time in ["2", "24:00", "02:60", "2:5:1", "aa:bb", "+1:00", ":", "002:00"] {
            assert_eq!(daily(time, UTC), Err(WhenError::Daily(time.to_owned())));
        }
        let year = 366 * 86_400;
        let fine = [59, 60, year, year + 1, u64::MAX].map(|seconds| every(seconds).is_ok());
        assert_eq!(fine, [false, true, true, false, false]);
    }

    #[test]
    fn missed_times_are_made_up_for_once() {
        let hourly = every(3600).unwrap();
        let (added, hour) = (ms("2026-01-01T00:10:00Z"), 3_600_000);
        let first = next_after(&hourly, added, added).unwrap().unwrap();
        assert_eq!(first, added + hour);
        let of = |now| moved(&hourly, added, first, now).unwrap();
        assert_eq!(of(first), Moved { due_ms: first, missed: 0, next_ms: Some(first + hour) });
        // What comes due at that very time has passed too.
        let late = of(first + 5 * hour);
        assert_eq!(late, Moved { due_ms: first, missed: 5, next_ms: Some(first + 6 * hour) });
        let late = of(first + 5 * hour + 1);
        assert_eq!(late, Moved { due_ms: first, missed: 5, next_ms: Some(first + 6 * hour) });
        let years = of(first + 100_000 * hour);
        assert_eq!((years.missed, years.next_ms), (MOST_MISSED, Some(first + 100_001 * hour)));
        let nightly = daily("02:00", UTC).unwrap();
        let due = ms("2026-01-02T02:00:00Z");
        let late = moved(&nightly, 0, due, ms("2026-01-05T12:00:00Z")).unwrap();
        assert_eq!((late.missed, late.next_ms), (3, Some(ms("2026-01-06T02:00:00Z"))));
    }

    #[test]
    fn schedules_are_said_in_words() {
        for (seconds, words) in
            [(60, "every 1m"), (21_600, "every 6h"), (172_800, "every 2d"), (61, "every 61s")]
        {
            assert_eq!(in_words(&every(seconds).unwrap()), words);
        }
        assert_eq!(in_words(&daily("2:00", "Asia/Tokyo").unwrap()), "0 2 * * * Asia/Tokyo");
    }

    #[test]
    fn findings_that_the_sweep_before_had_are_no_news() {
        let before = BTreeSet::from(["a".to_owned()]);
        let mut news = News::default();
        assert_eq!(news.told(), "0 new findings");
        for (id, path, line) in
            [("a", "x.rs", Some(1)), ("b", "x.rs", Some(2)), ("c", "a.rs", None)]
        {
            news.see(id, path, line, &before);
        }
        assert_eq!(news.told(), "2 new findings: a.rs, x.rs:2");
        (3..7).for_each(|line| news.see("d", "x.rs", Some(line), &before));
        assert_eq!(news.told(), "6 new findings: a.rs, x.rs:2, x.rs:3, x.rs:4, x.rs:5");
    }
}

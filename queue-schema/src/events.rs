//! Events: what happened in the fleet, written by the commit that made it happen, and what other programs tell of
//! theirs. Of each source the latest are kept, in a stream of its own. An event is JSON with four members that all
//! have: `source`, `endpoint`, `success` and `duration_ms`. Everything else in it is kept as it came.

/// A try of a model: it was accepted, rejected, failed, or is made again.
pub const ATTEMPTS: &str = "attempts";
/// Targets came to an end; one event for many that do so at once.
pub const SETTLEMENTS: &str = "settlements";
/// A job went to the dead-letter queue.
pub const DEAD_LETTERS: &str = "dead_letters";
/// What the operator of a sweep is told.
pub const ALERTS: &str = "alerts";
/// What became of a file in a run of the applier.
pub const APPLIES: &str = "applies";
/// What the audit of a review came to.
pub const AUDITS: &str = "audits";
/// The sweep of a schedule has ended: how many findings are new.
pub const SCHEDULES: &str = "schedules";

/// The sources that the fleet itself writes; nobody else may.
pub const OF_FLEET: [&str; 7] =
    [ATTEMPTS, SETTLEMENTS, DEAD_LETTERS, ALERTS, APPLIES, AUDITS, SCHEDULES];

/// Bytes of an event at most.
pub const MOST_BYTES: usize = 16 * 1024;
/// Characters of the name of a source at most.
pub const MOST_NAME_CHARS: usize = 40;

/// Whether a source can have this name: it becomes a part of a key.
pub fn is_name(name: &str) -> bool {
    let fits =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
    (1..=MOST_NAME_CHARS).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sources_can_stand_in_keys() {
        assert!(OF_FLEET.into_iter().all(is_name));
        let long = "x".repeat(MOST_NAME_CHARS + 1);
        for (name, fits) in [
            ("ci", true),
            ("ci-2.linux_x", true),
            ("", false),
            ("CI", false),
            ("a:b", false),
            ("a b", false),
            ("{a}", false),
            ("é", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_name(name), fits, "{name}");
        }
    }
}

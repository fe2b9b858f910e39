//! What the system says of this process, under the names that all exporters of Prometheus use.

use scrum_disk as disk;
use scrum_knowledge::figures::Exposition;
use scrum_knowledge::figures::text::Kind::{Counter, Gauge};
use std::path::Path;

/// Ticks of a second in `/proc/PID/stat`: the same on all processors that the programs are built for.
const TICKS: f64 = 100.0;
/// Bytes of a file of `/proc` that are read at most.
const MOST_BYTES: u64 = 64 * 1024;

/// Adds what is known; where there is no `/proc`, that is only the time of the start.
pub(super) fn add(to: &mut Exposition, started_s: f64) {
    let help = "Start of the process, in seconds since the epoch.";
    to.one("process_start_time_seconds", Gauge, help, started_s);
    let read = |name: &str| disk::read_text(&Path::new("/proc/self").join(name), MOST_BYTES).ok();
    let status = read("status").unwrap_or_default();
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    for (name, field, of, help) in [
        ("process_resident_memory_bytes", field("VmRSS"), 1024.0, "Memory in use."),
        ("process_threads", field("Threads"), 1.0, "Threads."),
    ] {
        if let Some(n) = field {
            to.one(name, Gauge, help, n * of);
        }
    }
    if let Some(ticks) = read("stat").as_deref().and_then(cpu_ticks) {
        to.one("process_cpu_seconds_total", Counter, "Time of processors used.", ticks / TICKS);
    }
}

/// The ticks of user and system time of a line of `/proc/PID/stat`.
fn cpu_ticks(stat: &str) -> Option<f64> {
    // The name stands in brackets and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let line = "7 (a) b) 1 2) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 9 0 1 2 3";
        assert_eq!(cpu_ticks(line), Some(42.0));
        assert_eq!(cpu_ticks(""), None);
    }
}

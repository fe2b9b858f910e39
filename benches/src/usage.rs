//! What a process costs, as Linux tells it under `/proc`.

/// CPU time of a process so far, in microseconds; 0 when it is gone.
pub fn cpu_us(pid: u32) -> f64 {
    // Nanoseconds on a CPU, of each thread. `stat` would count in ticks of 10 ms.
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let spent = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1000.0
}

/// CPU time of a process so far with all threads that it ever had, in microseconds; 0 when it is
/// gone. For processes whose threads come and go; it counts in ticks of 10 ms.
pub fn spent_us(pid: u32) -> f64 {
    /// Microseconds of a tick: Linux shows 100 a second to programs, whatever it counts in itself.
    const TICK_US: f64 = 10_000.0;
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // "pid (name) state ..": the name may hold anything, so count from its end.
    let Some((_, tail)) = text.rsplit_once(')') else { return 0.0 };
    let ticks = tail.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() * TICK_US
}

/// What the machine has to do besides: its load averages over 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Resident memory of a process in MiB; 0 when it is gone.
pub fn rss_mib(pid: u32) -> f64 {
    status(pid, "VmRSS:") / 1024.0
}

/// The most that it had so far, in MiB; 0 when it is gone.
pub fn peak_mib(pid: u32) -> f64 {
    status(pid, "VmHWM:") / 1024.0
}

/// Resident memory that is its own, without pages of the program's file, in MiB.
pub fn anonymous_mib(pid: u32) -> f64 {
    status(pid, "RssAnon:") / 1024.0
}

fn status(pid: u32, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

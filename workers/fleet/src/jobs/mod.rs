//! What a job of each kind does: one file a kind, each with one `run` that loads, asks, judges and settles. No kind
//! calls another: what follows what is in [`crate::pipeline`].

macro_rules! declare {
    ($($module:ident $kind:ident,)*) => { $(pub mod $module;)* };
}

queue_schema::for_each_job_kind!(declare);

/// This moment as rows have it.
fn now() -> String {
    timestamp(jiff::Timestamp::now())
}

/// This moment, in milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// RFC 3339 in milliseconds, UTC: `2026-04-24T11:06:56.000Z`.
fn timestamp(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}

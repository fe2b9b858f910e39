//! Trace context: which job was caused by which, over processes and machines, in the words that
//! everybody else uses.
//!
//! Source: W3C Trace Context, <https://www.w3.org/TR/trace-context/#traceparent-header>.

use crate::ids::content_id;
use std::fmt;

/// A point in a trace; its text is a `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// 32 hex digits, the same for all that one sweep causes.
    pub trace_id: String,
    /// 16 hex digits: one run of one job.
    pub span_id: String,
}

impl Trace {
    /// The beginning of a sweep's trace. It hangs on the sweep's id, so that whoever has one finds the
    /// other.
    pub fn of_sweep(sweep: &str) -> Self {
        let id = content_id(&[b"trace", sweep.as_bytes()]);
        Self { trace_id: id[..32].to_owned(), span_id: id[32..48].to_owned() }
    }

    /// What this caused: `what` tells causes and repetitions apart.
    #[must_use]
    pub fn child(&self, what: &[&str]) -> Self {
        let mut parts = vec![self.span_id.as_bytes()];
        parts.extend(what.iter().map(|w| w.as_bytes()));
        Self { trace_id: self.trace_id.clone(), span_id: content_id(&parts)[..16].to_owned() }
    }

    /// Reads a `traceparent`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace_id, span_id) = (parts.next()?, parts.next()?, parts.next()?);
        let hex = |s: &str, n: usize| {
            s.len() == n
                && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                && s.bytes().any(|b| b != b'0')
        };
        let known = version.len() == 2 && version != "ff";
        (known && hex(trace_id, 32) && hex(span_id, 16))
            .then(|| Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace_id, self.span_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_back_and_nothing_else_is() {
        let sweep = Trace::of_sweep("0123456789abcdef");
        assert_eq!(Trace::parse(&sweep.to_string()), Some(sweep.clone()));
        let job = sweep.child(&["job", "token"]);
        assert_eq!(job.trace_id, sweep.trace_id);
        assert_ne!(job.span_id, sweep.child(&["job", "other token"]).span_id);
        for bad in [
            "",
            "00-x-y-01",
            "00-00000000000000000000000000000000-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::parse(bad), None, "{bad}");
        }
    }
}

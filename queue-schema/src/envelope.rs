//! What a job looks like on the wire: kind, version, payload, trace context.

use crate::body::BodyError;
use crate::jobs::JobKind;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Version of the envelope itself.
pub const ENVELOPE_VERSION: u32 = 1;

/// Why a job could not be read. Such a job goes to the dead-letter queue as `undecodable`: the
/// worker that took it lives on.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Can't be unpacked.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Not an envelope.
    #[error("the job's body is no envelope: {0}")]
    Envelope(#[source] serde_json::Error),
    /// Written by a newer program.
    #[error("envelope version {got} is newer than this program's {known}; upgrade the worker")]
    EnvelopeVersion {
        /// What the job says.
        got: u32,
        /// What this program knows.
        known: u32,
    },
    /// No such kind in this program.
    #[error("unknown job kind '{0}'; upgrade the worker")]
    UnknownKind(String),
    /// Payload written by a newer program.
    #[error(
        "payload version {got} of kind '{kind}' is newer than this program's {known}; upgrade the worker"
    )]
    PayloadVersion {
        /// Which kind.
        kind: &'static str,
        /// What the job says.
        got: u32,
        /// What this program knows.
        known: u32,
    },
    /// The payload does not fit its kind.
    #[error("the payload of kind '{kind}' does not fit: {source}")]
    Payload {
        /// Which kind.
        kind: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
}

/// The body of a job. Lane, priority, attempts and the like are the queue's and stand beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Envelope version.
    pub v: u32,
    /// Job kind.
    pub kind: String,
    /// Payload version.
    pub pv: u32,
    /// The payload, undecoded.
    pub p: Box<RawValue>,
    /// W3C `traceparent` of what caused the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tp: Option<String>,
    /// Its signature, where the fleet has a key; see [`crate::sign`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s: Option<String>,
}

impl Envelope {
    /// Wraps a payload.
    ///
    /// # Errors
    /// Only if the payload does not serialise, which no kind of this crate does.
    pub fn wrap<J: JobKind>(
        job: &J,
        traceparent: Option<String>,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            v: ENVELOPE_VERSION,
            kind: J::KIND.to_owned(),
            pv: J::VERSION,
            p: serde_json::value::to_raw_value(job)?,
            tp: traceparent,
            s: None,
        })
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`DecodeError::Envelope`] or [`DecodeError::EnvelopeVersion`].
    pub fn decode(body: &str) -> Result<Self, DecodeError> {
        let envelope: Self = serde_json::from_str(body).map_err(DecodeError::Envelope)?;
        if envelope.v > ENVELOPE_VERSION {
            return Err(DecodeError::EnvelopeVersion { got: envelope.v, known: ENVELOPE_VERSION });
        }
        Ok(envelope)
    }

    /// Reads the payload as one kind.
    ///
    /// # Errors
    /// [`DecodeError::PayloadVersion`] or [`DecodeError::Payload`].
    pub fn payload<J: JobKind>(&self) -> Result<J, DecodeError> {
        if self.pv > J::VERSION {
            return Err(DecodeError::PayloadVersion {
                kind: J::KIND,
                got: self.pv,
                known: J::VERSION,
            });
        }
        serde_json::from_str(self.p.get())
            .map_err(|source| DecodeError::Payload { kind: J::KIND, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Job, Plan, Rung};

    #[test]
    fn a_job_survives_the_wire() {
        let rung = Rung {
            sweep: "s".into(),
            target: 3,
            rung: 1,
            attempt: 2,
            provider: "ollama".into(),
            passed: 0,
        };
        let body = serde_json::to_string(&Envelope::wrap(&rung, None).unwrap()).unwrap();
        let job = Job::decode(&Envelope::decode(&body).unwrap()).unwrap();
        assert_eq!(job, Job::Rung(rung));
    }

    /// Fixtures of version 1: what is in a user's Redis today must decode tomorrow.
    #[test]
    fn version_one_fixtures_still_decode() {
        for (body, kind) in [
            (r#"{"v":1,"kind":"plan","pv":1,"p":{"sweep":"ab","first":0}}"#, "plan"),
            (r#"{"v":1,"kind":"review","pv":1,"p":{"sweep":"ab","target":7}}"#, "review"),
            (
                r#"{"v":1,"kind":"shard","pv":1,"p":{"sweep":"ab","target":7,"k":0,"of":2,"start":0,"end":9,"rung":0,"provider":"x"}}"#,
                "shard",
            ),
            (
                r#"{"v":1,"kind":"rung","pv":1,"p":{"sweep":"ab","target":7,"rung":0,"attempt":1,"provider":"x"},"tp":"00-1-2-01"}"#,
                "rung",
            ),
            (
                r#"{"v":1,"kind":"patch","pv":1,"p":{"sweep":"ab","run":"cd","member":0,"provider":"x"}}"#,
                "patch",
            ),
            (
                r#"{"v":1,"kind":"apply","pv":1,"p":{"sweep":"ab","run":"cd","pool":"branch-ef"}}"#,
                "apply",
            ),
            (
                r#"{"v":1,"kind":"facts","pv":1,"p":{"sweep":"ab","target":7,"stage":"extract","provider":"x"}}"#,
                "facts",
            ),
            (
                r#"{"v":1,"kind":"diff","pv":1,"p":{"sweep":"ab","target":7,"rung":0,"attempt":1,"provider":"x"}}"#,
                "diff",
            ),
            (
                r#"{"v":1,"kind":"vote","pv":1,"p":{"sweep":"ab","target":7,"voter":3,"rung":0,"attempt":1,"provider":"x"}}"#,
                "vote",
            ),
            (
                r#"{"v":1,"kind":"audit","pv":1,"p":{"sweep":"ab","target":7,"voter":3,"rung":0,"attempt":1,"provider":"x"}}"#,
                "audit",
            ),
            (
                r#"{"v":1,"kind":"diagnose","pv":1,"p":{"sweep":"ab","task":"review","endpoint":"p/m","class":"thin","area":"a/b","row":"0123456789ab.7","from_ms":1,"to_ms":2,"count":5,"since_ms":1,"until_ms":1,"provider":"p"}}"#,
                "diagnose",
            ),
            (r#"{"v":1,"kind":"tally","pv":1,"p":{"sweep":"ab"}}"#, "tally"),
            (
                r#"{"v":1,"kind":"post","pv":1,"p":{"sweep":"ab","to":{"forge":"github","repo":"o/r","number":5},"asked_ms":1}}"#,
                "post",
            ),
            (
                r#"{"v":1,"kind":"hook","pv":1,"p":{"repository":"app","forge":"github","number":5,"delivery":"ab","told_ms":1}}"#,
                "hook",
            ),
            (
                r#"{"v":1,"kind":"due","pv":1,"p":{"schedule":"nightly","added_ms":1,"due_ms":2}}"#,
                "due",
            ),
            (r#"{"v":1,"kind":"news","pv":1,"p":{"sweep":"ab"}}"#, "news"),
        ] {
            let envelope = Envelope::decode(body).unwrap();
            assert_eq!(envelope.kind, kind);
            Job::decode(&envelope).unwrap();
        }
    }

    #[test]
    fn what_a_newer_program_wrote_is_named_as_such() {
        let newer = r#"{"v":9,"kind":"plan","pv":1,"p":{}}"#;
        assert!(matches!(
            Envelope::decode(newer),
            Err(DecodeError::EnvelopeVersion { got: 9, .. })
        ));
        let payload = r#"{"v":1,"kind":"plan","pv":9,"p":{}}"#;
        let envelope = Envelope::decode(payload).unwrap();
        assert!(matches!(
            envelope.payload::<Plan>(),
            Err(DecodeError::PayloadVersion { got: 9, .. })
        ));
        let unknown = Envelope::decode(r#"{"v":1,"kind":"zap","pv":1,"p":{}}"#).unwrap();
        assert!(matches!(Job::decode(&unknown), Err(DecodeError::UnknownKind(_))));
    }
}

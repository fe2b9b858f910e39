//! Signatures: a fleet with a key signs its records in Redis, and its workers reject others. HMAC-SHA256 over the
//! content and the place of a record; without a key nothing is added.
//!
//! | signed | at |
//! |---|---|
//! | a job's kind and payload; of a `review`, which scripts make from a template, kind and sweep | field `s` of its envelope |
//! | the specs of sweeps and runs, proposals, targets, the ladder of one review | a last line of the value, see [`crate::keys::is_signed`] |
//! | rows, and paid answers | the same |
//!
//! A value is signed together with its key and field, so that it can't be put elsewhere; the namespace is part of
//! both. Records that do not decide what is run, read or sent are not signed: states, counters, budgets,
//! attempts, notes on shards. Documents are identified by their hash.

use crate::envelope::Envelope;
use crate::jobs::{JobKind, Review};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Least characters of a key: 128 bits as hex digits.
pub const MIN_KEY_CHARS: usize = 32;
/// Stands before the signature of a value, on a line of its own; JSON has no such line.
const MARK: &str = "\n#";
/// Hex digits of a signature.
const DIGITS: usize = 64;
/// Names the rules by which parts are put together.
const DOMAIN: &str = "scrum-fleet signature 1";
/// Bytes by which a signature makes a job's body longer: `,"s":"..."`.
const JOB_BYTES: usize = DIGITS + 7;

/// Why a record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It has no signature.
    #[error(
        "it is not signed: a program without the fleet's key wrote it, or an attacker; set the key (queue.signing_key_env) wherever scrum and its workers run, forget the sweeps that were requested without it (scrum forget SWEEP), and request them again"
    )]
    Missing,
    /// It has one that does not fit.
    #[error(
        "its signature does not fit: it was changed, moved, or signed with another key; make sure that all programs of the fleet have the same key (queue.signing_key_env), forget the sweeps that were requested with another one (scrum forget SWEEP), and request them again"
    )]
    Wrong,
    /// It has one, and this program has no key.
    #[error(
        "it is signed, and this program has no key to check it with; set the fleet's key (queue.signing_key_env)"
    )]
    NoKey,
}

/// A key is too short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it has {0} characters; at least {MIN_KEY_CHARS} are needed, for instance those of `openssl rand -hex 32`"
)]
pub struct ShortKey(usize);

/// Signs and checks with the key of a fleet, or does nothing without one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Signer(Option<Arc<Keyed>>);

struct Keyed {
    mac: Hmac<Sha256>,
    namespace: String,
}

// By hand: a key must not end up in a log.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Signer(on)" } else { "Signer(off)" })
    }
}

impl Signer {
    /// A signer with a key, for a namespace.
    ///
    /// # Errors
    /// [`ShortKey`] for a key of fewer than [`MIN_KEY_CHARS`] characters.
    pub fn new(key: &str, namespace: &str) -> Result<Self, ShortKey> {
        let count = key.chars().count();
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|_| ShortKey(count))?;
        if count < MIN_KEY_CHARS {
            return Err(ShortKey(count));
        }
        Ok(Self(Some(Arc::new(Keyed { mac, namespace: namespace.to_owned() }))))
    }

    /// Whether there is a key.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Eight digits by which people compare the keys of two machines; none without a key.
    pub fn fingerprint(&self) -> Option<String> {
        let digits = self.0.as_ref()?.digits(&["fingerprint".into()]);
        Some(digits[..8].to_owned())
    }

    /// Bytes by which it makes a job's body longer.
    pub fn job_bytes(&self) -> usize {
        if self.is_on() { JOB_BYTES } else { 0 }
    }

    /// The body of a job with its signature. A body that is no envelope stays as it is.
    pub fn seal_job<'a>(&self, body: &'a str) -> Cow<'a, str> {
        let Some(keyed) = &self.0 else { return Cow::Borrowed(body) };
        let Ok(mut envelope) = Envelope::decode(body) else { return Cow::Borrowed(body) };
        envelope.s = Some(keyed.digits(&job_parts(&envelope)));
        serde_json::to_string(&envelope).map_or(Cow::Borrowed(body), Cow::Owned)
    }

    /// Whether a job is the fleet's own.
    ///
    /// # Errors
    /// [`Unsigned`]; never for a job without a signature where there is no key.
    pub fn check_job(&self, envelope: &Envelope) -> Result<(), Unsigned> {
        match (&self.0, &envelope.s) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Unsigned::NoKey),
            (Some(_), None) => Err(Unsigned::Missing),
            (Some(keyed), Some(s)) => keyed.check(&job_parts(envelope), s),
        }
    }

    /// A value with its signature, as it is kept in a field of a key.
    pub fn seal<'a>(&self, key: &str, field: &str, value: &'a str) -> Cow<'a, str> {
        let Some(keyed) = &self.0 else { return Cow::Borrowed(value) };
        let digits = keyed.digits(&value_parts(key, field, value));
        Cow::Owned(format!("{value}{MARK}{digits}"))
    }

    /// The value that was sealed for a field of a key. Without a key of ours, whatever stands there.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn open<'a>(&self, key: &str, field: &str, kept: &'a str) -> Result<&'a str, Unsigned> {
        let (value, digits) = split(kept);
        if let Some(keyed) = &self.0 {
            let digits = digits.ok_or(Unsigned::Missing)?;
            keyed.check(&value_parts(key, field, value), digits)?;
        }
        Ok(value)
    }
}

/// A value without its signature, which nobody looks at: for showing it.
pub fn unchecked(kept: &str) -> &str {
    split(kept).0
}

fn split(kept: &str) -> (&str, Option<&str>) {
    match kept.rsplit_once(MARK) {
        Some((value, digits))
            if digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            (value, Some(digits))
        }
        _ => (kept, None),
    }
}

impl Keyed {
    /// Each part with its length before it, so that they don't run together.
    fn mac(&self, parts: &[Cow<'_, str>]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        let own = [DOMAIN, &self.namespace];
        for part in own.into_iter().chain(parts.iter().map(|p| &**p)) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }

    fn digits(&self, parts: &[Cow<'_, str>]) -> String {
        crate::ids::hex(&self.mac(parts).finalize().into_bytes())
    }

    /// In constant time.
    fn check(&self, parts: &[Cow<'_, str>], digits: &str) -> Result<(), Unsigned> {
        let given = from_hex(digits).ok_or(Unsigned::Wrong)?;
        self.mac(parts).verify_slice(&given).map_err(|_| Unsigned::Wrong)
    }
}

fn value_parts<'a>(key: &'a str, field: &'a str, value: &'a str) -> [Cow<'a, str>; 4] {
    ["value".into(), key.into(), field.into(), value.into()]
}

/// What is signed of a job. Scripts put the number of the target into the body of a `review`, so that one
/// counts for every target of its sweep: which ones there are, their own records say.
fn job_parts(envelope: &Envelope) -> [Cow<'_, str>; 4] {
    let sweep =
        if envelope.kind == Review::KIND { envelope.payload::<Review>().ok() } else { None };
    let subject = match sweep {
        Some(review) => Cow::Owned(review.sweep.into()),
        None => Cow::Borrowed(envelope.p.get()),
    };
    ["job".into(), envelope.kind.as_str().into(), envelope.pv.to_string().into(), subject]
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Job, Plan, Rung};
    use crate::keys;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn signer() -> Signer {
        Signer::new(KEY, "scrum").unwrap()
    }

    fn body<J: JobKind>(job: &J) -> String {
        serde_json::to_string(&Envelope::wrap(job, Some("00-1-2-01".into())).unwrap()).unwrap()
    }

    fn check(signer: &Signer, body: &str) -> Result<(), Unsigned> {
        signer.check_job(&Envelope::decode(body).unwrap())
    }

    fn rung() -> Rung {
        let (sweep, provider) = ("ab".into(), "x".into());
        Rung { sweep, target: 7, rung: 0, attempt: 1, provider, passed: 0 }
    }

    #[test]
    fn a_changed_job_is_rejected() {
        let signer = signer();
        let sealed = signer.seal_job(&body(&rung())).into_owned();
        assert_eq!(check(&signer, &sealed), Ok(()));
        assert_eq!(Job::decode(&Envelope::decode(&sealed).unwrap()).unwrap(), Job::Rung(rung()));
        for (old, new) in [
            ("\"target\":7", "\"target\":8"),
            ("\"sweep\":\"ab\"", "\"sweep\":\"ac\""),
            ("\"provider\":\"x\"", "\"provider\":\"y\""),
            ("\"kind\":\"rung\"", "\"kind\":\"facts\""),
            ("\"pv\":1", "\"pv\":2"),
        ] {
            assert!(sealed.contains(old));
            assert_eq!(check(&signer, &sealed.replace(old, new)), Err(Unsigned::Wrong), "{new}");
        }
        for s in ["", "00", "zz", &"0".repeat(64)] {
            let mut envelope = Envelope::decode(&sealed).unwrap();
            envelope.s = Some(s.to_owned());
            assert_eq!(signer.check_job(&envelope), Err(Unsigned::Wrong), "{s}");
        }
        assert_eq!(check(&signer, &body(&rung())), Err(Unsigned::Missing));
        // The trace of a job is not signed.
        assert_eq!(check(&signer, &sealed.replace("00-1-2-01", "00-3-4-01")), Ok(()));
    }

    #[test]
    fn signatures_of_other_keys_and_namespaces_are_rejected() {
        let sealed = signer().seal_job(&body(&Plan { sweep: "ab".into(), first: 0 })).into_owned();
        let other = Signer::new(&KEY.replace('0', "1"), "scrum").unwrap();
        let elsewhere = Signer::new(KEY, "other").unwrap();
        for signer in [&other, &elsewhere] {
            assert_eq!(check(signer, &sealed), Err(Unsigned::Wrong));
        }
        assert_ne!(signer().fingerprint(), other.fingerprint());
        assert_eq!(Signer::new("short", "scrum").unwrap_err(), ShortKey(5));
        assert!(!format!("{:?}", signer()).contains(KEY));
    }

    #[test]
    fn the_signature_of_a_review_fits_every_target_of_its_sweep_only() {
        let signer = signer();
        let sealed = signer.seal_job(&body(&Review { sweep: "ab".into(), target: 9 })).into_owned();
        assert_eq!(check(&signer, &sealed.replace("\"target\":9", "\"target\":4711")), Ok(()));
        assert_eq!(check(&signer, &sealed.replace("ab", "ac")), Err(Unsigned::Wrong));
        assert_eq!(check(&signer, &sealed.replace("\"review\"", "\"plan\"")), Err(Unsigned::Wrong));
    }

    #[test]
    fn the_signature_of_a_value_fits_its_key_and_field_only() {
        let signer = signer();
        let [run, other] = ["cd", "ce"].map(|run| keys::apply_run("ab", run));
        let sealed = signer.seal(&run, "p0", "{}").into_owned();
        assert_eq!(signer.open(&run, "p0", &sealed), Ok("{}"));
        for (key, field, kept, why) in [
            (&run, "p1", sealed.as_str(), Unsigned::Wrong),
            (&other, "p0", &sealed, Unsigned::Wrong),
            (&run, "p0", &sealed.replace("{}", "{ }"), Unsigned::Wrong),
            (&run, "p0", &sealed[..sealed.len() - 1], Unsigned::Missing),
            (&run, "p0", "{}", Unsigned::Missing),
            (&run, "p0", "", Unsigned::Missing),
        ] {
            assert_eq!(signer.open(key, field, kept), Err(why), "{key} {field} {kept}");
        }
        assert_eq!(unchecked(&sealed), "{}");
    }

    #[test]
    fn without_a_key_nothing_is_added_and_signed_jobs_are_left_alone() {
        let off = Signer::default();
        let plain = body(&rung());
        assert!(matches!(off.seal_job(&plain), Cow::Borrowed(b) if b == plain));
        let sweep = keys::sweep("ab");
        assert!(matches!(off.seal(&sweep, "spec", "{}"), Cow::Borrowed("{}")));
        assert_eq!(check(&off, &plain), Ok(()));
        let sealed = signer().seal_job(&plain).into_owned();
        assert_eq!(sealed.len(), plain.len() + signer().job_bytes());
        assert_eq!(check(&off, &sealed), Err(Unsigned::NoKey));
        assert_eq!(off.open(&sweep, "spec", &signer().seal(&sweep, "spec", "{}")), Ok("{}"));
    }
}

//! What the headers of a delivery say, and whether its signature is by somebody who has the secret.

use crate::tokens::is_same;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use queue_schema::forge::ForgeKind;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// A delivery, as far as its headers tell.
#[derive(Debug)]
pub struct Sent<'a> {
    /// What it is about.
    pub event: Option<&'a str>,
    /// Its name; the same when the forge sends it again.
    pub delivery: Option<&'a str>,
    proof: Proof<'a>,
    body: &'a [u8],
}

/// What shows that the sender has the secret.
#[derive(Debug)]
enum Proof<'a> {
    None,
    /// HMAC-SHA256 of the body, in hex.
    Hex(&'a str),
    /// The secret itself.
    Secret(&'a str),
    /// HMAC-SHA256 of name, time and body, after <https://www.standardwebhooks.com>: several, each `v1,BASE64`.
    Timed {
        id: &'a str,
        time: &'a str,
        signatures: &'a str,
    },
}

/// Reads the headers of a forge.
pub fn sent<'a>(forge: ForgeKind, headers: &'a HeaderMap, body: &'a [u8]) -> Sent<'a> {
    let text =
        |name: &str| headers.get(name)?.to_str().ok().map(str::trim).filter(|t| !t.is_empty());
    // Gitea sends GitHub's headers as well, and Forgejo sends Gitea's.
    let first = |names: &[&str]| names.iter().find_map(|name| text(name));
    let hex = |signature: Option<&'a str>| signature.map_or(Proof::None, Proof::Hex);
    let (event, delivery, proof) = match forge {
        ForgeKind::Github => {
            let signature = text("x-hub-signature-256");
            let signature = signature.and_then(|signature| signature.strip_prefix("sha256="));
            (text("x-github-event"), text("x-github-delivery"), hex(signature))
        }
        ForgeKind::Gitea => (
            first(&["x-forgejo-event", "x-gitea-event"]),
            first(&["x-forgejo-delivery", "x-gitea-delivery"]),
            hex(first(&["x-forgejo-signature", "x-gitea-signature"])),
        ),
        ForgeKind::Gitlab => {
            let id = text("webhook-id");
            let timed = id.zip(text("webhook-timestamp")).zip(text("webhook-signature"));
            let proof = match (timed, text("x-gitlab-token")) {
                (Some(((id, time), signatures)), _) => Proof::Timed { id, time, signatures },
                (None, Some(secret)) => Proof::Secret(secret),
                (None, None) => Proof::None,
            };
            (text("x-gitlab-event"), id.or_else(|| text("idempotency-key")), proof)
        }
    };
    Sent { event, delivery, proof, body }
}

impl Sent<'_> {
    /// Whether the sender has a secret. Where the time is signed, one that is longer ago than deliveries are `kept` is
    /// no proof: nobody would know it again.
    pub fn is_by(&self, secret: &str, now_ms: u64, kept: Duration) -> bool {
        match self.proof {
            Proof::None => false,
            Proof::Hex(signature) => {
                bytes(signature).is_some_and(|s| fits(secret.as_bytes(), &[self.body], &s))
            }
            Proof::Secret(given) => {
                is_same(&Sha256::digest(given).into(), &Sha256::digest(secret).into())
            }
            Proof::Timed { id, time, signatures } => {
                let told = time.parse::<u64>().ok().map(Duration::from_secs);
                let apart = told.map(|told| told.abs_diff(Duration::from_millis(now_ms)));
                let parts = [id.as_bytes(), b".", time.as_bytes(), b".", self.body];
                let encoded = secret.strip_prefix("whsec_").map(|key| STANDARD.decode(key));
                let Ok(key) = encoded.unwrap_or_else(|| Ok(secret.as_bytes().to_vec())) else {
                    return false;
                };
                let mut given = signatures.split_whitespace().filter_map(|s| s.strip_prefix("v1,"));
                let is_known = given.any(|signature| {
                    STANDARD.decode(signature).is_ok_and(|s| fits(&key, &parts, &s))
                });
                is_known && apart.is_some_and(|apart| apart < kept)
            }
        }
    }

    /// What a sender who is refused should do.
    pub fn lacks(&self) -> &'static str {
        match self.proof {
            Proof::None => "the delivery is not signed; set the secret of the webhook",
            _ => "the signature fits no secret of hooks.repositories for this forge",
        }
    }
}

/// Compared in a time that tells nothing of where the two differ.
fn fits(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pair = |two: &[u8]| Some(digit(*two.first()?)? << 4 | digit(*two.get(1)?)?);
    hex.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const SECRET: &str = "a-secret-of-some-length";
    const NOW_MS: u64 = 1_700_000_000_000;
    const KEPT: Duration = Duration::from_secs(3600);

    fn mac(key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    fn is_by(forge: ForgeKind, headers: &[(&'static str, String)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        sent(forge, &map, b"{\"a\":1}").is_by(SECRET, NOW_MS, KEPT)
    }

    #[test]
    fn a_signature_with_a_time_holds_for_its_time() {
        let plain = |time: &str| {
            let text = format!("msg.{time}.{{\"a\":1}}");
            format!("v1a,x v1,{}", STANDARD.encode(mac(SECRET.as_bytes(), &text)))
        };
        for (time, signature, good) in [
            ("1700000000", plain("1700000000"), true),
            ("1699996500", plain("1699996500"), true),
            ("1699996000", plain("1699996000"), false),
            ("1700004000", plain("1700004000"), false),
            ("1700000001", plain("1700000000"), false),
            ("soon", plain("soon"), false),
            ("1700000000", "v1,".to_owned(), false),
        ] {
            let headers = [
                ("webhook-id", "msg".to_owned()),
                ("webhook-timestamp", time.to_owned()),
                ("webhook-signature", signature),
                // It does not make up for a signature that does not fit.
                ("x-gitlab-token", SECRET.to_owned()),
            ];
            assert_eq!(is_by(ForgeKind::Gitlab, &headers), good, "{time}");
        }
    }

    #[test]
    fn a_signature_is_whole_or_none() {
        let hex = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        let good = hex(&mac(SECRET.as_bytes(), "{\"a\":1}"));
        for (signature, fits) in [
            (format!("sha256={good}"), true),
            (format!("sha256={}", good.to_uppercase()), true),
            (good.clone(), false),
            (format!("sha256={}", &good[..62]), false),
            (format!("sha256={good}00"), false),
            (format!("sha256={}", &good[..63]), false),
            ("sha256=".to_owned(), false),
            (format!("sha256={}", "g".repeat(64)), false),
        ] {
            let is_by = is_by(ForgeKind::Github, &[("x-hub-signature-256", signature.clone())]);
            assert_eq!(is_by, fits, "{signature}");
        }
    }
}

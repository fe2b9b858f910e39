//! Who is signed in, and which forms are ours. A browser that gave the token holds a signed time until which it counts; each
//! form holds a word that only pages of this server know.

use crate::tokens::{Token, Tokens, is_same};
use hmac::{Hmac, KeyInit as _, Mac as _};
use queue_schema::ids::sha256_hex;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The cookie of a session.
const COOKIE: &str = "scrum_session";
/// Seconds that a session lasts.
const LASTS_S: u64 = 12 * 3600;

/// What signs sessions and forms.
#[derive(Clone)]
pub struct Keys([u8; 32]);

// By hand: a key must not end up in a log.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Derived of the token in the environment, so that all servers with it know each other's sessions; by chance
    /// without one. Never of hashes: they are no secrets.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(token: Option<&str>) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        match token {
            Some(token) => {
                let mut hash = Sha256::new();
                hash.update(b"scrum-web session\0");
                hash.update(token);
                key = hash.finalize().into();
            }
            None => getrandom::fill(&mut key)?,
        }
        Ok(Self(key))
    }

    /// The value of `Set-Cookie` that begins a session by a token, and ends with it; `secure` when the browser came by TLS.
    pub fn begin(&self, token: &Token, now_ms: u64, secure: bool) -> String {
        let until = (now_ms / 1000 + LASTS_S).min(token.until_ms.map_or(u64::MAX, |ms| ms / 1000));
        let name = &token.name;
        let proof = self.proof(token, &until.to_string());
        let secure = if secure { "; Secure" } else { "" };
        format!(
            "{COOKIE}={until}.{name}.{proof}; Path=/; Max-Age={LASTS_S}; HttpOnly; SameSite=Strict{secure}"
        )
    }

    /// What a token's session is signed with: another token of the same name knows it not.
    fn proof(&self, token: &Token, until: &str) -> String {
        let of = sha256_hex(&token.hash);
        self.signed("session", &format!("{until} {} {of}", token.name))
    }

    /// The same that ends one.
    pub fn end() -> String {
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    /// The session in a `Cookie` header, if it counts, and its token.
    pub fn session<'a, 't>(
        &self,
        cookies: &'a str,
        tokens: &'t Tokens,
        now_ms: u64,
    ) -> Option<(&'t Token, &'a str)> {
        let values = cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        let counts = |session: &'a str| {
            let (until, rest) = session.split_once('.')?;
            let (name, proof) = rest.split_once('.')?;
            let token = tokens.named(name, now_ms)?;
            let lasts = until.parse::<u64>().is_ok_and(|until| until > now_ms / 1000);
            (lasts && is_equal(proof, &self.proof(token, until))).then_some((token, session))
        };
        values.into_iter().find_map(counts)
    }

    /// The word for the forms of a session; empty for somebody who needs none.
    pub fn form_word(&self, session: &str) -> String {
        self.signed("form", session)
    }

    /// Whether a form is ours.
    pub fn is_form_word(&self, session: &str, word: &str) -> bool {
        is_equal(word, &self.form_word(session))
    }

    fn signed(&self, what: &str, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
fn is_equal(given: &str, known: &str) -> bool {
    !known.is_empty() && is_same(&Sha256::digest(given).into(), &Sha256::digest(known).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrum_config::{LoadOptions, Settings};

    const NOW: u64 = 1_000_000;

    fn tokens(token: &str) -> Tokens {
        let web = Settings::load(LoadOptions::default()).unwrap().web;
        Tokens::new(&web, |_| Some(token.to_owned())).unwrap()
    }

    fn cookie(keys: &Keys, tokens: &Tokens) -> String {
        let set = keys.begin(tokens.named("token", NOW).unwrap(), NOW, false);
        format!("a=b; {}; c=d", set.split(';').next().unwrap())
    }

    #[test]
    fn a_session_counts_until_it_ends_and_for_its_token_alone() {
        let [(one, its), (other, theirs)] = ["a-token-of-some-length", "another-token-of-length"]
            .map(|token| (Keys::new(Some(token)).unwrap(), tokens(token)));
        let cookies = cookie(&one, &its);
        assert!(one.session(&cookies, &its, NOW).is_some());
        assert!(one.session(&cookies, &its, NOW + LASTS_S * 1000).is_none(), "it is over");
        assert!(other.session(&cookies, &theirs, NOW).is_none());
        assert!(one.session(&cookies, &theirs, NOW).is_none(), "another token of that name");
        let later = cookies.replace("scrum_session=", "scrum_session=9");
        assert!(one.session(&later, &its, NOW).is_none(), "the time is signed");
        for bad in
            ["", "scrum_session", "scrum_session=", "scrum_session=x", "scrum_session=9.token."]
        {
            assert!(one.session(bad, &its, NOW).is_none(), "{bad}");
        }
        assert!(one.begin(its.named("token", NOW).unwrap(), NOW, true).ends_with("; Secure"));
    }

    #[test]
    fn a_form_is_that_of_its_session() {
        let (keys, tokens) = (Keys::new(None).unwrap(), tokens("a-token-of-some-length"));
        let cookies = cookie(&keys, &tokens);
        let (_, session) = keys.session(&cookies, &tokens, NOW).unwrap();
        let word = keys.form_word(session);
        assert!(keys.is_form_word(session, &word));
        for (session, word) in [("", word.as_str()), (session, ""), (session, session)] {
            assert!(!keys.is_form_word(session, word), "{session} {word}");
        }
        assert!(!Keys::new(None).unwrap().is_form_word(session, &word));
    }
}

//! The tokens of the server: the one in the environment, and those of the settings, of which only hashes are known, each
//! with a name and perhaps an end.

use anyhow::bail;
use scrum_config::WebSettings;
use sha2::{Digest, Sha256};

/// Least characters of a token.
const MIN_CHARS: usize = 16;
/// The name of the one in the environment.
const OF_ENV: &str = "token";

/// A token.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its name, for the audit log.
    pub name: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Until when it counts, in milliseconds since the epoch; for good without.
    pub until_ms: Option<u64>,
}

impl Token {
    /// Whether it counts no more.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until| until <= now_ms)
    }
}

/// All tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    all: Vec<Token>,
    /// The one in the environment, from which keys are derived.
    of_env: Option<String>,
}

impl Tokens {
    /// Those of the settings and of the environment, for which `env` answers.
    ///
    /// # Errors
    /// One in the environment that is too short.
    pub fn new(web: &WebSettings, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let name = &web.token_env;
        let of_env =
            env(name).map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if let Some(token) = &of_env
            && token.chars().count() < MIN_CHARS
        {
            bail!(
                "the token in {name} has fewer than {MIN_CHARS} characters; take for instance that of `openssl rand -hex 32`"
            );
        }
        let named = web.tokens.iter().map(|(name, of)| Token {
            name: name.clone(),
            hash: of.hash(),
            until_ms: of.until_ms(),
        });
        let own = of_env.as_ref().map(|token| Token {
            name: OF_ENV.to_owned(),
            hash: Sha256::digest(token).into(),
            until_ms: None,
        });
        Ok(Self { all: own.into_iter().chain(named).collect(), of_env })
    }

    /// The one in the environment.
    pub fn of_env(&self) -> Option<&str> {
        self.of_env.as_deref()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The one that was given; it may be over. All are compared, whichever it is.
    pub fn given(&self, given: &str) -> Option<&Token> {
        let hash = Sha256::digest(given.trim()).into();
        self.all.iter().fold(
            None,
            |found, token| if is_same(&token.hash, &hash) { Some(token) } else { found },
        )
    }

    /// The one of a name, if it counts.
    pub fn named(&self, name: &str, now_ms: u64) -> Option<&Token> {
        self.all.iter().find(|token| token.name == name && !token.is_over(now_ms))
    }
}

/// Whether two hashes are the same, in a time that tells nothing of where they differ.
pub fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

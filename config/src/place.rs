//! Whether an address is private to the user's machines.

use crate::embedding::EmbeddingConfig;
use crate::provider::{ProviderConfig, Wire};
use crate::settings::Settings;
use queue_schema::sweep::{EMBEDDING, Rung};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Ends of names that no public server has.
const OWN_SUFFIXES: [&str; 5] = [".localhost", ".local", ".lan", ".internal", ".home.arpa"];

impl ProviderConfig {
    /// Whether text sent there stays on machines of the user's: the settings say so (`local`), and the
    /// address does not say otherwise.
    pub fn stays_here(&self) -> bool {
        self.wire == Wire::Builtin || (self.local && is_private(&self.base_url))
    }
}

impl EmbeddingConfig {
    /// As [`ProviderConfig::stays_here`].
    pub fn stays_here(&self) -> bool {
        self.local && is_private(&self.base_url)
    }
}

impl Settings {
    /// Of the providers of these rungs, those that text may be sent to as it is, for a sweep's record. The
    /// built-in one sends nothing and is not among them.
    pub fn local_of<'a>(&self, rungs: impl Iterator<Item = &'a Rung>) -> Vec<String> {
        let stays = |name: &&str| {
            let provider = self.providers.get(*name).filter(|p| p.wire != Wire::Builtin);
            provider.is_some_and(ProviderConfig::stays_here)
        };
        let names: BTreeSet<&str> = rungs.map(|r| r.provider.as_str()).filter(stays).collect();
        let embedding = self.embedding.stays_here().then_some(EMBEDDING);
        names.into_iter().chain(embedding).map(str::to_owned).collect()
    }
}

/// Whether the host of a URL is this machine, an address of a private network, or a name that only such a
/// network resolves. In doubt it is not private.
fn is_private(url: &str) -> bool {
    let Some((_, rest)) = url.trim().split_once("://") else { return false };
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match ip.to_canonical() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        };
    }
    let host = host.to_ascii_lowercase();
    // A number, or an encoded name, may be any address.
    let is_name = host.starts_with(|c: char| c.is_ascii_lowercase())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    is_name && (!host.contains('.') || OWN_SUFFIXES.iter().any(|s| host.ends_with(s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_addresses_are_local() {
        for url in [
            "http://127.0.0.1:11434",
            "http://localhost/v1",
            "http://[::1]:8080/v1",
            "http://[fd00::1]",
            "http://10.1.2.3",
            "https://192.168.0.9:443/v1",
            "http://172.20.0.2",
            "http://gpu-box:8000/v1",
            "http://OLLAMA:11434",
            "http://host.docker.internal:11434",
            "http://box.lan",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "",
            "127.0.0.1",
            "https://ollama.com",
            "https://api.openai.com/v1",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "http://169.254.169.254",
            "http://[2001:db8::1]",
            "http://[::ffff:8.8.8.8]",
            "http://134744072",
            "http://0x08080808",
            "http://127.0.0.1@evil.example",
            "http://localhost:x@evil.example/",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://evil%2eexample",
            "http://evil.example\\.lan",
            "http:///evil.example/.lan",
            "http://evil.example?.lan",
            "http://evil\u{3002}example",
            "http://\u{ff4c}ocalhost",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }
}

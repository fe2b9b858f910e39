//! Root addresses of APIs: what is wrong with one as it was written, and what to write instead.

use crate::embedding::EmbedWire;
use crate::provider::Wire;
use crate::validate::Checks;
use std::net::Ipv6Addr;

/// What is behind an address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Api {
    /// Chat models.
    Chat(Wire),
    /// Embeddings.
    Embed(EmbedWire),
}

/// Hosts whose API begins at a path that people leave out, and that path.
const ROOTS: [(&str, &str); 3] = [
    ("api.openai.com", "/v1"),
    ("openrouter.ai", "/api/v1"),
    ("generativelanguage.googleapis.com", "/v1beta/openai"),
];
/// Ends of the names of Azure's hosts that serve OpenAI's protocol.
const AZURE: [&str; 3] =
    [".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"];

impl Api {
    /// Ends of an address that the program adds itself.
    fn tails(self) -> &'static [&'static str] {
        match self {
            Self::Chat(Wire::Openai) => {
                &["/chat/completions", "/completions", "/responses", "/models"]
            }
            Self::Chat(Wire::Azure) => &["/chat/completions", "/openai"],
            Self::Chat(Wire::Ollama) => &["/api/chat", "/api/generate", "/api/tags", "/api", "/v1"],
            Self::Chat(Wire::Anthropic) => &["/v1/messages", "/v1"],
            Self::Chat(Wire::Gateway) => &["/v1/chat", "/v1"],
            Self::Chat(Wire::Builtin) => &[],
            Self::Embed(EmbedWire::Openai) => &["/embeddings", "/chat/completions"],
            Self::Embed(EmbedWire::Ollama) => &["/api/embed", "/api/embeddings", "/api", "/v1"],
            Self::Embed(EmbedWire::Sidecar) => &["/embed"],
        }
    }
}

/// Adds what is wrong with an address under its key. A password or a query is not repeated.
pub(crate) fn check(key: &str, url: &str, api: Api, check: &mut Checks) {
    if let Some((what, fix)) = wrong(url, api) {
        check.add(key, what.to_owned(), &fix);
    }
}

fn wrong(url: &str, api: Api) -> Option<(&'static str, String)> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let Some((rest, host)) = rest.zip(host).filter(|(_, host)| !host.is_empty()) else {
        let fix = "write for instance http://127.0.0.1:8080/v1".to_owned();
        return Some(("this is not an http:// or https:// URL", fix));
    };
    let scheme = &url[..url.len() - rest.len()];
    if host.contains('@') {
        let fix = "take it out, and name the variable that holds the key in api_key_env";
        return Some(("it holds a user or a password", fix.to_owned()));
    }
    if let Some(wrong) = wrong_host(host, &rest[host.len()..], scheme) {
        return Some(wrong);
    }
    let path = rest[host.len()..].split(['?', '#']).next().unwrap_or_default();
    if let Some(fix) = azure(scheme, host, path, api) {
        return Some(("these are Azure's deployments", fix));
    }
    if queue_schema::url::has_query(url) {
        let fix = "take out all from the '?' or '#' on, and name the variable that holds the key in api_key_env";
        return Some(("it holds a query or a fragment", fix.to_owned()));
    }
    let root = path.trim_end_matches('/');
    if let Some(root) = api.tails().iter().find_map(|tail| root.strip_suffix(tail)) {
        let fix = format!(
            "write {scheme}{host}{}; the program adds the rest",
            root.trim_end_matches('/')
        );
        return Some(("it is the address of a call, not the root of the API", fix));
    }
    let is_openai = matches!(api, Api::Chat(Wire::Openai) | Api::Embed(EmbedWire::Openai));
    let begins = ROOTS.iter().find(|(name, _)| is_openai && root.is_empty() && *name == host);
    if let Some((_, path)) = begins {
        return Some(("the path of the API is missing", format!("write {scheme}{host}{path}")));
    }
    path.ends_with('/').then(|| ("it ends with a slash", "take the slash off".to_owned()))
}

/// A host and port that can't be one.
fn wrong_host(host: &str, path: &str, scheme: &str) -> Option<(&'static str, String)> {
    let digits = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if host.starts_with('[') {
        let end = host.find(']').map(|at| (&host[1..at], &host[at + 1..]));
        let is_good = end.is_some_and(|(ip, port)| {
            ip.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(digits))
        });
        let fix = "write for instance http://[::1]:8080/v1".to_owned();
        return (!is_good).then_some(("its host is no address of IPv6", fix));
    }
    let (name, port) = host.split_once(':')?;
    if !port.contains(':') {
        let what = "its port is not a number from 1 to 65535";
        let path = path.split(['?', '#']).next().unwrap_or_default();
        return (!digits(port)).then(|| (what, format!("write {scheme}{name}:8080{path}")));
    }
    // Where it can be read in two ways, the last number is more likely the port.
    let (ip, port) = host
        .rsplit_once(':')
        .filter(|(ip, port)| ip.parse::<Ipv6Addr>().is_ok() && digits(port))
        .map_or((host, String::new()), |(ip, port)| (ip, format!(":{port}")));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let fix = format!("write {scheme}[{ip}]{port}{path}");
    Some(("an address of IPv6 needs brackets", fix))
}

/// How to write an address of Azure's deployments, when this is one in another form.
fn azure(scheme: &str, host: &str, path: &str, api: Api) -> Option<String> {
    let Api::Chat(wire) = api else { return None };
    let prefix = path.find("/openai/deployments").map(|at| &path[..at]);
    let is_azure = prefix.is_some() || AZURE.iter().any(|end| host.ends_with(end));
    // The newer form is as OpenAI's own.
    let newer = path.trim_end_matches('/').ends_with("/openai/v1");
    if !is_azure || newer || (wire == Wire::Azure && prefix.is_none()) {
        return None;
    }
    Some(format!(
        "set wire = \"azure\" and base_url = \"{scheme}{host}{}\", put the version of the query into api_version, and \
         name the deployment as the model of a rung",
        prefix.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_address_is_told_with_the_right_one() {
        let openai = Api::Chat(Wire::Openai);
        let (azure, ollama) = (Api::Chat(Wire::Azure), Api::Chat(Wire::Ollama));
        for (url, api, fix) in [
            ("http://::1:8080", openai, "http://[::1]:8080"),
            ("http://::1:8080/v1", openai, "http://[::1]:8080/v1"),
            ("http://fe80::1", openai, "http://[fe80::1]"),
            ("https://fd00::2:443/v1?x=1", openai, "https://[fd00::2]:443/v1"),
            ("http://[::1:8080/v1", openai, "http://[::1]:8080/v1"),
            ("http://[::g]/v1", openai, "http://[::1]:8080/v1"),
            ("http://[::1]8080/v1", openai, "http://[::1]:8080/v1"),
            ("http://box:port/v1", openai, "http://box:8080/v1"),
            ("http://box:99999/v1", openai, "http://box:8080/v1"),
            ("http://box:/v1", openai, "http://box:8080/v1"),
            ("https://x/v1/chat/completions", openai, "https://x/v1;"),
            ("https://x/v1/chat/completions/", openai, "https://x/v1;"),
            ("https://api.openai.com", openai, "https://api.openai.com/v1"),
            ("https://generativelanguage.googleapis.com", openai, "/v1beta/openai"),
            ("https://x/v1?key=k", openai, "take out"),
            ("https://r.openai.azure.com", openai, "wire = \"azure\""),
            (
                "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
                openai,
                "base_url = \"https://r.openai.azure.com\"",
            ),
            (
                "https://apim.example/llm/openai/deployments/d?api-version=1",
                azure,
                "base_url = \"https://apim.example/llm\"",
            ),
            ("https://r.openai.azure.com/openai", azure, "https://r.openai.azure.com;"),
            ("https://r.openai.azure.com/openai/v1/chat/completions", azure, "/openai/v1;"),
            ("http://127.0.0.1:11434/v1", ollama, "http://127.0.0.1:11434;"),
            ("http://127.0.0.1:11434/api/chat", ollama, "http://127.0.0.1:11434;"),
            ("https://api.anthropic.com/v1", Api::Chat(Wire::Anthropic), ".com;"),
            ("https://api.anthropic.com/v1/messages", Api::Chat(Wire::Anthropic), ".com;"),
            ("http://g:3100/v1/chat", Api::Chat(Wire::Gateway), "http://g:3100;"),
            ("http://e/v1/embeddings", Api::Embed(EmbedWire::Openai), "http://e/v1;"),
            ("http://e/", Api::Embed(EmbedWire::Sidecar), "slash"),
        ] {
            let (_, told) = wrong(url, api).expect(url);
            assert!(format!("{told};").contains(fix), "{url}: {told}");
        }
    }

    #[test]
    fn good_addresses_are_left_alone() {
        for (url, wire) in [
            ("http://[::1]:8080/v1", Wire::Openai),
            ("http://localhost:1", Wire::Ollama),
            ("https://r.openai.azure.com/openai/v1", Wire::Openai),
            ("https://r.openai.azure.com/openai/v1", Wire::Azure),
            ("https://r.openai.azure.com", Wire::Azure),
            ("https://api.deepseek.com/anthropic", Wire::Anthropic),
            ("https://openrouter.ai/api/v1", Wire::Openai),
            ("http://gateway:3100", Wire::Gateway),
        ] {
            assert_eq!(wrong(url, Api::Chat(wire)), None, "{url}");
        }
    }
}

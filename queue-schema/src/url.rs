//! URLs without what may be secret in them, for messages, records and reports.

/// What may be secret, wherever it stood.
const MASK: &str = "***";

struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    path: &'a str,
    /// A query, or a fragment.
    more: Option<char>,
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let mut end = rest.find('/').unwrap_or(rest.len());
    // A password may itself hold a slash: no port is made of letters.
    let port = rest[..end].split_once(':').map_or("", |(_, port)| port);
    if !rest[..end].contains('@')
        && !port.bytes().all(|b| b.is_ascii_digit() || b",:[]".contains(&b))
    {
        end =
            rest.rfind('@').map_or(end, |at| at + rest[at..].find('/').unwrap_or(rest.len() - at));
    }
    // It may hold an '@' as well: the last one ends it.
    let (user, host) = match rest[..end].rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, &rest[..end]),
    };
    let after = &rest[end - host.len()..];
    let open = after.find(['?', '#']);
    let plain = &after[..open.unwrap_or(after.len())];
    let (host, path) = plain.split_at(plain.find('/').unwrap_or(plain.len()));
    Some(Parts { scheme, user, host, path, more: open.and_then(|at| after[at..].chars().next()) })
}

/// A URL for messages. User and password are masked, because hosts also take a token as user, and so are query and
/// fragment. The user of ssh and Redis stays. Text that is not a URL is returned unchanged.
pub fn masked(url: &str) -> String {
    let Some(parts) = parts(url) else { return short_form(url) };
    let takes_token = ["http", "https", "git"].iter().any(|s| parts.scheme.eq_ignore_ascii_case(s));
    let user = match parts.user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        None => String::new(),
        Some((user, "")) if !takes_token => format!("{user}@"),
        Some((user, _)) if !takes_token && !user.is_empty() => format!("{user}:{MASK}@"),
        Some(_) => format!("{MASK}@"),
    };
    format!("{}://{user}{}", parts.scheme, place(&parts))
}

/// A text, such as what a program says of an error, with each URL in it as [`masked`] has it.
pub fn masked_in(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '<' | '>');
    let word = |word: &str| {
        let url = word.trim_end_matches(ends);
        // What ends a sentence ends no URL.
        let url = url.trim_end_matches([':', ',', ';', '.', ')']);
        format!("{}{}", masked(url), &word[url.len()..])
    };
    text.split_inclusive(ends).map(word).collect()
}

/// A repository's address for reports and rows, which are passed on: without user and password, and with query
/// and fragment masked.
pub fn public_address(repo: &str) -> String {
    let Some(parts) = parts(repo) else { return short_form(repo) };
    format!("{}://{}", parts.scheme, place(&parts))
}

/// What tells repositories apart: a path, or a URL without what may differ for one repository, which is
/// credentials and the ending.
pub fn repository(repo: &str) -> String {
    let public = public_address(repo);
    let end = public.trim_end_matches('/');
    let is_url = public.contains("://") || !public.starts_with('/') && public.contains('@');
    if is_url { end.trim_end_matches(".git").to_owned() } else { end.to_owned() }
}

/// What names a repository wherever it is cloned to, from an address of it: host and path, whatever the scheme.
/// `git@host:a/b.git` and `https://host/a/b` are one.
pub fn identity(url: &str) -> String {
    let (host, path) = match parts(url) {
        Some(parts) => (parts.host.to_owned(), parts.path.to_owned()),
        None => match url.split_once(':').filter(|_| is_short(url)) {
            Some((host, path)) => {
                (host.rsplit('@').next().unwrap_or_default().to_owned(), format!("/{path}"))
            }
            None => return repository(url),
        },
    };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    format!("{}/{path}", host.to_ascii_lowercase())
}

/// An address with nothing in it that lets anybody in: without user, password, query and fragment.
pub fn bare(url: &str) -> String {
    let public = public_address(url);
    let end = public.find(['?', '#']).filter(|_| has_query(url)).unwrap_or(public.len());
    public[..end].to_owned()
}

/// Whether a URL has a query or a fragment.
pub fn has_query(url: &str) -> bool {
    parts(url).map_or_else(|| short_form(url) != url, |parts| parts.more.is_some())
}

fn place(parts: &Parts<'_>) -> String {
    let more = parts.more.map_or_else(String::new, |sign| format!("{sign}{MASK}"));
    format!("{}{}{more}", parts.host, parts.path)
}

/// Whether a text is an address: `scheme://...`, or the short form of ssh.
pub fn is_url(text: &str) -> bool {
    text.contains("://") || is_short(text)
}

/// `user@host:path`. A path on this machine may hold a colon, but no `@` before it without a slash between them.
fn is_short(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'))
}

fn short_form(url: &str) -> String {
    match url.find(['?', '#']).filter(|_| is_short(url)) {
        Some(at) => format!("{}{MASK}", &url[..=at]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{bare, has_query, identity, is_url, masked, masked_in, public_address};

    #[test]
    fn urls_in_a_text_are_masked_and_the_text_stays() {
        for (text, shown) in [
            (
                "could not read Password for 'https://t0ken@h': terminal prompts disabled",
                "could not read Password for 'https://***@h': terminal prompts disabled",
            ),
            (
                "see https://h/r?token=t0ken.\nhttps://a:t0ken@h/x: no",
                "see https://h/r?***.\nhttps://***@h/x: no",
            ),
            ("no route to host: 'a: b'", "no route to host: 'a: b'"),
        ] {
            assert_eq!(masked_in(text), shown);
        }
    }

    #[test]
    fn addresses_of_one_repository_have_one_identity() {
        for url in [
            "https://github.com/o/r.git",
            "https://me:t0ken@GitHub.com/o/r/",
            "ssh://git@github.com/o/r",
            "git@github.com:o/r.git",
            "https://github.com/o/r?token=t0ken",
        ] {
            assert_eq!(identity(url), "github.com/o/r", "{url}");
        }
        assert_ne!(identity("https://github.com/o/R"), identity("https://github.com/o/r"));
        assert_ne!(identity("https://h:8443/r"), identity("https://h/r"));
        assert_eq!(identity("/home/me/app/"), "/home/me/app");
    }

    #[test]
    fn secret_parts_of_urls_are_masked() {
        for (url, shown, public) in [
            ("https://t0ken@h/r.git", "https://***@h/r.git", "https://h/r.git"),
            ("https://me:t0ken@h/r.git?x=1", "https://***@h/r.git?***", "https://h/r.git?***"),
            ("https://h/r.git?token=t0ken", "https://h/r.git?***", "https://h/r.git?***"),
            ("https://h?t0ken", "https://h?***", "https://h?***"),
            ("https://h/r#access_token=t0ken", "https://h/r#***", "https://h/r#***"),
            ("HTTPS://t0ken@h/r", "HTTPS://***@h/r", "HTTPS://h/r"),
            ("git://t0ken@h/r", "git://***@h/r", "git://h/r"),
            ("https://me:t0@ken@h/a@b", "https://***@h/a@b", "https://h/a@b"),
            ("https://h/a:b@c", "https://h/a:b@c", "https://h/a:b@c"),
            ("https://h:8443/a:b@c", "https://h:8443/a:b@c", "https://h:8443/a:b@c"),
            ("ssh://git@h:22/r", "ssh://git@h:22/r", "ssh://h:22/r"),
            ("ssh://git:t0ken@h/r", "ssh://git:***@h/r", "ssh://h/r"),
            ("redis://:t0ken@h:6379/0", "redis://***@h:6379/0", "redis://h:6379/0"),
            ("redis://:t0/ken@h:6379/0", "redis://***@h:6379/0", "redis://h:6379/0"),
            ("rediss://me:t0@ken@h:1/1", "rediss://me:***@h:1/1", "rediss://h:1/1"),
            ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
            ("unix:///r.sock?pass=t0ken", "unix:///r.sock?***", "unix:///r.sock?***"),
            ("git@h:r.git?token=t0ken", "git@h:r.git?***", "git@h:r.git?***"),
            ("git@h:r.git", "git@h:r.git", "git@h:r.git"),
            ("/home/me/what?#1", "/home/me/what?#1", "/home/me/what?#1"),
        ] {
            assert_eq!(
                (masked(url).as_str(), public_address(url).as_str()),
                (shown, public),
                "{url}"
            );
            assert_eq!(
                bare(url),
                public.trim_end_matches("?***").trim_end_matches("#***"),
                "{url}"
            );
            assert_eq!(is_url(url), !url.starts_with('/'), "{url}");
            assert_eq!(masked(shown), shown, "masking what is masked changes nothing");
            assert_eq!(has_query(url), shown.ends_with("?***") || shown.ends_with("#***"), "{url}");
        }
    }
}

//! Secrets that are known by how they are written, beyond what the list knows: wider forms of some
//! tokens, hashes of passwords, and passwords in commands, in SQL and in files of their own.

use super::rules::Check;
use super::values::{Name, is_secret, is_stand_in, shannon};
use super::words::Class;
use super::{Kind, Span, window};
use regex::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// A password in quotes or without, as an argument of a command.
macro_rules! argument {
    ($before:literal) => {
        concat!(
            $before,
            r#"(?:'([^'\n]{3,})'|"([^"\n]{3,})"|([^\s'"`;|&<>()-][^\s'"`;|&<>()]{2,}))"#
        )
    };
}

/// Kind, check, words of which one is in it, and form. The first group that takes part is the secret;
/// without groups it is the whole.
pub(super) const OWN: &[(Kind, Check, &str, &str)] = &[
    (Kind::ModelKey, Check::Own, "sk-", r"sk-[A-Za-z0-9_\-]{20,}"),
    (
        Kind::ModelKey,
        Check::Own,
        "gsk,xai,pplx,nvapi,fw_,fw-,r8_,csk",
        r"(?:gsk|xai|pplx|nvapi|fw|r8|csk)[_\-][A-Za-z0-9_\-]{30,}",
    ),
    (Kind::ModelKey, Check::Own, "hf_,api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    (Kind::AwsKey, Check::Own, "akia,asia,abia,acca", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    (Kind::ForgeToken, Check::Own, "ghp_,gho_,ghu_,ghs_,ghr_", r"gh[pousr]_[A-Za-z0-9]{20,}"),
    (Kind::ForgeToken, Check::Own, "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    (
        Kind::ForgeToken,
        Check::Own,
        "glpat-,gldt-,glrt-,glcbt-,glptt-,glft-,glimt-,glagent-,glsoat-,gloas-,glffct-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_\-.]{20,}",
    ),
    (Kind::ChatToken, Check::Own, "xox", r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,}"),
    (Kind::ChatToken, Check::Own, "xapp-", r"xapp-[A-Za-z0-9\-]{20,}"),
    (
        Kind::ChatToken,
        Check::Own,
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/]{20,})",
    ),
    (
        Kind::ChatToken,
        Check::Own,
        "discord.com/api/webhooks,discordapp.com/api/webhooks",
        r"discord(?:app)?\.com/api/webhooks/([0-9]{15,}/[A-Za-z0-9_\-]{30,})",
    ),
    (Kind::ChatToken, Check::Own, ":aa", r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}"),
    (Kind::GoogleKey, Check::Own, "aiza", r"AIza[A-Za-z0-9_\-]{35}"),
    (Kind::GoogleKey, Check::Own, "gocspx-", r"GOCSPX-[A-Za-z0-9_\-]{20,}"),
    (Kind::GoogleKey, Check::Own, "ya29.", r"ya29\.[A-Za-z0-9_\-.]{20,}"),
    (Kind::PaymentKey, Check::Own, "k_live_,k_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    (Kind::PaymentKey, Check::Own, "whsec_", r"whsec_[A-Za-z0-9+/]{24,}={0,2}"),
    (Kind::PaymentKey, Check::Own, "sq0csp-,sq0atp-", r"sq0(?:csp|atp)-[A-Za-z0-9_\-]{22,}"),
    (Kind::RegistryToken, Check::Own, "npm_", r"npm_[A-Za-z0-9]{30,}"),
    (Kind::RegistryToken, Check::Own, "pypi-", r"pypi-[A-Za-z0-9_\-]{30,}"),
    (Kind::RegistryToken, Check::Own, "dckr_", r"(?:dckr_pat_|dckr_oat_)[A-Za-z0-9_\-]{20,}"),
    (Kind::RegistryToken, Check::Own, "cio", r"cio[A-Za-z0-9]{32}"),
    (Kind::ServiceKey, Check::Own, "sg.", r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    (
        Kind::ServiceKey,
        Check::Own,
        "tskey,lin_api,ntn,figd,dapi,hvs,hvb,pmak,glsa,glc,key-,key_",
        r"(?:tskey|lin_api|ntn|figd|dapi|hvs|hvb|PMAK|glsa|glc|key)[_\-.][A-Za-z0-9_\-.]{30,}",
    ),
    (Kind::ServiceKey, Check::Own, "atatt3", r"ATATT3[A-Za-z0-9_\-=]{30,}"),
    (Kind::ServiceKey, Check::Own, "eaa", r"EAA[A-Za-z0-9]{60,}"),
    (Kind::PrivateKey, Check::Own, "age-secret-key", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
    (
        Kind::AzureKey,
        Check::Own,
        "accountkey,sharedaccesskey",
        r"(?i)(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{30,}={0,2})",
    ),
    (Kind::AzureKey, Check::Own, "sig=", r"[?&]sig=([A-Za-z0-9%+/=]{30,})"),
    (Kind::Jwt, Check::Own, "eyj", r"eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){2,4}"),
    (
        Kind::Authorization,
        Check::Own,
        "bearer,basic,token",
        r"(?i)\b(?:bearer|basic|token)[ \t]+([A-Za-z0-9+/._~\-]{20,}={0,2})",
    ),
    // Hashes of passwords: they can be tried out.
    (
        Kind::PasswordHash,
        Check::Sure,
        "$1$,$2$,$2a$,$2b$,$2x$,$2y$,$5$,$6$,$7$,$y$,$gy$,$md5,$apr1$,$sha1$,$argon2,$scrypt$,$pbkdf2,$P$,$H$",
        r"\$(?:1|2[abxy]?|5|6|7|y|gy|md5|apr1|sha1|scrypt|argon2(?:id|i|d)?|pbkdf2[a-z0-9\-]*|P|H)\$[A-Za-z0-9./$,=+\-]{20,}",
    ),
    (
        Kind::PasswordHash,
        Check::Sure,
        "{sha,{ssha,{md5,{smd5,{crypt",
        r"\{(?:S?SHA(?:224|256|384|512)?|S?MD5|CRYPT)\}([A-Za-z0-9+/=.$]{16,})",
    ),
    (
        Kind::PasswordHash,
        Check::Sure,
        "pbkdf2,scrypt",
        r"(?:pbkdf2|scrypt)[a-z0-9_:]*[:$][0-9:$]*[A-Za-z0-9]{6,}\$[A-Za-z0-9+/=]{20,}",
    ),
    // SQL.
    (
        Kind::Assigned,
        Check::Password,
        "identified",
        r#"(?i)\bidentified\s+(?:with\s+\S{1,40}\s+)?(?:by|as)\s+(?:password\s+)?(?:'([^'\n]{3,})'|"([^"\n]{3,})"|([^\s'";,]{6,}))"#,
    ),
    (
        Kind::Assigned,
        Check::Password,
        "password",
        r"(?i)\bpassword\s*(?:=\s*|\(\s*|\s)N?'([^'\n]{3,})'",
    ),
    // Commands.
    (
        Kind::Assigned,
        Check::Password,
        "curl",
        r#"\bcurl\b[^\n]*?\s(?:-u|-U|--user|--proxy-user)[ =]{0,4}(?:'[^\s':]+:([^'\n]{3,})'|"[^\s":]+:([^"\n]{3,})"|[^\s"':]+:([^\s'"]{3,}))"#,
    ),
    (
        Kind::Assigned,
        Check::Password,
        "mysql,mariadb",
        argument!(r"\b(?:mysql|mariadb)[a-z\-]{0,16}\b[^\n|;]*?\s-p"),
    ),
    (Kind::Assigned, Check::Password, "sshpass", argument!(r"\bsshpass\s+-p\s*")),
    (
        Kind::Assigned,
        Check::Password,
        "redis-cli,valkey-cli",
        argument!(r"\b(?:redis|valkey)-cli\b[^\n|;]*?\s(?:-a|--pass)\s+"),
    ),
    (
        Kind::Assigned,
        Check::Password,
        "login,mongo",
        argument!(
            r"\b(?:(?:docker|podman|nerdctl|buildah|skopeo|registry|az|oc|crane)\s+login|mongo[a-z]{0,8})\b[^\n|;]*?\s-p\s+"
        ),
    ),
    (
        Kind::Assigned,
        Check::Password,
        "sqlcmd,bcp ,zip ",
        argument!(r"\b(?:sqlcmd|bcp|unzip|zip)\b[^\n|;]*?\s-P\s*"),
    ),
    (
        Kind::Assigned,
        Check::Password,
        "ldap",
        argument!(
            r"\bldap(?:search|add|modify|delete|passwd|whoami|compare|modrdn)\b[^\n|;]*?\s-w\s+"
        ),
    ),
    (
        Kind::Assigned,
        Check::Password,
        "smbclient,rpcclient,smbmap",
        argument!(r"\b(?:smbclient|rpcclient|smbmap)\b[^\n|;]*?\s-U\s+['\x22]?[^\s%'\x22]+%"),
    ),
    (Kind::Assigned, Check::Password, "pass:", argument!(r"\s-pass(?:in|out)?\s+['\x22]?pass:")),
    (
        Kind::Assigned,
        Check::Password,
        "storepass,keypass",
        argument!(r"\s-(?:(?:src|dest)?(?:store|key)pass)\s+"),
    ),
    (
        Kind::Assigned,
        Check::Password,
        "chpasswd",
        r#"\becho\s+(?:-\w\s+)?['"]?[^\s'":]+:([^'"\n|]{3,}[^\s'"|])['"]?\s*\|[^\n]*?chpasswd"#,
    ),
    (
        Kind::Assigned,
        Check::Password,
        "sudo -s",
        r#"\becho\s+(?:-\w\s+)?['"]?([^'"\n|]{3,}[^\s'"|])['"]?\s*\|\s*sudo -S"#,
    ),
    (
        Kind::Assigned,
        Check::Password,
        "convertto-securestring",
        r#"(?i)ConvertTo-SecureString\s+(?:-String\s+)?["']([^"'\n]{4,})["']"#,
    ),
    (
        Kind::Assigned,
        Check::Password,
        "sqlplus,sqlldr,expdp,impdp,jdbc:oracle",
        r#"(?i)(?:\b(?:sqlplus|sqlldr|expdp|impdp)\s+(?:-\w+\s+){0,3}["']?|jdbc:oracle:[a-z0-9]+:)[\w$#]+/([^\s"'@/]{3,})@"#,
    ),
    // Pairs of a user and a password in code.
    (
        Kind::Assigned,
        Check::Password,
        "auth=,auth =,basicauth,networkcredential,usernamepassword,passwordauthentication",
        r#"(?i)(?:auth|credentials?|authentication)(?:\s*=\s*|\s*\(\s*)\(?\s*["'][^"'\n]+["']\s*,\s*["']([^"'\n]{4,})["']"#,
    ),
    // Files that hold passwords and little else.
    (
        Kind::Assigned,
        Check::Password,
        ":5432:,:5433:,:6432:,:*:,:3306:,:1521:,:1433:",
        r"(?m)^[^\s:#]+:(?:[0-9]{2,5}|\*):[^\s:]+:[^\s:]+:([^\s:]{4,})[ \t\r]*$",
    ),
    (Kind::Assigned, Check::Password, " on ", r"\buser\s+\S+\s+on\b[^\n]*?\s>([^\s'\x22]{4,})"),
    (Kind::RegistryToken, Check::Own, "_auth", r#"\b_auth\s*=\s*"?([A-Za-z0-9+/]{8,}={0,2})"#),
    (Kind::RegistryToken, Check::Own, "\"auth\"", r#""auth"\s*:\s*"([A-Za-z0-9+/]{12,}={0,2})""#),
];

/// The secret half of an AWS pair has no prefix, but stands near the other.
static AWS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| ascii(r"[A-Za-z0-9+/]{40,}"));
/// How far from an access key id its secret is looked for, in bytes.
const AWS_NEAR: usize = 300;

/// Bytes of a URL's user, password and host at most.
const AUTHORITY: usize = 512;

/// A pattern over ASCII: the tables of Unicode would only make it slower.
pub(super) fn ascii(form: &str) -> Option<Regex> {
    RegexBuilder::new(form).unicode(false).build().ok()
}

/// Passwords in URLs.
pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    for (at, _) in text.match_indices("://") {
        found.extend(url_password(text, at));
    }
}

/// The password of `scheme://user:password@host`, given where the `://` stands.
fn url_password(text: &str, at: usize) -> Option<Span> {
    if !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let start = at + "://".len();
    let ends = |c: char| c.is_whitespace() || "/\"'`<>".contains(c);
    let authority = window(text, start, AUTHORITY);
    let authority = &authority[..authority.find(ends).unwrap_or(authority.len())];
    let (login, host) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let known = is_stand_in(password) || password.contains(super::MASK_START);
    let from = start + user.len() + 1;
    let secret = password.len() >= 3 && !host.is_empty() && !known;
    secret.then(|| Span::new(from..from + password.len(), Kind::UrlPassword))
}

/// Whether what has the form of a kind is one.
pub(super) fn accepts(kind: Kind, check: Check, value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    if check == Check::Password {
        let name = Name { class: Class::Password, is_plain: true, is_text: true };
        return !value.starts_with('$') && is_secret(value, name);
    }
    match kind {
        // Words joined by dashes look like keys of some kinds: a name of a style, of a package.
        Kind::ModelKey | Kind::ServiceKey | Kind::Authorization | Kind::RegistryToken => {
            has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && shannon(value) >= 3.0
        }
        Kind::AwsKey => has(u8::is_ascii_digit) || shannon(value) >= 3.0,
        _ => shannon(value) >= 2.5,
    }
}

pub(super) fn aws_secret(text: &str, start: usize, end: usize, found: &mut Vec<Span>) {
    let mut from = start.saturating_sub(AWS_NEAR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    for hit in
        AWS_SECRET.iter().flat_map(|re| re.find_iter(window(text, from, end + AWS_NEAR - from)))
    {
        let value = hit.as_str();
        let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
        let mixed =
            has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        if value.len() == 40 && mixed && !is_stand_in(value) {
            found.push(Span::new(from + hit.start()..from + hit.end(), Kind::AwsKey));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_form_is_read() {
        assert!(super::AWS_SECRET.is_some());
    }
}

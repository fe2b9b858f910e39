//! Secrets that no name stands before: arguments of well-known calls, headers, pipes.

use super::values::{Name, is_secret};
use super::words::Class;
use super::{Kind, Span};
use regex::Regex;
use std::sync::LazyLock;

/// Each with the secret as its last group.
const FORMS: &[(Class, &str)] = &[
    (
        Class::Password,
        r#"(?i)\bauthorization["']?\s{0,4}[:=,]\s{0,4}["']?(?:basic|token|apikey|digest)\s+([a-z0-9+/=_.!-]{8,512})"#,
    ),
    (Class::Token, r"(?i)\bbearer\s+([a-z0-9._~+/=-]{16,512})"),
    (
        Class::Password,
        r#"(?i)\b(?:jwt|jsonwebtoken|jose)\.(?:sign|encode|verify|decode)\(\s*[^,()\n]{1,80},\s*b?["'`]([^"'`\n]{6,128})["'`]"#,
    ),
    (Class::Password, r#"(?i)\bhmac\.(?:new|digest)\(\s*b?["']([^"'\n]{6,128})["']"#),
    (
        Class::Password,
        r#"\bcreateHmac\(\s*["'`][^"'`\n]{1,32}["'`]\s*,\s*["'`]([^"'`\n]{6,128})["'`]"#,
    ),
    (
        Class::Password,
        r#"\b(?:getConnection|mysqli_connect|mysqli_real_connect|mysql_connect|oci_connect|new\s+mysqli|new\s+PDO)\(\s*[^,()\n]{1,200},\s*[^,()\n]{1,80},\s*["']([^"'\n]{4,128})["']"#,
    ),
    (
        Class::Password,
        r#"\.(?:login|logIn|Login|authenticate)\(\s*["'][^"'\n]{1,80}["']\s*,\s*["']([^"'\n]{4,128})["']"#,
    ),
    (
        Class::Password,
        r#"(?m)\becho\s+(?:-n\s+)?["']?([^"'\s|$`]{4,128})["']?\s*\|[^\n|]{0,120}(?:--password-stdin|sudo\s+-S|--stdin\b|chpasswd)"#,
    ),
    (Class::Password, r"\bopenssl\s+enc\b[^\n|]{0,120}\s-k\s+([^\s$]{4,128})"),
];

static ALL: LazyLock<Vec<(Class, Regex)>> = LazyLock::new(|| {
    FORMS.iter().filter_map(|(class, form)| Some((*class, Regex::new(form).ok()?))).collect()
});

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    for (class, form) in ALL.iter() {
        let name = Name { class: *class, is_plain: true, is_text: true };
        for value in form.captures_iter(text).filter_map(|all| all.get(1)) {
            if is_secret(value.as_str(), name) {
                found.push(Span::new(value.range(), Kind::Assigned));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_form_is_read() {
        assert_eq!(super::ALL.len(), super::FORMS.len());
    }
}

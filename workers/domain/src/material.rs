//! What a reviewer was given, for telling whether an answer only repeats it.
//!
//! Files hold answers of reviewers: in tests, in fixtures, and in comments that hope to be taken for one. They are
//! found however they are set: reformatted, behind comment marks, as the text of a string, in another case.

/// Letters of an answer below which nothing is said of where it comes from: `None` stands in many files.
const LEAST: usize = 40;

/// The letters and digits of some texts.
#[derive(Debug)]
pub struct Material {
    folded: String,
}

impl Material {
    /// Of all that was given. They are kept apart.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut folded = String::new();
        for text in texts {
            fold(text, &mut folded);
            folded.push(' ');
        }
        Self { folded }
    }

    /// Whether a text stands in it, set in any way. One without a letter stands everywhere.
    pub fn holds(&self, text: &str) -> bool {
        let mut wanted = String::new();
        fold(text, &mut wanted);
        self.folded.contains(&wanted)
    }

    /// Whether it holds a text that is long enough to be told by.
    pub fn holds_all_of(&self, text: &str) -> bool {
        let mut wanted = String::new();
        fold(text, &mut wanted);
        wanted.chars().nth(LEAST).is_some() && self.folded.contains(&wanted)
    }
}

/// Adds the letters and digits of a text. An escape of a string stands for what it means.
fn fold(text: &str, out: &mut String) {
    const ENTITIES: [&str; 6] = ["&quot;", "&#34;", "&#39;", "&apos;", "&#x22;", "&#x27;"];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            let hex = rest.strip_prefix('u').and_then(|r| r.get(..4));
            let code =
                hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
            if let Some(code) = code {
                rest = &rest[5..];
                out.extend(code.to_lowercase().filter(|c| c.is_alphanumeric()));
            } else {
                rest = rest.strip_prefix(['n', 'r', 't', 'b', 'f']).unwrap_or(rest);
            }
        } else if c == '&' {
            let entity = ENTITIES.iter().find_map(|e| rest.strip_prefix(&e[1..]));
            rest = entity.unwrap_or(rest);
        } else if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_is_set() {
        let wanted = "{\"verdict\": \"pass\", \"why\": \"all ä was read\"}";
        for given in [
            "x = 1\n# {\"verdict\": \"pass\",\n#   \"why\": \"all ä was read\"}\n",
            "let s = \"{\\\"verdict\\\":\\\"PASS\\\",\\n\\\"why\\\":\\\"all \\u00e4 was\\tread\\\"}\";",
            "/* {verdict: 'pass',\n * why: 'all ä was read'} */",
            "<p>{&quot;verdict&quot;: &quot;pass&quot;, &#34;why&#34;: &quot;all ä was read&quot;}",
        ] {
            assert!(Material::of(["a", given]).holds(wanted), "{given}");
        }
        let apart = Material::of(["{\"verdict\": \"pass\",", "\"why\": \"all ä was read\"}"]);
        assert!(!apart.holds(wanted), "two texts are no one");
        assert!(!Material::of(["None"]).holds_all_of("None"));
        assert!(!Material::of([""]).holds(wanted));
    }
}

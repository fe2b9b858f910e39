//! What a file's shape says of who wrote it: programs write long dense lines, and pointers in place of files.

/// Bytes of a line that nobody types, when it is dense.
const LONG: usize = 300;
/// Of a hundred characters of a dense line fewer than so many are blanks. Prose has sixteen, code more.
const DENSE_BLANKS: usize = 10;
/// Bytes of dense lines below which a file is not judged by them.
const LEAST: usize = 2000;
/// Of a hundred bytes of the file so many stand in dense lines when that is all there is to it..
const NEARLY_ALL: usize = 95;
/// ..or so many, and there are few lines besides.
const MOST_OF_IT: usize = 70;
const FEW_LINES: usize = 50;
/// Bytes of a pointer at most.
const POINTER: usize = 1024;

/// The share of a file in long dense lines, in percent, where it is minified or packed data: one of them in a file that
/// people write is not enough.
pub fn minified(text: &str) -> Option<usize> {
    let (mut dense, mut others) = (0, 0);
    for line in text.lines() {
        if is_dense(line) {
            dense += line.len();
        } else if !line.trim().is_empty() {
            others += 1;
        }
    }
    if dense < LEAST {
        return None;
    }
    let percent = dense * 100 / text.len();
    (percent >= NEARLY_ALL || (percent >= MOST_OF_IT && others < FEW_LINES)).then_some(percent)
}

fn is_dense(line: &str) -> bool {
    if line.len() < LONG {
        return false;
    }
    let (mut all, mut blanks) = (0, 0);
    for c in line.chars() {
        all += 1;
        // Scripts that are written without blanks are no sign.
        blanks += usize::from(c.is_whitespace() || !c.is_ascii());
    }
    blanks * 100 < all * DENSE_BLANKS
}

/// What stands for a file that is kept elsewhere.
pub fn pointer(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes.get(..POINTER.min(bytes.len()))?).ok()?;
    if bytes.len() > POINTER {
        return None;
    }
    let first = text.lines().next()?;
    let spec = first.strip_prefix("version ");
    let lfs = [
        "https://git-lfs.github.com/spec/",
        "https://hawser.github.com/spec/",
        "http://git-media.io/v/",
    ];
    if spec.is_some_and(|url| lfs.iter().any(|known| url.starts_with(known)))
        && text.lines().any(|line| line.starts_with("oid "))
    {
        return Some("LFS pointer");
    }
    // Of git-annex: a path whose end is the key.
    let annex = first.starts_with("/annex/objects/") || first.contains("/.git/annex/objects/");
    (annex && text.lines().count() == 1 && first.contains("--")).then_some("git-annex pointer")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENSE: &str =
        "function a(b,c){return b<c?a(c,b):b-c}var d=[1,2,3].map(function(e){return e*e});";

    #[test]
    fn minified_files_are_seen_by_their_lines() {
        let banner = "/*!\n * jQuery v3.7.1 | (c) OpenJS Foundation | jquery.org/license\n */\n";
        let css =
            "a{color:#fff;margin:0 1px}.b>c{display:block;float:left}@media(max-width:9px){d{e:f}}";
        for (what, text) in [
            ("one line of script", DENSE.repeat(1000)),
            (
                "a licence before it",
                format!("{banner}{}\n//# sourceMappingURL=x.js.map\n", DENSE.repeat(60)),
            ),
            ("lines of 500", format!("{}\n", DENSE.repeat(6)).repeat(20)),
            ("style", css.repeat(50)),
            (
                "an image and a few lines of code",
                format!(
                    "LOGO = '{}'\n{}",
                    "QUJD0z+/".repeat(300),
                    "    return default\n".repeat(30)
                ),
            ),
            ("packed data", format!("DATA = '{}'\n", "QUJD0z+/".repeat(900))),
            (
                "JSON of a program",
                format!("[{}]", r#"{"id":17,"name":"x","on":true},"#.repeat(200)),
            ),
            (
                "a long licence",
                format!("{}{}", " * word of the licence\n".repeat(100), DENSE.repeat(900)),
            ),
        ] {
            assert!(minified(&text).is_some_and(|percent| percent >= 70), "{what}");
        }
    }

    #[test]
    fn what_people_write_is_not() {
        let code = "    if value is None:\n        return default\n".repeat(60);
        let prose = "The quick brown fox jumps over the lazy dog and goes on for quite some time. "
            .repeat(20);
        for (what, text) in [
            ("code", code.clone()),
            ("prose, a line a paragraph", format!("{prose}\n\n").repeat(20)),
            (
                "prose without blanks",
                "価格は負の値になりません税率は設定から読み込みます".repeat(200),
            ),
            ("code with an image in it", format!("{code}LOGO = '{}'\n", "QUJD0z+/".repeat(900))),
            ("one long line", DENSE.repeat(5)),
            (
                "code with a small image",
                format!("LOGO = '{}'\n{}", "QUJD0z+/".repeat(300), &code[..1400]),
            ),
            (
                "many lines of code with a large image",
                format!("LOGO = '{}'\n{code}", "QUJD0z+/".repeat(1400)),
            ),
            ("a table of numbers", "  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,\n".repeat(300)),
            ("nothing", String::new()),
        ] {
            assert_eq!(minified(&text), None, "{what}");
        }
    }

    #[test]
    fn pointers_are_seen_and_text_about_them_is_not() {
        let oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        for (text, what) in [
            (
                format!("version https://git-lfs.github.com/spec/v1\n{oid}\nsize 12345\n"),
                Some("LFS pointer"),
            ),
            (
                format!("version https://hawser.github.com/spec/v1\n{oid}\nsize 1\n"),
                Some("LFS pointer"),
            ),
            (
                format!(
                    "version https://git-lfs.github.com/spec/v1\next-0-x sha256:1\n{oid}\nsize 1\n"
                ),
                Some("LFS pointer"),
            ),
            ("/annex/objects/SHA256E-s1048576--af01.bin\n".to_owned(), Some("git-annex pointer")),
            (
                "../.git/annex/objects/X/Y/SHA256E-s1--a.bin/SHA256E-s1--a.bin".to_owned(),
                Some("git-annex pointer"),
            ),
            (
                "version https://git-lfs.github.com/spec/v1\nis the first line of a pointer\n"
                    .to_owned(),
                None,
            ),
            (
                format!("# How pointers look\nversion https://git-lfs.github.com/spec/v1\n{oid}\n"),
                None,
            ),
            (
                format!("version https://git-lfs.github.com/spec/v1\n{oid}\n{}", "x\n".repeat(600)),
                None,
            ),
            ("version = 1\noid 7\n".to_owned(), None),
            ("SELECT 1; -- one line\n".to_owned(), None),
            ("/annex/objects/SHA256E-s1--a.bin\nis where it would be\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(pointer(text.as_bytes()), what, "{text}");
        }
    }
}

//! The words and signs of a line of code, whose comments and insides of strings are blank.

use crate::text::is_ident;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    /// A string with both of its marks, or a mark alone.
    Text,
    /// One of `( [ {`.
    Open,
    /// One of `) ] }`.
    Close,
    Sign,
}

/// A token of a line, by its columns in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// Signs of several characters, the longest first.
const SIGNS: [&str; 41] = [
    "<<=", ">>=", "===", "!==", "...", "..=", "**=", "&&=", "||=", "??=", "->", "=>", "==", "!=",
    "<=", ">=", "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "..",
    "**", "//", "++", "--", ":=", "?.", "??", "<-", "&^", "~=", "^^",
];

/// Words before which an operator has no operand.
const NO_OPERAND: [&str; 22] = [
    "return", "if", "elif", "in", "not", "and", "or", "else", "case", "match", "while", "await",
    "yield", "throw", "new", "is", "mut", "let", "const", "raise", "typeof", "delete",
];

/// The tokens of a line in order.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, len) = if c.is_ascii_digit() {
            (Kind::Number, number(rest))
        } else if is_ident(c) {
            (Kind::Word, rest.find(|c: char| !is_ident(c)).unwrap_or(rest.len()))
        } else if matches!(c, '"' | '\'' | '`') {
            (Kind::Text, string(rest, c))
        } else if matches!(c, '(' | '[' | '{') {
            (Kind::Open, 1)
        } else if matches!(c, ')' | ']' | '}') {
            (Kind::Close, 1)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            (Kind::Sign, sign.map_or(c.len_utf8(), |sign| sign.len()))
        };
        out.push(Token { kind, text: &rest[..len], start: at });
        at += len;
    }
    out
}

/// Bytes of a number; `0..n` is a number and a range.
fn number(rest: &str) -> usize {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
    let text = &rest[..end.unwrap_or(rest.len())];
    text.find("..").unwrap_or(text.len())
}

/// Bytes of a string whose inside is blank; a mark alone is a lifetime, or opens a string of several lines.
fn string(rest: &str, mark: char) -> usize {
    let inside = rest[1..].find(|c: char| c != ' ');
    match inside {
        Some(len) if rest[1 + len..].starts_with(mark) => len + 2,
        _ => 1,
    }
}

/// Whether a value ends with this token, so that a sign behind it has two operands.
pub(super) fn ends_value(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !NO_OPERAND.contains(&token.text),
        Kind::Number | Kind::Text => true,
        Kind::Close => !token.is("}"),
        Kind::Open | Kind::Sign => false,
    }
}

/// Whether a value begins with this token.
pub(super) fn begins_value(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word | Kind::Number | Kind::Text => true,
        Kind::Open => token.is("("),
        Kind::Sign => ["-", "!", "&", "*", "~"].contains(&token.text),
        Kind::Close => false,
    }
}

/// Whether white space stands on both sides of a token: formatters write signs between two operands so, and
/// those of types and pointers otherwise.
pub(super) fn is_spaced(code: &str, token: &Token<'_>) -> bool {
    code[..token.start].ends_with(' ') && code[token.end()..].starts_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_words_numbers_strings_and_signs() {
        let texts = |code| tokens(code).iter().map(|t| t.text).collect::<Vec<_>>();
        assert_eq!(
            texts("for i in 0..n { a[i] <= b && f(\"   \", '') }"),
            [
                "for", "i", "in", "0", "..", "n", "{", "a", "[", "i", "]", "<=", "b", "&&", "f",
                "(", "\"   \"", ",", "''", ")", "}"
            ]
        );
        assert_eq!(texts("fn f<'a>(x: &'a str)")[..5], ["fn", "f", "<", "'", "a"]);
        assert_eq!(texts("x = 1.5 * 10_000u32"), ["x", "=", "1.5", "*", "10_000u32"]);
    }
}

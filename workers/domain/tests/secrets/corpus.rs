//! Cases, values and figures.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// A text and what of it must not leave.
pub struct Case {
    pub kind: &'static str,
    pub text: String,
    pub secrets: Vec<String>,
}

/// What stands for a secret.
#[derive(Clone, Copy)]
pub enum V {
    /// Letters and digits.
    R(usize),
    /// Hexadecimal digits.
    H(usize),
    /// Upper case and digits.
    U(usize),
    /// Digits.
    D(usize),
    /// As a generator of passwords makes them.
    P(usize),
    /// As people choose them.
    Human,
    /// Just this.
    Is(&'static str),
}

const HUMAN: [&str; 12] = [
    "Summer2024!",
    "correct horse",
    "hunter2horse",
    "Winter-2023",
    "iloveyou99",
    "P@ssw0rt1!",
    "Welcome1!",
    "correct horse battery staple",
    "dragonfly77",
    "Fr1day!night",
    "trustno1",
    "Liverpool4ever",
];

pub fn value(v: V, seed: usize) -> String {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed_2026;
    let mut from = |alphabet: &str, n: usize| -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..n)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                alphabet[(state >> 33) as usize % alphabet.len()]
            })
            .collect()
    };
    let (lower, upper, digits) =
        ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789");
    match v {
        V::R(n) => from(&[lower, upper, digits].concat(), n),
        V::H(n) => from("0123456789abcdef", n),
        // Base 32, as access key ids are.
        V::U(n) => from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", n),
        V::D(n) => from(digits, n),
        // A sign, a digit and both cases are in each.
        V::P(n) => from(&[lower, upper, digits, "!#*+=_^"].concat(), n - 4) + "#7xQ",
        V::Human => HUMAN[seed % HUMAN.len()].to_owned(),
        V::Is(text) => text.to_owned(),
    }
}

/// A case of a template. `§` stands for the value, `«` and `»` for its halves, `®` for it as base64,
/// `µ` for it in `\u` escapes, `¤` in `\x` escapes, `¶` with a zero-width mark inside. `¦` is taken
/// out: it keeps scanners of sources from taking the templates for keys.
pub fn case(kind: &'static str, template: &str, value: &str) -> Case {
    let escaped = |form: fn(char) -> String| value.chars().map(form).collect::<String>();
    let chars: Vec<char> = value.chars().collect();
    let (a, b) = chars.split_at(chars.len() / 2);
    let (a, b): (String, String) = (a.iter().collect(), b.iter().collect());
    let forms = [
        ("§", value.to_owned(), false),
        ("«", a.clone(), false),
        ("»", b.clone(), false),
        ("®", base64(value.as_bytes()), false),
        ("µ", escaped(|c| format!("\\u{:04x}", c as u32)), false),
        ("¤", escaped(|c| format!("\\x{:02x}", c as u32)), false),
        ("¶", format!("{a}\u{200b}{b}"), true),
    ];
    let mut text = template.replace('¦', "");
    let mut secrets = Vec::new();
    for (mark, form, halves) in forms {
        if text.contains(mark) {
            text = text.replace(mark, &form);
            secrets.extend(if halves { vec![a.clone(), b.clone()] } else { vec![form] });
        }
    }
    assert!(!secrets.is_empty(), "{template}");
    Case { kind, text, secrets }
}

pub fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n =
            chunk.iter().fold(0usize, |n, b| n << 8 | usize::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(digits[n >> (18 - 6 * i) & 63]));
        }
        out.push_str(&"=".repeat(3 - chunk.len()));
    }
    out
}

/// Bytes in a row that prove that a secret left.
const PIECE: usize = 8;

/// A private key in its frame, and its lines.
pub fn pem(label: &str, lines: usize, seed: usize) -> (String, Vec<String>) {
    let body: Vec<String> = (0..lines).map(|i| value(V::R(64), seed * 1000 + i)).collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", body.join("\n"));
    (text, body)
}

/// What was sent, and all pieces of it.
pub struct Sent<'a> {
    text: &'a str,
    pieces: HashSet<&'a [u8]>,
}

impl<'a> Sent<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, pieces: text.as_bytes().windows(PIECE).collect() }
    }

    fn holds_of(&self, secret: &str) -> bool {
        let mut pieces = secret.as_bytes().windows(PIECE);
        self.text.contains(secret) || pieces.any(|piece| self.pieces.contains(piece))
    }
}

pub struct Figures {
    name: String,
    by_kind: BTreeMap<&'static str, (u32, u32)>,
    pub false_masks: u32,
    pub missed: Vec<String>,
    trouble: Vec<String>,
}

impl Figures {
    pub fn new(name: &str) -> Self {
        let (missed, trouble) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), by_kind: BTreeMap::new(), false_masks: 0, missed, trouble }
    }

    /// Whether anything of the case's secrets is in what was sent.
    pub fn note(&mut self, case: &Case, sent: &Sent<'_>) {
        let left = case.secrets.iter().any(|secret| sent.holds_of(secret));
        let (found, all) = self.by_kind.entry(case.kind).or_default();
        *all += 1;
        if left {
            self.missed.push(case.text.clone());
            self.trouble.push(format!("missed ({}): {}", case.kind, case.text));
        } else {
            *found += 1;
        }
    }

    pub fn wrong(&mut self, text: &str, masked: &str) {
        self.false_masks += 1;
        self.trouble.push(format!("wrongly masked {masked:?} in {text}"));
    }

    fn sums(&self) -> (u32, u32) {
        self.by_kind.values().fold((0, 0), |(a, b), (found, all)| (a + found, b + all))
    }

    pub fn recall(&self) -> f64 {
        let (found, all) = self.sums();
        f64::from(found) / f64::from(all)
    }

    pub fn precision(&self) -> f64 {
        let (found, _) = self.sums();
        f64::from(found) / f64::from(found + self.false_masks)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, all) = self.sums();
        writeln!(
            f,
            "{}: {found} of {all} found, recall {:.3}; {} false masks, precision {:.3}",
            self.name,
            self.recall(),
            self.false_masks,
            self.precision()
        )?;
        for (kind, (found, all)) in &self.by_kind {
            writeln!(f, "  {kind:<24} {found} of {all}")?;
        }
        for trouble in &self.trouble {
            writeln!(
                f,
                "  {}",
                trouble.replace('\n', "\\n").chars().take(300).collect::<String>()
            )?;
        }
        Ok(())
    }
}

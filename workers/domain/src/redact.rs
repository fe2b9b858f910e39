//! Secrets taken out of text before it leaves for a model that is not local.
//!
//! What is found stands behind a known prefix, in a known frame (a key block, a URL, a command), or
//! behind a name such as `password` with a value that looks random or chosen. A mask says which
//! kind it replaced and nothing else. Lines stay lines: findings are anchored by quotes and lines,
//! so a mask never holds or takes a line break. Masking what is masked changes nothing.

mod assign;
mod behind;
mod disguise;
mod keys;
mod known;
mod places;
mod rules;
mod table;
mod tokens;
mod values;
mod words;

pub use known::Known;

use std::collections::BTreeMap;
use std::ops::Range;

/// Version of what is found and how it is masked; cached answers to masked prompts are kept by it.
pub const MASK_VERSION: &str = "5";

/// What every mask begins with.
pub const MASK_START: &str = "[masked:";

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// What a secret is, as far as its form tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            const ALL: &[Self] = &[$(Self::$kind),+];

            /// The name that stands in the mask.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// The body of a private key.
    PrivateKey = "private_key",
    /// Key of a model provider.
    ModelKey = "model_key",
    /// AWS access key id or secret.
    AwsKey = "aws_key",
    /// Token of GitHub or GitLab.
    ForgeToken = "forge_token",
    /// Token or webhook of a chat service.
    ChatToken = "chat_token",
    /// Key of a Google service.
    GoogleKey = "google_key",
    /// Key of a payment service.
    PaymentKey = "payment_key",
    /// Token of a package registry.
    RegistryToken = "registry_token",
    /// Key of some other service, known by its prefix.
    ServiceKey = "service_key",
    /// Account key or signature of Azure.
    AzureKey = "azure_key",
    /// JSON web token.
    Jwt = "jwt",
    /// Value of an `Authorization` header.
    Authorization = "authorization",
    /// Password in a URL.
    UrlPassword = "url_password",
    /// Hash of a password, as files of users hold it.
    PasswordHash = "password_hash",
    /// Value behind a name such as `password` or `api_key`.
    Assigned = "secret",
}

/// Where a secret stands. A key block has one for each of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Byte offsets.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// It goes on with the secret of the span before it, and is not counted again.
    pub continued: bool,
}

impl Span {
    const fn new(range: Range<usize>, kind: Kind) -> Self {
        Self { range, kind, continued: false }
    }
}

/// A text without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Masked {
    /// The text.
    pub text: String,
    /// How many of which kind were taken out.
    pub kinds: BTreeMap<Kind, u32>,
}

impl Masked {
    /// How many were taken out.
    pub fn count(&self) -> u32 {
        self.kinds.values().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// The number of rules in the lists, and how many expressions of all this build can't compile.
/// There should be none of these. Only the program can tell: tests are built with more features.
pub fn usable() -> (usize, usize) {
    let (all, bad) = rules::usable();
    (all, bad + behind::unusable() + places::unusable() + tokens::unusable())
}

/// Times a text is looked through at most. Once is enough but for text that was made to be hard: a
/// mask changes what stands beside it.
const PASSES: usize = 4;

/// Takes the secrets out of a text.
pub fn mask(text: &str) -> Masked {
    let mut masked = cut(text, 0..text.len(), &spans(text));
    for _ in 1..PASSES {
        let more = around_masks(&masked.text);
        if more.is_empty() {
            break;
        }
        let next = cut(&masked.text, 0..masked.text.len(), &more);
        masked.text = next.text;
        for (kind, n) in next.kinds {
            *masked.kinds.entry(kind).or_default() += n;
        }
    }
    masked
}

/// Bytes to either side of a mask in which it may change what stands there.
const NEAR_MASK: usize = 512;
/// Bytes from where a text is cut in which nothing is sure: a name may have lost its beginning.
const EDGE: usize = 64;

/// The secrets near masks that are there already.
fn around_masks(text: &str) -> Vec<Span> {
    let mut near: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(MASK_START) {
        let from = border(text, at.saturating_sub(NEAR_MASK));
        let (from, to) = (text[from..at].find('\n').map_or(from, |i| from + i + 1), at + NEAR_MASK);
        let to = border(text, to);
        let to = text[at..to].rfind('\n').map_or(to, |i| at + i + 1);
        match near.last_mut() {
            Some(last) if from <= last.end => last.end = to.max(last.end),
            _ => near.push(from..to),
        }
    }
    let mut found = Vec::new();
    for Range { start, end } in near {
        let is_cut = |at: usize| at > 0 && at < text.len() && text.as_bytes()[at - 1] != b'\n';
        let first = if is_cut(start) { start + EDGE } else { start };
        let last = if is_cut(end) { end - EDGE } else { end };
        found.extend(spans(&text[start..end]).into_iter().filter_map(|mut span| {
            span.range = span.range.start + start..span.range.end + start;
            (span.range.start >= first && span.range.end <= last).then_some(span)
        }));
    }
    found
}

/// The border of characters at `at` or right before it.
fn border(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or_default()
}

/// A part of a text without the secrets of the whole. A secret that the edge of the part cuts in
/// two is masked as well, which nobody could do who sees the part alone.
///
/// The range must lie on the borders of characters; else, as for one out of bounds, nothing of
/// the text is returned.
pub fn mask_range(whole: &str, range: Range<usize>) -> Masked {
    if whole.get(range.clone()).is_none() {
        return Masked::default();
    }
    cut(whole, range, &spans(whole))
}

/// The secrets of a text, in order, none overlapping another.
pub fn spans(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    scan(text, &mut found);
    disguise::find(text, &mut found);
    let found = found.into_iter().flat_map(|span| by_line(text, &span));
    // Of two that overlap, the earlier finder knows better what it is; both ends count.
    let mut order: Vec<(usize, Span)> = found.enumerate().collect();
    order.sort_by_key(|(i, span)| (span.range.start, *i));
    let mut out: Vec<(usize, Span)> = Vec::with_capacity(order.len());
    for (rank, span) in order {
        match out.last_mut() {
            Some((known, last)) if span.range.start < last.range.end => {
                last.range.end = last.range.end.max(span.range.end);
                if rank < *known {
                    (last.kind, last.continued, *known) = (span.kind, span.continued, rank);
                }
            }
            _ => out.push((rank, span)),
        }
    }
    out.into_iter().map(|(_, span)| span).collect()
}

/// What stands in a text as it is written.
fn scan(text: &str, found: &mut Vec<Span>) {
    keys::find(text, found);
    let words = rules::find(text, found);
    tokens::find(text, found);
    places::find(text, found);
    assign::find(text, words, found);
}

/// A span for each line, so that no mask takes a line break.
fn by_line(text: &str, span: &Span) -> Vec<Span> {
    let mut pieces = Vec::new();
    let mut start = span.range.start;
    for line in text.get(span.range.clone()).unwrap_or_default().split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        if !body.is_empty() {
            let continued = span.continued || !pieces.is_empty();
            pieces.push(Span { range: start..start + body.len(), kind: span.kind, continued });
        }
        start += line.len();
    }
    pieces
}

/// At most `most` bytes from `at` on, no character cut.
fn window(text: &str, at: usize, most: usize) -> &str {
    &text[at..border(text, at.saturating_add(most))]
}

/// The same, of what stands before `at`.
fn window_before(text: &str, at: usize, most: usize) -> &str {
    let mut start = at.saturating_sub(most);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..at]
}

pub(crate) fn cut(text: &str, range: Range<usize>, spans: &[Span]) -> Masked {
    let mut masked = Masked { text: String::with_capacity(range.len()), kinds: BTreeMap::new() };
    let mut done = range.start;
    let mut first = true;
    for span in spans.iter().filter(|s| s.range.end > range.start && s.range.start < range.end) {
        let start = span.range.start.max(range.start);
        masked.text.push_str(text.get(done..start).unwrap_or_default());
        masked.text.push_str(MASK_START);
        masked.text.push_str(span.kind.as_str());
        masked.text.push(']');
        if first || !span.continued {
            *masked.kinds.entry(span.kind).or_default() += 1;
        }
        first = false;
        done = span.range.end.min(range.end);
    }
    masked.text.push_str(text.get(done..range.end).unwrap_or_default());
    masked
}

#[cfg(test)]
mod tests;

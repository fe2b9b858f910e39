//! From the bytes of a file to its text: UTF-8, or what a file is most likely written in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// It; all offsets and lines are of this.
    pub text: Cow<'a, str>,
    /// What the file is written in, as the Encoding Standard names it; empty for UTF-8.
    pub encoding: &'static str,
}

/// What UTF-8 with some bytes that are none is called; these show as U+FFFD.
pub const DAMAGED: &str = "UTF-8, damaged";

/// Of a hundred characters outside of ASCII so many may be none that anybody writes.
const MOST_ODD: usize = 10;
/// Of a hundred bytes so many may be control characters.
const MOST_CONTROLS: usize = 2;

/// Reads a file; `None` for what is no text in any encoding that is known.
pub fn decode(bytes: &[u8]) -> Option<Decoded<'_>> {
    if let Some((encoding, mark)) =
        Encoding::for_bom(bytes).filter(|(e, _)| *e != encoding_rs::UTF_8)
    {
        return decoded(encoding, &bytes[mark..]);
    }
    if bytes.contains(&0) {
        return wide(bytes).and_then(|encoding| decoded(encoding, bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        // ASCII throughout, but for what its escapes say.
        let escapes = ["\u{1b}$B", "\u{1b}$@"].iter().any(|escape| text.contains(escape));
        let utf8 = || Some(Decoded { text: Cow::Borrowed(text), encoding: "" });
        return escapes.then(|| decoded(ISO_2022_JP, bytes)).flatten().or_else(utf8);
    }
    let controls = bytes.iter().filter(|b| is_odd(char::from(**b)) && **b < 0x80).count();
    if controls * 100 > bytes.len() * MOST_CONTROLS {
        return None;
    }
    if let Some(text) = damaged(bytes) {
        return Some(Decoded { text: Cow::Owned(text), encoding: DAMAGED });
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    decoded(detector.guess(None, Utf8Detection::Deny), bytes)
}

fn decoded<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Option<Decoded<'a>> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    let (mut foreign, mut odd) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_ascii() || is_odd(*c)) {
        foreign += 1;
        odd += usize::from(is_odd(c));
        if c == '\0' {
            return None;
        }
    }
    // One of them may be a slip in a long text, or all that there is.
    (odd <= 1 || odd * 100 <= foreign * MOST_ODD)
        .then_some(Decoded { text, encoding: encoding.name() })
}

/// Control characters that no text has, and what stands for bytes that are no character.
fn is_odd(c: char) -> bool {
    c == char::REPLACEMENT_CHARACTER
        || (c.is_control()
            && !matches!(c, '\t' | '\n' | '\r' | '\u{8}' | '\u{b}' | '\u{c}' | '\u{1b}'))
}

/// UTF-8 in which a few bytes are wrong. In other encodings hardly any two bytes look like UTF-8.
fn damaged(bytes: &[u8]) -> Option<String> {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    (bad <= good).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// UTF-16 without a mark: of the two bytes of most characters one is 0, always the same one.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let (high, low, half) = (zeros(0), zeros(1), bytes.len() / 2);
    match (high * 2 >= half, low * 2 >= half) {
        (true, false) if low == 0 => Some(UTF_16BE),
        (false, true) if high == 0 => Some(UTF_16LE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, EUC_KR, GBK, KOI8_U, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    const CHINESE: &str = "// 计算订单的总价，税率由配置决定\nint total(int price) {\n    // 价格不能为负数\n    return price * 2;\n}\n";
    const JAPANESE: &str = "# 合計を計算する。税率は設定から読み込みます\ndef total(price):\n    # 価格は負の値になりません\n    return price * 2\n";
    const KOREAN: &str = "# 주문의 합계를 계산합니다. 세율은 설정에서 읽습니다\ndef total(price):\n    # 가격은 음수가 될 수 없습니다\n    return price * 2\n";
    const RUSSIAN: &str = "// Вычисляет сумму заказа, ставка налога берётся из настроек\nint total(int price) {\n    // Цена не может быть отрицательной\n    return price * 2;\n}\n";
    const FRENCH: &str = "// Calcule le total de la commande, la taxe est définie à côté\nint total(int price) {\n    // Le prix ne peut être négatif\n    return price * 2;\n}\n";

    fn wide_bytes(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn files_are_read_in_what_they_are_written_in() {
        for (text, encoding) in [
            (CHINESE, GBK),
            (CHINESE.replace("计", "計").as_str(), GBK),
            ("// 計算訂單的總價，稅率由設定決定\n// 價格不能為負數\nint total;\n", BIG5),
            (JAPANESE, SHIFT_JIS),
            (JAPANESE, encoding_rs::EUC_JP),
            (JAPANESE, ISO_2022_JP),
            (KOREAN, EUC_KR),
            (RUSSIAN, WINDOWS_1251),
            (RUSSIAN, KOI8_U),
            (FRENCH, WINDOWS_1252),
        ] {
            let (bytes, _, lost) = encoding.encode(text);
            assert!(!lost, "{}", encoding.name());
            let read = decode(&bytes).unwrap();
            assert_eq!((read.text.as_ref(), read.encoding), (text, encoding.name()));
        }
    }

    #[test]
    fn utf_16_is_text_with_its_mark_and_without() {
        for (text, big) in [(FRENCH, false), (FRENCH, true), (RUSSIAN, false), (CHINESE, true)] {
            let name = if big { "UTF-16BE" } else { "UTF-16LE" };
            let marked = wide_bytes(&format!("\u{feff}{text}"), big);
            let read = decode(&marked).unwrap();
            assert_eq!((read.text.as_ref(), read.encoding), (text, name));
            if text == FRENCH {
                assert_eq!(decode(&wide_bytes(text, big)).unwrap().encoding, name);
            }
        }
    }

    #[test]
    fn utf_8_is_itself_whatever_is_wrong_with_it() {
        let plain = |bytes: &'static [u8]| decode(bytes).map(|d| (d.text, d.encoding));
        assert_eq!(plain("a ä 漢".as_bytes()), Some(("a ä 漢".into(), "")));
        assert_eq!(plain("\u{feff}a".as_bytes()), Some(("\u{feff}a".into(), "")), "the mark stays");
        assert_eq!(plain(b"\x1b[31mred\x1b[0m"), Some(("\u{1b}[31mred\u{1b}[0m".into(), "")));
        for (before, after) in [("déjà ", " été"), ("日本", "語"), ("ёж ", "")] {
            let bytes = [before.as_bytes(), b"\xff", after.as_bytes()].concat();
            let read = decode(&bytes).unwrap();
            assert_eq!(
                (read.text.as_ref(), read.encoding),
                (&*format!("{before}\u{fffd}{after}"), DAMAGED)
            );
        }
        // Nothing tells what one byte alone is; the lines are right all the same.
        let read = decode(b"int a;\n// \xff\nint b;\n").unwrap();
        assert_eq!(read.text.lines().nth(2), Some("int b;"));
    }

    #[test]
    fn bounds_of_what_is_text() {
        let euros = decode(b"price 5 \x80, tax 1 \x80, sum 6 \x80, rest 7 \x80\n").unwrap();
        assert_eq!(
            euros.text,
            "price 5 \u{20ac}, tax 1 \u{20ac}, sum 6 \u{20ac}, rest 7 \u{20ac}\n"
        );
        // One may be a slip, two of twenty as well; two of nineteen are too many.
        for (odd, good, is_text) in [(1, 0, true), (2, 18, true), (2, 17, false)] {
            let bytes = [vec![0x81; odd], vec![0xe9; good], b"plain".repeat(9)].concat();
            assert_eq!(decoded(WINDOWS_1252, &bytes).is_some(), is_text, "{odd} of {good}");
        }
        assert_eq!(damaged(b"\xc3\xa9\xff").as_deref(), Some("\u{e9}\u{fffd}"));
        assert_eq!(damaged(b"a\xff"), None, "nothing in it is UTF-8 for certain");
        for (text, is_wide) in [
            ("abжж", true),
            ("abжжж", false),
            // Of one of its letters the other byte is 0.
            ("abcd\u{100}", false),
        ] {
            let wanted = |encoding| is_wide.then_some(encoding);
            assert_eq!(wide(&wide_bytes(text, true)), wanted(UTF_16BE), "{text}");
            assert_eq!(wide(&wide_bytes(text, false)), wanted(UTF_16LE), "{text}");
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        let noise: Vec<u8> =
            (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
        let wide_32: Vec<u8> =
            "\u{feff}main".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
        for bytes in [
            &b"\x7fELF\0\0\x01"[..],
            b"a\0b",
            b"a\0b\0\0\0",
            b"\xff\xfea\0\0\0",
            &wide_32,
            &noise,
            b"\x1f\x8b\x08\x08\x01\x02\x03\x04\x05\x06\x0e\x0f\xff\xfe",
        ] {
            assert_eq!(decode(bytes), None, "{:?}", &bytes[..bytes.len().min(20)]);
        }
    }
}

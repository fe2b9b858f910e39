//! Just enough of Redis's protocol to know where a request and a reply end.

/// The first request in `bytes`, and its length; `None` when it is not all there yet.
///
/// # Panics
/// When a client sends anything but arrays of strings.
pub(crate) fn request(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let (count, mut at) = head(bytes, 0)?;
    assert_eq!(bytes[0], b'*', "clients send arrays");
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, from) = head(bytes, at)?;
        let to = from + usize::try_from(length).unwrap();
        bytes.get(to..to + 2)?;
        words.push(bytes[from..to].to_vec());
        at = to + 2;
    }
    Some((words, at))
}

/// Length of the first reply in `bytes`; `None` when it is not all there yet.
pub(crate) fn reply(bytes: &[u8]) -> Option<usize> {
    reply_at(bytes, 0)
}

fn reply_at(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'$' | b'=' | b'!' => {
            let (length, from) = head(bytes, at)?;
            let Ok(length) = usize::try_from(length) else { return Some(from) };
            bytes.get(from + length..from + length + 2)?;
            Some(from + length + 2)
        }
        sign @ (b'*' | b'~' | b'>' | b'%') => {
            let (count, mut at) = head(bytes, at)?;
            let each = if sign == b'%' { 2 } else { 1 };
            for _ in 0..count.max(0) * each {
                at = reply_at(bytes, at)?;
            }
            Some(at)
        }
        _ => line(bytes, at).map(|(_, end)| end),
    }
}

/// The integers of a reply that is an array of integers.
pub(crate) fn integers(bytes: &[u8]) -> Option<Vec<i64>> {
    let (count, mut at) = head(bytes, 0)?;
    if bytes[0] != b'*' {
        return None;
    }
    let mut out = Vec::new();
    for _ in 0..count.max(0) {
        let (n, end) = head(bytes, at)?;
        if bytes[at] != b':' {
            return None;
        }
        out.push(n);
        at = end;
    }
    Some(out)
}

/// The number behind a sign, and where its line ends.
fn head(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (text, end) = line(bytes, at)?;
    Some((std::str::from_utf8(&text[1..]).ok()?.parse().ok()?, end))
}

fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = bytes.get(at..)?.iter().position(|b| *b == b'\n')?;
    Some((&bytes[at..at + length - 1], at + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_they_end() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n";
        let (words, end) = request(bytes).unwrap();
        assert_eq!((words, end), (vec![b"GET".to_vec(), b"a".to_vec()], 20));
        assert_eq!(request(&bytes[..19]), None);
        for whole in [
            &b"+OK\r\n"[..],
            b"$-1\r\n",
            b"$2\r\nab\r\n",
            b"*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
            b"*-1\r\n",
        ] {
            let mut two = whole.to_vec();
            two.extend_from_slice(b":7\r\n");
            assert_eq!(reply(&two), Some(whole.len()));
            assert_eq!(reply(&whole[..whole.len() - 1]), None);
        }
        assert_eq!(integers(b"*2\r\n:1\r\n:0\r\n"), Some(vec![1, 0]));
    }
}

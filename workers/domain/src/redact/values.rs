//! What a value looks like: random, chosen by a person, or none of a secret's.

use super::words::{Class, names_password};

/// The name in front of a value, as far as it matters for the value.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub class: Class,
    /// A name after which even a UUID is a secret.
    pub is_plain: bool,
    /// The value stands in quotes, or where nothing but a value can stand.
    pub is_text: bool,
}

/// Characters of a password at most.
const MOST_PASSWORD: usize = 128;

pub(super) fn is_secret(value: &str, name: Name) -> bool {
    if value.contains(super::MASK_START)
        || is_stand_in(value)
        || is_place(value)
        || (is_uuid(value) && !name.is_plain)
        || value.contains(['\n', '\r'])
    {
        return false;
    }
    match name.class {
        Class::Password => is_chosen(value) || (name.is_text && is_human(value)),
        Class::Weak => is_chosen(value) && value.len() >= 8,
        Class::Token | Class::Key => is_random(value) || (name.is_plain && is_strong(value)),
    }
}

/// What a machine makes: a token, a key.
fn is_random(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let (digit, letter) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    value.len() >= 12
        && !value.contains(char::is_whitespace)
        && letter
        && (digit || (value.len() >= 24 && has(u8::is_ascii_uppercase)))
        && !is_wordy(value)
        && changes(value) * 6 >= value.len()
        && shannon(value) >= 2.75
}

/// A password that its signs give away.
fn is_chosen(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let other = has(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
    let (digit, letter) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    let mixed = value.is_ascii()
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && (changes(value) * 4 >= value.len() || (value.len() >= 8 && changes(value) >= 3))
        && !is_camel(value);
    value.len() >= 6
        && value.len() <= MOST_PASSWORD
        && !value.contains(char::is_whitespace)
        && (letter && (digit || (other && value.len() >= 8)) || mixed)
        && !is_selector(value)
        && !value.ends_with([':', '(', '='])
        && !is_wordy(value)
        && shannon(value) >= 2.25
}

/// A selector, a member, an address: a sign, and a name behind it.
fn is_selector(value: &str) -> bool {
    value.strip_prefix(['#', '.', '@', '/', ':', '-', '&', '*']).is_some_and(|name| {
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b':'))
    })
}

/// Words that are joined by their capitals.
fn is_camel(value: &str) -> bool {
    let humps = value.split_inclusive(|c: char| c.is_ascii_lowercase());
    let mut capitals = 0;
    // Three capitals in a row, or one at the end, are in no such word.
    for hump in humps {
        capitals = hump.bytes().filter(u8::is_ascii_uppercase).count();
        if capitals > 2 {
            return false;
        }
    }
    value.bytes().all(|b| b.is_ascii_alphabetic())
        && (capitals == 0 || value.ends_with(|c: char| c.is_ascii_lowercase()))
}

/// As [`is_chosen`], of the kind that no word or name is.
fn is_strong(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    is_chosen(value)
        && value.len() >= 8
        && has(u8::is_ascii_digit)
        && has(|b| matches!(b, b'!' | b'#' | b'*' | b'^' | b'&' | b'$'))
}

/// Words that labels and messages are made of, and pass phrases seldom.
const MESSAGES: &str = "is,are,must,be,your,you,least,please,enter,cannot,can't,should,required,invalid,\
    incorrect,too,short,long,match,characters,forgot,reset,change,confirm,wrong,use,for,\
    with,to,not,or,and,of,in,no,has,type,repeat,show,hide,expired,valid,field,string,value,\
    default,empty";

/// What a person chooses for a password, behind a name that says that it is one.
fn is_human(value: &str) -> bool {
    let chars = value.chars().count();
    if !(6..=MOST_PASSWORD).contains(&chars) || value.trim() != value || names_password(value) {
        return false;
    }
    if value.contains(['(', ')', '<', '>', '{', '}', '[', ']', '|', '=', ';', '/', '\\', '%', '$'])
    {
        return false;
    }
    let words: Vec<&str> = value.split_whitespace().collect();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    if words.len() > 1 {
        let is_message = |w: &&str| {
            let word = w.trim_matches(|c: char| !c.is_alphanumeric() && c != '\'').to_lowercase();
            MESSAGES.split(',').any(|m| m == word)
        };
        return words.len() <= 8
            && !words.iter().any(is_message)
            && !value.ends_with(['.', ':', '?', '…', ','])
            && value.chars().all(|c| c.is_alphanumeric() || " -!'_#&.+".contains(c));
    }
    let letters = value.chars().any(char::is_alphabetic);
    let is_version = value.starts_with(|c: char| c.is_ascii_digit()) && value.contains('.');
    let sequence = "01234567890123456789".contains(value) || "9876543210".contains(value);
    if !letters {
        return digits == chars && chars >= 8 && !sequence;
    }
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let cased = chars >= 8 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    (digits >= 2 || digits == 1 && cased)
        && digits * 4 <= chars * 3
        && !is_version
        && !value.starts_with(['#', '.'])
}

/// Words and short numbers with signs between: a name, a slug, a media type, a version.
fn is_wordy(value: &str) -> bool {
    if value.contains(['!', '#', '*', '^', '~', '$', '&']) {
        return false;
    }
    let parts = value.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty());
    let mut several = false;
    for (n, part) in parts.enumerate() {
        several |= n > 0;
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let word = digits == 0 && part.len() <= 16 && changes(part) <= 2;
        let number = digits == part.len() && digits <= 4;
        let version = digits > 0 && digits <= 2 && part.len() <= 6 && changes(part) <= 2;
        if !(word || number || version) {
            return false;
        }
    }
    several
}

/// Paths, addresses without a password, mail addresses.
fn is_place(value: &str) -> bool {
    let path = value.starts_with(['/', '.', '~', '@']) && value.matches('/').count() > 1;
    let mail = value.split_once('@').is_some_and(|(user, host)| {
        host.contains('.')
            && is_wordy(host)
            && user.chars().all(|c| c.is_alphanumeric() || ".-_+".contains(c))
    });
    path || value.contains("://") || mail
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Within a stand-in.
const WITHIN: &str = "example,changeme,change_me,change-me,changeit,placeholder,your_,your-,yourpass,xxxx,\
    ****,....,redacted,dummy,insert,replace,anonymous";
/// Stand-ins as they are, with numbers behind them or not.
const ALONE: &str = "password,passwd,passwort,pass,pwd,pw,secret,token,test,testing,user,username,root,\
    admin,guest,postgres,mysql,redis,rabbitmq,mongo,foo,bar,baz,foobar,hunter,mypassword,\
    mysecret,none,null,true,false,undefined,apikey,key,letmein,default,sample,fake,\
    testpassword,testsecret,testtoken,secretpassword,supersecret,s3cr3t";

/// True for what people write where a secret would stand.
pub(super) fn is_stand_in(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let framed =
        [("<", ">"), ("${", "}"), ("{{", "}}"), ("{", "}"), ("%", "%"), ("$(", ")"), ("[", "]")];
    let word = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    let distinct: std::collections::BTreeSet<u8> = value.bytes().collect();
    framed.iter().any(|(a, b)| value.starts_with(a) && value.ends_with(b))
        || (value.starts_with('$') && value[1..].chars().all(|c| c.is_alphanumeric() || c == '_'))
        || ["${", "$(", "{{", "#{"].iter().any(|open| value.contains(open))
        || value.starts_with("%(")
        || matches!(value, "%s" | "%v" | "{}" | "?")
        || WITHIN.split(',').any(|w| lower.contains(w))
        || ALONE.split(',').any(|w| w == word || w == lower)
        || distinct.len() < 4
}

/// How often the class of character changes: few times in words, often in what is random.
pub(super) fn changes(value: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    value.as_bytes().windows(2).filter(|w| class(w[0]) != class(w[1])).count()
}

/// Entropy in bits a byte, from the counts of the text's own bytes.
pub(super) fn shannon(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    for b in value.bytes() {
        counts[usize::from(b)] += 1;
    }
    let total = value.len() as f64;
    let share = |n: u32| f64::from(n) / total;
    -counts.iter().filter(|n| **n > 0).map(|n| share(*n) * share(*n).log2()).sum::<f64>()
}

//! Words in names that tell of a secret, in the languages that people name things in.

use std::sync::LazyLock;

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// A key; only where the name also says what for.
    Key,
    /// A token or the like: made by machines.
    Token,
    /// A password by a word that has other meanings: of a value that looks like one.
    Weak,
    /// A password, which people choose.
    Password,
}

/// Whether a word counts within others, or only as a word of its own: `pass` is no part of `compass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Within,
    Alone,
}

use Class::{Key, Password, Token, Weak};
use Stands::{Alone, Within};

const WORDS: &str = include_str!("words.tsv");

/// A line of the list.
fn listed(line: &str) -> Option<(Class, Stands, &str)> {
    let mut columns = line.splitn(3, '\t');
    let class = match columns.next()? {
        "Key" => Key,
        "Token" => Token,
        "Weak" => Weak,
        "Password" => Password,
        _ => return None,
    };
    let stands = match columns.next()? {
        "Within" => Within,
        "Alone" => Alone,
        _ => return None,
    };
    Some((class, stands, columns.next()?))
}

/// What a key is for, when it is a secret.
const KEY_FOR: &str = "api,access,private,sign,encrypt,decrypt,crypto,cipher,aes,hmac,jwt,auth,account,master,\
    service,client,shared,storage,webhook,licen,session,cookie,secret,security,deploy,\
    consumer,subscription,function,app_,application,admin,server,ssh,data_enc,geheim,\
    zugang,zugriff,privat,privé,privee,acces,acceso,accesso,acesso,secrèt,segret,tajn,\
    prywatn,gizli,ozel,özel,секрет,приват,доступ,stripe,twitter,aws,azure,openai,datadog";

/// What may stand before `pass` and its like, as a word of its own or joined to it, when it is a password.
const PASS_OF: &str = "db,user,usr,admin,adm,root,sudo,become,smtp,mail,email,imap,pop,ftp,sftp,ssh,http,\
    https,proxy,my,mysql,pg,postgres,redis,mongo,mssql,sql,oracle,ldap,bind,wifi,wlan,key,\
    store,keystore,trust,app,api,login,default,test,prod,dev,server,host,service,svc,\
    account,auth,basic,web,rabbitmq,amqp,mqtt,broker,vpn,vnc,rdp,sa,git,registry,docker,\
    nexus,jenkins,sonar,client,master,backup,database,remote,bd,banco,secret,encryption,\
    zip,p12,pfx,pem,cert,hidden,system";

/// What may follow a password's word that still is the name of a password.
const PASSWORD_TAILS: &[&str] = &[
    "", "db", "bd", "banco", "prod", "dev", "test", "staging", "admin", "root", "user", "old",
    "new",
];

/// All words, with what stands behind a name that has one.
static LISTED: LazyLock<Vec<(Class, Stands, &str)>> = LazyLock::new(|| {
    let lines = WORDS.lines().filter_map(listed);
    lines.flat_map(|(c, s, list)| list.split(',').map(move |word| (c, s, word))).collect()
});

/// The words alone.
pub(super) fn all<'a>() -> impl Iterator<Item = &'a str> {
    LISTED.iter().map(|(.., word)| *word)
}

/// A word that tells, where it stands in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub class: Class,
    pub start: usize,
    pub end: usize,
}

/// The word of a number in [`all`], where it counts.
pub(super) fn hit(text: &str, word: usize, start: usize, end: usize) -> Option<Hit> {
    let (class, stands, _) = LISTED.get(word)?;
    (*stands == Within || is_word(text, start, end)).then_some(Hit { class: *class, start, end })
}

/// Whether a text names a password, in any language: a label says so, and is none.
pub(super) fn names_password(text: &str) -> bool {
    super::rules::names(text).iter().any(|hit| hit.class == Password)
}

/// Whether what stands there is a word of its own: between signs, as a hump of `camelCase`, or joined to
/// what a password is often of, as in `rootpass`.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b >= 0x80;
    let lower = |b: u8| b.is_ascii_lowercase() || b >= 0x80;
    let ends = match bytes.get(end) {
        Some(next) if is_letter(*next) => next.is_ascii_uppercase() && lower(bytes[end - 1]),
        _ => true,
    };
    if !ends {
        return false;
    }
    match start.checked_sub(1).map(|i| bytes[i]) {
        Some(before) if is_letter(before) => {
            let hump = bytes[start].is_ascii_uppercase() && lower(before) && lower(bytes[end - 1]);
            hump || {
                let joined = joined(text, start);
                PASS_OF.split(',').any(|of| joined == of)
            }
        }
        _ => true,
    }
}

/// The letters right before `at`, in lower case.
fn joined(text: &str, at: usize) -> String {
    let letters = text.as_bytes()[..at].iter().rev().take(16);
    let n = letters.take_while(|b| b.is_ascii_alphanumeric()).count();
    text[at - n..at].to_ascii_lowercase()
}

/// What a name as a whole says, given the word in it; none when it is not the name of a secret.
/// `tail` is what follows the word, `lead` what stands before it, both in lower case.
pub(super) fn class_of(hit: Class, lead: &str, tail: &str) -> Option<Class> {
    let tail = tail.trim_matches(|c: char| !c.is_alphabetic());
    let ends = PASSWORD_TAILS.contains(&tail);
    match hit {
        Key => (KEY_FOR.split(',').any(|w| lead.contains(w) || tail.contains(w))).then_some(Token),
        Weak => {
            let word = lead.trim_end_matches(|c: char| !c.is_alphanumeric());
            let of = PASS_OF.split(',').any(|w| word.ends_with(w));
            Some(if of && ends { Password } else { Weak })
        }
        Password if !ends => Some(Weak),
        other => Some(other),
    }
}

/// Words of a name that make its value no secret, wherever they stand.
const NEVER: &str = "hash,digest,checksum,fingerprint,public,tokeniz,tokenis,max_token";

/// What a name ends in when its value is no secret.
const TELLS_NO_SECRET: &str = "_id,-id,keyid,tokenid,secretid,_len,length,count,name,names,type,kind,path,file,url,\
    uri,endpoint,regex,pattern,field,header,label,prefix,suffix,limit,size,ttl,expiry,\
    policy,mode,format,version,alg,algorithm,hint,class,ref,placeholder,_at,selector,\
    tokens,budget,input,error,message,text,title,icon,validator,rules,strength,encoder,\
    column,attribute,param,_env,_var,expires_in,scope";

/// Whether a name, in lower case, is of something about a secret rather than of the secret.
pub(super) fn tells_no_secret(name: &str) -> bool {
    NEVER.split(',').any(|w| name.contains(w))
        || TELLS_NO_SECRET.split(',').any(|w| name.ends_with(w))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_of_the_words_is_read() {
        let lines = super::WORDS.lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(super::WORDS.lines().filter_map(super::listed).count(), lines);
    }
}

//! Texts with all that is masked in them between `«` and `»`, and with `«+` where a secret goes on.
//!
//! `§n§` stands for random characters, and `¦` for nothing: it keeps scanners of sources from taking
//! the examples for keys.

use super::{Known, mask, rnd, spans};

/// The text of a row as it is searched, and as it must be shown.
fn read(row: &str) -> (String, String) {
    let mut shown = String::new();
    for (n, part) in row.replace('¦', "").split('§').enumerate() {
        match part.parse() {
            Ok(length) if n % 2 == 1 => shown.push_str(&rnd(length)),
            _ => shown.push_str(part),
        }
    }
    (shown.replace("«+", "").replace(['«', '»'], ""), shown)
}

fn check(rows: &[&str]) {
    let mut wrong = Vec::new();
    for row in rows {
        let (text, expected) = read(row);
        let (mut shown, mut done) = (String::new(), 0);
        for span in spans(&text) {
            shown += &text[done..span.range.start];
            shown += if span.continued { "«+" } else { "«" };
            shown = shown + &text[span.range.clone()] + "»";
            done = span.range.end;
        }
        shown += &text[done..];
        if shown != expected {
            wrong.push(format!("expected {expected:?}, found {shown:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_value_without_quotes_is_one_where_only_a_value_can_stand() {
    check(&[
        "password=«value12»",
        "password: «value12»",
        "PASSWORD = «value12»",
        "- password=«value12»",
        "a=b password=«value12»",
        "\"password=«value12»\"",
        "'password:«value12»'",
        "tool --password «20718293» x",
        "ENV PASSWORD «20718293»",
        "machine h login app password «20718293»",
        "PASSWORD=«kq7Rz0b»\"x\"",
        "password = value12",
        "password : value12",
        "password == value12",
        "password > value12",
        "password 20718293",
        "password +abc12xX9",
        "password value12 is wrong",
        "the password value12",
        "--password = value12",
        "if x PASSWORD = value12",
        "if password == value12 {",
        "密码 = value12",
        "f x password=value12",
        "f(a=b, password=value12)",
        "f(password=value12, a<b)",
        "x.password:value12)",
        "password: String = value12",
    ]);
}

#[test]
fn code_behind_a_name_is_no_value_unless_it_looks_random() {
    check(&[
        "password = «q7Rz0KpW3m»",
        "password = «abc12def3g»",
        "password = «green!moon7»",
        "f(password=«§16§»)",
        "f(password=«abcd12efgh34ijkl»)",
        "f(token=«§20§»)",
        "password = q7Rz0KpW3",
        "password = qRzWKpWbXm7",
        "password = abcdefgh12",
        "password = green!moon",
        "password = green7moon",
        "f(password=gr3en!moon)",
        "f(password=§15§)",
        "f(password=qxRzLKpWamXwvLb27)",
        "f(password=abcdefghijklm123)",
        "f(token=@§20§)",
        "f(token=ab$§20§)",
        "f(token=self.q7Rz0KpW3mX9.vLb2Ns8T)",
        "f(token=self._q7Rz0KpW3mX9vLb2)",
        "password=fetch(v12)",
        "password=$value12-x",
        "password=Mod::value12",
    ]);
}

#[test]
fn a_value_in_quotes_is_read_to_its_end() {
    check(&[
        "password = \"\"\"«Tr0ub4dor&3»\"\"\"",
        "password = b\"«Tr0ub4dor&3»\"",
        "password = Some(\"«Tr0ub4dor&3»\")",
        "password: &str = \"«Tr0ub4dor&3»\"",
        "dbPasswordSecret = \"«correct horse»\"",
        "password = \"Tr0ub4dor&3",
        "label(\"password\", \"blue monday\")",
    ]);
    let long = "ы".repeat(40);
    check(&[&format!("{long}_пароль = \"«Tr0ub4dor&3»\""), &format!("токен_{long} = \"§32§\"")]);
}

#[test]
fn values_below_a_name_end_where_their_block_does() {
    check(&[
        "password:\n  - «correct horse»\n",
        "a:\n  passwords:\n  - «value12a»\n  other12a: x\n",
        "a:\n  passwords:\n    - «value12a»\n    - «value12b»\n- value12c\n",
        "a:\n  password:\n    «value12a»\n  value12b\n",
        "  passwords:\nvalue12a\n",
        "password: |\n  «ab\\c9dX!q»\n",
        "passwords = [\"«value12a»\", \"«value12b»\"]",
        "passwords = [\"«aB3!dE5g»\", '«aB3!dE6g»', \"«aB3!dE7g»\"]",
        "passwords = [\n  \"«value12a»\",\n  '«value12b»',\n  value12c,\n]\nx = [\"value12d\"]\n",
        "{\n  \"passwords\": [\n    \"«value12a»\",\n    \"«value12b»\"\n  ],\n  \"x\": \"value12c\"\n}",
        "password = x, \"ab\\\\d9xYq\"",
        "// the password is step2b",
        "// the password is «step2bAx».",
        "user,password\nbob,«value12a»\n-,-----\nann,«value12b»\nbob\nx,value12c\n",
        "a\n| x | password |\n|---|---|\n| b | «value12a» |\n",
        "c | password | value12a",
        "| password | «value12a» |\n| --- | --- |",
        "| password |  |\n",
        "f(x), password\nbob,value12a\n",
        "a,b\nbob,password\nann,value12a\n",
    ]);
}

#[test]
fn what_a_name_says() {
    check(&[
        "rootpass = \"«correct horse»\"",
        "dbPass = \"«correct horse»\"",
        "DB_PASS = \"«correct horse»\"",
        "password_prod = \"«correct horse»\"",
        "pass = \"«value12a»\"",
        "pass = \"correct horse\"",
        "password_policy_text2 = \"correct horse\"",
        "password_x = \"correct horse\"",
        "db_pass_x = \"correct horse\"",
        "compass = \"value12a\"",
        "passenger = \"value12a\"",
        "überpass = \"value12a\"",
        "passé = \"value12a\"",
        "passX = \"«value12a»\"",
        "passIN = \"«value12a»\"",
        "PASSIN = \"value12a\"",
        "BYPASS = \"value12a\"",
        "myBYPass = \"value12a\"",
        "clé_api = \"«§24§»\"",
        "key = \"§24§\"",
        "api_key = \"«§24§»\"",
    ]);
}

#[test]
fn what_a_value_looks_like() {
    check(&[
        // A token: random, or long and of both cases.
        "token = \"«abcdEfghiJklmNopqRstuVwx»\"",
        "token = \"abcdEfghiJklmNopqRstu\"",
        "token = \"abcdefghijklmnopqrstuvwxyz\"",
        // A strong password stands behind a plain name.
        "secret = \"«kQ7#pz!x»\"",
        "secret = \"kQ7#pz!\"",
        "secret = \"kQx#pz!x\"",
        "secret = \"kQ7zpzwx\"",
        // A password by its signs.
        "pass = \"«gr!een?x»\"",
        "pass = \"gr-een.x\"",
        "pass = \"«aBCDeFGh»\"",
        "pass = \"greenMoon\"",
        "pass = \"greenIOMoon\"",
        "pass = \"gREENMOON\"",
        "password = \"«aBcDEF»\"",
        "password = \"gr!eenx\"",
        "password = \"a1bcd\"",
        "pass = \"abcdefGHIJKLmnopqr\"",
        // A password as people choose it.
        "password = \"«20718293»\"",
        "password = \"2071829\"",
        "password = \"23456789\"",
        "password = \"98765432\"",
        "password = \"«correct horse battery staple»\"",
        "password = \"«it's monday»\"",
        "password = \"one two three four five six seven eight nine\"",
        "password = \"enter, monday\"",
        "password = \"can't monday\"",
        "password = \"blue monday.\"",
        "password = \"blue ~monday\"",
        "password = \" blue monday\"",
        "password = \"blue monday \"",
        "password = \"1.2.3-x4\"",
        "password = \"«Garden-Moon7»\"",
        "password = \"«Garden.Moon7»\"",
        "password = \"garden-moon7\"",
        "password = \"Gar-Mo7\"",
        "password = \"a1-2345-6789-1234\"",
        "token = \"«/q7Rz0KpW3mX9»\"",
        "token = \"«q7R/z0K/pW3mX9»\"",
        // Names, places and stand-ins.
        "token = \"tenant-2024-production\"",
        "token = \"abcdefghijklmnopqrstu-1\"",
        "token = \"ab12x-ab12x-ab12x-1\"",
        "token = \"«ab-12345-cdefghijk»\"",
        "token = \"«§12§-§12§»\"",
        "token = \"/etc/ssl/q7Rz0KpW3mX9\"",
        "token = \"https://h/q7Rz0KpW3mX9\"",
        "token = \"q7Rz0KpW3mX9@mail.example1.org\"",
        "password = \"me+q7@mail.org\"",
        "password = \"/q7Rz0KpW3mX9\"",
        "password = \"«p@ssw.X9#rd»\"",
        "password = \"<q7Rz0Kp>\"",
        "password = \"«<q7Rz0Kp»\"",
        "password = \"$q7_Rz0Kp\"",
        "password = \"«$q7#Rz0Kp»\"",
        "password = \"ab1ab1ab1\"",
    ]);
}

#[test]
fn secrets_in_disguise_are_masked_piece_by_piece() {
    check(&[
        "password = \"«Tr0ub»\" + \"«+4dor&3x»\"",
        "password = \"«Tr0ub»\" +\n    \"«+4dor&3x»\"\nx = \"a\" + \"b\"",
        "password = \"«Tr0\u{200b}ub4dor&3x»\"",
        "password = \"«\\u{54}\\u{72}0ub4dor»\"",
        "password = \"«\\x54\\x720ub4dor»\"",
        "password = join(\"\")[\"«Tr0ub»\", \"«+4dor&3x»\"]",
        "password = [\"«Tr0ub»\", \"«4dor&3x»\"].join(\"\")",
        "password = \"«Tr0ub»\"\"«+4dor&3x»\"",
        "password=\"\"+x.Tr0ub4dor3",
        "password = f[\"Tr0ub\", \"xrdor\"]",
        "x = 'a'\npassword =\n  \"«Tr0ub»\" +\n  \"«+4dor&3x»\"\n",
        "password = \"«Tr0ub»\" + \"«+4dor&3x»\"\n\n\n\nfoo\n\n\ntoken = \"«§12§»\" + \"«+§12§»\"\n",
        "s = \"a,\" + \"b\"\npassword = x\n",
    ]);
}

#[test]
fn private_keys_have_headers_and_ends() {
    let (begin, end) = ("-----BEGIN RSA¦ PRIVATE KEY-----", "-----END RSA¦ PRIVATE KEY-----");
    let rows = [
        "¹\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n«§60§»\n«+§9§»\n²\n",
        "¹\nNo header is this long: x\n§60§\n",
        "¹\nComment: \n§60§\n",
        "¹\nx2y: z\n§60§\n",
        "¹\nword\n§60§\n",
        "¹\n«§60§»\n\n§60§\n",
        "¹\n«§60§»\nword: x\n§60§\n",
        "¹«§60§»²\n¹«§59§»²\n",
        "¹\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n«§60§»\n",
        "x\n«§60§»\n«+§60§»\n«+§9§»\n²\n",
        "x\n  §9§\n  «§60§»\n  «+§16§»\n  ²\n",
        "x\n«§60§»²\n",
        "§15§\n²\n",
    ];
    check(&rows.map(|row| row.replace('¹', begin).replace('²', end)).each_ref().map(|r| &**r));
}

#[test]
fn all_data_of_a_secret_of_kubernetes_is_secret() {
    check(&[
        "kind: Secret\ndata:\n  a: «word»\n  # b: word\n\n  c: {{ word }}\n  d: wor\nx:\n  e: word\n",
        "data:\n  a: «word»\n\nkind: Secret\n---\ndata:\n  a: word\n",
        "data:\n  a: word\n---\nkind: Secret\ndata:\n  a: «word»\nkind: Other\ndata:\n  b: word\n",
        "- kind: Secret\n  data:\n    a: «word»\n- kind: Other\n  data:\n    a: word\n",
        "x: y\r\ndata:\r\n  a: «word»\r\nkind: Secret\r\n",
        "- data:\n    a: word\n- kind: Secret\n  data:\n    a: «word»\n",
        "- kind: Other\n  data:\n    a: word\n- data:\n    a: «word»\n  kind: Secret\n",
        "items:\n  - data:\n      a: «word»\n    kind: Secret\nother:\n  - x\n    data:\n      a: word\n",
        "kind: Secret\nstringData:\n  a: |\n    «some words»\n    «bc:de»\n",
        "kind: Secret\nmetadata:\n  a: word\ndata:\n  b: \"«word»\"\nfree text\ndata:\n  c: word\n",
        "{\"kind\": \"Secret\", \"data\": {\"a\": \"«word»\", \"b\": \"wor\"}, \"x\": {\"c\": \"word\"}}",
    ]);
}

#[test]
fn secrets_known_by_their_form() {
    check(&[
        "https://a:«xyz7»@h/",
        "https://a:xy7@h/",
        "https://a:xyz7@/h",
        "https://a:aa7-b/c@h/",
        "\"\\n«gh¦p_§36§»\"",
        "angh¦p_§36§",
        "«AK¦IAQWERTYUIOPASDFGH»",
        "AK¦IAABABABABABABABAB",
        "\u{e4}\nid = «AK¦IAQ7RZ0KPW3MX9VLB2»\nsk = \"«§40§»\"\nsha = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\n",
        "datadog_key = \"abcdefghijklmnopqrstuvwxyzabcdefghijklmn\"",
    ]);
    let far = "ä".repeat(160);
    check(&[
        &format!("{far}a «AK¦IAQ7RZ0KPW3MX9VLB2» {far}\n"),
        &format!("x = \"§40§\"{far}\nid = «AK¦IAQ7RZ0KPW3MX9VLB2»\n"),
        &format!("id = «AK¦IAQ7RZ0KPW3MX9VLB2»\n{far}x = \"§40§\"\n"),
    ]);
}

#[test]
fn every_rule_and_form_is_usable() {
    let (all, bad) = super::usable();
    assert!(all > 150, "{all}");
    assert_eq!(bad, 0);
}

#[test]
fn pieces_of_known_secrets_take_whole_characters_and_add_to_the_count() {
    let known = Known::of("password = \"ÄÖÜäöüx7#Qкн\"\ntoken = \"q7Rz0KpW3mX9vLb2Ns8T\"\n");
    let safe = known.mask(mask("a ЄÖÜäöüx7 b q7Rz0KpW3mX9 c password = \"Tr0ub4dor&3\""));
    let m = "[masked:secret]";
    assert_eq!(safe.text, format!("a {m} b {m} c password = \"{m}\""));
    assert_eq!(safe.count(), 3);
    // The last byte of the piece is the first of another character.
    let safe = known.mask(mask("a äöüx7#Qкв b"));
    assert_eq!(safe.text, format!("a {m} b"));
}

#[test]
fn what_a_mask_uncovers_is_masked_as_well() {
    // The name ends in a token that has a word in it by which the name tells of no secret.
    let (one, _) = read("gh¦p_§30§hash-password=value12");
    let masked = "[masked:forge_token]-password=[masked:secret]";
    let long = "ä ".repeat(300);
    for (before, after) in [("", ""), ("x\n", "\ny\n"), (long.as_str(), long.as_str())] {
        let safe = mask(&format!("{before}{one} {after} {one} {after}"));
        assert_eq!(safe.text, format!("{before}{masked} {after} {masked} {after}"));
        assert_eq!(safe.count(), 4);
    }
}

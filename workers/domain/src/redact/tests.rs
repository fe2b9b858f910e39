use super::*;
use proptest::prelude::*;

mod rows;

/// Written in pieces, so that no scanner of sources takes the examples for keys.
fn j(parts: &[&str]) -> String {
    parts.concat()
}

fn rnd(n: usize) -> String {
    "q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQoP5wEkVtZnBrMxCyGhSuDaFl".chars().cycle().take(n).collect()
}

fn hex(n: usize) -> String {
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        .chars()
        .cycle()
        .take(n)
        .collect()
}

fn key_block(what: &str) -> String {
    let body: String = (0..6).map(|i| [&i.to_string(), &rnd(59)[..], "\n"].concat()).collect();
    format!("-----BEGIN {what}-----\n{body}{}\n-----END {what}-----\n", &rnd(18))
}

type Write = fn(&str) -> String;

/// Every kind with the text around it and the part that must go.
fn canaries() -> Vec<(Kind, String, String)> {
    let r = rnd;
    let t = |kind, around: &str, secret: String| (kind, around.replace('¤', &secret), secret);
    vec![
        t(Kind::ModelKey, "let k = \"¤\";", j(&["sk", "-proj-", &r(40)])),
        t(Kind::ModelKey, "OPENAI=¤\n", j(&["sk", "-", &r(48)])),
        t(Kind::ModelKey, "x ¤ y", j(&["sk", "-or-v1-", &hex(64)])),
        t(Kind::ModelKey, "'¤'", j(&["sk", "-ant-", "api03-", &r(80)])),
        t(Kind::ModelKey, "(¤)", j(&["h", "f_", &r(34)])),
        t(Kind::AwsKey, "aws ¤\n", j(&["AKI", "A", "Q7RZ0KPW3MX9VLB2"])),
        t(Kind::AwsKey, "id = ASIAQ7RZ0KPW3MX9VLB2\nsk = \"¤\"", r(40)),
        t(Kind::ForgeToken, "\"\\n¤\"", j(&["gh", "p_", &r(36)])),
        t(Kind::ForgeToken, "¤", j(&["gh", "o_", &r(36)])),
        t(Kind::ForgeToken, "u: ¤", j(&["github", "_pat_", &r(22), "_", &r(59)])),
        t(Kind::ForgeToken, "x=¤", j(&["gl", "pat-", &r(20)])),
        t(Kind::ChatToken, "¤,", j(&["xox", "b-123456789012-", &r(24)])),
        t(
            Kind::ChatToken,
            "https://hooks.slack.com/services/¤",
            j(&["T0Q7RZ0KP/B0W3MX9VL/", &r(24)]),
        ),
        t(Kind::GoogleKey, "?key=¤&x=1", j(&["AI", "za", &r(35)])),
        t(Kind::PaymentKey, "¤;", j(&["sk", "_live_", &r(24)])),
        t(Kind::RegistryToken, "_auth=¤", j(&["np", "m_", &r(36)])),
        t(Kind::RegistryToken, "¤\n", j(&["py", "pi-", "AgEIcHlwaS5vcmc", &r(60)])),
        t(Kind::ServiceKey, "¤", j(&["S", "G.", &r(22), ".", &r(43)])),
        t(Kind::PrivateKey, "# ¤", j(&["AGE-SECRET", "-KEY-1", &r(58).to_uppercase()])),
        t(
            Kind::AzureKey,
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=¤;EndpointSuffix=x",
            j(&[&r(86), "=="]),
        ),
        t(Kind::AzureKey, "https://a.blob.core.windows.net/c?sv=2024&sig=¤&se=1", r(44)),
        t(
            Kind::Jwt,
            "cookie: ¤",
            j(&["ey", "JhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIn0.", &r(43)]),
        ),
        t(Kind::Authorization, "Authorization: Bearer ¤", r(30)),
        t(Kind::Authorization, "authorization: basic ¤", j(&[&r(28), "=="])),
        t(Kind::UrlPassword, "postgres://app:¤@db.internal:5432/x", "hunter2-Xq9".into()),
        t(Kind::UrlPassword, "redis://:¤@127.0.0.1/0", "c0rrect-horse".into()),
        t(Kind::UrlPassword, "a = 'amqp://u:¤@mq/%2f'", "Zk4!pa=ss:w".into()),
        t(Kind::Assigned, "password = \"¤\"", "Tr0ub4dor&3".into()),
        t(Kind::Assigned, "password = \"¤\";", "Tr0u\\\"b4dor&3".into()),
        t(Kind::Assigned, "  token: ¤\n", r(32)),
        t(Kind::Assigned, "const API_TOKEN: &str = \"¤\";", r(32)),
        t(Kind::Assigned, "client_secret='¤',", r(40)),
        t(Kind::Assigned, "{\"api_key\": \"¤\"}", hex(32)),
        t(Kind::Assigned, "{\\\"secretKey\\\":\\\"¤\\\"}", r(32)),
        t(Kind::Assigned, "DB_PASSWORD=¤\n", "pa55w0rd-of-prod".into()),
        t(Kind::Assigned, "export SESSION_SECRET=¤ # prod", r(24)),
        t(Kind::Assigned, "Server=a;User Id=b;Password=¤;Trust=1", "Vt7#kkQpw2".into()),
        t(Kind::Assigned, "<password>¤</password>", "Vt7kkQpw2xZ".into()),
        t(Kind::Assigned, "set_password(\"¤\")", "Vt7kk#Qpw2xZ".into()),
        t(Kind::Authorization, "curl --token ¤ x", r(40)),
        t(Kind::Assigned, "machine h login u password ¤\n", "Vt7kkQpw2xZ".into()),
        t(Kind::Assigned, "aws_secret_access_key = ¤\n", r(40)),
        t(Kind::Assigned, "GET /x?api_key=¤&b=1", r(24)),
        t(Kind::Assigned, "let secret = String::from(\"¤\");", r(24)),
    ]
}

#[test]
fn every_kind_is_masked_and_nothing_else() {
    for (kind, text, secret) in canaries() {
        let masked = mask(&text);
        assert!(!masked.text.contains(&secret), "{kind:?}: {text} -> {}", masked.text);
        assert!(!masked.text.contains(&secret[secret.len() / 2..]), "half of it: {}", masked.text);
        assert_eq!(masked.kinds.values().sum::<u32>(), masked.count());
        assert!(masked.kinds.contains_key(&kind), "{kind:?}: {text} -> {masked:?}");
        let shown = masked.text.replace(&format!("{MASK_START}{}]", kind.as_str()), &secret);
        if masked.count() == 1 {
            assert_eq!(shown, text, "what stands around stays");
        }
    }
}

#[test]
fn key_blocks_of_all_kinds_lose_their_body_and_keep_their_lines() {
    let p = ["PRIVATE", " KEY"].concat();
    for what in ["RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "", "PGP "] {
        let name = if what == "PGP " { format!("{what}{p} BLOCK") } else { format!("{what}{p}") };
        let block = key_block(&name);
        let text = format!("a\n{block}b\n");
        let masked = mask(&text);
        assert_eq!(masked.kinds, BTreeMap::from([(Kind::PrivateKey, 1)]), "{name}");
        assert_eq!(masked.text.lines().count(), text.lines().count());
        assert!(masked.text.starts_with("a\n-----BEGIN ") && masked.text.ends_with("-----\nb\n"));
        for line in block.lines().filter(|l| !l.starts_with("--")) {
            assert!(!masked.text.contains(line), "{}", masked.text);
        }
        // In a comment, quoted and joined, as one string with escapes.
        let styles: [(&str, Write); 4] = [
            ("comment", |l| format!("    // {l}\n")),
            ("joined", |l| format!("  \"{l}\\n\" +\n")),
            ("escaped", |l| format!("{l}\\n")),
            ("indented", |l| format!("      {l}\r\n")),
        ];
        for (style, write) in styles {
            let text: String = block.lines().map(write).collect();
            let masked = mask(&text);
            assert_eq!(masked.count(), 1, "{style} {name}: {}", masked.text);
            assert_eq!(masked.text.lines().count(), text.lines().count());
            for line in block.lines().filter(|l| !l.starts_with("--")) {
                assert!(!masked.text.contains(line), "{style} {name}: {}", masked.text);
            }
        }
    }
}

#[test]
fn a_cut_key_is_masked_from_either_end() {
    let block = key_block(&["RSA PRIVATE", " KEY"].concat());
    let lines: Vec<&str> = block.lines().collect();
    for part in [&lines[..4], &lines[4..]] {
        let text = format!("x\n{}\n}}\n", part.join("\n"));
        let masked = mask(&text);
        assert_eq!(masked.count(), 1, "{}", masked.text);
        for line in part.iter().filter(|l| !l.starts_with("--")) {
            assert!(!masked.text.contains(line), "{}", masked.text);
        }
        assert!(masked.text.starts_with("x\n") && masked.text.ends_with("}\n"));
    }
    // From the middle, only the whole text tells.
    let at = block.find(lines[3]).unwrap();
    let masked = mask_range(&block, at + 5..at + 100);
    assert_eq!((masked.count(), masked.text.contains(&lines[3][10..30])), (1, false));
    assert_eq!(masked.text.matches('\n').count(), block[at + 5..at + 100].matches('\n').count());
}

#[test]
fn other_forms_of_private_keys() {
    let jwk = format!("{{\"kty\":\"EC\",\"x\":\"{}\",\"d\":\"{}\"}}", rnd(43), hex(43));
    let masked = mask(&jwk);
    assert!(masked.text.contains(&rnd(43)) && !masked.text.contains(&hex(43)), "{}", masked.text);
    let body = format!("{}\n{}\n", rnd(64), hex(20));
    let putty = format!("PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\n{body}Private-MAC: x\n");
    let masked = mask(&putty);
    assert!(!masked.text.contains(&rnd(64)) && masked.text.ends_with("Private-MAC: x\n"));
}

#[test]
fn what_is_no_secret_stays() {
    let begin = ["-----BEGIN PRIVATE", " KEY-----"].concat();
    let innocent = [
        "commit 1b33598b6c1f7f7b6e2b3b0a1d5b7a2c9d8e4f60".to_owned(),
        "index 07cf065..c641db9 100644".to_owned(),
        "id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301".to_owned(),
        "session_token = \"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"".to_owned(),
        format!("checksum = \"{}\"", hex(64)),
        format!("\"integrity\": \"sha512-{}==\"", rnd(86)),
        format!("resolved \"https://registry.example.org/a/-/a-1.0.tgz#{}\"", hex(40)),
        format!("<<<{} file src/token.rs", hex(24)),
        format!("ssh-rsa AAAAB3NzaC1yc2E{} me@host", rnd(80)),
        format!("token_hash = \"{}\"", hex(64)),
        "password = \"changeme\"".to_owned(),
        "password = \"xxxxxxxxxxxx\"".to_owned(),
        "PASSWORD=password123".to_owned(),
        "password: \"${DB_PASSWORD}\"".to_owned(),
        "api_key = \"your-api-key-here-123\"".to_owned(),
        "token = \"<your token 1234567890>\"".to_owned(),
        "let token = lexer.next_token()?;".to_owned(),
        "let token = Token::Number2(value);".to_owned(),
        "token: self.tokens[i2].clone(),".to_owned(),
        "password: config.db2.password,".to_owned(),
        "secret_name = \"my-app-secret-v2\"".to_owned(),
        "api_key = std::env::var(\"OPENAI_API_KEY\")?;".to_owned(),
        "api_key_env = \"OPENROUTER_API_KEY\"".to_owned(),
        "max_tokens: 1500, shard_max_tokens = 400".to_owned(),
        "tokenizer = \"Qwen2Tokenizer-7B-Instruct\"".to_owned(),
        "grant = \"urn:ietf:params:oauth:grant-type:token-exchange\"".to_owned(),
        "let token_type: &str = \"application/x-www-form-urlencoded\";".to_owned(),
        "class=\"sk-circle-fade-dot-sk-spinner-animation\"".to_owned(),
        "task-1234567890-abcdefghijklmnop".to_owned(),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        "http://localhost:8080/path@2x.png".to_owned(),
        "https://user@host/x".to_owned(),
        "postgres://user:password@localhost/db".to_owned(),
        "redis://:${REDIS_PASSWORD}@host".to_owned(),
        format!("if pem.contains(\"{begin}\") {{\n    return decode(pem);\n}}"),
        "fn is_secret(token: &Token, password: Option<&str>) -> bool {".to_owned(),
        "// the bearer of the token must know the password by heart".to_owned(),
        "Bearer token authentication".to_owned(),
        "struct Credentials { password: String, token: Vec<u8> }".to_owned(),
        "assert_eq!(token, \"identifier\");".to_owned(),
        "rotate_secret(\"payments/stripe/live\")".to_owned(),
        "[masked:secret] and password = \"[masked:secret]\"".to_owned(),
        "token = \"abc\"".to_owned(),
        "let key_of_map = \"a1b2c3d4e5f6a1b2c3d4e5f6\";".to_owned(),
    ];
    for text in innocent {
        let masked = mask(&text);
        assert_eq!(masked.text, text);
        assert_eq!(masked.count(), 0, "{text}");
    }
}

#[test]
fn masks_count_by_kind_and_say_nothing_more() {
    let text: String = canaries().into_iter().map(|(_, text, _)| text + "\n").collect();
    let masked = mask(&text);
    assert!(masked.kinds[&Kind::ForgeToken] >= 4, "{:?}", masked.kinds);
    for (_, _, secret) in canaries() {
        assert!(!masked.text.contains(&secret), "{secret} in {}", masked.text);
        assert!(!format!("{:?}", masked.kinds).contains(&secret));
    }
    assert_eq!(masked.text.lines().count(), text.lines().count());
    let again = mask(&masked.text);
    assert_eq!((again.count(), again.text), (0, masked.text));
}

#[test]
fn ranges_out_of_bounds_give_nothing() {
    assert_eq!(mask_range("äö", 1..2), Masked::default());
    assert_eq!(mask_range("ab", 1..9), Masked::default());
    assert_eq!(mask_range("ab", 1..2).text, "b");
}

#[test]
fn large_texts_take_no_time_that_grows_faster_than_they_do() {
    let begin = ["-----BEGIN PRIVATE", " KEY-----\n"].concat();
    for piece in [
        "password=",
        "a://b:",
        "token:\"",
        "-----END PRIVATE KEY-----",
        &begin,
        "aA1",
        "eyJ",
        "\"kty\" ",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        let masked = mask(&text);
        assert_eq!(masked.text.matches('\n').count(), text.matches('\n').count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_keeps_its_lines_and_masks_once(
        before in "[ -~\nä§]{0,80}",
        pick in 0usize..40,
        after in "(?s).{0,80}",
        cut in any::<prop::sample::Index>(),
    ) {
        let all = canaries();
        let (_, canary, _) = &all[pick % all.len()];
        let text = format!("{before}\n{canary}\n{after}");
        let masked = mask(&text);
        prop_assert_eq!(masked.text.matches('\n').count(), text.matches('\n').count());
        let again = mask(&masked.text);
        prop_assert_eq!(&again.text, &masked.text);
        prop_assert_eq!(again.count(), 0);
        let at = cut.index(text.len() + 1);
        if text.is_char_boundary(at) {
            let (a, b) = (mask_range(&text, 0..at), mask_range(&text, at..text.len()));
            prop_assert!(a.count() + b.count() >= masked.count());
        }
    }
}

#[test]
fn pieces_of_a_files_secrets_are_known_where_nothing_tells_them() {
    let token = j(&["gh", "p_", &rnd(36)]);
    let (frame, ks) = (j(&["RSA PRIVATE", " KEY"]), rnd(59));
    let file = format!(
        "let t = \"{token}\";\n{}let password = \"kÄ7#pQ2xZ\";\nlet url = \"pg://a:w9x@h/\";\n",
        key_block(&frame)
    );
    let known = Known::of(&file);
    let masked = |text: &str| known.mask(mask(text));
    for piece in [&token[2..30], &token[20..32], &ks[30..50], "kÄ7#pQ2xZ"] {
        let text = format!("- ä{piece}ö and w9x");
        let safe = masked(&text);
        assert!(!safe.text.contains(piece), "{}", safe.text);
        assert!(safe.text.starts_with("- ä") && safe.text.ends_with("ö and w9x"), "{}", safe.text);
        assert_eq!(safe.count(), 1, "{}", safe.text);
        assert_eq!(masked(&safe.text).text, safe.text);
    }
    let whole = masked(&file);
    assert_eq!(whole, mask(&file), "nothing is left of what is masked already");
    let plain = "let t = token(); // eleven bytes of one: ".to_owned() + &token[..11];
    assert_eq!(masked(&plain).text, plain);
    assert_eq!(Known::of("fn main() {}").mask(mask(&plain)).text, plain);
    assert_eq!(Known::of(&file).mask(mask("")).text, "");
}

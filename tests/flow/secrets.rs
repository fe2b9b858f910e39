//! Secrets in all that prompts are made of: a model that is not local sees none of them, a local
//! one sees all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Done};
use scrum_tests::repo::{TestRepo, large_file};
use std::collections::HashSet;
use std::fmt::Write as _;

/// A text that looks random, another one for each `n`.
fn random(n: usize, len: usize) -> String {
    let alphabet = b"q7Rz0KpW3mX9vLb2Ns8TfY4cHd6JgA1eUiQoP5wEkVtZnBrMxCyGhSuDaFl";
    (0..len)
        .map(|i| char::from(alphabet[(i * (n + 3) + i * i + n * 11) % alphabet.len()]))
        .collect()
}

/// One secret of each kind, in a line of code. Written in pieces, so that this file holds none.
fn canaries(seed: usize) -> Vec<(String, String)> {
    let r = |n: usize, len: usize| random(seed * 50 + n, len);
    let secrets = [
        ("let openai = \"@\";", ["sk", "-proj-", &r(1, 44)].concat()),
        ("let anthropic = \"@\";", ["sk", "-ant-api03-", &r(2, 60)].concat()),
        ("let aws = \"@\";", ["AKI", "A", &r(3, 16).to_uppercase()].concat()),
        ("aws_secret_access_key = \"@\"", r(4, 40)),
        ("let github = \"@\";", ["gh", "p_", &r(5, 36)].concat()),
        ("let oauth = \"@\";", ["gh", "o_", &r(6, 36)].concat()),
        ("let fine = \"@\";", ["github", "_pat_", &r(7, 60)].concat()),
        ("let gitlab = \"@\";", ["gl", "pat-", &r(8, 20)].concat()),
        ("let slack = \"@\";", ["xox", "b-", &r(9, 30)].concat()),
        ("let google = \"@\";", ["AI", "za", &r(10, 35)].concat()),
        ("let stripe = \"@\";", ["sk", "_live_", &r(11, 24)].concat()),
        ("let npm = \"@\";", ["np", "m_", &r(12, 36)].concat()),
        ("let pypi = \"@\";", ["py", "pi-", &r(13, 60)].concat()),
        ("let hf = \"@\";", ["h", "f_", &r(14, 34)].concat()),
        (
            "let jwt = \"@\";",
            ["ey", "J", &r(15, 20), ".ey", "J", &r(16, 30), ".", &r(17, 43)].concat(),
        ),
        ("let url = \"postgres://app:@@db.internal/x\";", r(18, 14)),
        ("let blob = \"AccountName=a;AccountKey=@\";", [&r(19, 86), "=="].concat()),
        ("let password = \"@\";", [&r(20, 12), "#1"].concat()),
        ("api_token: @", r(21, 32)),
        ("    .header(\"Authorization\", \"Bearer @\")", r(22, 40)),
        ("DB_PASS=@", r(23, 14)),
        ("let passwort = \"@\";", [&r(24, 12), "#1"].concat()),
        ("пароль: \"@\"", [&r(40, 12), "#1"].concat()),
        ("password = \"@\"", ["correct horse ", &r(25, 6).to_lowercase()].concat()),
        ("ENV SMTP_PASS @", r(26, 16)),
        ("CREATE USER app IDENTIFIED BY '@';", r(27, 14)),
        ("curl -u app:@ https://h.internal/x", r(28, 16)),
        ("mysql -u app -p@ shop", r(29, 16)),
        ("sshpass -p @ ssh h.internal", r(30, 16)),
        ("redis-cli -a @ PING", r(31, 16)),
        ("jdbc:oracle:thin:app/@@db.internal:1521:x", r(32, 14)),
        ("app:$6$Zk3vT9wQ$@:19000:0:99999:7:::", r(33, 86)),
        ("dsn = \"host=db user=app password=@ dbname=x\"", r(34, 14)),
        ("db.internal:5432:shop:app:@", r(35, 14)),
        ("kind: Secret\ndata:\n  login: @\n", base64(r(36, 24).as_bytes())),
        // Of one in two literals, each half.
        ("let split = \"@\" +", ["gh", "p_", &r(37, 18)].concat()),
        ("    \"@\";", r(38, 18)),
        (
            "let escaped = \"api_key=@\";",
            r(39, 24).bytes().fold(String::new(), |text, b| format!("{text}\\x{b:02x}")),
        ),
        ("let unseen = \"@\";", ["gh", "o_", &r(41, 16), "\u{200b}", &r(42, 20)].concat()),
    ];
    secrets.map(|(line, secret)| (line.replacen('@', &secret, 1), secret)).into()
}

fn private_key(n: usize, lines: usize) -> (String, Vec<String>) {
    let frame = ["PRIVATE", " KEY-----"].concat();
    let body: Vec<String> = (0..lines).map(|i| random(n + i, 64)).collect();
    (format!("-----BEGIN RSA {frame}\n{}\n-----END RSA {frame}\n", body.join("\n")), body)
}

/// The forms in which a secret could hide in a request.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    // Without the ends, which hang on what stands beside it; from each of the three offsets.
    let base64 = (0..3).filter_map(|skip| {
        let text = base64(&secret.as_bytes()[skip..]);
        text.get(..text.len() - 4).filter(|t| t.len() >= 12).map(str::to_owned)
    });
    let mut hex = String::new();
    for b in secret.bytes() {
        let _ = write!(hex, "{b:02x}");
    }
    let plain = [secret.to_owned(), json.trim_matches('"').to_owned(), hex];
    plain.into_iter().chain(base64).collect()
}

fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n =
            chunk.iter().fold(0usize, |n, b| n << 8 | usize::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(char::from(digits[n >> (18 - 6 * i) & 63]));
        }
    }
    out
}

/// Everything of a call that went over the wire.
fn wire(call: &Recorded) -> String {
    format!("{}\n{}\n{:?}\n{}\n{}", call.path, call.body, call.headers, call.system, call.prompt)
}

/// Bytes of a secret that prove it was sent, whatever became of the rest.
const PIECE: usize = 12;

fn none_of(calls: &[Recorded], secrets: &[String]) {
    let pieces: HashSet<&[u8]> =
        secrets.iter().flat_map(|secret| secret.as_bytes().windows(PIECE)).collect();
    for call in calls {
        let sent = wire(call);
        let piece = sent.as_bytes().windows(PIECE).find(|piece| pieces.contains(piece));
        let piece = piece.map(String::from_utf8_lossy);
        assert_eq!(piece, None, "a piece arrived at {}: {}", call.model, call.prompt);
        for secret in secrets {
            for form in forms(secret) {
                assert!(!sent.contains(&form), "{form} arrived at {}: {}", call.model, call.prompt);
            }
        }
    }
}

struct Place {
    bench: Bench,
    repo: TestRepo,
    documents: Vec<(&'static str, String)>,
    /// What must not leave.
    secrets: Vec<String>,
}

impl Place {
    /// A repository with secrets in every place that prompts are made of.
    fn new(settings: &str, rungs: &[(&str, &str)]) -> Self {
        let bench = Bench::new(None, settings);
        let mut ladder = String::from("name = 'secrets'\n");
        for (provider, model) in rungs {
            let _ = write!(ladder, "[[rungs]]\nprovider = '{provider}'\nmodel = '{model}'\n");
        }
        std::fs::write(bench.ladder(), ladder).unwrap();
        let repo = TestRepo::new();
        let mut secrets = Vec::new();
        let mut text = |seed: usize, key: usize| {
            let (lines, mut more): (Vec<String>, Vec<String>) = canaries(seed).into_iter().unzip();
            let (block, body) = private_key(seed * 100, key);
            more.extend(body);
            secrets.extend(more);
            format!(
                "//! The store keeps lines.\n\n{}\n{block}\nfn store() {{}}\n",
                lines.join("\n")
            )
        };
        let small = text(1, 4);
        // The key lies across many shards, of which most see neither end of it: they have 3,500 bytes.
        let (lead, tail) = (large_file(3000), large_file(3000));
        let large = format!("{lead}\n{}\n{tail}", text(2, 900));
        let documents = [("prd", 3), ("proposal", 4), ("forensic", 5)].map(|(name, seed)| {
            let path = bench.dir.path().join(format!("{name}.md"));
            std::fs::write(&path, format!("The store keeps lines.\n{}", text(seed, 24))).unwrap();
            (name, path.to_str().unwrap().to_owned())
        });
        let named = ["gh", "p_", &random(77, 36)].concat();
        repo.write("src/store.rs", small.as_bytes());
        repo.write("src/large.rs", large.as_bytes());
        repo.write(&format!("src/{named}.rs"), b"//! The store keeps lines.\nfn named() {}\n");
        repo.commit("secrets");
        secrets.push(named);
        Self { bench, repo, documents: documents.into(), secrets }
    }

    /// The given files alone, a rung of this machine and one in the cloud.
    fn with_files(settings: &str, files: &[(String, String)], secrets: Vec<String>) -> Self {
        let bench = Bench::new(None, settings);
        let ladder = "name='two'\n[[rungs]]\nprovider='home'\nmodel='h'\n\
            [[rungs]]\nprovider='cloud'\nmodel='c'\n";
        std::fs::write(bench.ladder(), ladder).unwrap();
        let repo = TestRepo::new();
        for (path, text) in files {
            repo.write(path, text.as_bytes());
        }
        repo.commit("secrets");
        Self { bench, repo, documents: Vec::new(), secrets }
    }

    fn run(&self, forensic: bool, more: &[&str]) -> Done {
        let (ladder, out) = (self.bench.ladder(), self.bench.out());
        let mut args = vec!["run".to_owned(), self.repo.path().to_str().unwrap().to_owned()];
        args.extend(["--ladder".into(), ladder.to_str().unwrap().into()]);
        args.extend(["--out".into(), out.to_str().unwrap().into()]);
        for (name, path) in
            self.documents.iter().filter(|(name, _)| forensic || *name != "forensic")
        {
            args.extend([format!("--{name}"), path.clone()]);
        }
        args.extend(more.iter().map(|a| (*a).to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.bench.run(&args)
    }

    fn rows(&self) -> Vec<ReviewRow> {
        let text = std::fs::read_to_string(self.bench.out().join("scrum_reviews.jsonl")).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

fn is_shard(call: &Recorded) -> bool {
    call.prompt.contains("This is shard ")
}

/// A review that quotes a masked line, where it was shown one.
fn quoting(call: &Recorded) -> String {
    let masked = call.prompt.lines().find(|l| l.starts_with("let ") && l.contains("[masked:"));
    answers::markdown_review_quoting("src/store.rs", &[masked.unwrap_or("fn store() {}")])
}

fn provider(name: &str, wire: &str, url: &str, local: bool) -> String {
    format!(
        "[providers.{name}]\nwire = '{wire}'\nbase_url = '{url}'\nlocal = {local}\nconcurrency = 16\n"
    )
}

#[test]
fn no_secret_arrives_at_a_model_that_is_not_local() {
    let stub = ModelStub::with(|call| {
        Reply::ok(if is_shard(call) { answers::shard_summary() } else { quoting(call) })
    });
    let settings = provider("cloud", "openai", &stub.openai_url(), false);
    let place = Place::new(&settings, &[("cloud", "m")]);
    place.run(false, &[]).expect(0);
    let calls = stub.requests();
    assert!(calls.iter().any(is_shard) && calls.iter().any(|c| c.prompt.contains("prd at")));
    none_of(&calls, &place.secrets);

    let rows = place.rows();
    let row = rows.iter().find(|r| r.file == "src/store.rs").unwrap();
    assert!(row.masked >= 40, "{}", row.masked);
    assert_eq!(row.attempts[0].masked, row.masked);
    let quote = &row.findings[0];
    assert!(quote.quote.as_deref().unwrap().contains("[masked:"), "{quote:?}");
    assert_eq!((quote.anchored, quote.line), (true, Some(3)), "a masked line is found again");
    let large = rows.iter().find(|r| r.file == "src/large.rs").unwrap();
    assert!(large.tree_split_fired && large.masked >= 40, "{}", large.masked);
    let page = place.bench.out().join("review_src_store.rs.md");
    let report = std::fs::read_to_string(page).unwrap();
    assert!(report.contains("Masked before the text was sent: "), "{report}");

    // The same question again: the answer that was paid for, and what it says of masking.
    let before = stub.requests().len();
    place.run(false, &["--again"]).expect(0);
    assert_eq!(stub.requests().len(), before);
    assert!(place.rows().iter().all(|r| r.attempts[0].cached));
    assert!(place.rows().iter().any(|r| r.file == "src/store.rs" && r.masked == row.masked));
}

#[test]
fn a_forensic_preamble_and_its_answers_are_masked_too() {
    let stub = ModelStub::start(Reply::ok(answers::forensic_needs_patch()));
    let settings = provider("cloud", "openai", &stub.openai_url(), false);
    let place = Place::new(&settings, &[("cloud", "m")]);
    place.run(true, &["--target", "src/store.rs"]).expect(0);
    let calls = stub.requests();
    assert!(calls[0].system.contains("The store keeps lines."), "the preamble is there");
    none_of(&calls, &place.secrets);
    assert!(place.rows()[0].masked > 0);
}

#[test]
fn a_local_model_sees_all_and_what_it_says_is_masked_for_the_next() {
    let home = ModelStub::with(|call| {
        let shown = call.prompt.lines().find(|l| l.starts_with("let github")).unwrap_or("nothing");
        Reply::ok(if is_shard(call) {
            format!("`large.rs` holds functions and this line: {shown}")
        } else {
            format!("I'm sorry, I can't help with {shown}")
        })
    });
    let cloud = ModelStub::with(|call| Reply::ok(quoting(call)));
    let settings = provider("home", "openai", &home.openai_url(), true)
        + &provider("cloud", "openai", &cloud.openai_url(), false);
    let place = Place::new(&settings, &[("home", "h"), ("cloud", "c")]);
    place.run(true, &["--policy", "structured"]).expect(0);
    let (at_home, left) = (home.requests(), cloud.requests());
    let seen: String = at_home.iter().map(|c| [&c.system[..], &c.prompt, "\n"].concat()).collect();
    // All but what retrieval left out of the documents.
    for secret in canaries(1).into_iter().chain(canaries(2)).chain(canaries(5)).map(|(_, s)| s) {
        assert!(seen.contains(&secret), "a local model sees {secret}");
    }
    let seen = seen.replace("[masked:KIND]", "");
    assert!(!seen.contains("[masked:"), "nothing but the explanation of masks");
    assert!(!left.is_empty() && left.iter().any(|c| c.prompt.contains("I'm sorry, I can't help")));
    none_of(&left, &place.secrets);
    let rows = place.rows();
    for row in rows {
        assert_eq!((row.attempts[0].outcome, row.attempts[0].masked), (Outcome::Refused, 0));
        assert!(row.attempts[1].masked > 0 && row.masked > 0, "{}", row.file);
    }
}

#[test]
fn what_a_local_ollama_passes_on_is_masked() {
    let stub = ModelStub::with(|call| {
        Reply::ok(if is_shard(call) { answers::shard_summary() } else { quoting(call) })
    });
    let settings = provider("oll", "ollama", &stub.ollama_url(), true);
    let place = Place::new(&settings, &[("oll", "gpt-oss:120b-cloud")]);
    place.run(false, &[]).expect(0);
    none_of(&stub.requests(), &place.secrets);
    // The same provider, a model of this machine.
    let ladder = "name='here'\n[[rungs]]\nprovider='oll'\nmodel='qwen3:4b'\n";
    std::fs::write(place.bench.ladder(), ladder).unwrap();
    place.run(false, &["--target", "src/store.rs"]).expect(0);
    let last = stub.requests().pop().unwrap();
    assert!(canaries(1).iter().all(|(line, _)| last.prompt.contains(line)));
    assert_eq!(place.rows()[0].masked, 0);
}

#[test]
fn an_answer_to_the_secret_is_no_answer_to_its_mask() {
    let stub = ModelStub::start(Reply::ok(answers::markdown_review("src/store.rs")));
    let url = stub.openai_url();
    let place = Place::new(&provider("p", "openai", &url, true), &[("p", "m")]);
    let only = ["--target", "src/store.rs"];
    place.run(false, &only).expect(0);
    assert_eq!((stub.requests().len(), place.rows()[0].masked), (1, 0));
    // The operator finds that the provider is not local after all.
    let env = ("SCRUM__PROVIDERS__P__LOCAL", "false");
    let (ladder, repo) = (place.bench.ladder(), place.repo.path());
    let out = place.bench.out();
    let mut again = place.bench.scrum(&["run", repo.to_str().unwrap(), "--again"]);
    again.args(["--ladder", ladder.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    again.args(only).env(env.0, env.1);
    for (name, path) in place.documents.iter().filter(|(name, _)| *name != "forensic") {
        again.args([&format!("--{name}"), path]);
    }
    Done::from(again.output().unwrap()).expect(0);
    let calls = stub.requests();
    assert_eq!(calls.len(), 2, "asked anew");
    none_of(&calls[1..], &place.secrets);
    assert!(place.rows()[0].masked > 0 && !place.rows()[0].attempts[0].cached);
}

/// Two stubs and the settings for them: one that is local, one that is not.
fn home_and_cloud(
    home: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
) -> (ModelStub, ModelStub, String) {
    let home = ModelStub::with(home);
    let cloud = ModelStub::with(|call| {
        let patches = call.prompt.contains("# Findings of the review");
        Reply::ok(if let Some(facts) = answers::facts_or(&call.system) {
            facts
        } else if patches {
            r#"{"patches": []}"#.to_owned()
        } else if is_shard(call) {
            answers::shard_summary()
        } else {
            answers::markdown_review("any")
        })
    });
    let settings = provider("home", "openai", &home.openai_url(), true)
        + &provider("cloud", "openai", &cloud.openai_url(), false);
    (home, cloud, settings)
}

/// The line of a prompt that holds a secret without a form, or one with it.
fn telling(prompt: &str) -> &str {
    let tells = |l: &&str| l.starts_with("let github") || l.starts_with("let password");
    prompt.lines().find(tells).unwrap_or_default()
}

#[test]
fn a_refusal_that_is_quoted_to_the_cloud_is_masked_before_it_is_cut() {
    let (home, cloud, settings) = home_and_cloud(|call| {
        let line = telling(&call.prompt);
        // The name of the file says in which column of the answer its secret begins.
        let column = call.prompt.split("src/c").nth(1).and_then(|rest| rest.split('_').next());
        let column: usize = column.unwrap().parse().unwrap();
        let before = line.find('"').unwrap() + 1;
        let lead = "I'm sorry, I can't help with";
        Reply::ok(format!("{lead}{} {line}", ".".repeat(column - before - lead.len() - 1)))
    });
    let (mut files, mut secrets) = (Vec::new(), Vec::new());
    for column in (48..=100).step_by(4) {
        for (n, canary) in [4, 17].into_iter().enumerate() {
            let (line, secret) = canaries(column)[canary].clone();
            files.push((format!("src/c{column}_{n}.rs"), format!("{line}\nfn store() {{}}\n")));
            secrets.push(secret);
        }
    }
    let place = Place::with_files(&settings, &files, secrets);
    place.run(false, &["--policy", "structured"]).expect(0);
    assert_eq!(home.requests().len(), files.len());
    let left = cloud.requests();
    assert_eq!(left.len(), files.len());
    assert!(left.iter().all(|c| c.prompt.contains("the model declined: \"I'm sorry")));
    none_of(&left, &place.secrets);
}

#[test]
fn notes_of_a_local_model_leave_without_pieces_of_secrets() {
    // Cut by the token limit within a secret, or cut by us, to the last 12,000 characters.
    for (chained, cut) in [(false, 24), (false, 31), (true, 0)] {
        let (home, cloud, settings) = home_and_cloud(move |call| {
            if !is_shard(call) || (chained && !call.prompt.contains("This is shard 1 of")) {
                return Reply::ok("I'm sorry, I can't help with that.");
            }
            let material: Vec<&str> = call.prompt.lines().filter(|l| l.len() == 64).collect();
            let line = telling(&call.prompt);
            let notes = format!("Lines of it: {}. It defines: ", material.join(" and "));
            if chained {
                let rest = (0..2000).fold(String::new(), |s, n| s + &format!("`f{n}` "));
                let kept = 12_000 - (line.len() - 17);
                return Reply::ok(format!("{notes}{line}{}", &rest[..kept - 1]) + ".");
            }
            Reply::Length(format!("{notes}{}", line.get(..cut).unwrap_or_default()))
        });
        let mut secrets = Vec::new();
        let mut file = String::new();
        for canary in [17, 4] {
            let (line, secret) = canaries(canary)[canary].clone();
            let (block, body) = private_key(canary * 100, 150);
            let _ = writeln!(file, "{line}\nfn store() {{}}\n{block}\n{}", large_file(4000));
            secrets.push(secret);
            secrets.extend(body);
        }
        let files = [("src/large.rs".to_owned(), file)];
        let mut place = Place::with_files(&settings, &files, secrets);
        place.bench = place
            .bench
            .set("sweep.chained_shards", &chained.to_string())
            .set("sweep.shard_max_tokens", if chained { "2000" } else { "400" });
        place.run(false, &["--policy", "structured"]).expect(0);
        assert!(home.requests().iter().any(is_shard));
        let left = cloud.requests();
        let notes = if chained { "the last of the notes" } else { "It defines: let" };
        assert!(left.iter().any(|c| c.prompt.contains(notes)), "{notes}");
        none_of(&left, &place.secrets);
    }
}

#[test]
fn lines_of_a_key_block_are_masked_for_whatever_is_asked_about_a_review() {
    let (_home, cloud, settings) = home_and_cloud(|call| {
        let keys: Vec<&str> = call.prompt.lines().filter(|l| l.len() == 64).collect();
        let review = answers::markdown_review_quoting("src/key.rs", &[keys[40]]);
        Reply::ok(review.replace("85%", "95%"))
    });
    // Few enough that no line comes twice: the quote must say which is meant.
    let (block, secrets) = private_key(7, 50);
    let text = format!("//! The store keeps lines.\n{block}\n{}", large_file(3000));
    let files = [("src/key.rs".to_owned(), text)];
    let mut place = Place::with_files(&settings, &files, secrets);
    for (key, value) in [
        ("sweep.split_over_bytes", "100000"),
        ("apply.provider", "cloud"),
        ("apply.model", "c"),
        ("apply.unconfirmed", "true"),
        ("apply.whole_chars", "1000"),
        ("apply.around_lines", "5"),
        ("facts.enabled", "true"),
        ("facts.extractor", "cloud/c"),
        ("facts.verifier", "cloud/c"),
        ("confirm.enabled", "true"),
        ("confirm.max_share", "100"),
        ("audit.voters.a", "cloud/v"),
        ("audit.tie_breaker", ""),
        ("audit.file_bytes", "1000"),
        ("audit.around_lines", "5"),
    ] {
        place.bench = place.bench.set(key, value);
    }
    place.run(false, &["--audit"]).expect(0);
    let asked = |word: &str| cloud.requests().iter().filter(|c| c.prompt.contains(word)).count();
    // The review was made at home. Its facts took two calls, and who votes alone votes three times.
    assert_eq!((asked("CLAIM 1 (line 43)"), asked(" statement 1\n")), (1, 3));
    assert_eq!(cloud.requests().len(), 6);
    place.bench.run(&["apply", "latest", "--check", "true"]).expect(0);
    let left = cloud.requests();
    assert_eq!(left.len(), 7);
    assert!(left[6].prompt.contains("lines 38 to 48"), "{}", left[6].prompt);
    none_of(&left, &place.secrets);
}

#[test]
fn a_second_call_sees_no_key_above_its_finding() {
    let cloud = ModelStub::with(|call| {
        let review = answers::markdown_review_quoting("src/key.rs", &["fn second() {}"]);
        let confirms = call.prompt.contains("CLAIM 1");
        Reply::ok(
            if confirms { "CLAIM: 1\nVERDICT: can't tell".into() } else { review }
                .replace("85%", "95%"),
        )
    });
    let settings = provider("cloud", "openai", &cloud.openai_url(), false);
    let (block, secrets) = private_key(7, 6);
    let text = format!(
        "//! The store keeps lines.\n{block}\nfn first() {{}}\n\n\n\nfn second() {{}}\n{}",
        large_file(2000)
    );
    let files = [("src/key.rs".to_owned(), text)];
    let mut place = Place::with_files(&settings, &files, secrets);
    place.bench = place.bench.set("confirm.enabled", "true").set("confirm.max_share", "100");
    let ladder = "name='one'\n[[rungs]]\nprovider='cloud'\nmodel='c'\n";
    std::fs::write(place.bench.ladder(), ladder).unwrap();
    place.run(false, &[]).expect(0);
    let left = cloud.requests();
    assert_eq!(left.len(), 2);
    let (review, second) = (&left[0].prompt, &left[1].prompt);
    for prompt in [review, second] {
        assert_eq!(prompt.matches("[masked:private_key]\n").count(), 6, "{prompt}");
    }
    assert!(second.contains("CLAIM 1 (line"), "{second}");
    none_of(&left, &place.secrets);
}

#[test]
fn keys_in_a_change_are_masked_for_its_reviewers_and_for_votes_on_its_claims() {
    let cloud = ModelStub::with(|call| {
        if call.prompt.contains(" the statement\n") {
            return Reply::ok("QUOTE: None\nWHY: it is not shown\nVERDICT: can't tell\n");
        }
        let calm =
            "I read the change line by line, and the functions that it makes now can't fail.";
        Reply::ok(format!("{calm}\n\nNo findings.\n\nVERDICT: ship\n"))
    });
    let bench = Bench::new(None, &provider("cloud", "openai", &cloud.openai_url(), false))
        .set("audit.tie_breaker", "");
    let repo = TestRepo::new();
    let mut secrets = Vec::new();
    let mut file = |seed: usize, lines: usize| {
        let (block, body) = private_key(seed, lines);
        secrets.extend(body);
        format!("//! The store keeps lines.\n{block}\nfn first() {{}}\n")
    };
    // One stands above the change, one goes with it and one comes.
    let (above, gone, new) = (file(100, 30), file(200, 20), file(300, 20));
    repo.write("src/above.rs", above.as_bytes());
    repo.write("src/gone.rs", gone.as_bytes());
    repo.commit("begin");
    repo.write("src/above.rs", above.replace("first", "second").as_bytes());
    repo.write("src/gone.rs", b"//! The store keeps lines.\nfn first() {}\n");
    repo.write("src/new.rs", new.as_bytes());
    repo.commit("Keep lines");
    let path = repo.path().to_str().unwrap();
    bench.run(&["diff", path, "HEAD~1..HEAD", "--reviewer=r=cloud/r"]).expect(0);
    let voters = ["--voter", "a=cloud/a", "--voter", "b=cloud/b", "--voter", "c=cloud/c"];
    bench.run(&[&["audit", "--claims", path, "HEAD"], &voters[..]].concat()).expect(0);
    let left = cloud.requests();
    assert_eq!(left.len(), 4);
    for call in &left {
        assert!(call.prompt.contains("fn second() {}"), "{}", call.prompt);
        let masks = call.prompt.matches("[masked:private_key]\n").count();
        // Two keys, the line above the change, and the one that git takes for the head of what the hunk is in.
        assert_eq!(masks, 42, "{}", call.prompt);
    }
    none_of(&left, &secrets);
}

//! Files as people have them: other encodings, minified, pointers, names in any bytes; a deep state directory; and what
//! a dry run says of all that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::repo::{TestRepo, large_file};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

fn rows(bench: &Bench) -> BTreeMap<String, ReviewRow> {
    schemas::check_report(&bench.out());
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<ReviewRow>(line).unwrap());
    rows.map(|row| (row.file.clone(), row)).collect()
}

fn skipped(bench: &Bench) -> BTreeMap<String, String> {
    let summary = std::fs::read(bench.out().join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let list = summary["skipped"].as_array().unwrap().iter();
    let of = |s: &Value, name: &str| s[name].as_str().unwrap().to_owned();
    list.map(|s| (of(s, "file"), of(s, "reason"))).collect()
}

/// The line that the stub quotes: the fourth of each file.
const QUOTED: &str = "    return price * 2;";

fn stub() -> ModelStub {
    ModelStub::with(|_| Reply::ok(answers::markdown_review_quoting("f", &[QUOTED])))
}

/// Four lines with a comment, as bytes; with other line ends where told.
fn program(comment: &[u8]) -> Vec<u8> {
    [
        b"// ",
        comment,
        b"\nint total(int price) {\n    // ",
        comment,
        b"\n",
        QUOTED.as_bytes(),
        b"\n}\n",
    ]
    .concat()
}

fn utf_16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

#[test]
fn files_in_other_encodings_are_reviewed_at_the_right_lines() {
    // 订单的总价由配置决定, 合計を計算します, Цена не может быть отрицательной
    let gbk = b"\xb6\xa9\xb5\xa5\xb5\xc4\xd7\xdc\xbc\xdb\xd3\xc9\xc5\xe4\xd6\xc3\xbe\xf6\xb6\xa8";
    let sjis = b"\x8d\x87\x8cv\x82\xf0\x8cv\x8eZ\x82\xb5\x82\xdc\x82\xb7";
    let cyrillic = b"\xd6\xe5\xed\xe0 \xed\xe5 \xec\xee\xe6\xe5\xf2 \xe1\xfb\xf2\xfc \xee\xf2\xf0\xe8\xf6\xe0\xf2\xe5\xeb\xfc\xed\xee\xe9";
    let ascii = String::from_utf8(program(b"the price")).unwrap();
    let files: [(&str, Vec<u8>, &str); 8] = [
        ("gbk.c", program(gbk), "GBK"),
        ("sjis.c", program(sjis), "Shift_JIS"),
        ("cyrillic.c", program(cyrillic), "windows-1251"),
        ("latin.c", program(b"le prix d\xe9fini \xe0 c\xf4t\xe9"), "windows-1252"),
        (
            "damaged.c",
            program("le prix défini \u{0}".as_bytes())
                .into_iter()
                .map(|b| if b == 0 { 0xff } else { b })
                .collect(),
            "UTF-8, damaged",
        ),
        ("wide.c", utf_16(&ascii, false), "UTF-16LE"),
        ("wide_be.c", utf_16(&ascii.replace("the", "Цена"), true), "UTF-16BE"),
        ("plain.c", ascii.clone().into_bytes(), ""),
    ];
    let repo = TestRepo::new();
    for (name, bytes, _) in &files {
        repo.write(name, bytes);
    }
    repo.commit("encodings");
    let stub = stub();
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &["--no-facts"]).expect(0);
    let rows = rows(&bench);
    for (name, _, encoding) in &files {
        let row = &rows[*name];
        assert_eq!(row.encoding, *encoding, "{name}");
        assert_eq!((row.findings[0].anchored, row.findings[0].line), (true, Some(4)), "{name}");
    }
    let prompts: Vec<String> = stub.requests().into_iter().map(|c| c.prompt).collect();
    for text in ["订单的总价由配置决定", "合計を計算します", "Цена не может быть", "défini à côté"]
    {
        assert!(prompts.iter().any(|p| p.contains(text)), "{text}");
    }
    for (name, read) in [("gbk", "Read as GBK"), ("wide", "Read as UTF-16LE")] {
        let page = bench.out().join(format!("review_{name}.c.md"));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(read), "{page}");
    }
}

#[test]
fn where_nothing_is_reviewed_the_terminal_says_why() {
    let repo = TestRepo::new();
    repo.write("a.bin", b"\0\x01\x02");
    repo.write("b.rs", b"\x7fELF\0\0\x01");
    repo.write("Cargo.lock", b"version = 4\n");
    repo.commit("nothing");
    let bench = Bench::new(None, "");
    let path = repo.path().to_str().unwrap();
    for json in [&["--quiet"][..], &["--json"]] {
        let args = [&["run", path, "--ladder", "builtin"], json].concat();
        let done = bench.run(&args).expect(1);
        let told = "nothing was reviewed; 3 files skipped: ";
        assert!(
            done.stderr.contains(told) && done.stderr.contains("1 lock file"),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn what_people_did_not_write_is_skipped_with_its_reason() {
    let dense = "function a(b,c){return b<c?a(c,b):b-c}var d=[1,2,3].map(function(e){return e*e});";
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let repo = TestRepo::new();
    repo.write("app.js", dense.repeat(10_000).as_bytes());
    repo.write(
        "style.css",
        format!("/* v1 */\n{}\n", "a{b:c}.d>e{f:0 1px}".repeat(500)).as_bytes(),
    );
    repo.write("model.onnx.txt", pointer.as_bytes());
    repo.write("lfs.md", format!("# Pointers\n\n{pointer}").as_bytes());
    repo.write("src/main.rs", b"fn main() {}\n");
    repo.commit("mixed");
    let stub = stub();
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &["--no-facts"]).expect(0);
    assert_eq!(rows(&bench).keys().collect::<Vec<_>>(), ["lfs.md", "src/main.rs"]);
    let skipped = skipped(&bench);
    assert!(skipped["app.js"].starts_with("minified (100 %"), "{skipped:?}");
    assert!(skipped["style.css"].starts_with("minified ("), "{skipped:?}");
    assert_eq!(skipped["model.onnx.txt"], "LFS pointer");
    assert_eq!(stub.requests().len(), 2);
}

#[test]
fn names_in_any_bytes_are_kept_apart_and_marks_in_them_are_shown() {
    let repo = TestRepo::new();
    for name in
        [&b"n\xfe.rs"[..], b"n\xff.rs", "a\u{202e}sr.rs".as_bytes(), "z\u{200b}.rs".as_bytes()]
    {
        std::fs::write(repo.path().join(OsStr::from_bytes(name)), program(b"x")).unwrap();
    }
    repo.commit("names");
    // A quote with marks that turn text round, and a claim that repeats one.
    let quote = format!("{QUOTED} \u{2066}// x\u{2069}");
    let text = String::from_utf8(program(b"y")).unwrap().replace(QUOTED, &quote);
    repo.write("marks.rs", text.as_bytes());
    repo.commit("marks");
    let stub = ModelStub::with(move |call| {
        let quote = if call.prompt.contains('\u{2066}') { quote.as_str() } else { QUOTED };
        let review = answers::markdown_review_quoting("f", &[quote]);
        Reply::ok(review.replace("The error", "The \u{202e}error"))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &["--no-facts"]).expect(0);
    let rows = rows(&bench);
    let names: Vec<_> = rows.keys().map(String::as_str).collect();
    assert_eq!(names, ["a\u{202e}sr.rs", "marks.rs", "n%FE.rs", "n%FF.rs", "z\u{200b}.rs"]);
    for name in std::fs::read_dir(bench.out()).unwrap() {
        let path = name.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let hidden =
            |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}');
        assert!(!text.contains(hidden), "{}", path.display());
        assert!(!path.to_string_lossy().contains(hidden), "{}", path.display());
    }
    let report = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("a\\u{202e}sr.rs") && report.contains("n%FE.rs"), "{report}");
}

#[test]
fn a_state_directory_may_be_as_deep_as_one_likes() {
    let repo = TestRepo::with_files(1);
    let mut bench = Bench::new(None, "");
    let deep = bench.dir.path().join("d".repeat(80)).join("e".repeat(80));
    std::fs::create_dir_all(&deep).unwrap();
    bench = bench.env("SCRUM_STATE_DIR", deep.to_str().unwrap());
    let args = ["run", repo.path().to_str().unwrap(), "--ladder", "builtin"];
    bench.run(&args).expect(0);
    let again = bench.run(&args).expect(0);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert!(deep.join("redis/appendonlydir").is_dir(), "what is kept is kept there");
}

#[test]
fn a_url_of_another_users_repository_says_what_to_do() {
    let repo = TestRepo::with_files(1);
    let url = format!("file://{}", repo.path().display());
    let bench = Bench::new(None, "").env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    let done = bench.run(&["run", &url, "--ladder", "builtin"]).expect(2);
    assert!(done.stderr.contains("belongs to another user"), "{}", done.stderr);
    assert!(done.stderr.contains("git config --global --add safe.directory /"), "{}", done.stderr);
}

/// Everything below a directory.
fn below(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        all.extend(below(&path));
        all.push(path);
    }
    all
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let repo = TestRepo::new();
    repo.write("small.rs", b"fn main() {}\n");
    repo.write("big.rs", large_file(20_000).as_bytes());
    repo.write(
        "gbk.c",
        &program(b"\xb6\xa9\xb5\xa5\xb5\xc4\xd7\xdc\xbc\xdb\xd3\xc9\xc5\xe4\xd6\xc3"),
    );
    repo.write("Cargo.lock", b"version = 4\n");
    repo.write("own/secret.txt", b"kept out\n");
    repo.write(".scrumignore", b"own/\n");
    repo.commit("mixed");
    let stub = stub();
    let bench = Bench::with_stub(None, &stub.openai_url(), &[]);
    let ladder = "name = 'two'\n[[rungs]]\nprovider = 'stub'\nmodel = 'small'\n[[rungs]]\nprovider = 'stub'\n\
                  model = 'large'\ncontext_tokens = 32768\nusd_per_million_in = 1.0\n";
    std::fs::write(bench.ladder(), ladder).unwrap();
    let before = below(bench.dir.path());
    for verb in ["run", "sweep"] {
        let told =
            String::from_utf8(bench.on(verb, &repo, &["--dry-run"]).output().unwrap().stdout)
                .unwrap();
        for said in [
            "would review 4 files of",
            "2 files skipped: 1 lock file, 1 matched by the ignore file",
            "in 6 parts",
            "whole, as GBK",
            "stub/small",
            "stub/large",
            "no model was asked",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
    }
    let out = bench.on("run", &repo, &["--dry-run", "--json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (said["files"].as_array().unwrap().len(), said["skipped"].as_array().unwrap().len()),
        (4, 2)
    );
    assert_eq!(below(bench.dir.path()), before, "nothing is written");
    assert!(stub.requests().is_empty(), "no model is asked");

    // And so it comes.
    bench.review(&repo, &["--no-facts"]).expect(0);
    let calls = stub.requests();
    assert_eq!(said["rungs"][0]["calls"], calls.len(), "{said}");
    let asked: usize = calls.iter().map(|call| call.prompt.len() / 4).sum();
    let reckoned = usize::try_from(said["rungs"][0]["tokens_in"].as_u64().unwrap()).unwrap();
    assert!(reckoned.abs_diff(asked) < asked / 3, "{reckoned} of {asked}");
    assert_eq!((&said["rungs"][1]["calls"], &said["rungs"][1]["whole"]), (&4.into(), &4.into()));

    let nothing = bench.on("run", &repo, &["--dry-run", "--target", "own/**"]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(1));
}

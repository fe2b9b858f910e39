use super::*;
use std::collections::BTreeSet;

#[test]
fn files_are_found_under_their_new_names() {
    let f = Fixture::new();
    let text = |word: &str| (0..40).fold(String::new(), |s, n| s + &format!("{word} {n}\n"));
    for name in ["same.rs", "edited.rs", "gone.rs", "large.rs", "stays.rs", "dir/[x]*.rs"] {
        f.write(name, text(name).as_bytes());
    }
    f.git(&["add", "."]);
    f.git(&["commit", "-qm", "one"]);
    let from = f.git(&["rev-parse", "HEAD"]);
    for name in ["same.rs", "edited.rs", "gone.rs", "large.rs", "dir/[x]*.rs"] {
        std::fs::remove_file(f.path().join(name)).unwrap();
    }
    f.write("src/same.rs", text("same.rs").as_bytes());
    f.write("src/edited.rs", (text("edited.rs") + "one more\n").as_bytes());
    f.write("src/x.rs", (text("dir/[x]*.rs") + "one more\n").as_bytes());
    f.write("src/other.rs", text("nothing like it, not at all").as_bytes());
    f.write("src/large.rs", (text("large.rs") + &"more\n".repeat(60)).as_bytes());
    f.git(&["add", "-A"]);
    f.git(&["commit", "-qm", "two"]);
    let to = f.git(&["rev-parse", "HEAD"]);
    let repo = Repo::open(f.path()).unwrap();
    let asked = |names: &[&str]| -> Vec<(String, String)> {
        let names: BTreeSet<String> = names.iter().map(|n| (*n).to_owned()).collect();
        repo.renames(&from, &to, &names, 700).unwrap().into_iter().collect()
    };
    let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
    let all = asked(&["same.rs", "edited.rs", "gone.rs", "large.rs", "stays.rs", "dir/[x]*.rs"]);
    assert_eq!(
        all,
        [
            pair("dir/[x]*.rs", "src/x.rs"),
            pair("edited.rs", "src/edited.rs"),
            pair("same.rs", "src/same.rs"),
        ]
    );
    assert_eq!(asked(&["edited.rs"]), [pair("edited.rs", "src/edited.rs")]);
    assert_eq!(asked(&["stays.rs", "no-such.rs"]), []);
    assert!(repo.renames(&"0".repeat(40), &to, &BTreeSet::new(), 1_000).is_err());
}

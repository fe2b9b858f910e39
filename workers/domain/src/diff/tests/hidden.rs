//! A change can't hide itself.

use crate::diff::*;

/// Why the one file of a diff is left out; nothing for one that is reviewed.
fn left_out(text: &str, was_text: bool) -> String {
    let mut patch = parse(text.as_bytes()).unwrap();
    patch.files[0].was_text = was_text;
    let plan = bundles(&patch, &Bounds::default(), &|path| path.starts_with("ignored/")).unwrap();
    assert_eq!(plan.left_out.len() + plan.bundles.len(), 1, "{text}");
    plan.left_out.into_iter().map(|left| left.reason).collect()
}

fn head(old: &str, new: &str) -> String {
    let renamed = format!("similarity index 90%\nrename from {old}\nrename to {new}\n");
    let renamed = if old == new { "" } else { &renamed };
    format!("diff --git a/{old} b/{new}\n{renamed}--- a/{old}\n+++ b/{new}\n")
}

#[test]
fn only_what_was_left_out_before_is_left_out_after_a_change() {
    let changed = |lines: &str| {
        let count = |not: &str| lines.lines().filter(|line| !line.starts_with(not)).count();
        format!("{}@@ -1,{} +1,{} @@\n{lines}", head("a.rs", "a.rs"), count("+"), count("-"))
    };
    let added = |lines: &str| {
        let count = lines.lines().count();
        format!(
            "diff --git a/a.rs b/a.rs\nnew file mode 100644\n--- /dev/null\n+++ b/a.rs\n@@ -0,0 +1,{count} @@\n{lines}"
        )
    };
    let renamed = |old, new| format!("{}@@ -1 +1 @@\n-a\n+b\n", head(old, new));
    let binary = "diff --git a/a b/a\nindex 1..2 100644\nBinary files a/a and b/a differ\n";
    let pointer = "+version https://git-lfs.github.com/spec/v1\n+oid sha256:0\n+size 1\n";
    let dense = "var a=1;b(c);".repeat(999);
    let (generated, hidden) = ("generated", "text before the change, now binary or too large");
    for (what, text, was_text, want) in [
        ("a mark put in", changed("+// @generated\n a\n-b\n+evil()\n"), false, ""),
        ("a mark taken out", changed("-// @generated\n a\n-b\n+evil()\n"), false, ""),
        ("a mark that stays", changed(" // @generated\n-a\n+b\n"), false, generated),
        (
            "a mark put in place of another",
            changed("-// @generated\n+# @generated\n"),
            false,
            generated,
        ),
        ("what it made is gone", changed("-// @generated\n-a\n"), false, generated),
        ("all of it is new", changed("-a\n+// @generated\n+b\n"), false, ""),
        ("a pointer instead", changed(&format!("-a\n{pointer}")), false, ""),
        ("one dense line instead", changed(&format!("-a\n+{dense}\n")), false, ""),
        ("a new file with a mark", added("+// @generated\n+a\n"), false, generated),
        ("a new pointer", added(pointer), false, "LFS pointer"),
        ("moved among foreign code", renamed("a.rs", "vendor/a.rs"), false, ""),
        ("moved from there", renamed("vendor/a.rs", "a.rs"), false, ""),
        ("moved within it", renamed("vendor/a.rs", "vendor/b.rs"), false, "vendored"),
        ("moved to what is ignored", renamed("a.rs", "ignored/a.rs"), false, ""),
        (
            "moved within that",
            renamed("ignored/a", "ignored/b"),
            false,
            "matched by the ignore file",
        ),
        ("named like a picture", renamed("a.rs", "a.png"), false, ""),
        ("binary as before", binary.to_owned(), false, "binary (has NUL bytes)"),
        ("binary now", binary.to_owned(), true, hidden),
    ] {
        let got = left_out(&text, was_text);
        assert_eq!(got, want, "{what}");
        assert_eq!(is_hidden(&got), want == hidden, "{what}");
    }
}

#[test]
fn text_of_any_name_that_is_reviewed_can_be_shown() {
    for (path, content, want) in [
        ("a.rs", &b"fn a() {}"[..], true),
        ("a.rs", b"fn a() {}\0", false),
        ("a.rs", b"", false),
        ("a.rs", b"// @generated\nfn a() {}", false),
        ("a.png", b"fn a() {}", false),
    ] {
        assert_eq!(can_be_shown(path, content), want, "{path}");
    }
}

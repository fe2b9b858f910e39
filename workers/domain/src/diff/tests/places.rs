//! Where remarks are put, in diffs that make it hard.

use super::{judge, place};
use crate::accept::Answer;
use crate::diff::{Bounds, Bundle, bundles, parse};
use queue_schema::rows::DiffSide;

/// The same call in two hunks, a file that is deleted, one in capitals without an extension, one with a blank.
const DIFF: &str = "\
diff --git a/lib/run.py b/lib/run.py
--- a/lib/run.py
+++ b/lib/run.py
@@ -2,3 +2,4 @@ def start(job):
     check(job)
+    _queue(job)
     save(job)
     return job
@@ -20,4 +21,3 @@ def stop(job):
     check(job)
-    drop(job)
     log(SQL, job)
     return None
diff --git a/lib/old.py b/lib/old.py
deleted file mode 100644
--- a/lib/old.py
+++ /dev/null
@@ -1,3 +0,0 @@
-def gone(a):
-    b = a
-    return b
diff --git a/docs/how to.md b/docs/how to.md
--- a/docs/how to.md
+++ b/docs/how to.md
@@ -1,1 +1,2 @@
 Read this.
+Run main.py then.
";

fn bundle() -> Bundle {
    let plan = bundles(&parse(DIFF.as_bytes()).unwrap(), &Bounds::default(), &|_| false).unwrap();
    plan.bundles.into_iter().next().unwrap()
}

#[test]
fn a_place_is_found_by_what_is_told_of_it_and_never_made_up() {
    for (told, quote, want) in [
        // A quote that stands twice is told by the line or the function; without one it has no line.
        ("lib/run.py", "check(job)", "lib/run.py - -"),
        ("lib/run.py:21", "check(job)", "lib/run.py 21 stop"),
        ("lib/run.py in stop", "check(job)", "lib/run.py 21 stop"),
        ("", "log(SQL, job)", "lib/run.py 22 stop"),
        ("", "SQL,", "lib/run.py 22 stop"),
        ("", "drop(job)", "lib/run.py old 21 -"),
        // Lines of two hunks are no range that a forge takes.
        ("lib/run.py:3-4", "", "lib/run.py 3-4 start"),
        ("lib/run.py:3-22", "", "lib/run.py 3 start"),
        ("lib/run.py:5-9", "", "lib/run.py 5 start"),
        ("lib/run.py:9-21", "", "lib/run.py 21 stop"),
        ("lib/run.py:900", "", "lib/run.py - - outside"),
        // A name: in what was put in, in what was taken out, elsewhere.
        ("lib/run.py (_queue)", "", "lib/run.py 3 _queue"),
        ("lib/run.py: `drop`", "", "lib/run.py old 21 drop"),
        ("lib/run.py: job", "", "lib/run.py 3 job"),
        ("lib/run.py, save", "", "lib/run.py 4 save"),
        ("lib/run.py: stop", "", "lib/run.py - stop"),
        ("lib/run.py: nothing", "", "lib/run.py - - outside"),
        // A file that is deleted has its old lines.
        ("lib/old.py:2", "", "lib/old.py old 2 gone"),
        ("gone", "", "lib/old.py old 1 gone"),
        // Paths: with blanks, of Windows, of no file of the change.
        ("docs/how to.md:2", "", "docs/how to.md 2 -"),
        ("C:\\repo\\lib\\run.py:3", "_queue(job)", "lib/run.py 3 start"),
        ("lib/main.py:3", "_queue(job)", "- - - outside"),
        ("main.py:3", "_queue(job)", "- - - outside"),
        ("main.swift:3", "_queue(job)", "- - - outside"),
        ("main.py", "_queue(job)", "lib/run.py 3 start"),
        // What is no path, for all its points and colons.
        ("job.execute: in start", "_queue(job)", "lib/run.py 3 start"),
        (".py: all of it", "_queue(job)", "lib/run.py 3 start"),
        ("e.g.: all of it", "_queue(job)", "lib/run.py 3 start"),
    ] {
        let text = format!(
            "SEVERITY: WARN\nWHERE: {told}\nQUOTE: {quote}\nWHAT: This goes wrong\nVERDICT: hold"
        );
        let answer = Answer { text: &text, ..Answer::default() };
        let opinion = judge(&answer, &bundle(), "f3nce").unwrap();
        let remark = &opinion.remarks[0];
        let mut got = place(remark);
        if let (Some(first), Some(last)) = (remark.line, remark.end_line)
            && last > first
        {
            got = got.replacen(&format!("{first}"), &format!("{first}-{last}"), 1);
        }
        assert_eq!(got, want, "{told} {quote}");
        assert!(
            opinion.remarks.len() == 1 && (remark.side == DiffSide::New || got.contains("old"))
        );
    }
}

#[test]
fn paths_are_read_as_git_quotes_them() {
    for (quoted, path) in [
        (r#"a\t\"b\\c"#, "a\t\"b\\c"),
        (r"\a\b\n\v\f\r", "\u{7}\u{8}\n\u{b}\u{c}\r"),
        (r#"\303\244 \""#, "ä \""),
    ] {
        let heads =
            format!("diff --git \"a/{quoted}\" \"b/{quoted}\"\nold mode 100644\nnew mode 100755\n");
        let patch = parse(heads.as_bytes()).unwrap();
        assert_eq!(patch.files[0].path(), path);
        let one_quoted =
            format!("diff --git a/x y \"b/{quoted}\"\n--- a/x y\n+++ \"b/{quoted}\"\n");
        let patch = parse(format!("{one_quoted}@@ -1 +1 @@\n-a\n+b\n").as_bytes()).unwrap();
        assert_eq!(
            (patch.files[0].old_path(), patch.files[0].path()),
            ("x y".to_owned(), path.to_owned())
        );
    }
    let message = "@@ no hunk\n\ndiff --git a/x b/x\n@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(parse(message.as_bytes()).unwrap().files.len(), 1);
}

#[test]
fn what_fits_a_prompt_to_the_byte_is_not_split() {
    let whole = bundle();
    let (run, _) = DIFF.split_once("diff --git a/lib/old.py").unwrap();
    let of = |text: &str, split_over: usize| -> Vec<(String, usize)> {
        let bounds = Bounds { split_over, warn_over: 99, refuse_over: 9_999, force: true };
        let plan = bundles(&parse(text.as_bytes()).unwrap(), &bounds, &|_| false).unwrap();
        plan.bundles.into_iter().map(|bundle| (bundle.name, bundle.text.len())).collect()
    };
    assert_eq!(of(DIFF, whole.text.len()), [("./".to_owned(), whole.text.len())]);
    let parts = [("docs/".to_owned(), 70), ("lib/".to_owned(), whole.text.len() - 70)];
    assert_eq!(of(DIFF, whole.text.len() - 1), parts);
    let [(_, size)] = of(run, 9_999)[..] else { panic!("one bundle") };
    assert_eq!(of(run, size), [("lib/run.py".to_owned(), size)]);
    let names: Vec<String> = of(run, size - 1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lib/run.py, hunk 1 of 2", "lib/run.py, hunk 2 of 2"]);
}

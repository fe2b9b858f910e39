//! What does not grow with the sweep.

use super::*;

/// Lines of an overview, however large its sweep is.
const MOST_LINES: usize = 500;

/// A sweep of which every list is long, with texts as long as they may be.
fn large(each: usize) -> Whole {
    let long = "A claim that says much. ".repeat(40);
    let mut whole = sweep("x", "src/a.rs");
    whole.files.clear();
    let reviewed = |path: &str, findings: Vec<Finding>, history: &[Attempt]| {
        let mut done = file(path, TargetStatus::Resolved);
        done.row = Some(row(path, findings, history));
        done
    };
    let one = [attempt(1, Outcome::Accepted, "")];
    let two = [attempt(1, Outcome::Thin, &long), attempt(2, Outcome::Accepted, "")];
    for n in 0..each {
        let minor = || finding(FindingKind::Suggestion, &long, Some(3));
        let mut grave = finding(FindingKind::CriticalFailure, "It loses data", Some(7));
        grave.confidence = Some(if n == each - 1 { 99 } else { 60 });
        whole.files.push(reviewed(&format!("telling/{n}.rs"), vec![minor(), grave, minor()], &two));
        whole.files.push(reviewed(&format!("clean/{n}.rs"), Vec::new(), &two));
        let mut unread = reviewed(&format!("unread/{n}.rs"), Vec::new(), &one);
        unread.row.as_mut().unwrap().suggestions_preview =
            format!("## Observations\n{}", "- **load** leaks\n".repeat(60));
        whole.files.push(unread);
        let statuses = [
            TargetStatus::Unresolved,
            TargetStatus::LeftOut,
            TargetStatus::Waiting,
            TargetStatus::Skipped,
        ];
        for status in statuses {
            let mut other = file(&format!("{}/{n}.rs", status.code()), status);
            other.attempts = vec![attempt(1, Outcome::Malformed, &long)];
            other.dead_reason = Some(long.clone());
            whole.files.push(other);
        }
    }
    whole
}

#[test]
fn the_overview_of_a_large_sweep_is_short_and_names_the_gravest_findings() {
    let few = render(&large(1)).lines().count();
    let (report, pages) = markdown(&large(60));
    let lines = report.lines().count();
    assert!(few < lines && lines <= MOST_LINES, "{few} and {lines} lines:\n{report}");
    assert!(report.len() <= 64 << 10, "{} bytes", report.len());
    assert!(
        report.contains("\n\nAnd 130 more: they are in the files' pages\n\n## Files with"),
        "{report}"
    );
    assert!(
        report.contains("\n\nAnd 35 more: [scrum_files.md](scrum_files.md)\n\n# Unres"),
        "{report}"
    );
    assert_eq!(report.matches("## Further findings").count(), 1);
    // The surest of the gravest comes first, though it is the last file of the plan.
    let first = report.split("# Findings\n\n").nth(1).unwrap();
    let want = "## 1. It loses data\n\n**critical** critical failure, [`telling/59.rs:7`](review_telling_59.rs.md), 99% sure\n";
    assert!(first.starts_with(want), "{first}");
    let listed = "\n50. **critical**, [`telling/48.rs:7`](review_telling_48.rs.md), 60% sure: It loses data\n";
    assert!(report.contains(listed), "{report}");
    assert!(report.contains("- Findings: **60 critical, 120 minor in 60 files**"));
    for (title, more) in
        [("# Unresolved", 30), ("# Left out", 45), ("# Not done", 30), ("Skipped: 60 files", 30)]
    {
        let section = report.split(title).nth(1).unwrap().split("\n# ").next().unwrap();
        let said = section.split("\nAnd ").nth(1).unwrap().split(" more: ").next().unwrap();
        assert!(said.parse::<u32>().unwrap() >= more, "{title}: {said}");
        assert!(section.contains("[scrum_files.md](scrum_files.md)"), "{section}");
    }
    // What is cut there is whole in the pages, each of which is bounded as well.
    assert_eq!(pages.len(), 5 * 60);
    let (_, page) = pages.iter().find(|(name, _)| name == "review_telling_7.rs.md").unwrap();
    assert!(page.contains("## 3. A claim that") && page.contains("thin, 120 characters"), "{page}");
    assert!(pages.iter().all(|(_, page)| page.len() <= 16 << 10));
}

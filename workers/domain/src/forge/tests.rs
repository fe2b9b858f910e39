//! What is done at a request, from what is there and what should be, and the texts of it.

use super::body::{self, Placed};
use super::*;
use queue_schema::rows::{DiffFinding, DiffRemark, FindingState};
use std::collections::BTreeSet;

const LENGTHS: Lengths = Lengths { comment: 60_000, status: 140 };

fn finding(print: &str, line: Option<u32>) -> Finding {
    Finding {
        fingerprint: print.to_owned(),
        about: String::new(),
        path: "a.rs".to_owned(),
        line,
        side: Side::New,
        severity: Severity::Warn,
        title: format!("Trouble {print}"),
        body: "It leaks.".to_owned(),
        reviewers: vec!["opus".to_owned()],
    }
}

fn publication(findings: Vec<Finding>) -> Publication {
    Publication {
        head: "2222222222222222".to_owned(),
        context: "fleet".to_owned(),
        state: State::Failed,
        headline: "Some findings".to_owned(),
        notes: Vec::new(),
        complete: true,
        findings,
        left_out: Vec::new(),
        target_url: None,
    }
}

/// A request at the head of [`publication`].
fn request() -> Existing {
    Existing { head: publication(Vec::new()).head, open: true, ..Existing::default() }
}

/// The comment that a review of a head made of a finding.
fn posted(id: u64, print: &str, head: &str) -> Posted {
    let of = Publication { head: head.to_owned(), ..publication(Vec::new()) };
    let body = body::inline(&finding(print, Some(3)), &of);
    Posted { id, thread: None, path: "a.rs".to_owned(), body, resolved: false }
}

/// The summary of a review of a head, which lists these comments and refusals.
fn summary(head: &str, posted: &str, refused: &str) -> Note {
    let mark = Marker::new(body::SUMMARY).with("c", "fleet").with("h", head);
    let body = mark.with("posted", posted).with("refused", refused).written();
    Note { id: 9, body: format!("{body}\nText") }
}

fn refused(prints: &[&str]) -> BTreeSet<String> {
    prints.iter().map(|print| (*print).to_owned()).collect()
}

/// What is done in short, and how many findings have a comment, stand in the summary, are gone.
fn planned(existing: &Existing, of: &Publication, refused: &BTreeSet<String>) -> String {
    let plan = plan(existing, of, refused, 3, LENGTHS);
    let actions = plan.actions.iter().map(|action| match action {
        Action::DropPending(id) => format!("drop {id}"),
        Action::Review(all) => {
            let all: Vec<_> = all.iter().map(|c| format!("{}:{}", c.fingerprint, c.line)).collect();
            format!("review {}", all.join(" "))
        }
        Action::Resolve { comment, .. } => format!("resolve {}", comment.id),
        Action::Status { state, text } => format!("{state:?} '{text}'"),
        Action::CreateSummary(_) => "summary".to_owned(),
        Action::EditSummary(note) => format!("summary {}", note.id),
    });
    let actions: Vec<String> = actions.collect();
    let Outcome { inline, in_summary, gone, closed, moved } = plan.outcome;
    let ended = if closed { " closed" } else { "" }.to_owned() + if moved { " moved" } else { "" };
    format!("{} = {inline} {in_summary} {gone}{ended}", actions.join(", "))
}

#[test]
fn what_is_there_decides_what_is_done() {
    let (now, before) = ("2222222222222222", "1111111111111111");
    let of = |lines: &[(&str, u32)]| {
        publication(lines.iter().map(|(print, line)| finding(print, Some(*line))).collect())
    };
    let two = of(&[("f1", 3), ("f2", 4)]);
    let shown = [("a.rs".to_owned(), FileLines::read("a.rs", "@@ -3,1 +3,1 @@\n-x\n+y\n"))];
    let with = |comments: Vec<Posted>| Existing { comments, ..request() };
    let resolved = |comment: Posted| Posted { resolved: true, ..comment };
    let said_gone = |comment: Posted| Posted { body: body::gone(&comment.body, &two), ..comment };
    let of_another =
        |comment: Posted| Posted { body: comment.body.replace("c=fleet", "c=x"), ..comment };
    let unmarked = |path: &str, title: &str| {
        let body = format!("**WARN** {title}\n\nText");
        with(vec![Posted { path: path.to_owned(), body, ..posted(1, "f1", now) }])
    };
    let noted = |note: Note| Existing { notes: vec![note], ..request() };
    let none = refused(&[]);
    let both = with(vec![posted(1, "f1", before), posted(2, "f2", now)]);
    let long = "long ".repeat(100);
    let long_title = Publication {
        findings: vec![Finding { title: long.clone(), ..finding("f1", Some(3)) }],
        ..publication(Vec::new())
    };
    let cut = format!("{}…", &long[..299]);
    let wide = Existing {
        comments: vec![resolved(posted(7, "f0", now)), posted(8, "f8", now)],
        ..request()
    };
    let fail = "Failed 'Some findings'";
    let about = |about: &str, finding| Finding { about: about.to_owned(), ..finding };
    let said = |all: &[(&str, &str)]| {
        let all = all.iter().map(|(print, of)| about(of, finding(print, Some(3))));
        publication(all.collect())
    };
    let told = |id, print: &str, of: &str| {
        let body = body::inline(&about(of, finding(print, Some(3))), &said(&[]));
        Posted { body, ..posted(id, print, now) }
    };
    let left_out = |state| Publication { left_out: vec!["a.rs".to_owned()], state, ..of(&[]) };
    let hidden = "Unreviewed 'Some findings', summary = 0 0 0".to_owned();
    #[rustfmt::skip]
    let cases = [
        ("closed", Existing { open: false, ..request() }, two.clone(), &none, " = 0 0 0 closed".to_owned()),
        ("pushed over", Existing { head: "3".to_owned(), ..both.clone() }, two.clone(), &none, format!("{fail} = 0 0 0 moved")),
        ("new", request(), two.clone(), &none, format!("review f1:3 f2:4, {fail}, summary = 2 0 0")),
        ("begun and not sent", Existing { pending: vec![7, 8], ..request() }, of(&[]), &none, format!("drop 7, drop 8, {fail}, summary = 0 0 0")),
        ("no line, or none of the change", Existing { lines: Some(DiffLines { files: shown.into() }), ..request() }, publication(vec![finding("f1", Some(3)), finding("f2", Some(4)), finding("f3", None), Finding { path: "b.rs".to_owned(), ..finding("f4", Some(3)) }]), &none, format!("review f1:3, {fail}, summary = 1 3 0")),
        ("the same twice", request(), of(&[("f1", 3), ("f1", 9)]), &none, format!("review f1:3, {fail}, summary = 1 1 0")),
        ("more than may be posted", request(), of(&[("f1", 1), ("f2", 2), ("f3", 3), ("f4", 4)]), &none, format!("review f1:1 f2:2 f3:3, {fail}, summary = 3 1 0")),
        ("some of this head are there", wide, Publication { complete: false, ..two.clone() }, &none, format!("review f1:3, {fail}, summary = 1 1 0")),
        ("all is there", both.clone(), two.clone(), &none, format!("{fail}, summary = 2 0 0")),
        ("one is gone", both.clone(), of(&[("f2", 7)]), &none, format!("resolve 1, {fail}, summary = 1 0 1")),
        ("not all was reviewed", both.clone(), Publication { complete: false, ..of(&[]) }, &none, format!("{fail}, summary = 0 0 0")),
        ("in other words", with(vec![told(1, "f1", "q1")]), said(&[("f9", "q1")]), &none, format!("{fail}, summary = 1 0 0")),
        ("of other code", with(vec![told(1, "f1", "q1")]), said(&[("f9", "q2")]), &none, format!("review f9:3, resolve 1, {fail}, summary = 1 0 1")),
        ("of no code", with(vec![posted(1, "f1", now)]), said(&[("f9", "")]), &none, format!("review f9:3, resolve 1, {fail}, summary = 1 0 1")),
        ("two of one code", with(vec![told(1, "f1", "q1")]), said(&[("f8", "q1"), ("f9", "q1")]), &none, format!("review f9:3, {fail}, summary = 2 0 0")),
        ("one known, one in other words", with(vec![told(1, "f1", "q1"), told(2, "f2", "q1")]), said(&[("f9", "q1"), ("f1", "q1")]), &none, format!("{fail}, summary = 2 0 0")),
        ("the open one first", with(vec![resolved(told(1, "f1", "q1")), told(2, "f2", "q1")]), said(&[("f9", "q1")]), &none, format!("{fail}, summary = 1 0 1")),
        ("its file is left out", both.clone(), left_out(State::Failed), &none, format!("{fail}, summary = 0 0 0")),
        ("that makes no pass", both.clone(), left_out(State::Passed), &none, hidden),
        ("but by hand", with(vec![resolved(posted(1, "f1", before))]), left_out(State::Passed), &none, "Passed 'Some findings', summary = 0 0 0".to_owned()),
        ("gone before", with(vec![resolved(posted(1, "f1", before)), said_gone(posted(2, "f2", before))]), of(&[]), &none, format!("{fail}, summary = 0 0 2")),
        ("come back", with(vec![resolved(posted(1, "f1", before)), said_gone(posted(2, "f2", before))]), two.clone(), &none, format!("{fail}, summary = 0 2 0")),
        ("of another name", with(vec![of_another(posted(1, "f1", now))]), of(&[("f1", 3)]), &none, format!("review f1:3, {fail}, summary = 1 0 0")),
        ("of another kind", Existing { notes: vec![Note { id: 5, body: posted(1, "f1", now).body }], ..with(vec![Posted { body: summary(now, "f1", "").body, ..posted(1, "f1", now) }]) }, of(&[("f1", 3)]), &none, format!("review f1:3, {fail}, summary = 1 0 0")),
        ("the mark is gone", unmarked("a.rs", "Trouble f1"), of(&[("f1", 3)]), &none, format!("{fail}, summary = 1 0 0")),
        ("the mark of a long one", unmarked("a.rs", &cut), long_title, &none, format!("{fail}, summary = 1 0 0")),
        ("the same in another file", unmarked("b.rs", "Trouble f1"), of(&[("f1", 3)]), &none, format!("review f1:3, {fail}, summary = 1 0 0")),
        ("deleted by hand", noted(summary(before, "f1,f3", "")), two.clone(), &none, format!("review f2:4, {fail}, summary 9 = 1 1 0")),
        ("refused now", request(), two.clone(), &refused(&["f2"]), format!("review f1:3, {fail}, summary = 1 1 0")),
        ("refused before, at this head", noted(summary(now, "", "f2")), two.clone(), &none, format!("review f1:3, {fail}, summary 9 = 1 1 0")),
        ("refused before, at another", noted(summary(before, "", "f2")), two.clone(), &none, format!("review f1:3 f2:4, {fail}, summary 9 = 2 0 0")),
    ];
    for (name, existing, publication, refused, want) in cases {
        assert_eq!(planned(&existing, &publication, refused), want, "{name}");
    }
    // What has been done is not done again, however the forge ends its lines.
    let Some(Action::CreateSummary(text)) = plan(&both, &two, &none, 3, LENGTHS).actions.pop()
    else {
        panic!("no summary")
    };
    let body = format!("{}\r\n \n", text.replace('\n', " \r\n"));
    let done = Existing { notes: vec![Note { id: 9, body }], ..both };
    assert_eq!(planned(&done, &two, &none), " = 2 0 0");
}

#[test]
fn a_comment_names_both_paths_and_both_numbers_of_a_line_that_stayed() {
    let hunks = "@@ -2,3 +3,3 @@\n a\n-b\n+B\n c\n";
    let files = [("a.rs".to_owned(), FileLines::read("old.rs", hunks))].into();
    let lines = Some(DiffLines { files });
    let old = |line| Finding { side: Side::Old, ..finding("f", Some(line)) };
    let new = |line| finding("f", Some(line));
    for (existing, finding, want) in [
        (Existing { lines: lines.clone(), ..request() }, new(3), Some(("old.rs", 3, Some(2)))),
        (Existing { lines: lines.clone(), ..request() }, new(4), Some(("old.rs", 4, None))),
        (Existing { lines: lines.clone(), ..request() }, old(3), Some(("old.rs", 3, None))),
        (Existing { lines, ..request() }, old(4), None),
        (request(), old(4), Some(("a.rs", 4, None))),
    ] {
        let of = publication(vec![finding.clone()]);
        let plan = plan(&existing, &of, &BTreeSet::new(), 3, LENGTHS);
        let got = match &plan.actions[0] {
            Action::Review(all) => Some(all[0].clone()),
            _ => None,
        };
        let want = want.map(|(old_path, line, other_line)| Inline {
            fingerprint: "f".to_owned(),
            path: "a.rs".to_owned(),
            old_path: old_path.to_owned(),
            side: finding.side,
            line,
            other_line,
            body: body::inline(&finding, &of),
        });
        assert_eq!(got, want);
    }
}

#[test]
fn comments_say_what_is_wrong_who_says_it_and_where_the_rest_is() {
    let several = vec!["opus".to_owned(), "kimi".to_owned()];
    let agreed = Finding { reviewers: several, ..finding("f1", Some(3)) };
    let bare = Finding { body: String::new(), severity: Severity::Block, ..finding("f2", None) };
    let of = Publication {
        notes: vec!["qwen did not answer #3".to_owned()],
        ..publication(vec![agreed.clone(), bare])
    };
    let comment = body::inline(&agreed, &of);
    assert_eq!(
        comment,
        "<!-- scrum-fleet:finding c=fleet f=f1 h=2222222222222222 -->\n**WARN** Trouble f1\n\nIt leaks.\n\nSaid by `opus`, `kimi`."
    );
    let next = Publication { head: "3333333333333333".to_owned(), ..publication(Vec::new()) };
    assert_eq!(
        body::gone(&format!("\n{comment}"), &next),
        "<!-- scrum-fleet:finding c=fleet f=f1 gone=3333333333333333 h=2222222222222222 -->\n**Gone** in `333333333333`.\n\n**WARN** Trouble f1\n\nIt leaks.\n\nSaid by `opus`, `kimi`."
    );
    let head = |word: &str, marks: &str| {
        format!(
            "<!-- scrum-fleet:summary c=fleet h=2222222222222222{marks} -->\n### Review: {word}\n\nSome findings\n- qwen did not answer \\#\u{200b}3\n"
        )
    };
    let reviewed = "\nReviewed: `222222222222`\n";
    let last = "\n**BLOCK** Trouble f2 · `a.rs`\n\nSaid by `opus` alone.\n";
    let placed = Placed {
        inline: refused(&["f1"]),
        posted: refused(&["f0", "f1"]),
        refused: refused(&["f9"]),
        gone: 1,
    };
    let full = format!(
        "{}\n**WARN** Trouble f1 · `a.rs:3`\n\nIt leaks.\n\nSaid by `opus`, `kimi`.\n{last}{reviewed}",
        head("Held up", "")
    );
    let short = format!(
        "{}\n**WARN** Trouble f1 · `a.rs:3` · see the comment\n{last}\n1 finding of earlier reviews: not there any more.\n{reviewed}",
        head("Passed", " posted=f0,f1 refused=f9")
    );
    let left = |n: &str| format!("\n{n} left out here: the comment would be too long.\n{reviewed}");
    let start = head("Not reviewed enough", "");
    let room = start.chars().count() + last.chars().count() + 12_000;
    for (state, placed, most, want) in [
        (State::Failed, Placed::default(), 60_000, full),
        (State::Passed, placed, 60_000, short),
        // The second is the shorter one.
        (
            State::Unreviewed,
            Placed::default(),
            room,
            format!("{start}{last}{}", left("1 finding is")),
        ),
        (
            State::Unreviewed,
            Placed::default(),
            room - 1,
            format!("{start}{}", left("2 findings are")),
        ),
    ] {
        assert_eq!(body::summary(&Publication { state, ..of.clone() }, &placed, most), want);
    }
}

#[test]
fn findings_of_a_change_are_published_where_the_change_holds_them() {
    let row = |path: Option<&str>, outside: bool, state: Option<FindingState>| DiffFinding {
        sweep_id: String::new(),
        id: "f".to_owned(),
        repo: String::new(),
        base: String::new(),
        head: String::new(),
        bundle: String::new(),
        reviewers: vec!["opus".to_owned()],
        convergent: false,
        severity: Severity::Warn,
        remark: DiffRemark {
            path: path.map(str::to_owned),
            line: Some(3),
            what: "Trouble f".to_owned(),
            why: Some("It leaks.".to_owned()),
            place: "in b.rs".to_owned(),
            outside,
            ..DiffRemark::default()
        },
        state,
        ts: String::new(),
        schema_version: 1,
    };
    let elsewhere = |path: &str| Finding { path: path.to_owned(), ..finding("f", None) };
    for (path, outside, state, want) in [
        (Some("a.rs"), false, None, Some(finding("f", Some(3)))),
        (Some("a.rs"), false, Some(FindingState::New), Some(finding("f", Some(3)))),
        (Some("a.rs"), true, None, Some(elsewhere("a.rs"))),
        (None, false, None, Some(elsewhere("in b.rs"))),
        (Some("a.rs"), false, Some(FindingState::Fixed), None),
        (Some("a.rs"), false, Some(FindingState::Dismissed), None),
    ] {
        let rows = [row(path, outside, state)];
        let got = publication(vec![finding("before", None)]).with_findings(&rows).findings;
        assert_eq!(got, want.into_iter().collect::<Vec<_>>());
    }
    // What they are about is known again by code alone, however it is set.
    let of = |path: Option<&str>, quote: Option<&str>| {
        let row = row(path, false, None);
        let remark = DiffRemark { quote: quote.map(str::to_owned), ..row.remark };
        Finding::from(&DiffFinding { remark, ..row }).about
    };
    let quoted = of(Some("a.rs"), Some("f( x )"));
    assert_eq!((quoted.len(), &quoted), (16, &of(Some("a.rs"), Some("f(x)"))));
    assert!(![of(Some("b.rs"), Some("f(x)")), of(Some("a.rs"), Some("f(y)"))].contains(&quoted));
    assert_eq!(
        [of(Some("a.rs"), None), of(Some("a.rs"), Some(" ")), of(None, Some("f(x)"))],
        ["", "", ""]
    );
    let states = [0, 1, 2].map(Publication::state_of);
    assert_eq!(states, [State::Passed, State::Failed, State::Unreviewed]);
}

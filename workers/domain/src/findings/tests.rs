use super::*;
use proptest::prelude::*;
use queue_schema::ids::FindingId;
use queue_schema::records::{KeptFinding as Known, Sighting};
use queue_schema::rows::{Finding, FindingKind};
use std::collections::BTreeMap;

/// The findings of a file over its history.
#[derive(Default)]
struct Ledger {
    known: BTreeMap<FindingId, Known>,
    before: Option<String>,
    seq: u64,
}

impl Ledger {
    /// A review that quotes some code, with its claims; the states of what it says, in order.
    fn review(&mut self, source: &str, said: &[(&str, &str)]) -> (Vec<&'static str>, Settled) {
        self.seq += 1;
        let mut findings: Vec<Finding> = said
            .iter()
            .map(|(quote, text)| Finding {
                quote: Some((*quote).to_owned()),
                place: text.split_once(" in ").map(|(_, place)| place.to_owned()),
                ..Finding::new(FindingKind::Suggestion, *text)
            })
            .collect();
        crate::anchor::anchor(&mut findings, "a.py", source);
        let view = View::new("a.py", source);
        let old = self.before.as_ref().map(|old| View::new("a.py", old));
        let map = self.before.as_ref().map(|old| LineMap::new(old, source));
        let at = Sighting { seq: self.seq, at_ms: self.seq * 1000, ..Sighting::default() };
        let settled = settle(
            &findings,
            &self.all(),
            &[],
            &Look {
                memory: "m",
                path: "a.py",
                view: &view,
                said: &Said { at, ..Said::default() },
                unchanged: self.before.as_deref() == Some(source),
                before: old.as_ref().zip(map.as_ref()),
            },
        );
        for (id, observed) in &settled.observed {
            let known = self.known.entry(id.clone()).or_default();
            (known.id, known.observed) = (id.clone(), observed.clone());
        }
        for (id, looked, seen) in &settled.counts {
            let known = self.known.entry(id.clone()).or_default();
            (known.looked, known.seen) = (known.looked + looked, known.seen + seen);
        }
        self.before = Some(source.to_owned());
        let states = settled.marks.iter().flatten().map(|mark| mark.state.as_str()).collect();
        (states, settled)
    }

    fn all(&self) -> Vec<Known> {
        self.known.values().cloned().collect()
    }

    fn dismiss(&mut self, id: &str) {
        let known = self.known.get_mut(id).unwrap();
        let code = known.observed.code.clone();
        known.decided =
            Some(Decided { dismissed: true, why: "meant".into(), code, ..Decided::default() });
    }

    /// State, looks and sightings of each, in the order in which they were first said.
    fn states(&self) -> Vec<(&'static str, u64, u64)> {
        let mut all = self.all();
        all.sort_by_key(|k| (k.observed.first.seq, k.observed.line));
        let of = |k: &Known| state(&k.observed, k.decided.as_ref(), self.seq * 1000);
        all.iter().map(|k| (of(k).as_str(), k.looked, k.seen)).collect()
    }
}

const FILE: &str = "import os\n\ndef load(path):\n    try:\n        return open(path).read()\n    except Exception:\n        return None\n\ndef size(items):\n    return len(items) - 1\n";
const SWALLOWS: (&str, &str) = ("except Exception:", "`load` swallows every error");
const OFF: (&str, &str) = ("return len(items) - 1", "`size` is one too small");

/// What a review of the changed file says, and how it stands then; then what stands at all.
#[test]
fn findings_are_followed_through_what_happens_to_their_code() {
    let moved = FILE.replace("import os\n", "import os\nimport sys\n\n\nX = 1\n");
    let reindented = FILE.replace("    ", "\t");
    let neighbours =
        FILE.replace("return None", "return b''").replace("open(path)", "open(path, 'rb')");
    let narrowed = FILE.replace("except Exception:", "except (OSError, ValueError):");
    let twice = format!(
        "{FILE}\n\ndef load_all(path):\n    try:\n        return 1\n    except Exception:\n        return 2\n"
    );
    let renamed = FILE.replace("def load(", "def read(");
    let gone = FILE.replace("except Exception:", "except OSError:");
    let narrow = ("except (OSError, ValueError):", "`load` swallows every error still");
    let in_all = ("except Exception:", "`load_all` swallows every error in load_all");
    let reworded = ("except Exception:", "`load` hides all errors from its caller");
    let in_read = ("except Exception:", "`read` swallows every error");
    let parted = ("return open(path).read()\n    except Exception:", "`load` swallows every error");
    let moved_parted = moved.replace("len(items) - 1", "len(items) - 2");
    for (what, source, said, states, ledger) in [
        (
            "the same",
            FILE,
            vec![SWALLOWS, OFF],
            vec!["open", "open"],
            vec![("open", 2, 2), ("open", 2, 2)],
        ),
        ("not repeated", FILE, vec![OFF], vec!["open"], vec![("open", 2, 1), ("open", 2, 2)]),
        ("in other words", FILE, vec![reworded, OFF], vec!["open"; 2], vec![("open", 2, 2); 2]),
        ("moved", &moved, vec![SWALLOWS, OFF], vec!["open", "open"], vec![("open", 2, 2); 2]),
        ("moved, not repeated", &moved, vec![], vec![], vec![("open", 2, 1); 2]),
        ("reindented", &reindented, vec![OFF, SWALLOWS], vec!["open"; 2], vec![("open", 2, 2); 2]),
        (
            "neighbours",
            &neighbours,
            vec![SWALLOWS],
            vec!["open"],
            vec![("open", 2, 2), ("open", 2, 1)],
        ),
        ("changed", &narrowed, vec![narrow, OFF], vec!["changed", "open"], vec![("open", 2, 2); 2]),
        (
            "function renamed",
            &renamed,
            vec![in_read],
            vec!["open"],
            vec![("open", 2, 2), ("open", 2, 1)],
        ),
        (
            "function renamed, not repeated",
            &renamed,
            vec![OFF],
            vec!["open"],
            vec![("open", 2, 1), ("open", 2, 2)],
        ),
        (
            "duplicated",
            &twice,
            vec![in_all, SWALLOWS],
            vec!["new", "open"],
            vec![("open", 2, 2), ("open", 2, 1), ("open", 1, 1)],
        ),
        ("quoted in part", FILE, vec![parted, OFF], vec!["open", "open"], vec![("open", 2, 2); 2]),
        (
            "quoted in part in a file that changed elsewhere",
            &moved_parted,
            vec![parted],
            vec!["open"],
            vec![("open", 2, 2), ("fixed", 2, 1)],
        ),
        ("fixed", &gone, vec![OFF], vec!["open"], vec![("fixed", 2, 1), ("open", 2, 2)]),
        (
            "split",
            &moved,
            vec![SWALLOWS, in_all, OFF],
            vec!["open", "new", "open"],
            vec![("open", 2, 2), ("open", 2, 2), ("open", 1, 1)],
        ),
    ] {
        let mut l = Ledger::default();
        assert_eq!(l.review(FILE, &[SWALLOWS, OFF]).0, ["new", "new"], "{what}");
        assert_eq!(l.review(source, &said).0, states, "{what}");
        assert_eq!(l.states(), ledger, "{what}");
    }
}

#[test]
fn one_of_several_equal_places_is_fixed_by_itself() {
    let def = |name: &str, code: &str| format!("def {name}(x):\n    {code}\n\n");
    let file = |a, b| [def("a", a), def("b", b), def("c", "return None")].concat();
    let (none, some) = ("return None", "return x");
    let said = |name: &'static str| ("return None", name);
    let mut l = Ledger::default();
    let claims = [
        said("`a` gives nothing in a"),
        said("`b` gives nothing in b"),
        said("`c` gives nothing in c"),
    ];
    assert_eq!(l.review(&file(none, none), &claims).0, ["new"; 3]);
    // The one in `a` is mended; the others are not said again.
    let (_, settled) = l.review(&file(some, none), &[]);
    assert_eq!((settled.gone.len(), settled.unrepeated), (1, 2));
    assert!(settled.gone[0].text.contains("`a`"), "{:?}", settled.gone);
    // It comes back, and is said without its name: nothing else is meant by that line.
    let (states, _) = l.review(&file(none, none), &claims);
    assert_eq!(states, ["reopened", "open", "open"]);
    assert_eq!(l.review(&file(none, none), &claims).0, ["open"; 3], "reopened once");
    assert_eq!(l.states()[0].0, "reopened", "until somebody decides");
}

#[test]
fn what_a_review_does_not_repeat_is_gone_only_with_its_code() {
    let unused = ("import os", "`os` is unused");
    let without = FILE.replace("import os\n", "");
    for (source, gone, unrepeated) in [(FILE, 0, 1), (&*without, 1, 0)] {
        let mut l = Ledger::default();
        l.review(FILE, &[unused, OFF]);
        let known = l.all();
        let (_, settled) = l.review(source, &[OFF]);
        assert_eq!((settled.gone.len(), settled.unrepeated), (gone, unrepeated), "{source}");
        let stands = |known: &Known| stands_in(&known.observed, "a.py", source, Some(FILE));
        assert_eq!(known.iter().filter(|k| !stands(k)).count(), gone, "{source}");
    }
}

#[test]
fn an_audit_and_a_proof_are_shown_at_the_code_that_they_are_about() {
    use queue_schema::records::{Audited, Proven};
    use queue_schema::rows::{AuditVerdict, FindingAudit, FindingProof};
    let mut l = Ledger::default();
    l.review(FILE, &[SWALLOWS]);
    let (verdict, why, sweep) = (AuditVerdict::Upheld, String::new(), String::new());
    let audit = FindingAudit { verdict, upheld: 3, rejected: 0, voters: 3, why, sweep };
    for (other_code, shown) in [(false, true), (true, false)] {
        for known in l.known.values_mut() {
            let code = if other_code { "another" } else { &known.observed.code }.to_owned();
            known.audited = Some(Audited { audit: audit.clone(), at_ms: 1, code: code.clone() });
            known.proven = Some(Proven { proof: FindingProof::default(), at_ms: 1, code });
        }
        let more = ("except Exception:\n        return None", SWALLOWS.1);
        for said in [SWALLOWS, more] {
            let (_, settled) = l.review(FILE, &[said]);
            let mark = settled.marks[0].as_ref().unwrap();
            assert_eq!((mark.audit.is_some(), mark.proven.is_some()), (shown, shown), "{said:?}");
        }
    }
}

#[test]
fn what_a_person_dismissed_comes_back_only_with_other_code() {
    let changed = FILE.replace("except Exception:", "except BaseException:");
    let gone = FILE.replace("except Exception:", "except OSError:");
    let base = ("except BaseException:", SWALLOWS.1);
    let more = ("except Exception:\n        return None", SWALLOWS.1);
    let moved = FILE.replace("import os\n", "import os\nimport sys\n");
    for (what, steps) in [
        ("same", vec![(FILE.to_owned(), vec![SWALLOWS], "dismissed")]),
        (
            "same, quoted with the next line",
            vec![
                (FILE.to_owned(), vec![more], "dismissed"),
                (moved, vec![more], "dismissed"),
                (changed.clone(), vec![base], "reopened"),
            ],
        ),
        ("layout", vec![(FILE.replace("    ", "  "), vec![SWALLOWS], "dismissed")]),
        (
            "changed",
            vec![
                (changed.clone(), vec![base], "reopened"),
                (changed.clone(), vec![base], "open"),
                (FILE.to_owned(), vec![SWALLOWS], "dismissed"),
            ],
        ),
        (
            "gone and back",
            vec![(gone.clone(), vec![], ""), (FILE.to_owned(), vec![SWALLOWS], "dismissed")],
        ),
        ("gone and back, changed", vec![(gone, vec![], ""), (changed, vec![base], "new")]),
    ] {
        let mut l = Ledger::default();
        let (_, settled) = l.review(FILE, &[SWALLOWS]);
        l.dismiss(&settled.observed[0].0);
        for (source, said, want) in steps {
            let (states, settled) = l.review(&source, &said);
            assert_eq!(states.first().copied().unwrap_or_default(), want, "{what}");
            let why = settled.marks.iter().flatten().any(|m| m.why.is_some());
            assert_eq!(why, want == "dismissed", "{what}");
        }
    }
}

#[test]
fn what_is_said_of_a_review_is_said_of_the_code_that_the_ledger_knows() {
    let finding = |quote: &str| Finding {
        quote: Some(quote.to_owned()),
        ..Finding::new(FindingKind::Suggestion, SWALLOWS.1)
    };
    let (short, long) = (SWALLOWS.0, "except Exception:\n        return None");
    let view = View::new("a.py", FILE);
    let at = Sighting { sweep: "first".into(), ..Sighting::default() };
    let said = Said { at, ..Said::default() };
    let observed = |quote: &str| observe(&finding(quote), &view, &said);
    let code = |quote: &str| observed(quote).code;
    let gone = "except BaseException:";
    for (known, said, sweep, want) in [
        (Some(short), long, "second", short),
        (Some(long), short, "second", long),
        (Some(gone), short, "second", short),
        (Some(gone), short, "first", gone),
        (None, long, "second", long),
    ] {
        let known = known.map(observed);
        let found = code_in(&view, &finding(said), known.as_ref(), sweep);
        assert_eq!(found, code(want), "{known:?} {said}");
    }
}

#[test]
fn a_decision_holds_until_its_end() {
    let observed = Observed { code: "k".into(), ..Observed::default() };
    let decided =
        Decided { dismissed: true, code: "k".into(), until_ms: Some(10), ..Decided::default() };
    let reopened = Decided { dismissed: false, ..decided.clone() };
    let back = Observed { came_back: Some(2), ..observed.clone() };
    let fixed = Observed { fixed: Some(2), ..observed.clone() };
    for (observed, decided, now, want) in [
        (&observed, None, 0, "open"),
        (&observed, Some(&decided), 9, "dismissed"),
        (&observed, Some(&decided), 10, "open"),
        (&observed, Some(&reopened), 0, "open"),
        (&back, None, 0, "reopened"),
        (&back, Some(&decided), 0, "dismissed"),
        (&back, Some(&reopened), 0, "open"),
        (&fixed, Some(&decided), 0, "fixed"),
    ] {
        assert_eq!(state(observed, decided, now).as_str(), want);
    }
}

#[test]
fn a_finding_that_comes_from_another_file_is_the_same() {
    let mut l = Ledger::default();
    l.review(FILE, &[SWALLOWS]);
    let mut other = l.all();
    other[0].observed.fixed = Some(2);
    let view = View::new("b.py", FILE);
    let mut finding = Finding::new(FindingKind::Suggestion, SWALLOWS.1);
    finding.quote = Some(SWALLOWS.0.to_owned());
    let look = Look {
        memory: "m",
        path: "b.py",
        view: &view,
        said: &Said::default(),
        unchanged: false,
        before: None,
    };
    let settled = settle(&[finding.clone()], &[], &other, &look);
    let mark = settled.marks[0].as_ref().unwrap();
    assert_eq!((mark.state, &mark.id), (FindingState::Open, &other[0].id));
    assert_eq!(settled.counts, [(other[0].id.clone(), 2, 2)]);
    assert_eq!(settled.moved, [other[0].id.clone()]);
    let copied = settle(&[finding], &[], &[], &look);
    assert_eq!(copied.marks[0].as_ref().unwrap().state, FindingState::New);
}

fn likenesses(most: usize) -> impl Strategy<Value = Vec<Likeness>> {
    let one =
        ("[ab]", "[xy]?", 1u32..6, "[a-d ]{0,8}").prop_map(|(code, name, line, words)| Likeness {
            code,
            names: (!name.is_empty()).then_some(name.clone()).into_iter().collect(),
            symbol: Some(name.clone()),
            pattern: (!name.is_empty()).then_some(name),
            words: words.split(' ').map(str::to_owned).collect(),
            lines: Some((line, line)),
        });
    proptest::collection::vec(one, 0..most)
}

proptest! {
    #[test]
    fn each_old_one_is_used_once_whatever_the_order_of_the_new_ones(
        old in likenesses(8), new in likenesses(8), turn in 0usize..8,
    ) {
        let old: Vec<Older> = old.into_iter().map(|like| Older { now: like.lines, like }).collect();
        let found = matching_by_all(&old, &new);
        let mut used: Vec<usize> = found.iter().flatten().copied().collect();
        used.sort_unstable();
        let all = used.len();
        used.dedup();
        prop_assert_eq!(used.len(), all);
        // No pair that the surest rule joins is left over.
        for (i, one) in new.iter().enumerate().filter(|(i, _)| found[*i].is_none()) {
            let missed = old.iter().enumerate().any(|(j, known)| {
                !used.contains(&j) && known.like.code == one.code && known.like.names == one.names
            });
            prop_assert!(!missed, "{} of {:?}", i, &new);
        }
        let mut turned = new.clone();
        turned.rotate_left(turn % new.len().max(1));
        let pairs = |new: &[Likeness], found: &[Option<usize>]| {
            let mut all: Vec<String> =
                new.iter().zip(found).map(|(n, f)| format!("{f:?} {n:?}")).collect();
            all.sort();
            all
        };
        prop_assert_eq!(pairs(&turned, &matching_by_all(&old, &turned)), pairs(&new, &found));
    }
}

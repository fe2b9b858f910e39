//! Each operator in each language, on samples; and what holds for all mutations of real sources.

use super::*;
use crate::builtin::lex;
use std::collections::BTreeSet;

mod lines;

const RUST: &str = r#"
fn total(lo: u32, hi: u32, store: &Store) -> Result<u32, Error> {
    let _guard = store.lock.lock().unwrap();
    if lo < hi && hi > 0 {
        return Err(Error::Range);
    }
    let wait_ms = store.secs * 1000;
    store.flush(wait_ms)?;
    handle.join().unwrap();
    if lo == 0 {
        store.note("a < b == c + 1 // no");
        return Ok(hi);
    }
    // lo < hi + 1
    let width = clamp(lo, hi);
    for i in 0..width {
        store.push(width + 1, 25);
    }
    Ok(width + hi)
}
"#;

const PYTHON: &str = r#"
async def total(lo, hi, store):
    """lo < hi and lo == 1."""
    if lo is None:
        raise ValueError("a < b")
    await store.flush()
    seconds = store.ms / 1000
    with store.lock:
        store.width = hi - lo
        store.count = store.count + 1
    for i in range(hi):
        if lo <= i and i not in store.seen:
            store.put(lo, hi, 25)
    if not store.ready:
        store.warm()
        store.x = lo == hi
    return lo + hi
"#;

const SCRIPT: &str = r"
async function total(lo, hi, store) {
  if (!store) {
    throw new Error('a < b');
  }
  await store.flush();
  const seconds = store.ms / 1000;
  await mutex.acquire();
  for (let i = 0; i < hi; i++) {
    store.put(lo, hi, 25);
  }
  if (lo === hi && store.ready) {
    store.warm();
  }
  return lo + hi;
}
";

const GO: &str = r"
func (s *Store) Total(lo, hi int, wg *sync.WaitGroup) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.read(lo, hi)
	if err != nil {
		return 0, err
	}
	wg.Wait()
	millis := s.seconds * 1000
	for i := 0; i < hi; i++ {
		s.sum = s.sum + data[i]
		s.left = s.left - 1
	}
	if lo == hi && lo >= 25 {
		s.count += 30
		return lo, nil
	}
	_, err = s.write(lo, millis)
	return s.sum, err
}
";

const JAVA: &str = r"
class Store {
    int total(int lo, int hi, Worker worker) throws Exception {
        if (worker == null) {
            throw new IllegalStateException();
        }
        worker.join();
        long millis = this.seconds * 1000;
        synchronized (this) {
            this.sum = lo + hi;
        }
        for (int i = 0; i < hi; i++) {
            this.put(lo, hi, 25);
        }
        if (lo <= hi && hi != 0) {
            this.count = this.count - 1;
            return lo;
        }
        return hi;
    }
}
";

const C: &str = r"
int total(int lo, int hi, struct store *s)
{
    if (s == NULL)
        return -1;
    if (lo > hi) return -2;
    pthread_mutex_lock(&s->mutex);
    pthread_join(s->thread, NULL);
    long millis = s->seconds * 1000;
    for (int i = 0; i < hi; i++) {
        put(lo, hi, 25);
        s->sum += s->data[i];
    }
    if (lo == hi && s->ready) {
        s->count = s->count - 1;
        return lo;
    }
    return lo + hi;
}
";

/// What must be among the mutations of a sample: the category, the changed lines, what stands there then.
type Expected = &'static [(&'static str, &'static str, &'static str)];

#[rustfmt::skip]
const SAMPLES: [(&str, &str, Expected); 6] = [
    ("src/a.rs", RUST, &[
        ("operator", "if lo < hi && hi > 0 {", "if lo < hi || hi > 0 {"),
        ("operator", "Ok(width + hi)", "Ok(width - hi)"),
        ("bound", "if lo < hi && hi > 0 {", "if lo <= hi && hi > 0 {"),
        ("constant", "store.push(width + 1, 25);", "store.push(width + 1, 12);"),
        ("unit", "let wait_ms = store.secs * 1000;", "let wait_ms = store.secs;"),
        ("swapped_arguments", "let width = clamp(lo, hi);", "let width = clamp(hi, lo);"),
        ("dropped_await", "handle.join().unwrap();", ""),
        ("dropped_check", "if lo < hi && hi > 0 {|return Err(Error::Range);|}", ""),
        ("dropped_check", "store.flush(wait_ms)?;", "let _ = store.flush(wait_ms);"),
        ("dropped_lock", "let _guard = store.lock.lock().unwrap();", ""),
        ("dropped_return", "return Ok(hi);", ""),
        ("inverted_condition", "if lo == 0 {", "if lo != 0 {"),
        ("wrong_variable", "let width = clamp(lo, hi);", "let width = clamp(hi, hi);"),
        ("off_by_one", "for i in 0..width {", "for i in 1..width {"),
        ("off_by_one", "store.push(width + 1, 25);", "store.push(width, 25);"),
    ]),
    ("src/a.py", PYTHON, &[
        ("operator", "store.width = hi - lo", "store.width = hi + lo"),
        ("operator", "if lo <= i and i not in store.seen:", "if lo <= i or i not in store.seen:"),
        ("bound", "if lo <= i and i not in store.seen:", "if lo < i and i not in store.seen:"),
        ("constant", "store.put(lo, hi, 25)", "store.put(lo, hi, 12)"),
        ("unit", "seconds = store.ms / 1000", "seconds = store.ms"),
        ("swapped_arguments", "store.put(lo, hi, 25)", "store.put(hi, lo, 25)"),
        ("dropped_await", "await store.flush()", "store.flush()"),
        ("dropped_check", "if lo is None:|raise ValueError(\"a < b\")", ""),
        ("dropped_lock", "with store.lock:|store.width = hi - lo|store.count = store.count + 1",
         "store.width = hi - lo|store.count = store.count + 1"),
        ("dropped_return", "return lo + hi", "lo + hi"),
        ("inverted_condition", "if lo is None:", "if lo is not None:"),
        ("inverted_condition", "if not store.ready:", "if store.ready:"),
        ("wrong_variable", "store.width = hi - lo", "store.width = store - lo"),
        ("off_by_one", "for i in range(hi):", "for i in range(1, hi):"),
        ("off_by_one", "store.count = store.count + 1", "store.count = store.count"),
    ]),
    ("src/a.ts", SCRIPT, &[
        ("operator", "return lo + hi;", "return lo - hi;"),
        ("bound", "for (let i = 0; i < hi; i++) {", "for (let i = 0; i <= hi; i++) {"),
        ("constant", "store.put(lo, hi, 25);", "store.put(lo, hi, 12);"),
        ("unit", "const seconds = store.ms / 1000;", "const seconds = store.ms;"),
        ("swapped_arguments", "store.put(lo, hi, 25);", "store.put(hi, lo, 25);"),
        ("dropped_await", "await store.flush();", "store.flush();"),
        ("dropped_check", "if (!store) {|throw new Error('a < b');|}", ""),
        ("dropped_lock", "await mutex.acquire();", ""),
        ("dropped_return", "return lo + hi;", "lo + hi;"),
        ("inverted_condition", "if (!store) {", "if (store) {"),
        ("inverted_condition", "if (lo === hi && store.ready) {", "if (lo !== hi && store.ready) {"),
        ("wrong_variable", "return lo + hi;", "return hi + hi;"),
        ("off_by_one", "for (let i = 0; i < hi; i++) {", "for (let i = 1; i < hi; i++) {"),
    ]),
    ("a.go", GO, &[
        ("operator", "s.sum = s.sum + data[i]", "s.sum = s.sum - data[i]"),
        ("operator", "if lo == hi && lo >= 25 {", "if lo == hi || lo >= 25 {"),
        ("bound", "for i := 0; i < hi; i++ {", "for i := 0; i <= hi; i++ {"),
        ("constant", "s.count += 30", "s.count += 15"),
        ("unit", "millis := s.seconds * 1000", "millis := s.seconds"),
        ("swapped_arguments", "data, err := s.read(lo, hi)", "data, err := s.read(hi, lo)"),
        ("dropped_await", "wg.Wait()", ""),
        ("dropped_check", "if err != nil {|return 0, err|}", ""),
        ("dropped_lock", "s.mu.Lock()|defer s.mu.Unlock()", ""),
        ("dropped_return", "return lo, nil", ""),
        ("inverted_condition", "if err != nil {", "if err == nil {"),
        ("wrong_variable", "data, err := s.read(lo, hi)", "data, err := s.read(hi, hi)"),
        ("off_by_one", "s.sum = s.sum + data[i]", "s.sum = s.sum + data[i + 1]"),
        ("off_by_one", "for i := 0; i < hi; i++ {", "for i := 1; i < hi; i++ {"),
    ]),
    ("src/Store.java", JAVA, &[
        ("operator", "this.sum = lo + hi;", "this.sum = lo - hi;"),
        ("bound", "if (lo <= hi && hi != 0) {", "if (lo < hi && hi != 0) {"),
        ("constant", "this.put(lo, hi, 25);", "this.put(lo, hi, 12);"),
        ("unit", "long millis = this.seconds * 1000;", "long millis = this.seconds;"),
        ("swapped_arguments", "this.put(lo, hi, 25);", "this.put(hi, lo, 25);"),
        ("dropped_await", "worker.join();", ""),
        ("dropped_check", "if (worker == null) {|throw new IllegalStateException();|}", ""),
        ("dropped_lock", "synchronized (this) {", "{"),
        ("dropped_return", "return lo;", ""),
        ("inverted_condition", "if (worker == null) {", "if (worker != null) {"),
        ("wrong_variable", "return hi;", "return lo;"),
        ("off_by_one", "this.count = this.count - 1;", "this.count = this.count;"),
    ]),
    ("src/a.c", C, &[
        ("operator", "return lo + hi;", "return lo - hi;"),
        ("bound", "if (lo > hi) return -2;", "if (lo >= hi) return -2;"),
        ("constant", "put(lo, hi, 25);", "put(lo, hi, 12);"),
        ("unit", "long millis = s->seconds * 1000;", "long millis = s->seconds;"),
        ("swapped_arguments", "put(lo, hi, 25);", "put(hi, lo, 25);"),
        ("dropped_await", "pthread_join(s->thread, NULL);", ""),
        ("dropped_check", "if (lo > hi) return -2;", ""),
        ("dropped_lock", "pthread_mutex_lock(&s->mutex);", ""),
        ("dropped_return", "return lo;", ""),
        ("inverted_condition", "if (lo == hi && s->ready) {", "if (lo != hi && s->ready) {"),
        ("wrong_variable", "return lo + hi;", "return hi + hi;"),
        ("off_by_one", "for (int i = 0; i < hi; i++) {", "for (int i = 1; i < hi; i++) {"),
        ("off_by_one", "s->sum += s->data[i];", "s->sum += s->data[i + 1];"),
    ]),
];

fn shown(lines: &[String]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("|")
}

#[test]
fn every_operator_works_in_every_language() {
    for (path, source, expected) in SAMPLES {
        let found: BTreeSet<(String, String, String)> = every(path, source)
            .iter()
            .map(|m| (m.category.as_str().to_owned(), shown(&m.was), shown(&m.now)))
            .collect();
        for (category, was, now) in expected {
            let wanted = ((*category).to_owned(), (*was).to_owned(), (*now).to_owned());
            let near: Vec<_> = found.iter().filter(|f| f.0 == *category).collect();
            assert!(found.contains(&wanted), "{path}: {wanted:?} is not among {near:#?}");
        }
        let categories: BTreeSet<&str> = expected.iter().map(|e| e.0).collect();
        assert_eq!(categories.len(), Category::ALL.len(), "{path} shows every category");
    }
}

#[test]
fn comments_strings_and_lines_that_only_log_are_left_alone() {
    for (path, source, _) in SAMPLES {
        for mutation in every(path, source) {
            let was = shown(&mutation.was);
            assert!(!was.starts_with("//") && !was.contains("no\");"), "{path}: {mutation:?}");
            assert!(!was.contains("\"\"\""), "{path}: {mutation:?}");
            if was.contains("a < b") {
                assert_eq!(mutation.category, Category::DroppedCheck, "{path}: {mutation:?}");
            }
        }
    }
    let tests =
        "#[cfg(test)]\nmod tests {\n    fn f(a: u32, b: u32) -> u32 {\n        a + b\n    }\n}\n";
    assert_eq!(every("src/a.rs", tests), []);
    assert_eq!(every("tests/a.rs", RUST), []);
    assert_eq!(every("a.md", "if a < b {\n"), []);
}

/// The marks of strings and the brackets of a file.
fn shape(path: &str, source: &str) -> (usize, i64, i64, i64) {
    let code: String =
        lex::code_of(path, source).into_iter().map(|(code, _)| code + "\n").collect();
    let count = |c: char| i64::try_from(code.matches(c).count()).unwrap();
    let open = |a, b| count(a) - count(b);
    let marks = code.matches('"').count() % 2;
    (marks, open('(', ')'), open('[', ']'), open('{', '}'))
}

/// What must hold for any mutation of any source.
fn check(path: &str, source: &str, mutation: &Mutation) {
    let told = || format!("{path}: {mutation:?}");
    let mutated = mutation.apply(source).unwrap_or_else(|| panic!("does not apply: {}", told()));
    assert_ne!(mutated, source, "{}", told());
    let (old, new): (Vec<&str>, Vec<&str>) = (source.lines().collect(), mutated.lines().collect());
    let first = mutation.first as usize - 1;
    // Exactly the stated lines.
    assert_eq!(old[..first], new[..first], "{}", told());
    let (behind_old, behind_new) = (first + mutation.was.len(), first + mutation.now.len());
    assert_eq!(old[behind_old..], new[behind_new..], "{}", told());
    assert_eq!(new[first..behind_new], mutation.now[..], "{}", told());
    let (from, to) = mutation.seeded();
    assert!(1 <= from && from <= to && to as usize <= new.len(), "{}: {from} to {to}", told());
    // It can still be taken apart.
    assert_eq!(shape(path, source), shape(path, &mutated), "{}", told());
    let ends = |text: &str| (text.ends_with('\n'), text.matches("\r\n").count());
    let lost = mutation.was.len().saturating_sub(mutation.now.len());
    let ((last_a, ends_a), (last_b, ends_b)) = (ends(source), ends(&mutated));
    assert_eq!(last_a, last_b, "{}", told());
    assert!(ends_a <= ends_b + lost && ends_b <= ends_a, "{}", told());
}

#[test]
fn a_mutation_changes_exactly_the_stated_lines_and_the_file_still_lexes() {
    let mut checked = 0;
    for (path, source, _) in SAMPLES {
        for source in
            [source.to_owned(), source.replace('\n', "\r\n"), source.trim_end().to_owned()]
        {
            for mutation in every(path, &source) {
                check(path, &source, &mutation);
                checked += 1;
            }
        }
    }
    // Sources as people write them: those of this crate.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
    for name in ["split.rs", "anchor.rs", "text.rs", "estimate.rs", "builtin/lex.rs", "redact.rs"] {
        let source = std::fs::read_to_string(format!("{root}{name}")).unwrap();
        for mutation in every(name, &source) {
            check(name, &source, &mutation);
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
}

#[test]
fn a_seed_chooses_the_same_mutations_and_another_one_others() {
    let chosen = |seed| mutations("src/a.rs", RUST, seed);
    assert_eq!(chosen(1), chosen(1));
    assert_ne!(chosen(1), chosen(2));
    let all = chosen(1);
    for category in Category::ALL {
        let n = all.iter().filter(|m| m.category == category).count();
        assert!((1..=MOST_OF_CATEGORY).contains(&n), "{}: {n}", category.as_str());
    }
}

#[test]
fn a_file_that_has_changed_is_not_mutated() {
    let mutation = every("src/a.rs", RUST).remove(0);
    assert_eq!(mutation.apply(&RUST.replace("total", "other").replace("lock", "block")), None);
    assert_eq!(mutation.apply("one\nline"), None);
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in "[a-z(){}<>=!&|+*\"'/#:;,. \n0-9]{0,200}") {
        for path in ["a.rs", "a.py", "a.js", "a.go", "A.java", "a.c"] {
            let source = format!("fn f(a: u32, b: u32) {{\n{text}\n}}\ndef g(a, b):\n    {text}\n");
            for mutation in every(path, &source) {
                let mutated = mutation.apply(&source);
                proptest::prop_assert!(mutated.is_some_and(|m| m != source), "{:?}", mutation);
            }
        }
    }
}

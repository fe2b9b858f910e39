//! All that is changed of some lines: what each language makes of them, and what is left alone.

use super::*;

/// All mutations of the lines of a function, each as `CATEGORY: WHAT STANDS THERE THEN`.
fn changes(path: &str, head: &str, body: &str) -> Vec<String> {
    let text = |m: &Mutation| {
        let now = if m.now.is_empty() { "-".to_owned() } else { shown(&m.now) };
        format!("{}: {now}", m.category.as_str())
    };
    let end = if path.ends_with(".py") { "" } else { "\n}" };
    let source = format!("{head}\n{body}{end}\n");
    every(path, &source).iter().map(text).collect()
}

const RUST: &str =
    "fn f(a: u32, b: u32, name: &str, text: &str, list: &mut Vec<u32>, done: bool) -> u32 {";
const PYTHON: &str = "def f(a, b, *rest, self=None):";
const SCRIPT: &str = "async function f(a, b) {";
const GO: &str = "func (s *Store) F(a, b int, name string) (int, error) {";
const JAVA: &str = "int f(int a, int b, String name) {";
const C: &str = "int f(int a, int b, char *name) {";

#[test]
fn lines_are_changed_as_said_and_not_otherwise() {
    let mut all = Vec::new();
    for (path, head, bodies) in [
        ("a.rs", RUST, RUST_LINES),
        ("a.py", PYTHON, PYTHON_LINES),
        ("a.ts", SCRIPT, SCRIPT_LINES),
        ("a.go", GO, GO_LINES),
        ("A.java", JAVA, JAVA_LINES),
        ("a.c", C, C_LINES),
    ] {
        for (body, want) in bodies {
            let got = changes(path, head, body);
            if got != *want {
                all.push(format!("{path} {body:?}, &{got:?}"));
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

type Lines = &'static [(&'static str, &'static [&'static str])];

#[rustfmt::skip]
const RUST_LINES: Lines = &[
    ("    let x = a + b;", &["operator: let x = a - b;", "wrong_variable: let x = b + b;", "wrong_variable: let x = a + a;"]),
    ("    let x = a +b;", &["wrong_variable: let x = b +b;", "wrong_variable: let x = a +a;"]),
    ("    let x: impl Fn + Send = g;", &[]),
    ("    let s = text + \"  \";", &["wrong_variable: let s = name + \"  \";"]),
    ("    x %= a % b;", &["operator: x %= a / b;", "wrong_variable: x %= b % b;", "wrong_variable: x %= a % a;"]),
    ("    if done {\n        g();\n    }", &["inverted_condition: if !done {"]),
    ("    if !done {\n        g();\n    }", &["inverted_condition: if done {"]),
    ("    if !done && x {\n        g();\n    }", &["operator: if !done || x {"]),
    ("    if x.get(a + b) {\n        g();\n    }", &["operator: if x.get(a - b) {", "inverted_condition: if !x.get(a + b) {", "wrong_variable: if x.get(b + b) {", "wrong_variable: if x.get(a + a) {"]),
    ("    if x.get(a) < b {\n        g();\n    }", &["bound: if x.get(a) <= b {", "wrong_variable: if x.get(b) < b {", "wrong_variable: if x.get(a) < a {"]),
    ("    if x as bool {\n        g();\n    }", &["inverted_condition: if !x as bool {"]),
    ("    if let Some(x) = done {\n        g();\n    }", &[]),
    ("    while x.next() {\n        g();\n    }", &["inverted_condition: while !x.next() {"]),
    ("    match a {\n        1 => b * 2,\n        20 => true,\n    }", &["operator: 1 => b / 2,", "wrong_variable: 1 => a * 2,"]),
    ("    let x = g(a, 9, 2_000_000_000, 010, 1);", &["constant: let x = g(a, 90, 2_000_000_000, 010, 1);", "wrong_variable: let x = g(b, 9, 2_000_000_000, 010, 1);"]),
    ("    let x = secs * 1000 + ms * 7;", &["operator: let x = secs / 1000 + ms * 7;", "operator: let x = secs * 1000 - ms * 7;", "operator: let x = secs * 1000 + ms / 7;", "unit: let x = secs + ms * 7;", "constant: let x = secs * 500 + ms * 7;", "constant: let x = secs * 1000 + ms * 70;"]),
    ("    x *= 1000;", &["constant: x *= 500;"]),
    ("    let x = secs*60;", &["constant: let x = secs*30;"]),
    ("    for i in 0..list.len() {\n        g(i);\n    }", &["off_by_one: for i in 1..list.len() {"]),
    ("    for i in 0..=list.len() {\n        g(i);\n    }", &["off_by_one: for i in 1..=list.len() {", "off_by_one: for i in 0..list.len() {"]),
    ("    let x = (0..25).sum();", &[]),
    ("    g(true, false);", &["constant: g(false, false);", "constant: g(true, true);"]),
    ("    while true {\n        g();\n    }", &["inverted_condition: while !true {"]),
    ("    return true;", &["constant: return false;"]),
    ("    x = list[i] + list[a + 1];", &["operator: x = list[i] - list[a + 1];", "operator: x = list[i] + list[a - 1];", "off_by_one: x = list[i + 1] + list[a + 1];", "off_by_one: x = list[i] + list[a];", "wrong_variable: x = list[i] + list[b + 1];"]),
    ("    let [i] = x;", &[]),
    ("    let x = -1;", &[]),
    ("    g(text, name);", &["swapped_arguments: g(name, text);", "wrong_variable: g(name, name);", "wrong_variable: g(text, text);"]),
    ("    g(a, name);", &["wrong_variable: g(b, name);", "wrong_variable: g(a, text);"]),
    ("    g(a, a);", &["wrong_variable: g(b, a);", "wrong_variable: g(a, b);"]),
    ("    max(a, b);", &["wrong_variable: max(b, b);", "wrong_variable: max(a, a);"]),
    ("    x.await;", &["dropped_await: x;"]),
    ("    let x = g().await;", &[]),
    ("    g().await?;", &[]),
    ("    g(a)?;", &["dropped_check: let _ = g(a);", "wrong_variable: g(b)?;"]),
    ("    let x = g(a)?;", &["wrong_variable: let x = g(b)?;"]),
    ("    return g(a)?;", &["wrong_variable: return g(b)?;"]),
    ("    x = y\n        .g(a)?;", &["wrong_variable: .g(b)?;"]),
    ("    let x = t.join().unwrap();", &[]),
    ("    return t.wait();", &[]),
    ("    if a < b { return 1; }\n    g();", &["dropped_check: -", "bound: if a <= b { return 1; }", "wrong_variable: if a < a { return 1; }"]),
    ("    if a < b { g(); return 1; }\n    g();", &["bound: if a <= b { g(); return 1; }", "wrong_variable: if a < a { g(); return 1; }"]),
    ("    if a < b { x = 1; }\n    g();", &["bound: if a <= b { x = 1; }", "wrong_variable: if a < a { x = 1; }"]),
    ("    if done {\n        return 1;\n    } else {\n        g();\n    }", &["inverted_condition: if !done {"]),
    ("    if done {\n        g();\n        return a;\n    }\n    g();", &["inverted_condition: if !done {", "dropped_return: -", "wrong_variable: return b;"]),
    ("    let _ = m.lock();", &[]),
    ("    let _g = m.read();", &["dropped_lock: -"]),
    ("    let _g = m.other();", &[]),
    ("    let guard = m.lock();", &[]),
    ("    log::info!(\"  \", a + b);", &[]),
    ("    println!(\"  \", a + b);", &[]),
    ("    #[cfg(x)]\n    use a::b;", &[]),
    ("    let f = |a| a;\n    list.push(a);\n    S { a, b }", &["wrong_variable: let f = |b| a;", "wrong_variable: let f = |a| b;", "wrong_variable: list.push(b);"]),
];
#[rustfmt::skip]
const PYTHON_LINES: Lines = &[
    ("    x = a", &["wrong_variable: x = b"]),
    ("    x: int = a * b", &["operator: x: int = a / b", "wrong_variable: x: int = b * b", "wrong_variable: x: int = a * a"]),
    ("    if a is b:\n        g()", &["inverted_condition: if a is not b:"]),
    ("    if a is not b:\n        g()", &["inverted_condition: if a is b:"]),
    ("    if a in b:\n        g()", &["inverted_condition: if a not in b:", "wrong_variable: if a in a:"]),
    ("    if a not in b:\n        g()", &["inverted_condition: if a in b:", "wrong_variable: if a not in a:"]),
    ("    if a in b and b:\n        g()", &["operator: if a in b or b:"]),
    ("    if not a or b:\n        g()", &["operator: if not a and b:"]),
    ("    if (a):\n        g()", &["wrong_variable: if (b):"]),
    ("    if g(a):\n        g()", &["inverted_condition: if not g(a):", "wrong_variable: if g(b):"]),
    ("    while x.y:\n        g()", &["inverted_condition: while not x.y:"]),
    ("    for i in range(a):\n        g(i)", &["off_by_one: for i in range(1, a):", "wrong_variable: for i in range(b):"]),
    ("    for i in range(2, b):\n        g(i)", &["constant: for i in range(20, b):", "wrong_variable: for i in range(2, a):"]),
    ("    for i in a:\n        g(i)", &["wrong_variable: for i in b:"]),
    ("    x = [y for y in a if y]", &[]),
    ("    x = True\n    g(x=False)", &["constant: x = False", "constant: g(x=True)"]),
    ("    g(a, None, b)", &["wrong_variable: g(b, None, b)", "wrong_variable: g(a, None, a)"]),
    ("    g(a.x, b)", &["swapped_arguments: g(b, a.x)", "wrong_variable: g(b.x, b)", "wrong_variable: g(a.x, a)"]),
    ("    g(a + 1, b)", &["operator: g(a - 1, b)", "off_by_one: g(a, b)", "wrong_variable: g(b + 1, b)", "wrong_variable: g(a + 1, a)"]),
    ("    g('', a)", &["wrong_variable: g('', b)"]),
    ("    g(self, a)", &["wrong_variable: g(self, b)"]),
    ("    isinstance(a, b)", &["wrong_variable: isinstance(b, b)", "wrong_variable: isinstance(a, a)"]),
    ("    async for x in await y:\n        g()", &["dropped_await: async for x in y:"]),
    ("    for await x in y:\n        g()", &[]),
    ("    if a:\n        return\n    g()", &["dropped_check: -", "inverted_condition: if not a:"]),
    ("    if a:\n        return\n    else:\n        g()", &["inverted_condition: if not a:"]),
    ("    if a:\n        g()\n        return\n    g()", &["inverted_condition: if not a:"]),
    ("    if a:\n        g()\n    g()", &["inverted_condition: if not a:"]),
    ("    if x:\n        if a:\n            return\n    g()", &["inverted_condition: if not x:", "inverted_condition: if not a:"]),
    ("    if x:\n        if a:\n            return\n        g()\n    g()", &["inverted_condition: if not x:", "dropped_check: -", "inverted_condition: if not a:"]),
    ("    if a: return\n    g()", &["inverted_condition: if not a: return"]),
    ("    with lock:\n        g()\n\n        h()\n    k()", &["dropped_lock: g()||h()"]),
    ("    async with self.mutex:\n        g()", &["dropped_lock: g()"]),
    ("    with lock as x:\n        g()", &[]),
    ("    with open(a) as x:\n        g()", &["wrong_variable: with open(b) as x:"]),
    ("    with lock:\n        g(\"\"\"\nx\"\"\")", &["dropped_lock: g(\"\"\""]),
    ("    with lock:\n        a1()\n        a2()\n        a3()\n        a4()\n        a5()\n        a6()\n        a7()\n        a8()\n        a9()\n        a10()\n        a11()\n        a12()", &["dropped_lock: a1()|a2()|a3()|a4()|a5()|a6()|a7()|a8()|a9()|a10()|a11()|a12()"]),
    ("    with lock:\n        a1()\n        a2()\n        a3()\n        a4()\n        a5()\n        a6()\n        a7()\n        a8()\n        a9()\n        a10()\n        a11()\n        a12()\n        a13()", &[]),
    ("    return (x)", &["dropped_return: (x)"]),
    ("    return None", &[]),
    ("    return -1", &[]),
    ("    raise E(a + b)", &[]),
    ("    @x\n    import a\n    x = {a: 1, b: 2}", &["constant: x = {a: 1, b: 20}"]),
];
#[rustfmt::skip]
const SCRIPT_LINES: Lines = &[
    ("  const x = a - b;", &["operator: const x = a + b;", "wrong_variable: const x = b - b;", "wrong_variable: const x = a - a;"]),
    ("  if (a.b) {\n    g();\n  }", &["inverted_condition: if (!a.b) {", "wrong_variable: if (b.b) {"]),
    ("  if (!(a && b)) {\n    g();\n  }", &["operator: if (!(a || b)) {", "inverted_condition: if ((a && b)) {", "wrong_variable: if (!(b && b)) {", "wrong_variable: if (!(a && a)) {"]),
    ("  if (!a && b) {\n    g();\n  }", &["operator: if (!a || b) {", "wrong_variable: if (!b && b) {", "wrong_variable: if (!a && a) {"]),
    ("  if (a) return b;\n  g();", &["dropped_check: -", "inverted_condition: if (!a) return b;", "wrong_variable: if (b) return b;", "wrong_variable: if (a) return a;"]),
    ("  if (a) return b;\n  else g();", &["inverted_condition: if (!a) return b;", "wrong_variable: if (b) return b;", "wrong_variable: if (a) return a;"]),
    ("  if (a) return b\n  g();", &["inverted_condition: if (!a) return b", "wrong_variable: if (b) return b", "wrong_variable: if (a) return a"]),
    ("  if (a) {\n    g(() => {\n      x();\n    })\n  }", &["inverted_condition: if (!a) {", "wrong_variable: if (b) {"]),
    ("  if (a) {\n    return b\n  }\n  g();", &["dropped_check: -", "inverted_condition: if (!a) {", "wrong_variable: if (b) {", "dropped_return: b", "wrong_variable: return a"]),
    ("  for await (const x of y) {\n    g();\n  }", &[]),
    ("  await m.lock();", &["dropped_await: m.lock();", "dropped_lock: -"]),
    ("  const x = await m.lock();", &["dropped_await: const x = m.lock();"]),
    ("  await m.other();", &["dropped_await: m.other();"]),
    ("  switch (a) {\n    case 25:\n      g(true);\n    default: g(30);\n  }", &["wrong_variable: switch (b) {", "constant: g(false);"]),
    ("  const x = { a, b };", &[]),
    ("  x = a ? 20 : b;", &["constant: x = a ? 10 : b;", "wrong_variable: x = b ? 20 : b;", "wrong_variable: x = a ? 20 : a;"]),
    ("  console.log(a + b);", &[]),
    ("  x = 0;", &[]),
];
#[rustfmt::skip]
const GO_LINES: Lines = &[
    ("\tif err := g(a); err != nil {\n\t\treturn 0, err\n\t}", &["inverted_condition: if err := g(a); err == nil {", "wrong_variable: if err := g(b); err != nil {"]),
    ("\tx, err := g(a)\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\treturn x, nil", &["wrong_variable: x, err := g(b)", "inverted_condition: if err == nil {"]),
    ("\tx, err := g(a)\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\treturn x, err", &["wrong_variable: x, err := g(b)", "dropped_check: -", "inverted_condition: if err == nil {"]),
    ("\tx, err := g(a)\n\tif err != nil {\n\t\treturn 0, err\n\t}\n\terr = h()\n\t_, err := k()", &["wrong_variable: x, err := g(b)", "inverted_condition: if err == nil {"]),
    ("\tx := g(a)\n\tif x == nil {\n\t\treturn\n\t}\n\th()", &["wrong_variable: x := g(b)", "inverted_condition: if x != nil {"]),
    ("\tx := g(a)\n\tk(x)\n\tif x == nil {\n\t\treturn\n\t}\n\th()", &["wrong_variable: x := g(b)", "dropped_check: -", "inverted_condition: if x != nil {"]),
    ("\tif len(name) == 0 {\n\t\treturn\n\t}\n\th(name)", &["dropped_check: -", "inverted_condition: if len(name) != 0 {"]),
    ("\tif nil == nil {\n\t\treturn\n\t}\n\th(name)", &["inverted_condition: if nil != nil {"]),
    ("\tm.RLock()\n\tdefer m.RUnlock()\n\tg()", &["dropped_lock: -"]),
    ("\tm.Lock()\n\tg()\n\tm.Unlock()", &[]),
    ("\tm.Lock()\n\tdefer n.Unlock()", &[]),
    ("\tx := wg.Wait()", &[]),
    ("\tif x {\n\t\tg()\n\t\treturn a, nil\n\t}\n\th()", &["inverted_condition: if !x {", "dropped_return: -", "wrong_variable: return b, nil"]),
    ("\tif x {\n\t\tg()\n\t\treturn a, nil\n\t}", &["inverted_condition: if !x {", "wrong_variable: return b, nil"]),
];
#[rustfmt::skip]
const JAVA_LINES: Lines = &[
    ("    long c = a;\n    int d = b;\n    return d;", &["wrong_variable: long c = b;", "wrong_variable: int d = a;", "wrong_variable: return a;"]),
    ("    synchronized (this) {\n        g();\n    }", &["dropped_lock: {"]),
    ("    synchronized void x() {\n    }", &[]),
    ("    if (a) return b;\n    g();", &["dropped_check: -", "inverted_condition: if (!a) return b;", "wrong_variable: if (b) return b;", "wrong_variable: if (a) return a;"]),
    ("    if (a) {\n        return b;\n    }\n    g();", &["dropped_check: -", "inverted_condition: if (!a) {", "wrong_variable: if (b) {", "wrong_variable: return a;"]),
    ("    x = t.join();\n    t.await();\n    return t.get();", &["dropped_await: -"]),
];
#[rustfmt::skip]
const C_LINES: Lines = &[
    ("    char * p = name;\n    char *q;\n    g(p, q);", &[]),
    ("    int c = 1;\n    g(c, a);", &["swapped_arguments: g(a, c);", "wrong_variable: g(a, a);", "wrong_variable: g(c, b);"]),
    ("    waitpid(a, b);\n    wait = 5;\n    x = wait(b);", &["dropped_await: -", "swapped_arguments: waitpid(b, a);", "wrong_variable: waitpid(b, b);", "wrong_variable: waitpid(a, a);", "constant: wait = 50;", "wrong_variable: x = wait(a);"]),
    ("    while (p->next)\n        g();", &["inverted_condition: while (!p->next)"]),
    ("    if (a[b])\n        g();", &["inverted_condition: if (!a[b])", "wrong_variable: if (b[b])", "wrong_variable: if (a[a])"]),
    ("    if (a) {\n        g();\n        return b;\n    }\n    h();", &["inverted_condition: if (!a) {", "wrong_variable: if (b) {", "dropped_return: -", "wrong_variable: return a;"]),
];

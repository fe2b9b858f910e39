use super::*;
use std::sync::Arc;

mod signatures;

fn of(path: &str, text: &str) -> Vec<(String, String)> {
    let all = extract(path, text).into_iter();
    all.map(|d| {
        (if d.owner.is_empty() { d.symbol } else { format!("{}.{}", d.owner, d.symbol) }, d.repr)
    })
    .collect()
}

fn index(files: &[(&str, &str)]) -> Index {
    Index::new(files.iter().map(|(path, text)| ((*path).to_owned(), Arc::new(extract(path, text)))))
}

fn hints(files: &[(&str, &str)], path: &str, own: bool) -> Vec<String> {
    let text = files.iter().find(|(p, _)| *p == path).map_or("", |(_, text)| text);
    let limits = DefinitionLimits { count: 20, chars: 120 };
    select(&index(files), path, text, own, limits)
        .into_iter()
        .map(|h| format!("{} {}", h.source, h.symbol))
        .collect()
}

#[test]
fn imports_decide_which_definition_is_meant() {
    let rust: &[(&str, &str)] = &[
        ("Cargo.toml", ""),
        ("core/src/lib.rs", "pub mod store;\npub use store::Store;\n"),
        (
            "core/src/store.rs",
            "pub struct Store { a: u8 }\nimpl Store {\n    pub fn open_at(p: &str) -> Self { }\n    pub fn sweep_all(&self) { }\n}\npub fn helper() { }\n",
        ),
        ("core/src/other.rs", "pub fn helper(x: u8) { }\npub struct Vec { }\npub fn spawn() {}\n"),
        (
            "app/src/main.rs",
            "mod cli;\nuse std::vec::Vec;\nuse my_core::Store;\nuse my_core::other::{self, helper as h};\nfn main() { let s = Store::open_at(cli::parse_args()); s.sweep_all(); h(1); other::spawn(); Vec::new(); tokio::spawn(1); }\n",
        ),
        ("app/src/cli.rs", "pub fn parse_args() -> Args { }\npub fn unused() { }\n"),
    ];
    let python: &[(&str, &str)] = &[
        ("pkg/__init__.py", "from .models import User\n"),
        ("pkg/models.py", "class User:\n    def greet_all(self, n): pass\nclass Group: pass\n"),
        ("pkg/json.py", "def dumps(x): pass\n"),
        (
            "pkg/sub/view.py",
            "import json\nimport pkg.models as m\nfrom .. import json as own\nfrom pkg import User\nfrom flask import Group\nu = User()\nu.greet_all(1)\njson.dumps(1)\nown.dumps(2)\nm.Group()\nGroup()\ndef show(User=1): pass\n",
        ),
        ("pkg/flask_like.py", "class Group: pass\n"),
    ];
    let script: &[(&str, &str)] = &[
        ("src/a/index.ts", "export * from './deep/util'\n"),
        (
            "src/a/deep/util.ts",
            "export function trimAll(x: string) {}\nexport const useState = () => {}\n",
        ),
        (
            "src/b.ts",
            "import { trimAll as t } from './a'\nimport { useState } from 'react'\nimport type { Opts } from '../types'\nimport * as ns from '@/a/deep/util'\nt('x'); useState(); ns.trimAll('y'); const o: Opts = {}\nimport { gone } from './gone'\ngone()\n",
        ),
        ("types.d.ts", "export interface Opts { a: string }\n"),
        ("src/z.ts", "export function gone2() {}\nexport interface Other {}\n"),
    ];
    let go: &[(&str, &str)] = &[
        ("internal/json/x.go", "package json\nfunc Marshal(a int) {}\n"),
        (
            "internal/store/s.go",
            "package store\ntype Store struct {\n\tA int\n}\nfunc (s *Store) SweepAll() {}\nfunc Open(p string) *Store { return nil }\n",
        ),
        (
            "cmd/main.go",
            "package main\nimport (\n\t\"encoding/json\"\n\tst \"github.com/me/app/internal/store\"\n)\nfunc main() {\n\ts := st.Open(\"x\")\n\ts.SweepAll()\n\tjson.Marshal(1)\n\tbeside(2)\n}\n",
        ),
        ("cmd/beside.go", "package main\nfunc beside(n int) {}\n"),
        ("cmd/beside_test.go", "package main\nfunc onlyTest(n int) {}\n"),
    ];
    let c: &[(&str, &str)] = &[
        (
            "lib/list.h",
            "#ifndef L\nstruct list { int n; };\nint list_len(struct list *l);\n#endif\n",
        ),
        (
            "src/main.c",
            "#include <stdio.h>\n#include \"../lib/list.h\"\nint main(void) {\n  return list_len(0);\n}\n",
        ),
    ];
    for (files, path, want) in [
        (
            rust,
            "app/src/main.rs",
            vec![
                "app/src/cli.rs parse_args",
                "core/src/other.rs helper",
                "core/src/other.rs spawn",
                "core/src/store.rs Store",
                "core/src/store.rs Store.open_at",
                "core/src/store.rs Store.sweep_all",
            ],
        ),
        (
            python,
            "pkg/sub/view.py",
            vec![
                "pkg/json.py dumps",
                "pkg/models.py User",
                "pkg/models.py User.greet_all",
                "pkg/models.py Group",
            ],
        ),
        (script, "src/b.ts", vec!["src/a/deep/util.ts trimAll", "types.d.ts Opts"]),
        (
            go,
            "cmd/main.go",
            vec![
                "cmd/beside.go beside",
                "internal/store/s.go Store.SweepAll",
                "internal/store/s.go Open",
            ],
        ),
        (c, "src/main.c", vec!["lib/list.h list_len"]),
    ] {
        assert_eq!(hints(files, path, false), want, "{path}");
    }
}

/// What a use means where names could be taken for others: nothing is shown that it does not mean.
#[test]
fn a_use_is_no_definition_that_only_has_its_name() {
    let store = "class Store:\n    def sweep_all(self, n): pass\n    def save(self): pass\n    def dumps_all(self): pass\ndef far(b): pass\ndef go(b): pass\nFar = 1\n";
    let python = |text: &str| -> Vec<String> {
        let mut files = vec![("a/__init__.py", ""), ("a/store.py", store), ("a/x.py", text)];
        files.push(("a/tests/test_x.py", "def only_test(a): pass\n"));
        hints(&files, "a/x.py", false)
    };
    let sweep_all = &["a/store.py Store.sweep_all"][..];
    #[rustfmt::skip]
    let cases = [
        // A method belongs to what is imported, in whatever way, and only where it is called.
        ("x.sweep_all(1)\n", &[][..]),
        ("import a.store as st\nx.sweep_all(1)\n", sweep_all),
        ("from . import store\nx.sweep_all(1)\n", sweep_all),
        ("import a.store as st\nx.sweep_all\n", &[]),
        ("import a.store as st\nmake().sweep_all(1)\n", sweep_all),
        ("import a.store as st\nmake().of.sweep_all(1)\n", sweep_all),
        ("import a.store as st\nmake().sweep_all\n", &[]),
        ("from a.store import far\nmake().of.far(1)\nmake().far(2)\n", &[]),
        ("import a.store as st\na.b.c.d.e.f.g.st.sweep_all(1)\n", sweep_all),
        ("import a.store as st\nself.of.sweep_all(1)\n", sweep_all),
        ("import a.store as st\nself.sweep_all(1)\n", sweep_all),
        ("import a.store as st\nx.save()\n", &[]),
        ("import a.store as st\ndef sweep_all(): pass\nx.sweep_all(1)\n", &[]),
        // A module of others has no method of ours.
        ("import a.store as st\nimport json\njson.dumps_all(1)\n", &[]),
        ("import a.store as st\nfrom flask import app\napp.dumps_all(1)\napp.of.dumps_all(1)\n", &["a/store.py Store.dumps_all"]),
        ("import a.store as st\nfrom flask import App\nApp.of.dumps_all(1)\n", &[]),
        // Of all names of a module those that are called, or types.
        ("from .store import *\nfar(1)\nfar\ngo(1)\n", &["a/store.py far"]),
        ("from .store import *\nx = far\n", &[]),
        ("from .store import *\nFar\n", &["a/store.py Far"]),
        ("from .store import *\ndef far(): pass\nfar(1)\n", &[]),
        ("from .store import *\nonly_test(1)\nsweep_all(1)\n", &[]),
        ("from .store import Store as S\nS.sweep_all(S, 1)\nS.other\n", &["a/store.py Store", "a/store.py Store.sweep_all"]),
        ("import a.store\na.store.far(1)\na.store.Store()\na.store.none(1)\n", &["a/store.py Store", "a/store.py far"]),
    ];
    for (text, want) in cases {
        assert_eq!(python(text), want, "{text}");
    }
    let go = |main: &str| -> Vec<String> {
        let files = [
            ("cmd/main.go", main),
            (
                "cmd/beside.go",
                "package main\ntype Own struct {\n\tA int\n}\nfunc (o *Own) SweepHere() {}\nfunc beside(n int) {}\n",
            ),
            ("cmd/beside_test.go", "package main\nfunc onlyTest(n int) {}\n"),
            ("pkg/v2/s.go", "package pkg\nfunc Open(p string) {}\nfunc (t *T) SweepHere() {}\n"),
            ("pkg/log-lib/l.go", "package lib\nfunc Printing(p string) {}\n"),
        ];
        hints(&files, "cmd/main.go", false)
    };
    #[rustfmt::skip]
    let cases = [
        ("package main\nfunc main() {\n\tbeside(1)\n\tonlyTest(2)\n\tOpen(3)\n\tSweepHere()\n}\n", &["cmd/beside.go beside"][..]),
        ("package main\nfunc main() {\n\tx.SweepHere()\n}\n", &["cmd/beside.go Own.SweepHere"]),
        ("package main\nimport \"github.com/me/app/pkg/v2\"\nfunc main() {\n\tpkg.Open(1)\n}\n", &["pkg/v2/s.go Open"]),
        ("package main\nimport lib \"example.org/app/pkg/log-lib\"\nfunc main() {\n\tlib.Printing(1)\n}\n", &["pkg/log-lib/l.go Printing"]),
        ("package main\nimport \"example.org/app/pkg/log-lib\"\nfunc main() {\n\tlib.Printing(1)\n}\n", &["pkg/log-lib/l.go Printing"]),
        ("package main\nimport lib \"github.com/app/pkg/log-lib\"\nfunc main() {\n\tlib.Printing(1)\n}\n", &[]),
        ("package main\nimport lib \"pkg/log-lib\"\nfunc main() {\n\tlib.Printing(1)\n}\n", &[]),
    ];
    for (text, want) in cases {
        assert_eq!(go(text), want, "{text}");
    }
    let rust = |main: &str| -> Vec<String> {
        let files = [
            ("app/src/lib.rs", "pub mod deep;\npub struct Root { }\n"),
            ("app/src/deep/mod.rs", main),
            (
                "app/src/deep/inner.rs",
                "pub fn helper() { }\npub struct Inner { }\nimpl Inner { pub fn make_one() -> Self { } }\n",
            ),
            ("app/src/side.rs", "pub fn at_side() { }\npub mod nested { pub fn below() { } }\n"),
            ("my-core/src/lib.rs", "pub fn open_core() { }\n"),
            ("other/src/lib.rs", "pub fn open_core() { }\n"),
        ];
        hints(&files, "app/src/deep/mod.rs", false)
    };
    let own = "app/src/deep/inner.rs helper";
    let side = "app/src/side.rs at_side";
    #[rustfmt::skip]
    let cases = [
        ("mod inner;\nfn f() { inner::helper(); }\n", &[own][..]),
        ("mod inner;\nuse inner::{helper, Inner as I};\nfn f() { helper(); I::make_one(); }\n", &[own, "app/src/deep/inner.rs Inner", "app/src/deep/inner.rs Inner.make_one"]),
        ("fn f() { self::inner::helper(); }\n", &[own]),
        ("fn f() { super::side::at_side(); }\n", &[side]),
        ("use crate::side;\nfn f() { side::at_side(); }\n", &[side]),
        ("use crate::{side::{self as s, nested::*}, Root};\nfn f(r: Root) { s::at_side(); below(); }\n", &["app/src/lib.rs Root", side, "app/src/side.rs below"]),
        ("use crate::side::*;\nfn f() { for i in 0..at_side() {} }\n", &[side]),
        ("use crate::side::*;\nfn f() { at_side::<u8>(); }\n", &[side]),
        ("fn f() { crate::side::at_side(); std::side::at_side(); }\n", &[side]),
        ("use my_core::open_core;\nfn f() { open_core(); }\n", &["my-core/src/lib.rs open_core"]),
        ("use the_other::open_core;\nfn f() { open_core(); }\n", &["other/src/lib.rs open_core"]),
        ("use core::open_core;\nfn f() { open_core(); }\n", &[]),
        ("use another::open_core;\nfn f() { open_core(); }\n", &[]),
    ];
    for (text, want) in cases {
        assert_eq!(rust(text), want, "{text}");
    }
    let script = |text: &str| -> Vec<String> {
        let files = [
            ("src/b.ts", text),
            (
                "src/a/index.ts",
                "export default function makeAll(x) {}\nexport function trimAll(x) {}\n",
            ),
            ("src/lib/util.ts", "export function joinAll(x) {}\nexport function trimAll(y) {}\n"),
            ("packages/core/src/index.ts", "export function coreAll(x) {}\n"),
        ];
        hints(&files, "src/b.ts", false)
    };
    #[rustfmt::skip]
    let cases = [
        ("import { trimAll } from './a/index.js'\ntrimAll(1)\n", &["src/a/index.ts trimAll"][..]),
        ("import makeAll, { trimAll as t } from \"./a\"\nmakeAll(1)\nt(2)\n", &["src/a/index.ts makeAll", "src/a/index.ts trimAll"]),
        ("const { joinAll: j, trimAll } = require('./lib/util')\nj(1)\ntrimAll(1)\n", &["src/lib/util.ts joinAll", "src/lib/util.ts trimAll"]),
        ("const makeAll = require('./a')\nmakeAll(1)\n", &["src/a/index.ts makeAll"]),
        ("const util = require('./lib/util')\nutil.joinAll(1)\n", &["src/lib/util.ts joinAll"]),
        ("import {\n  type Opts,\n  joinAll,\n} from '~/lib/util'\njoinAll(1)\n", &["src/lib/util.ts joinAll"]),
        ("import { coreAll } from '@me/core'\ncoreAll(1)\n", &["packages/core/src/index.ts coreAll"]),
        ("import { joinAll } from 'util'\njoinAll(1)\n", &[]),
    ];
    for (text, want) in cases {
        assert_eq!(script(text), want, "{text}");
    }
    let java = |text: &str| -> Vec<String> {
        let files = [
            ("src/com/me/app/Main.java", text),
            ("src/com/me/app/Beside.java", "class Beside {\n  static void helpAll(int n) { }\n}\n"),
            (
                "src/com/me/store/Store.java",
                "public class Store {\n  public static Store openAt(String p) { }\n  public void sweepAll(int n) { }\n}\n",
            ),
        ];
        hints(&files, "src/com/me/app/Main.java", false)
    };
    let (store, beside) = ("src/com/me/store/Store.java Store", "src/com/me/app/Beside.java");
    #[rustfmt::skip]
    let cases = [
        ("import com.me.store.Store;\nclass Main { void f() { Store s = Store.openAt(1); s.sweepAll(2); } }\n", vec![store.to_owned(), format!("{store}.openAt"), format!("{store}.sweepAll")]),
        ("import com.me.store.*;\nclass Main { void f() { new Store(); } }\n", vec![store.to_owned()]),
        ("class Main { void f() { Beside.helpAll(1); Store.openAt(2); } }\n", vec![format!("{beside} Beside"), format!("{beside} Beside.helpAll")]),
    ];
    for (text, want) in cases {
        assert_eq!(java(text), want, "{text}");
    }
}

#[test]
fn the_nearest_and_most_used_come_first() {
    let def = |name: &str| format!("def {name}(a): pass\n");
    let (near, mid, far) = (def("near_one"), def("middle"), def("far_away"));
    let text = "from .y import near_one\nfrom ..b.z import middle\nfrom other.deep.down.w import far_away\nfar_away(1)\nfar_away(2)\nmiddle(1)\nnear_one(1)\n";
    let files: Vec<(&str, &str)> = vec![
        ("other/deep/down/w.py", &far),
        ("top/a/x.py", text),
        ("top/a/y.py", &near),
        ("top/b/z.py", &mid),
    ];
    let index = index(&files);
    let of = |count| -> Vec<String> {
        let limits = DefinitionLimits { count, chars: 99 };
        let hints = select(&index, "top/a/x.py", text, false, limits);
        hints.into_iter().map(|hint| hint.symbol).collect()
    };
    assert_eq!(of(3), ["near_one", "far_away", "middle"]);
    assert_eq!(of(2), ["near_one", "far_away"]);
    let nearest = |path: &str| {
        let text = "from util import far\nfar(1)\n";
        let util = "def far(a): pass\n";
        hints(&[("a/util.py", util), ("b/c/util.py", util), (path, text)], path, false)
    };
    assert_eq!(nearest("a/x.py"), ["a/util.py far"]);
    assert_eq!(nearest("b/c/x.py"), ["b/c/util.py far"]);
    assert_eq!((index.len(), index.is_empty(), Index::default().is_empty()), (3, false, true));
}

#[test]
fn definitions_are_taken_from_code_that_people_write() {
    for (path, bytes, want) in [
        ("a.rs", MOST_BYTES, true),
        ("a.rs", MOST_BYTES + 1, false),
        ("a.md", 1, false),
        ("vendor/a.go", 1, false),
    ] {
        assert_eq!(is_indexed(path, bytes as u64), want, "{path} {bytes}");
    }
    let names = |bytes: &[u8]| -> Vec<String> {
        of_bytes("a.rs", bytes).into_iter().map(|definition| definition.symbol).collect()
    };
    assert_eq!(names(b"fn a() {}\r\nfn b() {}\r\n"), ["a", "b"]);
    assert_eq!(names(b"fn a() {}\0"), [""; 0]);
}

#[test]
fn a_file_that_is_not_shown_whole_brings_its_own_definitions_first() {
    let files: &[(&str, &str)] = &[
        (
            "a/x.py",
            "from .y import far\ndef near(a): return far(a)\nprint(near(1))\ndef alone(a): pass\n",
        ),
        ("a/y.py", "def far(b): pass\n"),
    ];
    assert_eq!(hints(files, "a/x.py", false), ["a/y.py far"]);
    assert_eq!(hints(files, "a/x.py", true), ["a/x.py near", "a/y.py far"]);
}

#[test]
fn bounds_hold_and_the_order_is_the_same_in_every_run() {
    let many = (0..40).fold(String::new(), |s, n| s + &format!("def f{n}(a): pass\n"));
    let calls: String = (0..40).map(|n| format!("f{n}({n})\n").repeat(n + 1)).collect();
    let text = format!("from .y import *\n{calls}");
    let index = index(&[("a/y.py", &many), ("a/x.py", &text)]);
    let of =
        |count, chars| select(&index, "a/x.py", &text, false, DefinitionLimits { count, chars });
    let hints = of(3, 9);
    let shown: Vec<&str> = hints.iter().map(|h| h.type_repr.as_str()).collect();
    assert_eq!(shown, ["def f37(…", "def f38(…", "def f39(…"], "those that are used most");
    assert_eq!(of(3, 9), hints);
    assert_eq!((of(20, 120).len(), of(0, 120).len(), of(20, 0).len()), (20, 0, 0));
}

/// Text that was made to be hard: what counts is that it ends soon, and within its bounds.
#[test]
fn hostile_text_is_bounded() {
    const LONG: usize = 1 << 16;
    let name = "n".repeat(10_000);
    let cases = [
        ("a.rs", "x ".repeat(LONG / 2)),
        ("a.ts", "{".repeat(LONG)),
        ("a.ts", "a<".repeat(LONG / 2)),
        ("a.ts", "/* */ / ".repeat(LONG / 8)),
        ("a.ts", format!("/*{}*/{}", " ".repeat(LONG / 2), "/ ".repeat(LONG / 4))),
        ("a.ts", "export const x = \"".repeat(LONG / 18)),
        ("a.ts", "class A<B = {}\n".repeat(LONG / 15)),
        ("a.ts", "import { a } from './b'\n".repeat(LONG / 24)),
        ("a.ts", "import {\n".repeat(LONG / 9)),
        ("a.rs", "fn f() {}\n".repeat(25_000)),
        ("a.rs", "fn f() {} ".repeat(1 << 20)),
        ("a.rs", format!("fn {name}() {{}}\n").repeat(100)),
        ("a.rs", format!("use a::{}b{};\n", "{".repeat(3000), "}".repeat(3000))),
        ("a.rs", format!("impl<{} for X {{ fn f() {{}} }}\n", "<".repeat(LONG / 2))),
        ("a.rs", "mod a { impl B { fn c() {".repeat(5_000)),
        ("a.rs", "pub ".repeat(LONG / 4)),
        ("a.rs", "a::".repeat(LONG / 3)),
        ("a.rs", format!("struct A {{ {} }}", "bb: u8, ".repeat(LONG / 7))),
        ("a.py", "if x:\n".repeat(LONG / 6)),
        ("a.py", (0..350).fold(String::new(), |s, n| s + &" ".repeat(n) + "class A:\n")),
        ("a.py", "def f(\n".repeat(LONG / 7)),
        ("a.py", "from . import (a,\n".repeat(LONG / 18)),
        ("a.py", format!("x = {}", "(".repeat(LONG))),
        ("a.c", "int f(int a,\n".repeat(LONG / 13)),
        ("a.go", "var (\n".repeat(LONG / 6)),
        ("a.rs", "\u{202e}fn é(\u{0})→ x {}\r\n".repeat(LONG / 24)),
    ];
    for (path, text) in &cases {
        let began = std::time::Instant::now();
        let found = extract(path, text);
        assert!(found.len() <= MOST_OF_FILE, "{path}");
        for d in &found {
            assert!(
                d.symbol.chars().count() <= MOST_NAME && d.repr.chars().count() <= MOST_REPR,
                "{d:?}"
            );
        }
        let index = Index::new([((*path).to_owned(), Arc::new(found))]);
        select(&index, path, text, true, DefinitionLimits { count: 20, chars: 120 });
        let took = began.elapsed();
        assert!(took.as_secs() < 20, "{path} {:?}: {took:?}", &text[..20]);
    }
}

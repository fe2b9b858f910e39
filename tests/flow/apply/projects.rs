//! Projects in other languages, with their own check commands.

use crate::bed::{apply, bench, patch, stub, sweep};
use scrum_tests::repo::TestRepo;

#[test]
fn a_python_project_is_checked_by_what_fits_it() {
    let repo = TestRepo::new();
    repo.write("pyproject.toml", b"[project]\nname = 'shop'\nversion = '0'\n");
    for name in ["good", "bad", "red"] {
        repo.write(&format!("shop/{name}.py"), b"\"\"\"A price.\"\"\"\n\n\ndef price(amount):\n    verbose = False\n    return amount * 2\n");
    }
    repo.write("tests_run.py", b"from shop import good, bad, red\nassert good.price(2) == 4\nassert red.price(2) == 4, 'red'\n");
    repo.commit("a shop");
    let (stub, _) = stub(&[
        (
            "shop/good.py",
            patch("    verbose = False\n", "    verbose = True\n", "verbose was forgotten", 95),
        ),
        (
            "shop/bad.py",
            patch("    verbose = False\n", "    verbose = = True\n", "verbose was forgotten", 95),
        ),
        ("shop/red.py", patch("return amount * 2", "return amount * 3", "amount is tripled", 95)),
    ]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &["--target", "shop/*.py"]);
    let done = apply(&bench, &["--commit", "--test", "python3 tests_run.py"]);
    assert_eq!(
        done.decisions(),
        [
            ("shop/bad.py", "build_red_reverted", Some("check")),
            ("shop/good.py", "committed", None),
            ("shop/red.py", "tests_red_reverted", Some("tests")),
        ]
    );
    let branch = done.json["branch"].as_str().unwrap();
    assert!(branch.starts_with("scrum/auto-apply-"), "{branch}");
    assert_eq!(
        repo.git(&["show", &format!("{branch}:shop/good.py")]).lines().nth(4),
        Some("    verbose = True")
    );
}

#[test]
fn a_node_project_is_checked_by_its_own_script() {
    let repo = TestRepo::new();
    repo.write("package.json", br#"{"name": "cart", "scripts": {"check": "node --check src/good.js && node --check src/bad.js", "test": "node test.js"}}"#);
    for name in ["good", "bad"] {
        repo.write(&format!("src/{name}.js"), b"// A cart.\nexports.total = (items) => {\n  const strict = false;\n  return items.length;\n};\n");
    }
    repo.write(
        "test.js",
        b"if (require('./src/good.js').total([1]) !== 1) throw new Error('total');\n",
    );
    repo.commit("a cart");
    let (stub, _) = stub(&[
        (
            "src/good.js",
            patch("const strict = false;", "const strict = true;", "strict is wanted", 95),
        ),
        ("src/bad.js", patch("const strict = false;", "const strict = ;", "strict is wanted", 95)),
    ]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &["--target", "src/*.js"]);
    let done = apply(&bench, &["--commit", "--test", "node test.js"]);
    assert_eq!(
        done.decisions(),
        [("src/bad.js", "build_red_reverted", Some("check")), ("src/good.js", "committed", None)]
    );
}

#[test]
fn a_c_project_is_held_against_the_warnings_of_what_is_built_again() {
    let repo = TestRepo::new();
    repo.write(
        "Makefile",
        b"CFLAGS = -Wall\napp: main.o part/early.o part/good.o part/late.o\n\tcc -o app $^\n",
    );
    // It warns three times, and only while it is built.
    repo.write(
        "main.c",
        b"int main(void) {\n    int one;\n    int two;\n    int three;\n    return 0;\n}\n",
    );
    let names = ["early", "good", "late"];
    for name in names {
        let text = format!(
            "// The part {name}.\n\nint {name}_sum(int amount) {{\n    int rate = 2;\n    int base = 1;\n    return amount * rate + base;\n}}\n"
        );
        repo.write(&format!("part/{name}.c"), text.as_bytes());
    }
    repo.commit("a sum");
    let more = "int rate = 2;\n    int spare;\n    int other;";
    let warns = || patch("int rate = 2;", more, "spare and other go with the rate", 95);
    let (stub, _) = stub(&[
        ("part/early.c", warns()),
        ("part/good.c", patch("int rate = 2;", "int rate = 3;", "the rate is three", 95)),
        ("part/late.c", warns()),
    ]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &["--target", "part/*.c"]);
    // Rounds of much less than a second: none of them may warn of the clock.
    let done = apply(&bench, &["--commit", "--check", "make"]);
    let told: Vec<_> = done.rows.values().map(|r| &r.output_tail).collect();
    assert_eq!(
        done.decisions(),
        [
            ("part/early.c", "warnings_increased_reverted", Some("warnings")),
            ("part/good.c", "committed", None),
            ("part/late.c", "warnings_increased_reverted", Some("warnings")),
        ],
        "{told:?}"
    );
    let counted = |name: &str| {
        let row = &done.rows[&format!("part/{name}.c")];
        (row.warnings_before, row.warnings_after)
    };
    assert_eq!(names.map(counted), [(0, 2), (0, 0), (0, 2)].map(|(b, a)| (Some(b), Some(a))));
}

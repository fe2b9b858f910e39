use super::*;
use proptest::prelude::*;

const CFG: SplitConfig = config(600, 350, SplitMode::Syntax);
const MODES: [SplitMode; 3] = [SplitMode::Syntax, SplitMode::Lines, SplitMode::Bytes];

const fn config(over_bytes: u64, shard_bytes: u64, mode: SplitMode) -> SplitConfig {
    SplitConfig { over_bytes, shard_bytes, mode }
}

fn sound(text: &str, ranges: &[Range<usize>], shard: usize) {
    let joined: String = ranges.iter().map(|r| &text[r.clone()]).collect();
    assert_eq!(joined, text);
    assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
    assert!(ranges.iter().all(|r| !r.is_empty() && r.len() <= shard + shard / 2));
}

#[test]
fn a_small_file_stays_whole() {
    assert_eq!(split("a.rs", "fn a() {}", &CFG).first(), Some(&(0..9)));
    let edge = "x".repeat(600);
    assert_eq!(split("a.rs", &edge, &CFG).first(), Some(&(0..600)));
}

#[test]
fn rust_is_cut_before_items_with_their_docs() {
    let item = |n: u32| {
        let body = "    let a = 1;\n\n".repeat(8);
        format!("/// Item {n}.\n#[inline]\npub fn f{n}() {{\n{body}}}\n\n")
    };
    let text: String = (0..12).map(item).collect();
    let ranges = split("a.rs", &text, &CFG);
    assert!(ranges.len() > 3);
    sound(&text, &ranges, 350);
    for range in &ranges {
        assert!(text[range.clone()].starts_with("/// Item"), "{:?}", &text[range.clone()]);
    }
}

#[test]
fn markdown_is_cut_at_headings_but_not_inside_code() {
    let part = "## Part\n\nwords words words words\n\n```sh\n\n# not a heading\n\n```\n\n";
    let text = part.repeat(30);
    for range in split("a.md", &text, &CFG) {
        assert!(text[range].starts_with("## Part"));
    }
}

#[test]
fn a_long_impl_is_cut_between_methods() {
    let body = "        let a = 1;\n\n".repeat(6);
    let method = format!("    /// A method.\n    pub fn f(&self) {{\n{body}    }}\n\n");
    let text = format!("impl X {{\n{}}}\n", method.repeat(12));
    let ranges = split("a.rs", &text, &CFG);
    assert!(ranges.len() > 3);
    for range in &ranges[1..] {
        assert!(text[range.clone()].starts_with("    /// A method."));
    }
}

#[test]
fn one_long_line_is_cut_at_characters() {
    let text = "ä€𝄞".repeat(500);
    let ranges = split("a.json", &text, &CFG);
    assert!(ranges.len() >= 9);
    sound(&text, &ranges, 350);
}

#[test]
fn a_tiny_shard_size_still_moves_on() {
    let text = "𝄞".repeat(50);
    for mode in MODES {
        sound(&text, &split("a", &text, &config(0, 0, mode)), LEAST_SHARD);
    }
}

#[test]
fn headings_of_both_kinds_part_markdown_and_fences_hide_them() {
    let under = "Part\n====\n\nwords words words words words words\n\n";
    for range in split("a.md", &under.repeat(30), &CFG) {
        assert!(under.repeat(30)[range].starts_with("Part\n===="));
    }
    let nested = "## Part\n\nwords words\n\n````md\n```sh\n\n# no\n```\n\n# no\n````\n\n";
    let text = nested.repeat(30);
    for range in split("a.md", &text, &CFG) {
        assert!(text[range.clone()].starts_with("## Part"), "{}", &text[range]);
    }
    assert!(!lines::candidates("a.md", "x\n#no heading\n").iter().any(|c| c.1 >= Cut::Item));
}

/// Functions in each language that is known: name, one function, and what it begins with.
fn samples() -> Vec<(&'static str, String, &'static str)> {
    let statements = |indent: &str, line: &str, n: usize| format!("{indent}{line}\n\n").repeat(n);
    vec![
        (
            "a.rs",
            format!(
                "/// Doc.\n#[inline]\nfn f() {{\n{}}}\n\n",
                statements("    ", "let a = 1;", 12)
            ),
            "/// Doc.",
        ),
        (
            "a.py",
            format!("# Note.\n@cached\ndef f(a):\n{}\n", statements("    ", "a = a + 1", 12)),
            "# Note.",
        ),
        (
            "a.js",
            format!("// Note.\nexport function f(a) {{\n{}}}\n\n", statements("  ", "a += 1;", 14)),
            "// Note.",
        ),
        (
            "a.ts",
            format!(
                "/** Doc. */\nfunction f(a: number) {{\n{}}}\n\n",
                statements("  ", "a += 1;", 14)
            ),
            "/** Doc.",
        ),
        (
            "a.tsx",
            format!(
                "/** Doc. */\nfunction F() {{\n{}  return <b>x</b>;\n}}\n\n",
                statements("  ", "go();", 14)
            ),
            "/** Doc.",
        ),
        (
            "a.go",
            format!("// F does.\nfunc F(a int) {{\n{}}}\n\n", statements("\t", "a = a + 1", 14)),
            "// F",
        ),
        (
            "a.c",
            format!(
                "/* Does. */\nstatic int f(int a)\n{{\n{}}}\n\n",
                statements("    ", "a += 1;", 12)
            ),
            "/* Does.",
        ),
    ]
}

#[test]
fn no_function_is_cut_where_the_structure_is_known() {
    for (name, function, start) in samples() {
        // Lengths that would put the aim into the middle of a function.
        let text = function.repeat(40);
        assert!(syntax::candidates(name, &text).is_some(), "{name} is known");
        let ranges = split(name, &text, &CFG);
        sound(&text, &ranges, 350);
        assert!(ranges.len() > 8, "{name}");
        for range in &ranges {
            let shard = &text[range.clone()];
            assert!(shard.starts_with(start), "{name}: {shard}");
        }
    }
}

#[test]
fn what_looks_like_an_item_inside_a_string_is_none() {
    // In column 0 of a raw string stands what the line rules take for a function.
    let string = "fn not_code() {\n}\n\n".repeat(6);
    let text = format!("fn f() {{\n    let s = r#\"\n{string}\"#;\n}}\n\n").repeat(20);
    for range in split("a.rs", &text, &config(600, 200, SplitMode::Syntax)) {
        assert!(text[range].starts_with("fn f()"));
    }
    let by_lines = split("a.rs", &text, &config(600, 200, SplitMode::Lines));
    assert!(by_lines.iter().any(|r| text[r.clone()].starts_with("fn not_code")));
}

#[test]
fn an_item_that_fits_is_kept_whole_by_a_short_shard_before_it() {
    let small = "fn small() {\n    a();\n}\n\n".repeat(3);
    let big = format!("fn big() {{\n{}}}\n\n", "    let a = 1;\n\n".repeat(28));
    assert!(big.len() > 350 && big.len() <= 525);
    let text = format!("{small}{big}{small}{big}");
    let ranges = split("a.rs", &text, &CFG);
    sound(&text, &ranges, 350);
    let at = text.find("fn big").unwrap();
    assert!(ranges.contains(&(at..at + big.len())), "{ranges:?}");
}

#[test]
fn brackets_that_do_not_add_up_do_no_lasting_harm() {
    let text = format!("fn x() {{ ((( [\n{}", "fn f() {\n    let a = (1;\n}\n\n".repeat(60));
    let ranges = split("a.rs", &text, &CFG);
    sound(&text, &ranges, 350);
    assert!(ranges[1..].iter().all(|r| text[r.clone()].starts_with("fn f")), "{ranges:?}");
}

#[test]
fn methods_are_not_cut_in_a_long_class_and_statements_are_no_methods() {
    let rust =
        format!("    /// M.\n    pub fn m(&self) {{\n{}    }}\n\n", "        a();\n\n".repeat(14));
    let python = format!("    # M.\n    def m(self):\n{}\n", "        a()\n\n".repeat(14));
    let java =
        format!("    // M.\n    public void m() {{\n{}    }}\n\n", "        a();\n\n".repeat(14));
    for (name, head, method, tail, start) in [
        ("a.rs", "impl A for B {\n", &rust, "}\n", "    /// M."),
        ("a.py", "class A(B):\n", &python, "", "    # M."),
        ("A.java", "public class A {\n", &java, "}\n", "    // M."),
    ] {
        let text = format!("{head}{}{tail}", method.repeat(20));
        let ranges = split(name, &text, &CFG);
        sound(&text, &ranges, 350);
        assert!(
            ranges[1..].iter().all(|r| text[r.clone()].starts_with(start)),
            "{name} {ranges:?}"
        );
    }
}

#[test]
fn byte_shards_have_exactly_the_size() {
    let text = "fn a() {}\n".repeat(100);
    let ranges = split("a.rs", &text, &config(600, 350, SplitMode::Bytes));
    let sizes: Vec<usize> = ranges.iter().map(ExactSizeIterator::len).collect();
    assert_eq!(sizes, [350, 350, 300]);
    let text = "€".repeat(400);
    let ranges = split("a.rs", &text, &config(600, 350, SplitMode::Bytes));
    assert_eq!(ranges[0], 0..348, "a character is never cut");
}

/// The best places to cut, a letter for each line but the first.
fn letters(cuts: &Cuts) -> String {
    let letter = |(_, cut): &(usize, Cut)| match cut {
        Cut::Line => '.',
        Cut::Blank => 'b',
        Cut::Statement => 's',
        Cut::Paragraph => 'p',
        Cut::Nested => 'N',
        Cut::Inner => 'M',
        Cut::Item => 'I',
        Cut::ItemAfterBlank => 'A',
    };
    cuts.iter().map(letter).collect()
}

#[test]
fn what_begins_on_a_line_says_how_good_it_is_to_cut_there() {
    for (path, text, want) in [
        (
            "a.py",
            "import os\nx = call(\n    1,\n)\ny = 1 + \\\n    2\nclass A:\n    a = 1\n    class B:\n        def f(self):\n            pass\n    @cached\n    def g(self):\n        def h(): pass\n\n        return 1\n    async def i(self): pass\nif x:\n    def late(): pass\ndef broken(\n    a\ndef whole():\n    s = '''\ndef not_code():\n'''\n    return s\n",
            "s..s.IsMNsM.s.pMssI.Is..s",
        ),
        (
            "a.rs",
            "use a::b;\n#[cfg(x)]\nmod m {\n    pub fn f(a: [u8; 2]) {\n        if a { b() }\n        let c = S {\n            d: 1,\n            e: 2,\n        };\n\n        g();\n    }\n    impl P {\n        fn h(&self)\n        {\n        }\n    }\n}\nfn open(\nfn next() {}\n",
            "I.Msss...p.MN....sI",
        ),
        (
            "a.c",
            "struct point {\n    int x;\n};\nstruct point *make(int x) {\n    if (x) {\n        go();\n    }\n}\n",
            "s.Iss..",
        ),
        (
            "a.rb",
            "x = 1\n\n# Doc.\ndef f\n  a = 1\n\n  b = 2\nend\nclass A\n\n  # Note.\n  def m\n\n  def_x = 1\n\n\tdef tabbed\n\n\t\tdef two\n\n     def deep\ndef_y = 2\n[section]\n# a note\n",
            ".A...b.I.M..b.M.b.b.I.",
        ),
        (
            "a.md",
            "# Title\ntext\n## Part\n\n###### Six\n####### seven\n#none\n\nUnder\n===\n\nNot\n==\n\n- item\n---\ntext\n---\n   ```\n\n# in code\n~~~\n# in code\n``` x\n# in code\n```\n# Out\n    ```\n# Out\n",
            ".I.A...A..b..b...........I.I",
        ),
    ] {
        let known = syntax::candidates(path, text);
        let found = letters(&known.unwrap_or_else(|| lines::candidates(path, text)));
        let rows = |letters: &str| -> Vec<String> {
            text.lines()
                .skip(1)
                .zip(letters.chars())
                .map(|(line, c)| format!("{c} {line}"))
                .collect()
        };
        assert_eq!((rows(&found), found.len()), (rows(want), want.len()), "{path}");
    }
}

#[test]
fn shards_end_where_items_do_unless_that_leaves_a_crumb_or_too_much() {
    // Items of these sizes, in lines of three bytes; the last may be of two.
    let items = |sizes: &[usize]| -> String {
        let item = |n: &usize| format!("fn\n{}", " .\n".repeat(n.div_ceil(3) - 1))[..*n].to_owned();
        sizes.iter().map(item).collect()
    };
    for (text, want) in [
        (items(&[36]), vec![36]),
        (items(&[39]), vec![24, 15]),
        (items(&[12, 27]), vec![12, 27]),
        (items(&[36, 36]), vec![36, 36]),
        (items(&[9, 33, 40]), vec![9, 33, 24, 16]),
        (items(&[9, 45, 30]), vec![24, 30, 30]),
        (items(&[36, 2]), vec![24, 14]),
        (
            format!("fn {}\n  {}\n  {}\n", "a".repeat(11), "b".repeat(9), "c".repeat(7)),
            vec![15, 22],
        ),
    ] {
        let ranges = split("a.txt", &text, &config(30, 24, SplitMode::Lines));
        let sizes: Vec<usize> = ranges.iter().map(ExactSizeIterator::len).collect();
        assert_eq!(sizes, want, "{text}");
    }
}

/// Text that was made to be hard: it takes one pass like any other.
#[test]
fn hostile_files_are_split_all_the_same() {
    for name in ["a.rs", "a.py", "a.tsx", "a.go", "a.c", "a.md"] {
        for piece in [
            "(",
            "[{(\n",
            "'\"`",
            "'\"`\n",
            "\"",
            "r#",
            "/*",
            "#\n",
            "@\n",
            "#[;\n",
            "#[{\n",
            "𝄞",
            "class A {\n",
            "class A:\n ",
            "\n",
        ] {
            let text = piece.repeat((1 << 15) / piece.len());
            sound(&text, &split(name, &text, &config(6000, 3500, SplitMode::Syntax)), 3500);
        }
    }
}

proptest! {
    #[test]
    fn shards_reassemble_byte_for_byte(
        lines in proptest::collection::vec("(fn |pub |# |    |\\PC{0,3}|)[a-zä€𝄞 (){}\"]{0,60}", 0..80),
        crlf in any::<bool>(),
        shard in 8u64..400,
        mode in proptest::sample::select(MODES.to_vec()),
        name in proptest::sample::select(vec!["a.rs", "a.py", "a.ts", "a.js", "a.go", "a.c", "a.md", "a.txt"]),
    ) {
        let text = lines.join(if crlf { "\r\n" } else { "\n" });
        prop_assume!(!text.is_empty());
        let cfg = config(shard, shard, mode);
        let ranges = split(name, &text, &cfg);
        let joined: String = ranges.iter().map(|r| &text[r.clone()]).collect();
        prop_assert_eq!(&joined, &text);
        prop_assert_eq!(ranges.first().map(|r| r.start), Some(0));
        prop_assert!(ranges.windows(2).all(|w| w[0].end == w[1].start));
        let most = (shard + shard / 2) as usize;
        prop_assert!(ranges.iter().all(|r| !r.is_empty() && r.len() <= most));
        prop_assert_eq!(split(name, &text, &cfg), ranges, "the same on every worker");
    }

    /// Functions of any length up to the aim, in any order: none is cut.
    #[test]
    fn functions_up_to_the_aim_stay_whole(sizes in proptest::collection::vec(1usize..20, 5..60)) {
        let function = |n: &usize| format!("/// D.\nfn f() {{\n{}}}\n\n", "    a();\n\n".repeat(*n));
        let functions: Vec<String> = sizes.iter().map(function).collect();
        let text = functions.concat();
        let shard = 230;
        prop_assume!(functions.iter().all(|f| f.len() <= shard));
        let mut starts = std::collections::BTreeSet::from([0]);
        let mut at = 0;
        for f in &functions {
            at += f.len();
            starts.insert(at);
        }
        for range in split("a.rs", &text, &config(230, shard as u64, SplitMode::Syntax)) {
            prop_assert!(starts.contains(&range.start), "{}", &text[range]);
        }
    }
}

use super::*;
use proptest::prelude::*;

fn confidences(text: &str) -> Vec<Option<u8>> {
    markdown(text).findings.iter().map(|f| f.confidence).collect()
}

#[test]
fn the_form_that_is_asked_for() {
    let p = markdown(
        "## Score\nAlignment score: 7/10\n\n## Suggested changes\n1. **`load` swallows errors** (Confidence: 85%)\n   - Where: `load`\n   - Quote: `let _ = read(path);`\n   - Change: return the error\n\n2. **Rename** (Confidence: 60%)\n   - Quote: `fn x()`\n\n## Contradictions\n- Retries three times, the PRD says five (Confidence: 90%)\n  - Quote: `const TRIES: u32 = 3;`\n  - Evidence: PRD section 2\n",
    );
    assert_eq!(p.alignment_score, Some(7.0));
    assert_eq!(p.findings.len(), 3);
    let [a, b, c] = &p.findings[..] else { panic!("three") };
    assert_eq!(a.kind, FindingKind::Suggestion);
    assert!(a.text.starts_with("**`load` swallows errors**"));
    assert!(a.text.contains("return the error"));
    assert_eq!(a.quote.as_deref(), Some("let _ = read(path);"));
    assert_eq!((a.confidence, b.confidence, c.confidence), (Some(85), Some(60), Some(90)));
    assert_eq!(c.kind, FindingKind::Contradiction);
    assert_eq!(c.quote.as_deref(), Some("const TRIES: u32 = 3;"));
    assert_eq!(c.evidence.as_deref(), Some("PRD section 2"));
    assert!(p.verdict.is_none() && p.counts.is_none());
}

#[test]
fn unindented_fields_belong_to_their_item() {
    let text = "### Suggestions\n1. Fix a\n- Where: f\n- **Confidence:** 70%\n2. Fix b\n\nConfidence: 55%\n\nOverall a good file (99%).";
    assert_eq!(confidences(text), [Some(70), Some(55)]);
    let bullets = "## Changes\n- Fix a\n- Confidence: 70%\n- Fix b (20%)";
    assert_eq!(confidences(bullets), [Some(70), Some(20)]);
}

#[test]
fn headings_as_items() {
    let p = markdown(
        "## Suggestions\n\n### 1. Lock it (80%)\nSome prose.\n\n```rust\nstatic X: Cell<u8>;\n```\n\n- a detail\n\n### Suggestion 2: Test it\n**Confidence:** 65%\n\n## Summary\n- all in all fine",
    );
    assert_eq!(p.findings.len(), 2);
    assert_eq!(p.findings[0].quote.as_deref(), Some("static X: Cell<u8>;"));
    assert_eq!(p.findings[1].confidence, Some(65));
    assert_eq!(p.findings[1].text.lines().next(), Some("Test it"));
}

#[test]
fn without_titles_numbers_and_confidences_make_findings() {
    assert_eq!(confidences("4/10 (mid)\n1. Fix a\n2. Fix b (80%)\n"), [None, Some(80)]);
    assert_eq!(confidences("- one\n- two, confidence: 40%\n"), [Some(40)]);
    assert!(confidences("It reads well.\n- one\n- two\n").is_empty());
}

#[test]
fn bold_lines_are_titles_too() {
    let p = markdown("**Contradictions:**\n- a vs b (50%)\n\n**What is good**\n- tests\n");
    assert_eq!(p.findings.len(), 1);
    assert_eq!(p.findings[0].kind, FindingKind::Contradiction);
}

#[test]
fn nothing_to_say_is_no_finding() {
    let text = "## Suggested changes\nNone. I read every function.\n\n## Contradictions\n- None found.\n- No contradictions with the proposal.\n";
    assert!(markdown(text).findings.is_empty());
    let none_t = "## Suggested changes\n- `None` is returned for an error (70%)\n";
    assert_eq!(confidences(none_t), [Some(70)]);
}

#[test]
fn a_claim_may_begin_with_nothing() {
    let count = |text: &str| markdown(text).findings.len();
    let table = "| Change | Code | Confidence |\n|---|---|---|\n| Nothing bounds the queue | `q.push(x)` | 92% |\n| None of the callers checks it | `a(b)` | high |\n| None | – | n/a |\n| None found. | | |\n| No change | `c(d)` | 70% |\n";
    assert_eq!(count(&format!("## Changes\n{table}")), 3);
    let list = "## Changes\n1. None of the callers checks `save`\n2. No change is saved on a full disk\n3. No conflict handling in `push`\n4. Nothing bounds the queue\n5. None: it is fine (60%)\n6. None: it is fine\n";
    assert_eq!(count(list), 5);
}

#[test]
fn labels_before_nothing_are_no_finding() {
    let count = |items: &str| markdown(&format!("## Contradictions\n{items}")).findings.len();
    assert_eq!(count("- Flag: `None`\n"), 0);
    assert_eq!(count("- Where: `None`\n- Quote: `None`\n"), 0);
    assert_eq!(count("- **Where:** n/a\n- **Quote:**\n- Change: None.\n\n- Flag: `None`\n"), 0);
    assert_eq!(count("- Where: `load`\n- Quote: `None`\n"), 1);
    assert_eq!(count("- Where: `None`\n- Quote: `None`\n- Confidence: 90%\n"), 1);
}

#[test]
fn tables_in_order_with_lists() {
    let text = "## Changes\n\n| Change | Confidence |\n|---|---|\n| a | 85% |\n| b | 70% |\n\n1. c (60%)\n";
    assert_eq!(confidences(text), [Some(85), Some(70), Some(60)]);
}

#[test]
fn the_quote_is_code_not_a_name() {
    let p = markdown("## Changes\n1. In `load`, `x.unwrap()` panics; use `x?` instead (80%)\n");
    assert_eq!(p.findings[0].quote.as_deref(), Some("x.unwrap()"));
    let diff = markdown("## Changes\n1. Do\n```diff\n-    old(x);\n+    new(x);\n```\n");
    assert_eq!(diff.findings[0].quote.as_deref(), Some("    old(x);"));
}

#[test]
fn names_places_and_changes_are_no_quote() {
    let quote = |item: &str| {
        let mut findings = markdown(&format!("## Changes\n1. {item}\n")).findings;
        findings.remove(0).quote
    };
    for item in [
        "`push` is off by one (95%)\n   - Where: `Store::push`, `fn push(a)`\n   - Quote: none",
        "**The limit of `Store::push`** (95%)\n   - Quote: `None`\n   - Change: `x.len() >= y`",
        "**a** (95%)\n   - Quote: n/a\n   - Change:\n     ```rust\n     fn b(a: u8) {}\n     ```",
        "**a** (95%)\n   - Change: so\n     ```rust\n     fn b(a: u8) {}\n     ```",
        "`push()`, `self.limit`, `io::stdin` (95%)\n   - Fix: `return Err(e);`",
        "**a** (95%)\n   - Code: none shown, see `x.unwrap()` where it is read\n     Fix: -",
    ] {
        let got = quote(item);
        // The last one has code behind its label.
        assert_eq!(got.as_deref(), item.contains("Code:").then_some("x.unwrap()"), "{item}");
    }
    let told = "**a** (95%)\n   - Change: `b(c)`\n   - Evidence: `d(e)` is lost";
    assert_eq!(quote(told).as_deref(), Some("d(e)"));
    let below = "**a** (95%)\n   - Quote:\n\n     ```\n     d(e)\n     ```\n   - Change: `f(g)`";
    assert_eq!(quote(below).as_deref(), Some("     d(e)"));
    let table = "| Where | Problem | Fix | Confidence |\n|---|---|---|---|\n| `fn a()` | `b` drops `c(d)` | `e(f)?` | 90% |\n| `fn a()` | `b` fails | `e(f)?` | 90% |\n";
    let found = markdown(&format!("## Changes\n{table}")).findings;
    assert_eq!((found[0].quote.as_deref(), &found[1].quote), (Some("c(d)"), &None));
    let none = "| Problem | Quote | Confidence |\n|---|---|---|\n| `c(d)` fails | None | 90% |\n";
    assert_eq!(markdown(&format!("## Changes\n{none}")).findings[0].quote, None);
}

#[test]
fn numbers_in_code_are_no_confidence() {
    let text = "## Changes\n1. Raise it\n```\nlet s = \"(95%)\";\n```\n";
    assert_eq!(confidences(text), [None]);
}

proptest! {
    #[test]
    fn no_input_panics(text in "(\\PC|[\\n#*`|\\-0-9%(){}\":./ §])*") {
        let _ = markdown(&text);
        let _ = crate::parse::forensic(&text);
    }

    #[test]
    fn no_pile_of_fragments_panics(parts in proptest::collection::vec(
        prop_oneof![
            Just("## Suggested changes\n"), Just("1. "), Just("- "), Just("```\n"), Just("`"),
            Just("| a | Confidence |\n"), Just("|---|---|\n"), Just("| ü | 85% |\n"),
            Just("Confidence: "), Just("85%"), Just("Score: "), Just("4.5/10"), Just("\n"),
            Just("{\"verdict\":"), Just("\"pass\"}"), Just("ä€"), Just("– "), Just("**"),
        ], 0..40)) {
        let text = parts.concat();
        let _ = markdown(&text);
        let _ = crate::parse::forensic(&text);
    }
}

#[test]
fn flags_stand_on_lines_of_their_own() {
    let text = "## Suggested changes\n1. **The last line is lost** (Confidence: 80%)\n   - Quote: `0..n - 1`\n   - Flag: OffByOne `n`\n2. **Is this DeadCode?** (Confidence: 60%)\n   - Change: drop it\n3. **Both** (70%)\n   - **Flags:** `UnitMismatch`, TypeConfusion, NoSuchFlag\n";
    let findings = markdown(text).findings;
    let flags: Vec<_> = findings.iter().map(|f| f.flags.join("+")).collect();
    assert_eq!(flags, ["OffByOne", "", "UnitMismatch+TypeConfusion"]);
}

#[test]
fn the_same_label_again_begins_the_next_finding() {
    let text = "## Suggested changes\n- Flag: DeadCode (80%)\n- Quote: `fn a()`\n- Change: drop it\n- Flag: OffByOne (70%)\n- Quote: `0..=n`\n";
    assert_eq!(confidences(text), [Some(80), Some(70)]);
    let titled = "## Suggested changes\n- No lock (80%)\n- Flag: DeadCode\n- Flag: OffByOne\n- Quote: `0..=n`";
    assert_eq!(confidences(titled), [Some(80)], "two flags of one finding");
    assert_eq!(markdown(titled).findings[0].flags.len(), 2);
}

#[test]
fn the_lines_of_one_finding_may_be_numbered() {
    let one = |quote: &str| {
        let labels = [
            format!(
                "**Quote:** The `load` does not check, and the `b` either.\n   ```go\n   {quote}\n   ```\n"
            ),
            "**Claim:** it is not checked\n".to_owned(),
            "**Fails for:** nothing\n".to_owned(),
            "**Severity:** Major\n".to_owned(),
            "**Confidence:** 80%\n".to_owned(),
        ];
        labels.concat()
    };
    let numbered = |text: &str, from: usize| {
        let mut n = from;
        let number = |line: &str| {
            n += usize::from(line.starts_with("**"));
            if line.starts_with("**") { format!("{n}. {line}\n") } else { format!("{line}\n") }
        };
        text.lines().map(number).collect::<String>()
    };
    let (a, b) = (numbered(&one("a()"), 0), numbered(&one("b()"), 5));
    for (text, quotes) in [
        (format!("## Findings\n{a}"), vec!["a()"]),
        (format!("## Findings\n{a}\n{b}6. **Verdict:** fail\n"), vec!["a()", "b()"]),
    ] {
        let found = markdown(&text).findings;
        let got: Vec<_> = found.iter().filter_map(|f| f.quote.as_deref()).map(str::trim).collect();
        assert_eq!(got, quotes, "{text}");
        assert!(found.len() == quotes.len() && found.iter().all(|f| f.confidence == Some(80)));
    }
    let apart = "## Findings\n1. Lock it (80%)\n2. Quote: `x` is wrong (70%)\n";
    assert_eq!(confidences(apart), [Some(80), Some(70)]);
}

#[test]
fn a_block_may_open_behind_its_label() {
    let text = "## Suggested changes\n1. Lock it (80%)\n   - Quote: ```rust\n     x += 1;\n     ```\n   - Change: ```rust\n     add(1);\n     ```\n2. Uses ```x``` (60%)\n";
    let p = markdown(text);
    assert_eq!(p.findings.len(), 2);
    assert_eq!(p.findings[0].quote.as_deref().map(str::trim), Some("x += 1;"));
    assert!(p.findings[1].text.starts_with("Uses ```x```"));
}

#[test]
fn a_quote_may_stand_between_quotation_marks() {
    let quote = |value: &str| {
        let text = format!("## Suggested changes\n1. A claim (80%)\n   - Quote: {value}\n");
        markdown(&text).findings[0].quote.clone()
    };
    assert_eq!(quote("\"let x = `y`;\"").as_deref(), Some("let x = `y`;"));
    assert_eq!(quote("“a + b”").as_deref(), Some("a + b"));
    assert_eq!(quote("\"None\""), None);
}

/// The same finding in the languages of the table: title, item, labels, confidence.
#[test]
fn answers_are_read_in_any_of_the_languages() {
    let answers = [
        "## Modifications suggérées\n1. **`load` avale les erreurs** (Confiance\u{a0}: 85\u{a0}%)\n   - Où\u{a0}: `load`, ligne 5\n   - Citation\u{a0}: `x.unwrap();`\n   - Modification\u{a0}: `y?`\n\n## Contradictions\nAucune.\n",
        "## 修改建议\n1、**`load` 吞掉错误**（置信度：85%）\n   - 位置：`load`，第 5 行\n   - 引用：`x.unwrap();`\n   - 修改：`y?`\n\n## 矛盾\n- 无。\n",
        "## 建议\n1．**`load` 吞掉错误**\n   - 位置： load\n   - 代码： x.unwrap();\n   - 改为： y?\n   - 信心： ８５％\n",
        "### 建议 1：`load` 吞掉错误\n- **位置**：`load`\n- **引用**：`x.unwrap();`\n- **置信度**：85%\n",
        "## सुझाव\n1. **`load` त्रुटि छिपाता है** (आत्मविश्वास: 85%)\n   - कहाँ: `load`\n   - उद्धरण: `x.unwrap();`\n   - बदलाव: `y?`\n",
        "## Cambios sugeridos\n1. **`load` oculta errores** (Confianza: 85%)\n   - Dónde: `load`\n   - Cita: `x.unwrap();`\n   - Cambio: `y?`\n\n## Contradicciones\n- Ninguna.\n",
        "## التغييرات المقترحة\n1. **`load` يخفي الأخطاء** (الثقة: ٨٥٪)\n   - أين: `load`\n   - اقتباس: `x.unwrap();`\n   - التغيير: `y?`\n",
        "## প্রস্তাবিত পরিবর্তন\n1. **`load` ত্রুটি লুকায়** (আত্মবিশ্বাস: ৮৫%)\n   - কোথায়: `load`\n   - উদ্ধৃতি: `x.unwrap();`\n   - পরিবর্তন: `y?`\n",
        "## Mudanças sugeridas\n1. **`load` esconde erros** (Confiança: 85%)\n   - Onde: `load`\n   - Citação: `x.unwrap();`\n   - Mudança: `y?`\n",
        "## Предлагаемые изменения\n1. **`load` скрывает ошибки** (Уверенность: 85%)\n   - Где: `load`\n   - Цитата: `x.unwrap();`\n   - Изменение: `y?`\n\n## Противоречия\nНет.\n",
        "## Vorgeschlagene Änderungen\n1. **`load` verschluckt Fehler** (Konfidenz: 85 %)\n   - Wo: `load`\n   - Zitat: `x.unwrap();`\n   - Änderung: `y?`\n\n## Widersprüche\n- Keine Widersprüche gefunden.\n",
        "## 変更の提案\n1. **`load` がエラーを隠す**（信頼度：85％）\n   - 場所：`load`\n   - 引用：`x.unwrap();`\n   - 変更：`y?`\n",
        "## 제안\n1. **`load`가 오류를 숨긴다** (신뢰도: 85%)\n   - 위치: `load`\n   - 인용: `x.unwrap();`\n   - 변경: `y?`\n",
        // No language of the table, and titles that say nothing: the form tells.
        "## Ehdotukset\n1. **`load` piilottaa virheet** (Varmuus ääni: 85%)\n   - **Missä:** `load`\n   - **Lainaus:** `x.unwrap();`\n   - **Muutos:** `y?`\n",
        "## Something else\n- **Where:** `load`\n- **Quote:** `x.unwrap();`\n- **Confidence:** 85%\n",
        "| 位置 | 问题 | 引用 | 置信度 |\n|---|---|---|---|\n| `load` | 吞掉错误 | `x.unwrap();` | 85% |\n",
    ];
    for answer in answers {
        let found = markdown(answer).findings;
        assert_eq!(found.len(), 1, "{answer}");
        assert_eq!(found[0].quote.as_deref(), Some("x.unwrap();"), "{answer}");
        assert_eq!(found[0].confidence, Some(85), "{answer}");
        let known = !answer.contains("Missä");
        assert_eq!(
            found[0].place.as_ref().is_some_and(|place| place.contains("load")),
            known,
            "{answer}"
        );
    }
}

#[test]
fn quotes_stand_behind_their_label_in_any_form() {
    let quote = |below: &str| {
        let text = format!("## Suggested changes\n1. **It is lost** (Confidence: 85%)\n{below}");
        let found = markdown(&text).findings;
        assert_eq!(found.len(), 1, "{below}");
        let quote = found[0].quote.clone().unwrap_or_default();
        quote.lines().map(str::trim).collect::<Vec<_>>().join("|")
    };
    for (below, want) in [
        ("   - Quote: a = b(c)\n   - Change: x", "a = b(c)"),
        ("   - Quote: 5: a = b(c)\n", "5: a = b(c)"),
        (
            "   - Quote:\n     ```python\n     a = b(c)\n     d = 1\n     ```\n   - Change: x",
            "a = b(c)|d = 1",
        ),
        ("   - Quote:\n\n     ```\n     a = b(c)\n     ```\n", "a = b(c)"),
        ("   - Quote (lines 5-6):\n     ~~~\n     a = b(c)\n     ~~~\n", "a = b(c)"),
        ("   - Quote:\n     a = b(c)\n     d = 1\n   - Change: x", "a = b(c)|d = 1"),
        ("   - Quote:\n     > a = b(c)\n     > d = 1\n", "> a = b(c)|> d = 1"),
        ("   - Quote:\n     - `a = b(c)`\n   - Change: x", "a = b(c)"),
        ("   - Quote: `a = b(c)\n     d = 1`\n   - Change: x", "a = b(c)|d = 1"),
        ("   - Quote: `a = b(c)`\n     `d = 1`\n   - Change: x", "a = b(c)|d = 1"),
        ("   - `Quote: a = b(c)`\n   - Change: x", "a = b(c)"),
        ("   - `Quote:` `a = b(c)`\n", "a = b(c)"),
        ("   - **`Quote`:** `a = b(c)`\n", "a = b(c)"),
        ("   - **Quote** `a = b(c)`\n", "a = b(c)"),
        ("   - **Quote** (line 5): `a = b(c)`\n", "a = b(c)"),
        ("   - Quote: const a = `b`;\n", "const a = `b`;"),
        ("   - Quote: `a = b(c)\n   - Change: never closed", "a = b(c)"),
        ("   - Quote: none\n   - Change: `x = y(z)`", ""),
        ("   - Quote: ``a = `b` ``\n", "a = `b`"),
        ("   - Quote: `a = b(c)`\n     ```\n     d = 1\n     ```\n", "a = b(c)"),
        ("   - Quote: `a = b(c)`\n     `d = 1` is lost\n", "a = b(c)"),
        ("   - Quote: `a = b(c)`\n     `d = 1` and `e = 2`\n", "a = b(c)"),
        ("   ```\n   d = 1\n   ```\n   - Quote: `a = b(c)`\n", "a = b(c)"),
        ("   ```yaml\n   quote: `a = b(c)`\n   ```\n", "quote: `a = b(c)`"),
        ("   Change: `a = b(c)`\n", ""),
        ("   - **Fix:** `a = b(c)`\n   - **Impact:** high\n", ""),
        ("   - Change:\n     ```yaml\n     - d: 1\n     ```\n     so that `a = b(c)`\n", ""),
        ("   as `d = 1` does\n   - **Missä:** täällä\n   - **Lainaus:** `a = b(c)`\n", "a = b(c)"),
    ] {
        assert_eq!(quote(below), want, "{below}");
    }
}

#[test]
fn places_are_what_stands_behind_their_label() {
    let text = "## Suggested changes\n1. **a** (85%)\n   - Where: `load`, line 5\n   - Quote (line 6): `a(b)`\n2. **b** (85%)\n   - Quote: `c(d)`\n";
    let found = markdown(text).findings;
    assert!(found[0].place.as_deref().unwrap().starts_with("`load`, line 5; line 6"));
    assert_eq!(found[1].place, None);
}

#[test]
fn a_confidence_that_cannot_be_read_is_told_apart() {
    let text = "## Suggested changes\n1. a (Confidence: High)\n2. b (Confidence: 0.85)\n3. c\n4. d (Confidence: 9/10)\n5. e\n   - Confidence: unsure\n";
    let found = markdown(text).findings;
    let read: Vec<_> = found.iter().map(|f| (f.confidence, f.confidence_unreadable)).collect();
    let want = [(None, true), (Some(85), false), (None, false), (Some(90), false), (None, true)];
    assert_eq!(read, want);
}

#[test]
fn only_what_is_a_title_or_an_item_begins_a_finding() {
    for (text, want) in [
        // What stands in a block of code is code, of any form.
        (
            "## Changes\n1. a\n```\n2. b\n# Summary\n| c | d |\n\n- e\n```\n2. f",
            "2. b\n# Summary\n| c | d |\n\n- e,",
        ),
        ("1. A fence begins with ``` and three more (60%)\n2. b (70%)", ","),
        ("## Changes\n1. a (80%)\n\n\n   - Quote: `b(c)`", "b(c)"),
        ("## Changes\n1. a (80%)\nas `b(c)` does", "b(c)"),
        ("## Changes\n1. a (80%)\n\n   as `b(c)` does", "b(c)"),
        ("## Changes\n1. a (80%)\n\nas `b(c)` does", ""),
        ("## Changes\n- a\n - b", ","),
        ("## Changes\n1. a (80%)\n\n## src/x.rs\n1. about x", ""),
        ("## src/x.rs\n1. about x\n## src/y.rs\n2. about y", ","),
        ("## Changes\n- Where: `a`\n- Quote: `b(c)`\n- Change: x\n- Quote: `d(e)`", "b(c),d(e)"),
        ("## Changes\n- Where: `a`\n- Quote: `b(c)`\n- Quote: `d(e)`", "b(c)"),
        // Paragraphs are no titles.
        ("Problems may lurk here\n- a\n- b", "-"),
        ("**Problems** are **rare**\n- a\n- b", "-"),
        (
            "Of all that was asked about problems and about what to change I can say no more than this:\n- a\n- b",
            "-",
        ),
        ("Problems:\n- a\n- b", ","),
        // Without a title a quote makes a finding.
        ("- a\n  - Quote: `b(c)`", "b(c)"),
        ("- a\n  - Where: `b(c)`", "-"),
        ("- a\n  - Quote: none", "-"),
        ("- a calls `b(c)`", "-"),
    ] {
        let found = markdown(text).findings;
        let quotes: Vec<&str> =
            found.iter().map(|f| f.quote.as_deref().unwrap_or_default()).collect();
        let got = if quotes.is_empty() { "-".to_owned() } else { quotes.join(",") };
        assert_eq!(got, want, "{text}");
    }
}

#[test]
fn a_verdict_stands_behind_its_name_and_outside_of_code() {
    for (text, want) in [
        ("## Verdict\nneeds_patch\n\n```\nverdict: pass\n```", Some("needs_patch")),
        ("Uses a block: ```\nverdict: pass\n```\n**Verdict:** fail", Some("fail")),
        ("Verdict: needs-patch, see above", Some("needs_patch")),
        ("Verdict: needs patch, see above", None),
        ("Verdict: pass (two remarks)", Some("pass")),
        ("All is well.\n**pass**", Some("pass")),
        ("Verdicts: pass", None),
    ] {
        assert_eq!(verdict(text), want, "{text}");
    }
}

//! What labels and titles are called, in the languages that reviewers answer in: a table, which is all that
//! the parser knows of any language.

use super::items::Section;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What stands behind a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Code as it stands in the file.
    Quote,
    /// A name, a place, a line.
    Where,
    /// What to write instead.
    Change,
    /// Proof.
    Why,
    /// How sure the reviewer is.
    Confidence,
    /// Input or state for which it goes wrong.
    FailsFor,
    /// How grave it is.
    Severity,
    /// Semantic flags.
    Flag,
    /// Anything else that is said of the finding.
    Claim,
}

/// The words of each label, a string a language: English, Chinese, Hindi, Spanish, French, Arabic,
/// Bengali, Portuguese, Russian, German, Japanese, Korean. All in lower case.
const LABELS: [(Role, &[&str]); 9] = [
    (
        Role::Quote,
        &[
            "quote|code|current|current code|snippet|excerpt|existing code|original code|quoted code",
            "引用|引文|代码|原文|代码片段|当前代码|原代码|引用代码|程式碼|代碼",
            "उद्धरण|कोड",
            "cita|código|codigo|fragmento|código actual",
            "citation|extrait|code actuel|code cité",
            "اقتباس|الاقتباس|الكود|الشيفرة|المقتطف",
            "উদ্ধৃতি|কোড",
            "citação|citacao|trecho|código atual",
            "цитата|код|фрагмент|текущий код",
            "zitat|ausschnitt|aktueller code|codestelle",
            "コード|該当コード|現在のコード|引用コード",
            "인용|코드|현재 코드",
        ],
    ),
    (
        Role::Where,
        &[
            "where|location|function|file|line|lines|place|method|class|symbol",
            "位置|所在位置|地点|函数|文件|行|行号|哪里|何处|函數|檔案",
            "कहाँ|कहां|स्थान|फ़ंक्शन|पंक्ति",
            "dónde|donde|ubicación|ubicacion|lugar|función|línea|líneas",
            "où|ou|emplacement|lieu|endroit|fonction|ligne|lignes|fichier",
            "أين|الموقع|المكان|الدالة|السطر|الملف",
            "কোথায়|অবস্থান|ফাংশন|লাইন",
            "onde|local|localização|função|linha|linhas",
            "где|место|расположение|функция|строка|строки|файл",
            "wo|ort|stelle|funktion|zeile|zeilen|datei",
            "場所|どこ|関数|箇所|該当箇所|ファイル",
            "위치|어디|함수|줄|파일",
        ],
    ),
    (
        Role::Change,
        &[
            "change|fix|how|suggested change|proposed change|suggestion|recommendation|suggested fix|instead|replacement|solution",
            "修改|更改|改为|改動|改动|建议|建議|修复|修复建议|修改建议|建议修改|变更|解决方案",
            "बदलाव|परिवर्तन|सुधार|सुझाव",
            "cambio|cambio sugerido|corrección|correccion|sugerencia|solución|recomendación",
            "changement|modification|correction|correctif|remplacement|recommandation",
            "التغيير|تغيير|الإصلاح|الاقتراح|التعديل|الحل",
            "পরিবর্তন|সংশোধন|সমাধান|পরামর্শ",
            "mudança|alteração|correção|sugestão|solução|recomendação",
            "изменение|исправление|предложение|исправить|замена|решение|рекомендация",
            "änderung|korrektur|vorschlag|behebung|lösung|empfehlung|stattdessen",
            "変更|変更案|修正|修正案|提案|改善案|対策",
            "변경|수정|제안|해결",
        ],
    ),
    (
        Role::Why,
        &[
            "evidence|why|reason|rationale|proof",
            "证据|原因|理由|为什么|依据|證據",
            "क्यों|कारण|प्रमाण",
            "evidencia|por qué|por que|razón|motivo|prueba",
            "preuve|pourquoi|raison|justification",
            "الدليل|لماذا|السبب",
            "কেন|কারণ|প্রমাণ",
            "evidência|por quê|razão|prova",
            "доказательство|почему|причина|обоснование",
            "beleg|warum|grund|begründung|nachweis",
            "根拠|なぜ|証拠",
            "근거|이유|왜",
        ],
    ),
    (
        Role::Confidence,
        &[
            "confidence|certainty",
            "置信度|置信水平|信心|信心度|可信度|确信度|把握|信賴度",
            "आत्मविश्वास|विश्वास|विश्वास स्तर|भरोसा",
            "confianza|nivel de confianza|certeza",
            "confiance|niveau de confiance|indice de confiance|certitude",
            "الثقة|ثقة|درجة الثقة|مستوى الثقة",
            "আত্মবিশ্বাস|নিশ্চয়তা",
            "confiança|nível de confiança",
            "уверенность|степень уверенности|достоверность",
            "konfidenz|zuversicht|vertrauen|gewissheit",
            "信頼度|確信度|自信|確度",
            "신뢰도|확신도|확신",
            // More of them, for it decides what may be done.
            "confidenza|fiducia|vertrouwen|zekerheid|pewność|güven|keyakinan|kepercayaan|độ tin cậy",
        ],
    ),
    (
        Role::FailsFor,
        &[
            "fails|fails for|fails when|fails with|fails if|input",
            "失败于|失败情形|失败条件|触发条件|失敗條件",
            "विफल होता है|विफलता",
            "falla para|falla con|falla cuando|falla si",
            "échoue pour|échoue avec|échoue quand|échoue si",
            "يفشل عند|يفشل مع",
            "ব্যর্থ হয়",
            "falha para|falha com|falha quando|falha se",
            "не работает при|отказ при|сбой при",
            "scheitert bei|scheitert an|schlägt fehl bei|schlägt fehl, wenn",
            "失敗条件|失敗する入力|失敗する場合",
            "실패 조건|실패 입력",
        ],
    ),
    (
        Role::Severity,
        &[
            "severity|priority",
            "严重性|严重程度|严重度|優先級|优先级",
            "गंभीरता",
            "gravedad|severidad|prioridad",
            "gravité|sévérité|priorité",
            "الخطورة|الشدة|الأولوية",
            "তীব্রতা",
            "gravidade|severidade|prioridade",
            "серьёзность|серьезность|критичность|приоритет",
            "schweregrad|schwere|priorität",
            "重大度|深刻度|優先度",
            "심각도|우선순위",
        ],
    ),
    (Role::Flag, &["flag|flags"]),
    (
        Role::Claim,
        &[
            "impact|what|explanation|details|issue|problem|claim",
            "问题|影响|说明|問題",
            "समस्या|प्रभाव",
            "problema|impacto|explicación",
            "problème|explication",
            "المشكلة|التأثير",
            "সমস্যা|প্রভাব",
            "explicação",
            "проблема|влияние|пояснение",
            "auswirkung|erklärung",
            "影響|説明",
            "문제|영향|설명",
        ],
    ),
];

/// What titles hold, by the beginnings of their words, a string a language as above.
const TITLES: [(Section, &[&str]); 3] = [
    (
        Section::Contradictions,
        &[
            "contradict|mismatch|conflict|inconsisten",
            "矛盾|冲突|衝突|不一致",
            "विरोध",
            "contradicc|discrepanc",
            "incohéren",
            "تناقض|تعارض",
            "বৈপরীত্য|দ্বন্দ্ব",
            "contradiç|inconsistên",
            "противореч|несоответств",
            "widerspr|widersprüch",
            "모순|불일치",
        ],
    ),
    (
        Section::Suggestions,
        &[
            "suggest|change|recommend|improve|finding|issue|problem|action|fixes|concern|weakness|risk",
            "建议|建議|修改|更改|改进|问题|問題|发现|風險|风险",
            "सुझाव|बदलाव|परिवर्तन|समस्या",
            "sugeren|sugerid|cambio|hallazgo|mejora|recomend|riesgo",
            "suggér|modification|changement|recommand|problème|amélior|constat|correctif|corrections|risque",
            "اقتراح|مقترح|تغيير|التغيير|مشكل|توصي",
            "পরামর্শ|প্রস্তাব|পরিবর্তন|সমস্যা",
            "sugest|sugerid|mudança|alteraç|melhori|achado",
            "предлож|предлаг|изменени|рекоменд|проблем|замечани|риск",
            "vorschl|vorgeschlagen|änderung|empfehl|befund|mängel|risik",
            "提案|変更|修正|指摘|改善",
            "제안|변경|문제|수정",
        ],
    ),
    (
        Section::Excluded,
        &[
            "score|summary|overview|checked|verified|strength|positive|well|conclusion|verdict|flags|alignment|coverage|purpose|notes|good",
            "评分|得分|分数|总结|概述|结论|检查|验证|优点|對齊|对齐|評分",
            "स्कोर|अंक|सारांश|निष्कर्ष|जाँच",
            "puntuaci|puntaje|resumen|conclusi|verificad|revisad|fortaleza",
            "résumé|synthèse|vérifi|points forts|aperçu|alignement|évaluation",
            "درجة|ملخص|خلاصة|تحقق",
            "স্কোর|সারাংশ|উপসংহার",
            "pontuaç|resumo|conclus|pontos fortes",
            "оценк|итог|сводк|заключени|вывод|провер",
            "bewertung|zusammenfass|fazit|geprüft|stärken|überblick",
            "スコア|評価|概要|要約|まとめ|結論|確認",
            "점수|평가|요약|결론|확인",
        ],
    ),
];

/// What a score is called where its line does not say `score`, as titles are.
const SCORES: &[&str] = &[
    "评分",
    "得分",
    "分数",
    "評分",
    "स्कोर",
    "अंक",
    "puntuaci",
    "puntaje",
    "note",
    "درجة",
    "স্কোর",
    "pontuaç",
    "nota",
    "оценк",
    "bewertung",
    "スコア",
    "評価",
    "点数",
    "점수",
    "평가",
];

/// How it is said that there is nothing, as all that is said.
const NOTHING: &[&str] = &[
    "none",
    "n/a",
    "n.a",
    "na",
    "nothing",
    "null",
    "nil",
    "not applicable",
    "无",
    "無",
    "没有",
    "沒有",
    "暂无",
    "कोई नहीं",
    "ninguno",
    "ninguna",
    "nada",
    "aucun",
    "aucune",
    "néant",
    "rien",
    "لا يوجد",
    "لا شيء",
    "কিছুই না",
    "কোনটিই নয়",
    "nenhum",
    "nenhuma",
    "нет",
    "ничего",
    "отсутствуют",
    "keine",
    "keiner",
    "nichts",
    "なし",
    "ありません",
    "該当なし",
    "없음",
];

/// Words before the number of a line, and words behind it.
const LINES: &[&str] = &[
    "line",
    "lines",
    "ln",
    "ligne",
    "lignes",
    "línea",
    "líneas",
    "linea",
    "linha",
    "linhas",
    "zeile",
    "zeilen",
    "строка",
    "строке",
    "строки",
    "строках",
    "पंक्ति",
    "السطر",
    "سطر",
    "লাইন",
    "行",
    "第",
];
const LINES_BEHIND: &[&str] = &["行", "행", "줄", "번째"];
/// Words before two names or lines that the place is between.
const BETWEEN: &[&str] = &[
    "between",
    "entre",
    "zwischen",
    "между",
    "之间",
    "之間",
    "के बीच",
    "بين",
    "মধ্যে",
    "の間",
    "사이",
];
/// Words of a place in a comment or a string.
const COMMENTS: &[&str] = &[
    "comment",
    "comments",
    "docstring",
    "doc string",
    "string literal",
    "注释",
    "註釋",
    "टिप्पणी",
    "comentario",
    "comentarios",
    "commentaire",
    "commentaires",
    "تعليق",
    "মন্তব্য",
    "comentário",
    "комментари",
    "kommentar",
    "コメント",
    "주석",
];

static ROLES: LazyLock<HashMap<&'static str, Role>> = LazyLock::new(|| {
    let words = |(role, languages): &(Role, &[&'static str])| {
        let role = *role;
        let all: Vec<_> = languages.iter().flat_map(|l| l.split('|')).map(|w| (w, role)).collect();
        all
    };
    // A word that two have is the first one's.
    LABELS.iter().rev().flat_map(words).collect()
});

/// What stands behind a label of this name, in lower case.
pub(crate) fn role(name: &str) -> Option<Role> {
    ROLES.get(name).copied()
}

/// All words of a label.
pub(super) fn words(role: Role) -> Vec<&'static str> {
    let of = LABELS.iter().filter(|(r, _)| *r == role);
    of.flat_map(|(_, languages)| languages.iter()).flat_map(|l| l.split('|')).collect()
}

/// What a title says of its section, in lower case.
pub(super) fn section(title: &str) -> Section {
    let has = |languages: &[&str]| {
        languages.iter().flat_map(|l| l.split('|')).any(|word| title.contains(word))
    };
    let found = TITLES.iter().find(|(_, languages)| has(languages));
    found.map_or(Section::Neutral, |(section, _)| *section)
}

fn any(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Whether a text in lower case names a score.
pub(super) fn names_score(text: &str) -> bool {
    // `note` is one in French, `notes` is none.
    let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).collect();
    SCORES
        .iter()
        .any(|word| if word.len() == 4 { words.contains(word) } else { text.contains(word) })
}

/// Whether a value in lower case is a word for nothing.
pub(super) fn is_nothing(text: &str) -> bool {
    text.is_empty() || NOTHING.contains(&text)
}

/// Whether a text in lower case begins with a word for nothing, but for those of English.
pub(super) fn begins_with_nothing(text: &str) -> bool {
    NOTHING.iter().skip(8).any(|word| text.starts_with(word))
}

/// Whether a number between these two texts, in lower case, is that of a line.
pub(crate) fn is_line(before: &str, after: &str) -> bool {
    let word = before.trim_end_matches([' ', '#', ':', '\u{a0}', '.']);
    let told = LINES.iter().any(|line| {
        word.strip_suffix(line)
            .is_some_and(|rest| !line.is_ascii() || !rest.ends_with(crate::text::is_ident))
    });
    told || LINES_BEHIND.iter().any(|word| after.trim_start().starts_with(word))
}

/// Whether a place in lower case is between two.
pub(crate) fn is_between(text: &str) -> bool {
    any(BETWEEN, text)
}

/// Whether a place in lower case is one of a comment or a string.
pub(crate) fn is_comment(text: &str) -> bool {
    let whole = |word: &&str| {
        text.match_indices(*word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !word.is_ascii()
                || !before.ends_with(crate::text::is_ident)
                    && !after.starts_with(crate::text::is_ident)
        })
    };
    COMMENTS.iter().any(whole)
}

#[cfg(test)]
mod tests;

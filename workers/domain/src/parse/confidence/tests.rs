use super::Confidence::{NotGiven, Percent, Unreadable};
use super::*;

#[test]
fn confidences_in_every_seen_form() {
    for (text, want) in [
        ("Confidence: 85%", Percent(85)),
        ("**Confidence:** 85 %", Percent(85)),
        ("confidence 85", Percent(85)),
        ("(Confidence: 85%)", Percent(85)),
        ("fix it (85%)", Percent(85)),
        ("fix it [~85%]", Percent(85)),
        ("85% confidence", Percent(85)),
        ("80-90% confidence", Percent(80)),
        ("so it is - 85% confidence", Percent(85)),
        ("Confidence - 85%", Percent(85)),
        ("I am 72.9% confident", Percent(72)),
        ("Confidence level: 60%", Percent(60)),
        ("Confidence: 80-90%", Percent(80)),
        ("Confidence: 80% – 90%", Percent(80)),
        ("Confidence: 100%", Percent(100)),
        ("Confidence: 5%", Percent(5)),
        ("Confidence: `85%`", Percent(85)),
        ("Confidence: 85% - 3 places", Percent(85)),
        ("**A confidence of 100% is rejected** (Confidence: 55%)", Percent(55)),
        ("**A confidence of 100% is rejected** (55%)", Percent(55)),
        ("**95% confident users see (100%) of it**\n- Confidence = 55%", Percent(55)),
        ("Most calls (90%) are lost; 75% confident", Percent(75)),
        ("Most calls (90%) are lost", Percent(90)),
        ("Confidence: high (85%)", Percent(85)),
        ("Confidence: high, 85%", Percent(85)),
        ("Confidence: 0.85", Percent(85)),
        ("Confidence: .85", Percent(85)),
        ("Confidence: 0,85", Percent(85)),
        ("Confidence: 1.0", Percent(100)),
        ("Confidence: 0.29", Percent(29)),
        ("Confidence: 0.8-0.9", Percent(80)),
        ("Confidence: 0.9%", Percent(0)),
        ("Confidence: 9/10", Percent(90)),
        ("Confidence: 9 out of 10", Percent(90)),
        ("Confidence: 4/5", Percent(80)),
        ("Confidence: 85/100", Percent(85)),
        ("Confidence: **≥ 85 percent**", Percent(85)),
        ("\"confidence\": 85", Percent(85)),
        ("Confidence:\n  85%", Percent(85)),
        ("85% confidence, sure", Percent(85)),
        ("Confidence: n/a (85%)\nConfidence: 70%", Percent(70)),
        ("**文件不存在**（置信度：85%）", Percent(85)),
        ("置信度：８５％", Percent(85)),
        ("信心：0.85", Percent(85)),
        ("**`load` avale les erreurs** (Confiance : 85 %)", Percent(85)),
        ("Niveau de confiance\u{a0}: 85\u{a0}%", Percent(85)),
        ("Confianza: 85 por ciento", Percent(85)),
        ("Confiança: 85%", Percent(85)),
        ("Уверенность: 85%", Percent(85)),
        ("Konfidenz: 85 Prozent", Percent(85)),
        ("信頼度：85％", Percent(85)),
        ("신뢰도: 85%", Percent(85)),
        ("आत्मविश्वास: ८५%", Percent(85)),
        ("الثقة: ٨٥٪", Percent(85)),
        ("আত্মবিশ্বাস: ৮৫%", Percent(85)),
        ("Güven: %85", Percent(85)),
        ("Varmuusaste (epävarma: 85%)", Percent(85)),
        ("85% confidence: high", Percent(85)),
        ("Confidence: very high, 85%", Percent(85)),
        ("Confidence: 8-9/10", Percent(80)),
        ("Confidence: 85.5", Percent(85)),
        ("Confidence: 100", Percent(100)),
        ("Confidence: 0.857142857142857", Percent(85)),
        ("Confidence: 6.0000001/7", Percent(85)),
        ("**A confidence of 100% is rejected** (55%).", Percent(55)),
        ("الثقة: ٨٪", Percent(8)),
        ("الثقة: ٠٫٨٥", Percent(85)),
        ("**文件不存在**【85%】", Percent(85)),
    ] {
        assert_eq!(confidence(text), want, "{text}");
    }
}

#[test]
fn what_is_no_confidence_is_not_given() {
    for text in [
        "Confidence: n/a",
        "Confidence: not given",
        "Confidence:",
        "Confidence:\n- Change: raise",
        "(-85%)",
        "speeds it up by 85%",
        "A confidence of callers is lost",
        "f(85)",
        "Quote: `Confidence: 99%`",
        "``a ` (99%)``",
        "`(99%)` is printed",
        "Speedup: 85%",
        "Die Änderung spart den Aufrufern im Mittel: 85%",
        "-85% confidence",
        "120-150% confidence",
        "callers (taken into confidence)",
        "callers (confidence of users)",
        "callers (confidence)",
        "f(x) confidence)",
        "",
    ] {
        assert_eq!(confidence(text), NotGiven, "{text}");
    }
}

#[test]
fn what_is_given_and_cannot_be_read_is_told_apart() {
    for text in [
        "Confidence: high",
        "Confidence: unsure",
        "**A confidence of 100% is rejected**\n- Confidence: high",
        "Confidence: -85%",
        "Confidence: 9",
        "Confidence: 850%",
        "Confidence: 11/10",
        "Confidence: <50%",
        "Confidence: below 50%",
        "Confidence: 1",
        "Confidence: 1.",
        "Confidence: 10",
        "Confidence: 0/0",
        "Confidence: high\nConfidence: n/a",
        "**文件不存在**（高置信度）",
        "it is lost (high confidence)",
        "it is lost (confidence medium)",
        "置信度：高",
        "Confiance : élevée",
        "Уверенность: высокая",
    ] {
        assert_eq!(confidence(text), Unreadable, "{text}");
    }
}

#[test]
fn lone_values() {
    for (text, want) in [
        (" 85% ", Percent(85)),
        ("**85**", Percent(85)),
        ("Confidence: 70%", Percent(70)),
        ("8/10", Percent(80)),
        ("0.85", Percent(85)),
        ("８５％", Percent(85)),
        ("high (85%)", Percent(85)),
        ("sure, see both callers (confidence: 70%)", Percent(70)),
        ("8", Unreadable),
        ("high", Unreadable),
        ("高", Unreadable),
        ("–", NotGiven),
        ("n/a", NotGiven),
        ("", NotGiven),
    ] {
        assert_eq!(lone_confidence(text), want, "{text}");
    }
}

use super::*;

#[test]
fn words_of_lines_and_comments_stand_by_themselves() {
    for (before, after, want) in [
        ("at line ", "", true),
        ("ab zeile #", "", true),
        ("在第", "行", true),
        ("", "행에서", true),
        ("deadline ", "", false),
        ("see ", " of them", false),
    ] {
        assert_eq!(is_line(before, after), want, "{before}7{after}");
    }
    for (place, want) in [
        ("the comments of `load`", true),
        ("数据的注释里", true),
        ("a commentary", false),
        ("uncomment it", false),
        ("line 7", false),
    ] {
        assert_eq!(is_comment(place), want, "{place}");
    }
}

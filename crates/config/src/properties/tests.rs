//! The grammar, with the cases of Java's documentation in our own examples.

use super::*;

fn parsed(text: &str) -> Vec<(String, String)> {
    parse_properties(text).expect("a text that can be read")
}

#[test]
fn one_entry_is_read_by_the_grammar_of_java() {
    let cases = [
        ("a=b", "a", "b"),
        ("a = b", "a", "b"),
        ("a:b", "a", "b"),
        ("a : b", "a", "b"),
        ("a b", "a", "b"),
        ("a\tb", "a", "b"),
        ("  a=b", "a", "b"),
        ("a=b ", "a", "b "),
        ("a==b", "a", "=b"),
        ("a =:b", "a", ":b"),
        ("a=b=c", "a", "b=c"),
        ("a", "a", ""),
        ("a=", "a", ""),
        ("=b", "", "b"),
        ("a\\=b=c", "a=b", "c"),
        ("a\\ b=c", "a b", "c"),
        ("a\\:b:c", "a:b", "c"),
        ("a=\\ b", "a", " b"),
        ("a=b#c", "a", "b#c"),
        ("a=x\\\n   y", "a", "xy"),
        ("a=x\\\r\n\ty", "a", "xy"),
        ("a=x\\\\", "a", "x\\"),
        ("a=x\\", "a", "x"),
        ("a=\\t\\n\\r\\f", "a", "\t\n\r\x0c"),
        ("a=\\u00e4\\u20AC", "a", "ä€"),
        ("a=\\ud83d\\ude00", "a", "😀"),
        ("a=\\q\\\"", "a", "q\""),
        ("a=ü", "a", "ü"),
        ("\u{feff}a=b", "a", "b"),
        ("a=C:\\\\data", "a", "C:\\data"),
        ("listeners=PLAINTEXT://:9092", "listeners", "PLAINTEXT://:9092"),
    ];
    for (text, key, value) in cases {
        assert_eq!(parsed(text), [(key.to_owned(), value.to_owned())], "{text:?}");
    }
}

#[test]
fn comments_and_empty_lines_are_left_out() {
    let text = "# one\n! two\n\n   \n  # three\na=1\r\n#a=2\rb=3\n";
    let expected = [("a", "1"), ("b", "3")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(parsed(text), expected);
}

#[test]
fn a_comment_does_not_continue() {
    assert_eq!(parsed("# one \\\na=1"), [("a".to_owned(), "1".to_owned())]);
}

#[test]
fn a_continued_line_may_look_like_a_comment() {
    assert_eq!(parsed("a=1,\\\n  #2"), [("a".to_owned(), "1,#2".to_owned())]);
}

#[test]
fn a_key_may_come_twice_and_order_is_kept() {
    let entries = parsed("a=1\nb=2\na=3");
    let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "b", "a"]);
}

#[test]
fn a_broken_unicode_escape_names_its_line() {
    for text in ["x=1\n\na=\\u12", "x=1\n\na=\\u12g4", "x=1\n\na=\\u"] {
        assert_eq!(parse_properties(text), Err(InvalidProperties::BadUnicode { line: 3 }));
    }
}

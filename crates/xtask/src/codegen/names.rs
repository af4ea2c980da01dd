//! Kafka's names in Rust's spelling.

/// `TopicData`, `timeoutMs` and `ISR` as `topic_data`, `timeout_ms` and `isr`.
pub(crate) fn snake(name: &str) -> String {
    // One word to everybody but a splitter of words.
    let name = name.replace("KRaft", "Kraft");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(index + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if starts_word {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// The name of a field, usable as one.
pub(crate) fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "final" | "static" | "ref" | "move" | "in" => format!("r#{name}"),
        _ => name,
    }
}

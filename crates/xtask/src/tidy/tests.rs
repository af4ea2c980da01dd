//! The repository is tidy, and each rule catches what it is for.

use super::{
    File, complaints, effects, files,
    layers::{Dependency, Layers, Package},
};

#[test]
fn the_repository_is_tidy() {
    let complaints: Vec<String> =
        complaints(&crate::root()).unwrap().iter().map(ToString::to_string).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What the file rules say about a file of this text.
fn about(path: &str, text: &str) -> Vec<String> {
    let file = File { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    files::check(&file).into_iter().map(|complaint| complaint.what).collect()
}

fn lines(count: usize) -> String {
    format!("//! Promise.\n{}", "\n".repeat(count - 1))
}

#[test]
fn a_source_file_is_bounded_and_a_test_file_less_so() {
    assert!(about("crates/a/src/b.rs", &lines(600)).is_empty());
    assert_eq!(about("crates/a/src/b.rs", &lines(601)).len(), 1);
    for test in ["crates/a/src/b/tests.rs", "tests/tests/b.rs", "crates/a/src/tests/b.rs"] {
        assert!(about(test, &lines(1000)).is_empty(), "{test}");
        assert_eq!(about(test, &lines(1001)).len(), 1, "{test}");
    }
    assert!(about("crates/wire/src/generated/b.rs", &lines(5000)).is_empty());
    assert!(about("crates/wire/src/generated.rs", &lines(5000)).is_empty());
}

#[test]
fn a_comment_is_no_wider_than_a_reader_likes() {
    let about = |line: &str| about("crates/a/src/b.rs", &format!("//! Promise.\n{line}\n")).len();
    let words = |columns: usize| "é".repeat(columns);
    for marker in ["//! ", "    /// ", "// "] {
        let room = 100 - marker.len();
        assert_eq!(about(&format!("{marker}{}", words(room))), 0, "{marker}");
        assert_eq!(about(&format!("{marker}{}", words(room + 1))), 1, "{marker}");
    }
    assert_eq!(about(&format!("//! | {}", words(200))), 0, "a table");
    assert_eq!(about(&words(200)), 0, "rustfmt's affair");
}

#[test]
fn a_source_file_opens_with_its_promise() {
    assert_eq!(about("crates/a/src/b.rs", "use std::fmt;\n").len(), 1);
    assert_eq!(about("crates/a/src/b.rs", "").len(), 1);
}

#[test]
fn names_that_say_nothing_are_refused() {
    assert_eq!(about("crates/a/src/utils.rs", &lines(3)).len(), 1);
    assert_eq!(about("crates/a/src/b/mod.rs", &lines(3)).len(), 1);
    assert!(about("crates/a/src/my_types.rs", &lines(3)).is_empty());
}

#[test]
fn lints_are_not_silenced_for_ever() {
    let text = format!("//! Promise.\n{}dead_code)]\n", concat!("#[", "allow("));
    assert_eq!(about("crates/a/src/b.rs", &text).len(), 1);
    assert!(about("crates/a/src/b.rs", "//! Promise.\nfn allow() {}\n").is_empty());
}

#[test]
fn marks_of_unfinished_work_are_refused_as_words() {
    for mark in [concat!("FIX", "ME"), concat!("XX", "X"), concat!("to", "do!")] {
        assert_eq!(about("docs/a.md", &format!("Here: {mark}\n")).len(), 1, "{mark}");
    }
    assert!(about("docs/a.md", concat!("A name: cluster-XX", "XX\n")).is_empty());
}

#[test]
fn documents_and_all_files_have_their_limits() {
    assert!(about("README.md", &"\n".repeat(150)).is_empty());
    assert_eq!(about("README.md", &"\n".repeat(151)).len(), 1);
    assert!(about("docs/README.md", &"\n".repeat(151)).is_empty());
    assert_eq!(about("docs/picture.png", &"x".repeat(512 * 1024 + 1)).len(), 1);
}

const LAYERS: &str = r#"
    [uses]
    types = []
    wire = ["types"]
    tool = []
    [pure]
    wire = ["bytes"]
    [only]
    anyhow = ["tool"]
"#;

/// What the layers say about a workspace of `types` and this crate.
fn layered(name: &str, uses: &[(&str, Option<&str>)]) -> Vec<String> {
    let dependencies = uses
        .iter()
        .map(|(name, kind)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(ToOwned::to_owned),
        })
        .collect();
    let types = Package { name: "ottla-types".to_owned(), dependencies: Vec::new() };
    let package = Package { name: name.to_owned(), dependencies };
    let complaints = Layers::parse(LAYERS).unwrap().check(&[types, package]);
    complaints.iter().map(ToString::to_string).collect()
}

#[test]
fn crates_use_only_the_layers_below_them() {
    assert!(layered("ottla-wire", &[("ottla-types", None)]).is_empty());
    assert_eq!(layered("tool", &[("ottla-types", None)]).len(), 1);
    assert!(layered("tool", &[("ottla-types", Some("dev"))]).is_empty());
    assert_eq!(layered("ottla-new", &[]).len(), 1, "an unlisted crate");
}

#[test]
fn pure_crates_use_only_what_is_listed_except_in_tests() {
    assert!(layered("ottla-wire", &[("bytes", None), ("proptest", Some("dev"))]).is_empty());
    assert_eq!(layered("ottla-wire", &[("tokio", None)]).len(), 1);
}

#[test]
fn some_crates_are_for_a_few_only() {
    assert!(layered("tool", &[("anyhow", None)]).is_empty());
    assert_eq!(layered("ottla-types", &[("anyhow", None)]).len(), 1);
}

#[test]
fn a_crate_that_is_not_listed_is_not_named_either() {
    let text = LAYERS.replace("wire = [\"types\"]", "wire = [\"tipes\"]");
    assert!(Layers::parse(&text).is_err());
}

/// What the rule about effects says of a key of the broker with this row and this code that reads.
fn about_effect(row: &str, reader: &str) -> Vec<String> {
    let file = |path: &str, text: String| File { path: path.to_owned(), bytes: text.into_bytes() };
    let table = format!("keys! {{ T: Broker;\n\n    /// Doc.\n    MAX_THINGS: i32 = {row};\n}}\n");
    let topics =
        "    OWN_THINGS: i32 = with(\"things\", \"1\").inherits(\"max.things\").honoured();\n";
    let files = [
        file("crates/config/src/keys/a.rs", table),
        file("crates/config/src/keys/topic.rs", topics.to_owned()),
        file("crates/broker/src/a.rs", format!("get(&topic::OWN_THINGS); {reader}")),
    ];
    effects::check(&files).into_iter().map(|complaint| complaint.what).collect()
}

#[test]
fn a_key_that_is_read_is_marked_and_no_other() {
    let (plain, marked) =
        ("with(\"some.things\", \"1\")", "with(\"some.things\", \"1\").honoured()");
    let read = "get(&keys::MAX_THINGS)";
    assert_eq!(about_effect(plain, "").len(), 0);
    assert_eq!(about_effect(marked, read).len(), 0);
    assert_eq!(about_effect(plain, read).len(), 1);
    assert_eq!(about_effect(marked, "").len(), 1);
}

#[test]
fn the_key_that_a_topics_key_inherits_from_is_marked_too() {
    assert_eq!(about_effect("with(\"max.things\", \"1\")", "").len(), 1);
    assert_eq!(about_effect("with(\"max.things\", \"1\").honoured()", "").len(), 0);
}

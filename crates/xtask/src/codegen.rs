//! Generates `crates/wire/src/generated` from the message definitions in Kafka's jars.
//!
//! Only names, types, versions and defaults are taken over, none of the definitions' prose. To
//! speak another API, add its name to [`APIS`].

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::jars;

mod emit;
mod names;
mod schema;

use schema::{Kind, Schema};

/// The APIs whose requests and responses are generated.
const APIS: &[&str] = &[
    "AddOffsetsToTxn",
    "AddPartitionsToTxn",
    "AlterConfigs",
    "AlterPartitionReassignments",
    "AlterReplicaLogDirs",
    "ApiVersions",
    "CreatePartitions",
    "CreateTopics",
    "DeleteGroups",
    "DeleteRecords",
    "DeleteTopics",
    "DescribeCluster",
    "DescribeConfigs",
    "DescribeGroups",
    "DescribeLogDirs",
    "DescribeProducers",
    "DescribeQuorum",
    "DescribeTopicPartitions",
    "DescribeTransactions",
    "ElectLeaders",
    "EndTxn",
    "Fetch",
    "FindCoordinator",
    "Heartbeat",
    "IncrementalAlterConfigs",
    "InitProducerId",
    "JoinGroup",
    "LeaveGroup",
    "ListConfigResources",
    "ListGroups",
    "ListOffsets",
    "ListPartitionReassignments",
    "ListTransactions",
    "Metadata",
    "OffsetCommit",
    "OffsetDelete",
    "OffsetFetch",
    "OffsetForLeaderEpoch",
    "Produce",
    "SaslHandshake",
    "SyncGroup",
    "TxnOffsetCommit",
    "WriteTxnMarkers",
];

/// What else is generated of the clients' jar. Of the other jars everything is.
const DATA: &[&str] = &[
    "ConsumerProtocolAssignment",
    "ConsumerProtocolSubscription",
    "ControlRecordTypeSchema",
    "EndTxnMarker",
    "KRaftVersionRecord",
    "LeaderChangeMessage",
    "SnapshotFooterRecord",
    "SnapshotHeaderRecord",
    "VotersRecord",
];

/// The jars with definitions, and the folder they are in.
const JARS: &[(&str, &str)] = &[
    ("kafka-clients", "common/message"),
    ("kafka-group-coordinator", "common/message"),
    ("kafka-transaction-coordinator", "common/message"),
    ("kafka-metadata", "common/metadata"),
];

/// Writes the generated files.
pub(crate) fn write() -> anyhow::Result<()> {
    let target = target();
    let files = generate()?;
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("emptying {}", target.display()))?;
    }
    for (name, text) in &files {
        let path = target.with_file_name(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Fails where the generated files are not what would be written.
pub(crate) fn check() -> anyhow::Result<()> {
    let target = target();
    let files = generate()?;
    let mut stale = Vec::new();
    for (name, text) in &files {
        if fs::read_to_string(target.with_file_name(name)).ok().as_ref() != Some(text) {
            stale.push(name.clone());
        }
    }
    for entry in fs::read_dir(&target).with_context(|| format!("listing {}", target.display()))? {
        let name = format!("generated/{}", entry?.file_name().display());
        if !files.contains_key(&name) {
            stale.push(name);
        }
    }
    if !stale.is_empty() {
        bail!("not fresh, run `cargo xtask codegen`: {}", stale.join(", "));
    }
    Ok(())
}

fn target() -> PathBuf {
    crate::root().join("crates/wire/src/generated")
}

/// All files by their path within `crates/wire/src`, formatted.
fn generate() -> anyhow::Result<BTreeMap<String, String>> {
    let all = definitions()?;
    let chosen: Vec<&Schema> = all.iter().filter(|schema| is_chosen(schema)).collect();
    let mut files = BTreeMap::new();
    for schema in &chosen {
        let text = emit::message(schema).with_context(|| format!("generating {}", schema.name))?;
        files.insert(format!("generated/{}.rs", names::snake(&schema.name)), text);
    }
    files.insert("generated/api_key.rs".to_owned(), api_key(&all)?);
    files.insert("generated.rs".to_owned(), index(&chosen)?);
    format(files)
}

/// Every definition in the jars, ordered by name.
fn definitions() -> anyhow::Result<Vec<Schema>> {
    let jars = jars::folder()?;
    let mut all = Vec::new();
    for (artifact, folder) in JARS {
        let jar = jars::jar(&jars, artifact);
        let out = jars.join("definitions").join(artifact);
        fs::create_dir_all(&out)?;
        jars::run(
            Command::new("unzip")
                .args(["-q", "-o"])
                .arg(&jar)
                .arg(format!("{folder}/*.json"))
                .arg("-d")
                .arg(&out),
        )?;
        for entry in fs::read_dir(out.join(folder))? {
            all.push(Schema::read(&entry?.path())?);
        }
    }
    all.retain(|schema| !schema.versions.is_empty());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn is_chosen(schema: &Schema) -> bool {
    match schema.kind {
        Kind::Request | Kind::Response => APIS.contains(&api_name(schema)),
        Kind::Header => false,
        Kind::Data => DATA.contains(&schema.name.as_str()),
        Kind::Metadata | Kind::CoordinatorKey | Kind::CoordinatorValue => true,
    }
}

/// `Fetch` for `FetchRequest`.
fn api_name(schema: &Schema) -> &str {
    let name = schema.name.as_str();
    name.strip_suffix("Request").or_else(|| name.strip_suffix("Response")).unwrap_or(name)
}

/// The list of modules.
fn index(chosen: &[&Schema]) -> anyhow::Result<String> {
    let mut out = String::from(
        "//! Every message, a module each.\n//!\n\
         //! Generated by `cargo xtask codegen`: not to be edited.\n\nmod api_key;\n",
    );
    let (mut names, mut types) = (String::new(), String::new());
    for schema in chosen {
        let (name, module) = (&schema.name, names::snake(&schema.name));
        writeln!(out, "pub mod {module};")?;
        writeln!(names, "pub use super::{module}::{name};")?;
        writeln!(types, "crate::MessageType::of::<messages::{name}>({name:?}),")?;
    }
    writeln!(
        out,
        "\npub use api_key::ApiKey;\n\n/// The outermost struct of every message.\n\
         pub mod messages {{ {names} }}\n\n\
         /// Every message with its type erased.\n#[cfg(any(test, feature = \"testing\"))]\n\
         pub(crate) fn message_types() -> Vec<crate::MessageType> {{ vec![ {types} ] }}"
    )?;
    Ok(out)
}

/// The enum of all of Kafka's APIs, and which messages belong to those we generate.
fn api_key(all: &[Schema]) -> anyhow::Result<String> {
    let mut requests: Vec<(i16, &Schema)> = all
        .iter()
        .filter(|schema| schema.kind == Kind::Request)
        .map(|schema| Ok((schema.api_key.context("a request without a key")?, schema)))
        .collect::<anyhow::Result<_>>()?;
    requests.sort_by_key(|(key, _)| *key);
    let [mut variants, mut names, mut from, mut rows, mut impls] = [const { String::new() }; 5];
    for (key, schema) in &requests {
        let name = api_name(schema);
        let first = schema.versions.first;
        let last = schema.versions.last - i16::from(schema.latest_unstable);
        let flexible = match schema.flexible {
            none if none.is_empty() => "i16::MAX".to_owned(),
            range => range.first.to_string(),
        };
        writeln!(variants, "/// `{name}`.\n{name} = {key},")?;
        writeln!(names, "Self::{name},")?;
        writeln!(from, "{key} => Self::{name},")?;
        writeln!(rows, "Self::{name} => ({name:?}, {first}, {last}, {flexible}),")?;
        if is_chosen(schema) {
            writeln!(
                impls,
                "impl Request for messages::{name}Request {{
                    const KEY: ApiKey = ApiKey::{name};
                    type Response = messages::{name}Response;
                }}"
            )?;
        }
    }
    Ok(format!(
        "//! The numbers of Kafka's APIs.\n//!\n\
         //! Generated by `cargo xtask codegen`: not to be edited.\n
        use std::ops::RangeInclusive;\n
        use super::messages;
        use crate::Request;\n
        /// One of Kafka's APIs, whether or not this crate has its messages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {{ {variants} }}\n
        impl ApiKey {{
            /// Every API, ascending by number.
            pub const ALL: &[Self] = &[{names}];\n
            /// The API of this number.
            pub const fn from_i16(code: i16) -> Option<Self> {{
                Some(match code {{ {from} _ => return None }})
            }}\n
            /// The number on the wire.
            pub const fn code(self) -> i16 {{ self as i16 }}\n
            /// Kafka's name, such as `Produce`.
            pub const fn name(self) -> &'static str {{ self.row().0 }}\n
            /// The versions that Kafka has declared stable.
            pub const fn kafka_versions(self) -> RangeInclusive<i16> {{
                let (_, first, last, _) = self.row();
                first..=last
            }}\n
            /// Whether this version of request and response has compact lengths and tagged
            /// fields. Versions beyond those we know count as flexible where the last one is.
            pub const fn is_flexible(self, version: i16) -> bool {{ version >= self.row().3 }}\n
            /// Name, first and last version, first flexible version.
            const fn row(self) -> (&'static str, i16, i16, i16) {{ match self {{ {rows} }} }}
        }}\n
        {impls}"
    ))
}

/// Runs rustfmt over all files.
fn format(files: BTreeMap<String, String>) -> anyhow::Result<BTreeMap<String, String>> {
    let root = crate::root();
    let folder = root.join(".work/codegen");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(folder.join("generated"))?;
    for (name, text) in &files {
        fs::write(folder.join(name), text)?;
    }
    // It follows the list of modules into all the others.
    rustfmt(&root, &folder.join("generated.rs"))?;
    files
        .into_keys()
        .map(|name| Ok((name.clone(), fs::read_to_string(folder.join(name))?)))
        .collect()
}

fn rustfmt(root: &Path, file: &Path) -> anyhow::Result<()> {
    jars::run(
        Command::new("rustfmt").args(["--edition", "2024", "--config-path"]).arg(root).arg(file),
    )
}

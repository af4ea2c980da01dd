//! Kafka's published jars: fetched once into `.work/jars`, for code generation and for tests.
//!
//! Maven fetches them, from wherever it is set up to. Where there is no Maven, `MAVEN_REPO_URL`
//! names a Maven repository and `curl` fetches them from there.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// The release whose protocol we speak.
pub(crate) const KAFKA_VERSION: &str = "4.4.0";

/// Group, artifact, version.
const ARTIFACTS: &[(&str, &str, &str)] = &[
    ("org.apache.kafka", "kafka-clients", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-group-coordinator", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-transaction-coordinator", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-metadata", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-server-common", KAFKA_VERSION),
    ("org.slf4j", "slf4j-api", "1.7.36"),
];

/// The folder with all jars in it; fetches those that are missing.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let folder = crate::root().join(".work/jars").join(format!("kafka-{KAFKA_VERSION}"));
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    // Tests ask for the folder at the same time.
    let lock = fs::File::create(folder.join(".lock"))?;
    lock.lock().context("waiting for another one that fetches the jars")?;
    let missing = |artifact: &&(&str, &str, &str)| !path(&folder, artifact).is_file();
    let wanted: Vec<_> = ARTIFACTS.iter().filter(missing).collect();
    if wanted.is_empty() {
        return Ok(folder);
    }
    match std::env::var("MAVEN_REPO_URL") {
        Ok(url) => wanted.iter().try_for_each(|artifact| with_curl(&url, &folder, artifact))?,
        Err(_) => with_maven(&folder)?,
    }
    if let Some(artifact) = ARTIFACTS.iter().find(missing) {
        bail!("{} was not fetched", path(&folder, artifact).display());
    }
    Ok(folder)
}

/// Where the jar of an artifact is.
pub(crate) fn jar(folder: &Path, artifact: &str) -> PathBuf {
    folder.join(format!("{artifact}-{KAFKA_VERSION}.jar"))
}

fn path(folder: &Path, (_, artifact, version): &(&str, &str, &str)) -> PathBuf {
    folder.join(format!("{artifact}-{version}.jar"))
}

fn with_curl(url: &str, folder: &Path, artifact: &(&str, &str, &str)) -> anyhow::Result<()> {
    let (group, name, version) = artifact;
    let to = path(folder, artifact);
    let part = to.with_extension("part");
    let from = format!(
        "{}/{}/{name}/{version}/{name}-{version}.jar",
        url.trim_end_matches('/'),
        group.replace('.', "/")
    );
    run(Command::new("curl").args(["-fsSL", "--retry", "3", "-o"]).arg(&part).arg(&from))?;
    fs::rename(&part, &to).with_context(|| format!("renaming {}", part.display()))
}

fn with_maven(folder: &Path) -> anyhow::Result<()> {
    let mut dependencies = String::new();
    for (group, artifact, version) in ARTIFACTS {
        writeln!(
            dependencies,
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )?;
    }
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion>\n<groupId>jars</groupId>\
         <artifactId>jars</artifactId><version>1</version>\n\
         <dependencies>\n{dependencies}</dependencies></project>\n"
    );
    let pom_path = folder.join("pom.xml");
    fs::write(&pom_path, pom).with_context(|| format!("writing {}", pom_path.display()))?;
    run(Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom_path)
        .arg("dependency:copy-dependencies")
        .arg("-DexcludeTransitive=true")
        .arg(format!("-DoutputDirectory={}", folder.display())))
    .context("without Maven, set MAVEN_REPO_URL to the address of a Maven repository")
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

//! The rules of this repository that neither rustc, clippy nor rustfmt knows.
//!
//! Every rule is a function from what it looks at to the complaints it has.

use std::{fmt, fs, path::Path, process::Command};

use anyhow::{Context as _, bail};

mod effects;
mod files;
mod layers;

#[cfg(test)]
mod tests;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Complaint {
    /// The file or crate.
    place: String,
    /// What is wrong with it and what to do.
    what: String,
}

impl Complaint {
    fn new(place: &str, what: impl Into<String>) -> Self {
        Self { place: place.to_owned(), what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    bytes: Vec<u8>,
}

/// Fails where a rule is broken, naming every place.
pub(crate) fn check() -> anyhow::Result<()> {
    let complaints = complaints(&crate::root())?;
    if complaints.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    bail!("not tidy:\n{}", lines.join("\n"));
}

fn complaints(root: &Path) -> anyhow::Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let files = tracked(root)?;
    for file in &files {
        complaints.extend(files::check(file));
    }
    complaints.extend(effects::check(&files));
    let layers = fs::read_to_string(root.join("LAYERS.toml")).context("reading LAYERS.toml")?;
    let layers = layers::Layers::parse(&layers)?;
    complaints.extend(layers.check(&layers::packages(root)?));
    complaints.extend(layers.check_clippy(&files));
    Ok(complaints)
}

/// Every file that git has or would add.
fn tracked(root: &Path) -> anyhow::Result<Vec<File>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("starting git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut files = Vec::new();
    for path in String::from_utf8(output.stdout)?.split_terminator('\0') {
        // Deleted and not yet committed, or a link to a folder: nothing to read.
        let full = root.join(path);
        if full.is_file() {
            let bytes = fs::read(&full).with_context(|| format!("reading {path}"))?;
            files.push(File { path: path.to_owned(), bytes });
        }
    }
    Ok(files)
}

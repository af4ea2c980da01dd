//! `docs/reference`: pages that the binary prints about itself, committed so that people can read
//! them without it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, bail};

const FOLDER: &str = "docs/reference";
const PAGES: &[(&str, &str)] = &[
    ("configuration", "configuration.md"),
    ("apis", "apis.md"),
    ("metrics", "metrics.md"),
    ("cli", "cli.md"),
    ("console-api", "console-api.json"),
];

/// Writes the pages.
pub(crate) fn write() -> anyhow::Result<()> {
    let folder = crate::root().join(FOLDER);
    fs::create_dir_all(&folder)?;
    for (page, file) in PAGES {
        fs::write(folder.join(file), printed(page)?)?;
    }
    Ok(())
}

/// Fails where a page is not what the binary prints.
pub(crate) fn check() -> anyhow::Result<()> {
    let folder = crate::root().join(FOLDER);
    for (page, file) in PAGES {
        if committed(&folder.join(file))? != printed(page)? {
            bail!("{FOLDER}/{file} is stale: run `cargo xtask docs` and commit it");
        }
    }
    Ok(())
}

fn committed(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn printed(page: &str) -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "-p", "ottla", "--", "reference", page])
        .current_dir(crate::root())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("ottla reference {page} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

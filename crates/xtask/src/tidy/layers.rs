//! Rules about crates: who uses whom, as `LAYERS.toml` has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::{Complaint, File};

type Lists = BTreeMap<String, BTreeSet<String>>;

/// What `LAYERS.toml` says. Our crates are named without the `ottla-` in front.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layers {
    /// Our crates that each of ours may use.
    uses: Lists,
    /// All crates of others that each pure crate may use.
    pure: Lists,
    /// For crates of others that not everybody may use: who may.
    only: Lists,
}

/// A crate of ours as it is.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// What a crate of ours uses.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `None`, "dev" or "build".
    pub(super) kind: Option<String>,
}

/// The packages of the workspace.
pub(super) fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice::<Metadata>(&output.stdout)?.packages)
}

impl Layers {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let layers: Self = toml::from_str(text).context("in LAYERS.toml")?;
        let known = |name: &&String| layers.uses.contains_key(*name);
        let named = layers.uses.values().flatten().chain(layers.pure.keys());
        let named = named.chain(layers.only.values().flatten());
        if let Some(unknown) = named.into_iter().find(|name| !known(name)) {
            bail!("LAYERS.toml names {unknown}, which it does not list under [uses]");
        }
        Ok(layers)
    }

    /// Complaints about what the crates use.
    pub(super) fn check(&self, packages: &[Package]) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        for package in packages {
            let name = short(&package.name);
            let mut complain = |what: String| complaints.push(Complaint::new(name, what));
            let Some(uses) = self.uses.get(name) else {
                complain("is not listed under [uses] of LAYERS.toml".to_owned());
                continue;
            };
            // What only tests use does not reach the product, but who may have `anyhow` and the
            // like is a matter of style in tests too.
            for Dependency { name: other, kind } in &package.dependencies {
                let is_ours = packages.iter().any(|package| package.name == *other);
                let in_product = kind.as_deref() != Some("dev");
                if is_ours {
                    if in_product && !uses.contains(short(other)) {
                        complain(format!("must not use {} (LAYERS.toml)", short(other)));
                    }
                    continue;
                }
                if in_product && self.pure.get(name).is_some_and(|list| !list.contains(other)) {
                    complain(format!("is pure and must not use {other} (LAYERS.toml)"));
                }
                if self.only.get(other).is_some_and(|users| !users.contains(name)) {
                    complain(format!("is not among those that may use {other} (LAYERS.toml)"));
                }
            }
        }
        complaints
    }

    /// Complaints about pure crates whose `clippy.toml` is not that of the others.
    pub(super) fn check_clippy(&self, files: &[File]) -> Vec<Complaint> {
        let find = |name: &str| {
            let path = format!("crates/{name}/clippy.toml");
            files.iter().find(|file| file.path == path)
        };
        let model = self.pure.keys().find_map(|name| find(name));
        let mut complaints = Vec::new();
        for name in self.pure.keys() {
            if find(name).map(|file| &file.bytes) != model.map(|file| &file.bytes) {
                let what = "is pure, so its clippy.toml must be that of the other pure crates";
                complaints.push(Complaint::new(name, what));
            }
        }
        complaints
    }
}

/// The name without the project's.
fn short(name: &str) -> &str {
    name.strip_prefix("ottla-").unwrap_or(name)
}

//! Builds the app of `web/` where npm is there, and makes a table of its files for the binary.
//!
//! What was built once is kept in `.work/console-app/`, under a hash of everything it is made of:
//! an app that has not changed costs nothing and needs no network. Without npm, or without the
//! feature `app`, the table is empty and the console says how to get the app; where
//! `OTTLA_APP_REQUIRED` is set, an app that cannot be built fails the build. Kafka: none.

use std::{
    collections::BTreeMap,
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    process::Command,
};

/// Everything that the app is made of, in `web/`.
const SOURCES: [&str; 7] = [
    "package.json",
    "package-lock.json",
    "index.html",
    "vite.config.ts",
    "tsconfig.json",
    "src",
    "public",
];

/// The variable that makes an app that cannot be built an error.
const REQUIRED: &str = "OTTLA_APP_REQUIRED";

/// The encodings that files are kept in beside their own bytes.
const ENCODINGS: [&str; 2] = ["br", "gz"];

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = own.join("../..");
    let web = root.join("web");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=compress.js");
    println!("cargo:rerun-if-env-changed={REQUIRED}");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    let wanted = env::var_os("CARGO_FEATURE_APP").is_some() && web.join("package.json").exists();
    let app = match wanted.then(|| app(&root, &web, &own)) {
        None => None,
        Some(Ok(app)) => Some(app),
        Some(Err(why)) if env::var_os(REQUIRED).is_some() => {
            return Err(io::Error::other(format!("the console's app cannot be built: {why}")));
        }
        Some(Err(why)) => {
            println!("cargo:warning=the console's app is left out: {why}");
            None
        }
    };
    fs::write(out.join("files.rs"), table(app.as_deref())?)
}

/// The directory of the built app, or why it cannot be built.
fn app(root: &Path, web: &Path, own: &Path) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        let hashed = hash_into(&web.join(source), &mut hasher);
        hashed.map_err(|error| format!("web/{source}: {error}"))?;
    }
    let kept = root.join(".work/console-app").join(format!("{:016x}", hasher.finish()));
    if kept.join("index.html").exists() {
        return Ok(kept);
    }
    build(web, own)?;
    keep(&web.join("dist"), &kept)?;
    Ok(kept)
}

fn hash_into(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| hash_into(entry, hasher));
    }
    path.file_name().hash(hasher);
    fs::read(path)?.hash(hasher);
    Ok(())
}

/// Runs npm, and compresses what it made.
fn build(web: &Path, own: &Path) -> Result<(), String> {
    run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]), web)?;
    run(Command::new("npm").args(["run", "build"]), web)?;
    run(Command::new("node").arg(own.join("compress.js")).arg(web.join("dist")), web)
}

fn run(command: &mut Command, dir: &Path) -> Result<(), String> {
    let name = format!("{command:?}");
    let output = command.current_dir(dir).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let last: Vec<&str> = text.lines().rev().take(8).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("{name} failed: {}", last.join(" | ")))
}

/// Copies the app to its place, which is there whole or not at all.
fn keep(dist: &Path, kept: &Path) -> Result<(), String> {
    let copied = || -> io::Result<()> {
        let beside = kept.with_extension(std::process::id().to_string());
        copy(dist, &beside)?;
        // Another build may have been as far: then its work is as good.
        if fs::rename(&beside, kept).is_err() {
            fs::remove_dir_all(&beside)?;
        }
        Ok(())
    };
    copied().map_err(|error| format!("{}: {error}", kept.display()))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The table of files as Rust: path, tag, own bytes, and those in other encodings.
fn table(app: Option<&Path>) -> io::Result<String> {
    let mut files = BTreeMap::new();
    if let Some(app) = app {
        collect(app, "", &mut files)?;
    }
    let included = |path: &Path| format!("include_bytes!({:?})", path.to_string_lossy());
    let mut rows = vec!["static FILES: &[File] = &[".to_owned()];
    for (name, path) in &files {
        let is_other = ENCODINGS.iter().any(|end| name.ends_with(&format!(".{end}")));
        if is_other || name.starts_with('.') {
            continue;
        }
        let mut hasher = DefaultHasher::new();
        fs::read(path)?.hash(&mut hasher);
        let tag = format!("{:016x}", hasher.finish());
        let encoded = ENCODINGS.map(|end| match files.get(&format!("{name}.{end}")) {
            Some(path) => format!("Some({})", included(path)),
            None => "None".to_owned(),
        });
        let [brotli, gzip] = encoded;
        let bytes = included(path);
        rows.push(format!(
            "    File {{ path: {name:?}, tag: {tag:?}, bytes: {bytes}, brotli: {brotli}, gzip: {gzip} }},"
        ));
    }
    rows.push("];\n".to_owned());
    Ok(rows.join("\n"))
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), path.canonicalize()?);
        }
    }
    Ok(())
}

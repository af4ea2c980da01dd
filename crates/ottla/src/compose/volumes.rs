//! Named volumes that belong to services which go.

use std::collections::BTreeSet;

use super::file::{Entry, File};

/// Those at the top of the file that only these services use.
pub(super) fn only_of(file: &File, gone: &[&Entry], left: &[&Entry]) -> Vec<Entry> {
    let of = |services: &[&Entry]| -> BTreeSet<String> {
        services.iter().flat_map(|service| used(file, service)).collect()
    };
    let (of_gone, of_left) = (of(gone), of(left));
    let Some(volumes) = top(file) else { return Vec::new() };
    let all = file.inside(&volumes);
    let is_unused = |it: &Entry| of_gone.contains(&it.key) && !of_left.contains(&it.key);
    let unused: Vec<Entry> = all.iter().filter(|it| is_unused(it)).cloned().collect();
    if unused.len() == all.len() && !all.is_empty() { vec![volumes] } else { unused }
}

fn top(file: &File) -> Option<Entry> {
    file.top().into_iter().find(|entry| entry.key == "volumes")
}

/// What a service mounts: names, and paths, which no volume is called.
fn used(file: &File, service: &Entry) -> Vec<String> {
    let Some(mounts) = file.find(service, "volumes") else { return Vec::new() };
    let mounts = file.texts(&mounts);
    let source = |mount: String| match mount.split_once(':') {
        // The long form has a line for each key.
        Some(("source" | "src", name)) => name.trim().to_owned(),
        Some((name, _)) => name.to_owned(),
        None => mount,
    };
    mounts.into_iter().map(source).collect()
}

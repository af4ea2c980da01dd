//! What the machine gives: memory and open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory where the machine does not tell.
const MEMORY_BYTES_ASSUMED: usize = 1 << 30;

/// The memory this process may use, in bytes: the smaller of the machine's and the container's.
pub(crate) fn memory_bytes() -> usize {
    let of_machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    });
    let of_container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    of_machine.into_iter().chain(of_container).min().unwrap_or(MEMORY_BYTES_ASSUMED)
}

/// Raises the soft limit of open files to the hard one, and gives half of it to the logs: the other
/// half is for connections, and for files that are being read or synced while others are opened.
pub(crate) fn share_open_files() {
    raise_open_files();
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        ottla_log::limit_open_files(usize::try_from(limit / 2).unwrap_or(usize::MAX));
    }
}

fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err()
    {
        tracing::warn!("the limit of open files stays at {current:?}");
    }
}

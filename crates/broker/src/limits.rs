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

/// Raises the soft limit of open files to the hard one: every segment in use is an open file.
pub(crate) fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err()
    {
        tracing::warn!("the limit of open files stays at {current:?}");
    }
}

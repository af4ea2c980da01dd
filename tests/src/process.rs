//! A whole broker in a process of its own: what a signal does to it, and what it logs.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use tempfile::NamedTempFile;

/// The binary, built once if it is not fresh.
pub fn ottla() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("the test's own path");
        let profile = test.parent().and_then(Path::parent).expect("the profile's directory");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "ottla"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "ottla does not build");
        profile.join("ottla")
    })
}

/// A broker in a process of its own, killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: NamedTempFile,
    /// Where clients connect.
    pub address: SocketAddr,
}

impl Process {
    /// Starts it on a directory, with these keys on top of a free port and no HTTP.
    pub fn start(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let log = NamedTempFile::new().expect("a file for the log");
        let stderr = File::options().append(true).open(log.path()).expect("the log opens");
        let mut command = Command::new(ottla());
        command
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--listen", "127.0.0.1:0", "--console", "off"])
            .args(["--set", "offsets.topic.num.partitions=1"]);
        for (key, value) in settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let started = command.stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = started.expect("ottla starts");
        let banner = BufReader::new(child.stdout.take().expect("its output"));
        let line = banner
            .lines()
            .map_while(Result::ok)
            .find(|line| line.trim_start().starts_with("kafka"))
            .expect("the banner says where Kafka is");
        let address = line.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        Self { child, log, address: address.expect("an address") }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("the log is text")
    }

    /// Sends it a signal, such as `-TERM`, and waits until it is gone.
    pub fn signal(mut self, name: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

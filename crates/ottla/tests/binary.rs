//! The real binary, as people start it: flags, environment, exit codes.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use anyhow::Context as _;

/// A broker in a process of its own, killed when dropped.
struct Running {
    process: Child,
    banner: String,
}

impl Running {
    /// Starts `ottla` with these arguments, and waits for its banner.
    fn start(args: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut process = ottla(args, environment).stdout(Stdio::piped()).spawn()?;
        let mut out = BufReader::new(process.stdout.take().context("its output")?);
        let mut banner = String::new();
        while !banner.contains("  next ") {
            let length = out.read_line(&mut banner)?;
            anyhow::ensure!(length > 0, "it ended before it served");
        }
        Ok(Self { process, banner })
    }

    /// Where clients connect.
    fn address(&self) -> anyhow::Result<&str> {
        let line = self.banner.lines().find_map(|line| line.trim().strip_prefix("kafka "));
        line.and_then(|line| line.split_whitespace().next()).context("no listener in the banner")
    }

    /// Runs a command of the client against it; what it prints.
    fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = ottla(args, &[("OTTLA_BOOTSTRAP", self.address()?)]).output()?;
        anyhow::ensure!(output.status.success(), "{args:?}: {}", stderr(&output));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Stops it in order.
    fn stop(mut self) -> anyhow::Result<()> {
        let id = self.process.id().to_string();
        anyhow::ensure!(Command::new("kill").arg(id).status()?.success(), "it cannot be signalled");
        anyhow::ensure!(self.process.wait()?.success(), "it did not stop in order");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The binary with these arguments and nothing else in its environment.
fn ottla(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(args).env_clear().envs(environment.iter().copied());
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Flags for a broker of a test in this directory.
fn serving(dir: &Path) -> [&str; 5] {
    let dir = dir.to_str().unwrap_or_default();
    ["--data-dir", dir, "--listen=localhost:0", "--console=off", "serve"]
}

const ID: &str = "5L6g3nShT-eMCtK--X86sw";
const OTHER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

#[test]
fn the_cluster_id_of_the_environment_is_that_of_a_new_directory() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    for environment in [&[("CLUSTER_ID", ID)][..], &[], &[("KAFKA_CLUSTER_ID", ID)]] {
        let broker = Running::start(&serving(dir.path()), environment)?;
        assert!(broker.banner.contains(ID), "{}", broker.banner);
        broker.stop()?;
    }
    Ok(())
}

#[test]
fn a_directory_of_another_cluster_is_refused_by_both_ids() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    Running::start(&serving(dir.path()), &[("CLUSTER_ID", ID)])?.stop()?;
    let refused = ottla(&serving(dir.path()), &[("CLUSTER_ID", OTHER_ID)]).output()?;
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains(ID) && text.contains(OTHER_ID) && text.contains("CLUSTER_ID"), "{text}");
    Ok(())
}

#[test]
fn topics_of_the_environment_are_there_when_the_broker_serves() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let topics = [("KAFKA_CREATE_TOPICS", "London:3:1,state:1:1:compact,many:1:3")];
    let broker = Running::start(&serving(dir.path()), &topics)?;
    assert_eq!(broker.run(&["topic", "list", "-o", "name"])?, "London\nstate\n");
    let state = broker.run(&["topic", "describe", "state", "-o", "json"])?;
    assert!(state.contains("compact"), "{state}");
    broker.run(&["topic", "alter", "London", "-p", "5"])?;
    broker.stop()?;

    let again = Running::start(&serving(dir.path()), &topics)?;
    let listed = again.run(&["topic", "list", "London", "-o", "jsonl"])?;
    assert!(listed.contains("\"partitions\":5"), "{listed}");
    Ok(())
}

#[test]
fn topics_that_cannot_be_meant_are_refused_at_the_start() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let refused =
        ottla(&serving(dir.path()), &[("KAFKA_CREATE_TOPICS", "London:three:1")]).output()?;
    let text = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(text.contains("London:three:1") && text.contains("the environment"), "{text}");
    Ok(())
}

#[test]
fn flags_count_before_and_after_serve() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut args = serving(dir.path()).to_vec();
    args.extend(["--set", "num.partitions=4"]);
    let broker = Running::start(&args, &[])?;
    assert!(broker.banner.contains(&*dir.path().to_string_lossy()), "{}", broker.banner);
    broker.run(&["topic", "create", "London"])?;
    assert!(broker.run(&["topic", "list", "-o", "jsonl"])?.contains("\"partitions\":4"));
    Ok(())
}

#[test]
fn a_flag_that_would_be_ignored_is_refused() -> anyhow::Result<()> {
    let cases: [(&[&str], &str); 7] = [
        (&["--data-dir", "x", "topic", "list"], "--data-dir"),
        (&["--set", "num.partitions=3", "cluster", "info"], "--set"),
        (&["-c", "server.properties", "topic", "list"], "--config"),
        (&["-b", "localhost:9092"], "--bootstrap"),
        (&["serve", "-o", "json"], "--output"),
        (&["log", "dump", "x.log", "-o", "json"], "--output"),
        (&["--data-dir", "x", "log", "verify", "x"], "--data-dir"),
    ];
    for (args, flag) in cases {
        let refused = ottla(args, &[]).output()?;
        let text = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(flag) && text.contains("ignore"), "{args:?}: {text}");
    }
    Ok(())
}

#[test]
fn a_stopped_broker_says_so() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut broker = Running::start(&serving(dir.path()), &[])?;
    let mut log = broker.process.stderr.take().context("its log")?;
    broker.stop()?;
    let mut text = String::new();
    log.read_to_string(&mut text)?;
    assert!(text.contains("everything acknowledged is on disk"), "{text}");
    Ok(())
}

#[test]
fn a_broker_and_a_console_alone_say_whether_they_are_ready() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().to_str().context("a path that is no text")?;
    let health = |console: &str, bootstrap: &str| {
        let environment = [("OTTLA_CONSOLE_LISTEN", console), ("OTTLA_BOOTSTRAP", bootstrap)];
        ottla(&["health"], &environment).output()
    };
    // Nobody is there.
    let nobody = health("127.0.0.1:1", "127.0.0.1:1")?;
    assert_eq!(nobody.status.code(), Some(1), "{}", stderr(&nobody));
    assert!(stderr(&nobody).contains("no console answers at 127.0.0.1:1"), "{}", stderr(&nobody));

    let flags = ["--data-dir", data, "--listen=localhost:0", "--console=localhost:0", "serve"];
    let broker = Running::start(&flags, &[])?;
    let line = broker.banner.lines().find_map(|line| line.split_once("http://"));
    let console = line.and_then(|it| it.1.split_whitespace().next());
    let console = console.context("no console in the banner")?;
    let (console, address) = (console.to_owned(), broker.address()?.to_owned());
    let by_console = health(&console, "127.0.0.1:1")?;
    assert!(by_console.status.success(), "{}", stderr(&by_console));
    let by_client = health("off", &address)?;
    assert!(by_client.status.success(), "{}", stderr(&by_client));
    broker.stop()?;

    let environment = [("OTTLA_CONSOLE_LISTEN", "localhost:0"), ("OTTLA_BOOTSTRAP", "127.0.0.1:1")];
    let mut role = ottla(&["console"], &environment).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(role.stdout.take().context("its output")?).read_line(&mut line)?;
    let console = line.trim().rsplit_once("http://").context("no address")?.1.trim_end_matches('/');
    let of_role = health(console, "127.0.0.1:1")?;
    role.kill()?;
    role.wait()?;
    assert!(of_role.status.success(), "{}", stderr(&of_role));
    Ok(())
}

#[test]
fn the_segments_of_a_directory_are_shown_in_order() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let partition = dir.path().join("London-0");
    let name = partition.to_string_lossy().into_owned();
    std::fs::create_dir(&partition)?;
    let empty = ottla(&["log", "dump", &name], &[]).output()?;
    assert_eq!(empty.status.code(), Some(1));
    assert!(stderr(&empty).contains("holds no segments"), "{}", stderr(&empty));

    for base_offset in [7, 0, 120] {
        std::fs::write(partition.join(format!("{base_offset:020}.log")), "")?;
    }
    std::fs::write(partition.join("leader-epoch-checkpoint"), "0\n0\n")?;
    let dumped = ottla(&["log", "dump", &name], &[]).output()?;
    assert!(dumped.status.success(), "{}", stderr(&dumped));
    let expected = [0, 7, 120].map(|it| format!("{name}/{it:020}.log\n")).concat();
    assert_eq!(String::from_utf8(dumped.stdout)?, expected);
    Ok(())
}

#[test]
fn files_are_looked_at_without_a_broker() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Running::start(&serving(dir.path()), &[])?;
    broker.run(&["produce", "London", "-k", "temperature", "14.2", "-H", "unit=C"])?;
    broker.stop()?;
    let data = dir.path().to_string_lossy().into_owned();
    let segment = dir.path().join("London-0/00000000000000000000.log");
    let file = segment.to_string_lossy().into_owned();

    let dumped = ottla(&["log", "dump", "-r", &file], &[]).output()?;
    let text = String::from_utf8(dumped.stdout)?;
    assert!(text.starts_with("position=0 offsets=0..0 records=1 "), "{text}");
    assert!(text.contains(r#"key="temperature" value="14.2" unit="C""#), "{text}");
    let of_directory = ottla(&["log", "dump", "-r", &data], &[]).output()?;
    assert!(String::from_utf8(of_directory.stdout)?.contains(&text), "{data}");
    let verified = ottla(&["log", "verify", &data], &[]).output()?;
    assert!(verified.status.success() && verified.stdout.is_empty(), "{}", stderr(&verified));
    assert!(stderr(&verified).ends_with(": 0 findings\n"), "{}", stderr(&verified));

    let mut bytes = std::fs::read(&segment)?;
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    std::fs::write(&segment, bytes)?;
    let verified = ottla(&["log", "verify", &data], &[]).output()?;
    assert_eq!(verified.status.code(), Some(10), "{}", stderr(&verified));
    let text = String::from_utf8(verified.stdout)?;
    assert!(text.contains(&file) && text.contains("position 0"), "{text}");
    Ok(())
}

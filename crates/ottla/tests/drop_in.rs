//! The binary under other names: kcat, Kafka's scripts, and what health checks call. What Kafka's
//! own tools would say is compared in `tests/tools`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use anyhow::Context as _;

/// A broker in a process of its own, killed when dropped.
struct Running {
    process: Child,
    address: String,
}

impl Running {
    /// Starts the binary with these arguments, and waits until it serves.
    fn start(args: &[&str]) -> anyhow::Result<Self> {
        let mut process = binary(args).stdout(Stdio::piped()).spawn()?;
        let mut out = BufReader::new(process.stdout.take().context("its output")?);
        let mut address = None;
        while address.is_none() {
            let mut line = String::new();
            anyhow::ensure!(out.read_line(&mut line)? > 0, "it ended before it served");
            let found = line.trim().strip_prefix("kafka ");
            address = found.and_then(|it| it.split_whitespace().next()).map(str::to_owned);
        }
        Ok(Self { process, address: address.context("no address")? })
    }

    fn in_directory(dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.to_str().context("a path that is no text")?;
        Self::start(&["--data-dir", dir, "--listen=localhost:0", "--console=off", "serve"])
    }

    /// Runs a tool that takes `-b` with this on its standard input; what it prints.
    fn kcat(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = binary(&["kcat", "-b", &self.address, "-q"]);
        let mut tool = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        tool.stdin.take().context("its input")?.write_all(input.as_bytes())?;
        text(tool.wait_with_output()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The binary with these arguments and nothing in its environment.
fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(args).env_clear().stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// What it printed, if it ended well.
fn text(output: Output) -> anyhow::Result<String> {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "{error}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn kcat_writes_and_reads_records() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Running::in_directory(dir.path())?;
    broker
        .kcat(&["-P", "-t", "London", "-K:", "-Z", "-H", "unit=C"], "temperature:14.2\nrain:\n")?;
    let shown = broker.kcat(&["-C", "-tLondon", "-e", "-f", "%t %p %o %k=%s %h\\n", "-Z"], "")?;
    assert_eq!(shown, "London 0 0 temperature=14.2 unit=C\nLondon 0 1 rain=NULL unit=C\n");
    let keyed = broker.kcat(&["-C", "-t", "London", "-o", "-1", "-e", "-K", ": "], "")?;
    assert_eq!(keyed, "rain: \n");
    let json = broker.kcat(&["-C", "-t", "London", "-c1", "-J"], "")?;
    let fields = r#"{"topic":"London","partition":0,"offset":0,"tstype":"create","ts":"#;
    assert!(json.starts_with(fields), "{json}");
    let rest = r#""broker":1,"headers":["unit","C"],"key":"temperature","payload":"14.2"}"#;
    assert!(json.trim_end().ends_with(rest), "{json}");
    let grouped = ["-G", "readers", "-o", "beginning", "-c", "2", "London"];
    assert_eq!(broker.kcat(&grouped, "")?, "14.2\n\n");
    Ok(())
}

#[test]
fn kcat_lists_brokers_topics_and_offsets() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Running::in_directory(dir.path())?;
    broker.kcat(&["-P", "-t", "London"], "a\nb\n")?;
    let listed = broker.kcat(&["-L", "-t", "London"], "")?;
    let address = &broker.address;
    let expected = format!(
        "Metadata for London (from broker 1: {address}/1):\n 1 brokers:\n  broker 1 at {address} \
         (controller)\n 1 topics:\n  topic \"London\" with 1 partitions:\n    partition 0, leader 1, \
         replicas: 1, isrs: 1\n"
    );
    assert_eq!(listed, expected);
    let offsets = broker.kcat(&["-Q", "-t", "London:0:-1", "-t", "London:0:-2"], "")?;
    assert_eq!(offsets, "London [0] offset 2\nLondon [0] offset 0\n");
    assert!(broker.kcat(&["-L", "-t", "nope"], "").is_err());
    assert!(broker.kcat(&["-C", "-t", "London", "-X", "no.such.key=1"], "").is_err());
    Ok(())
}

#[test]
fn a_link_is_the_tool_that_it_is_called() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Running::in_directory(dir.path())?;
    for name in ["kafka-topics.sh", "kafka-topics"] {
        let link = dir.path().join(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ottla"), &link)?;
        let mut tool = Command::new(link);
        let listed = tool.args(["--bootstrap-server", &broker.address, "--list"]).output()?;
        assert_eq!(text(listed)?, "\n");
    }
    let unknown = binary(&["kafka-mirror-maker.sh"]).output()?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8(unknown.stderr)?.contains("kafka-topics"));
    Ok(())
}

#[test]
fn health_checks_wait_for_brokers() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let broker = Running::in_directory(dir.path())?;
    let ready = |name, args: &[&str]| binary(&[name, "kafka-ready"]).args(args).output();
    assert!(ready("cub", &["-b", &broker.address, "1", "20"])?.status.success());
    assert!(ready("ub", &["1", "20", "-b", &broker.address])?.status.success());
    let refused = ready("cub", &["-b", &broker.address, "2", "1"])?;
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr)?;
    assert_eq!(error.trim(), "Expected 2 brokers but found only 1");
    Ok(())
}

#[test]
fn what_waits_for_zookeeper_is_answered() -> anyhow::Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = binary(&["zookeeper-server-start"]);
    let command = command.env("ZOOKEEPER_CLIENT_PORT", port.to_string()).stdout(Stdio::piped());
    let mut process = command.spawn()?;
    let mut line = String::new();
    BufReader::new(process.stdout.take().context("its output")?).read_line(&mut line)?;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"ruok\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(answer, "imok");
    let stopped = Command::new("kill").arg(process.id().to_string()).status()?;
    assert!(stopped.success() && process.wait()?.success());
    Ok(())
}

#[test]
fn directories_are_formatted_as_scripts_do_it_and_started_on() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (data, other) = (dir.path().join("data"), dir.path().join("other"));
    let file = dir.path().join("server.properties");
    let properties = format!(
        "process.roles=broker,controller\nnode.id=3\nlisteners=PLAINTEXT://localhost:0\n\
         log.dirs={},{}\nottla.console.listen=off\n",
        data.display(),
        other.display()
    );
    std::fs::write(&file, properties)?;
    let file = file.to_str().context("a path")?;
    let id = text(binary(&["kafka-storage.sh", "random-uuid"]).output()?)?;
    let id = id.trim();
    assert_eq!(id.len(), 22, "{id}");
    let format =
        |more: &[&str]| binary(&["kafka-storage.sh", "format", "-c", file]).args(more).output();
    let done = text(format(&["-t", id])?)?;
    let expected = format!(
        "Formatting metadata directory {}.\nFormatting data directory {}.\n",
        data.display(),
        other.display()
    );
    assert_eq!(done, expected);
    assert!(String::from_utf8(format(&["-t", id])?.stderr)?.contains("is already formatted"));
    let again = text(format(&["-t", id, "--ignore-formatted"])?)?;
    assert_eq!(again, "All of the log directories are already formatted.\n");
    let wrong = format(&["-g", "-t", "5L6g3nShT-eMCtK--X86sw"])?;
    assert!(String::from_utf8(wrong.stderr)?.contains(&format!("but read {id}")));
    let info = text(binary(&["kafka-storage", "info", "-c", file]).output()?)?;
    assert!(info.contains(&format!("cluster.id={id}")) && info.contains("node.id=3"), "{info}");

    let overridden = ["kafka-server-start.sh", file, "--override", "num.partitions=4"];
    let broker = Running::start(&overridden)?;
    let link = ["-b", &broker.address, "cluster", "info", "-o", "json"];
    let cluster = text(binary(&link).output()?)?;
    assert!(cluster.contains(id), "{cluster}");
    broker.kcat(&["-P", "-t", "London"], "a\n")?;
    let listed = broker.kcat(&["-L", "-t", "London"], "")?;
    assert!(listed.contains("with 4 partitions"), "{listed}");
    Ok(())
}

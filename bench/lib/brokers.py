"""A broker's process, and what a load does to it."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = Path(os.environ.get("OTTLA_WORK", ROOT / ".work"))
KAFKA = ROOT / "tests" / "kafka"
LOAD = WORK / "load"
OTTLA = Path(os.environ.get("OTTLA", ROOT / "target" / "release" / "ottla"))
PORT = int(os.environ.get("PORT", "29400"))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def build():
    """Builds the load, and Ottla, which has a load of its own, where it is missing."""
    WORK.mkdir(exist_ok=True)
    subprocess.check_call(["go", "build", "-o", LOAD, "."], cwd=ROOT / "bench" / "load")
    if not OTTLA.exists():
        subprocess.check_call(["cargo", "build", "--release", "-p", "ottla"], cwd=ROOT)


def load(kind, *arguments):
    """Runs a load that needs no broker, or knows its own; gives its report."""
    done = subprocess.run([LOAD, kind, *map(str, arguments)], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{kind}: {done.stderr.strip()}")
    return json.loads(done.stdout)


class Broker:
    """A broker's process and directory."""

    def __init__(self, name, scratch):
        self.name, self.dir, self.process, self.pid = name, Path(scratch) / name, None, None
        self.port = PORT if name == "kafka" else PORT + 10
        self.dir.mkdir(parents=True, exist_ok=True)

    def start(self):
        """Starts it without waiting; the caller knows when it serves."""
        if self.name == "kafka":
            environment = {**os.environ, "KAFKA_START_WAIT": "no"}
            output = subprocess.check_output(
                [KAFKA / "start", str(self.port), self.dir, "num.partitions=6"], env=environment)
            self.pid = int(output)
            return
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [OTTLA, "serve", "--data-dir", self.dir / "data", "--listen", f"127.0.0.1:{self.port}",
             "--set", "num.partitions=6", "--set", "ottla.ack.durability=page-cache", "--set", "ottla.console.listen=off"],
            stdout=log, stderr=log)
        self.pid = self.process.pid

    def stop(self):
        """Stops it in good order."""
        if self.name == "kafka":
            subprocess.check_call([KAFKA / "stop", self.dir])
        elif self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def begin_anew(self):
        """Stops it and starts it in an empty directory."""
        self.stop()
        self.dir = self.dir.with_name(f"{self.dir.name}-anew")
        self.dir.mkdir()
        self.start()

    def kill(self):
        """Ends it at once."""
        os.kill(self.pid, signal.SIGKILL)
        if self.process:
            self.process.wait(60)
        while Path(f"/proc/{self.pid}").exists() and "Z" not in self.state():
            time.sleep(0.01)

    def state(self):
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return "Z"

    def cpu(self):
        """Seconds of CPU it has used: in user space and in the kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / TICKS, int(fields[12]) / TICKS

    def memory(self):
        """Resident MB (10^6 bytes)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE / 1e6

    def logs(self):
        """Where the partitions' directories are."""
        return self.dir / ("logs" if self.name == "kafka" else "data")

    def create(self, topic, partitions, synced=False):
        """Creates a topic; a synced one acknowledges only what is on the disk. What loads before left to be written is none of the next one's."""
        os.sync()
        durable = "flush.messages=1" if self.name == "kafka" else "ottla.ack.durability=fsync"
        configs = ["-configs", durable] if synced else []
        self.load("first-ack", "-create", "-topic", topic, "-partitions", partitions, *configs)
        return topic

    def load(self, kind, *arguments):
        """Puts a load on it; gives the load's own report."""
        return load(kind, "-broker", f"127.0.0.1:{self.port}", *arguments)

    def begin(self, kind, *arguments):
        """Begins a load on it, and gives its process."""
        command = [LOAD, kind, "-broker", f"127.0.0.1:{self.port}", *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def measured(self, kind, *arguments):
        """A load with the broker's CPU and its largest memory."""
        output, costs = self.watched(kind, lambda: self.begin(kind, *arguments))
        return {**json.loads(output), **costs}

    def measured_by_ottla(self, phase, *arguments):
        """A phase of `ottla bench`, a client that is Ottla's own, with the broker's CPU."""
        command = [OTTLA, "bench", phase, "-b", f"127.0.0.1:{self.port}", "-o", "json", "--keep", *map(str, arguments)]
        begin = lambda: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        output, costs = self.watched(f"ottla bench {phase}", begin)
        return {**json.loads(output)["items"][0], **costs}

    def watched(self, name, begin):
        """What a process says, and what the broker needs meanwhile."""
        before = self.cpu()
        process, memory = begin(), self.memory()
        while process.poll() is None:
            memory = max(memory, self.memory())
            time.sleep(0.05)
        output, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{self.name}: {name}: {errors.strip()}")
        user, system = (after - then for after, then in zip(self.cpu(), before))
        return output, {"user": user, "system": system, "cpu": user + system, "memory": memory}

    def traced(self, kind, *arguments):
        """A load while every system call is written down: how many there were of each, and how many bytes went through them.
        What a load measures meanwhile is worth nothing."""
        path = self.dir / "strace"
        command = ["strace", "-f", "-qq", "-e", "signal=none", "-e", "trace=all", "-o", path, "-p", str(self.pid)]
        tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        threads = lambda: len(list(Path(f"/proc/{self.pid}/task").iterdir()))
        traced = lambda: sum("TracerPid:\t0" not in status.read_text() for status in Path(f"/proc/{self.pid}/task").glob("*/status"))
        while traced() < threads():
            time.sleep(0.01)
        try:
            report = self.load(kind, *arguments)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(60)
        calls, moved = {}, {}
        for line in open(path, errors="replace"):
            found = re.match(r"\d+\s+(?:<\.\.\. )?(\w+)(?:\(| resumed)", line)
            # A call that another thread interrupted in the file stands there twice: once without its result.
            if not found or "<unfinished" in line:
                continue
            calls[found[1]] = calls.get(found[1], 0) + 1
            result = re.search(r"= (\d+)$", line.rstrip())
            if result:
                moved[found[1]] = moved.get(found[1], 0) + int(result[1])
        path.unlink()
        report.update(calls=calls, moved=moved)
        return report

    def first_ack(self, *arguments):
        """Starts it, and says how many ms it took until a record was acknowledged."""
        if self.name == "kafka" and not (self.dir / "logs" / "meta.properties").exists():
            # The first start of a directory formats it, which is not part of the start that is measured.
            self.start()
            self.load("first-ack", "-create", "-topic", "warm-up")
            self.stop()
        os.sync()
        begun = time.monotonic()
        self.start()
        self.load("first-ack", *arguments)
        return (time.monotonic() - begun) * 1000

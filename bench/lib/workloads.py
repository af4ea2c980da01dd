"""What is measured: each function puts one kind of load on a broker and writes what came of it into `results`, by a name that ends
with the unit. `settings` has `gb`, `seconds` and `suffix`, which keeps a warm-up's topics apart."""

import statistics
import time

# Records of 1 KiB a second that a producer sends who is to be slowed down by nobody.
PACE = 100_000


def start(broker, results, settings):
    results["start to first ack, empty directory (ms)"] = broker.first_ack("-create", "-topic", "first", "-partitions", 1)
    time.sleep(3)
    results["idle: memory (MB)"] = broker.memory()


def records(broker, results, settings):
    for size, name in ((1024, "1 KiB"), (100, "100 B")):
        topic = broker.create(f"records-{size}{settings.suffix}", 6)
        total = int(settings.gb * 1e9) if size == 1024 else int(settings.gb * 5e8)
        wrote = broker.measured("produce", "-topic", topic, "-size", size, "-total", total)
        read = broker.measured("consume", "-topic", topic, "-size", size, "-records", wrote["records"])
        for verb, report in (("produce", wrote), ("consume", read)):
            per_gb(results, f"{verb} {name}", report)
            results[f"{verb} {name}: MB/s"] = report["mb_per_s"]
        results[f"produce {name}: memory (MB)"] = wrote["memory"]


def per_gb(results, name, report):
    results[f"{name}: CPU s/GB"] = report["cpu"] / report["gb"]
    results[f"{name}: of it in user space, CPU s/GB"] = report["user"] / report["gb"]


def own_client(broker, results, settings):
    topic, records = broker.create(f"own{settings.suffix}", 6), int(settings.gb * 1e9 / 1024)
    for phase in ("produce", "consume"):
        report = broker.measured_by_ottla(phase, "--topic", topic, "--size", 1024, "--records", records)
        results[f"{phase} 1 KiB by Ottla's client: CPU s/GB"] = report["cpu"] / (report["bytes"] / 1e9)
        results[f"{phase} 1 KiB by Ottla's client: MB/s"] = report["megabytesPerSecond"]


def codecs(broker, results, settings):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        topic = broker.create(f"codec-{codec}{settings.suffix}", 6)
        wrote = broker.measured("produce", "-topic", topic, "-size", 1024, "-total", int(settings.gb * 2.5e8), "-codec", codec)
        read = broker.measured("consume", "-topic", topic, "-size", 1024, "-records", wrote["records"])
        for verb, report in (("produce", wrote), ("consume", read)):
            results[f"{verb} {codec}: CPU s/GB"] = report["cpu"] / report["gb"]
            results[f"{verb} {codec}: MB/s"] = report["mb_per_s"]


def defaults(broker, results, settings):
    for linger in (0, 5):
        for count in (1, 10, 100):
            topic = broker.create(f"defaults-{linger}-{count}{settings.suffix}", 6)
            report = broker.measured("defaults", "-topic", topic, "-connections", count, "-linger", linger, "-size", 100,
                                     "-seconds", settings.seconds)
            name = f"{count} default producers, linger {linger} ms" if count > 1 else f"1 default producer, linger {linger} ms"
            results[f"{name}: records/s"] = report["records_per_s"]
            results[f"{name}: CPU µs a record"] = report["cpu"] * 1e6 / report["records"]


def latency(broker, results, settings):
    for rate in (1000, 10_000):
        topic = broker.create(f"latency-{rate}{settings.suffix}", 6)
        end_to_end(broker, results, settings, topic, rate, "")


def end_to_end(broker, results, settings, topic, rate, kind):
    report = broker.load("latency", "-topic", topic, "-size", 100, "-rate", rate, "-seconds", settings.seconds)
    for key, name in (("p50_ms", "p50"), ("p99_ms", "p99"), ("p999_ms", "p99.9")):
        results[f"end to end at {rate:,} records/s{kind}: {name} (ms)"] = report[key]


def connections(broker, results, settings):
    small_requests(broker, results, settings, broker.create(f"small{settings.suffix}", 6), 500)


def pipelined(broker, results, settings):
    for synced, name in ((False, "10 connections, 5 requests each on their way"), (True, "10 connections, 5 requests each on their way, synced")):
        topic = broker.create(f"{'synced-' if synced else ''}pipelined{settings.suffix}", 6, synced=synced)
        report = broker.measured("pipelined", "-topic", topic, "-connections", 10, "-size", 100, "-seconds", settings.seconds)
        results[f"{name}: requests/s"] = report["requests_per_s"]
        results[f"{name}: CPU µs a request"] = report["cpu"] * 1e6 / report["requests"]


def thousands(broker, results, settings):
    small_requests(broker, results, settings, broker.create(f"many{settings.suffix}", 6), 5000)


def small_requests(broker, results, settings, topic, count):
    report = broker.measured("connections", "-topic", topic, "-connections", count, "-size", 100, "-seconds", settings.seconds)
    durable = ", synced" if topic.startswith("synced") else ""
    name = f"{count:,} connections, 100 B{durable}"
    results[f"{name}: requests/s"] = report["requests_per_s"]
    results[f"{name}: p50 (ms)"] = report["p50_ms"]
    results[f"{name}: p99 (ms)"] = report["p99_ms"]
    results[f"{name}: CPU µs a request"] = report["cpu"] * 1e6 / report["requests"]


def partitions(broker, results, settings):
    # The same topics for the warm-up: thousands of new files would be the load of the next seconds.
    for count in (6, 1000, 10_000):
        topic = broker.create(f"spread-{count}", count)
        report = broker.measured("spread", "-topic", topic, "-size", 1024, "-seconds", settings.seconds, "-buffered", 100_000)
        results[f"{count:,} partitions in turn: MB/s"] = report["mb_per_s"]
        results[f"{count:,} partitions in turn: CPU µs a record"] = report["cpu"] * 1e6 / report["records"]


def topics(broker, results, settings):
    count = 1000 if not settings.suffix else 50
    report = broker.load("topics", "-topic", f"topics{settings.suffix}", "-records", count)
    results["create 1,000 topics one by one: topics/s"] = report["create_one_by_one_per_s"]
    results["create 1,000 topics in one request: topics/s"] = report["create_in_one_per_s"]
    results["delete 1,000 topics one by one: topics/s"] = report["delete_one_by_one_per_s"]
    results["delete 1,000 topics in one request: topics/s"] = report["delete_in_one_per_s"]


def group(broker, results, settings):
    topic = broker.create(f"group{settings.suffix}", 200)
    report = broker.load("group", "-topic", topic, "-partitions", 200, "-connections", 100, "-seconds", settings.seconds)
    results["group of 100: until all have partitions (ms)"] = report["join_ms"]
    results["group of 100: until one that leaves is replaced (ms)"] = report["leave_ms"]
    results["one connection that commits: commits/s"] = report["commits_per_s"]


def transactions(broker, results, settings):
    for synced, name in ((False, "transactions of 100 x 100 B"), (True, "transactions of 100 x 100 B, synced")):
        topic = broker.create(f"{'synced-' if synced else ''}transactions{settings.suffix}", 6, synced=synced)
        durable = "flush.messages=1" if broker.name == "kafka" else "ottla.ack.durability=fsync"
        configs = ["-configs", durable] if synced else []
        report = broker.measured("transactions", "-topic", topic, "-size", 100, "-seconds", settings.seconds, *configs)
        results[f"{name}: transactions/s"] = report["transactions_per_s"]
        results[f"{name}: commit p50 (ms)"] = report["commit_p50_ms"]
        results[f"{name}: commit p99 (ms)"] = report["commit_p99_ms"]
        results[f"{name}: CPU ms each"] = report["cpu"] * 1e3 / report["transactions"]


def mixed(broker, results, settings):
    topic = broker.create(f"mixed{settings.suffix}", 6)
    rate = PACE // 5
    report = broker.measured("mixed", "-topic", topic, "-size", 1024, "-rate", rate, "-seconds", settings.seconds)
    name = f"{rate:,} records/s, 10 followers, 2 who catch up"
    results[f"{name}: ack p50 (ms)"] = report["p50_ms"]
    results[f"{name}: ack p99 (ms)"] = report["p99_ms"]
    results[f"{name}: read MB/s"] = report["read_gb"] * 1e3 / settings.seconds
    results[f"{name}: CPU s/GB moved"] = report["cpu"] / (report["gb"] + report["read_gb"])


def fetches(broker, results, settings):
    """One consumer that asks one partition for its one batch, of sizes around what a broker may copy into a response."""
    for kib in (1, 4, 16, 64):
        topic = broker.create(f"fetches-{kib}{settings.suffix}", 1)
        report = broker.measured("fetches", "-topic", topic, "-size", kib * 1000, "-seconds", settings.seconds)
        results[f"fetch of {kib} kB: p50 (ms)"] = report["p50_ms"]
        results[f"fetch of {kib} kB: CPU µs"] = report["cpu"] * 1e6 / report["requests"]


def idle(broker, results, settings):
    before = sum(broker.cpu())
    time.sleep(settings.seconds)
    results["idle: CPU (%)"] = 100 * (sum(broker.cpu()) - before) / settings.seconds


def calls(broker, results, settings):
    """System calls and copies, which noise does not move: the loads are small, since a traced broker is slow."""
    if settings.suffix:
        return
    topic = broker.create("calls", 6)
    report = broker.traced("connections", "-topic", topic, "-connections", 10, "-size", 100, "-seconds", settings.seconds)
    count_calls(results, "10 connections, 100 B", report, report["requests"], "a request")
    topic = broker.create("calls-fetch", 1)
    report = broker.traced("fetches", "-topic", topic, "-size", 1000, "-seconds", settings.seconds)
    count_calls(results, "fetch of 1 kB", report, report["requests"], "a request")
    topic = broker.create("calls-large", 6)
    report = broker.traced("produce", "-topic", topic, "-size", 1024, "-total", 200_000_000)
    count_calls(results, "produce 1 KiB", report, report["gb"] * 1e3, "a MB")
    copied(results, "produce 1 KiB", report)
    report = broker.traced("consume", "-topic", topic, "-size", 1024, "-records", report["records"])
    count_calls(results, "consume 1 KiB", report, report["gb"] * 1e3, "a MB")
    copied(results, "consume 1 KiB", report)


def count_calls(results, name, report, units, unit):
    results[f"{name}: system calls {unit}"] = sum(report["calls"].values()) / units


def copied(results, name, report):
    # What sendfile sends is not copied between the kernel and the process.
    copies = ("read", "readv", "recvfrom", "recvmsg", "pread64", "preadv", "write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev")
    results[f"{name}: bytes copied to and from the kernel, per byte"] = sum(report["moved"].get(call, 0) for call in copies) / (report["gb"] * 1e9)


def one_producer(broker, results, settings):
    topic = broker.create(f"synced-one{settings.suffix}", 6, synced=True)
    report = broker.measured("one-producer", "-topic", topic, "-size", 1024, "-seconds", settings.seconds)
    results["one producer, 16 KiB batches, synced: records/s"] = report["records_per_s"]


def hundred(broker, results, settings):
    small_requests(broker, results, settings, broker.create(f"synced-small{settings.suffix}", 6, synced=True), 100)


def spread(broker, results, settings):
    # The same topic for the warm-up, as for `partitions`.
    topic = broker.create("synced-spread", 1000, synced=True)
    report = broker.measured("spread", "-topic", topic, "-size", 1024, "-seconds", settings.seconds)
    results["1,000 partitions in turn, synced: records/s"] = report["records_per_s"]


def synced_latency(broker, results, settings):
    topic = broker.create(f"synced-latency{settings.suffix}", 6, synced=True)
    end_to_end(broker, results, settings, topic, 1000, ", synced")


def disk(broker, results, settings):
    topic = broker.create(f"synced-disk{settings.suffix}", 6, synced=True)
    alone = broker.load("disk-write", "-dir", broker.dir, "-seconds", max(1, settings.seconds // 2))
    report = broker.measured("produce", "-topic", topic, "-size", 1024, "-total", int(settings.gb * 5e8))
    results["the disk, 1 MiB and a sync at a time: MB/s"] = alone["mb_per_s"]
    results["produce 1 KiB in big batches, synced: MB/s"] = report["mb_per_s"]
    results["produce 1 KiB in big batches, synced: of the disk (%)"] = 100 * report["mb_per_s"] / alone["mb_per_s"]


def following(broker, results, settings):
    total = int(settings.gb * 5e8)
    alone, followed = beside_a_consumer(broker, settings, total // 1024, "produce", "-size", 1024, "-total", total)
    results["produce 1 KiB, synced, nobody consumes: MB/s"] = alone["mb_per_s"]
    results["produce 1 KiB, synced, somebody consumes: MB/s"] = followed["mb_per_s"]
    results["producing is slowed down by a consumer (%)"] = 100 * (1 - followed["mb_per_s"] / alone["mb_per_s"])
    # At full speed the two share the cores; at half of what they have, whatever slows a producer down is the broker's.
    alone, followed = beside_a_consumer(
        broker, settings, PACE * settings.seconds, "paced", "-size", 1024, "-rate", PACE, "-seconds", settings.seconds)
    for report, name in ((alone, "nobody"), (followed, "somebody")):
        results[f"produce {PACE:,} records/s, {name} consumes: MB/s"] = report["mb_per_s"]
        results[f"produce {PACE:,} records/s, {name} consumes: ack p50 (ms)"] = report["p50_ms"]
        results[f"produce {PACE:,} records/s, {name} consumes: ack p99 (ms)"] = report["p99_ms"]


def beside_a_consumer(broker, settings, count, kind, *load):
    """The same load by itself, and with a consumer that reads all of it as it comes: each first and last, for the disk may be tired then."""
    def alone(topic):
        return broker.load(kind, "-topic", topic, *load)

    def followed(topic):
        consumer = broker.begin("drain", "-topic", topic, "-partitions", 6, "-records", count)
        # It waits for records by then, and the start of its process slows nobody down.
        time.sleep(0.5)
        report = broker.load(kind, "-topic", topic, *load)
        if consumer.wait(60):
            raise RuntimeError(f"{broker.name}: the consumer beside the producer failed")
        return report

    reports = {alone: [], followed: []}
    for turn, run in enumerate(2 * [alone, followed, followed, alone]):
        topic = broker.create(f"synced-{kind}-{turn}{settings.suffix}", 6, synced=True)
        reports[run].append(run(topic))
    return [{key: statistics.median(report[key] for report in them) for key in them[0]} for them in reports.values()]


def cold(broker, results, settings):
    topic = broker.create(f"cold{settings.suffix}", 6)
    wrote = broker.load("produce", "-topic", topic, "-size", 1024, "-total", int(settings.gb * 5e8))
    files = ["-dir", broker.logs(), "-topic", topic]
    drain = ["drain", "-topic", topic, "-partitions", 6, "-records", wrote["records"]]

    def by_itself():
        return broker.load("disk-read", *files)

    def through_the_broker():
        return broker.measured(*drain)

    # A disk may be fast for half a gigabyte and then slow: who reads first is first as often as second.
    reads = {by_itself: [], through_the_broker: []}
    for reader in 2 * [by_itself, through_the_broker, through_the_broker, by_itself]:
        broker.load("evict", *files)
        reads[reader].append(reader())
    limit, rate = (statistics.median(read["mb_per_s"] for read in them) for them in reads.values())
    results["the disk, read in order: MB/s"] = limit
    results["consume cold data: MB/s"] = rate
    results["consume cold data: of the disk (%)"] = 100 * rate / limit
    results["consume cold data: CPU s/GB"] = statistics.median(
        read["cpu"] / read["gb"] for read in reads[through_the_broker])
    broker.stop()
    broker.load("evict", *files)
    broker.first_ack("-create", "-topic", f"cold-again{settings.suffix}", "-partitions", 1)
    results["consume cold data, first after a start: MB/s"] = broker.measured(*drain)["mb_per_s"]


def restart(broker, results, settings):
    # What other workloads left would be opened, too.
    broker.begin_anew()
    broker.load("first-ack", "-create", "-topic", "thousand", "-partitions", 1000)
    broker.stop()
    results["start to first ack, 1,000 partitions (ms)"] = broker.first_ack("-topic", "thousand")
    results["memory, 1,000 partitions (MB)"] = broker.memory()
    topic = broker.create("unsynced", 6)
    broker.load("produce", "-topic", topic, "-size", 1024, "-total", int(settings.gb * 5e8))
    broker.kill()
    results["start to first ack after SIGKILL, 1,000 partitions (ms)"] = broker.first_ack("-topic", "thousand")


def soak(broker, results, settings):
    """Memory after each tenth of a long load: it must not grow."""
    topic = broker.create(f"soak{settings.suffix}", 6)
    process = broker.begin("mixed", "-topic", topic, "-size", 1024, "-rate", PACE // 50, "-seconds", settings.seconds)
    tenths = []
    begun = time.monotonic()
    for tenth in range(1, 11):
        time.sleep(max(0, begun + tenth * settings.seconds / 10 - time.monotonic()))
        tenths.append(broker.memory())
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{broker.name}: soak: {errors.strip()}")
    results["soak: memory after a fifth of it (MB)"], results["soak: memory at its end (MB)"] = tenths[1], tenths[-1]


# In the order in which they run. `start` begins every round.
WORKLOADS = {
    "records": records, "own-client": own_client, "codecs": codecs, "defaults": defaults, "latency": latency, "connections": connections,
    "pipelined": pipelined, "thousands": thousands, "partitions": partitions, "topics": topics, "group": group, "transactions": transactions, "mixed": mixed,
    "fetches": fetches, "idle": idle, "calls": calls, "one-producer": one_producer, "hundred": hundred, "spread": spread,
    "synced-latency": synced_latency, "disk": disk, "following": following, "cold": cold, "restart": restart, "soak": soak,
}
# What there is nothing to warm up for.
COLD = ("idle", "calls", "restart", "soak")
# What runs only when it is named.
BY_NAME = ("soak",)

"""What a figure is held against: Apache Kafka's in the same run, and what the machine does without a broker."""

import re

# A pattern for a figure's name → the most that Ottla's may be of Kafka's (a ratio below 1), or the least (1 and above).
GOALS = {
    r"produce 1 KiB: CPU s/GB": 0.33,
    r"produce 1 KiB: MB/s": 2,
    r"produce .*: memory \(MB\)": 0.2,
    r"consume .* (KiB|B): CPU s/GB": 0.7,
    r"500 connections, 100 B: CPU µs a request": 0.45,
    r"500 connections, 100 B: requests/s": 2,
    r"500 connections, 100 B: p99": 0.5,
    r"end to end at [\d,]+ records/s: p50": 0.55,
    r"end to end at [\d,]+ records/s: p99": 0.35,
    r"1,000 partitions in turn: MB/s": 10,
    r"create 1,000 topics one by one": 20,
    r"transactions of 100 x 100 B: transactions/s": 5,
    r"transactions of 100 x 100 B, synced: transactions/s": 3,
    r"transactions .*: commit p99": 0.5,
    r"start to first ack, (empty|1,000)": 0.01,
    r"idle: memory": 1 / 15,
    r"produce 1 KiB in big batches, synced: MB/s": 2.5,
    r"one producer, 16 KiB batches, synced": 8,
    r"100 connections, 100 B, synced: requests/s": 8,
    r"1,000 partitions in turn, synced": 20,
    r"end to end at 1,000 records/s, synced: p50": 0.5,
    r"end to end at 1,000 records/s, synced: p99 ": 0.05,
}

# A pattern → which of the machine's figures bind it; several are added up. Of a rate the share of the limit is given, of a cost how
# many times the limit it is.
LIMITS = {
    r"produce .* (KiB|B): MB/s": ("loopback_mb_per_s",),
    r"produce .* (KiB|B): CPU s/GB": ("receive_cpu_s_per_gb", "crc32c_cpu_s_per_gb", "page_cache_cpu_s_per_gb"),
    r"consume .* (KiB|B): MB/s": ("sendfile_mb_per_s",),
    r"consume .* (KiB|B): CPU s/GB": ("sendfile_cpu_s_per_gb",),
    r"end to end at [\d,]+ records/s: p50": ("round_trip_p50_ms", "round_trip_p50_ms"),
    r"end to end at [\d,]+ records/s, synced: p50": ("round_trip_p50_ms", "round_trip_p50_ms", "fdatasync_p50_ms"),
    r"end to end at [\d,]+ records/s, synced: p99 ": ("round_trip_p99_ms", "round_trip_p99_ms", "fdatasync_p99_ms"),
    r"transactions .*, synced: commit p50": ("round_trip_p50_ms", "fdatasync_p50_ms"),
    r"produce 1 KiB in big batches, synced: MB/s": ("disk_mb_per_s",),
}


def of(table, name):
    """What a table says of a figure, or None."""
    return next((value for pattern, value in table.items() if re.match(pattern, name)), None)


def reached(goal, ratio):
    return ratio <= goal if goal < 1 else ratio >= goal

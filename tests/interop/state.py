#!/usr/bin/env python3
"""state.py OTTLA HOST:PORT: all that a broker holds, one thing per line, in an order of its own.

Left out is what may change when another broker takes over: leader epochs, sizes, the records of Kafka's own topics
(groups and their offsets, transactional ids and producers are listed instead), and of compacted topics what compaction
may drop at any time; what `transactions` lets time out; and groups of which the guest is asked.
"""
import json
import subprocess
import sys
import time

OTTLA, AT = sys.argv[1:]


def ask(*arguments):
    command = [OTTLA, *arguments, "-b", AT, "-q", "--timeout", "30s"]
    for _ in range(100):
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout
        # A broker that has just started may still be loading its groups.
        time.sleep(0.1)
    sys.exit(f"{' '.join(command)}: {answer.stderr}")


def show(kind, value):
    print(kind, json.dumps(value, sort_keys=True, ensure_ascii=False))


# A transactional id and its topic. Any broker may end its transaction at once.
LATE = "late"
# Groups that only the guest can ask for: of kinds that old requests do not describe, and with offsets in open transactions.
OF_GUEST = ("modern-", "transacted")
compacted = set()
names = ask("topic", "list", "--internal", "-o", "name").split()
for _ in range(100):
    topics = json.loads(ask("topic", "describe", *names, "-o", "json"))["items"]
    if all(partition["logEndOffset"] is not None for topic in topics for partition in topic["partitions"]):
        break
    # Right after an election Kafka does not tell the end of a log.
    time.sleep(0.1)
for topic in topics:
    for partition in topic["partitions"]:
        for field in ("leaderEpoch", "bytes", *(("logEndOffset", "records", "logStartOffset") * topic["isInternal"])):
            partition.pop(field, None)
    topic["configs"] = sorted((c["name"], c["value"]) for c in topic["configs"])
    if ("cleanup.policy", "compact") in topic["configs"]:
        compacted.add(topic["name"])
    if topic["name"] != LATE:
        show("topic", topic)

for group in sorted(json.loads(ask("group", "list", "-o", "json"))["items"], key=lambda g: g["groupId"]):
    if group["groupId"].startswith(OF_GUEST):
        continue
    described = json.loads(ask("group", "describe", group["groupId"], "-o", "json"))["items"]
    for offset in described[0]["offsets"]:
        show("offset", [group["groupId"], *(offset[f] for f in ("topic", "partition", "committedOffset", "metadata"))])

for name in ask("txn", "list", "-o", "name").split():
    if name != LATE:
        for described in json.loads(ask("txn", "describe", name, "-o", "json"))["items"]:
            show("transaction", described)

own = [name for name in names if not name.startswith("__") and name != LATE]
if own:
    records = [json.loads(line) for line in ask("consume", *own, "--from", "start", "-e", "-o", "jsonl").splitlines()]
    records.sort(key=lambda r: (r["topic"], r["partition"], r["offset"]))
    committed = ask("consume", *own, "--from", "start", "-e", "-X", "isolation.level=read_committed", "-f", "%t %p %o\n")
    committed = {tuple(line.split()) for line in committed.splitlines()}
    newest = {(r["topic"], r["partition"], r["key"]): r["offset"] for r in records}
    for record in records:
        is_newest = newest[record["topic"], record["partition"], record["key"]] == record["offset"]
        if record["topic"] not in compacted or (is_newest and record["value"] is not None):
            place = (record["topic"], str(record["partition"]), str(record["offset"]))
            show("record", record | {"readCommitted": place in committed})

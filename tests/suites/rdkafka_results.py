"""rdkafka_results.py DIR: turns the output of librdkafka's test runner, a file NNNN.out per test, into result lines."""

import glob
import os
import re
import sys

ROW = re.compile(r"^\|\s*(\d{4}_\S+)\s*\|\s*([A-Z]+)\s*\|\s*[\d.]+s\s*\|", re.MULTILINE)
FAILURE = re.compile(r"### Test .*?failed at ([^\n]*)\n([^\n]*)", re.DOTALL)

for path in sorted(glob.glob(os.path.join(sys.argv[1], "[0-9]*.out"))):
    text = re.sub(r"\x1b\[[0-9;]*m", "", open(path, errors="replace").read())
    rows = ROW.findall(text)
    if not rows:
        number = os.path.basename(path)[:4]
        print(f"fail {number} # no verdict (timed out or crashed): {text[-80:]!r}")
    for test, state in rows:
        if state == "PASSED":
            print(f"pass {test}")
        elif state == "SKIPPED":
            print(f"skip {test}")
        else:
            where = FAILURE.search(text)
            why = f"{where.group(1)} {where.group(2)}"[:200] if where else state
            print(f"fail {test} # {why}")

"""rdkafka_results.py DIR: turns the output of librdkafka's test runner into result lines.

DIR has a file NNNN.out per test, or NNNN-PART.out where only that part of it was run.
"""

import glob
import os
import re
import sys

ROW = re.compile(r"^\|\s*(\d{4}_\S+)\s*\|\s*([A-Z]+)\s*\|\s*[\d.]+s\s*\|", re.MULTILINE)
FAILURE = re.compile(r"### Test \"(?:(\d{4}_\w+)|.).*?failed at ([^\n]*)\n([^\n]*)", re.DOTALL)

for path in sorted(glob.glob(os.path.join(sys.argv[1], "[0-9]*.out"))):
    text = re.sub(r"\x1b\[[0-9;]*m", "", open(path, errors="replace").read())
    number, _, part = os.path.basename(path).removesuffix(".out").partition("-")
    part = f" {part}" if part else ""
    rows = ROW.findall(text)
    failure = FAILURE.search(text)
    why = f"{failure.group(2)} {failure.group(3)}"[:200] if failure else ""
    if not rows:
        # A failure that leaves threads behind aborts the runner before it has written its table.
        test = failure and failure.group(1) or number
        print(f"fail {test}{part} # {why or f'no verdict (timed out or crashed): {text[-80:]!r}'}")
    for test, state in rows:
        if state == "PASSED":
            print(f"pass {test}{part}")
        elif state == "SKIPPED":
            print(f"skip {test}{part}")
        else:
            print(f"fail {test}{part} # {why or state}")

"""judge.py NAME RESULTS EXPECTED: holds a suite's failures against the list of expected ones.

RESULTS has lines `pass|fail|skip TEST # why`. EXPECTED has lines `TEST | reason`, for a test that fails until
what the reason names is there, or `TEST | either: reason` for one that also comes out both ways against Apache
Kafka. A failing test that is not listed, and a listed one that passes, make the run red: the list only shrinks.
"""

import sys


def read_results(path):
    results = {}
    for line in open(path, errors="replace"):
        verdict, _, rest = line.rstrip("\n").partition(" ")
        test, _, why = rest.partition(" # ")
        results[test.strip()] = (verdict, why)
    return results


def read_expected(path):
    expected = {}
    for line in open(path):
        line = line.strip()
        if line and not line.startswith("#"):
            test, bar, reason = line.partition(" | ")
            if not bar or not reason.strip():
                sys.exit(f"{path}: no reason given for {test}")
            expected[test.strip()] = reason.strip()
    return expected


def main():
    name, results_path, expected_path = sys.argv[1:]
    results = read_results(results_path)
    expected = read_expected(expected_path)
    tests = {v: [t for t in results if results[t][0] == v] for v in ("pass", "fail", "skip")}
    either = {test for test, reason in expected.items() if reason.startswith("either:")}
    surprises = [t for t in tests["fail"] if t not in expected]
    for test in sorted(tests["fail"]):
        mark = "expected" if test in expected else "FAILED"
        print(f"{mark}: {test} # {expected.get(test) or results[test][1]}")
    cured = [t for t in tests["pass"] if t in expected and t not in either]
    for test in cured:
        print(f"PASSES, so take it off the list: {test} # {expected[test]}")
    gone = [t for t in expected if t not in results]
    for test in gone:
        print(f"LISTED, but the suite has no such test: {test}")
    empty = not tests["pass"]
    if empty:
        print("no test passed at all")
    if expected_path != "/dev/null":
        print(f"{name}: {len(tests['fail']) - len(surprises)} failures are listed with a reason, "
              f"{len(surprises)} are not, {len(cured)} listed tests pass")
    print(f"{name}: {len(tests['pass'])} passed, {len(tests['fail'])} failed, {len(tests['skip'])} skipped")
    sys.exit(1 if surprises or cured or gone or empty else 0)


main()

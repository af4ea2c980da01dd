"""check.py CSV NAME PREFIX FILE…: says whether the consumers' lines are the observations, each once and in order.

Lines are as the examples print them. A topic's records of one key must come in the order of the CSV, across the
files in the order given; no offset may come twice. `check.py --london FILE` checks the readings made by hand.
"""

import csv
import json
import sys
from collections import defaultdict


def lines(paths):
    for path in paths:
        for line in open(path):
            yield json.loads(line)


def london(path):
    read = [(line["key"], line["reading"]["value"]) for line in lines([path])]
    wanted = [("temperature", 14.2), ("temperature", 14.6), ("windspeed", 11)]
    if sorted(read) != wanted or read.index(wanted[0]) > read.index(wanted[1]):
        sys.exit(f"London: {read}")


def number(text):
    return None if text == "NA" else float(text)


def observations(csv_path, prefix, read):
    wanted = defaultdict(list)
    for row in csv.DictReader(open(csv_path)):
        for key, column in (("temperature", "temp"), ("windspeed", "wind_speed")):
            wanted[prefix + row["origin"], key].append((row["time_hour"], number(row[column])))
    got, places = defaultdict(list), set()
    for line in read:
        place = line["topic"], line["partition"], line["offset"]
        if place in places:
            sys.exit(f"{place} came twice")
        places.add(place)
        got[line["topic"], line["key"]].append((line["reading"]["time"], line["reading"]["value"]))
    for key in wanted.keys() | got.keys():
        if wanted[key] != got[key]:
            pairs = zip(wanted[key], got[key])
            first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(wanted[key]), len(got[key])))
            sys.exit(f"{key}: {len(wanted[key])} wanted, {len(got[key])} came, they part at number {first}")
    return len(places)


if sys.argv[1] == "--london":
    london(sys.argv[2])
else:
    csv_path, name, prefix, *paths = sys.argv[1:]
    print(f"{name}: {observations(csv_path, prefix, lines(paths))} records, each once and in order")

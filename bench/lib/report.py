"""The rounds as a table in Markdown, and as a page with the same figures as bars."""

import html
import os
import statistics
import time

from . import goals

BROKERS = {"kafka": "Apache Kafka 4.4", "ottla": "Ottla"}


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def cell(values):
    if not values:
        return "–"
    spread = f" [{number(min(values))}..{number(max(values))}]" if len(values) > 1 else ""
    return number(statistics.median(values)) + spread


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = int(open("/proc/meminfo").readline().split()[1]) / 1e6
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, {time.strftime('%d %B %Y')}"


class Figure:
    """One name with what each broker reached in each round."""

    def __init__(self, name, rounds, limits):
        self.name = name
        self.values = {broker: [r[name] for r in rounds.get(broker, []) if name in r] for broker in BROKERS}
        medians = {broker: statistics.median(values) for broker, values in self.values.items() if values}
        self.ratio = medians["ottla"] / medians["kafka"] if len(medians) == 2 and medians["kafka"] else None
        self.goal = goals.of(goals.GOALS, name)
        bound = goals.of(goals.LIMITS, name)
        self.limit = sum(limits[key] for key in bound) if bound and limits else None
        self.of_limit = medians["ottla"] / self.limit if self.limit and "ottla" in medians else None

    def row(self):
        ratio = number(self.ratio) if self.ratio is not None else "–"
        goal = "–"
        if self.goal:
            goal = ("≤ " if self.goal < 1 else "≥ ") + number(self.goal)
            if self.ratio is not None:
                goal += " ✓" if goals.reached(self.goal, self.ratio) else " ✗"
        limit = f"{number(self.of_limit)} of {number(self.limit)}" if self.of_limit else "–"
        return [self.name, cell(self.values["kafka"]), cell(self.values["ottla"]), ratio, goal, limit]


def figures(rounds, limits):
    names = dict.fromkeys(name for results in rounds.values() for result in results for name in result)
    return [Figure(name, rounds, limits) for name in names]


HEAD = ["", BROKERS["kafka"], BROKERS["ottla"], "Ottla / Kafka", "goal", "of the machine's limit"]


def about(count):
    return (f"{machine()}\n\nMedian [least..most] of {count} round{'s' if count > 1 else ''}, the brokers in turns. Kafka has a heap of 1 GB, as its "
            "start script gives it. Where it does not say synced, both acknowledge from the page cache.")


def markdown(all_figures, limits, count):
    lines = [about(count), "", "| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    lines += ["| " + " | ".join(figure.row()) + " |" for figure in all_figures]
    if limits:
        lines += ["", "What the machine does without a broker:", "", "| | |", "|---|---|"]
        lines += [f"| {key.replace('_', ' ')} | {number(value)} |" for key, value in limits.items()]
    return "\n".join(lines) + "\n"


STYLE = """body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;vertical-align:middle}
.kafka{fill:#8a8f98}.ottla{fill:#2f7de1}.whisker{stroke:currentColor;stroke-width:1.5}.no{color:#c33}.yes{color:#2a7}"""


def bars(figure, width=320):
    """Two bars from zero, the median of each, with a line from the least to the most."""
    top = max((max(values) for values in figure.values.values() if values), default=0) or 1
    parts = [f'<svg width="{width}" height="34" role="img" aria-label="{html.escape(figure.name)}">']
    for place, broker in enumerate(BROKERS):
        values = figure.values[broker]
        if not values:
            continue
        x = lambda value: max(0, value) / top * (width - 4)
        y = 3 + place * 16
        parts.append(f'<rect class="{broker}" y="{y}" width="{x(statistics.median(values)):.1f}" height="11" rx="2"/>')
        parts.append(f'<line class="whisker" x1="{x(min(values)):.1f}" x2="{x(max(values)):.1f}" y1="{y + 5.5}" y2="{y + 5.5}"/>')
    return "".join(parts) + "</svg>"


def page(all_figures, limits, count):
    rows = []
    for figure in all_figures:
        cells = [html.escape(text) for text in figure.row()]
        mark = "yes" if "✓" in cells[4] else "no" if "✗" in cells[4] else ""
        rows.append(f"<tr><td>{cells[0]}</td><td>{bars(figure)}</td>" + "".join(f"<td>{text}</td>" for text in cells[1:4])
                    + f'<td class="{mark}">{cells[4]}</td><td>{cells[5]}</td></tr>')
    known = "".join(f"<tr><td>{key.replace('_', ' ')}</td><td>{number(value)}</td></tr>" for key, value in (limits or {}).items())
    head = "".join(f"<th>{html.escape(name)}</th>" for name in [HEAD[0], "grey Kafka, blue Ottla", *HEAD[1:]])
    return (f"<!doctype html><meta charset=utf-8><title>Ottla beside Apache Kafka</title><style>{STYLE}</style>"
            f"<h1>Ottla beside Apache Kafka</h1><p>{html.escape(about(count))}</p><table><tr>{head}</tr>{''.join(rows)}</table>"
            f"<h2>What the machine does without a broker</h2><table>{known}</table>")

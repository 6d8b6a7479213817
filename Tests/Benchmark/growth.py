"""How questions grow with the events: more of them in the same span, and more days behind a fixed hour.

    growth.py BINARY FOLDER [--millions 1,2,5,10] [--report FILE]
"""
import json
import os
import statistics
import time
from datetime import datetime, timedelta, timezone

import program

OPTIONS = program.options(__doc__, ("--millions", str, "1,2,5,10"))

import report  # noqa: E402
from dataset import Dataset  # noqa: E402
from machine import Quiet, memory_mb  # noqa: E402
from ours import Widefield, send  # noqa: E402
from questions import QUESTIONS  # noqa: E402

QUIET = Quiet()
NAMES = ("count by service", "percentiles by service", "percentile by service over time", "top users",
         "one request", "newest 100 errors")
LAST_DAY = datetime(2026, 3, 11, tzinfo=timezone.utc)


def times(server, span):
    """The median of five for each question, within a span of time."""
    QUIET.wait()
    found = {}
    for question in QUESTIONS:
        if question.name not in NAMES:
            continue
        step = " step 10m" if question.step else ""
        text = f"from shop | {span}{step} | {question.ours}"
        for name, value in server.parameters.items():
            text = text.replace(f"${name}", value)
        body = json.dumps({"query": text, "cache": False})
        server.post("/api/query", body)
        found[question.name] = statistics.median(server.post("/api/query", body)[0] for _ in range(5))
    return found


def step(server, events, span):
    entry = {"events": events, "memory_mb": memory_mb(server.pid), "times": times(server, span)}
    print(f"{events:,}: " + ", ".join(f"{name} {seconds * 1000:.2f} ms" for name, seconds in entry["times"].items()),
          flush=True)
    return entry


def same_span(millions):
    """More events within the same 24 hours."""
    steps = []
    for count in millions:
        dataset = Dataset(OPTIONS.folder, count * 1_000_000, 1).prepare(OPTIONS.binary)
        server = Widefield(os.path.join(OPTIONS.folder, "growth"))
        server.parameters = dataset.parameters
        server.load(dataset)
        steps.append(step(server, dataset.events, f"between {dataset.first} and 2026-03-12T00:00:00Z"))
        server.wipe()
    return steps


def fixed_hour(millions):
    """The same hour, asked while a million events a day gather before it."""
    last = Dataset(OPTIONS.folder, 1_000_000, 1).prepare(OPTIONS.binary)
    server = Widefield(os.path.join(OPTIONS.folder, "growth"))
    server.parameters = last.parameters
    server.load(last)
    steps, days = [], 1
    for count in millions:
        while days < count:
            end = (LAST_DAY - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
            earlier = Dataset(OPTIONS.folder, 1_000_000, days + 1, end).prepare(OPTIONS.binary)
            send(server.server.port, earlier.bodies(1000))
            os.remove(earlier.path)
            os.remove(earlier.path + ".facts")
            days += 1
        server.settle()
        steps.append(step(server, days * 1_000_000, "between 2026-03-10T14:00:00Z and 2026-03-10T15:00:00Z"))
    server.wipe()
    return steps


def main():
    millions = [int(part) for part in OPTIONS.millions.split(",")]
    parts = (("1-span", "More events in the same 24 hours", same_span),
             ("2-hour", "One hour, with more days behind it", fixed_hour))
    for name, title, measure in parts:
        result = {"title": title, "questions": NAMES, "steps": measure(millions), "date": time.strftime("%Y-%m-%d")}
        print(report.growth(result))
        report.keep(result, f"growth-{name}", OPTIONS)


if __name__ == "__main__":
    main()

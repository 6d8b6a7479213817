"""How questions grow: with events in the same span, with days behind a fixed hour, and with fields nobody asks for.

    growth.py BINARY FOLDER [--millions 1,2,5,10] [--columns 0,100,500,2000] [--report FILE]

No millions, or no columns (an empty list), leave out those parts.
"""
import itertools
import json
import os
import statistics
import time
from datetime import datetime, timedelta, timezone

import program

OPTIONS = program.options(__doc__, ("--millions", str, "1,2,5,10"), ("--columns", str, "0,100,500,2000"))

import report  # noqa: E402
from dataset import Dataset  # noqa: E402
from machine import Quiet, can_drop_caches, drop_caches, memory_mb  # noqa: E402
from ours import Widefield, send  # noqa: E402
from questions import QUESTIONS  # noqa: E402

QUIET = Quiet()
NAMES = ("count by service", "percentiles by service", "percentile by service over time", "top users",
         "one request", "newest 100 errors")
LAST_DAY = datetime(2026, 3, 11, tzinfo=timezone.utc)


WIDE_EXPLANATION = """\
Of the unused fields each event has twenty, numbers that are nowhere the same. Of the 200,000 events 150,000 are in a segment,
and the others in memory or, where it says so, in another segment. All servers are asked in turn, fifteen times; cold
is the median of five. The newest errors are shown with all the fields that they have, so their question does ask for them.
"""

#: Events with unused fields, enough for several row groups, and how many of these fields each has.
WIDE_EVENTS, WIDE_FIELDS = 200_000, 20
#: Those that are sealed before the others come.
WIDE_SEALED = 150_000


def bodies(server, span):
    """The name of each question, and the request that asks it within a span of time."""
    for question in QUESTIONS:
        if question.name not in NAMES:
            continue
        step = " step 10m" if question.step else ""
        text = f"from shop | {span}{step} | {question.ours}"
        for name, value in server.parameters.items():
            text = text.replace(f"${name}", value)
        yield question.name, json.dumps({"query": text, "cache": False})


def times(server, span):
    """The median of five for each question, within a span of time."""
    QUIET.wait()
    found = {}
    for name, body in bodies(server, span):
        server.post("/api/query", body)
        found[name] = statistics.median(server.post("/api/query", body)[0] for _ in range(5))
    return found


def cold_times(server, span):
    """The median of five first answers of a server that has opened its segments, with nothing in the page cache."""
    found = {}
    empty_hour = json.dumps({"query": "from shop | between 2026-01-01 and 2026-01-02 | stats count()"})
    for name, body in bodies(server, span):
        seconds = []
        for _ in range(5):
            server.start()
            server.post("/api/query", empty_hour)
            time.sleep(0.5)
            drop_caches()
            seconds.append(server.post("/api/query", body)[0])
        found[name] = statistics.median(seconds)
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
        # The server has closed a connection on which nothing came for a minute.
        server.connection.close()
        steps.append(step(server, days * 1_000_000, "between 2026-03-10T14:00:00Z and 2026-03-10T15:00:00Z"))
    server.wipe()
    return steps


def widened(dataset, columns):
    """The bodies of a dataset whose events have some of `columns` fields more, all of them in every row group."""
    number = 0
    for body in dataset.bodies(1000):
        lines = []
        for line in body.splitlines():
            more = (f'"unused.{(number * WIDE_FIELDS + place) % columns}":{number + place}'.encode()
                    for place in range(min(columns, WIDE_FIELDS)))
            lines.append(b",".join((line.rstrip()[:-1], *more)) + b"}")
            number += 1
        yield b"\n".join(lines) + b"\n"


def wide_server(dataset, columns):
    """A server with some unused fields: what it has at a stop is sealed by it, what comes then stays in memory."""
    server = Widefield(os.path.join(OPTIONS.folder, f"growth-{columns}"), "--head-rows", "4000000")
    server.parameters = dataset.parameters
    server.wipe()
    server.start()
    events = widened(dataset, columns)
    send(server.server.port, itertools.islice(events, WIDE_SEALED // 1000))
    server.start()
    send(server.server.port, events)
    return server


def times_in_turn(servers, span):
    """For each server the median of fifteen for each question, the servers asked one after the other each time."""
    for server in servers:
        # The first questions after a load are answered while what is in memory is made larger batches.
        times(server, span)
        server.settle()
    QUIET.wait()
    found = [{name: [] for name in NAMES} for _ in servers]
    for _ in range(15):
        for server, seconds in zip(servers, found):
            for name, body in bodies(server, span):
                seconds[name].append(server.post("/api/query", body)[0])
    return [{name: statistics.median(all_times) for name, all_times in seconds.items()} for seconds in found]


def unused_columns(counts):
    """The same events, with more and more fields that no question names."""
    dataset = Dataset(OPTIONS.folder, WIDE_EVENTS, 1).prepare(OPTIONS.binary)
    span = f"between {dataset.first} and 2026-03-12T00:00:00Z"
    servers = [wide_server(dataset, count) for count in counts]
    steps = []

    def add(where, measured):
        for count, server, seconds in zip(counts, servers, measured):
            steps.append({"label": f"{count:,} unused fields, {where}", "events": dataset.events,
                          "memory_mb": memory_mb(server.pid), "times": seconds})

    add("a quarter in memory", times_in_turn(servers, span))
    for server in servers:
        server.start()
    add("in segments", times_in_turn(servers, span))
    if can_drop_caches():
        add("in segments, cold", [cold_times(server, span) for server in servers])
    for server in servers:
        server.wipe()
    return steps


def listed(text):
    return [int(part) for part in text.split(",") if part]


def main():
    millions, columns = listed(OPTIONS.millions), listed(OPTIONS.columns)
    parts = (("1-span", "More events in the same 24 hours", same_span, millions, ""),
             ("2-hour", "One hour, with more days behind it", fixed_hour, millions, ""),
             ("3-columns", "More fields that nobody asks for", unused_columns, columns, WIDE_EXPLANATION))
    for name, title, measure, sizes, explanation in parts:
        if not sizes:
            continue
        result = {"title": title, "questions": NAMES, "steps": measure(sizes), "date": time.strftime("%Y-%m-%d"),
                  "explanation": explanation}
        text = report.growth(result)
        print(text)
        report.keep(result, f"growth-{name}", text, OPTIONS)


if __name__ == "__main__":
    main()

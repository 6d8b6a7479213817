"""The results as Markdown: each measuring command writes its own part of `docs/performance.md` and leaves the others."""
import json
import math
import os
import re

from machine import describe

HEAD = """# Measured performance

Written by `make bench`, `make bench-floor`, `make bench-otlp`, `make bench-metrics`, `make bench-load` and `make bench-growth` on
{machine}; each part says when and how. All run in one go on one machine, so the ratios count more than the figures. Peers are ClickHouse
(as chdb) and DuckDB from PyPI, in the client's process; Widefield answers over HTTP with JSON, its caches of
answers off unless a column says otherwise. `hot` is the median of five after one to warm up, `cold` the first
question to a new process with an empty page cache.
"""


#: What the parts are called, in their order.
KINDS = ["compared", "floor", "otlp", "metrics", "load", "growth"]
MARK = re.compile(r"^<!-- part ([a-z]+-[^ ]+) -->\n", re.MULTILINE)


def keep(result, name, text, options):
    """Keeps a result in the folder, and its text as part `name` of the report."""
    with open(os.path.join(options.folder, name + ".json"), "w") as file:
        json.dump(result, file)
    if options.report:
        write(options.report, name, text)


def write(path, name, text):
    parts = {}
    if os.path.exists(path):
        with open(path) as file:
            _, *pieces = MARK.split(file.read())
        parts = dict(zip(pieces[::2], pieces[1::2]))
    parts[name] = text.strip("\n") + "\n"
    ordered = sorted(parts, key=lambda name: (KINDS.index(name.split("-")[0]), len(name), name))
    with open(path, "w") as file:
        file.write("\n".join([HEAD.format(machine=describe())]
                             + [f"<!-- part {name} -->\n{parts[name].rstrip()}\n" for name in ordered]))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def milliseconds(seconds):
    return "–" if seconds is None else f"{seconds * 1000:.2f}" if seconds < 0.1 else f"{seconds * 1000:.0f}"


def mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else float("nan")


def comparison(result):
    events, megabytes = result["events"], result["bytes"] / 1e6
    loading = []
    for name, facts in result["loads"].items():
        loading.append([name, f"{facts['wall_s']:.1f}", f"{facts['cpu_s']:.1f}", f"{megabytes / facts['cpu_s']:.0f}",
                        f"{events / facts['cpu_s']:,.0f}", f"{facts['memory_mb']}", f"{facts['bytes'] / events:.1f}"])
    peers = [name for name in result["times"] if name != "widefield"]
    asked, hot, cold = [], [], []
    for question, ours in result["times"]["widefield"].items():
        theirs = [result["times"][peer][question] for peer in peers]
        fastest = min(entry["hot"] for entry in theirs)
        hot.append(fastest / ours["hot"])
        row = [question, milliseconds(ours["hot"]), milliseconds(ours["cached"])]
        row += [milliseconds(entry["hot"]) for entry in theirs] + [f"{hot[-1]:.1f}"]
        if "cold" in ours:
            coldest = min(entry["cold"] for entry in theirs)
            cold.append(coldest / ours["cold"])
            row += [milliseconds(ours["cold"]), milliseconds(coldest), f"{cold[-1]:.1f}"]
        asked.append(row + [ours["wrong"] or "ok"])
    head = ["question", "widefield ms", "with caches", *(f"{peer} ms" for peer in peers), "ratio"]
    head += ["cold ms", "fastest peer cold", "ratio"] if cold else []
    versions = ", ".join(result["versions"].values())
    means = f"Geometric mean of the fastest peer's time over ours: hot **{mean(hot):.1f}**"
    means += f", cold **{mean(cold):.1f}**" if cold else ""
    slower = [row[0] for row, ratio in zip(asked, hot) if ratio < 1]
    return f"""
## {events:,} events beside {versions}

`make bench EVENTS={events} SEED={result['seed']}`, {result['date']}; {megabytes:,.0f} MB of JSON. Processor seconds
are the engine's own and include what it does after the last event came: sealing, merging, and for Widefield the stop,
which seals what is left.

{table(["loaded by", "seconds", "processor s", "MB/processor s", "events/processor s", "most memory MB", "bytes/event"], loading)}

{table(head + ["answer"], asked)}

{means}. Slower than a peer: {", ".join(slower) or "none"}.
"""


def floor(result):
    sizes = result["requests"]
    best = {lines: result["read"] + one["receive"] + one["sync"] for lines, one in sizes.items()}

    def row(name, figure):
        return [name] + [f"{figure(lines, one):,.0f}" for lines, one in sizes.items()]
    rows = [row("by itself: simdjson reads every key and value, keeps none", lambda lines, one: result["read"]),
            row("by itself: receiving from a connection", lambda lines, one: one["receive"]),
            row("by itself: a write and its `fdatasync` for each request", lambda lines, one: one["sync"]),
            row("**sum of the three**", lambda lines, one: best[lines]),
            row("all three in a server that keeps nothing", lambda lines, one: one["served"]),
            row("`widefield bench`: decoding into columns", lambda lines, one: result["decode"]),
            row("widefield until answered", lambda lines, one: one["answered"]),
            row("widefield with all sealing", lambda lines, one: one["done"])]
    read = result["event_bytes"] / result["read"] * 1000
    answered = ", ".join(f"{one['answered'] / best[lines]:.1f}" for lines, one in sizes.items())
    served = ", ".join(f"{one['answered'] / one['served']:.1f}" for one in sizes.values())
    return f"""## Beside the least that taking events costs on this machine

`make bench-floor`, {result["date"]}, {result["events"]:,} events of {result["event_bytes"]:,.0f} bytes on two connections: nanoseconds of
processor time for an event. The first three steps are done by a C++ program (`Tests/Benchmark/floor.cpp`) that does
nothing else and keeps nothing; a server that used simdjson could take events in no less than their sum. The same program
as a server, a thread to a connection, answers the same clients as Widefield: it makes no columns, writes a record of the
same size from memory that never changes, and seals nothing. simdjson reads {read:,.0f} MB/s here: by that figure other
machines compare with this one.

{table(["ns an event"] + [f"requests of {lines:,}" for lines in sizes], rows)}

Until they are answered, events take {answered} times the sum, {served} times that server's.
"""


def otlp(result):
    spans, kept = result["spans"], result["sent"]["HTTP"]
    rows = [[name, f"{facts['bytes_sent'] / 1e6:,.0f}", f"{spans / facts['answered_cpu_s']:,.0f}",
             f"{spans / facts['cpu_s']:,.0f}", f"{spans / facts['wall_s']:,.0f}", f"{facts['memory_mb']}"]
            for name, facts in result["sent"].items()]
    head = ["sent by", "MB sent", "spans/processor s, answered", "spans/processor s, all done", "spans/s", "most memory MB"]
    return f"""
## {spans:,} spans by OTLP

`make bench-otlp SPANS={spans} SEED={result['seed']}`, {result['date']}: the shop's spans in requests of 512, {kept['fields']:.0f}
fields each with those of their resource, a dataset for each of {kept['datasets']} services, on two connections. Every
answer waits for `fdatasync`. Processor seconds are the server's: until the last request was answered, and until nothing
more was done with the spans. `widefield bench`, which does nothing with the same requests but decode them in one thread,
makes **{result['decoded_per_s']:,.0f}** spans a processor second into batches.

{table(head, rows)}

A trace by its id, of {kept['traces']} asked for twice: {milliseconds(kept['p50'])} ms in the middle,
{milliseconds(kept['p99'])} ms at p99, {milliseconds(kept['trace_cpu_s'])} ms of processor time.
"""


def metrics(result):
    seeded, derived, waits = result["seeded"], result["derived"], result["fresh"]

    def both(name, digits=2):
        return [f"{figures[name]:.{digits}f}" for figures in (seeded, derived)]
    sizes = table(["samples of ten seconds", "seeded set", "built-in series"], [
        ["timestamps of one bit, %", *both("timestamps of one bit", 1)],
        ["values of one bit, %", *both("values of one bit", 1)],
        ["bytes a sample, as chunks", *both("chunks")], ["bytes a sample, on disk with labels", *both("on disk, with labels")],
        ["bytes a sample, Prometheus's blocks", *both("Prometheus on disk")]])
    asked = ", ".join(f"{name} {1000 * cost:.0f} ms" for name, cost in result["asked"].items())
    return f"""
## Metrics of {result['spans']:,} spans

`make bench-metrics SPANS={result['spans']} SEED={result['seed']}`, {result['date']}. With {result['definitions']} definitions
beside the built-in ones ingest kept **{result['without'] / result['with']:.0%}** of its speed: {result['with']:.2f} processor
seconds, {result['without']:.2f} without, each the least of several runs in turn. Processor time of
{asked}. From an event's acknowledgement to the end of the first scrape that counts it: {waits['p50']:.0f} ms in the middle, {waits['p99']:.0f} ms at p99,
of {waits['count']}. The graph of services adds {1000 * result['graph']['cpu_s']:.0f} ms of processor time to one scrape a
minute where {result['graph']['spans']:,} spans come a minute.

{sizes}

The paper (Pelkonen et al., VLDB 2015) has 96 and 51 % of one bit and 1.37 bytes on its data. One core writes
**{seeded["write to a store, cell by cell"]:.1f}** million samples a second to a store, scans **{seeded["scan chunks"]:.0f}** of
chunks and {seeded["read from disk"]:.0f} of a file. {result['open']:,} series with two full hours open took
**{seeded["most memory"]:,.0f} MiB** at most, which is while they were closed and rolled up.
"""


def load(result):
    rows = [[name, f"{facts['count']:,}", milliseconds(facts["p50"]), milliseconds(facts["p99"]), f"{facts['errors']}"]
            for name, facts in result["lanes"].items()]
    return f"""
## Many clients at once

`make bench-load`, {result['date']}: {result['senders']} clients send batches of {result['lines']} events while
{result['askers']} ask the questions above in turn, for {result['seconds']} s: {result['events']:,} events taken
({result['events'] / result['seconds']:,.0f} a second, clients and server on the same cores). Memory at most
{result['memory_mb']} MB.

{table(["requests", "answered", "p50 ms", "p99 ms", "errors"], rows)}

From an event's acknowledgement to its appearance in an answer: {result['fresh']['asked']} events were each asked
for at once after their answer came; {result['fresh']['missed']} were not there. The first question took
{milliseconds(result['fresh']['p50'])} ms in the middle, {milliseconds(result['fresh']['p99'])} ms at p99.
"""


def growth(result):
    head = ["events", "memory MB"] + list(result["questions"])
    rows = [[step.get("label", f"{step['events']:,}"), f"{step['memory_mb']}"] + [milliseconds(step["times"][name]) for name in result["questions"]]
            for step in result["steps"]]
    return f"""
## {result['title']}

`make bench-growth`, {result['date']}. Milliseconds, hot unless it says cold, caches off.

{table(head, rows)}

{result['explanation']}""".rstrip() + "\n"

"""What metrics cost: ingest with ten definitions beside the built-in ones and without, what asking for them takes, how
soon a scrape knows of an event, what the graph of services takes, and what series take, beside Prometheus's own.

    metrics.py BINARY FOLDER [--spans N] [--seed S] [--rounds N] [--fresh N] [--series N] [--report FILE]
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

import program

OPTIONS = program.options(__doc__, ("--spans", int, 200_000), ("--seed", int, 1), ("--rounds", int, 3), ("--fresh", int, 200),
                          ("--series", int, 1_000_000))

import report  # noqa: E402
from machine import processor_seconds  # noqa: E402
from ours import Widefield, send  # noqa: E402
from otlp_requests import Requests  # noqa: E402
from prometheus import program as prometheus_program  # noqa: E402

PROTOBUF = {"Content-Type": "application/x-protobuf"}
LABELS = ["service.name", "name"]
DEFINITIONS = {
    **{f"errors_{n}_total": {"filter": f"error and duration_ms > {n}", "labels": LABELS} for n in (0, 10, 100)},
    **{f"slow_{n}_total": {"filter": f"duration_ms > {n}", "labels": LABELS} for n in (50, 500)},
    "took_ms": {"type": "histogram", "value": "duration_ms", "buckets": [1, 10, 100, 1000], "labels": LABELS},
    "spread_ms": {"type": "exponential_histogram", "value": "duration_ms", "labels": ["service.name"]},
    "traces": {"type": "distinct", "value": "trace.trace_id", "labels": ["service.name"]},
    "slowest_ms": {"type": "gauge", "reading": "max", "value": "duration_ms", "labels": ["service.name"]},
    "last_ms": {"type": "gauge", "value": "duration_ms", "labels": ["service.name"]}}
END = "2026-03-11T00:00:00Z"


#: Seconds after which an acknowledged event that no scrape counts is missed.
PATIENCE = 30


def ingest(requests, definitions):
    """Seconds of processor time to take all spans, and to ask for what was defined."""
    server = Widefield(os.path.join(OPTIONS.folder, "metrics"))

    def sending():
        for name, definition in definitions.items():
            status = server.server.request("PUT", f"/api/metrics/{name}", json.dumps(definition).encode())[0]
            if status != 201:
                raise RuntimeError(f"{name}: {status}")
        send(server.server.port, requests, path="/v1/traces", headers=PROTOBUF)
    used = server.measure(sending)["cpu_s"]
    asked = {} if not definitions else {
        "a scrape of all": asking(server, "/export/metrics"),
        "an hour of a rate": asking(server, "/api/v1/query_range?" + urllib.parse.urlencode({
            "query": "sum by (service_name) (rate(traces_span_metrics_calls_total[5m]))", "step": 15,
            "start": "2026-03-10T22:00:00Z", "end": "2026-03-10T23:00:00Z"}))}
    server.wipe()
    return used, asked


def fresh(requests):
    """Milliseconds from the acknowledgement of an event to a scrape's answer that counts it, of many events."""
    server = Widefield(os.path.join(OPTIONS.folder, "metrics"))
    waits = []

    def sending():
        send(server.server.port, requests, path="/v1/traces", headers=PROTOBUF)
        for count in range(1, OPTIONS.fresh + 1):
            server.server.request("POST", "/1/events/fresh", b'{"n": 1}')
            if count == 1:
                server.server.request("PUT", "/api/metrics/fresh_total", b'{"dataset": "fresh"}')
            began = time.perf_counter()
            while True:
                body = server.server.request("GET", "/export/metrics")[2]
                if f"\nfresh_total {count}\n".encode() in body:
                    break
                if time.perf_counter() - began > PATIENCE:
                    raise RuntimeError(f"event {count} is not in a scrape after {PATIENCE} s")
            waits.append(1000 * (time.perf_counter() - began))
    server.measure(sending)
    server.wipe()
    return sorted(waits)


def graph():
    """Seconds of processor time that the graph of services adds to a scrape a minute, of spans that come now; and how many
    spans a minute these are."""
    hours = 2
    end = time.time() + 240
    requests = Requests(OPTIONS, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)), hours)
    server = Widefield(os.path.join(OPTIONS.folder, "metrics"))
    added = []

    def sending():
        send(server.server.port, requests, path="/v1/traces", headers=PROTOBUF)
        asking(server, "/export/metrics")
        for _ in range(2):
            time.sleep(61 - time.time() % 60)
            first = asking(server, "/export/metrics", before=0)
            added.append(first - asking(server, "/export/metrics"))
    server.measure(sending)
    server.wipe()
    return max(0, min(added)), OPTIONS.spans // (60 * hours)


def series():
    """What `widefield bench` measures of series, by name, and the most memory it took with very many of them open."""
    figures = {}
    few = [OPTIONS.binary, "bench", "--events", "1000", "--rules", "1"]
    text = os.path.join(OPTIONS.folder, "metrics", "seeded.txt")
    if os.path.exists(text):
        os.remove(text)
    for options in (["--rounds", "5", "--series", "2000", "--series-file", text], ["--rounds", "1", "--series", str(OPTIONS.series)]):
        with subprocess.Popen(few + options, stdout=subprocess.PIPE, text=True) as bench:
            printed = bench.stdout.read()
            _, status, used = os.wait4(bench.pid, 0)
            bench.returncode = os.waitstatus_to_exitcode(status)
        if bench.returncode:
            raise RuntimeError("widefield bench failed")
        for name, value in re.findall(r"^(\S.*?) {2,}([0-9.]+) (?:%|bytes/\S+|M samples/s)", printed, re.M):
            figures.setdefault(name, float(value))
    figures["most memory"] = used.ru_maxrss / 1024
    with open(text) as lines:
        samples = sum(not line.startswith("#") for line in lines)
    figures["Prometheus on disk"] = prometheus_bytes(text) / samples
    return figures


def prometheus_bytes(text):
    """Bytes of Prometheus's blocks of the samples in a file."""
    blocks = text + ".blocks"
    shutil.rmtree(blocks, ignore_errors=True)
    subprocess.run([prometheus_program("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, blocks],
                   check=True, capture_output=True)
    return sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(blocks)
               for name in names if name == "index" or name.isdigit())


def sizes(requests):
    """What two hours of all built-in series take: our figures as `bench` prints them, and bytes a sample of Prometheus."""
    folder = os.path.join(OPTIONS.folder, "metrics", "sizes")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    server = Widefield(os.path.join(OPTIONS.folder, "metrics"))
    answer = {}

    def sending():
        send(server.server.port, requests, path="/v1/traces", headers=PROTOBUF)
        query = urllib.parse.urlencode({"query": '{__name__=~"traces_span_metrics_.+|exceptions_total"}[2h]',
                                        "time": "2026-03-10T23:59:59Z"})
        status, _, answer["body"] = server.server.request("GET", f"/api/v1/query?{query}")
        if status != 200:
            raise RuntimeError(answer["body"][:200])
    server.measure(sending)
    server.wipe()
    matrix = os.path.join(folder, "matrix.json")
    with open(matrix, "wb") as file:
        file.write(answer["body"])
    ours = subprocess.run([OPTIONS.binary, "bench", "--series-from", matrix], check=True, capture_output=True, text=True)
    text = os.path.join(folder, "series.txt")
    samples = openmetrics(json.loads(answer["body"])["data"]["result"], text)
    figures = {name: float(value) for name, value
               in re.findall(r"^(\S.*?) {2,}([0-9.]+) (?:%|bytes/sample)", ours.stdout, re.M)}
    return {**figures, "samples": samples, "Prometheus on disk": prometheus_bytes(text) / samples}


def openmetrics(result, path):
    """Writes series as text that promtool reads; how many samples they have."""
    samples = 0
    with open(path, "w") as file:
        name = None
        for one in sorted(result, key=lambda one: one["metric"]["__name__"]):
            labels = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value
                              in sorted(one["metric"].items()) if key != "__name__")
            if one["metric"]["__name__"] != name:
                name = one["metric"]["__name__"]
                file.write(f"# TYPE {name} unknown\n")
            for stamp, value in one["values"]:
                file.write(f"{name}{{{labels}}} {value} {stamp}\n")
            samples += len(one["values"])
        file.write("# EOF\n")
    return samples


def asking(server, path, before=1):
    """Seconds of processor time of a request, asked so often before."""
    for _ in range(before + 1):
        used = processor_seconds(server.pid)
        status, _, body = server.server.request("GET", path)
        used = processor_seconds(server.pid) - used
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]}")
    return used


def main():
    requests = Requests(OPTIONS, END)
    taken = {"without": [], "with": []}
    asked = {}
    for _ in range(OPTIONS.rounds):
        for name, definitions in (("without", {}), ("with", DEFINITIONS)):
            used, costs = ingest(requests, definitions)
            taken[name].append(used)
            for question, cost in costs.items():
                asked[question] = min(cost, asked.get(question, cost))
    waits = fresh(requests)
    added, rate = graph()
    result = {"spans": OPTIONS.spans, "seed": OPTIONS.seed, "date": time.strftime("%Y-%m-%d"), "definitions": len(DEFINITIONS),
              "without": min(taken["without"]), "with": min(taken["with"]), "asked": asked,
              "fresh": {"count": len(waits), "p50": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100]},
              "graph": {"cpu_s": added, "spans": rate}, "open": OPTIONS.series, "seeded": series(), "derived": sizes(requests)}
    text = report.metrics(result)
    print(text)
    report.keep(result, f"metrics-{OPTIONS.spans}", text, OPTIONS)
    return 0 if result["without"] / result["with"] >= 0.85 else 1


if __name__ == "__main__":
    sys.exit(main())

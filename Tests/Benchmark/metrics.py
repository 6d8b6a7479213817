"""What metrics cost: ingest with ten definitions beside the built-in ones and without, what asking for them takes, how
soon a scrape knows of an event, and the bytes of their samples beside Prometheus's own.

    metrics.py BINARY FOLDER [--spans N] [--seed S] [--rounds N] [--fresh N]
"""
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse

import program

OPTIONS = program.options(__doc__, ("--spans", int, 200_000), ("--seed", int, 1), ("--rounds", int, 3), ("--fresh", int, 200))

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


def ingest(requests, definitions):
    """Seconds of processor time to take all spans."""
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
            waits.append(1000 * (time.perf_counter() - began))
    server.measure(sending)
    server.wipe()
    return sorted(waits)


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
    samples = openmetrics(json.loads(answer["body"])["data"]["result"], os.path.join(folder, "series.txt"))
    subprocess.run([prometheus_program("promtool"), "tsdb", "create-blocks-from", "openmetrics",
                    os.path.join(folder, "series.txt"), os.path.join(folder, "prometheus")],
                   check=True, capture_output=True)
    theirs = sum(os.path.getsize(os.path.join(path, name)) for path, _, names
                 in os.walk(os.path.join(folder, "prometheus")) for name in names if name == "index" or name.isdigit())
    return ours.stdout, theirs / samples


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


def asking(server, path):
    """Seconds of processor time of a request, asked before."""
    for _ in range(2):
        used = processor_seconds(server.pid)
        status, _, body = server.server.request("GET", path)
        used = processor_seconds(server.pid) - used
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]}")
    return used


def main():
    requests = Requests(OPTIONS, END)
    best = {}
    for _ in range(OPTIONS.rounds):
        for name, definitions in (("without", {}), ("with", DEFINITIONS)):
            used, asked = ingest(requests, definitions)
            if name not in best or used < best[name][0]:
                best[name] = (used, asked)
    (without, _), (having, asked) = best["without"], best["with"]
    print(f"{time.strftime('%Y-%m-%d')}: {OPTIONS.spans} spans by OTLP, processor seconds, the best of {OPTIONS.rounds}")
    print(f"without definitions {without:.2f}, with {len(DEFINITIONS)} {having:.2f}: "
          f"{without / having:.0%} of the speed")
    for name, used in asked.items():
        print(f"{name}: {used:.2f}")
    waits = fresh(requests)
    print(f"milliseconds from an event's acknowledgement to the end of a scrape that counts it, of {len(waits)}: median "
          f"{waits[len(waits) // 2]:.0f}, 99 of 100 {waits[len(waits) * 99 // 100]:.0f}, longest {waits[-1]:.0f}")
    ours, theirs = sizes(requests)
    print("two hours of the built-in series:\n" + ours + f"Prometheus's blocks of the same samples: {theirs:.2f} bytes/sample")
    return 0 if without / having >= 0.85 else 1


if __name__ == "__main__":
    sys.exit(main())

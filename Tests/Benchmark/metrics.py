"""What metrics cost: ingest with ten definitions beside the built-in ones and without, and what asking for them takes.

    metrics.py BINARY FOLDER [--spans N] [--seed S] [--rounds N]
"""
import json
import os
import sys
import time
import urllib.parse

import program

OPTIONS = program.options(__doc__, ("--spans", int, 200_000), ("--seed", int, 1), ("--rounds", int, 3))

from machine import processor_seconds  # noqa: E402
from ours import Widefield, send  # noqa: E402
from otlp_requests import Requests  # noqa: E402

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
    return 0 if without / having >= 0.85 else 1


if __name__ == "__main__":
    sys.exit(main())

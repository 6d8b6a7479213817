"""Spans by OTLP: how many the server takes for a second of processor time, and how many are decoded in one.

    otlp.py BINARY FOLDER [--spans N] [--seed S] [--rounds N] [--report FILE]
"""
import gzip
import json
import os
import re
import subprocess
import sys
import time

import program

OPTIONS = program.options(__doc__, ("--spans", int, 1_000_000), ("--seed", int, 1), ("--rounds", int, 3))

import grpc  # noqa: E402

import report  # noqa: E402
from machine import processor_seconds  # noqa: E402
from ours import Widefield, send, send_all  # noqa: E402
from otlp_requests import Requests  # noqa: E402
from server import free_port  # noqa: E402

END = "2026-03-11T00:00:00Z"
WHILE = "between 2026-03-09T00:00:00Z and 2026-03-12T00:00:00Z"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def packed(bodies):
    return (gzip.compress(body, 6, mtime=0) for body in bodies)


def by_http(server, bodies, **headers):
    send(server.server.port, bodies, path="/v1/traces", headers={**PROTOBUF, **headers})


def by_grpc(bodies, port):
    def sender():
        export = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(METHOD)

        def post(body):
            answer = export(body, timeout=600)
            return answer == b"", answer[:300]
        return post
    send_all(bodies, sender)


def measured(server, bodies, sending, then=lambda: {}):
    """The run of least processor time of several, each of which must have kept every span; `then` is done after the last."""
    best = None
    for _ in range(OPTIONS.rounds):
        facts = server.measure(sending)
        kept = rows(server, "stats n = count()")[0]["n"]
        if kept != OPTIONS.spans:
            raise RuntimeError(f"{kept} of {OPTIONS.spans} spans were kept")
        if best is None or facts["cpu_s"] < best["cpu_s"]:
            best = facts
    best = {**best, "bytes_sent": sum(map(len, bodies())), **then()}
    server.wipe()
    return best


def rows(server, question):
    return [row["data"] for row in server.post(
        "/api/query", json.dumps({"query": f"from * | {WHILE} | {question}"}))[1]["data"]["results"]]


def facts_of_spans(server):
    """How many fields spans have, in how many datasets they are, and how long it takes to get a trace by its id."""
    spans = rows(server, "fields * | limit 500")
    datasets = len(server.get("/1/datasets")[1])
    ids = {row["trace.trace_id"] for row in rows(server, 'where trace.span_id starts-with "00" | fields trace.trace_id | limit 100')}
    for _ in range(2):
        used = processor_seconds(server.pid)
        times = sorted(server.get(f"/api/traces/{one}")[0] for one in ids)
        used = processor_seconds(server.pid) - used
    return {"fields": sum(map(len, spans)) / len(spans), "datasets": datasets, "traces": len(ids),
            "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "trace_cpu_s": used / len(ids)}


def decoded_per_second():
    """Spans that `widefield bench` decodes in a second of processor time; its later stages are not waited for."""
    with subprocess.Popen([OPTIONS.binary, "bench", "--rounds", "5"], stdout=subprocess.PIPE, text=True) as bench:
        for line in bench.stdout:
            if found := re.match(r"decode OTLP to columns +[\d.]+ +([\d.]+)", line):
                bench.terminate()
                return 1e9 / float(found[1])
    raise RuntimeError("widefield bench tells nothing of OTLP")


def main():
    requests = Requests(OPTIONS, END)
    folder = os.path.join(OPTIONS.folder, "otlp")
    port = free_port()
    http = Widefield(folder)
    calls = Widefield(folder, "--otlp-grpc", f"127.0.0.1:{port}")
    sent = {
        "HTTP": measured(http, lambda: requests, lambda: by_http(http, requests), lambda: facts_of_spans(http)),
        "HTTP, gzip": measured(http, lambda: packed(requests), lambda: by_http(
            http, packed(requests), **{"Content-Encoding": "gzip"})),
        "gRPC": measured(calls, lambda: requests, lambda: by_grpc(requests, port))}
    result = {"spans": OPTIONS.spans, "seed": OPTIONS.seed, "date": time.strftime("%Y-%m-%d"),
              "decoded_per_s": decoded_per_second(), "sent": sent}
    text = report.otlp(result)
    print(text)
    report.keep(result, f"otlp-{OPTIONS.spans}", text, OPTIONS)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What taking events costs beside what each of its steps costs at the least, done by itself and by nothing else.

    floor.py BINARY FOLDER [--events N] [--seed S] [--rounds N] [--report FILE]

Tells one machine's figures from another's: a server cannot take events faster than the fastest reader of JSON reads them.
"""
import os
import re
import subprocess
import sys
import time

import program

OPTIONS = program.options(__doc__, ("--events", int, 200_000), ("--seed", int, 42), ("--rounds", int, 3))

import report  # noqa: E402
from dataset import Dataset  # noqa: E402
from machine import processor_seconds  # noqa: E402
from ours import Widefield, send  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor.cpp")
#: Events of a request, and about the bytes that the log takes of them.
REQUESTS = {1000: 160_000, 50: 26_000}


def compiled():
    """The program that does each step by itself."""
    path = os.path.join(OPTIONS.folder, "floor")
    subprocess.run(["g++", "-O3", "-march=native", "-std=c++17", "-pthread", SOURCE, "-o", path, "-lsimdjson"], check=True)
    return path


def decoding():
    """Nanoseconds that `widefield bench` takes to make columns of one event; its later stages are not waited for."""
    with subprocess.Popen([OPTIONS.binary, "bench", "--events", "40000", "--rounds", "9"],
                          stdout=subprocess.PIPE, text=True) as bench:
        for line in bench.stdout:
            if found := re.match(r"decode NDJSON to columns +[\d.]+ +([\d.]+)", line):
                bench.terminate()
                return float(found[1])
    raise RuntimeError("widefield bench tells nothing of NDJSON")


def serving(floor, scratch, dataset, lines, record):
    """Nanoseconds an event of a server that does the three steps and nothing else, for the clients that Widefield has."""
    with subprocess.Popen([floor, scratch, "serve", str(record)], stdout=subprocess.PIPE, text=True) as server:
        port, used = int(server.stdout.readline()), processor_seconds(server.pid)
        try:
            send(port, dataset.bodies(lines))
            return (processor_seconds(server.pid) - used) * 1e9 / dataset.events
        finally:
            server.kill()
            os.unlink(scratch)


def main():
    dataset = Dataset(OPTIONS.folder, OPTIONS.events, OPTIONS.seed).prepare(OPTIONS.binary)
    floor, scratch = compiled(), os.path.join(OPTIONS.folder, "floor.bin")

    def alone(path, *step):
        return float(subprocess.run([floor, path, *map(str, step)], capture_output=True, text=True, check=True).stdout)

    server = Widefield(os.path.join(OPTIONS.folder, "floor-server"))
    result = {"events": OPTIONS.events, "seed": OPTIONS.seed, "date": time.strftime("%Y-%m-%d"),
              "event_bytes": dataset.bytes / OPTIONS.events, "read": alone(dataset.path, "read"),
              "decode": decoding(), "requests": {}}
    for lines, record in REQUESTS.items():
        loads = [server.load_once(dataset, lines) for _ in range(OPTIONS.rounds)]
        result["requests"][lines] = {
            "receive": alone(dataset.path, "receive", round(result["event_bytes"] * lines)),
            "sync": alone(scratch, "sync", record) / lines,
            "served": min(serving(floor, scratch, dataset, lines, record) for _ in range(OPTIONS.rounds)),
            "answered": min(load["answered_cpu_s"] for load in loads) * 1e9 / OPTIONS.events,
            "done": min(load["cpu_s"] for load in loads) * 1e9 / OPTIONS.events}
    text = report.floor(result)
    print(text)
    report.keep(result, f"floor-{OPTIONS.events}", text, OPTIONS)
    return 0


if __name__ == "__main__":
    sys.exit(main())

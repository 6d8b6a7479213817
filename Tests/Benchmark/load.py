"""Many clients at once: some send events while others ask; and whether what is acknowledged is there at once.

    load.py BINARY FOLDER [--seconds N] [--senders N] [--askers N] [--report FILE]
"""
import http.client
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time

import program

OPTIONS = program.options(
    __doc__, ("--seconds", int, 30), ("--senders", int, 32), ("--askers", int, 8), ("--lines", int, 50))

import report  # noqa: E402
from dataset import Dataset  # noqa: E402
from machine import memory_mb  # noqa: E402
from ours import LINES, Widefield, request, send  # noqa: E402
from questions import QUESTIONS  # noqa: E402

#: Clients are spread over so many processes: one of Python's uses one core.
PROCESSES = 4
#: Different requests that each process sends, again and again.
BODIES = 2000


def client(port, stop, requests, times, errors):
    """Sends requests one after the other over one connection until it is time to stop."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for path, body, headers in requests:
        if stop.is_set():
            break
        began = time.perf_counter()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                errors.append(answer.status)
        except OSError as failure:
            errors.append(str(failure))
            connection.close()
        times.append(time.perf_counter() - began)
    connection.close()


def clients(port, stop, count, requests, answers):
    """One process with some of the clients; puts their times and errors into a queue."""
    times, errors = [], []
    threads = [threading.Thread(target=client, args=(port, stop, requests(number), times, errors))
               for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put((times, errors))


def sending(dataset, first):
    bodies = list(itertools.islice(dataset.bodies(OPTIONS.lines), first, first + BODIES))

    def requests(number):
        while True:
            for place in range(number, len(bodies), OPTIONS.senders):
                yield "/1/batch/shop", bodies[place], LINES
    return requests


def asking(dataset):
    texts = [request(question, dataset, dataset.parameters, cache=False, exact=False) for question in QUESTIONS]

    def requests(number):
        place = number
        while True:
            path, body = texts[place % len(texts)]
            yield path, body, {"Content-Type": "application/json"}
            place += 1
    return requests


def lane(count, make):
    """Processes that together are so many clients."""
    shares = [count // PROCESSES + (1 if number < count % PROCESSES else 0) for number in range(PROCESSES)]
    return [(share, make(number)) for number, share in enumerate(shares) if share]


def summary(found):
    times = sorted(seconds for part, _ in found for seconds in part)
    return {"count": len(times), "errors": sum(len(errors) for _, errors in found),
            "p50": statistics.median(times), "p99": times[int(len(times) * 0.99)]}


def freshness(server, rounds=200):
    """Sends one event and asks for it at once, again and again."""
    times, missed = [], 0
    for number in range(rounds):
        name = f"fresh-{os.getpid()}-{number}"
        send(server.server.port, [json.dumps({"fresh.id": name}).encode()], connections=1)
        seconds, answer = server.post("/api/query", json.dumps(
            {"query": f'from shop | last 1h | where fresh.id = "{name}" | stats n = count()', "cache": False}))
        found = answer["data"]["results"]
        missed += 0 if found and found[0]["data"]["n"] == 1 else 1
        times.append(seconds)
    return {"asked": rounds, "missed": missed, "p50": statistics.median(times), "p99": sorted(times)[int(rounds * 0.99)]}


def main():
    dataset = Dataset(OPTIONS.folder, 1_000_000, 1).prepare(OPTIONS.binary)
    server = Widefield(os.path.join(OPTIONS.folder, "load"))
    server.load(dataset)
    context = multiprocessing.get_context("fork")
    stop, answers = context.Event(), {"events sent": context.Queue(), "questions": context.Queue()}
    groups = {"events sent": lane(OPTIONS.senders, lambda number: sending(dataset, number * BODIES)),
              "questions": lane(OPTIONS.askers, lambda number: asking(dataset))}
    processes = [context.Process(target=clients, args=(server.server.port, stop, share, requests, answers[name]))
                 for name, parts in groups.items() for share, requests in parts]
    for process in processes:
        process.start()
    time.sleep(OPTIONS.seconds)
    stop.set()
    lanes = {name: summary([answers[name].get() for _ in parts]) for name, parts in groups.items()}
    for process in processes:
        process.join()
    result = {"lanes": lanes, "senders": OPTIONS.senders, "askers": OPTIONS.askers, "lines": OPTIONS.lines,
              "seconds": OPTIONS.seconds, "date": time.strftime("%Y-%m-%d"),
              "events": lanes["events sent"]["count"] * OPTIONS.lines,
              "memory_mb": memory_mb(server.pid, "VmHWM"), "fresh": freshness(server)}
    server.wipe()
    text = report.load(result)
    print(text)
    report.keep(result, "load-1", text, OPTIONS)
    return 1 if any(facts["errors"] for facts in lanes.values()) or result["fresh"]["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())

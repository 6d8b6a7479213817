"""Sends what no client should to a server of our own: fuzz.py SECONDS SEED.

Bodies, queries, specifications and whole requests are mutated at random. The server must stay alive,
answer nothing with 5xx, and at the end still hold exactly the events it accepted.
"""
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import time

from server import Server

BATCH = (b'[{"time": "2026-03-10T14:00:00.123Z", "samplerate": 2, "data": {"a": 1, "b": -2.5e3, '
         b'"c": {"d": [1, {"e": null}], "f": "\\u00e9\\ud83d\\uded2"}, "g": true, "h": "x"}}]')
QUERY = ('from `a b`, shop | between 2026-03-10 and now-1h step 5m | where a.b >= 1.5 and not (c in '
         '(1, "x")) or d matches "^a+" | eval e = if(a > 1, lower(b), concat(c, "y")) | stats count(), '
         'p99(a), heatmap(b), count_if(e = "q") by e, d | having count() > 1 | sort count() desc | limit 5')
SPEC = {"calculations": [{"op": "P99", "column": "a"}, {"op": "COUNT"}], "breakdowns": ["b"],
        "filters": [{"column": "c", "op": "in", "value": [1, "x", None]}], "granularity": 60,
        "time_range": 7200, "orders": [{"op": "COUNT", "order": "descending"}], "limit": 10,
        "havings": [{"calculate_op": "COUNT", "op": ">", "value": 1}]}
REQUEST = (b"POST /1/batch/fuzz?time_field=t HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
           b"application/x-ndjson\r\nContent-Length: 8\r\nWidefield-Ack: buffered\r\n\r\n{\"a\":1}\n")
TIMES = ["1677-09-22T00:00:00Z", "1680-01-01T00:00:00Z", "2026-03-10T14:00:00Z", "2262-04-11T00:00:00Z"]
DURATIONS = [0, -1, 0.5, 9.2e12, 9.3e12, 1e300, 2 ** 63 - 1]
PIECES = [b"", b"\0", b"\xff", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"1e999", b"-", b"null",
          b"\xed\xa0\x80", b"\xf0\x9f\x9b\x92", b"\r\n", b"|", b"(", b")", b"9" * 40, b"'", b"`", b"%00"]


def mutated(random, data):
    """The bytes with a few changes: flips, cuts, repetitions, insertions."""
    data = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(data))
        kind = random.randrange(4)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            del data[at:at + random.randint(1, 20)]
        elif kind == 2:
            data[at:at] = data[at:at + random.randint(1, 60)] * random.randint(1, 50)
        else:
            data[at:at] = random.choice(PIECES) * random.randint(1, 3)
    return bytes(data)


def raw(server, data):
    """Sends bytes as they are; what comes back before the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)
        except (ConnectionError, TimeoutError):
            return b""


def traced(random, server):
    """Sends spans with times of all kinds and asks for their trace; the status of the answer."""
    trace = f"{random.getrandbits(64):x}"
    spans = [{"time": random.choice(TIMES), "data": {
        "trace.trace_id": trace, "trace.span_id": str(number), "trace.parent_id": str(random.randrange(9)),
        "duration_ms": random.choice(DURATIONS), "span.kind": random.choice(["client", "server"])}}
        for number in range(random.randint(1, 7))]
    server.request("POST", "/1/batch/traced", mutated(random, json.dumps(spans).encode())
                   if random.random() < 0.2 else json.dumps(spans).encode())
    return server.request("GET", f"/api/traces/{trace}")[0]


def attempt(random, server):
    """One mutated request; its status, and how many events were accepted for the count."""
    kind = random.randrange(6)
    if kind == 0:
        status, _, body = server.request("POST", "/1/batch/counted", mutated(random, BATCH))
        return status, sum(e["status"] == 202 for e in json.loads(body)) if status == 200 else 0
    if kind == 1:
        lines = b"\n".join(mutated(random, b'{"a": 1, "time": 1773151200}') for _ in range(5))
        status, _, body = server.request(
            "POST", "/1/batch/counted", lines, {"Content-Type": "application/x-ndjson"})
        return status, json.loads(body)["accepted"] if status == 200 else 0
    if kind == 2:
        query = mutated(random, QUERY.encode()).decode(errors="replace")
        return server.request("POST", "/api/query", json.dumps({"query": query}).encode())[0], 0
    if kind == 3:
        body = mutated(random, json.dumps({"dataset": "counted", "spec": SPEC}).encode())
        return server.request("POST", "/api/query", body)[0], 0
    if kind == 4:
        return traced(random, server), 0
    answer = raw(server, mutated(random, REQUEST))
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0, 0


def main():
    seconds, seed = int(sys.argv[1]), int(sys.argv[2])
    print(f"fuzzing for {seconds} s, seed {seed}")
    directory = tempfile.mkdtemp(prefix="widefield-")
    generator = random.Random(seed)
    server = Server(os.path.join(directory, "data"))
    statuses, accepted, end = {}, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        status, count = attempt(generator, server)
        if server.process.poll() is not None or status in (500, 502, 504):
            sys.exit(f"seed {seed}, request {sum(statuses.values())}: {status}; see {directory}")
        statuses[status] = statuses.get(status, 0) + 1
        accepted += count
    answer = server.query(
        "from counted | between 1700-01-01 and 2260-01-01 | unweighted | stats count()")
    assert answer["meta"]["events"] == accepted, (answer["meta"], accepted)
    assert server.stop() == 0, "the server did not stop cleanly"
    shutil.rmtree(directory)
    print(f"{accepted} events accepted and found again; answers by status: {sorted(statuses.items())}")


if __name__ == "__main__":
    main()

"""What arrives: events and live answers over server-sent events, for readers fast and slow."""
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from server import BINARY, ServerTest


class Watcher:
    """A client that reads server-sent events on a thread."""

    def __init__(self, server, query, **parameters):
        self.connection = server.connection()
        parameters = urllib.parse.urlencode({"q": query, **parameters})
        self.connection.request("GET", f"/api/tail?{parameters}")
        self.answer = self.connection.getresponse()
        self.events = []
        self.ended = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        name = "message"
        try:
            for line in self.answer:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    self.events.append((name, json.loads(value)))
        except (OSError, ValueError):
            pass
        self.ended.set()

    def named(self, name):
        return [data for kind, data in self.events if kind == name]

    def wait_for(self, condition):
        for _ in range(200):
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"nothing of the kind came: {self.events[-3:]}")


class TailTest(ServerTest):
    def send(self, *events, dataset="shop"):
        body = json.dumps([{"data": event} for event in events]).encode()
        self.assertEqual(self.server.request("POST", f"/1/batch/{dataset}", body)[0], 200)

    def setUp(self):
        super().setUp()
        self.send({"name": "before", "ms": 1})

    def test_events_are_shown_as_they_arrive(self):
        watcher = Watcher(self.server, "from shop | where ms > 10 | fields name")
        self.assertEqual(watcher.answer.getheader("Content-Type"), "text/event-stream")
        time.sleep(0.3)
        self.send({"name": "slow", "ms": 11}, {"name": "quick", "ms": 10})
        self.send({"name": "elsewhere", "ms": 99}, dataset="other")
        # However old an event is: it arrives now.
        self.server.request("POST", "/1/events/shop", b'{"name": "late", "ms": 50}',
                            {"X-Honeycomb-Event-Time": "2020-01-01T00:00:00Z"})
        watcher.wait_for(lambda: len(watcher.named("event")) >= 2)
        time.sleep(0.5)
        self.assertEqual([e["data"] for e in watcher.named("event")],
                         [{"name": "slow"}, {"name": "late"}])

    def test_every_event_is_shown_once_while_they_are_merged_and_sealed(self):
        watcher = Watcher(self.server, "from shop | where n exists")
        time.sleep(0.3)
        for start in range(0, 2000, 20):
            self.send(*({"n": n} for n in range(start, start + 20)))
            if start % 500 == 0:
                self.server.rows("from shop | last 1m | stats count()")
            time.sleep(0.01)
        watcher.wait_for(lambda: len(watcher.named("event")) >= 2000)
        self.assertEqual([e["data"]["n"] for e in watcher.named("event")], list(range(2000)))

    def test_events_are_not_chosen_by_relatives_but_answers_are(self):
        for query in ["from shop | where root.name = \"a\"", "from shop | where none.error = true",
                      "from shop | where ms > 1 or parent.ms > 1", "from shop | eval r = root.ms"]:
            watcher = Watcher(self.server, query)
            self.assertEqual(watcher.answer.status, 400, query)
        self.send({"name": "root", "trace.trace_id": "t", "trace.span_id": "a"},
                  {"name": "leaf", "trace.trace_id": "t", "trace.span_id": "b",
                   "trace.parent_id": "a"})
        watcher = Watcher(self.server, 'from shop | where parent.name = "root" | stats count()')
        watcher.wait_for(lambda: watcher.named("answer"))
        self.assertEqual(watcher.named("answer")[0]["data"]["results"], [{"data": {"COUNT": 1}}])

    def test_a_place_is_free_as_soon_as_its_client_leaves(self):
        def watch():
            connection = socket.create_connection(("127.0.0.1", self.server.port))
            connection.sendall(b"GET /api/tail?q=from+shop HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return connection, connection.recv(12)
        for _ in range(3):
            deadline = time.monotonic() + 5
            watchers = []
            while len(watchers) < 64:
                connection, answer = watch()
                if answer == b"HTTP/1.1 200":
                    watchers.append(connection)
                else:
                    connection.close()
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.1)
            self.assertEqual(watch()[1], b"HTTP/1.1 503")
            for connection in watchers:
                connection.close()

    def test_a_limit_ends_it_and_so_does_the_server(self):
        limited = Watcher(self.server, "from shop | where a exists | limit 3")
        endless = Watcher(self.server, "from shop")
        time.sleep(0.3)
        self.send(*({"a": n} for n in range(5)))
        self.assertTrue(limited.ended.wait(10))
        self.assertEqual([e["data"]["a"] for e in limited.named("event")], [0, 1, 2])
        self.assertEqual(limited.named("end"), [{"reason": "that was the limit"}])
        began = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertTrue(endless.ended.wait(10))
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(endless.named("end"), [{"reason": "the server stops"}])

    def test_answers_follow_what_arrives(self):
        watcher = Watcher(self.server, "from shop | stats count(), max(ms) by name")
        watcher.wait_for(lambda: watcher.named("answer"))
        self.assertEqual(watcher.named("answer")[0]["data"]["results"],
                         [{"data": {"name": "before", "COUNT": 1, "MAX(ms)": 1}}])
        self.send({"name": "after", "ms": 2}, {"name": "after", "ms": 3})
        expected = {"data": {"name": "after", "COUNT": 2, "MAX(ms)": 3}}
        watcher.wait_for(
            lambda: expected in watcher.named("answer")[-1]["data"]["results"])
        count = len(watcher.named("answer"))
        time.sleep(3.2)
        self.assertIn(len(watcher.named("answer")) - count, [2, 3, 4])

    def test_one_who_does_not_read_hinders_nobody(self):
        sleeper = socket.create_connection(("127.0.0.1", self.server.port))
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.sendall(b"GET /api/tail?q=from+shop HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        watcher = Watcher(self.server, "from shop | where end exists")
        time.sleep(0.3)
        text = "x" * 20_000
        for _ in range(40):
            self.send(*({"text": text} for _ in range(50)))
        self.send({"end": True})
        watcher.wait_for(lambda: watcher.named("event"))
        self.assertEqual(
            self.server.rows("from shop | last 1h | stats count(text)"), [{"COUNT(text)": 2000}])
        # Now it reads: what fitted, and how many events it missed.
        received = b""
        sleeper.settimeout(5)
        while b"event: skipped" not in received:
            received += sleeper.recv(1 << 16)
        self.assertLess(len(received), 2000 * len(text))
        sleeper.close()

    def test_what_cannot_be_watched_is_refused(self):
        for query, status in [
            ("from shop | wher", 400), ("from shop | sort ms", 400), ("from nowhere", 404),
            ("from shop | between 2020-01-01 and 2021-01-01", 400),
        ]:
            path = "/api/tail?" + urllib.parse.urlencode({"q": query})
            self.assertEqual(self.server.request("GET", path)[0], status, query)
        self.assertEqual(self.server.request("GET", "/api/tail")[0], 400)
        self.tool("tail", "from shop | wher", code=1)
        self.assertIn("^", self.errors)

    def test_the_command_shows_lines_and_tables(self):
        def start(*arguments):
            process = subprocess.Popen(
                [BINARY, "tail", *arguments], stdout=subprocess.PIPE, text=True,
                env={**os.environ, "WIDEFIELD_URL": self.server.url})
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.send_signal, signal.SIGTERM)
            return process

        lines = start("from shop | limit 1")
        answers = start("from shop | stats count() by name")
        ndjson = start("--format", "ndjson", "from shop")
        self.assertIn("name", answers.stdout.readline())
        time.sleep(1)
        self.send({"name": "shown", "ms": 7})
        self.assertTrue(lines.stdout.readline().endswith("  shop  ms=7  name=shown\n"))
        self.assertEqual(lines.wait(10), 0)
        self.assertEqual(json.loads(ndjson.stdout.readline())["data"], {"name": "shown", "ms": 7})


if __name__ == "__main__":
    unittest.main()

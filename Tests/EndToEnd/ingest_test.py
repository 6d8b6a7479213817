"""Events in: Honeycomb's API, lines, encodings, what is refused, and what lies on disk."""
import gzip
import json
import signal
import socket
import unittest
import zlib

import zstandard

from server import ServerTest

LINES = {"Content-Type": "application/x-ndjson"}


class IngestTest(ServerTest):
    def batch(self, events, headers=None, dataset="shop"):
        return self.server.request(
            "POST", f"/1/batch/{dataset}", json.dumps(events).encode(), headers)

    def count(self, dataset="shop", where=""):
        rows = self.server.rows(f"from {dataset} | last 1h {where} | stats count()")
        return rows[0]["COUNT"] if rows else 0

    def test_a_batch_is_answered_event_by_event_and_can_be_asked_for_at_once(self):
        status, headers, body = self.batch(
            [{"data": {"n": 1}}, {"data": 5}, {"data": {"n": 2}, "samplerate": 10}])
        self.assertEqual(status, 200)
        self.assertEqual([e["status"] for e in json.loads(body)], [202, 400, 202])
        self.assertEqual(headers["Widefield-Ack"], "synced")
        self.assertEqual(self.count(), 11)
        self.assertEqual(self.server.rows("from shop | last 1h | stats sum(n)"), [{"SUM(n)": 21}])

    def test_one_event_takes_time_and_rate_from_its_headers(self):
        status, _, body = self.server.request(
            "POST", "/1/events/shop", b'{"n": 1}',
            {"X-Honeycomb-Event-Time": "2026-03-10T14:00:00Z", "X-Honeycomb-Samplerate": "7"})
        self.assertEqual((status, body), (200, b""))
        row = self.server.query(
            "from shop | between 2026-03-10 and 2026-03-11 | fields *")["data"]["results"][0]
        self.assertEqual(row["time"], "2026-03-10T14:00:00Z")
        self.assertEqual(row["samplerate"], 7)
        self.assertEqual(row["data"], {"n": 1})

    def test_lines_are_documents_of_their_own(self):
        body = b'{"n": 1}\n{"n": \n\n{"n": 3}\n'
        status, _, answer = self.server.request("POST", "/1/batch/shop", body, LINES)
        answer = json.loads(answer)
        self.assertEqual((status, answer["accepted"]), (200, 2))
        self.assertEqual([r["line"] for r in answer["rejected"]], [2])
        self.assertEqual(self.count(), 2)

    def test_lines_take_their_time_from_the_field_that_is_named(self):
        self.server.request(
            "POST", "/1/batch/shop?time_field=at", b'{"at": "2026-03-10T14:00:00Z"}', LINES)
        rows = self.server.rows(
            "from shop | between 2026-03-10 and 2026-03-11 | stats count()")
        self.assertEqual(rows, [{"COUNT": 1}])

    def test_every_content_encoding_is_opened(self):
        plain = json.dumps([{"data": {"n": 1}}] * 100).encode()
        for encoding, body in [
            ("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain)),
            ("zstd", zstandard.ZstdCompressor().compress(plain)), ("identity", plain),
        ]:
            with self.subTest(encoding):
                status, _, _ = self.server.request(
                    "POST", f"/1/batch/{encoding}", body, {"Content-Encoding": encoding})
                self.assertEqual(status, 200)
                self.assertEqual(self.count(encoding), 100)

    def test_bad_bodies_are_refused_whole(self):
        bomb = zstandard.ZstdCompressor().compress(b" " * (65 << 20))
        for name, body, headers, expected in [
            ("empty", b"", {}, 400), ("cut off", b'[{"data": {"a": 1}}, {"da', {}, 400),
            ("no array", b'{"data": {}}', {}, 400),
            ("unknown encoding", b"[]", {"Content-Encoding": "br"}, 415),
            ("bomb", bomb, {"Content-Encoding": "zstd"}, 413),
            ("damaged", b"\x28\xb5\x2f\xfd123", {"Content-Encoding": "zstd"}, 400),
            ("not UTF-8", b'[{"data": {"a": "\xff"}}]', {}, 400),
            ("deep", b"[" * 100_000, {}, 400),
            ("cut-off MessagePack", b"\x91\x81", {"Content-Type": "application/msgpack"}, 400),
            ("ack", b"[]", {"Widefield-Ack": "maybe"}, 400),
            ("long key", b"[]", {"Idempotency-Key": "k" * 1025}, 400),
        ]:
            with self.subTest(name):
                status, _, answer = self.server.request("POST", "/1/batch/bad", body, headers)
                self.assertEqual(status, expected, answer)
                self.assertIn("error", json.loads(answer))
        status, _, _ = self.server.get_query("from bad | last 1h | stats count()")
        self.assertIn(status, (200, 404))

    def test_a_body_over_the_limit_is_refused_before_it_is_read(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall(
                b"POST /1/batch/shop HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Length: 20971521\r\n\r\n")
            answer = connection.makefile("rb").read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 413"), answer[:100])
        self.assertIn(b"Connection: close", answer)

    def test_invalid_events_cost_only_themselves(self):
        good = {"data": {"kind": "good"}}
        bad = [
            {"data": {f"f{i}": 1 for i in range(2001)}}, {"data": {"s": "x" * 65_536}},
            {"data": {"a": 1}, "time": "yesterday"}, {"data": {"n" * 257: 1}}, {"data": []},
        ]
        for event in bad:
            status, _, answer = self.batch([good, event, good])
            self.assertEqual(
                [e["status"] for e in json.loads(answer)], [202, 400, 202], str(event)[:60])
        self.assertEqual(self.count(where='| where kind = "good"'), 2 * len(bad))

    def test_odd_dataset_names(self):
        for path, expected in [
            ("%2e%2e%2Fetc", 200), ("a%2Fb", 200), ("x" * 255, 200), ("x" * 256, 400),
            ("%F0%9F%9B%92", 200), ("a%00b", 400), ("a%0Ab", 400), ("__all__", 400), ("", 404),
            ("%FF", 400), ("%2", 400),
        ]:
            with self.subTest(path[:20]):
                status, _, _ = self.batch([{"data": {"a": 1}}], dataset=path)
                self.assertEqual(status, expected)
        names = [d["name"] for d in self.server.json("GET", "/1/datasets")]
        self.assertEqual(sorted(names), sorted(["../etc", "a/b", "x" * 255, "\U0001F6D2"]))

    def test_a_dataset_is_found_by_name_or_slug_whatever_the_case(self):
        self.batch([{"data": {"a": 1}}], dataset="My%20Shop")
        self.batch([{"data": {"a": 1}}], dataset="my-shop")
        self.assertEqual(
            [d["name"] for d in self.server.json("GET", "/1/datasets")], ["My Shop"])
        self.assertEqual(self.server.rows("from `MY SHOP` | stats count()"), [{"COUNT": 2}])

    def test_a_repeat_gets_the_first_answer_and_stores_nothing(self):
        events = [{"data": {"n": 1}}, {"data": 0}]
        key = {"Idempotency-Key": "k1"}
        first = self.batch(events, key)
        for sign in (None, signal.SIGKILL, signal.SIGTERM):
            if sign is not None:
                self.restart(sign)
            status, headers, body = self.batch(events, key)
            self.assertEqual((status, body), (first[0], first[2]))
            self.assertEqual(headers["Widefield-Duplicate"], "true")
        self.assertIsNone(first[1]["Widefield-Duplicate"])
        self.assertEqual(self.count(), 1)
        self.assertEqual(self.batch([{"data": {"n": 2}}], key)[0], 422)
        self.assertEqual(self.batch([{"data": {"n": 2}}])[0], 200)

    def test_buffered_is_answered_as_what_it_is(self):
        _, headers, _ = self.batch([{"data": {"n": 1}}], {"Widefield-Ack": "buffered"})
        self.assertEqual(headers["Widefield-Ack"], "buffered")
        self.assertEqual(self.count(), 1)

    def test_what_was_acknowledged_outlives_a_kill(self):
        for n in range(50):
            self.batch([{"data": {"n": n}}])
        self.restart(signal.SIGKILL)
        self.assertEqual(
            self.server.rows("from shop | last 1h | stats count(), sum(n)"),
            [{"COUNT": 50, "SUM(n)": sum(range(50))}])

    def test_sigterm_seals_leaves_an_empty_log_and_ends_with_0(self):
        self.batch([{"data": {"n": 1}}])
        self.assertEqual(self.server.stop(), 0)
        self.assertIn("nothing wrong", self.tool("verify", "--data", self.data))
        out = self.tool(
            "query", "--data", self.data, "--format", "csv", "from shop | last 1h | stats count()")
        self.assertEqual(out.split(), ["COUNT", "1"])


if __name__ == "__main__":
    unittest.main()

"""The server's own requests as events: what they tell, who may ask, whose trace they are in."""
import json
import os
import time
import unittest

from server import Server, ServerTest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class SelfTelemetryTest(ServerTest):
    def own(self, text, count=1, headers=None):
        """Rows about the server itself, once there are as many as expected."""
        path = "/api/query?environment=_self"
        for _ in range(100):
            status, _, body = self.server.request(
                "POST", path, json.dumps({"query": text}).encode(), headers or {})
            rows = json.loads(body)["data"]["results"] if status == 200 else []
            if len(rows) >= count:
                return [row["data"] for row in rows]
            time.sleep(0.1)
        self.fail(f"{text}: {status} {body[:300]}")

    def test_requests_are_events(self):
        self.server.request("POST", "/1/batch/shop", b'[{"data":{"a":1}},{"data":{}}]',
                            {"User-Agent": "tester/1", "traceparent": PARENT, "tracestate": "a=1"})
        self.server.query("from shop | stats count() by a")
        self.server.request("GET", "/nowhere?secret=1")
        row, = self.own('from widefield | last 1h | where http.route = "/1/batch/{dataset}"')
        expected = {
            "name": "POST /1/batch/{dataset}", "http.response.status_code": 200, "error": False,
            "request.dataset": "shop", "request.environment": "default", "ingest.events": 1,
            "ingest.rejected": 1, "user_agent.original": "tester/1", "client.address": "127.0.0.1",
            "http.request.body.size": 30, "trace.trace_id": TRACE, "trace.trace_state": "a=1",
            "trace.parent_id": "00f067aa0ba902b7", "trace.sampled": True,
            "url.path": "/1/batch/shop"}
        self.assertEqual({name: row.get(name) for name in expected}, expected)
        self.assertGreaterEqual(
            row["duration_ms"], row["receive_ms"] + row["lane_wait_ms"] + row["answer_ms"] - 0.01)
        row, = self.own('from widefield | last 1h | where query.text contains "from shop"')
        self.assertEqual(row["query.rows_scanned"], 1)
        self.assertEqual(row["query.partial"], False)
        row, = self.own('from widefield | last 1h | where url.path = "/nowhere"')
        self.assertEqual(row["http.response.status_code"], 404)
        self.assertNotIn("secret", json.dumps(row))

    def test_nothing_is_told_of_the_telling(self):
        self.server.request("GET", "/healthz", headers={"User-Agent": "once"})
        self.own('from widefield | last 1h | where user_agent.original = "once"')
        time.sleep(2.5)
        before = self.own("from widefield | last 1h | stats count()")[0]["COUNT"]
        time.sleep(2.5)
        after = self.own("from widefield | last 1h | stats count()")[0]["COUNT"]
        self.assertLessEqual(after - before, 1, "only the question before")

    def test_the_trace_of_a_command_goes_on(self):
        os.environ.update(TRACEPARENT=PARENT, TRACESTATE="vendor=x")
        self.addCleanup(lambda: [os.environ.pop(n) for n in ("TRACEPARENT", "TRACESTATE")])
        self.tool("send", "--dataset", "shop", stdin=b'{"a": 1}\n')
        self.tool("query", "from shop | stats count()")
        rows = self.own(f'from widefield | last 1h | where trace.trace_id = "{TRACE}"', count=2)
        self.assertEqual({row["trace.trace_state"] for row in rows}, {"vendor=x"})
        text = self.tool("trace", "--environment", "_self", TRACE)
        self.assertIn("widefield POST /1/batch", text)
        self.assertIn("POST /api/query", self.tool(
            "query", "--environment", "_self", "from widefield | last 1h | stats count() by name"))

    def test_it_survives_a_stop_and_can_be_switched_off(self):
        self.server.request("GET", "/healthz", headers={"User-Agent": "before the stop"})
        self.assertEqual(self.server.stop(), 0)
        self.server = Server(self.data, "--self-telemetry", "off")
        row, = self.own('from widefield | last 1h | where user_agent.original = "before the stop"')
        self.assertEqual(row["http.route"], "/healthz")
        count = "from widefield | last 1h | stats count()"
        before = self.own(count)
        time.sleep(1.5)
        self.assertEqual(self.own(count), before)
        self.assertNotIn("widefield_self_events_total",
                         self.server.request("GET", "/metrics")[2].decode())

    def test_nobody_sends_there(self):
        status, _, _ = self.server.request(
            "POST", "/1/batch/widefield?environment=_self", b'[{"data":{"a":1}}]')
        self.assertEqual(status, 403)
        status, _, _ = self.server.request("GET", "/1/datasets?environment=other")
        self.assertEqual(status, 403)


if __name__ == "__main__":
    unittest.main()

"""Traces: the tree of all datasets, long answers in pieces, the command line."""
import json
import socket
import time
import unittest

from server import ServerTest

TRACE = "5b8efff798038103d269b633813fc60c"
START = 1773151200000


def line(number, **fields):
    return {"time": START + number, "trace.trace_id": TRACE, **fields}


class TraceTest(ServerTest):
    def send(self, dataset, lines):
        body = "\n".join(json.dumps(line) for line in lines).encode()
        status, _, answer = self.server.request(
            "POST", f"/1/batch/{dataset}", body, {"Content-Type": "application/x-ndjson"})
        self.assertEqual((status, json.loads(answer)["rejected"]), (200, []))

    def shop(self):
        self.send("shop", [
            line(0, **{"trace.span_id": "a", "name": "POST /pay", "service.name": "web", "duration_ms": 100}),
            line(10, **{"trace.span_id": "b", "trace.parent_id": "a", "name": "charge", "service.name": "pay",
                        "duration_ms": 80, "error": True, "card": "visa"}),
            line(20, **{"trace.span_id": "d", "trace.parent_id": "lost", "name": "mail", "service.name": "mail",
                        "duration_ms": 1}),
        ])
        self.send("logs", [{"time": START + 30, "trace_id": TRACE, "span_id": "b", "level": "error",
                            "message": "card declined"}])

    def test_spans_and_log_lines_of_several_datasets_are_one_tree(self):
        self.shop()
        trace = self.server.json("GET", f"/api/traces/{TRACE}")
        self.assertEqual(
            [(node["depth"], node["kind"], node.get("name"), node.get("dataset")) for node in trace["nodes"]],
            [(0, "span", "POST /pay", "shop"), (1, "span", "charge", "shop"), (2, "log", "card declined", "logs"),
             (0, "missing", None, None), (1, "span", "mail", "shop")])
        charge = trace["nodes"][1]
        self.assertEqual((charge["start_ms"], charge["duration_ms"], charge["critical_ms"], charge["error"]),
                         (10, 80, 80, True))
        self.assertEqual(charge["data"]["card"], "visa")
        self.assertEqual((trace["spans"], trace["logs"], trace["missing_spans"], trace["errors"]), (3, 1, 1, 1))
        self.assertEqual(trace["services"][0]["service"], "pay")
        bare = self.server.json("GET", f"/api/traces/{TRACE}?data=false")
        self.assertEqual([node for node in bare["nodes"] if "data" in node], [])

    def test_times_of_all_ages_and_durations_without_end_are_shown(self):
        far = {"first": "1680-01-01T00:00:00Z", "last": "2262-01-01T00:00:00Z"}
        self.send("far", [
            {"time": far["last"], "trace.trace_id": TRACE, "trace.span_id": "a", "duration_ms": 9.3e12},
            {"time": far["first"], "trace.trace_id": TRACE, "trace.span_id": "b", "trace.parent_id": "a",
             "duration_ms": 9.3e12},
            {"time": far["first"], "trace.trace_id": TRACE, "trace.span_id": "c", "trace.parent_id": "gone",
             "duration_ms": 1},
            {"time": far["last"], "trace.trace_id": TRACE, "trace.span_id": "d", "trace.parent_id": "gone",
             "duration_ms": 1},
        ])
        trace = self.server.json("GET", f"/api/traces/{TRACE}")
        self.assertEqual((trace["spans"], trace["missing_spans"], len(trace["services"])), (4, 1, 1))
        late = next(node for node in trace["nodes"] if node.get("span_id") == "b")
        self.assertLess(late["clock_skew_ms"], -9e12)
        self.assertEqual(len(self.tool("trace", TRACE).splitlines()), 5)

    def test_a_bar_is_as_long_as_the_trace_at_most(self):
        self.send("far", [
            line(0, **{"trace.span_id": "a", "duration_ms": 1e-6}),
            line(0, **{"trace.parent_id": "a", "name": "event", "meta.annotation_type": "span_event",
                       "duration_ms": 9.2e12}),
        ])
        self.assertIn("event", self.tool("trace", TRACE).splitlines()[1])

    def test_the_command_draws_the_tree(self):
        self.shop()
        lines = self.tool("trace", TRACE).splitlines()
        self.assertEqual(len(lines), 5)
        self.assertIn("web POST /pay", lines[0])
        self.assertIn("✗ pay charge", lines[1])
        self.assertIn("≡ card declined", lines[2])
        self.assertIn("? no span lost", lines[3])
        self.assertEqual(len(json.loads(self.tool("trace", TRACE, "--format", "json"))["nodes"]), 5)
        self.tool("trace", "nobody", code=1)
        self.assertIn("no event belongs to this trace", self.errors)

    def test_a_trace_of_a_hundred_thousand_spans_comes_in_pieces(self):
        count = 100_000
        lines = (json.dumps(line(number, **{
            "trace.span_id": f"{number}", "trace.parent_id": f"{number // 8}" if number else None,
            "name": "step", "duration_ms": count - number})) for number in range(count))
        self.tool("send", "--dataset", "deep", "-", stdin="\n".join(lines).encode())
        trace = self.server.json("GET", f"/api/traces/{TRACE}")
        self.assertEqual((trace["spans"], len(trace["nodes"]), trace["missing_spans"]), (count, count, 0))
        self.assertEqual({node["data"]["name"] for node in trace["nodes"]}, {"step"})
        self.assert_a_reader_that_goes_away_costs_nothing()

    def assert_a_reader_that_goes_away_costs_nothing(self):
        """The long answer is dropped with its client, and the server stops cleanly."""
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", self.server.port)) as client:
                client.sendall(f"GET /api/traces/{TRACE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                self.assertIn(b"200 OK", client.recv(1000))
        began = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - began, 30)


if __name__ == "__main__":
    unittest.main()

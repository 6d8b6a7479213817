"""Honeycomb's beeline for Python, unchanged but for its host: a trace of nested spans."""
import unittest
import warnings

import beeline

from server import ServerTest


class BeelineTest(ServerTest):
    def test_spans_sent_with_the_beeline_are_one_trace(self):
        sent = {}

        def look(fields):
            # A field without a value, as the parent of a root span, is none.
            sent[fields["name"]] = {k: v for k, v in fields.items() if v is not None}

        beeline.init(
            writekey="abc123", service_name="shop",
            api_host=self.server.url, presend_hook=look)
        with beeline.tracer("checkout") as root:
            trace_id = root.trace_id
            beeline.add_context_field("cart.items", 3)
            with beeline.tracer("payment"):
                beeline.add_trace_field("user", "u1")
        with warnings.catch_warnings():
            # The client underneath opens a socket to nowhere to find its host's name, and leaves it.
            warnings.simplefilter("ignore", ResourceWarning)
            beeline.close()
        trace = self.server.json("GET", f"/api/traces/{trace_id}")
        self.assertEqual(
            [(n["name"], n["parent"], n["service"]) for n in trace["nodes"]],
            [("checkout", None, "shop"), ("payment", 0, "shop")])
        fields = [node["data"] for node in trace["nodes"]]
        self.assertEqual(fields, [sent["checkout"], sent["payment"]])
        for name, node in zip(["checkout", "payment"], fields):
            self.assertEqual(
                {key: node.get(key) for key in ["name", "service_name", "service.name", "trace.trace_id"]},
                {"name": name, "service_name": "shop", "service.name": "shop", "trace.trace_id": trace_id})
            self.assertGreaterEqual(node["duration_ms"], 0)
            self.assertIn("meta.beeline_version", node)
        self.assertNotIn("trace.parent_id", fields[0])
        self.assertEqual(fields[1]["trace.parent_id"], fields[0]["trace.span_id"])
        rows = self.server.rows(
            "from shop | last 1h | stats count(), max(cart.items), distinct(app.user)")
        self.assertEqual(
            rows, [{"COUNT": 2, "MAX(cart.items)": 3, "COUNT_DISTINCT(app.user)": 1}])


if __name__ == "__main__":
    unittest.main()

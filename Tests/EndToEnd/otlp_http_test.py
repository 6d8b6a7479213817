"""OpenTelemetry's SDK for Python, unchanged but for its endpoint: traces, logs and metrics over HTTP."""
import gzip
import http.server
import json
import logging
import os
import subprocess
import threading
import unittest
import urllib.request

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from server import BINARY, ServerTest, free_port

START = 1_773_151_200_000_000_000  # 2026-03-10T14:00:00Z
WHILE = "between 2026-03-10T14:00:00Z and 2026-03-10T14:01:00Z"


class OTLPServerTest(ServerTest):
    """A server that also listens on a port for OTLP."""

    def setUp(self):
        self.port = free_port()
        self.options = ("--otlp-http", f"127.0.0.1:{self.port}")
        super().setUp()
        self.resource = Resource({
            "service.name": "shop", "service.version": "1.2.3", "host.cpus": 4,
            "process.command_args": ["python", "shop.py"]})

    def endpoint(self, signal):
        return f"http://127.0.0.1:{self.port}/v1/{signal}"


class ExportTest(OTLPServerTest):
    def events(self, text):
        return self.server.query(text)["data"]["results"]

    def test_spans_with_their_events_and_links(self):
        provider = TracerProvider(resource=self.resource)
        provider.add_span_processor(BatchSpanProcessor(
            OTLPSpanExporter(self.endpoint("traces"), compression=Compression.Gzip)))
        tracer = provider.get_tracer("opentelemetry.instrumentation.shop", "0.5")
        other = tracer.start_span("other", start_time=START - 1)
        other.end(START)
        root = tracer.start_span(
            "POST /checkout", kind=SpanKind.SERVER, start_time=START,
            attributes={"items": 3, "total": 12.5, "paid": True, "user": "ada ä", "tags": ["a", "b"]},
            links=[Link(other.get_span_context(), {"why": "retried"})])
        with trace.use_span(root, end_on_exit=False):
            child = tracer.start_span("charge", kind=SpanKind.CLIENT, start_time=START + 1_000_000)
        child.add_event(
            "exception", {"exception.type": "Declined", "exception.message": "no money"},
            timestamp=START + 3_500_000)
        child.set_status(Status(StatusCode.ERROR, "declined"))
        child.end(START + 5_000_000)
        root.end(START + 7_250_000)
        provider.shutdown()

        context = root.get_span_context()
        trace_id, root_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        child_id = f"{child.get_span_context().span_id:016x}"
        linked = other.get_span_context()
        rows = self.events(
            f"from shop | {WHILE} | where trace.trace_id = \"{trace_id}\" | sort time")
        common = {
            "service.name": "shop", "service.version": "1.2.3", "host.cpus": 4,
            "process.command_args": '["python","shop.py"]\n',
            "library.name": "opentelemetry.instrumentation.shop", "library.version": "0.5",
            "telemetry.instrumentation_library": True, "meta.signal_type": "trace",
            "trace.trace_id": trace_id}
        sdk = {f"telemetry.sdk.{name}" for name in ("language", "name", "version")}
        found = {}
        for row in rows:
            self.assertEqual(row["dataset"], "shop")
            data = {k: v for k, v in row["data"].items() if k not in sdk}
            self.assertEqual({k: data.pop(k) for k in common}, common)
            found[data.get("meta.annotation_type", data.get("name"))] = (row["time"], data)
        self.assertEqual(set(found), {"POST /checkout", "charge", "span_event", "link"})
        self.assertEqual(found["POST /checkout"], ("2026-03-10T14:00:00Z", {
            "name": "POST /checkout", "type": "server", "span.kind": "server",
            "trace.span_id": root_id, "duration_ms": 7.25, "status_code": 0,
            "span.num_events": 0, "span.num_links": 1, "items": 3, "total": 12.5, "paid": True,
            "user": "ada ä", "tags": '["a","b"]\n'}))
        self.assertEqual(found["charge"], ("2026-03-10T14:00:00.001Z", {
            "name": "charge", "type": "client", "span.kind": "client", "trace.span_id": child_id,
            "trace.parent_id": root_id, "duration_ms": 4, "status_code": 2,
            "status_message": "declined", "error": True, "span.num_events": 1,
            "span.num_links": 0, "exception.type": "Declined", "exception.message": "no money"}))
        self.assertEqual(found["span_event"], ("2026-03-10T14:00:00.0035Z", {
            "name": "exception", "parent_name": "charge", "trace.parent_id": child_id,
            "meta.annotation_type": "span_event", "meta.time_since_span_start_ms": 2.5,
            "error": True, "exception.type": "Declined", "exception.message": "no money"}))
        self.assertEqual(found["link"], ("2026-03-10T14:00:00Z", {
            "parent_name": "POST /checkout", "trace.parent_id": root_id,
            "meta.annotation_type": "link", "trace.link.trace_id": f"{linked.trace_id:032x}",
            "trace.link.span_id": f"{linked.span_id:016x}", "why": "retried"}))

    def test_logs_belong_to_their_span(self):
        provider = LoggerProvider(resource=self.resource)
        provider.add_log_record_processor(BatchLogRecordProcessor(
            OTLPLogExporter(self.endpoint("logs"), compression=Compression.Gzip)))
        logger = logging.getLogger("shop.checkout")
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        logger.addHandler(LoggingHandler(logger_provider=provider))
        span = TracerProvider().get_tracer("t").start_span("s")
        with trace.use_span(span, end_on_exit=False):
            logger.error("no stock of %s", "tea", extra={"sku": "tea-1", "left": 0})
        logger.info("done")
        provider.shutdown()

        context = span.get_span_context()
        rows = self.server.rows("from shop | last 1h | fields *")
        self.assertEqual(len(rows), 2)
        inside = next(row for row in rows if "trace.trace_id" in row)
        expected = {
            "body": "no stock of tea", "severity": "error", "severity_code": 17,
            "severity_text": "ERROR", "sku": "tea-1", "left": 0, "service.name": "shop",
            "library.name": "shop.checkout", "meta.signal_type": "log",
            "meta.annotation_type": "span_event", "trace.trace_id": f"{context.trace_id:032x}",
            "trace.parent_id": f"{context.span_id:016x}"}
        self.assertEqual({k: inside.get(k) for k in expected}, expected)
        outside = next(row for row in rows if "trace.trace_id" not in row)
        self.assertEqual(
            (outside["body"], outside["severity"], outside["severity_code"]), ("done", "info", 9))
        self.assertNotIn("trace.parent_id", outside)

    def test_metrics_of_the_same_attributes_are_one_event(self):
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(self.endpoint("metrics"), compression=Compression.Gzip))
        provider = MeterProvider([reader], resource=self.resource)
        meter = provider.get_meter("shop")
        for region, orders in [("eu", 7), ("us", 2)]:
            meter.create_counter("orders").add(orders, {"region": region})
        meter.create_up_down_counter("stock").add(-2.5, {"region": "eu"})
        histogram = meter.create_histogram("latency", explicit_bucket_boundaries_advisory=[10, 20])
        for value in [5, 15, 15, 30]:
            histogram.record(value, {"region": "eu"})
        provider.shutdown()

        rows = self.server.rows("from shop | last 1h | fields *")
        by_region = {row["region"]: row for row in rows}
        self.assertEqual(set(by_region), {"eu", "us"})
        expected = {
            "orders": 7, "stock": -2.5, "latency.count": 4, "latency.sum": 65, "latency.min": 5,
            "latency.max": 30, "latency.avg": 16.25, "latency.bucket_counts": "[1,2,1]",
            "latency.explicit_bounds": "[10,20]", "latency.p50": 15, "service.name": "shop",
            "library.name": "shop", "meta.signal_type": "metric"}
        self.assertEqual({k: by_region["eu"].get(k) for k in expected}, expected)
        self.assertEqual(by_region["us"]["orders"], 2)
        self.assertNotIn("latency.count", by_region["us"])

    def test_services_of_one_request_are_datasets_of_their_own(self):
        def resource(service, spans):
            return {
                "resource": {"attributes": [
                    {"key": "service.name", "value": {"stringValue": service}}]},
                "scope_spans": [{"spans": [
                    {"name": f"s{n}", "start_time_unix_nano": str(START + n), "kind": "SPAN_KIND_SERVER"}
                    for n in range(spans)]}]}
        body = json.dumps({"resource_spans": [resource("a", 3), resource("b", 2), resource("a", 1)]})
        status, headers, answer = self.server.request(
            "POST", "/v1/traces/", gzip.compress(body.encode()),
            {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        self.assertEqual((status, answer), (200, b"{}"))
        rows = self.server.rows(f"from * | {WHILE} | stats count() by service.name, span.kind")
        self.assertEqual(
            sorted((row["service.name"], row["span.kind"], row["COUNT"]) for row in rows),
            [("a", "server", 4), ("b", "server", 2)])
        self.assertEqual(
            sorted(d["name"] for d in self.server.json("GET", "/1/datasets")), ["a", "b"])

    def test_what_was_not_kept_is_told(self):
        spans = [{"name": "x" * size, "startTimeUnixNano": START} for size in (10, 70_000, 10)]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        status, _, answer = self.server.request(
            "POST", "/v1/traces", body, {"Content-Type": "application/json"})
        self.assertEqual(status, 200)
        partial = json.loads(answer)["partialSuccess"]
        self.assertEqual(partial["rejectedSpans"], "1")
        self.assertIn("string value exceeds the limit of 65535 bytes", partial["errorMessage"])
        rows = self.server.rows(f"from unknown_service | {WHILE} | stats count()")
        self.assertEqual(rows, [{"COUNT": 2}])


class RefusalTest(OTLPServerTest):
    def post(self, body, **headers):
        return self.server.request(
            "POST", "/v1/logs", body, {k.replace("_", "-"): v for k, v in headers.items()})

    def test_refusals_are_in_the_encoding_of_the_request(self):
        status, headers, answer = self.post(b"[]", Content_Type="application/json; charset=utf-8")
        self.assertEqual((status, headers["Content-Type"]), (400, "application/json"))
        self.assertEqual(
            json.loads(answer),
            {"code": 3, "message":
                "failed to parse OTLP request body: expected an object at /, byte 0"})
        status, headers, answer = self.post(b"\x0a\x7f", Content_Type="application/x-protobuf")
        self.assertEqual((status, headers["Content-Type"]), (400, "application/x-protobuf"))
        self.assertTrue(answer.startswith(b"\x08\x03\x12"))
        self.assertIn(b"a length beyond the end of its message at byte 1", answer)
        self.assertEqual(self.post(b"", Content_Type="text/plain")[0], 415)
        status, _, answer = self.post(
            b"", Content_Type="application/json", Content_Encoding="br")
        self.assertEqual((status, json.loads(answer)["code"]), (415, 12))
        self.assertEqual(self.post(b"", Content_Type="application/x-protobuf")[0], 200)

    def test_a_client_comes_again_after_a_503(self):
        class Busy(http.server.BaseHTTPRequestHandler):
            """Refuses the first request as a full server does, and passes the others on."""
            refused = 0

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if Busy.refused == 0:
                    Busy.refused += 1
                    self.send_response(503)
                    self.send_header("Retry-After", "1")
                    self.end_headers()
                    return
                kept = {k: v for k, v in self.headers.items() if k.startswith("Content-")}
                with urllib.request.urlopen(urllib.request.Request(Busy.target, body, kept)) as done:
                    self.send_response(done.status)
                    self.end_headers()
                    self.wfile.write(done.read())

            def log_message(self, *_):
                pass

        Busy.target = self.endpoint("traces")
        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        provider = TracerProvider(resource=self.resource)
        provider.add_span_processor(BatchSpanProcessor(
            OTLPSpanExporter(f"http://127.0.0.1:{proxy.server_port}/v1/traces")))
        provider.get_tracer("t").start_span("once", start_time=START).end()
        provider.shutdown()
        self.assertEqual(Busy.refused, 1)
        rows = self.server.rows(f"from shop | {WHILE} | stats count() by name")
        self.assertEqual(rows, [{"name": "once", "COUNT": 1}])

    def test_a_taken_port_is_named(self):
        done = subprocess.run(
            [BINARY, "serve", "--data", os.path.join(self.directory, "second"), "--listen",
             f"127.0.0.1:{free_port()}", "--otlp-http", f"127.0.0.1:{self.port}"],
            capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"127.0.0.1:{self.port}", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()

"""OpenTelemetry's SDK for Python, unchanged but for its endpoint: traces, logs and metrics over HTTP."""
import gzip
import http.server
import json
import os
import signal
import subprocess
import threading
import unittest
import urllib.request

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otlp_exports import RESOURCE, START, WHILE, Exports
from server import BINARY, ServerTest, free_port


class OTLPServerTest(ServerTest):
    """A server that also listens on a port for OTLP."""

    def setUp(self):
        self.port = free_port()
        self.options = ("--otlp-http", f"127.0.0.1:{self.port}")
        super().setUp()

    def endpoint(self, signal):
        return f"http://127.0.0.1:{self.port}/v1/{signal}"


class ExportTest(Exports, OTLPServerTest):
    def exporter(self, signal):
        exporters = {
            "traces": OTLPSpanExporter, "logs": OTLPLogExporter, "metrics": OTLPMetricExporter}
        return exporters[signal](self.endpoint(signal), compression=Compression.Gzip)

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

    def test_a_repeat_gets_the_first_answer_and_stores_nothing(self):
        spans = [{"name": "x" * size, "startTimeUnixNano": START} for size in (10, 70_000)]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.add(
            name="packed", start_time_unix_nano=START)
        packed = request.SerializeToString()
        for type_, sent, nothing in [
                ("application/json", body, b"{}"), ("application/x-protobuf", packed, b"")]:
            with self.subTest(type_):
                headers = {"Content-Type": type_, "Idempotency-Key": type_}
                first = self.server.request("POST", "/v1/traces", sent, headers)
                self.assertEqual(first[0], 200, first[2])
                self.assertIsNone(first[1]["Widefield-Duplicate"])
                for sign in (None, signal.SIGKILL):
                    if sign is not None:
                        self.restart(sign)
                    again = self.server.request("POST", "/v1/traces", sent, headers)
                    self.assertEqual((again[0], again[2]), (200, first[2]))
                    self.assertEqual(again[1]["Content-Type"], type_)
                    self.assertEqual(again[1]["Widefield-Duplicate"], "true")
                for other in ("traces", "logs"):
                    refused = self.server.request("POST", f"/v1/{other}", nothing, headers)
                    self.assertEqual((refused[0], refused[1]["Content-Type"]), (422, type_))
        rows = self.server.rows(f"from * | {WHILE} | stats count()")
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
        provider = TracerProvider(resource=RESOURCE)
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

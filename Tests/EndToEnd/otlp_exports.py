"""What every exporter of OpenTelemetry's SDK for Python sends, unchanged but for its endpoint, and what came of it."""
import logging

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

START = 1_773_151_200_000_000_000  # 2026-03-10T14:00:00Z
WHILE = "between 2026-03-10T14:00:00Z and 2026-03-10T14:01:00Z"
RESOURCE = Resource({
    "service.name": "shop", "service.version": "1.2.3", "host.cpus": 4,
    "process.command_args": ["python", "shop.py"]})


class Exports:
    """What OpenTelemetry's SDK sends, and what came of it; `exporter` makes one for a signal."""

    def events(self, text):
        return self.server.query(text)["data"]["results"]

    def test_spans_with_their_events_and_links(self):
        provider = TracerProvider(resource=RESOURCE)
        provider.add_span_processor(BatchSpanProcessor(self.exporter("traces")))
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
        provider = LoggerProvider(resource=RESOURCE)
        provider.add_log_record_processor(BatchLogRecordProcessor(self.exporter("logs")))
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
        reader = PeriodicExportingMetricReader(self.exporter("metrics"))
        provider = MeterProvider([reader], resource=RESOURCE)
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

"""A server that has too much to do, or no room, for real: whom it refuses, and who comes again."""
import logging
import random
import subprocess
import unittest

import grpc
import requests
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from crowd import Crowded
from grpc_server import CODE, GRPCServerTest, spans
from otlp_exports import RESOURCE, START, WHILE
from server import Server


class BusyTest(Crowded, GRPCServerTest):
    def test_bodies_that_stall_keep_out_large_ones_and_nobody_else(self):
        large = spans(*(random.Random(n).randbytes(25_000).hex() for n in range(110)))
        before = self.memory("VmRSS")
        self.crowd()
        with self.announce(5 << 20) as refused:
            answer = refused.recv(65536)
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: ", answer)
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(large)
        self.assertEqual(caught.exception.code(), CODE.RESOURCE_EXHAUSTED)
        info = RetryInfo.FromString(dict(caught.exception.trailing_metadata())["google.rpc.retryinfo-bin"])
        self.assertGreaterEqual(info.retry_delay.seconds, 1)
        self.assertEqual(self.server.request("GET", "/healthz")[0], 200)
        self.assertEqual(self.server.request("POST", "/1/batch/shop", b'[{"data":{"a":1}}]')[0], 200)
        self.assertEqual(self.call(spans("small")), b"")
        self.assertLess(self.memory("VmRSS") - before, 128 << 20)
        self.disperse()
        self.wait(lambda: self.figure("widefield_http_body_bytes_in_flight") == 0)
        self.assertEqual(self.call(large), b"")


class Refusals(logging.Handler):
    """What an exporter logs when it is refused and will come again; `relief` comes with the first."""

    def __init__(self, relief):
        super().__init__()
        self.relief = relief
        self.pauses, self.reasons = [], []

    def emit(self, record):
        if "retrying in" not in record.getMessage():
            return
        self.reasons.append(record.args[0])
        self.pauses.append(record.args[-1])
        if len(self.pauses) == 1:
            self.relief()


class ComeAgainTest(Crowded, GRPCServerTest):
    """Exporters of OpenTelemetry's SDK as they are, refused by a server that cannot, and then can."""

    def expect_all_after_refusal(self, exporter, relief):
        """Exports spans of some megabytes, which are refused until `relief`; the pauses and reasons logged."""
        tracer = TracerProvider(resource=RESOURCE).get_tracer("t")
        sent = []
        for number in range(110):
            text = random.Random(number).randbytes(25_000).hex()
            sent.append(tracer.start_span(
                f"span {number}", start_time=START + number, attributes={"text": text, "n": number}))
            sent[-1].end(START + number + 1_000_000)
        refusals = Refusals(relief)
        logger = logging.getLogger("opentelemetry.exporter.otlp.proto")
        logger.addHandler(refusals)
        self.addCleanup(logger.removeHandler, refusals)
        self.assertEqual(exporter.export(sent), SpanExportResult.SUCCESS)
        exporter.shutdown()
        self.assertGreaterEqual(len(refusals.pauses), 1, "it was not refused")
        rows = self.server.query(f"from shop | {WHILE} | fields * | limit 1000")["data"]["results"]
        self.assertEqual(
            sorted((row["data"]["n"], row["data"]["name"], row["data"]["text"]) for row in rows),
            [(span.attributes["n"], span.name, span.attributes["text"]) for span in sent])
        return refusals

    def http_exporter(self):
        """The exporter, and a list of the answers it gets."""
        answers = []
        session = requests.Session()
        session.hooks["response"].append(lambda answer, **_: answers.append(answer))
        return HTTPExporter(f"{self.server.url}/v1/traces", session=session, timeout=60), answers

    def expect_refused_then_taken(self, answers):
        """By HTTP's rules the header is whole seconds (RFC 9110 §10.2.3), as OTLP's specification asks."""
        self.assertEqual(
            [answer.status_code for answer in answers], [503] * (len(answers) - 1) + [200])
        for answer in answers[:-1]:
            self.assertEqual(answer.headers["Content-Type"], "application/x-protobuf")
            self.assertRegex(answer.headers["Retry-After"], "^[1-9][0-9]?$")

    def test_over_http_when_there_is_too_much_to_do(self):
        exporter, answers = self.http_exporter()
        self.crowd()
        self.expect_all_after_refusal(exporter, self.disperse)
        self.expect_refused_then_taken(answers)
        self.assertIn(int(answers[0].headers["Retry-After"]), range(1, 5))

    def test_over_grpc_when_there_is_too_much_to_do(self):
        self.crowd()
        refusals = self.expect_all_after_refusal(
            GRPCExporter(endpoint=self.target, insecure=True, timeout=60), self.disperse)
        self.assertEqual(set(refusals.reasons), {CODE.RESOURCE_EXHAUSTED})
        # Whole seconds as our RetryInfo has them: a back-off of its own is never whole.
        self.assertLessEqual(set(refusals.pauses), {1.0, 2.0, 3.0, 4.0})

    def test_over_http_when_there_is_no_room(self):
        self.leave_no_room()
        exporter, answers = self.http_exporter()
        self.expect_all_after_refusal(exporter, self.make_room)
        self.expect_refused_then_taken(answers)

    def leave_no_room(self):
        """A server whose files may not grow so large, as if the disk were full."""
        self.server.stop()
        self.server = Server(
            self.data, "--log-file-bytes", "65536", *self.options,
            wrapper=("prlimit", "--fsize=1000000:"))

    def make_room(self):
        subprocess.run(
            ["prlimit", f"--pid={self.server.process.pid}", "--fsize=unlimited:"], check=True)


if __name__ == "__main__":
    unittest.main()

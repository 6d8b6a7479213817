"""OTLP over gRPC: OpenTelemetry's exporters, calls as grpcio makes them, and bytes no client would send."""
import os
import random
import signal
import socket
import subprocess
import threading
import time
import unittest

import grpc
import h2.config
import h2.connection
import h2.events
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from grpc_server import CODE, TRACES, GRPCServerTest, spans
from otlp_exports import WHILE, Exports
from server import BINARY, Server, free_port


class ExportTest(Exports, GRPCServerTest):
    def exporter(self, signal):
        exporters = {
            "traces": OTLPSpanExporter, "logs": OTLPLogExporter, "metrics": OTLPMetricExporter}
        return exporters[signal](
            endpoint=self.target, insecure=True, compression=grpc.Compression.Gzip)


class CallTest(GRPCServerTest):
    def test_calls_are_answered_plain_and_compressed(self):
        self.assertEqual(self.call(spans("a")), b"")
        self.assertEqual(self.call(spans("a"), compression=grpc.Compression.Gzip), b"")
        self.assertEqual(self.call(spans("b"), compression=grpc.Compression.Deflate), b"")
        self.assertEqual(self.call(b""), b"")
        self.assertEqual(self.names(), {"a": 2, "b": 1})

    def test_many_calls_on_one_connection(self):
        with grpc.insecure_channel(self.target) as channel:
            export = channel.unary_unary(TRACES)
            waiting = [export.future(spans(f"n{n % 7}")) for n in range(700)]
            self.assertEqual({call.result(60) for call in waiting}, {b""})
        self.assertEqual(self.names(), {f"n{n}": 100 for n in range(7)})

    def test_a_message_of_many_megabytes(self):
        name = "x" * 60_000
        self.assertEqual(self.call(spans(*[name] * 300)), b"")
        self.assertEqual(self.names(), {name: 300})

    def test_what_was_not_kept_is_told(self):
        answer = ExportTraceServiceResponse.FromString(self.call(spans("a", "x" * 70_000, "b")))
        self.assertEqual(answer.partial_success.rejected_spans, 1)
        self.assertIn(
            "string value exceeds the limit of 65535 bytes", answer.partial_success.error_message)
        self.assertEqual(self.names(), {"a": 1, "b": 1})

    def test_refusals(self):
        self.assertEqual(
            self.refusal(b"\x0a\x7f"),
            (CODE.INVALID_ARGUMENT, "failed to parse OTLP request body: "
             "a length beyond the end of its message at byte 1"))
        self.assertEqual(self.refusal(b"", method="/a.B/C")[0], CODE.UNIMPLEMENTED)
        self.assertEqual(self.refusal(b"", method="/v1/traces")[0], CODE.UNIMPLEMENTED)
        code, details = self.refusal(bytes(20 << 20) + b"\0")
        self.assertEqual(code, CODE.RESOURCE_EXHAUSTED)
        self.assertIn("Request body is too large", details)
        code, _ = self.refusal(bytes(65 << 20), compression=grpc.Compression.Gzip)
        self.assertEqual(code, CODE.RESOURCE_EXHAUSTED)
        code, _ = self.refusal(b"", metadata=[(f"m{n}", "x" * 1000) for n in range(17)])
        self.assertEqual(code, CODE.RESOURCE_EXHAUSTED)
        self.assertEqual(self.call(spans("after")), b"")

    def test_a_call_has_one_message(self):
        with grpc.insecure_channel(self.target) as channel:
            for messages in [[], [spans("a"), spans("b")]]:
                with self.assertRaises(grpc.RpcError) as caught:
                    channel.stream_unary(TRACES)(iter(messages), timeout=20)
                self.assertIn(caught.exception.code(), [CODE.UNIMPLEMENTED, CODE.INTERNAL])
        self.assertEqual(self.names(), {})

    def test_health(self):
        self.assertEqual(self.call(b"", method="/grpc.health.v1.Health/Check"), b"\x08\x01")

    def test_a_taken_port_is_named(self):
        done = subprocess.run(
            [BINARY, "serve", "--data", os.path.join(self.directory, "second"), "--listen",
             f"127.0.0.1:{free_port()}", "--otlp-http", "off", "--otlp-grpc", self.target],
            capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot listen on {self.target}", done.stderr.decode())

    def test_stopping_while_clients_send(self):
        kept, refused, stopping = [], [], threading.Event()

        def send(number):
            with grpc.insecure_channel(
                    self.target, options=[("grpc.enable_retries", 0)]) as channel:
                export = channel.unary_unary(TRACES)
                while not stopping.is_set():
                    try:
                        export(spans(f"n{number}"), timeout=20)
                        kept.append(number)
                    except grpc.RpcError as error:
                        refused.append(error.code())
                        return

        senders = [threading.Thread(target=send, args=(n,)) for n in range(8)]
        for sender in senders:
            sender.start()
        while len(kept) < 100:
            time.sleep(0.01)
        self.assertEqual(self.server.stop(), 0)
        stopping.set()
        for sender in senders:
            sender.join()
        self.assertLessEqual(set(refused), {CODE.UNAVAILABLE})
        self.server = Server(self.data, *self.options)
        # Who got no answer may have been kept all the same.
        total = sum(self.names().values())
        self.assertGreaterEqual(total, len(kept))
        self.assertLessEqual(total, len(kept) + len(refused))


class KeyTest(GRPCServerTest):
    def test_a_key_tells_the_environment_and_what_is_allowed(self):
        keys = {
            kind: self.tool("keys", "create", "--data", self.data, "--kind", kind,
                            "--environment", "production").strip()
            for kind in ["ingest", "query"]}
        self.restart()

        def code(**metadata):
            try:
                self.call(spans("a"), metadata=[
                    (name.replace("_", "-"), value) for name, value in metadata.items()])
                return CODE.OK
            except grpc.RpcError as error:
                return error.code()

        self.assertEqual(code(), CODE.UNAUTHENTICATED)
        self.assertEqual(code(x_honeycomb_team="x" * 32), CODE.UNAUTHENTICATED)
        self.assertEqual(code(x_honeycomb_team=keys["query"]), CODE.PERMISSION_DENIED)
        self.assertEqual(code(x_honeycomb_team=keys["ingest"]), CODE.OK)
        self.assertEqual(code(authorization="Bearer " + keys["ingest"]), CODE.OK)
        found = self.server.json(
            "POST", "/api/query",
            {"query": f"from unknown_service | {WHILE} | stats count()"},
            {"X-Honeycomb-Team": keys["query"]})
        self.assertEqual(found["data"]["results"], [{"data": {"COUNT": 2}}])


class FullTest(GRPCServerTest):
    def test_no_room_tells_when_to_come_again(self):
        self.server.stop()
        self.server = Server(
            self.data, "--log-file-bytes", "65536", *self.options,
            wrapper=("prlimit", "--fsize=1000000"))
        self.assertEqual(self.call(spans("small")), b"")
        # No file may grow so large, as if the disk were full.
        large = spans(*(random.Random(n).randbytes(25_000).hex() for n in range(100)))
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(large)
        self.assertEqual(caught.exception.code(), CODE.UNAVAILABLE)
        trailers = dict(caught.exception.trailing_metadata())
        status = Status.FromString(trailers["grpc-status-details-bin"])
        self.assertEqual(status.code, CODE.UNAVAILABLE.value[0])
        self.assertEqual(status.message, caught.exception.details())
        info = RetryInfo()
        self.assertTrue(status.details[0].Unpack(info))
        self.assertGreaterEqual(info.retry_delay.seconds, 1)
        self.assertEqual(
            RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]), info)
        self.assertEqual(self.names(), {"small": 1})


class FrameTest(GRPCServerTest):
    """A connection whose frames are put together by hand."""

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.addCleanup(connection.close)
        protocol = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        protocol.initiate_connection()
        return connection, protocol

    def begin(self, protocol, *fields, method="POST", **options):
        stream = protocol.get_next_available_stream_id()
        protocol.send_headers(stream, [
            (":method", method), (":scheme", "http"), (":path", TRACES),
            (":authority", self.target), ("content-type", "application/grpc"), ("te", "trailers"),
            *fields], **options)
        return stream

    def message(self, body):
        return b"\0" + len(body).to_bytes(4, "big") + body

    def fields(self, connection, protocol):
        """Header fields and trailers of the first answer."""
        fields = {}
        connection.sendall(protocol.data_to_send())
        while data := connection.recv(65536):
            for event in protocol.receive_data(data):
                fields.update(getattr(event, "headers", None) or {})
                if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    return fields
            connection.sendall(protocol.data_to_send())
        return fields

    def status(self, *fields, body=None, **options):
        connection, protocol = self.connect()
        stream = self.begin(protocol, *fields, **options)
        if body is not None:
            protocol.send_data(stream, body, end_stream=True)
        answer = self.fields(connection, protocol)
        return int(answer.get("grpc-status", "-1")), answer

    def test_a_call_byte_by_byte(self):
        connection, protocol = self.connect()
        stream = self.begin(protocol)
        protocol.send_data(stream, self.message(spans("slow")), end_stream=True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in protocol.data_to_send():
            connection.sendall(bytes([byte]))
        answer = self.fields(connection, protocol)
        self.assertEqual(
            (answer[":status"], answer["content-type"], answer["grpc-status"]),
            ("200", "application/grpc", "0"))
        self.assertEqual(self.names(), {"slow": 1})

    def test_who_does_not_wait_any_more_is_not_kept(self):
        status, answer = self.status(("grpc-timeout", "1n"), body=self.message(spans("late")))
        self.assertEqual((status, answer["grpc-message"]), (4, "the deadline is over"))
        self.assertEqual(self.names(), {})
        status, _ = self.status(("grpc-timeout", "20S"), body=self.message(spans("early")))
        self.assertEqual((status, self.names()), (0, {"early": 1}))

    def test_messages_that_lie(self):
        for body, expected in [
            (b"\0\xff\xff\xff\xff", 8), (b"\0\0\0\0\5abc", 13), (b"", 13), (b"\0\0\0", 13),
            (b"\2\0\0\0\0", 13), (b"\1\0\0\0\3abc", 13), (self.message(b"") * 2 + b"x", 12),
        ]:
            self.assertEqual(self.status(body=body)[0], expected, body)
        status, answer = self.status(
            ("grpc-encoding", "snappy"), body=b"\1\0\0\0\3abc")
        self.assertEqual((status, answer["grpc-accept-encoding"]), (12, "identity,gzip,deflate,zstd"))
        self.assertEqual(self.status(("grpc-timeout", "soon"), body=b"")[0], 3)
        self.assertEqual(self.status(method="GET", body=b"")[0], 12)

    def test_what_is_no_grpc_is_told_by_http(self):
        connection, protocol = self.connect()
        protocol.send_headers(1, [
            (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", self.target)],
            end_stream=True)
        self.assertEqual(self.fields(connection, protocol)[":status"], "415")

    def test_a_foreign_host_is_refused(self):
        connection, protocol = self.connect()
        protocol.send_headers(1, [
            (":method", "POST"), (":scheme", "http"), (":path", TRACES),
            (":authority", "evil.example"), ("content-type", "application/grpc")])
        self.assertEqual(self.fields(connection, protocol)["grpc-status"], "7")

    def test_pings_are_answered(self):
        connection, protocol = self.connect()
        protocol.ping(b"12345678")
        connection.sendall(protocol.data_to_send())
        while True:
            events = protocol.receive_data(connection.recv(65536))
            if any(isinstance(event, h2.events.PingAckReceived) for event in events):
                return

    def test_a_stop_says_goodbye_and_answers_what_was_begun(self):
        connection, protocol = self.connect()
        stream = self.begin(protocol)
        body = self.message(spans("begun"))
        protocol.send_data(stream, body[:20])
        connection.sendall(protocol.data_to_send())
        self.call(spans("other"))
        self.server.process.send_signal(signal.SIGTERM)
        events = []
        while not any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
            events += protocol.receive_data(connection.recv(65536))
        goodbye = next(e for e in events if isinstance(e, h2.events.ConnectionTerminated))
        self.assertEqual((goodbye.error_code, goodbye.last_stream_id), (0, stream))
        # h2 sends nothing more on a connection that ends; the frame is short enough to write here.
        rest = body[20:]
        connection.sendall(len(rest).to_bytes(3, "big") + b"\0\1" + stream.to_bytes(4, "big") + rest)
        received = b""
        while data := connection.recv(65536):
            received += data
        self.assertTrue(received)
        self.assertEqual(self.server.process.wait(20), 0)
        self.server.log.close()
        self.server = Server(self.data, *self.options)
        self.assertEqual(self.names(), {"begun": 1, "other": 1})

    def test_bytes_no_client_sends_end_their_connection_alone(self):
        generator = random.Random(7)
        connection, protocol = self.connect()
        stream = self.begin(protocol)
        protocol.send_data(stream, self.message(spans("whole")), end_stream=True)
        whole = protocol.data_to_send()
        connection.close()
        preface = whole[:24]

        def frame():
            size = generator.choice([0, 1, 4, 8, 100, 16384])
            return (size.to_bytes(3, "big") + generator.randbytes(2)
                    + generator.choice([0, 1, 3, 2 ** 31]).to_bytes(4, "big")
                    + generator.randbytes(generator.choice([size, size // 2])))

        attempts = [generator.randbytes(200) for _ in range(20)]
        attempts += [preface + b"".join(frame() for _ in range(20)) for _ in range(200)]
        attempts += [whole[:cut] for cut in range(0, len(whole), 7)]
        for _ in range(200):
            turned = bytearray(whole)
            turned[generator.randrange(24, len(whole))] ^= 1 << generator.randrange(8)
            attempts.append(bytes(turned))
        attempts.append(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        # Pings, settings and resets without end.
        attempts.append(whole + b"\0\0\x08\6\0\0\0\0\0abcdefgh" * 100_000)
        attempts.append(whole + b"\0\0\0\4\0\0\0\0\0" * 100_000)
        for attempt in attempts:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as sender:
                try:
                    sender.sendall(attempt)
                    sender.shutdown(socket.SHUT_WR)
                    while sender.recv(65536):
                        pass
                except TimeoutError:
                    raise
                except OSError:
                    pass
        self.assertEqual(self.call(spans("after")), b"")
        self.assertEqual(self.names()["after"], 1)


if __name__ == "__main__":
    unittest.main()

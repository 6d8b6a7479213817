"""A server of our own that listens for gRPC too, and calls of it as grpcio makes them."""
import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_exports import START, WHILE
from server import ServerTest, free_port

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CODE = grpc.StatusCode


def spans(*names):
    """A request with a span of each name, of no service."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        scope.spans.add(name=name, start_time_unix_nano=START, end_time_unix_nano=START)
    return request.SerializeToString()


class GRPCServerTest(ServerTest):
    """A server that also listens on a port for gRPC."""

    def setUp(self):
        self.port = free_port()
        self.options = (*self.options, "--otlp-grpc", f"127.0.0.1:{self.port}")
        super().setUp()
        self.target = f"127.0.0.1:{self.port}"

    def call(self, body, method=TRACES, metadata=None, **options):
        """The answer of one call on a channel of its own, in bytes."""
        with grpc.insecure_channel(self.target, options=[("grpc.enable_retries", 0)]) as channel:
            return channel.unary_unary(method)(body, metadata=metadata, timeout=60, **options)

    def refusal(self, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(*arguments, **options)
        return caught.exception.code(), caught.exception.details()

    def names(self):
        rows = self.server.rows(f"from * | {WHILE} | stats count() by name")
        return {row["name"]: row["COUNT"] for row in rows}

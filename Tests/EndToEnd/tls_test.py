"""TLS on every port: curl, exporters, versions, a certificate that is replaced, bytes that are no TLS."""
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GRPCExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otlp_exports import RESOURCE, START, WHILE
from server import BINARY, Server, free_port


class TLSTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="widefield-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = os.path.join(self.directory, "data")
        self.certificate, self.key = self.make("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.http_port, self.grpc_port = free_port(), free_port()
        self.server = Server(
            self.data, "--tls-certificate", self.certificate, "--tls-key", self.key,
            "--otlp-http", f"127.0.0.1:{self.http_port}",
            "--otlp-grpc", f"127.0.0.1:{self.grpc_port}",
            tls=ssl.create_default_context(cafile=self.certificate))
        self.addCleanup(self.end)
        self.ports = (self.server.port, self.http_port, self.grpc_port)

    def end(self):
        if self.server.process.poll() is None:
            self.server.stop(signal.SIGKILL)

    def make(self, *kind):
        """A key of this kind and a certificate of its own."""
        folder = tempfile.mkdtemp(dir=self.directory)
        paths = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-out", paths[0], "-keyout",
             paths[1], "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
        return paths

    def presented(self, port, version=None):
        """The version spoken and the certificate shown on a new connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
        if version:
            context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with context.wrap_socket(plain) as connection:
                return connection.version(), connection.getpeercert(True)

    def of(self, path):
        with open(path) as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def curl(self, *arguments):
        return subprocess.run(
            ["curl", "--silent", "--show-error", "--cacert", self.certificate, *arguments],
            capture_output=True, timeout=60)

    def test_curl_on_every_http_port(self):
        for port in (self.server.port, self.http_port):
            for options in ([], ["--tls-max", "1.2"]):
                done = self.curl(f"https://localhost:{port}/healthz", *options)
                self.assertEqual((done.stdout, done.stderr), (b"ok\n", b""))
        done = self.curl(
            f"https://localhost:{self.server.port}/1/events/shop", "--data", '{"a": 7}')
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertEqual(self.server.rows("from shop | last 1h | fields a"), [{"a": 7}])
        origin = {"Origin": f"https://127.0.0.1:{self.server.port}"}
        self.assertEqual(self.server.request("GET", "/", headers=origin)[0], 200)
        origin = {"Origin": f"http://127.0.0.1:{self.server.port}"}
        self.assertEqual(self.server.request("GET", "/", headers=origin)[0], 403)

    def tool(self, *arguments, url=None, trust=True, code=0):
        environment = {**os.environ, "WIDEFIELD_URL": url or self.server.url}
        if trust:
            environment["WIDEFIELD_AUTHORITIES"] = self.certificate
        done = subprocess.run(
            [BINARY, *arguments], capture_output=True, timeout=60, env=environment,
            input=b"".join(b'{"n": %d, "text": "%s"}\n' % (n, b"x" * 500) for n in range(20_000)))
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def test_our_own_commands(self):
        self.tool("send", "--dataset", "shop", "-")
        for url in (self.server.url, f"https://localhost:{self.server.port}"):
            out, _ = self.tool(
                "query", "--format", "csv", "from shop | last 1h | stats count(), max(n)", url=url)
            self.assertEqual(out.split()[1], "20000,19999")
        _, errors = self.tool("datasets", trust=False, code=3)
        self.assertIn("127.0.0.1 is not to be trusted", errors)
        _, errors = self.tool("datasets", url=f"http://127.0.0.1:{self.server.port}", code=3)
        self.assertIn("closed the connection", errors)

    def test_a_large_body_and_a_large_answer(self):
        lines = b"".join(b'{"n": %d, "text": "%s"}\n' % (n, b"x" * 1000) for n in range(8000))
        status, _, _ = self.server.request(
            "POST", "/1/batch/shop", lines, {"Content-Type": "application/x-ndjson"})
        self.assertEqual(status, 200)
        rows = self.server.rows("from shop | last 1h | fields n, text | limit 8000")
        self.assertEqual(sorted(row["n"] for row in rows), list(range(8000)))

    def test_versions(self):
        for port in self.ports:
            self.assertEqual(self.presented(port)[0], "TLSv1.3")
            self.assertEqual(self.presented(port, ssl.TLSVersion.TLSv1_2)[0], "TLSv1.2")
            for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    self.presented(port, old)

    def test_exporters(self):
        with open(self.certificate, "rb") as file:
            trusted = grpc.ssl_channel_credentials(file.read())
        exporters = {
            "http": HTTPExporter(
                f"https://localhost:{self.http_port}/v1/traces", certificate_file=self.certificate),
            "grpc": GRPCExporter(
                endpoint=f"https://localhost:{self.grpc_port}", credentials=trusted),
        }
        for name, exporter in exporters.items():
            provider = TracerProvider(resource=RESOURCE)
            provider.add_span_processor(BatchSpanProcessor(exporter))
            # Fewer than the exporter's queue holds; it drops what is beyond.
            for _ in range(1500):
                provider.get_tracer("t").start_span(name, start_time=START).end()
            provider.shutdown()
        rows = self.server.rows(f"from shop | {WHILE} | stats count() by name | sort name")
        self.assertEqual(
            rows, [{"name": "grpc", "COUNT": 1500}, {"name": "http", "COUNT": 1500}])
        self.assertEqual(self.server.stop(), 0)

    def reload(self):
        self.server.process.send_signal(signal.SIGHUP)

    def test_a_new_certificate_counts_after_sighup(self):
        kept = self.server.connection()
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        before = self.of(self.certificate)
        for kind in (["rsa:2048"], ["ed25519"]):
            certificate, key = self.make(*kind)
            shutil.copy(certificate, self.certificate)
            shutil.copy(key, self.key)
            expected = self.of(self.certificate)
            self.assertNotEqual(self.presented(self.grpc_port)[1], expected)
            self.reload()
            for _ in range(200):
                if self.presented(self.grpc_port)[1] == expected:
                    break
                time.sleep(0.02)
            for port in self.ports:
                self.assertEqual(self.presented(port)[1], expected)
        kept.request("GET", "/healthz")
        self.assertEqual(kept.getresponse().read(), b"ok\n")
        self.assertEqual(ssl.PEM_cert_to_DER_cert(
            ssl.DER_cert_to_PEM_cert(kept.sock.getpeercert(True))), before)
        kept.close()

    def test_a_certificate_that_is_none_changes_nothing(self):
        expected = self.of(self.certificate)
        other, _ = self.make("rsa:2048")
        shutil.copy(other, self.certificate)
        self.reload()
        path = os.path.join(self.directory, "server.log")
        for _ in range(200):
            with open(path) as file:
                if "certificate not read" in file.read():
                    break
            time.sleep(0.02)
        else:
            self.fail("nothing was said")
        for port in self.ports:
            self.assertEqual(self.presented(port)[1], expected)

    def test_files_that_are_none_are_named(self):
        missing = os.path.join(self.directory, "missing")
        other, _ = self.make("rsa:2048")
        long = os.path.join(self.directory, "long.pem")
        with open(self.certificate) as one, open(long, "w") as many:
            many.write(one.read() * 17)
        for arguments, code, expected in [
            (("--tls-certificate", missing, "--tls-key", self.key), 1, missing),
            (("--tls-certificate", other, "--tls-key", self.key), 1, other),
            (("--tls-certificate", long, "--tls-key", self.key), 1, long),
            (("--tls-certificate", self.key, "--tls-key", self.key), 1, self.key),
            (("--tls-key", self.key), 2, "tls-certificate and tls-key"),
        ]:
            done = subprocess.run(
                [BINARY, "serve", "--data", self.data + "2", "--listen",
                 f"127.0.0.1:{free_port()}", *arguments], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(expected, done.stderr.decode())

    def test_bytes_that_are_no_tls(self):
        generator = random.Random(5)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="a")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        attempts = [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"]
        attempts += [hello[:cut] for cut in range(0, len(hello), 31)]
        attempts += [hello + generator.randbytes(300) for _ in range(10)]
        for _ in range(40):
            turned = bytearray(hello)
            turned[generator.randrange(len(hello))] ^= 1 << generator.randrange(8)
            attempts.append(bytes(turned))
        for port in self.ports:
            for attempt in attempts:
                with socket.create_connection(("127.0.0.1", port), timeout=20) as sender:
                    received = b""
                    try:
                        sender.sendall(attempt)
                        sender.shutdown(socket.SHUT_WR)
                        while data := sender.recv(65536):
                            received += data
                    except TimeoutError:
                        raise
                    except OSError:
                        pass
                    self.assertNotIn(b"HTTP/1.1 200", received)
        for port in self.ports:
            self.assertEqual(self.presented(port)[0], "TLSv1.3")
        # Whoever stays silent does not hold up a stop.
        silent = socket.create_connection(("127.0.0.1", self.grpc_port))
        self.assertEqual(self.server.stop(), 0)
        silent.close()


if __name__ == "__main__":
    unittest.main()

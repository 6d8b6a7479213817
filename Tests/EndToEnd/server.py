"""A server of our own for a test: started on a free port with a directory that goes away."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

BINARY = os.environ["WIDEFIELD_BINARY"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The real binary, serving a directory; behind `wrapper`, a command that runs another.

    With `tls`, a context that trusts its certificate, it is spoken to over TLS.
    """

    def __init__(self, data, *options, wrapper=(), awaits="/readyz", tls=None, port=None):
        self.data = data
        self.tls = tls
        self.port = port or free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.log = open(os.path.join(os.path.dirname(data), "server.log"), "ab")
        self.process = subprocess.Popen(
            [*wrapper, BINARY, "serve", "--data", data, "--listen", f"127.0.0.1:{self.port}",
             *(() if "--otlp-http" in options else ("--otlp-http", "off")),
             *(() if "--otlp-grpc" in options else ("--otlp-grpc", "off")), *options],
            stderr=self.log)
        if awaits:
            self.wait_until_ready(awaits)

    def wait_until_ready(self, path="/readyz"):
        for _ in range(600):
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with {self.process.returncode}: {self.last_words()}")
            try:
                if self.request("GET", path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the server does not get ready: {self.last_words()}")

    def last_words(self):
        """The end of what it wrote to standard error."""
        with open(self.log.name, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log.name) - 2000))
            return log.read().decode(errors="replace")

    def connection(self):
        if self.tls:
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def request(self, method, path, body=None, headers=None):
        """Status, headers and body of an answer."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, value=None, headers=None):
        """The JSON of an answer that must be a success."""
        body = None if value is None else json.dumps(value).encode()
        status, _, answer = self.request(method, path, body, headers)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer[:300]}")
        return json.loads(answer)

    def query(self, text, **options):
        return self.json("POST", "/api/query", {"query": text, **options})

    def rows(self, text, **options):
        return [row["data"] for row in self.query(text, **options)["data"]["results"]]

    def get_query(self, text, headers=None, **parameters):
        parameters = urllib.parse.urlencode({"q": text, **parameters})
        return self.request("GET", f"/api/query?{parameters}", headers=headers)

    def stop(self, sign=signal.SIGTERM):
        """Sends a signal and gives the exit code."""
        self.process.send_signal(sign)
        code = self.process.wait(timeout=60)
        self.log.close()
        return code


class ServerTest(unittest.TestCase):
    """A test with a directory of its own and a server in it."""

    options = ()

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="widefield-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = os.path.join(self.directory, "data")
        self.server = Server(self.data, *self.options)
        self.addCleanup(self.end)

    def end(self):
        if self.server.process.poll() is None:
            self.server.stop(signal.SIGKILL)

    def restart(self, sign=signal.SIGTERM):
        self.server.stop(sign)
        self.server = Server(self.data, *self.options)

    def tool(self, *arguments, code=0, stdin=None):
        """Runs a command against the server; its standard output."""
        done = subprocess.run(
            [BINARY, *arguments], input=stdin, capture_output=True, timeout=120,
            env={**os.environ, "WIDEFIELD_URL": self.server.url})
        self.assertEqual(done.returncode, code, done.stderr.decode())
        self.errors = done.stderr.decode()
        return done.stdout.decode()

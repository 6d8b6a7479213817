"""A server most of whose room for bodies is taken by clients that announce them and stall."""
import socket
import time


class Crowded:
    """What a `ServerTest` needs to crowd its server; to be named before it among the base classes."""

    def announce(self, count):
        """A connection that says that so many bytes will come."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        connection.sendall(
            b"POST /1/batch/shop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % count)
        return connection

    def wait(self, what):
        end = time.monotonic() + 20
        while not what():
            self.assertLess(time.monotonic(), end, "nothing came of it")
            time.sleep(0.05)

    def figure(self, name):
        _, _, text = self.server.request("GET", "/metrics")
        return next(float(line.split()[1]) for line in text.decode().splitlines()
                    if line.startswith(name + " "))

    def memory(self, name):
        """Bytes that the server's process has in memory (`VmRSS`) or had at most (`VmHWM`)."""
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith(name + ":"))

    def crowd(self):
        """Takes what room large bodies may have, but for 4 MiB."""
        self.stalled = [self.announce(20 << 20) for _ in range(19)]
        self.addCleanup(self.disperse)
        self.wait(lambda: self.figure("widefield_http_body_bytes_in_flight") == 380 << 20)

    def disperse(self):
        while self.stalled:
            self.stalled.pop().close()

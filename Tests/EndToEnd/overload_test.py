"""Many clients at once: after a restart or a refusal all come back, and whatever is acknowledged is there."""
import http.client
import json
import signal
import threading
import time
import unittest

from crowd import Crowded
from server import ServerTest

CLIENTS = 200
REQUESTS = 10


class Client(threading.Thread):
    """Sends its requests one by one, each until it is acknowledged."""

    def __init__(self, number, port, start, requests, padding):
        super().__init__(daemon=True)
        self.number, self.port, self.gate = number, port, start
        self.requests, self.padding = requests, b" " * padding
        self.acknowledged, self.statuses, self.hints = [], {}, []

    def run(self):
        self.gate.wait()
        connection = None
        for request in range(self.requests):
            body = json.dumps([{"data": {"client": self.number, "request": request, "event": n}}
                               for n in range(20)]).encode() + self.padding
            while True:
                connection = connection or http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=60)
                try:
                    try:
                        connection.request("POST", "/1/batch/herd", body,
                                           {"Idempotency-Key": f"{self.number}-{request}"})
                    except (BrokenPipeError, ConnectionResetError):
                        # Refused before all of it was sent: the answer may be there.
                        pass
                    answer = connection.getresponse()
                    document = answer.read()
                except (ConnectionError, http.client.HTTPException, TimeoutError):
                    # Not yet listening, or more connections than are taken.
                    connection.close()
                    connection = None
                    time.sleep(0.2)
                    continue
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                if answer.status == 200:
                    assert json.loads(document) == [{"status": 202}] * 20, document
                    self.acknowledged.append(request)
                    break
                self.hints.append(answer.headers.get("Retry-After"))
                if answer.status != 503:
                    return
                time.sleep(min(float(self.hints[-1]), 1))
        connection.close()


class OverloadTest(Crowded, ServerTest):
    # A small log and head, so that files change and heads are sealed under the load.
    options = ("--log-file-bytes", "1048576", "--head-rows", "5000")

    def herd(self, port, requests=REQUESTS, padding=0):
        """All clients, waiting to begin at the same moment; so many bytes of their bodies say nothing."""
        start = threading.Event()
        clients = [Client(number, port, start, requests, padding) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients, start

    def check(self, clients, requests=REQUESTS):
        for client in clients:
            client.join(timeout=120)
            self.assertFalse(client.is_alive(), "a client was never answered")
            self.assertLessEqual(set(client.statuses), {200, 503}, client.statuses)
            self.assertEqual(client.acknowledged, list(range(requests)))
            self.assertTrue(all(1 <= int(hint) <= 60 for hint in client.hints), client.hints)
        row, = self.server.rows(
            "from herd | last 1h | stats count(), distinct(client), sum(request)")
        self.assertEqual(row["COUNT"], CLIENTS * requests * 20)
        self.assertEqual(row["COUNT_DISTINCT(client)"], CLIENTS)
        self.assertEqual(row["SUM(request)"], CLIENTS * 20 * sum(range(requests)))

    def test_those_who_are_refused_take_no_memory_and_come_back(self):
        before = self.memory("VmRSS")
        self.crowd()
        # 1.5 MiB from each are 300 MiB, of which there is room for four.
        clients, start = self.herd(self.server.port, requests=2, padding=3 << 19)
        start.set()
        refused = lambda: sum(client.statuses.get(503, 0) for client in clients)
        self.wait(lambda: refused() >= CLIENTS)
        self.assertLess(self.memory("VmHWM") - before, 64 << 20)
        self.disperse()
        self.check(clients, requests=2)
        self.assertGreaterEqual(refused(), CLIENTS)
        # Bodies that are taken may fill their room of 512 MiB, and have been decoded beside it.
        self.assertLess(self.memory("VmHWM") - before, 768 << 20)
        self.wait(lambda: self.figure("widefield_http_body_bytes_in_flight") == 0)

    def test_all_clients_come_back_at_once_after_a_restart(self):
        self.server.request("POST", "/1/batch/herd-before", b'[{"data":{"a":1}}]')
        clients, start = self.herd(self.server.port)
        port = self.server.port
        self.server.stop(signal.SIGKILL)
        start.set()
        time.sleep(0.5)
        self.reopen(port)
        self.check(clients)
        row, = self.server.rows("from herd-before | last 1h | stats count()")
        self.assertEqual(row["COUNT"], 1)

    def test_a_restart_in_the_middle_loses_and_doubles_nothing(self):
        clients, start = self.herd(self.server.port)
        port = self.server.port
        start.set()
        time.sleep(0.3)
        self.server.stop(signal.SIGKILL)
        self.reopen(port)
        self.check(clients)
        self.assertEqual(self.server.stop(), 0)
        self.tool("verify", "--data", self.data)

    def reopen(self, port):
        """Starts the server again on the port its clients know."""
        self.server = type(self.server)(self.data, *self.options, port=port)


if __name__ == "__main__":
    unittest.main()

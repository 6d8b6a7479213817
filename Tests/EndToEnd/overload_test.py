"""Many clients at once: after a restart all come back, and whatever is acknowledged is there."""
import http.client
import json
import signal
import threading
import time
import unittest

from server import ServerTest

CLIENTS = 200
REQUESTS = 10


class Client(threading.Thread):
    """Sends its requests one by one, each until it is acknowledged."""

    def __init__(self, number, port, start):
        super().__init__(daemon=True)
        self.number, self.port, self.gate = number, port, start
        self.acknowledged, self.statuses, self.hints = [], {}, []

    def run(self):
        self.gate.wait()
        connection = None
        for request in range(REQUESTS):
            body = json.dumps([{"data": {"client": self.number, "request": request, "event": n}}
                               for n in range(20)])
            while True:
                connection = connection or http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=60)
                try:
                    connection.request("POST", "/1/batch/herd", body,
                                       {"Idempotency-Key": f"{self.number}-{request}"})
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


class OverloadTest(ServerTest):
    # A small log and head, so that files change and heads are sealed under the load.
    options = ("--log-file-bytes", "1048576", "--head-rows", "5000")

    def herd(self, port):
        """All clients, waiting to begin at the same moment."""
        start = threading.Event()
        clients = [Client(number, port, start) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients, start

    def check(self, clients):
        for client in clients:
            client.join(timeout=120)
            self.assertFalse(client.is_alive(), "a client was never answered")
            self.assertLessEqual(set(client.statuses), {200, 503}, client.statuses)
            self.assertEqual(client.acknowledged, list(range(REQUESTS)))
            self.assertTrue(all(1 <= int(hint) <= 60 for hint in client.hints), client.hints)
        row, = self.server.rows(
            "from herd | last 1h | stats count(), distinct(client), sum(request)")
        self.assertEqual(row["COUNT"], CLIENTS * REQUESTS * 20)
        self.assertEqual(row["COUNT_DISTINCT(client)"], CLIENTS)
        self.assertEqual(row["SUM(request)"], CLIENTS * 20 * sum(range(REQUESTS)))

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

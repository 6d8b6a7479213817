"""A server with rules, and someone who is told of alerts: an HTTP server that keeps what it gets."""
import http.server
import json
import re
import threading
import time

from server import ServerTest

RULES = """
groups:
  - name: shop
    interval: 1s
    rules:
      - record: shop:events:total
        expr: sum(shop_events_total)
      - alert: EventsCame
        expr: shop:events:total > 0
        for: 2s
        labels: {tier: page, severity: critical}
        annotations:
          summary: 'events: {{ $value }}'
"""


class Receiver:
    """Keeps bodies with the time they came; answers `status`, after `delay` seconds.

    `is_direct`: messages come from the server itself, not by way of Alertmanager.
    """

    def __init__(self, port=0, is_direct=True):
        self.is_direct = is_direct
        self.bodies = []
        self.headers = []
        self.status = 200
        self.delay = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(receiver.delay)
                receiver.headers.append(dict(self.headers))
                if receiver.status < 300:
                    receiver.bodies.append((time.time(), self.path, body))
                self.send_response(receiver.status)
                if receiver.status in (301, 302, 307, 308):
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def wait_for(self, count, seconds=30):
        """Waits for so many messages; all that came.

        Each that the server sends is a span of a trace of its own, whoever it is for.
        """
        end = time.time() + seconds
        while len(self.bodies) < count and time.time() < end:
            time.sleep(0.1)
        parents = [headers.get("traceparent", "none") for headers in list(self.headers) if self.is_direct]
        assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", parent) for parent in parents), parents
        assert len({parent[3:35] for parent in parents}) == len(parents), parents
        return [body for _, _, body in self.bodies]


class AlertCase(ServerTest):
    options = ("--self-telemetry", "off", "--standstill", "60", "--rule-interval", "1")

    def send(self, count=1, dataset="shop", age=60):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
        self.server.json(
            "POST", f"/1/batch/{dataset}", [{"time": stamp, "data": {"n": n}} for n in range(count)])

    def define(self):
        # The events are older than the time that metrics wait for late ones.
        self.send(3)
        self.server.json("PUT", "/api/metrics/shop_events_total", {"dataset": "shop"})

    def listening(self):
        """A receiver that is there until the test ends."""
        receiver = Receiver()
        self.addCleanup(receiver.close)
        return receiver

    def put_rules(self, text, name="shop"):
        status, _, answer = self.server.request("PUT", f"/api/rules/{name}", text.encode())
        return status, json.loads(answer)

    def wait(self, what, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            found = what()
            if found:
                return found
            time.sleep(0.1)
        self.fail("nothing came of it")

    def wait_until_kept(self, messages):
        """Waits until the server keeps that so many messages were taken: a kill tells none of them again."""
        self.wait(lambda: sum(
            one["messages_taken"] for one in self.server.json("GET", "/api/receivers")) >= messages)

    def alerts(self, state="firing"):
        found = self.server.json("GET", "/api/v1/alerts")["data"]["alerts"]
        return [one for one in found if one["state"] == state]

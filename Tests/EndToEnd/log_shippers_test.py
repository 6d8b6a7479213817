"""Shippers of logs: what Fluent Bit sends, and syslog as lines of JSON by curl."""
import json
import pathlib
import socket
import subprocess
import unittest

from server import ServerTest

RECORDED = pathlib.Path(__file__).resolve().parents[2] / "fixtures/requests/fluent-bit"
WHILE = "between 2026-03-10T14:00:00Z and 2026-03-10T14:01:00Z"

#: As `rsyslog` writes them with a template of its own, journald with `-o json`, and syslog-ng with `$(format-json)`.
SYSLOG = [
    {"timestamp": "2026-03-10T14:00:00.250000+01:00", "host": "web-3", "severity": "err", "facility": "auth",
     "syslog-tag": "sshd[4711]:", "message": "Failed password for \"root\" from 192.0.2.7", "pri": 35},
    {"__REALTIME_TIMESTAMP": "1773151201500000", "PRIORITY": "6", "_PID": "812", "_SYSTEMD_UNIT": "cron.service",
     "MESSAGE": "(root) CMD (run-parts /etc/cron.hourly)", "time": "1773151201500"},
    {"@timestamp": "2026-03-10T14:00:02Z", "PROGRAM": "kernel", "MESSAGE": "eth0: link up\ttäg",
     "nested": {"if": {"index": 2, "up": True}}, "list": [1, "two"], "nothing": None},
]


class FluentBitTest(ServerTest):
    def send(self, name):
        """Status and body of the answer to a recorded request, sent as it is."""
        recorded = (RECORDED / name).read_bytes()
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(recorded)
            answer = connection.makefile("rb")
            status = int(answer.readline().split()[1])
            length = 0
            while (line := answer.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            return status, json.loads(answer.read(length))

    def test_its_lines_are_events(self):
        for name in ("json-lines.http", "json-lines-gzip.http"):
            with self.subTest(name):
                self.assertEqual(self.send(name), (200, {"accepted": 3, "rejected": []}))
        found = self.server.query(f"from app | {WHILE} | fields * | sort timestamp")["data"]["results"]
        expected = [
            ("2026-03-10T14:00:00.123456Z", {
                "stream": "stderr", "_p": "F",
                "log": "Traceback (most recent call last):\n  KeyError: 'käse'\n",
                "kubernetes.pod_name": "cart-7d4b9c-x2x9p", "kubernetes.namespace_name": "shop",
                "kubernetes.labels.app": "cart", "kubernetes.labels.tier": "1",
                "kubernetes.container_name": "cart", "kubernetes.docker_id": "8f14e45f"}),
            ("2026-03-10T14:00:01.5Z", {
                "pri": "34", "time": "Mar 10 14:00:01", "host": "web-3", "ident": "sshd",
                "pid": "4711",
                "message": "Failed password for \"root\" from 192.0.2.7 port 52144 ssh2"}),
            ("2026-03-10T14:00:02.000001Z", {
                "cpu_p": 12.5, "user_p": 9.25, "system_p": 3.25, "cpu0.p_cpu": 13,
                "cpu1.p_cpu": 12}),
        ]
        self.assertEqual(
            [(e["time"], e["data"]) for e in found], [e for e in expected for _ in range(2)])


class SyslogTest(ServerTest):
    def test_lines_by_curl_are_events(self):
        lines = "".join(json.dumps(record) + "\n" for record in SYSLOG).encode()
        for encoding, body in (("identity", lines), ("gzip", None)):
            if body is None:
                body = subprocess.run(["gzip", "-c"], input=lines, capture_output=True, check=True).stdout
            done = subprocess.run(
                ["curl", "--silent", "--show-error", "--fail-with-body", "--data-binary", "@-",
                 "-H", "Content-Type: application/x-ndjson", "-H", f"Content-Encoding: {encoding}",
                 f"{self.server.url}/1/batch/{encoding}"], input=body, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout), {"accepted": 3, "rejected": []})
            found = self.server.query(
                f"from {encoding} | between 2026-03-10T13:00:00Z and 2026-03-10T14:01:00Z"
                " | fields * | sort timestamp")["data"]["results"]
            expected = []
            for time, record, used in [
                    ("2026-03-10T13:00:00.25Z", SYSLOG[0], "timestamp"),
                    ("2026-03-10T14:00:01.5Z", SYSLOG[1], "time"),
                    ("2026-03-10T14:00:02Z", SYSLOG[2], "@timestamp")]:
                fields = {k: v for k, v in record.items() if k not in (used, "nested", "nothing")}
                expected.append((time, fields))
            expected[2][1].update({"nested.if.index": 2, "nested.if.up": True, "list": '[1,"two"]'})
            self.assertEqual([(e["time"], e["data"]) for e in found], expected)


if __name__ == "__main__":
    unittest.main()

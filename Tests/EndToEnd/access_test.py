"""Who may do what: keys and their kinds, environments, foreign origins, headers."""
import json
import os
import signal
import subprocess
import time
import unittest

from server import BINARY, Server, ServerTest, free_port


class OpenServerTest(ServerTest):
    def test_foreign_hosts_and_origins_are_refused(self):
        port = self.server.port
        for headers, expected in [
            ({}, 200), ({"Host": f"localhost:{port}"}, 200), ({"Host": "evil.example"}, 403),
            ({"Origin": f"http://127.0.0.1:{port}"}, 200), ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
        ]:
            for method, path in [("GET", "/1/auth"), ("POST", "/1/events/x"), ("GET", "/")]:
                status, _, _ = self.server.request(method, path, b'{"a":1}', headers)
                self.assertEqual(status, expected, (headers, path))

    def test_every_answer_has_the_security_headers(self):
        for path in ["/", "/assets/page.js", "/1/auth", "/nothing", "/api/query", "/metrics"]:
            _, headers, _ = self.server.request("GET", path)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertNotIn("unsafe", headers["Content-Security-Policy"])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertIsNone(headers["Access-Control-Allow-Origin"])

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.server.request("GET", "/nothing")[0], 404)
        status, headers, _ = self.server.request("GET", "/1/events/x")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))

    def test_auth_tells_what_honeycombs_clients_ask(self):
        answer = self.server.json("GET", "/1/auth")
        self.assertEqual(answer["environment"], {"name": "default", "slug": "default"})
        self.assertTrue(answer["api_key_access"]["events"])

    def test_an_address_others_reach_needs_keys(self):
        done = subprocess.run(
            [BINARY, "serve", "--data", self.data + "2", "--listen", f"0.0.0.0:{free_port()}"],
            capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"widefield keys create", done.stderr)

    def test_a_taken_port_and_a_taken_directory_are_named(self):
        taken = f"127.0.0.1:{self.server.port}"
        for data, listen, expected in [
            (self.data + "2", taken, taken), (self.data, f"127.0.0.1:{free_port()}", self.data),
        ]:
            done = subprocess.run(
                [BINARY, "serve", "--data", data, "--listen", listen],
                capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn(expected, done.stderr.decode())


class KeysTest(ServerTest):
    def create(self, kind, environment):
        return self.tool(
            "keys", "create", "--data", self.data, "--kind", kind,
            "--environment", environment).strip()

    def setUp(self):
        super().setUp()
        self.server.stop()
        self.keys = {
            (kind, environment): self.create(kind, environment)
            for kind in ("ingest", "query", "admin") for environment in ("crimson", "azure")
        }
        self.server = Server(self.data)

    def status(self, key, method, path, body=None):
        headers = {"X-Honeycomb-Team": key} if key else {}
        return self.server.request(method, path, body, headers)[0]

    def test_kinds_of_keys_against_routes(self):
        routes = [
            ("POST", "/1/events/shop", b'{"a": 1}', {"ingest", "admin"}),
            ("POST", "/1/batch/shop", b"[]", {"ingest", "admin"}),
            ("GET", "/api/query?q=from+*", None, {"query", "admin"}),
            ("GET", "/1/datasets", None, {"query", "admin"}),
            ("GET", "/metrics", None, {"query", "admin"}),
            ("GET", "/1/auth", None, {"ingest", "query", "admin"}),
        ]
        for method, path, body, allowed in routes:
            for (kind, _), key in self.keys.items():
                expected = 200 if kind in allowed else 403
                self.assertEqual(self.status(key, method, path, body), expected, (kind, path))
            for wrong in (None, "wfa_wrong", self.keys["admin", "crimson"] + "x"):
                self.assertEqual(self.status(wrong, method, path, body), 401, path)
        self.assertEqual(self.status(None, "GET", "/"), 200)

    def test_an_environment_never_sees_another(self):
        for environment in ("crimson", "azure"):
            self.assertEqual(
                self.status(self.keys["ingest", environment], "POST", f"/1/events/{environment}",
                            json.dumps({"who": environment}).encode()), 200)
        for environment, other in (("crimson", "azure"), ("azure", "crimson")):
            headers = {"Authorization": f"Bearer {self.keys['query', environment]}"}
            names = self.server.json("GET", "/1/datasets", headers=headers)
            self.assertEqual([d["name"] for d in names], [environment])
            _, _, body = self.server.get_query("from * | last 1h | fields *", headers)
            self.assertNotIn(other.encode(), body)
            status, _, body = self.server.get_query(f"from {other}", headers)
            self.assertEqual(status, 404)

    def test_the_text_of_a_key_is_kept_nowhere(self):
        self.status(self.keys["ingest", "crimson"], "POST", "/1/events/shop", b'{"a": 1}')
        self.server.stop()
        for root, _, files in os.walk(self.directory):
            for name in files:
                with open(os.path.join(root, name), "rb") as file:
                    stored = file.read()
                for key in self.keys.values():
                    self.assertNotIn(key.encode(), stored, name)
        self.assertEqual(os.stat(self.data).st_mode & 0o77, 0)

    def test_a_directory_made_for_its_keys_is_its_owners_alone(self):
        other = os.path.join(self.directory, "other")
        self.tool("keys", "create", "--data", other, "--kind", "admin")
        for path in (other, os.path.join(other, "keys.json")):
            self.assertEqual(os.stat(path).st_mode & 0o77, 0, path)

    def test_a_new_key_counts_after_sighup(self):
        key = self.create("query", "crimson")
        self.assertEqual(self.status(key, "GET", "/1/auth"), 401)
        self.server.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if self.status(key, "GET", "/1/auth") == 200:
                break
            time.sleep(0.02)
        self.assertEqual(self.status(key, "GET", "/1/auth"), 200)


if __name__ == "__main__":
    unittest.main()

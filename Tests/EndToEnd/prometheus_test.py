"""Debian's Prometheus scrapes the server, and tells the same figures as the server does."""
import json
import os
import re
import shutil
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from server import ServerTest, free_port

#: Where `.ci/install-packages` unpacks it when it is not installed.
UNPACKED = os.path.join(os.path.dirname(__file__), "../../.build/prometheus/usr/bin")
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')


def program(name):
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], UNPACKED]))
    if not found:
        raise RuntimeError(f"{name} is missing: .ci/install-packages test brings it")
    return os.path.realpath(found)


class PrometheusTest(ServerTest):
    # Its own requests would be events too, more of them with every scrape.
    options = ("--self-telemetry", "off")

    def scrape(self, credentials=None):
        """Starts Prometheus, and waits until it has scraped the server or could not."""
        self.url = f"http://127.0.0.1:{free_port()}"
        configuration = os.path.join(self.directory, "prometheus.yml")
        with open(configuration, "w") as file:
            json.dump({"scrape_configs": [{
                "job_name": "widefield", "scrape_interval": "1s",
                "static_configs": [{"targets": [f"127.0.0.1:{self.server.port}"]}],
                **({"authorization": {"credentials": credentials}} if credentials else {})}]}, file)
        with open(os.path.join(self.directory, "prometheus.log"), "wb") as log:
            process = subprocess.Popen(
                [program("prometheus"), f"--config.file={configuration}",
                 f"--storage.tsdb.path={self.directory}/prometheus",
                 f"--web.listen-address={self.url[7:]}"], stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        for _ in range(300):
            try:
                target = self.ask("targets")["activeTargets"][0]
                if target["health"] != "unknown":
                    return target
            except (urllib.error.URLError, ConnectionError, IndexError):
                pass
            time.sleep(0.1)
        self.fail("Prometheus scrapes nothing")

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        """The value of a query with one series, or none."""
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def wait_for(self, query, value):
        for _ in range(100):
            if self.value(query) == value:
                return
            time.sleep(0.1)
        self.fail(f"{query}: {self.value(query)}, not {value}")

    def metrics(self, headers=None):
        status, answered, text = self.server.request("GET", "/metrics", headers=headers or {})
        self.assertEqual(status, 200)
        return answered["Content-Type"], text.decode()

    def test_what_it_scraped_is_what_the_server_tells(self):
        for n in range(3):
            self.server.json("POST", "/1/batch/shop", [{"data": {"n": n}}] * 10)
        self.server.request("GET", "/nowhere")
        target = self.scrape()
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        content_type, text = self.metrics()
        self.assertTrue(content_type.startswith("text/plain"))
        told = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                told[name, labels or ""] = float(value)
        series = self.ask("series", **{"match[]": '{job="widefield"}'})
        scraped = {
            (one["__name__"], ",".join(
                f'{k}="{v}"' for k, v in one.items() if k not in ("__name__", "job", "instance")))
            for one in series}
        own = {name for name in scraped if not name[0].startswith(("up", "scrape_"))}
        self.assertEqual(own, set(told))
        # These move with nothing but what is sent.
        self.wait_for("sum(widefield_head_rows) + sum(widefield_segment_rows)", 30)
        self.wait_for('widefield_http_answers_total{code="4xx"}', 1)
        before = self.value('widefield_http_answers_total{code="4xx"}')
        self.server.request("GET", "/nowhere")
        self.wait_for('widefield_http_answers_total{code="4xx"}', before + 1)
        self.assertGreater(self.value("process_resident_memory_bytes"), 1e6)
        kinds = self.ask("metadata")
        for name, _ in told:
            self.assertEqual(
                kinds[name][0]["type"], "counter" if name.endswith("_total") else "gauge", name)
            self.assertTrue(kinds[name][0]["help"], name)

    def test_its_own_checker_finds_nothing(self):
        _, text = self.metrics()
        done = subprocess.run(
            [program("promtool"), "check", "metrics"], input=text.encode(), capture_output=True,
            timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

    def test_with_keys_it_needs_one(self):
        key = self.tool("keys", "create", "--data", self.data, "--kind", "query").split()[-1]
        self.restart()
        target = self.scrape(credentials=key)
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        target = self.scrape(credentials="wrong")
        self.assertEqual(target["health"], "down")
        self.assertIn("401", target["lastError"])


if __name__ == "__main__":
    unittest.main()

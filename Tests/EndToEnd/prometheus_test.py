"""Debian's Prometheus scrapes the server, and tells the same figures as the server does."""
import re
import subprocess
import unittest

from prometheus import ScrapedTest, program

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')


class PrometheusTest(ScrapedTest):
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

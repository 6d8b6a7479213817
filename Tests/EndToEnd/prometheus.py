"""Debian's Prometheus beside a server, scraping it."""
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from server import ServerTest, free_port

#: Where `.ci/install-packages` unpacks it when it is not installed.
UNPACKED = os.path.join(os.path.dirname(__file__), "../../.build/prometheus/usr/bin")


def program(name):
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], UNPACKED]))
    if not found:
        raise RuntimeError(f"{name} is missing: .ci/install-packages test brings it")
    return os.path.realpath(found)


class ScrapedTest(ServerTest):
    metrics_path = "/metrics"
    # Its own requests would be events too, more of them with every scrape.
    options = ("--self-telemetry", "off")

    def scrape(self, credentials=None):
        """Starts Prometheus, and waits until it has scraped the server or could not."""
        self.url = f"http://127.0.0.1:{free_port()}"
        configuration = os.path.join(self.directory, "prometheus.yml")
        with open(configuration, "w") as file:
            json.dump({"scrape_configs": [{
                "job_name": "widefield", "scrape_interval": "1s",
                "metrics_path": self.metrics_path,
                "static_configs": [{"targets": [f"127.0.0.1:{self.server.port}"]}],
                **({"authorization": {"credentials": credentials}} if credentials else {})}]}, file)
        with open(os.path.join(self.directory, "prometheus.log"), "wb") as log:
            process = subprocess.Popen(
                [program("prometheus"), f"--config.file={configuration}",
                 f"--storage.tsdb.path={self.directory}/prometheus", "--enable-feature=exemplar-storage",
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

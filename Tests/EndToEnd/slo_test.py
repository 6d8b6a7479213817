"""SLOs: definitions, how they stand, and that good and bad events are counted exactly."""
import glob
import json
import os
import time

import jsonschema

from server import ServerTest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
CASES = os.path.join(
    os.environ.get("WIDEFIELD_CASES", os.path.join(ROOT, "../shared/cases")), "slo-openslo")
CHECKOUT = {"displayName": "Checkout", "dataset": "shop", "total": 'http.route = "/checkout"',
            "good": "http.status_code < 500 and duration_ms < 800", "target": 0.99,
            "timeWindow": [{"duration": "7d", "isRolling": True}], "owner": "shop",
            "runbook": "https://runbooks.example.com/checkout"}
OPENSLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: search, displayName: Searches are fast, labels: {team: web}}
spec:
  service: shop
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: widefield
          spec: {dataset: shop, filter: 'http.route = "/search"', value: duration_ms}
  timeWindow: [{duration: 2w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lt, value: 500, target: 0.9}]
"""


class SLOTest(ServerTest):
    options = ("--self-telemetry", "off")

    def send(self, *batches):
        """Sends events of each (seconds ago, how many, fields)."""
        now = time.time()
        self.server.json("POST", "/1/batch/shop", [
            {"time": round(now - ago - place * 0.001, 3), "data": fields}
            for ago, count, fields in batches for place in range(count)])

    def send_checkouts(self):
        good = {"http.route": "/checkout", "http.status_code": 200, "duration_ms": 20}
        self.send(
            (600, 90, good), (600, 5, {**good, "http.status_code": 503}),
            (600, 5, {**good, "duration_ms": 900}), (7200, 300, good),
            (3 * 86400, 598, good), (3 * 86400, 2, {**good, "http.status_code": 500}),
            (600, 7, {"http.route": "/search", "duration_ms": 100}),
            (600, 3, {"http.route": "/search", "duration_ms": 500}))

    def schema(self):
        with open(f"{ROOT}/schemas/slo.schema.json") as file:
            return json.load(file)

    def test_a_new_slo_has_its_history_at_once(self):
        self.send_checkouts()
        jsonschema.validate(CHECKOUT, self.schema())
        slo = self.server.json("PUT", "/api/slos/checkout", CHECKOUT)
        status = slo["status"]
        self.assertEqual((status["total"], status["good"], status["bad"]), (1000, 988, 12))
        self.assertEqual(status["compliance"], 0.988)
        self.assertAlmostEqual(status["budget"].pop("left_ratio"), -0.2)
        self.assertEqual(status["budget"], {"allowed": 10, "spent": 12, "left": -2})
        rates = {entry["window"]: entry for entry in status["burn_rates"]}
        self.assertAlmostEqual(rates["1h"]["burn_rate"], 10)
        self.assertEqual((rates["1h"]["total"], rates["1h"]["bad"]), (100, 10))
        self.assertEqual(rates["1h"]["exhausted_in_seconds"], 0)
        self.assertIsNone(rates["5m"]["burn_rate"])
        self.assertEqual(rates["6h"]["total"], 400)
        # Before the first event nothing is known: that is not good.
        days = status["days"]
        self.assertEqual(len(days), 8)
        self.assertFalse(days[0]["observed"])
        self.assertNotIn("good", days[0])
        self.assertEqual(sum(day.get("total", 0) for day in days), 1000)
        self.assertAlmostEqual(days[-1]["budget_left"], -0.2)
        self.assertLess(abs(time.time() - 3 * 86400 - time.mktime(time.strptime(
            status["observed_from"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone), 130)
        one = self.server.json("GET", "/api/slos/checkout?window=11m&window=4d")["status"]["burn_rates"]
        self.assertEqual([(entry["window"], entry["total"]) for entry in one], [("11m", 100), ("4d", 1000)])
        self.assertEqual(self.server.json("GET", "/api/slos")[0]["displayName"], "Checkout")
        self.restart()
        self.assertEqual(self.server.json("GET", "/api/slos/checkout")["status"]["bad"], 12)
        self.assertEqual(self.server.request("DELETE", "/api/slos/checkout")[0], 204)
        self.assertEqual(self.server.request("GET", "/api/slos/checkout")[0], 404)

    def test_openslo_and_the_command_line(self):
        self.send_checkouts()
        path = f"{self.directory}/search.yaml"
        with open(path, "w") as file:
            file.write(OPENSLO)
        self.assertIn("budget left", self.tool("slo", "create", path))
        status = self.server.json("GET", "/api/slos/search")["status"]
        self.assertEqual((status["total"], status["bad"]), (10, 3))
        self.assertRegex(self.tool("slo", "list"), r"search +90.000 % +2w +70.000 %")
        self.assertIn("unobserved", self.tool("slo", "show", "search"))
        self.tool("slo", "delete", "search")
        self.assertEqual(self.server.json("GET", "/api/slos"), [])

    def test_what_cannot_be_is_refused_with_its_place(self):
        self.send_checkouts()
        for change, field in [
                ({"target": 1}, "target"), ({"good": "a <"}, "good"), ({"dataset": "shep"}, "dataset"),
                ({"sli": "ok"}, "sli"), ({"goood": "x"}, "goood"), ({"good": "root.error"}, "good"),
                ({"timeWindow": [{"duration": "30s"}]}, "timeWindow"),
                ({"timeWindow": [{"duration": "1M", "isRolling": True}]}, "timeWindow"),
                ({"alerting": [{"burnRate": 2}]}, "alerting")]:
            status, _, answer = self.server.request(
                "PUT", "/api/slos/checkout", json.dumps({**CHECKOUT, **change}))
            self.assertEqual(status, 422, answer)
            self.assertEqual(json.loads(answer)["type_detail"][0]["field"], field)
        self.server.json("PUT", "/api/slos/check-out", CHECKOUT)
        status, _, answer = self.server.request("PUT", "/api/slos/check.out", json.dumps(CHECKOUT))
        self.assertEqual(status, 409, answer)

    def test_examples_of_openslo_are_read_or_refused_with_the_reason(self):
        paths = sorted(glob.glob(f"{CASES}/**/*.yaml", recursive=True))
        if not paths:
            print(f"not there, so not tested: {CASES}")
        for path in paths:
            with open(path, "rb") as file:
                status, _, answer = self.server.request(
                    "POST", "/api/slos", file.read(), {"Content-Type": "application/yaml"})
            self.assertEqual(status, 422, answer)
            self.assertRegex(
                json.loads(answer)["error"],
                r"^spec\.(budgetingMethod: '(Ratio)?Timeslices': slices of time are not counted"
                r"|indicator\.spec\.thresholdMetric\.metricSource\.type: 'Any': events are the only)")

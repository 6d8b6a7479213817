"""SLOs: definitions, how they stand, and that good and bad events are counted exactly."""
import glob
import json
import os
import time
import urllib.parse

import jsonschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from server import Server, ServerTest

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

    def restart_with(self, *options):
        self.server.stop()
        self.server = Server(self.data, *self.options, *options)

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
        self.assertIn("budget left", self.tool("slo", "create", "-", stdin=OPENSLO.encode()))

    def test_two_documents_are_no_slo(self):
        status, _, answer = self.server.request(
            "POST", "/api/slos", f"{OPENSLO}\n---\n{OPENSLO}", {"Content-Type": "application/yaml"})
        self.assertEqual(status, 400, answer)
        self.assertIn("expected one document, found 2", json.loads(answer)["error"])

    def ask(self, query):
        answer = self.server.json("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        return {tuple(sorted(one["metric"].items())): float(one["value"][1])
                for one in answer["data"]["result"]}

    def test_how_it_stands_is_told_as_series(self):
        self.send_checkouts()
        self.server.json("PUT", "/api/slos/checkout", {**CHECKOUT, "alerting": []})
        one = self.ask("slo_compliance_ratio")
        self.assertEqual(one, {(("__name__", "slo_compliance_ratio"), ("slo", "checkout")): 0.988})
        self.assertAlmostEqual(*self.ask("slo_error_budget_remaining_ratio").values(), -0.2)
        self.assertAlmostEqual(*self.ask('slo_burn_rate{window="1h"}').values(), 10)
        self.assertAlmostEqual(*self.ask('slo_error_budget_spent_ratio{window="6h"}').values(), 1)
        self.assertEqual(list(self.ask('slo_error_budget_exhaustion_seconds{window="1h"}').values()), [0])
        self.assertEqual(self.ask('slo_burn_rate{window="5m"}'), {})
        self.assertEqual(len(self.ask("slo_events")), 7)
        # The counters beneath have the same numbers.
        self.assertEqual(list(self.ask("increase(slo:checkout:bad_events_total[1h] anchored)").values()), [10])
        values = self.server.json("GET", "/api/v1/label/__name__/values")["data"]
        self.assertIn("slo_burn_rate_floor", values)
        for accept in ("text/plain", "application/openmetrics-text"):
            text = self.server.request("GET", "/export/metrics", headers={"Accept": accept})[2].decode()
            self.assertIn('slo_compliance_ratio{slo="checkout"} 0.988\n', text)
            self.assertIn('slo_bad_events{slo="checkout",window="1h"} 10\n', text)
            families = list(openmetrics_families(text) if "open" in accept else text_string_to_metric_families(text))
            self.assertIn("slo_burn_rate", [family.name for family in families])
        # Of the past, before it was defined: an hour and a half ago nothing of the last minutes was there.
        past = int(time.time()) - 5400
        self.assertEqual(list(self.ask(f"slo_bad_events{{window='1d'}} @ {past}").values()), [0])

    def test_a_burnt_budget_pages_and_says_why(self):
        self.restart_with("--rule-interval", "1")
        # Of an hour ago, so that most of the window is good; and an outage for the last minutes.
        good = {"http.route": "/checkout", "http.status_code": 200, "duration_ms": 20, "host": "a"}
        self.send((3000, 1000, good), (90, 200, {**good, "http.status_code": 500, "host": "b"}), (80, 100, good))
        self.server.json("PUT", "/api/slos/checkout", {**CHECKOUT, "timeWindow": [{"duration": "30d"}]})
        for _ in range(150):
            alerts = {one["labels"]["window"]: one for one in self.server.json("GET", "/api/alerts")}
            if alerts:
                break
            time.sleep(0.2)
        # 15 times faster than allowed.
        page = alerts["1h"]
        self.assertEqual(
            (page["labels"]["alertname"], page["labels"]["slo"], page["labels"]["tier"], page["labels"]["owner"]),
            ("ErrorBudgetBurn", "checkout", "page", "shop"))
        self.assertEqual(page["annotations"]["runbook_url"], CHECKOUT["runbook"])
        self.assertIn("Checkout burns its error budget 15.38 times faster", page["annotations"]["summary"])
        behind = self.server.json("GET", f"/api/alerts/{page['id']}/explanation")["behind"]
        self.assertEqual(len(behind), 1)
        self.assertEqual(behind[0]["events"], 200)
        self.assertIn("host", [one["field"] for one in behind[0]["fields"]])
        rules = self.server.json("GET", "/api/v1/rules?file[]=slos")["data"]["groups"][0]["rules"]
        self.assertEqual([rule["health"] for rule in rules], ["ok"] * 3)
        shown = self.tool("slo", "show", "checkout")
        self.assertRegex(shown, r"ErrorBudgetBurn +1h +page +firing +20.*Z +15.385")
        self.assertRegex(shown, r"ErrorBudgetBurn +3d +ticket +(firing|inactive)")
        told = json.loads(self.tool("slo", "show", "checkout", "--format", "json"))
        self.assertEqual([rule["labels"]["window"] for rule in told["alerts"]], ["1h", "6h", "3d"])

    def await_firing(self, expected):
        """Waits until the alerts that fire have these windows."""
        for _ in range(200):
            firing = sorted(one["labels"]["window"] for one in self.server.json("GET", "/api/alerts")
                            if one["state"] == "firing")
            if firing == expected:
                return
            time.sleep(0.1)
        self.assertEqual(firing, expected)

    def test_alerts_know_of_late_and_of_erased_events(self):
        self.restart_with("--rule-interval", "1")
        good = {"http.route": "/checkout", "http.status_code": 200, "duration_ms": 20}
        alerting = [{"burnRate": 5, "longWindow": "1h", "shortWindow": "10m"},
                    {"burnRate": 5, "longWindow": "3d", "shortWindow": "6h"}]
        self.send((3000, 200, good), (200, 100, good))
        self.server.json("PUT", "/api/slos/checkout", {**CHECKOUT, "alerting": alerting})
        for _ in range(100):
            groups = self.server.json("GET", "/api/v1/rules?file[]=slos")["data"]["groups"]
            if groups and groups[0]["rules"][0]["health"] == "ok":
                break
            time.sleep(0.1)
        self.await_firing([])
        # Counted long ago: the minutes are counted anew.
        self.send((150, 200, {**good, "http.status_code": 500}))
        self.await_firing(["1h", "3d"])
        self.server.json("POST", "/api/erasures", {"query": "where http.status_code = 500"})
        self.await_firing([])
        self.send((190, 200, {**good, "http.status_code": 503}))
        self.await_firing(["1h", "3d"])
        # What is good is defined otherwise.
        self.server.json("PUT", "/api/slos/checkout", {
            **CHECKOUT, "good": "http.status_code <= 503 and duration_ms < 800", "alerting": alerting})
        self.await_firing([])

    def test_slos_of_the_configuration_hold_for_environments_that_come_later(self):
        path = f"{self.directory}/widefield.json"
        with open(path, "w") as file:
            json.dump({"slos": [{"name": "configured", "good": "status < 500", "target": 0.9}]}, file)
        self.restart_with("--config", path, "--rule-interval", "1")
        groups = lambda: self.server.json("GET", "/api/v1/rules?file[]=slos")["data"]["groups"]
        self.assertEqual(groups(), [])
        self.send((60, 10, {"status": 200}))
        for _ in range(100):
            if groups() and groups()[0]["rules"][0]["health"] == "ok":
                break
            time.sleep(0.1)
        self.assertEqual([rule["health"] for rule in groups()[0]["rules"]], ["ok"] * 3)

    def test_honeycombs_shapes(self):
        self.send_checkouts()
        self.server.json("POST", "/1/derived_columns/shop", {
            "alias": "fine", "expression": 'IF(EQUALS($http.route, "/checkout"), LT($http.status_code, 500))'})
        sent = {"name": "Checkout", "sli": {"alias": "fine"}, "time_period_days": 30, "target_per_million": 990000}
        made = self.server.json("POST", "/1/slos/shop", sent)
        self.assertEqual({**made, **sent}, made)
        self.assertEqual(made["dataset_slugs"], ["shop"])
        path = f"/1/slos/shop/{made['id']}"
        self.assertEqual(self.server.json("GET", path), made)
        self.assertEqual(self.server.json("GET", "/1/slos/__all__"), [made])
        told = self.server.json("GET", f"{path}?detailed=true")
        self.assertAlmostEqual(told["compliance"], 99.3)
        self.assertAlmostEqual(told["budget_remaining"], 30)
        self.assertAlmostEqual(told["burn_rate"], 500 / 400)
        self.assertIn(told["status"], ("normal", "triggered"))
        # The same SLO in our own shapes, and a change in theirs.
        self.assertEqual(self.server.json("GET", f"/api/slos/{made['id']}")["status"]["bad"], 7)
        changed = self.server.json("PUT", path, {**sent, "target_per_million": 900000, "name": "C"})
        self.assertEqual((changed["name"], changed["target_per_million"], changed["created_at"]),
                         ("C", 900000, made["created_at"]))
        for change in ({"sli": {"alias": "no"}}, {"target_per_million": 1000000}, {"time_period_days": None}):
            self.assertEqual(self.server.request("POST", "/1/slos/shop", json.dumps({**sent, **change}))[0], 422)
        self.assertTrue(self.server.json("GET", "/1/auth")["api_key_access"]["slos"])
        self.assertEqual(self.server.request("DELETE", path)[0], 204)
        self.assertEqual(self.server.request("GET", path)[0], 404)

    def test_a_derived_column_that_is_in_use_stays(self):
        self.send((60, 50, {"status": 500}), (60, 50, {"status": 200}))
        def column(alias, dataset="shop"):
            return self.server.json("POST", f"/1/derived_columns/{dataset}", {
                "alias": alias, "expression": "LT($status, 500)"})["id"]
        def change(method, one, body=None, dataset="shop"):
            status, _, answer = self.server.request(
                method, f"/1/derived_columns/{dataset}/{one}", body and json.dumps(body))
            return status, json.loads(answer or "{}").get("error")
        fine, well, spare = column("fine"), column("well", "__all__"), column("spare")
        slo = self.server.json("POST", "/1/slos/shop", {
            "name": "Fine", "sli": {"alias": "fine"}, "time_period_days": 7, "target_per_million": 990000})["id"]
        trigger = self.server.json("POST", "/1/triggers/shop", {
            "name": "Unwell", "query": {"calculations": [{"op": "COUNT"}], "filters": [
                {"column": "well", "op": "=", "value": False}]}, "threshold": {"op": ">", "value": 1}})["id"]
        self.server.json("PUT", "/api/metrics/fine_total", {"dataset": "shop", "filter": "fine"})
        for method, body in (("DELETE", None), ("PUT", {"alias": "other"})):
            what = "renamed" if body else "deleted"
            self.assertEqual(change(method, fine, body), (
                409, f"the SLO Fine uses the derived column, so it cannot be {what}"))
            self.assertEqual(change(method, well, body, "__all__"), (
                409, f"the trigger Unwell uses the derived column, so it cannot be {what}"))
        # What it is may change, and its own name is no other.
        self.assertEqual(change("PUT", fine, {"alias": "fine", "expression": "LT($status, 400)"})[0], 200)
        self.assertEqual(change("DELETE", spare)[0], 204)
        self.server.request("DELETE", f"/1/slos/shop/{slo}")
        self.assertEqual(change("DELETE", fine), (
            409, "the metric fine_total uses the derived column, so it cannot be deleted"))
        self.server.request("DELETE", "/api/metrics/fine_total")
        self.server.request("DELETE", f"/1/triggers/shop/{trigger}")
        for one, dataset in ((fine, "shop"), (well, "__all__")):
            self.assertEqual(change("DELETE", one, dataset=dataset)[0], 204)

    def test_how_slos_stood_is_reported_in_honeycombs_shapes(self):
        good = {"status": 200}
        now = time.time()
        week, hour = 7 * 86400, int(now) // 3600 * 3600
        # Two weeks ago a tenth was bad, since then nothing; and some minutes of the hour before this one.
        self.send((int(1.5 * week), 90, good), (int(1.5 * week), 10, {"status": 500}), (week // 2, 100, good))
        self.server.json("POST", "/1/batch/shop", [
            {"time": hour - 3600 + 60 * minute + n, "data": {"status": 500 if n == 0 else 200}}
            for minute in (10, 12) for n in range(5)])
        self.server.json("POST", "/1/derived_columns/shop", {
            "alias": "fine", "expression": "LT($status, 500)"})
        slo = self.server.json("POST", "/1/slos/shop", {
            "name": "Fine", "sli": {"alias": "fine"}, "time_period_days": 7, "target_per_million": 800000})["id"]
        path = "/1/reporting/slos/historical"
        asked = {"ids": [slo], "start_time": int(now - 3 * week), "end_time": int(now)}
        report = self.server.json("POST", path, asked)[slo]
        # Nothing is known of the first of three weeks.
        self.assertEqual([one["timestamp"] for one in report],
                         [int(now - 2 * week), int(now - week)])
        self.assertAlmostEqual(report[0]["compliance"], 90)
        self.assertAlmostEqual(report[0]["budget_remaining"], 50)
        self.assertAlmostEqual(report[1]["compliance"], 100 * 108 / 110, delta=0.01)
        for wrong, status in (({"ids": []}, 422), ({"ids": ["no"]}, 404), ({"ids": ["a"] * 25}, 422),
                              ({"end_time": int(now) + 9999}, 422), ({"start_time": int(now)}, 422),
                              # Times that lie before all that a report reaches back to.
                              ({"start_time": 0, "end_time": 5}, 422),
                              ({"start_time": int(now) - 367 * 86400, "end_time": int(now) - 366 * 86400 - 9}, 422),
                              ({"end_time": -2 ** 63}, 422), ({"start_time": 2 ** 63 - 1}, 422)):
            self.assertEqual(self.server.request("POST", path, json.dumps({**asked, **wrong}))[0], status)
        counts = f"/1/slos/shop/{slo}/counts"
        told = self.server.json(
            "GET", f"{counts}?start_time={hour - 3000}&end_time={hour - 2700}")
        self.assertEqual((told["slo_id"], told["resolution_seconds"], told["period_start"]),
                         (slo, 60, hour - 3600))
        self.assertEqual(
            [(one["window_start"], one["total_count"], one["error_count"]) for one in told["windows"]],
            [(hour - 3000 + 60 * n, *pair) for n, pair in enumerate(((5, 1), (0, 0), (5, 1), (0, 0), (0, 0)))])
        self.assertEqual(told["windows"][0]["window_end"], hour - 2940)
        hours = self.server.json(
            "GET", f"{counts}/history?start_time={hour - 7200}&end_time={hour + 60}")
        self.assertEqual(
            [(one["start_time"], one["total_count"], one["error_count"], one["is_partial"])
             for one in hours["buckets"]],
            [(hour - 7200, 0, 0, False), (hour - 3600, 10, 2, False), (hour, 0, 0, True)])
        for query in (f"start_time={hour - 7200}&end_time={hour - 60}", "start_time=1&end_time=2",
                      f"start_time={hour}", f"start_time={hour}&end_time={hour - 1}"):
            self.assertEqual(self.server.request("GET", f"{counts}?{query}")[0], 400, query)

    def test_bad_events_are_compared_with_good_ones(self):
        good = {"http.route": "/checkout", "http.status_code": 200, "duration_ms": 20, "host": "a"}
        self.send((600, 200, good), (600, 50, {**good, "http.status_code": 500, "host": "b"}),
                  (9000, 50, {**good, "http.status_code": 500}))
        self.server.json("PUT", "/api/slos/checkout", CHECKOUT)
        answer = self.server.json("POST", "/api/bubbleup", {"slo": "checkout", "window": "1h"})
        self.assertEqual((answer["meta"]["selection"], answer["meta"]["baseline"]), (50, 200))
        self.assertIn("host", [field["field"] for field in answer["fields"]][:3])
        answer = self.server.json("POST", "/api/bubbleup", {"slo": "checkout", "values": 2})
        self.assertEqual(answer["meta"]["selection"], 100)
        for body, status in (({"slo": "no"}, 404), ({"slo": "checkout", "where": "a"}, 400)):
            self.assertEqual(self.server.request("POST", "/api/bubbleup", json.dumps(body))[0], status)

    def test_what_cannot_be_is_refused_with_its_place(self):
        self.send_checkouts()
        for change, field in [
                ({"target": 1}, "target"), ({"good": "a <"}, "good"), ({"dataset": "shep"}, "dataset"),
                ({"sli": "ok"}, "sli"), ({"goood": "x"}, "goood"), ({"good": "root.error"}, "good"),
                ({"timeWindow": [{"duration": "30s"}]}, "timeWindow"),
                ({"timeWindow": [{"duration": "1M", "isRolling": True}]}, "timeWindow"),
                ({"minimumEvents": 1.9}, "minimumEvents"),
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

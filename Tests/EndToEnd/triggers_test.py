"""Triggers: questions to events that are asked again and again."""
import json
import signal
import time
import unittest

from alert_case import AlertCase, Receiver


class TriggersTest(AlertCase):
    def events(self, count, dataset="shop", age=60, **fields):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age))
        self.server.json("POST", f"/1/batch/{dataset}", [
            {"time": stamp, "data": {"service": "cart", "duration_ms": n, **fields}}
            for n in range(count)])

    def test_honeycombs_triggers_keep_their_shape_and_fire(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        self.server.json("PUT", "/api/receivers/chat", {
            "type": "webhook", "url": receiver.url, "match": {"nobody": "else"}})
        self.events(20)
        spec = {"calculations": [{"op": "P99", "column": "duration_ms"}],
                "breakdowns": ["service"], "time_range": 600}
        sent = {
            "name": "slow", "description": "carts are slow", "query": spec,
            "threshold": {"op": ">", "value": 10, "exceeded_limit": 1}, "frequency": 1,
            "alert_type": "on_change", "tags": [{"key": "team", "value": "blue"}],
            "recipients": [{"type": "webhook", "target": receiver.url}]}
        made = self.server.json("POST", "/1/triggers/shop", sent)
        for name, value in sent.items():
            if name != "recipients":
                self.assertEqual(made[name], value)
        self.assertEqual(made["dataset_slug"], "shop")
        self.assertEqual(made["recipients"][0]["id"], "chat")
        body, = receiver.wait_for(1)
        self.assertEqual(
            body["alerts"][0]["labels"],
            {"alertname": "slow", "service": "cart", "team": "blue", "dataset": "shop",
             "trigger": made["id"]})
        self.assertEqual(body["alerts"][0]["annotations"]["description"], "carts are slow")
        told = body["alerts"][0]["annotations"]
        self.assertIn("duration_ms > 10", told["query"])
        self.assertEqual(told["events"], "9")
        path = f"/1/triggers/shop/{made['id']}"
        self.assertTrue(self.server.json("GET", path)["triggered"])
        self.assertEqual(
            [one["id"] for one in self.server.json("GET", "/1/triggers/shop")], [made["id"]])
        self.assertEqual(self.server.json("GET", "/1/triggers/__all__"), [])
        # It survives a kill, and its end is told.
        self.wait_until_kept(1)
        self.restart(signal.SIGKILL)
        self.wait(lambda: self.server.json("GET", path)["triggered"])
        changed = self.server.json("PUT", path, {"threshold": {"op": ">", "value": 100}})
        self.assertEqual((changed["name"], changed["threshold"]["value"]), ("slow", 100))
        bodies = receiver.wait_for(2)
        self.assertEqual([body["status"] for body in bodies], ["firing", "resolved"])
        self.assertFalse(self.server.json("GET", path)["triggered"])
        self.assertEqual(self.server.request("DELETE", path)[0], 204)
        self.assertEqual(self.server.request("GET", path)[0], 404)

    def test_saved_queries_and_texts_are_asked_too(self):
        self.events(5, age=1)
        saved = self.server.json("POST", "/1/queries/shop", {
            "calculations": [{"op": "COUNT"}], "time_range": 600})
        first = self.server.json("POST", "/1/triggers/shop", {
            "name": "many", "query_id": saved["id"], "frequency": 1,
            "threshold": {"op": ">=", "value": 5}})
        self.assertEqual(first["query_id"], saved["id"])
        self.assertNotIn("specification", first)
        second = self.server.json("POST", "/api/triggers", {
            "name": "few", "query": "from shop | last 10m | stats count()", "frequency": 1,
            "threshold": {"op": "<", "value": 5}})
        silent = self.server.json("POST", "/api/triggers", {
            "name": "unknown", "query": "from nowhere | last 10m | stats count()", "frequency": 1,
            "threshold": {"op": "<", "value": 5}})
        # Events of the last seconds can only be joined by more: the count is known to be too high,
        # and it is not yet known to be too low.
        alert, = self.wait(lambda: [
            one for one in self.alerts() if one["labels"]["alertname"] == "many"])
        self.assertEqual(alert["value"], "5e+00")
        states = {one["name"]: one["state"] for one in self.server.json("GET", "/api/triggers")}
        self.assertEqual(states["many"], "firing")
        self.assertEqual(states["unknown"], "unobserved")
        rules = [rule for group in self.server.json("GET", "/api/v1/rules")["data"]["groups"]
                 for rule in group["rules"]]
        self.assertIn("from shop | last 10m | stats count()", [rule["query"] for rule in rules])
        self.assertEqual(self.server.json("GET", "/api/rules"), [])
        for one in (first, second, silent):
            path = f"/api/triggers/{one['id']}"
            self.assertEqual(self.server.request("DELETE", path)[0], 204)
        self.wait(lambda: not self.alerts())

    def test_too_little_history_is_unobserved(self):
        self.events(100)
        week = 7 * 86400
        sent = {"name": "slower", "query": "from shop | last 10m | stats p99(duration_ms)",
                "frequency": 1, "threshold": {"op": ">", "value": 1.5}, "baseline": {"weeks": 2}}
        made = self.server.json("POST", "/api/triggers", sent)
        path = f"/api/triggers/{made['id']}"
        told = self.wait(lambda: (
            found := self.server.json("GET", path)) and "of the past" in found.get(
                "unobserved", "") and found)
        self.assertEqual((told["state"], told["triggered"]), ("unobserved", False))
        # Where the hour of a week ago is known, it is compared with.
        for minutes in range(-60, 60, 5):
            self.events(20, age=week + minutes * 60)
        self.server.json("PUT", path, {"description": "read again"})
        self.wait(self.alerts)

    def test_a_late_event_that_changes_a_past_verdict_is_recorded(self):
        self.events(1, age=100)
        self.server.json("POST", "/api/triggers", {
            "name": "many", "query": "from shop | last 1m | stats count()", "frequency": 1,
            "threshold": {"op": ">", "value": 5}})
        self.wait(lambda: self.server.json("GET", "/api/triggers")[0]["state"] == "inactive")
        self.events(20, age=85)
        found = self.wait(lambda: self.server.json("GET", "/api/alerts/revisions"), 40)
        self.assertEqual(
            (found[0]["rule"], found[0]["met"], found[0]["labels"]["alertname"]),
            ("many", True, "many"))
        self.assertIn(found[0]["value"], ("20", "21"))

    def test_what_a_trigger_cannot_be_is_refused_with_the_member(self):
        self.events(1)
        good = {"name": "x", "query": {"time_range": 600},
                "threshold": {"op": ">", "value": 1}}
        for wrong, field in (
                ({"name": None}, "name"), ({"query": None}, "query"),
                ({"query": {"calculations": [{"op": "HEATMAP", "column": "a"}]}}, "query"),
                ({"query": {"limit": 3, "time_range": 600}}, "query"),
                ({"query_id": "nothing", "query": None}, "query_id"),
                ({"threshold": {"op": "=", "value": 1}}, "threshold.op"),
                ({"threshold": {"op": ">"}}, "threshold.value"),
                ({"threshold": {"op": ">", "value": 1, "recovery": 2}}, "threshold"),
                ({"frequency": 0}, "frequency"), ({"alert_type": "sometimes"}, "alert_type"),
                ({"recipients": [{"id": "nobody"}]}, "recipients"),
                ({"baseline_details": {"offset_minutes": 60, "type": "x"}}, "baseline_details.type"),
                ({"evaluation_schedule": {"window": {"days_of_week": ["today"]}}},
                 "evaluation_schedule.window.days_of_week"),
                ({"labels": {"alertname": "y"}}, "labels"),
                ({"surprise": 1}, "surprise")):
            body = {key: value for key, value in {**good, **wrong}.items() if value is not None}
            status, _, answer = self.server.request(
                "POST", "/1/triggers/shop", json.dumps(body).encode())
            self.assertEqual(status, 422, (wrong, answer))
            self.assertEqual(json.loads(answer)["type_detail"][0]["field"], field)
        self.assertEqual(
            self.server.request("POST", "/1/triggers/nowhere", json.dumps(good).encode())[0], 404)
        made = self.server.json("POST", "/1/triggers/shop", {
            **good, "evaluation_schedule_type": "window", "evaluation_schedule": {"window": {
                "days_of_week": ["monday"], "start_time": "22:00", "end_time": "06:00"}},
            "baseline_details": {"offset_minutes": 1440, "type": "percentage"}})
        self.assertEqual(made["frequency"], 900)
        self.assertEqual(made["baseline_details"]["type"], "percentage")
        self.assertEqual(
            self.server.json("PUT", f"/1/triggers/shop/{made['id']}", {
                "baseline_details": {}, "disabled": True})["state"], "disabled")


if __name__ == "__main__":
    unittest.main()

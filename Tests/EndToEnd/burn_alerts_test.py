"""Honeycomb's burn alerts and recipients: their shapes, and that recipients are told."""
import json
import time
import unittest

from alert_case import AlertCase, Receiver


class BurnAlertsTest(AlertCase):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)

    def requests(self, *batches):
        """Sends requests of each (seconds ago, how many, status)."""
        now = time.time()
        self.server.json("POST", "/1/batch/shop", [
            {"time": round(now - ago - n * 0.001, 3), "data": {"status": status, "host": f"h{status}"}}
            for ago, count, status in batches for n in range(count)])

    def slo(self, days=30):
        self.server.json("POST", "/1/derived_columns/shop", {
            "alias": "fine", "expression": "LT($status, 500)"})
        return self.server.json("POST", "/1/slos/shop", {
            "name": "Checkout", "sli": {"alias": "fine"}, "time_period_days": days,
            "target_per_million": 900000})["id"]

    def hook(self, **details):
        return self.server.json("POST", "/1/recipients", {"type": "webhook", "details": {
            "webhook_name": "bot", "webhook_url": f"{self.receiver.url}/bot", **details}})

    def refused(self, method, path, value, status=422):
        found, headers, answer = self.server.request(
            method, path, None if value is None else json.dumps(value).encode())
        self.assertEqual(found, status, answer)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        answer = json.loads(answer)
        self.assertEqual(answer["status"], status)
        return answer["type_detail"][0]["field"] if "type_detail" in answer else answer["type"]

    def test_a_burn_alert_tells_its_recipients_in_honeycombs_form(self):
        self.requests((3000, 900, 200), (90, 50, 500))
        slo = self.slo()
        hook = self.hook(
            webhook_secret="hush", webhook_headers=[{"header": "X-Team", "value": "blue"}])
        sent = {"alert_type": "budget_rate", "budget_rate_window_minutes": 60,
                "budget_rate_decrease_threshold_per_million": 200000, "slo": {"id": slo},
                "recipients": [{"id": hook["id"]}], "description": "look at the shop"}
        made = self.server.json("POST", "/1/burn_alerts/shop", sent)
        self.assertEqual({**made, **sent, "recipients": [
            {"id": hook["id"], "type": "webhook", "target": "bot"}]}, made)
        path = f"/1/burn_alerts/shop/{made['id']}"
        body, = self.receiver.wait_for(1)
        self.assertEqual(self.receiver.bodies[0][1], "/bot")
        headers = self.receiver.headers[0]
        self.assertEqual((headers["X-Honeycomb-Webhook-Token"], headers["X-Team"]), ("hush", "blue"))
        self.assertEqual((body["id"], body["status"], body["name"]),
                         (made["id"], "TRIGGERED", "ErrorBudgetSpent"))
        self.assertEqual(body["trigger_description"], "look at the shop")
        # 50 of the 95 events that may be bad.
        self.assertIn("Checkout spent 52.63% of its error budget in 1h", body["description"])
        self.assertEqual(body["annotations"]["events"], "50")
        self.assertIn("h500", body["annotations"]["different_fields"])
        self.assertTrue(self.server.json("GET", path)["triggered"])
        listed, = self.server.json("GET", f"/1/burn_alerts/shop?slo_id={slo}")
        self.assertNotIn("recipients", listed)
        self.assertEqual(listed["id"], made["id"])
        self.assertEqual(
            self.server.json("GET", f"/1/slos/shop/{slo}?detailed=true")["status"], "triggered")
        # A change of the threshold ends it, and that is told too.
        changed = self.server.json("PUT", path, {
            **sent, "budget_rate_decrease_threshold_per_million": 999999})
        self.assertEqual(changed["created_at"], made["created_at"])
        self.assertEqual([body["status"] for body in self.receiver.wait_for(2)], ["TRIGGERED", "OK"])
        self.assertFalse(self.server.json("GET", path)["triggered"])
        # The SLO takes it along.
        self.assertEqual(self.server.request("DELETE", f"/1/slos/shop/{slo}")[0], 204)
        self.assertEqual(self.refused("GET", path, None, 404)[-9:], "not-found")

    def test_a_budget_that_is_gone_fires_and_a_restart_pages_nobody_again(self):
        self.requests((4000, 800, 200), (3900, 200, 500))
        slo, hook = self.slo(), self.hook()
        made = self.server.json("POST", "/1/burn_alerts/__all__", {
            "exhaustion_minutes": 0, "slo": {"id": slo}, "recipients": [{"id": hook["id"]}]})
        self.assertEqual((made["alert_type"], made["exhaustion_minutes"]), ("exhaustion_time", 0))
        body, = self.receiver.wait_for(1)
        self.assertIn("Checkout has no error budget left", body["description"])
        self.wait_until_kept(1)
        self.restart(9)
        self.wait(lambda: self.server.json(
            "GET", f"/1/burn_alerts/__all__/{made['id']}")["triggered"])
        time.sleep(3)
        self.assertEqual(self.receiver.bodies[1:], [])
        self.assertEqual(
            self.server.request("DELETE", f"/1/burn_alerts/__all__/{made['id']}")[0], 204)
        self.assertEqual([body["status"] for body in self.receiver.wait_for(2)], ["TRIGGERED", "OK"])

    def test_a_dataset_that_goes_takes_its_alerts_along_at_once(self):
        self.requests((4000, 800, 200), (3900, 200, 500))
        self.send(3, dataset="mail", age=300)
        slo, hook = self.slo(), {"id": self.hook()["id"]}
        self.server.json("PUT", "/api/slos/both", {
            "datasets": ["shop", "mail"], "bad": "status >= 500", "target": 0.9})
        for one in (slo, "both"):
            self.server.json("POST", "/1/burn_alerts/__all__", {
                "exhaustion_minutes": 0, "slo": {"id": one}, "recipients": [hook]})
        self.server.json("POST", "/1/triggers/shop", {
            "name": "many", "query": {"time_range": 7200}, "frequency": 1,
            "threshold": {"op": ">", "value": 1}, "recipients": [hook]})
        self.receiver.wait_for(3)
        self.server.json("PUT", "/1/datasets/shop", {"settings": {"delete_protected": False}})
        self.assertEqual(self.server.request("DELETE", "/1/datasets/shop")[0], 202)
        ended = [body["name"] for body in self.receiver.wait_for(6) if body["status"] == "OK"]
        self.assertEqual(sorted(ended), ["ErrorBudgetExhaustion", "ErrorBudgetExhaustion", "many"])
        self.assertEqual(self.server.json("GET", "/api/triggers"), [])
        # The SLO of two datasets stays, and has what is left to count.
        self.assertEqual([one["name"] for one in self.server.json("GET", "/api/slos")], ["both"])
        self.assertEqual(self.server.json("GET", "/api/slos/both")["status"]["total"], 3)
        self.assertEqual(len(self.server.json("GET", "/1/burn_alerts/__all__?slo_id=both")), 1)

    def test_what_a_burn_alert_cannot_be_is_refused_with_the_member(self):
        self.requests((60, 1, 200))
        slo, hook = self.slo(days=1), self.hook()
        good = {"alert_type": "exhaustion_time", "exhaustion_minutes": 60, "slo": {"id": slo},
                "recipients": [{"id": hook["id"]}]}
        rate = {"alert_type": "budget_rate", "exhaustion_minutes": None,
                "budget_rate_window_minutes": 60,
                "budget_rate_decrease_threshold_per_million": 1000}
        for wrong, field in (
                ({"alert_type": "else"}, "alert_type"), ({"exhaustion_minutes": None}, "exhaustion_minutes"),
                ({"exhaustion_minutes": -1}, "exhaustion_minutes"), ({"slo": None}, "slo"),
                ({"recipients": []}, "recipients"), ({"recipients": [{"id": "nobody"}]}, "recipients"),
                ({"budget_rate_window_minutes": 60}, "budget_rate_window_minutes"),
                ({**rate, "exhaustion_minutes": 1}, "exhaustion_minutes"),
                ({**rate, "budget_rate_window_minutes": 59}, "budget_rate_window_minutes"),
                ({**rate, "budget_rate_window_minutes": 1441}, "budget_rate_window_minutes"),
                ({**rate, "budget_rate_decrease_threshold_per_million": 0},
                 "budget_rate_decrease_threshold_per_million"),
                ({"description": "x" * 1024}, "description"), ({"surprise": 1}, "surprise")):
            body = {key: value for key, value in {**good, **wrong}.items() if value is not None}
            self.assertEqual(self.refused("POST", "/1/burn_alerts/shop", body), field)
        self.refused("POST", "/1/burn_alerts/shop", {**good, "slo": {"id": "no"}}, 404)
        self.refused("POST", "/1/burn_alerts/nowhere", good, 404)
        self.assertEqual(self.refused("GET", "/1/burn_alerts/shop", None), "slo_id")
        made = self.server.json("POST", "/1/burn_alerts/shop", good)
        self.assertEqual(self.refused(
            "PUT", f"/1/burn_alerts/shop/{made['id']}", {**good, "slo": {"id": "x"}}), "slo")

    def test_recipients_keep_their_shape(self):
        details = {
            "webhook": {"webhook_name": "bot", "webhook_url": "https://bot.example.com/alerts",
                        "webhook_secret": "hush"},
            "pagerduty": {"pagerduty_integration_name": "shop", "pagerduty_integration_key": "k" * 32},
            "msteams": {"webhook_name": "old", "webhook_url": "https://teams.example.com/a"},
            "msteams_workflow": {"webhook_name": "new", "webhook_url": "https://teams.example.com/b"},
            "email": {"email_address": "team@example.com"}, "slack": {"slack_channel": "#shop"}}
        # Mail and Slack go through a receiver; without one they reach nobody.
        for kind in ("email", "slack"):
            self.assertEqual(self.refused(
                "POST", "/1/recipients", {"type": kind, "details": details[kind]}), "type")
        self.server.json("PUT", "/api/receivers/mail", {
            "type": "email", "server": "smtp://127.0.0.1:1", "from": "w@example.com",
            "to": ["ops@example.com"], "match": {"nobody": "else"}})
        self.server.json("PUT", "/api/receivers/chat", {
            "type": "slack", "url": f"{self.receiver.url}/slack", "match": {"nobody": "else"}})
        made = {kind: self.server.json("POST", "/1/recipients", {"type": kind, "details": inner})
                for kind, inner in details.items()}
        for kind, one in made.items():
            self.assertEqual((one["type"], one["details"]), (kind, details[kind]))
            self.assertEqual(self.server.json("GET", f"/1/recipients/{one['id']}"), one)
        self.assertEqual(self.server.json("GET", "/1/recipients"), list(made.values()))
        self.assertTrue(self.server.json("GET", "/1/auth")["api_key_access"]["recipients"])
        path = f"/1/recipients/{made['email']['id']}"
        changed = self.server.json("PUT", path, {
            "type": "email", "details": {"email_address": "new@example.com"}})
        self.assertEqual((changed["details"]["email_address"], changed["created_at"]),
                         ("new@example.com", made["email"]["created_at"]))
        self.assertEqual(self.refused("PUT", path, {
            "type": "slack", "details": details["slack"]}), "type")
        # What is needed stays.
        self.send(3)
        trigger = self.server.json("POST", "/1/triggers/shop", {
            "name": "many", "query": {"time_range": 600}, "frequency": 1,
            "threshold": {"op": ">", "value": 1}, "recipients": [
                {"id": made["slack"]["id"]}, {"type": "email", "target": "other@example.com"}]})
        text = self.receiver.wait_for(1)[0]
        self.assertEqual((text["channel"], self.receiver.bodies[0][1]), ("#shop", "/slack"))
        made_beside = trigger["recipients"][1]
        self.assertEqual(made_beside["target"], "other@example.com")
        self.assertEqual(
            self.server.json("GET", f"/1/recipients/{made_beside['id']}")["details"],
            {"email_address": "other@example.com"})
        told, = self.server.json("GET", f"/1/recipients/{made['slack']['id']}/triggers")
        self.assertEqual(told["id"], trigger["id"])
        for path in (f"/1/recipients/{made['slack']['id']}", "/api/receivers/chat"):
            self.assertEqual(self.refused("DELETE", path, None, 409)[-8:], "conflict")
        self.assertEqual(self.server.request("DELETE", f"/1/triggers/shop/{trigger['id']}")[0], 204)
        for kind in ("slack", "webhook"):
            path = f"/1/recipients/{made[kind]['id']}"
            self.assertEqual(self.server.request("DELETE", path)[0], 204)
            self.refused("GET", path, None, 404)
        self.assertEqual(self.server.request("DELETE", "/api/receivers/chat")[0], 204)

    def test_what_a_recipient_cannot_be_is_refused_with_the_member(self):
        hook = {"webhook_name": "bot", "webhook_url": "http://127.0.0.1:1/"}
        for kind, details, field in (
                ("pigeon", {}, "type"), ("webhook", {"webhook_name": "a"}, "webhook_url"),
                ("webhook", {**hook, "webhook_url": "file:///etc/passwd"}, "webhook_url"),
                ("webhook", {**hook, "webhook_secret": "a\r\nb: c"}, "webhook_secret"),
                ("webhook", {**hook, "webhook_headers": [{"header": "Host", "value": "a"}]}, "webhook_headers"),
                ("webhook", {**hook, "webhook_headers": [{"header": "a b"}]}, "webhook_headers"),
                ("webhook", {**hook, "webhook_headers": [{"header": "a", "value": "b\nc"}]}, "value"),
                ("webhook", {**hook, "webhook_payloads": {"payload_templates": {}}}, "webhook_payloads"),
                ("msteams_workflow", {"webhook_name": "a"}, "webhook_url"),
                ("pagerduty", {"pagerduty_integration_name": "a", "pagerduty_integration_key": "b"},
                 "pagerduty_integration_key"),
                ("email", {"email_address": "nobody"}, "email_address")):
            self.assertEqual(self.refused(
                "POST", "/1/recipients", {"type": kind, "details": details}), field)


if __name__ == "__main__":
    unittest.main()

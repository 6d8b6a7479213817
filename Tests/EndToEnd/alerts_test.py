"""Rules that the server evaluates, alerts that it tells of, and what a restart keeps."""
import json
import os
import pathlib
import signal
import threading
import time
import unittest

from alert_case import RULES, AlertCase
TIERS = os.path.join(os.path.dirname(__file__), "../../docs/tiers")


class AlertsTest(AlertCase):
    def test_rules_are_evaluated_and_told_as_prometheus_does(self):
        self.define()
        self.assertEqual(self.put_rules(RULES)[0], 201)
        self.wait(lambda: self.alerts("pending"))
        alert = self.wait(self.alerts)[0]
        self.assertEqual(
            alert["labels"],
            {"alertname": "EventsCame", "severity": "critical", "tier": "page"})
        self.assertEqual(alert["annotations"], {"summary": "events: 3"})
        self.assertEqual(alert["value"], "3e+00")
        group, = self.server.json("GET", "/api/v1/rules")["data"]["groups"]
        self.assertEqual((group["name"], group["file"], group["interval"]), ("shop", "shop", 1))
        record, rule = group["rules"]
        self.assertEqual((record["type"], record["health"]), ("recording", "ok"))
        self.assertEqual(
            (rule["type"], rule["state"], rule["duration"], rule["health"]),
            ("alerting", "firing", 2, "ok"))
        self.assertEqual(len(rule["alerts"]), 1)
        only, = self.server.json(
            "GET", "/api/v1/rules?type=record")["data"]["groups"][0]["rules"]
        self.assertEqual(only["name"], "shop:events:total")
        self.assertEqual(
            self.server.json("GET", "/api/v1/rules?rule_group[]=x")["data"]["groups"], [])

        def value(query):
            # Samples stand half a minute back, where metrics are settled.
            answer = self.server.json("GET", f"/api/v1/query?query={query}")
            return [one["value"][1] for one in answer["data"]["result"]]
        self.assertEqual(self.wait(lambda: value("shop:events:total")), ["3"])
        self.assertEqual(self.wait(lambda: value("ALERTS%7Balertstate=%22firing%22%7D")), ["1"])
        self.assertEqual(len(value("ALERTS_FOR_STATE")), 1)

    def test_rules_that_are_wrong_are_refused_and_those_before_stay(self):
        self.define()
        self.put_rules(RULES)
        status, answer = self.put_rules(RULES.replace("for: 2s", "fore: 2s"))
        self.assertEqual(status, 422)
        self.assertIn("shop:10:9", answer["error"])
        self.assertIn("no key 'fore'", answer["error"])
        self.assertEqual(self.server.request("GET", "/api/rules/shop")[2].decode(), RULES)
        self.wait(self.alerts)
        listed, = self.server.json("GET", "/api/rules")
        self.assertEqual(listed, {"name": "shop", "source": "api", "groups": 1, "rules": 2})
        self.assertEqual(self.server.request("DELETE", "/api/rules/shop")[0], 204)
        self.wait(lambda: not self.alerts())
        self.assertEqual(self.server.request("GET", "/api/rules/shop")[0], 404)

    def test_files_of_the_configuration_are_read_at_the_start_and_again(self):
        self.define()
        path = os.path.join(self.directory, "rules.yaml")
        with open(path, "w") as file:
            file.write(RULES)
        self.options = (*self.options, "--rules", path)
        self.restart()
        self.wait(self.alerts)
        with open(path, "w") as file:
            file.write("groups: [")
        self.server.process.send_signal(1)
        time.sleep(1)
        # What cannot be read stays as it was.
        self.assertEqual(len(self.alerts()), 1)
        with open(path, "w") as file:
            file.write(RULES.replace("EventsCame", "Renamed"))
        self.server.process.send_signal(1)
        self.wait(lambda: [one["labels"]["alertname"] for one in self.alerts()] == ["Renamed"])

    def test_a_webhook_is_told_once_also_over_a_kill(self):
        receiver = self.listening()
        self.define()
        self.server.json("PUT", "/api/receivers/hook", {
            "type": "webhook", "url": receiver.url + "/hook", "match": {"tier": "page"}})
        self.server.json("PUT", "/api/receivers/other", {
            "type": "webhook", "url": receiver.url + "/other", "match": {"tier": "ticket"}})
        self.put_rules(RULES)
        body, = receiver.wait_for(1)
        self.assertEqual((body["status"], body["receiver"]), ("firing", "hook"))
        self.assertEqual(body["alerts"][0]["labels"]["alertname"], "EventsCame")
        self.wait_until_kept(1)
        self.restart(signal.SIGKILL)
        self.wait(self.alerts)
        time.sleep(4)
        self.assertEqual(len(receiver.bodies), 1)
        self.server.request("DELETE", "/api/rules/shop")
        bodies = receiver.wait_for(2)
        self.assertEqual([body["status"] for body in bodies], ["firing", "resolved"])
        self.assertEqual(
            bodies[0]["alerts"][0]["fingerprint"], bodies[1]["alerts"][0]["fingerprint"])

    def test_one_that_hangs_or_fails_is_tried_again_and_delays_no_other(self):
        slow, broken, good = self.listening(), self.listening(), self.listening()
        slow.delay, broken.status = 30, 500
        self.define()
        for name, receiver in (("slow", slow), ("broken", broken), ("good", good)):
            self.server.json(
                "PUT", f"/api/receivers/{name}", {"type": "webhook", "url": receiver.url})
        self.put_rules(RULES)
        self.assertEqual(len(good.wait_for(1, 20)), 1)
        broken.status = 200
        self.assertEqual(len(broken.wait_for(1, 20)), 1)
        # Both are counted once that is kept.
        self.wait_until_kept(2)
        told = {one["name"]: one for one in self.server.json("GET", "/api/receivers")}
        self.assertGreater(told["broken"]["messages_failed"], 0)
        self.assertEqual(told["broken"]["messages_taken"], 1)
        self.assertEqual(told["slow"]["messages_taken"], 0)

    def test_one_that_hangs_is_changed_and_deleted_while_rules_are_evaluated(self):
        slow, good = self.listening(), self.listening()
        slow.delay = 30
        self.define()
        self.server.json("PUT", "/api/receivers/hook", {"type": "webhook", "url": slow.url})
        self.put_rules(RULES)
        self.wait(self.alerts)
        # It is being told by then, for the next ten seconds.
        time.sleep(1)

        def evaluated():
            group, = self.server.json("GET", "/api/v1/rules")["data"]["groups"]
            return group["lastEvaluation"]

        def goes_on():
            # The first of two may have been under way.
            for _ in range(2):
                before = evaluated()
                self.wait(lambda: evaluated() != before)
        self.server.json("PUT", "/api/receivers/hook", {"type": "webhook", "url": good.url})
        goes_on()
        # Its thread is still with the one that hangs, and the one that evaluates rules is not.
        self.assertEqual(good.bodies, [])
        self.assertEqual(self.server.request("DELETE", "/api/receivers/hook")[0], 204)
        goes_on()
        self.server.json(
            "PUT", "/api/receivers/hook", {"type": "webhook", "url": good.url + "/new"})
        self.wait(lambda: "/new" in [path for _, path, _ in good.bodies])
        told, = [body for _, path, body in good.bodies if path == "/new"]
        self.assertEqual(told["status"], "firing")

    def test_what_began_and_ended_while_a_receiver_was_down_is_told_when_it_is_back(self):
        receiver = self.listening()
        receiver.status = 503
        self.define()
        self.server.json("PUT", "/api/receivers/hook", {"type": "webhook", "url": receiver.url})
        self.put_rules(RULES)
        self.wait(self.alerts)
        self.wait(lambda: self.server.json("GET", "/api/receivers")[0]["messages_failed"])
        self.assertEqual(self.server.request("DELETE", "/api/rules/shop")[0], 204)
        self.wait(lambda: not self.alerts())
        time.sleep(1)
        self.restart(signal.SIGKILL)
        receiver.status = 200
        bodies = receiver.wait_for(2)
        self.assertEqual([one["status"] for one in bodies], ["firing", "resolved"])
        self.assertEqual(len({one["alerts"][0]["fingerprint"] for one in bodies}), 1)
        self.assertEqual(bodies[0]["alerts"][0]["startsAt"], bodies[1]["alerts"][0]["startsAt"])
        # Whoever comes later is not told of the past.
        self.server.json(
            "PUT", "/api/receivers/late", {"type": "webhook", "url": receiver.url + "/late"})
        time.sleep(3)
        self.assertEqual(len(receiver.bodies), 2)

    def test_addresses_are_guarded_and_redirects_not_followed(self):
        receiver = self.listening()
        receiver.status = 307
        # What is looked at is what is connected to, whoever wrote the address.
        cloud = ("169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "0xa9fea9fe")
        self.options = (*self.options, "--alertmanagers",
                        ",".join(f"http://{host}" for host in cloud))
        self.restart()
        self.define()
        # A scheme may be in capital letters.
        self.server.json("PUT", "/api/receivers/moved", {
            "type": "webhook", "url": receiver.url.replace("http", "HTTP")})
        # Where the address is written out, it is refused at once.
        for host in (*cloud, "[fe80::1%25eth0]", "100.100.100.200", "0"):
            for definition in (
                    {"type": "webhook", "url": f"http://{host}/latest/meta-data"},
                    {"type": "email", "server": f"smtp://{host}", "from": "a@b", "to": ["c@d"]}):
                status, _, answer = self.server.request(
                    "PUT", "/api/receivers/cloud", json.dumps(definition))
                self.assertEqual(status, 422, host)
                self.assertIn(b"never spoken to", answer)
        for url in ("file:///etc", "http:///x", "http:/x", "http://127.0.0.1:99999/", "127.0.0.1"):
            status, _, answer = self.server.request(
                "PUT", "/api/receivers/file", json.dumps({"type": "webhook", "url": url}))
            self.assertEqual(status, 422, url)
            self.assertIn(b"is no http or https URL", answer)
        self.put_rules(RULES)

        def told():
            found = {one["name"]: one for one in self.server.json("GET", "/api/receivers")}
            return found if all("last_error" in one for one in found.values()) else None
        found = self.wait(told)
        self.assertIn("status 307", found["moved"]["last_error"])
        for host in cloud:
            self.assertEqual(
                found[f"http://{host}"]["last_error"], "the address may not be spoken to")
        self.assertEqual(receiver.bodies, [])

    def test_slack_teams_and_pagerduty_get_their_forms_and_secrets_stay(self):
        receiver = self.listening()
        self.define()
        self.server.json("PUT", "/api/receivers/chat", {
            "type": "slack", "url": receiver.url + "/slack"})
        self.server.json("PUT", "/api/receivers/duty", {
            "type": "pagerduty", "url": receiver.url + "/duty", "routing_key": "s3cret"})
        self.server.json("PUT", "/api/receivers/teams", {
            "type": "msteams", "url": receiver.url + "/teams"})
        # All that lets in whoever knows it is left out: who logs in, what is asked with, a hook's path.
        host = receiver.url.removeprefix("http://")
        self.server.json("PUT", "/api/receivers/bot", {
            "type": "webhook", "url": f"http://ada:s3cret@{host}/bot?token=s3cret", "match": {"no": "alert"}})
        self.server.json("PUT", "/api/receivers/team", {
            "type": "slack", "url": f"http://{host}/services/s3cret", "match": {"no": "alert"}})
        self.server.json("PUT", "/api/receivers/mail", {
            "type": "email", "server": "smtp://ada:s3cret@127.0.0.1:9", "from": "a@b", "to": ["c@d"],
            "password": "s3cret", "match": {"no": "alert"}})
        trigger = self.server.json("POST", "/api/triggers", {
            "name": "Quiet", "query": "from shop | last 1m | stats count()", "frequency": 60,
            "threshold": {"op": ">", "value": 1e9}, "recipients": [
                {"type": "slack", "target": f"http://{host}/services/s3cret"}]})
        self.assertNotIn("s3cret", json.dumps(trigger))
        answer = self.wait(lambda: len(
            found := self.server.json("GET", "/api/receivers")) == 6 and found)
        self.assertNotIn("s3cret", json.dumps(answer))
        shown = {one["name"]: one.get("url", one.get("server")) for one in answer}
        self.assertEqual(shown["bot"], f"http://(kept)@{host}/bot?(kept)")
        self.assertEqual(shown["team"], f"http://{host}/(kept)")
        self.assertEqual(shown["teams"], f"http://{host}/(kept)")
        self.assertEqual(shown["mail"], "smtp://(kept)@127.0.0.1:9")
        self.assertEqual(shown["duty"], receiver.url + "/duty")
        self.put_rules(RULES)
        receiver.wait_for(3)
        sent = {path: body for _, path, body in receiver.bodies}
        card = sent["/teams"]["attachments"][0]
        self.assertEqual(card["contentType"], "application/vnd.microsoft.card.adaptive")
        self.assertEqual((card["content"]["type"], card["content"]["version"]), ("AdaptiveCard", "1.4"))
        line = card["content"]["body"][0]["inlines"][0]
        self.assertTrue(line["text"].startswith("[FIRING] EventsCame"), line)
        self.assertIn("Query", [one["title"] for one in card["content"]["actions"]])
        self.assertIn("[FIRING] EventsCame", sent["/slack"]["attachments"][0]["text"])
        duty = sent["/duty"]
        self.assertEqual((duty["event_action"], duty["routing_key"]), ("trigger", "s3cret"))
        self.assertEqual(duty["payload"]["severity"], "critical")
        self.server.request("DELETE", "/api/rules/shop")
        receiver.wait_for(6)
        ends = [body for _, path, body in receiver.bodies if path == "/duty"]
        self.assertEqual([one["event_action"] for one in ends], ["trigger", "resolve"])
        self.assertEqual(ends[0]["dedup_key"], ends[1]["dedup_key"])

    def test_alerts_are_acknowledged_and_what_is_not_goes_to_the_next(self):
        receiver = self.listening()
        self.define()
        self.server.json("PUT", "/api/receivers/next", {
            "type": "webhook", "url": receiver.url, "match": {"unacknowledged": "true"}})
        self.put_rules(RULES.replace("summary:", "acknowledge_within: 3s\n          summary:"))
        self.wait(self.alerts)
        alert, = self.server.json("GET", "/api/alerts")
        self.assertEqual((alert["state"], alert["observed"]), ("firing", True))
        self.assertEqual(sorted(alert["deadlines"]), ["acknowledge", "mitigate", "review"])
        body, = receiver.wait_for(1)
        self.assertEqual(body["commonLabels"]["unacknowledged"], "true")
        path = f"/api/alerts/{alert['id']}/ack"
        done = self.server.json("POST", path, {"verdict": "noise", "by": "ada"})
        self.assertEqual((done["verdict"], done["acknowledged_by"]), ("noise", "ada"))
        self.assertEqual([one["status"] for one in receiver.wait_for(2)], ["firing", "resolved"])
        self.restart(signal.SIGKILL)
        self.wait(self.alerts)
        alert, = self.server.json("GET", "/api/alerts")
        self.assertEqual(alert["verdict"], "noise")
        rule, = self.server.json("GET", "/api/alerts/quality")["rules"]
        self.assertEqual((rule["name"], rule["share_actionable"]), ("EventsCame", 0))
        self.assertIn("less than half", rule["warning"])
        for path, body in ((path, {"verdict": "perhaps"}), ("/api/alerts/x/ack", {})):
            status, _, _ = self.server.request("POST", path, json.dumps(body))
            self.assertIn(status, (404, 422))

    def test_what_a_machine_leaves_is_a_page_and_then_goes_to_who_is_next(self):
        told = {}
        for name, match in (("bot", {"tier": "automate"}), ("pager", {"tier": "page"}),
                            ("second", {"unacknowledged": "true"})):
            told[name] = self.listening()
            self.server.json("PUT", f"/api/receivers/{name}", {
                "type": "webhook", "url": told[name].url, "match": match})
        self.define()
        self.put_rules(RULES.replace("tier: page", "tier: automate").replace(
            "summary:", "escalate_after: 3s\n          acknowledge_within: 3s\n          summary:"))
        self.assertEqual(told["bot"].wait_for(1)[0]["commonLabels"]["tier"], "automate")
        page = told["pager"].wait_for(1)[0]["alerts"][0]
        self.assertEqual((page["labels"]["tier"], page["labels"]["escalated"]), ("page", "true"))
        late = told["second"].wait_for(1)[0]["alerts"][0]
        self.assertEqual(late["labels"], {**page["labels"], "unacknowledged": "true"})

        def escalations():
            alert, = self.server.json("GET", "/api/alerts")
            found = alert.get("escalations", [])
            return alert if len(found) == 2 and found[1]["told"] else None
        alert = self.wait(escalations)
        self.assertEqual(alert["told"], ["bot"])
        self.assertEqual(
            [(one["reason"], one["told"], one["id"], one["fired_at"]) for one in alert["escalations"]],
            [("escalated", ["pager"], page["fingerprint"], page["startsAt"]),
             ("unacknowledged", ["second"], late["fingerprint"], late["startsAt"])])
        self.assertEqual(
            [alert["deadlines"][name] for name in ("escalate", "acknowledge")],
            [page["startsAt"], late["startsAt"]])
        # Acknowledged by what the second was told, without a word more; what it was worth is said later.
        path = f"/api/alerts/{late['fingerprint']}/ack"
        done = self.server.json("POST", path)
        self.assertEqual(done["id"], alert["id"])
        self.assertIn("acknowledged_at", done)
        self.assertNotIn("verdict", done)
        self.assertEqual([one["status"] for one in told["second"].wait_for(2)], ["firing", "resolved"])
        again = self.server.json("POST", path, {"verdict": "actionable"})
        self.assertEqual((again["verdict"], again["acknowledged_at"]),
                         ("actionable", done["acknowledged_at"]))
        self.assertEqual(self.server.json("POST", path, {})["verdict"], "actionable")
        shown, = self.server.json("GET", "/api/alerts")
        self.assertIn("resolved_at", shown["escalations"][1])
        explained = self.server.json("GET", f"/api/alerts/{page['fingerprint']}/explanation")
        self.assertEqual(explained["name"], "EventsCame")
        self.assertEqual([len(told[name].bodies) for name in ("bot", "pager", "second")], [1, 1, 2])

    def shop(self):
        """A minute of requests of which those with the new pricing fail, and a metric of them."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        self.server.json("POST", "/1/batch/shop", [
            {"time": stamp, "data": {
                "service": "cart" if n % 2 else "mail", "status": 500 if n % 10 == 1 else 200,
                "pricing": "new" if n % 10 == 1 else "old", "n": n,
                "trace.trace_id": f"t{n}"}} for n in range(200)])
        self.server.json("PUT", "/api/metrics/requests_total", {
            "dataset": "shop", "labels": {"service": "service", "status": "status"}})

    def test_an_alert_explains_itself(self):
        self.shop()
        self.put_rules("""
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: Errors
        expr: |
          sum by (service) (requests_total{status="500"}) / sum by (service) (requests_total) > 0.05
        labels: {tier: page}
        annotations: {runbook_url: "https://runbooks/errors"}
""")
        self.wait(self.alerts)
        alert, = self.server.json("GET", "/api/alerts")
        told = self.server.json("GET", f"/api/alerts/{alert['id']}/explanation")
        self.assertEqual((told["name"], told["value"]), ("Errors", "0.2"))
        self.assertEqual(told["annotations"]["runbook_url"], "https://runbooks/errors")
        behind, = told["behind"]
        self.assertEqual(behind["events"], 20)
        self.assertEqual(len(behind["traces"]), 3)
        # The query is the one that a person would ask.
        rows = self.server.query(behind["query"] + " | stats count() by service, status, pricing")
        self.assertEqual(
            [row["data"] for row in rows["data"]["results"]],
            [{"service": "cart", "status": 500, "pricing": "new", "COUNT": 20}])
        fields = {field["field"]: field for field in behind["fields"]}
        best = fields["pricing"]["values"][0]
        self.assertEqual((best["value"], best["bad"], best["good"]), ("new", 20, 0))
        self.assertEqual(
            self.server.request("GET", "/api/alerts/nobody/explanation")[0], 404)

    def test_an_alert_on_what_a_rule_records_is_explained_by_the_events_too(self):
        self.shop()
        self.put_rules("""
groups:
  - name: shop
    interval: 1s
    rules:
      - record: service:errors:total
        expr: sum by (service) (requests_total{status="500"})
      - record: service:errors:ratio
        expr: service:errors:total / sum by (service) (requests_total)
      - {alert: Errors, expr: service:errors:ratio > 0.05}
""")
        self.wait(self.alerts)
        alert, = self.server.json("GET", "/api/alerts")
        explained = self.server.json("GET", f"/api/alerts/{alert['id']}/explanation")
        behind, = explained["behind"]
        self.assertEqual((explained["expression"], behind["metric"], behind["events"]),
                         ("service:errors:ratio > 0.05", "requests_total", 20))
        self.assertEqual(behind["fields"][0]["field"], "pricing")
        self.assertEqual(len(behind["traces"]), 3)

    def test_the_bad_events_are_found_however_the_rule_asks_for_them(self):
        self.shop()
        every = 'sum by (service) (requests_total)'
        self.put_rules(f"""
groups:
  - name: shop
    interval: 1s
    rules:
      - {{record: 'service:bad', expr: 'sum by (service) (requests_total{{status="500"}})'}}
      - {{record: 'service:ratio', expr: 'service:bad / {every}'}}
      - {{alert: Recorded, expr: 'service:ratio{{service="cart"}} > 0.05'}}
      - {{alert: Pattern, expr: 'sum by (service) (requests_total{{status=~"5.."}}) / {every} > 0.05'}}
      - {{alert: NoPattern, expr: 'sum by (service) (requests_total{{status!~"[234].."}}) / {every} > 0.05'}}
      - {{alert: Other, expr: 'sum by (service) (requests_total{{status!="200"}}) / {every} > 0.05'}}
      - {{alert: Meant, expr: 'sum(requests_total{{service="cart", status="500"}}) / sum(requests_total{{service="cart"}}) > 0.05'}}
      - {{alert: Own, expr: 'requests_total{{status="500"}} > 5'}}
      - {{alert: Of, expr: 'sum by (service) (requests_total{{service=~"c.*", status!=""}}) > 5'}}
""")
        def told():
            return {alert["name"]: alert["id"] for alert in self.server.json("GET", "/api/alerts")}
        self.wait(lambda: len(told()) == 7)
        for name, one in told().items():
            with self.subTest(name):
                behind, = self.server.json("GET", f"/api/alerts/{one}/explanation")["behind"]
                rows = self.server.query(behind["query"] + " | stats count() by service, status, pricing")
                found = [row["data"] for row in rows["data"]["results"]]
                bad = {"service": "cart", "status": 500, "pricing": "new", "COUNT": 20}
                if name == "Of":
                    # What an alert is about where nothing tells good from bad.
                    self.assertEqual((behind["events"], {row["service"] for row in found}), (100, {"cart"}))
                    continue
                self.assertEqual((behind["events"], found), (20, [bad]))
                self.assertTrue({trace["id"] for trace in behind["traces"]} <= {f"t{n}" for n in range(1, 200, 10)})
                fields = {field["field"]: field["values"] for field in behind["fields"]}
                best = fields["pricing"][0]
                self.assertEqual((best["value"], best["bad"], best["good"]), ("new", 20, 0))
                # They are compared with the others of the same service, not with all events.
                self.assertEqual(sum(value["good"] for value in fields["pricing"]), 80)

    def test_who_is_told_gets_the_explanation_too(self):
        receiver = self.listening()
        self.shop()
        for name, kind in (("hook", "webhook"), ("chat", "slack"), ("duty", "pagerduty")):
            self.server.json("PUT", f"/api/receivers/{name}", {
                "type": kind, "url": f"{receiver.url}/{name}", "routing_key": "key"})
        self.put_rules("""
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: Errors
        expr: |
          sum by (service) (requests_total{status="500"}) / sum by (service) (requests_total) > 0.05
        labels: {tier: page, owner: carts}
        annotations: {runbook_url: "https://runbooks/errors"}
""")
        receiver.wait_for(3)
        sent = {path[1:]: body for _, path, body in receiver.bodies}
        told = sent["hook"]["alerts"][0]["annotations"]
        self.assertEqual((told["value"], told["events"]), ("0.2", "20"))
        self.assertIn("pricing = new (20 bad, 0 good)", told["different_fields"])
        self.assertEqual(len(told["traces"].split()), 3)
        self.assertIn("/#q=", told["query_url"])
        self.assertEqual(sent["hook"]["alerts"][0]["generatorURL"], told["query_url"])
        rows = self.server.query(told["query"] + " | stats count()")
        self.assertEqual(rows["data"]["results"][0]["data"]["COUNT"], 20)
        text = sent["chat"]["attachments"][0]["text"]
        for part in ("value: 0.2", "different fields: ", "runbook: https://runbooks/errors",
                     "owner: carts", "traces: "):
            self.assertIn(part, text)
        details = sent["duty"]["payload"]["custom_details"]
        self.assertEqual((details["value"], details["owner"]), ("0.2", "carts"))
        self.assertEqual(
            [link["text"] for link in sent["duty"]["links"]], ["query", "runbook"])

    def test_figures_of_rules_and_of_who_is_told_stand_in_metrics(self):
        receiver, broken = self.listening(), self.listening()
        broken.status = 500
        self.options = (*self.options, "--alertmanagers", receiver.url)
        self.restart()
        self.define()
        self.server.json("PUT", "/api/receivers/broken", {"type": "webhook", "url": broken.url})
        self.put_rules(RULES + "      - {record: itself, expr: itself + 1}\n")
        # Alerts of two environments are two for an Alertmanager.
        self.assertEqual(
            receiver.wait_for(1)[0][0]["labels"],
            {"alertname": "EventsCame", "environment": "default", "severity": "critical",
             "tier": "page"})

        def figures():
            text = self.server.request("GET", "/metrics")[2].decode()
            return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                    for line in text.splitlines() if not line.startswith("#")}
        group = '{environment="default",rule_group="shop;shop"}'
        engine = f'{{environment="default",alertmanager="{receiver.url}"}}'
        hook = '{environment="default",receiver="broken",integration="webhook"}'
        found = self.wait(lambda: (
            now := figures()) and now.get(f"prometheus_notifications_sent_total{engine}") and now)
        self.assertEqual(found[f"prometheus_rule_group_rules{group}"], 3)
        self.assertGreater(found[f"prometheus_rule_evaluations_total{group}"], 2)
        self.assertGreater(found[f"prometheus_rule_evaluation_failures_total{group}"], 0)
        self.assertGreater(found[f"prometheus_rule_group_iterations_total{group}"], 0)
        self.assertGreater(
            found[f"prometheus_rule_group_last_evaluation_timestamp_seconds{group}"],
            time.time() - 60)
        self.wait(lambda: figures()[f"alertmanager_notifications_failed_total{hook}"] > 0)
        self.wait(lambda: figures()[f"widefield_notifications_waiting{hook}"] == 1)
        self.assertEqual(figures()[f"alertmanager_notifications_total{hook}"], 0)

    def test_rules_are_replayed_over_the_past(self):
        self.shop()
        path = os.path.join(self.directory, "rules.yaml")
        with open(path, "w") as file:
            file.write("""
groups:
  - name: shop
    interval: 15s
    rules:
      - record: service:requests:increase1m
        expr: sum by (service) (increase(requests_total[1m]))
      - alert: Busy
        expr: service:requests:increase1m > 50
        for: 15s
""")
        lines = self.tool("rules", "replay", path, "--from", "10m").splitlines()
        states = [(line.split()[2], line.split()[-1]) for line in lines if "Busy" in line]
        self.assertEqual(states[:2], [("pending", "service=cart"), ("pending", "service=mail")])
        self.assertEqual(states[2:4], [("firing", "service=cart"), ("firing", "service=mail")])
        self.assertEqual(self.server.json("GET", "/api/v1/rules")["data"]["groups"], [])
        status, _, _ = self.server.request("POST", "/api/replay", json.dumps({
            "rules": "groups: [", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}))
        self.assertEqual(status, 422)

    def test_triggers_and_alerts_of_slos_are_replayed_too(self):
        # Half an hour of a request a second, of which those of five minutes fail.
        now = time.time()
        self.server.json("POST", "/1/batch/shop", [
            {"time": now - ago, "data": {"status": 500 if 900 < ago <= 1200 else 200}}
            for ago in range(60, 1860)])
        trigger = self.server.json("POST", "/api/triggers", {
            "name": "Failing", "query": "from shop | last 1m | where status = 500 | stats count()",
            "frequency": 60, "threshold": {"op": ">", "value": 30}, "disabled": True})["id"]
        self.server.json("PUT", "/api/slos/fine", {
            "dataset": "shop", "good": "status < 500", "target": 0.99,
            "alerting": [{"burnRate": 10, "longWindow": "10m", "shortWindow": "5m"}]})

        def steps(*arguments):
            lines = self.tool("rules", "replay", "--from", "30m", *arguments).splitlines()[2:]
            return [(line.split()[1], line.split()[2]) for line in lines]
        told = steps("--trigger", trigger)
        self.assertEqual(told, [("Failing", "firing"), ("Failing", "resolved")])
        told = steps("--slo", "fine")
        self.assertEqual([state for name, state in told if name == "ErrorBudgetBurn"],
                         ["firing", "unacknowledged", "resolved", "resolved"])
        # Without a name all that there is: a trigger that is disabled is not.
        self.put_rules(RULES)
        self.assertEqual({name for name, _ in steps()}, {"ErrorBudgetBurn"})
        self.tool("rules", "replay", "--slo", "no", code=1)
        self.tool("rules", "check", code=2)

    def test_what_is_erased_is_in_no_alert(self):
        self.server.json("POST", "/1/batch/shop", [
            {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)),
             "data": {"user": "ada@example.com"}}])
        self.server.json("PUT", "/api/metrics/shop_events_total", {
            "dataset": "shop", "labels": {"user": "user"}})
        self.put_rules(RULES.replace("sum(", "sum by (user) ("))
        self.wait(self.alerts)
        receiver = self.listening()
        self.server.json("PUT", "/api/receivers/hook", {"type": "webhook", "url": receiver.url})
        receiver.wait_for(1)
        time.sleep(1)

        def kept():
            folder = pathlib.Path(self.data, "alerts")
            return [file.name for file in folder.iterdir() if b"ada@" in file.read_bytes()]
        self.assertEqual(len(kept()), 3)
        # The rules would find the series again in what they recorded before.
        self.assertEqual(self.server.request("DELETE", "/api/rules/shop")[0], 204)
        self.wait(lambda: not self.alerts())
        self.server.json("POST", "/api/erasures", {"query": 'where user = "ada@example.com"'})
        self.assertEqual(kept(), [])

    def test_an_erasure_of_other_events_ends_no_alert(self):
        receiver = self.listening()
        self.define()
        self.server.json("POST", "/1/batch/people", [{"data": {"user": "ada@example.com"}}])
        self.server.json("PUT", "/api/receivers/hook", {"type": "webhook", "url": receiver.url})
        self.put_rules(RULES)
        receiver.wait_for(1)
        self.server.json(
            "POST", "/api/erasures", {"query": 'from people | where user = "ada@example.com"'})
        time.sleep(3)
        self.assertEqual([one["status"] for one in receiver.wait_for(1)], ["firing"])

    def test_a_standstill_is_told_and_leaves_what_fires(self):
        self.define()
        self.options = ("--self-telemetry", "off", "--standstill", "10", "--rule-interval", "1")
        self.restart()
        receiver = self.listening()
        self.server.json("PUT", "/api/receivers/pager", {
            "type": "webhook", "url": receiver.url, "match": {"tier": "page", "alertname": "IngestStandstill"}})
        self.put_rules(RULES)
        self.wait(self.alerts)
        names = lambda: sorted(one["labels"]["alertname"] for one in self.alerts())
        self.wait(lambda: names() == ["EventsCame", "IngestStandstill"])
        rule = self.server.json("GET", "/api/v1/rules")["data"]["groups"][0]["rules"][1]
        self.assertEqual((rule["state"], rule["health"]), ("firing", "unknown"))
        self.assertIn("unobserved", rule["lastError"])
        page, = receiver.wait_for(1)
        self.assertEqual(page["commonLabels"]["severity"], "critical")
        self.assertIn("operating.md", page["commonAnnotations"]["runbook"])
        alert, = [one for one in self.server.json("GET", "/api/alerts") if one["name"] == "IngestStandstill"]
        self.assertEqual(sorted(alert["deadlines"]), ["acknowledge", "mitigate", "review"])
        self.assertTrue(alert["owner"])
        explained = self.server.json("GET", f"/api/alerts/{alert['id']}/explanation")
        self.assertEqual((explained["name"], explained["behind"]), ("IngestStandstill", []))
        self.send()
        self.wait(lambda: names() == ["EventsCame"])
        self.assertEqual([one["status"] for one in receiver.wait_for(2)], ["firing", "resolved"])

    def test_one_service_that_falls_silent_pages_while_others_send(self):
        # Both for three hours, mail up to eight minutes ago; and what sent once, which nobody misses.
        ages = {"mail": range(500, 10_800, 240), "cart": range(60, 10_800, 240), "once": [7000],
                "just": [600]}
        self.server.json("POST", "/1/batch/shop", [
            {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age)),
             "data": {"service.name": service}} for service in ages for age in ages[service]])
        with open(os.path.join(TIERS, "page.rules.yaml")) as file:
            self.put_rules(file.read().replace("for: 2m", "for: 1s").replace("30s", "1s").replace("4m", "1s"))
        alert, = self.wait(self.alerts)
        self.assertEqual(
            (alert["labels"]["alertname"], alert["labels"]["service"]), ("ServiceSilent", "mail"))

    def test_mail_goes_out(self):
        import socketserver
        mails = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 here\r\n")
                text, isData = [], False
                for line in self.rfile:
                    if isData:
                        if line == b".\r\n":
                            isData = False
                            mails.append(b"".join(text))
                            self.wfile.write(b"250 kept\r\n")
                        else:
                            text.append(line)
                    elif line.startswith(b"DATA"):
                        isData = True
                        self.wfile.write(b"354 go on\r\n")
                    elif line.startswith(b"QUIT"):
                        self.wfile.write(b"221 bye\r\n")
                        return
                    else:
                        self.wfile.write(b"250 good\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.define()
        self.server.json("PUT", "/api/receivers/mail", {
            "type": "email", "server": f"smtp://127.0.0.1:{server.server_address[1]}",
            "from": "widefield@example.com", "to": ["team@example.com"]})
        self.put_rules(RULES)
        self.wait(lambda: mails)
        import email
        message = email.message_from_bytes(mails[0])
        self.assertEqual(message["To"], "<team@example.com>")
        text = message.get_payload(decode=True).decode()
        self.assertIn("[FIRING] EventsCame", text)
        self.assertIn("summary: events: 3", text)


if __name__ == "__main__":
    unittest.main()

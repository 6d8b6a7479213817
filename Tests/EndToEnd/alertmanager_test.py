"""Debian's Alertmanager with the project's configuration is told of alerts, and tells a receiver."""
import json
import os
import shutil
import subprocess
import time
import unittest
import urllib.request

from alert_case import AlertCase, Receiver
from server import free_port

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
CONFIGURATION = os.path.join(ROOT, "docs/alertmanager.yml")
UNPACKED = os.path.join(ROOT, ".build/alertmanager/usr/bin")


def program(name):
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], UNPACKED]))
    if not found:
        raise RuntimeError(f"{name} is missing: .ci/install-packages test brings it")
    return os.path.realpath(found)


class Alertmanager:
    """The real program, with the waits of the configuration cut to seconds."""

    def __init__(self, directory, receiver, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        with open(CONFIGURATION) as file:
            text = file.read().replace("http://127.0.0.1:9911", receiver.url)
        for wait in ("30s", "10s", "5m", "1m"):
            # Of an alert that began longer ago it does not wait for the others of its group.
            text = text.replace(f"group_wait: {wait}", "group_wait: 3s")
            text = text.replace(f"group_interval: {wait}", "group_interval: 1s")
        path = os.path.join(directory, "alertmanager.yml")
        with open(path, "w") as file:
            file.write(text)
        self.log = open(os.path.join(directory, "alertmanager.log"), "ab")
        self.process = subprocess.Popen(
            [program("prometheus-alertmanager"), f"--config.file={path}",
             f"--storage.path={directory}/alertmanager", "--cluster.listen-address=",
             f"--web.listen-address=127.0.0.1:{self.port}"], stderr=self.log)
        for _ in range(300):
            try:
                self.ask("GET", "status")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the Alertmanager does not answer")

    def ask(self, method, path, value=None):
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}", method=method,
            data=None if value is None else json.dumps(value).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def rule(alert, expression, annotations=None, **labels):
    return {"alert": alert, "expr": expression, "labels": labels, "annotations": annotations or {}}


class AlertmanagerTest(AlertCase):
    def setUp(self):
        super().setUp()
        self.receiver = Receiver(is_direct=False)
        self.addCleanup(self.receiver.close)
        self.alertmanager = Alertmanager(self.directory, self.receiver)
        self.addCleanup(lambda: self.alertmanager.end())
        self.options = (*self.options, "--alertmanagers", self.alertmanager.url)
        self.restart()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        self.server.json("POST", "/1/batch/pods", [
            {"time": stamp, "data": {"pod": f"p{n}", "cluster": f"c{n % 2}"}} for n in range(100)])
        self.server.json("PUT", "/api/metrics/pods_total", {
            "dataset": "pods", "labels": {"pod": "pod", "cluster": "cluster"}})

    def rules(self, *rules):
        document = {"groups": [{"name": "test", "interval": "1s", "rules": rules}]}
        self.assertIn(self.put_rules(json.dumps(document))[0], (200, 201))

    def told(self, path, status="firing"):
        """Alerts of each notification that came to a receiver."""
        return [
            [alert["labels"] for alert in body["alerts"] if alert["status"] == status]
            for _, at, body in self.receiver.bodies if at == path and body["status"] == status]

    def test_its_own_tool_takes_the_configuration_and_its_routes(self):
        done = subprocess.run(
            [program("amtool"), "check-config", CONFIGURATION], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        late = "unacknowledged=true"
        for labels, receiver in (
                (["tier=page"], "page"), (["tier=page", late], "page-second"), (["tier=ticket"], "ticket"),
                (["tier=page", "escalated=true"], "page"), (["tier=automate"], "automate"),
                (["tier=page", "escalated=true", late], "page-second"), (["severity=warning"], "ticket")):
            done = subprocess.run(
                [program("amtool"), "config", "routes", "test", "--config.file", CONFIGURATION, *labels],
                capture_output=True, timeout=60, text=True)
            self.assertEqual(done.stdout.strip(), receiver, labels)

    def test_one_incident_over_a_hundred_pods_is_one_notification(self):
        # Without a cluster and a service of their own they are one group.
        self.rules(rule("PodsFail", "sum by (pod) (pods_total) > 0", tier="page"))
        self.receiver.wait_for(1)
        time.sleep(5)
        notification, = self.told("/page")
        self.assertEqual(len(notification), 100)

    def test_tiers_go_to_their_receivers(self):
        self.rules(
            *(rule(f"Tier{tier}", "sum(pods_total) > 0", tier=tier)
              for tier in ("automate", "ticket", "page")),
            rule("TierNone", "sum(pods_total) > 0"))
        self.receiver.wait_for(4)
        names = {path: sorted(labels["alertname"] for told in self.told(path) for labels in told)
                 for path in ("/automate", "/ticket", "/page", "/page-second")}
        self.assertEqual(names, {
            "/automate": ["Tierautomate"], "/ticket": ["TierNone", "Tierticket"],
            "/page": ["Tierpage"], "/page-second": []})

    def test_what_a_machine_leaves_is_paged_and_then_goes_to_the_second_receiver(self):
        waits = {"escalate_after": "2s", "acknowledge_within": "4s"}
        self.rules(rule("Left", "sum(pods_total) > 0", waits, tier="automate"))
        self.wait(lambda: self.told("/page-second"))
        self.assertEqual([len(self.told(path)) for path in ("/automate", "/page", "/page-second")], [1, 1, 1])
        alert, = self.server.json("GET", "/api/alerts")
        told = [(one["reason"], one["told"]) for one in alert["escalations"]]
        self.assertEqual(told, [("escalated", [self.alertmanager.url]),
                                ("unacknowledged", [self.alertmanager.url])])
        self.server.json("POST", f"/api/alerts/{alert['id']}/ack")
        self.wait(lambda: self.told("/page-second", "resolved"))
        self.assertEqual(self.told("/page", "resolved"), [])

    def test_a_standstill_of_all_ingest_pages(self):
        self.options = (*self.options, "--standstill", "10")
        self.restart()
        self.rules(rule("Never", "sum(pods_total) < 0", tier="ticket"))
        self.wait(lambda: self.told("/page"), 60)
        self.assertEqual([one["alertname"] for told in self.told("/page") for one in told],
                         ["IngestStandstill"])

    def test_names_that_alertmanager_does_not_take_are_told_with_underscores(self):
        self.rules({"alert": "Dotted", "expr": "sum(pods_total) > 0", "annotations": {"what.is": "so"},
                    "labels": {"tier": "page", "host.name": "a", "host_name": "b"}})
        self.receiver.wait_for(1)
        alert = self.receiver.bodies[0][2]["alerts"][0]
        self.assertEqual((alert["labels"]["host_name"], alert["labels"]["host_name_"]), ("b", "a"))
        self.assertEqual(alert["annotations"]["what_is"], "so")

    def test_a_critical_alert_inhibits_its_warning(self):
        self.rules(
            rule("Slow", "sum(pods_total) > 0", tier="page", severity="critical"),
            rule("Slow", "sum(pods_total) > 0", tier="ticket", severity="warning"),
            rule("Full", "sum(pods_total) > 0", tier="ticket", severity="warning"))
        self.receiver.wait_for(2)
        time.sleep(4)
        self.assertEqual([one["alertname"] for told in self.told("/page") for one in told], ["Slow"])
        self.assertEqual(
            [one["alertname"] for told in self.told("/ticket") for one in told], ["Full"])

    def test_a_cluster_that_is_down_inhibits_its_own_pods_only(self):
        # Alertmanager learns of what inhibits on a thread of its own: on a busy machine that may take longer
        # than the second that it waits before it tells of pods.
        down = rule("ClusterDown", 'sum by (cluster) (pods_total{cluster="c1"}) > 0', tier="page")
        self.rules(down)
        self.wait(lambda: self.told("/page"))
        self.rules(down, rule("PodFails", "pods_total > 0", tier="page"))
        self.wait(lambda: len(self.told("/page")) >= 2)
        time.sleep(4)
        told = [labels for told in self.told("/page") for labels in told]
        pods = {one["cluster"] for one in told if one["alertname"] == "PodFails"}
        self.assertEqual(pods, {"c0"})
        self.assertEqual(
            {one["cluster"] for one in told if one["alertname"] == "ClusterDown"}, {"c1"})

    def test_a_silence_holds(self):
        stamp = lambda seconds: time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        self.alertmanager.ask("POST", "silences", {
            "matchers": [{"name": "alertname", "value": "Quiet", "isRegex": False}],
            "startsAt": stamp(-10), "endsAt": stamp(600), "createdBy": "a test", "comment": "on"})
        self.rules(
            rule("Quiet", "sum(pods_total) > 0", tier="page"),
            rule("Loud", "sum(pods_total) > 0", tier="page"))
        self.receiver.wait_for(1)
        time.sleep(5)
        self.assertEqual([one["alertname"] for told in self.told("/page") for one in told], ["Loud"])
        state = {one["labels"]["alertname"]: one["status"]["state"]
                 for one in self.alertmanager.ask("GET", "alerts")}
        self.assertEqual(state, {"Quiet": "suppressed", "Loud": "active"})

    def test_an_incident_of_twenty_evaluations_is_one_page_and_one_resolution(self):
        # The query looks half a minute back: the incident ends 20 s from now.
        end = int(time.time()) - 10
        self.rules(rule("Incident", f"sum(pods_total) > 0 and on () vector(time()) < {end}", tier="page"))
        self.wait(lambda: self.told("/page", "resolved"), 60)
        time.sleep(5)
        self.assertEqual(len(self.told("/page")), 1)
        self.assertEqual(len(self.told("/page", "resolved")), 1)

    def test_what_happens_while_it_is_down_is_told_when_it_is_back(self):
        self.alertmanager.end()
        self.rules(rule("Missed", "sum(pods_total) > 0", tier="page"))
        self.wait(self.alerts)
        time.sleep(6)
        told, = self.server.json("GET", "/api/receivers")
        self.assertGreater(told["messages_failed"], 1)
        # Not each second: the waits become longer.
        self.assertLess(told["messages_failed"], 6)
        self.alertmanager = Alertmanager(self.directory, self.receiver, self.alertmanager.port)
        self.receiver.wait_for(1, 90)
        self.assertEqual([one["alertname"] for told in self.told("/page") for one in told],
                         ["Missed"])

    def test_a_kill_pages_nobody_again(self):
        self.rules(rule("Held", "sum(pods_total) > 0", tier="page"))
        self.receiver.wait_for(1)
        self.restart(9)
        self.wait(self.alerts)
        time.sleep(5)
        self.assertEqual(len(self.receiver.bodies), 1)


if __name__ == "__main__":
    unittest.main()

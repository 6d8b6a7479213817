"""Metrics derived from events: definitions, PromQL over them, and what a scraper gets."""
import calendar
import json
import os
import random
import subprocess
import time
import unittest
import urllib.parse

import jsonschema
import prometheus_client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from prometheus import ScrapedTest
from server import BINARY, ServerTest

BUCKETS = (10, 50, 100, 500, 1000, 5000)
REQUESTS = {"help": "Requests.", "dataset": "shop", "filter": "http.route exists",
            "labels": {"service": "service.name", "endpoint": "http.route", "status": "http.status_code"}}
DURATION = {"type": "histogram", "help": "How long requests took.", "unit": "ms", "dataset": "shop",
            "filter": "http.route exists", "value": "duration_ms", "buckets": BUCKETS,
            "labels": {"service": "service.name", "endpoint": "http.route", "status": "http.status_code"}}


class MetricsTest(ServerTest):
    options = ("--self-telemetry", "off")

    def send_requests(self, count=500):
        """Sends one event a request of the last ten minutes, and tells Prometheus's own client the same."""
        chance, now = random.Random(7), time.time()
        self.registry = prometheus_client.CollectorRegistry()
        labels = ("service", "endpoint", "status")
        total = prometheus_client.Counter("http_requests", "Requests.", labels, registry=self.registry)
        duration = prometheus_client.Histogram(
            "http_request_duration_ms", "How long requests took.", labels, buckets=BUCKETS, registry=self.registry)
        batch = []
        for _ in range(count):
            values = (chance.choice(["cart", "search"]), chance.choice(["/a", '/b "c"']), chance.choice([200, 500]))
            took = chance.choice([1, 10, 10.5, 99, 500, 4999, 7000]) + chance.randrange(4)
            total.labels(*values).inc()
            duration.labels(*values).observe(took)
            batch.append({"time": round(now - 60 - chance.random() * 540, 3), "data": {
                "service.name": values[0], "http.route": values[1], "http.status_code": values[2],
                "duration_ms": took}})
        batch.append({"data": {"service.name": "cart", "message": "no request"}})
        self.server.json("POST", "/1/batch/shop", batch)

    def define(self):
        for name, definition in (("http_requests_total", REQUESTS), ("http_request_duration_ms", DURATION)):
            self.server.json("PUT", f"/api/metrics/{name}", definition)

    def ask(self, query, **parameters):
        text = urllib.parse.urlencode({"query": query, **parameters})
        return self.server.json("GET", f"/api/v1/query?{text}")["data"]["result"]

    def samples(self, text):
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples
                if not sample.name.endswith("_created") and sample.name.startswith("http_")}

    def test_the_same_as_prometheus_own_client(self):
        self.send_requests()
        self.define()
        _, headers, text = self.server.request("GET", "/export/metrics")
        self.assertIn("version=0.0.4", headers["Content-Type"])
        expected = self.samples(prometheus_client.generate_latest(self.registry).decode())
        self.assertEqual(self.samples(text.decode()), expected)
        self.assertGreater(len(expected), 70)

    def test_a_sample_is_the_answer_of_the_query_behind_it(self):
        self.send_requests()
        self.define()
        at = int(time.time()) // 10 * 10 - 60
        series = self.ask('http_requests_total{service="cart",status="500"}', time=at)
        self.assertEqual(len(series), 2)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        rows = self.server.rows(
            f'from shop | between 2020-01-01 and {stamp} | where service.name = "cart" '
            "and http.status_code = 500 and http.route exists | stats count() by http.route")
        self.assertEqual({row["http.route"]: row["COUNT"] for row in rows},
                         {one["metric"]["endpoint"]: float(one["value"][1]) for one in series})

    def test_spans_have_metrics_without_a_definition(self):
        now = time.time()
        self.server.json("POST", "/1/batch/api", [{"time": now - 120, "data": {
            "trace.trace_id": "t", "trace.span_id": f"s{n}", "name": "GET /", "service.name": "api",
            "span.kind": "server", "duration_ms": 3.0 * n, **({"error": True} if n == 3 else {})}}
            for n in range(4)])
        found = self.ask("sum by (status_code, span_kind) (traces_span_metrics_calls_total)")
        self.assertEqual(
            {(one["metric"]["status_code"], one["metric"]["span_kind"]): one["value"][1] for one in found},
            {("STATUS_CODE_UNSET", "SPAN_KIND_SERVER"): "3", ("STATUS_CODE_ERROR", "SPAN_KIND_SERVER"): "1"})
        found = self.ask('traces_span_metrics_duration_milliseconds_bucket{le="4.0",status_code=~".*UNSET"}')
        self.assertEqual([one["value"][1] for one in found], ["2"])
        found = self.ask("sum(increase(traces_span_metrics_calls_total[10m]))")
        self.assertGreater(float(found[0]["value"][1]), 3.5)

    def test_definitions_are_kept_and_bad_ones_refused_with_their_place(self):
        self.send_requests(20)
        self.define()
        for name, change, member, words in (
                ("x_total", {"filter": "http.route exsts"}, "filter", "line 1, column 12"),
                ("x", {}, "name", "x_total"),
                ("x_total", {"labels": {"le": "name"}}, "labels", "'le'"),
                ("x_total", {"labls": {}}, "labls", "did you mean labels"),
                ("x_total", {"dataset": "shpo"}, "dataset", "not there")):
            status, _, body = self.server.request(
                "PUT", f"/api/metrics/{name}", json.dumps({**REQUESTS, **change}).encode())
            self.assertEqual(status, 422, body)
            self.assertIn(words, body.decode())
            self.assertIn(f'"field":"{member}"', body.decode())
        status, _, body = self.server.request(
            "PUT", "/api/metrics/http_requests", json.dumps({**DURATION, "buckets": [1]}).encode())
        self.assertEqual((status, b"http_requests is a name of http_requests_total" in body), (409, True))
        self.restart()
        names = [one["name"] for one in self.server.json("GET", "/api/metrics")]
        self.assertEqual(names[-2:], ["http_requests_total", "http_request_duration_ms"])
        self.assertEqual(self.server.json("GET", "/api/metrics/http_requests_total")["labels"], REQUESTS["labels"])
        self.assertEqual(self.server.request("DELETE", "/api/metrics/http_requests_total")[0], 204)
        self.assertEqual(self.server.request("GET", "/api/metrics/http_requests_total")[0], 404)
        self.assertEqual(self.ask("http_requests_total"), [])

    def test_a_dataset_may_be_written_otherwise(self):
        self.server.json("POST", "/1/batch/Web%20Shop", [{"time": time.time() - 60, "data": {"n": 1}}])
        self.server.json("PUT", "/api/metrics/n_total", {"dataset": "web shop", "value": "n"})
        self.assertEqual([one["value"][1] for one in self.ask("n_total")], ["1"])

    def test_grafanas_questions_are_answered(self):
        self.send_requests(100)
        self.define()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        end = int(time.time())
        status, _, body = self.server.request(
            "POST", "/api/v1/query_range", urllib.parse.urlencode(
                {"query": "sum(rate(http_requests_total[2m]))", "start": end - 600, "end": end, "step": 15}).encode(),
            headers=form)
        self.assertEqual(status, 200)
        self.assertIn(b'"resultType":"matrix"', body)
        get = lambda path: self.server.json("GET", "/api/v1/" + path)["data"]
        self.assertIn("http_requests_total", get("label/__name__/values"))
        self.assertIn("endpoint", get("labels"))
        self.assertEqual(get("label/service/values?match[]=http_requests_total"), ["cart", "search"])
        self.assertEqual(get("metadata")["http_requests_total"][0]["type"], "counter")
        self.assertEqual(len(get("series?match[]=http_requests_total")), 8)
        self.assertIn("application", get("status/buildinfo"))
        status, _, body = self.server.request("GET", "/api/v1/query?query=rate(x)")
        self.assertEqual(status, 400)
        self.assertIn(b'"errorType":"bad_data"', body)


class DefinitionsTest(ServerTest):
    """What a definition may say, and what its schema says of it."""
    options = ("--self-telemetry", "off")

    def put(self, name, definition):
        return self.server.request("PUT", f"/api/metrics/{name}", json.dumps(definition).encode())

    def run_command(self, *arguments):
        done = subprocess.run(
            [BINARY, arguments[0], "--url", self.server.url, *arguments[1:]],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_schema_takes_what_the_server_takes(self):
        with open(os.path.join(os.path.dirname(__file__), "../../schemas/metric.schema.json")) as file:
            schema = jsonschema.Draft202012Validator(json.load(file))
        number = {"value": "duration_ms"}
        definitions = [
            {}, {"type": "gauge", **number}, {"type": "gauge", "reading": "avg", **number}, {"reading": "avg"},
            {"type": "gauge", "reading": "sum", **number}, {"type": "distinct", "value": "user"}, {"type": "distinct"},
            {"type": "exponential_histogram", **number}, {"type": "exponential_histogram"}, {"type": "summary"},
            {"type": "histogram", "buckets": [1, 2.5], **number}, {"type": "histogram", **number},
            {"type": "histogram", "buckets": [], **number}, {"buckets": [1]}, {"type": "histogram", "buckets": ["1"], **number},
            {"labels": {"a": "b"}}, {"labels": ["service.name", "b"]}, {"labels": {"a.b": "c"}}, {"labels": [1]},
            {"labels": "a"}, {"labels": {f"l{n}": "a" for n in range(17)}}, {"series_limit": 10}, {"series_limit": 0},
            {"series_limit": 9001}, {"series_limit": "10"}, {"resolution": "1m"}, {"resolution": "soon"},
            {"stale_after": "1d"}, {"retroactive": False}, {"retroactive": "no"}, {"since": "2026-03-10T14:00:00Z"},
            {"help": 1}, {"help": "h" * 1024}, {"unit": "ms"}, {"surprise": 1}, {"filter": "a = 1"}, {"filter": 1},
            {"labels": ["pod"], "drop_labels": [{"after": "30d", "labels": ["pod"]}]},
            {"drop_labels": [{"after": "30d"}]}, {"drop_labels": [{"after": 30, "labels": []}]}, {"drop_labels": "pod"},
        ]
        accepted = 0
        for definition in definitions:
            name = {"counter": "x_total"}.get(definition.get("type", "counter"), "x")
            status, _, body = self.put(name, definition)
            self.assertIn(status, (200, 201, 422), body)
            self.assertEqual(status != 422, schema.is_valid(definition), (definition, body))
            accepted += status != 422
            self.server.request("DELETE", f"/api/metrics/{name}")
        self.assertEqual(accepted, 16)

    def test_labels_that_go_are_those_of_the_metric_and_explained(self):
        for drop, complaint in [
                ({"after": "1h", "labels": ["pod"]}, "a day to a hundred years"),
                ({"after": "2d", "labels": ["node"]}, "node is none of the labels"),
                ({"after": "2d", "labels": ["pod"], "by": 1}, "has an entry with by")]:
            status, _, body = self.put("x_total", {"labels": ["pod"], "drop_labels": [drop]})
            self.assertEqual(status, 422)
            self.assertIn(complaint, body.decode())
        drops = [{"after": "2d", "labels": ["pod"]}]
        self.assertEqual(self.put("x_total", {"labels": ["pod"], "drop_labels": drops})[0], 201)
        self.assertEqual(self.server.json("GET", "/api/metrics/x_total")["drop_labels"], drops)
        explained = self.server.json("GET", "/api/metrics/x_total/explain")["dropped_labels"]
        self.assertEqual([entry["label"] for entry in explained], ["pod"])
        # Thirty days of UTC end there, two days ago or longer.
        before = calendar.timegm(time.strptime(explained[0]["before"], "%Y-%m-%dT%H:%M:%SZ"))
        self.assertEqual(before % (30 * 86400), 0)
        self.assertTrue(2 * 86400 <= time.time() - before < 32 * 86400)
        self.server.request("DELETE", "/api/metrics/x_total")

    def test_names_that_become_one_label_are_refused_with_both(self):
        status, _, body = self.put("x_total", {"labels": ["a.b", "c", "a_b"]})
        self.assertEqual(status, 422)
        self.assertIn("a.b and a_b both become a_b", body.decode())

    def test_gauges_distinct_counts_and_exponential_histograms_are_asked_and_scraped(self):
        # The end of the last cell that can have no more events.
        end = (int(time.time()) - 40) // 60 * 60
        self.server.json("POST", "/1/batch/jobs", [{"time": end - 5 + n, "data": {
            "queue.depth": 10 * n, "user": f"u{n % 2}", "service.name": "a", "ms": 1.5 * 2 ** n}} for n in range(4)])
        for name, definition in (
                ("queue_depth", {"type": "gauge", "value": "`queue.depth`", "labels": ["service.name"]}),
                ("users", {"type": "distinct", "value": "user"}),
                ("job_ms", {"type": "exponential_histogram", "value": "ms"}),
                ("later_total", {"retroactive": False})):
            status, _, body = self.put(name, {"dataset": "jobs", **definition})
            self.assertEqual(status, 201, body)
        get = lambda query: self.server.json(
            "GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": end}))["data"]["result"]
        self.assertEqual([(one["metric"]["service_name"], one["value"][1]) for one in get("queue_depth")], [("a", "30")])
        self.assertEqual([one["value"][1] for one in get("users")], ["2"])
        self.assertEqual([one["histogram"][1]["count"] for one in get("job_ms")], ["4"])
        self.assertAlmostEqual(float(get("histogram_quantile(1, job_ms)")[0]["value"][1]), 12, delta=0.1)
        self.assertEqual(get("later_total"), [])
        self.assertIn("since", self.server.json("GET", "/api/metrics/later_total"))
        _, _, text = self.server.request(
            "GET", "/export/metrics", headers={"Accept": "application/openmetrics-text"})
        families = {family.name: family for family in openmetrics_families(text.decode())}
        self.assertEqual(families["queue_depth"].samples[0].value, 30)
        buckets = {sample.labels["le"]: sample.value for sample in families["job_ms"].samples
                   if sample.name == "job_ms_bucket"}
        self.assertEqual(buckets, {"2.0": 1, "4.0": 2, "8.0": 3, "16.0": 4, "+Inf": 4})

    def test_too_many_series_are_refused_unless_they_are_wanted_and_are_told_of(self):
        now = time.time()
        self.server.json("POST", "/1/batch/shop", [{"time": now - 300 + n / 10, "data": {
            "user": f"u{n % 150}", "service.name": "cart", "ms": n}} for n in range(1000)])
        definition = {"dataset": "shop", "labels": ["service.name", "user"], "series_limit": 50}
        status, _, body = self.put("clicks_total", definition)
        self.assertEqual(status, 422)
        self.assertIn("150 combinations of labels, 50 have series", body.decode())
        self.assertIn("the label user has the most values", body.decode())
        status, _, body = self.server.request(
            "PUT", "/api/metrics/clicks_total?force=true", json.dumps(definition).encode())
        self.assertEqual(status, 201, body)
        made = json.loads(body)
        self.assertEqual((made["series"], made["combinations"]), (51, 150))
        self.assertEqual(made["wide_labels"], [{"label": "user", "values": 150}])
        found = self.server.json("GET", "/api/v1/query?query=clicks_total")["data"]["result"]
        self.assertEqual(len(found), 51)
        self.assertEqual(sum(float(one["value"][1]) for one in found), 1000)
        rest = [one["value"][1] for one in found if "otel_metric_overflow" in one["metric"]]
        self.assertEqual(rest, [str(made["overflow"]["events"])])
        self.assertEqual(len(made["overflow"]["top"]), 5)
        status, _, body = self.put("all_clicks_total", {**definition, "series_limit": 150})
        self.assertEqual((status, json.loads(body)["series"]), (201, 150))
        output = self.run_command("metrics", "list")
        self.assertIn("overflows", next(line for line in output.splitlines() if line.startswith("clicks_total")))
        self.assertIn("150", self.run_command("metrics", "show", "all_clicks_total"))
        self.run_command("metrics", "delete", "clicks_total")
        self.assertEqual(self.server.request("GET", "/api/metrics/clicks_total")[0], 404)

    def test_a_sample_is_explained_by_the_events_behind_it(self):
        end = int(time.time()) // 10 * 10 - 60
        events = [{"time": end - 15 + n, "data": {"service.name": "cart", "status": 200, "ms": n}} for n in range(15)]
        self.server.json("POST", "/1/batch/shop", events)
        self.put("requests_total", {"dataset": "shop", "labels": ["service.name", "status"]})
        self.put("ms", {"dataset": "shop", "type": "gauge", "reading": "max", "value": "ms"})
        explain = lambda name, match: self.server.json(
            "GET", f"/api/metrics/{name}/explain?" + urllib.parse.urlencode({"match": match, "time": end}))
        found = explain("requests_total", '{service_name="cart",status="200"}')
        self.assertEqual((found["value"], found["total"], found["events"]), (10, 15, 10))
        # All of them came more than half a minute after the cell.
        self.assertEqual((found["late"]["events"], found["late"]["changed"]), (10, 10))
        self.assertEqual([row["value0"] for row in self.server.rows(found["query"])], [10])
        self.assertEqual([event["ms"] for event in self.server.rows(found["listing"])], list(range(14, 4, -1)))
        self.assertEqual(explain("requests_total", '{status="404"}')["events"], 0)
        self.assertEqual(explain("ms", "")["value"], 14)
        in_force = found["in_force"]
        self.assertEqual((in_force["counts_from"], in_force["past"]), (None, None))
        self.assertEqual(in_force["events_from"], time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - 15)))
        self.put("requests_total", {"dataset": "shop", "labels": ["service.name", "status"]})
        self.assertEqual(explain("requests_total", "")["in_force"], in_force, "the same as before")
        self.put("requests_total", {"dataset": "shop", "labels": ["service.name", "status"], "help": "Requests."})
        self.assertGreater(explain("requests_total", "")["in_force"]["defined_at"], in_force["defined_at"])
        status, _, body = self.server.request("GET", "/api/metrics/ms/explain?match=%7Ba%3D%22b%22%7D")
        self.assertEqual((status, b"has no label a" in body), (422, True))
        text = self.run_command("metrics", "explain", 'requests_total{service_name="cart",status="200"}', "--time", str(end))
        self.assertIn("from shop", text)

    def test_adding_up_quantiles_is_warned_of(self):
        now = time.time()
        self.server.json("POST", "/1/batch/s", [{"time": now - 60, "data": {"q": q, "v": 1}} for q in ("0.5", "0.9")])
        self.put("latency", {"type": "gauge", "value": "v", "labels": {"quantile": "q"}})
        for query, count in (("sum(latency)", 1), ("max(latency)", 0), ("avg_over_time(latency[5m])", 1)):
            answer = self.server.json("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
            self.assertEqual(len(answer.get("warnings", [])), count, answer)


class UnsettledTest(ServerTest):
    """Samples of now, for those who say that they take what may still change."""
    options = ("--self-telemetry", "off")

    def ask(self, path, **parameters):
        return self.server.json("GET", f"/api/v1/{path}?" + urllib.parse.urlencode(parameters))

    def test_what_was_acknowledged_is_in_the_next_answer(self):
        self.server.json("POST", "/1/batch/shop", [{"data": {"n": 0}}])
        for name, definition in (
                ("n_total", {}), ("n_last", {"type": "gauge", "value": "n"}), ("n_values", {"type": "distinct", "value": "n"}),
                ("n_spread", {"type": "exponential_histogram", "value": "n"})):
            self.assertEqual(self.server.request(
                "PUT", f"/api/metrics/{name}", json.dumps({"dataset": "shop", **definition}).encode())[0], 201)
        for n in range(1, 25):
            self.server.json("POST", "/1/batch/shop", [{"data": {"n": n}}])
            now = time.time()
            expected = {"n_total": n + 1, "n_last": n, "histogram_count(n_spread)": n + 1}
            for query, value in expected.items():
                answer = self.ask("query", query=query, settled="false", time=now + 0.01)
                self.assertEqual([float(one["value"][1]) for one in answer["data"]["result"]], [value], (query, answer))
                self.assertIn("may still change", answer["infos"][0])
            # Over a range, at its last step.
            answer = self.ask("query_range", query="n_total", settled="false", start=now - 3600, end=now + 0.01, step=3600)
            self.assertEqual(float(answer["data"]["result"][0]["values"][-1][1]), n + 1)
            grown = self.ask("query", query="increase(n_total[5m] anchored)", settled="false", time=now + 0.01)
            self.assertEqual(float(grown["data"]["result"][0]["value"][1]), n + 1)
            time.sleep(0.5)
        answer = self.ask("query", query="n_total", time=now)
        self.assertEqual((answer["data"]["result"], answer.get("infos")), ([], None))
        self.assertEqual(self.ask("query", query="n_values", settled="false")["status"], "success")
        status, _, body = self.server.request("GET", "/api/v1/query?query=1&settled=no")
        self.assertEqual(status, 400)
        self.assertIn(b"expected true or false", body)


class PushTest(ServerTest):
    """A Pushgateway's clients, with only the address changed."""
    options = ("--self-telemetry", "off")

    def push(self, method, path, text=""):
        return self.server.request(method, "/metrics/job/" + path, text.encode())

    def present(self, name):
        _, _, text = self.server.request("GET", "/export/metrics")
        return {tuple(sorted(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text.decode())
                for sample in family.samples if sample.name == name}

    def test_pushed_samples_are_events_and_gauges(self):
        self.assertEqual(self.push("POST", "nightly", "batch_job_duration_seconds 47.3\n")[0], 200)
        self.assertEqual(self.present("batch_job_duration_seconds"), {(("job", "nightly"),): 47.3})
        rows = self.server.rows("from pushed | fields job, batch_job_duration_seconds")
        self.assertIn({"job": "nightly", "batch_job_duration_seconds": 47.3}, [
            {name: row.get(name) for name in ("job", "batch_job_duration_seconds")} for row in rows])
        self.assertEqual(self.server.json("GET", "/api/metrics/batch_job_duration_seconds")["stale_after"], "1d")

    def test_put_takes_the_place_of_the_group_and_post_of_namesakes(self):
        both = '# HELP a What.\n# TYPE a gauge\na{stage="x",} 1\na{stage="y"} +Inf\nb 2e3\n'
        self.push("PUT", "j/instance@base64/YS9i", both)
        group = (("instance", "a/b"), ("job", "j"))
        stage = lambda name: tuple(sorted((*group, ("stage", name))))
        self.assertEqual(self.present("a"), {stage("x"): 1, stage("y"): float("inf")})
        self.push("POST", "j/instance/a%2Fb", 'a{stage="x"} 3\n')
        self.assertEqual((self.present("a"), self.present("b")), ({stage("x"): 3}, {group: 2000}))
        # The group of the job alone is another one.
        self.push("PUT", "j", "b 7\n")
        self.push("PUT", "j/instance@base64/YS9i", "c 5\n")
        self.assertEqual((self.present("a"), self.present("b")), ({}, {(("job", "j"),): 7}))
        self.assertEqual(self.push("DELETE", "j")[0], 202)
        self.assertEqual((self.present("b"), self.present("c")), ({}, {group: 5}))

    def test_prometheus_own_client_pushes(self):
        registry = prometheus_client.CollectorRegistry()
        prometheus_client.Gauge("last_success_seconds", "When.", registry=registry).set(1e9)
        prometheus_client.Counter("runs", "How many.", registry=registry).inc(3)
        prometheus_client.Histogram("took", "How long.", ["k"], buckets=[1, 2], registry=registry).labels("v").observe(1.5)
        prometheus_client.push_to_gateway(self.server.url[7:], job="a/b", registry=registry, grouping_key={"team": ""})
        self.assertEqual(self.present("last_success_seconds"), {(("job", "a/b"),): 1e9})
        self.assertEqual(self.present("took_bucket")[(("job", "a/b"), ("k", "v"), ("le", "2.0"))], 1)
        self.assertEqual(self.present("runs_total"), {(("job", "a/b"),): 3})
        told = self.server.json("GET", "/api/v1/metadata")["data"]
        self.assertEqual([told[name][0]["type"] for name in ("runs_total", "took_bucket", "took_sum", "last_success_seconds")],
                         ["counter", "histogram", "histogram", "gauge"])
        # A scraper knows them as the client does, in both formats.
        text = self.server.request("GET", "/export/metrics")[2].decode()
        known = {family.name: family for family in text_string_to_metric_families(text)}
        text = self.server.request("GET", "/export/metrics", headers={"Accept": "application/openmetrics-text"})[2]
        open_metrics = {family.name: family for family in openmetrics_families(text.decode())}
        for name, kind, help in (("runs", "counter", "How many."), ("took", "histogram", "How long.")):
            for families in (known, open_metrics):
                self.assertEqual((families[name].type, families[name].documentation), (kind, help))
        names = [sample.name for sample in open_metrics["took"].samples]
        self.assertEqual(names, ["took_bucket"] * 3 + ["took_sum", "took_count", "took_created"])
        self.assertEqual([sample.name for sample in open_metrics["runs"].samples], ["runs_total", "runs_created"])
        prometheus_client.delete_from_gateway(self.server.url[7:], job="a/b", grouping_key={"team": ""})
        self.assertEqual(self.present("last_success_seconds"), {})

    def test_what_is_no_sample_is_refused_with_its_line(self):
        for text, words in (("a 1\nb", b"line 2: expected a number"), ("a 1 1700000000000", b"no time"),
                            ('a{b="c} 1', b"closing quote"), ("a 1\na 2", b"a is there twice")):
            status, _, body = self.push("POST", "j", text)
            self.assertEqual((status, words in body), (400, True), body)
        self.assertEqual(self.push("PUT", "j/__a/b", "a 1\n")[0], 400)


class ScrapedMetricsTest(ScrapedTest):
    """Prometheus scrapes the derived series."""
    metrics_path = "/export/metrics"

    def test_what_it_scraped_is_what_the_server_tells(self):
        self.server.json("POST", "/1/batch/api", [{"data": {
            "trace.span_id": str(n), "trace.trace_id": f"t{n}", "name": "GET /", "service.name": "api",
            "duration_ms": n}} for n in range(5)])
        target = self.scrape()
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        self.wait_for('traces_span_metrics_calls_total{service_name="api"}', 5)
        self.wait_for('traces_span_metrics_duration_milliseconds_bucket{le="2.0"}', 3)
        # The slowest span of each bucket is its exemplar, here and where it was scraped.
        bucket = 'traces_span_metrics_duration_milliseconds_bucket{service_name="api"}'
        now = time.time()
        scraped = self.ask("query_exemplars", query=bucket, start=now - 600, end=now + 60)
        own = self.server.json("GET", "/api/v1/query_exemplars?" + urllib.parse.urlencode(
            {"query": bucket, "start": now - 600, "end": now + 60}))["data"]
        for found in (scraped, own):
            ids = {(one["seriesLabels"]["le"], exemplar["labels"]["trace_id"], exemplar["labels"]["span_id"])
                   for one in found for exemplar in one["exemplars"]}
            self.assertEqual(ids, {("2.0", "t2", "2"), ("4.0", "t4", "4")})


if __name__ == "__main__":
    unittest.main()

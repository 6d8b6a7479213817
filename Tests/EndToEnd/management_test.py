"""What clients keep beside events: datasets, columns, dataset definitions, markers."""
import datetime
import json
import signal
import time
import unittest
import urllib.parse

from server import ServerTest

SPAN = "2026-03-10T14:00:00Z and 2026-03-10T15:00:00Z"


class ManagementTest(ServerTest):
    def call(self, method, path, value=None):
        """Status and JSON of an answer."""
        body = None if value is None else json.dumps(value).encode()
        status, headers, answer = self.server.request(method, path, body)
        if status >= 400:
            self.assertEqual(headers["Content-Type"], "application/problem+json", answer)
        return status, json.loads(answer) if answer else None

    def send(self, dataset, **data):
        self.server.json(
            "POST", f"/1/batch/{dataset}", [{"time": "2026-03-10T14:00:00Z", "data": data}])

    def seconds(self, text):
        """RFC 3339 as seconds since 1970, to the microsecond."""
        whole, _, fraction = text.rstrip("Z").partition(".")
        start = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
        return start + float("0." + (fraction or "0")[:6])

    def test_a_dataset_is_made_changed_and_removed(self):
        status, made = self.call(
            "POST", "/1/datasets", {"name": "My Shop!", "description": "what is sold"})
        self.assertEqual(status, 201)
        self.assertEqual(made["slug"], "my-shop-")
        self.assertIsNone(made["last_written_at"])
        self.assertTrue(made["settings"]["delete_protected"])
        self.assertEqual(self.call("POST", "/1/datasets", {"name": "my shop!"}), (200, made))
        self.assertEqual(self.call("DELETE", "/1/datasets/my-shop-")[0], 409)
        status, changed = self.call(
            "PUT", "/1/datasets/my-shop-",
            {"description": "sales", "settings": {"delete_protected": False}})
        self.assertEqual((status, changed["description"]), (200, "sales"))
        self.restart(signal.SIGKILL)
        self.assertEqual(self.call("GET", "/1/datasets/my-shop-"), (200, changed))
        self.assertEqual(self.call("GET", "/1/datasets"), (200, [changed]))
        self.assertEqual(self.call("DELETE", "/1/datasets/my-shop-"), (202, None))
        self.assertEqual(self.call("GET", "/1/datasets/my-shop-")[0], 404)
        self.assertEqual(self.call("GET", "/1/datasets"), (200, []))

    def test_a_dataset_with_events_can_be_described_and_removed(self):
        before = time.time()
        self.send("shop", n=1)
        status, changed = self.call(
            "PUT", "/1/datasets/Shop",
            {"description": "d", "expand_json_depth": 3, "settings": {"delete_protected": False}})
        self.assertEqual((status, changed["expand_json_depth"]), (200, 3))
        # Both are when it came, not when it says that it happened.
        self.assertEqual(changed["last_written_at"], changed["created_at"])
        self.assertGreaterEqual(self.seconds(changed["created_at"]), before)
        self.assertLessEqual(self.seconds(changed["created_at"]), time.time())
        self.assertEqual(self.call("POST", "/1/datasets", {"name": "SHOP"}), (200, changed))
        self.assertEqual(self.call("DELETE", "/1/datasets/shop"), (202, None))
        self.assertEqual(self.call("GET", "/1/datasets"), (200, []))
        self.send("shop", n=2)
        self.assertTrue(self.call("GET", "/1/datasets/shop")[1]["settings"]["delete_protected"])

    def test_when_events_came_is_told_of_datasets_and_columns(self):
        names = [f"set-{n}" for n in range(3)]
        for name in names:
            self.send(name, old=1)
        # Sealed, of several datasets in one segment.
        self.restart()
        sealed = time.time()
        self.send(names[0], new=1)
        for isSealed in (False, True):
            sets = {found["name"]: found for found in self.call("GET", "/1/datasets")[1]}
            self.assertGreaterEqual(self.seconds(sets[names[0]]["last_written_at"]), sealed)
            created = [sets[name]["created_at"] for name in names]
            self.assertEqual(created, sorted(set(created)), "one after another")
            self.assertLess(self.seconds(created[2]), sealed)
            self.assertEqual(sets[names[2]]["last_written_at"], created[2])
            columns = {found["key_name"]: found["last_written"]
                       for found in self.call("GET", "/1/columns/set-0")[1]}
            self.assertEqual(columns["new"], sets[names[0]]["last_written_at"])
            if not isSealed:
                self.assertEqual(columns["old"], created[0])
            self.restart()
        self.assertEqual(
            self.call("POST", "/1/columns/set-0", {"key_name": "none yet"})[1]["last_written"], None)

    def test_derived_columns_are_fields_of_every_query(self):
        for name, ms in [("shop", 5), ("shop", 2000), ("Pay", 3000), ("Pay", 1)]:
            self.send(name, ms=ms)
        def ask(text):
            _, _, answer = self.server.request("POST", "/api/query", json.dumps({
                "query": text.replace("|", f"| between {SPAN} |", 1)}).encode())
            return [row["data"] for row in json.loads(answer)["data"]["results"]]
        status, made = self.call("POST", "/1/derived_columns/__all__", {
            "alias": "slow", "expression": "GTE($ms, 1000)", "description": "seconds"})
        self.assertEqual((status, made["alias"], made["description"]), (201, "slow", "seconds"))
        counts = lambda answer: {str(r["slow"]): r["COUNT"] for r in answer}
        text = "from * | stats count() by slow"
        self.assertEqual(counts(ask(text)), {"False": 2, "True": 2})
        self.assertEqual(
            self.call("POST", "/1/derived_columns/__all__", {
                "alias": "slow", "expression": "1"})[1]["type_detail"][0]["code"], "already_exists")
        status, own = self.call("POST", "/1/derived_columns/pay", {
            "alias": "slow", "expression": "IF($ms > 1, \"yes\", \"no\")"})
        self.assertEqual(status, 201)
        self.assertEqual(counts(ask(text)), {"False": 1, "True": 1, "yes": 1, "no": 1})
        self.assertEqual(
            counts(ask("from pay | where slow exists | stats count() by slow")), {"yes": 1, "no": 1})
        self.assertEqual(
            ask("from shop | stats n = count_if(slow), avg(slow)"), [{"n": 1, "AVG(slow)": 0.5}])
        spec = {"filters": [{"column": "slow", "op": "=", "value": "yes"}],
                "breakdowns": ["slow"], "start_time": 1773151200, "end_time": 1773154800}
        _, _, answer = self.server.request(
            "POST", "/api/query", json.dumps({"dataset": "pay", "spec": spec}).encode())
        rows = [row["data"] for row in json.loads(answer)["data"]["results"]]
        self.assertEqual(counts(rows), {"yes": 1})
        _, _, answer = self.server.request("POST", "/api/bubbleup", json.dumps({
            "query": f"from * | between {SPAN} | bubbleup where dataset = \"shop\""}).encode())
        self.assertIn("slow", [f["field"] for f in json.loads(answer)["fields"]])
        path = f"/1/derived_columns/__all__/{made['id']}"
        status, changed = self.call("PUT", path, {"expression": "LT($ms, 2)", "alias": "fast"})
        self.assertEqual((status, changed["alias"]), (200, "fast"))
        self.restart(signal.SIGKILL)
        self.assertEqual(self.call("GET", path), (200, changed))
        self.assertEqual(
            self.call("GET", "/1/derived_columns/__all__?alias=fast"), (200, changed))
        self.assertEqual(self.call("GET", "/1/derived_columns/Pay"), (200, [own]))
        status, problem = self.call("POST", "/1/derived_columns/pay", {
            "alias": "bad", "expression": "GTE($ms"})
        self.assertEqual((status, problem["type_detail"][0]["field"]), (422, "expression"))
        self.assertEqual(self.call("GET", "/1/derived_columns/none")[0], 404)
        self.assertEqual(self.call("DELETE", path), (204, None))
        self.assertEqual(self.call("GET", path)[0], 404)

    def test_columns_are_those_of_events_and_those_that_were_made(self):
        self.send("shop", **{"a/b c": 1.5, "n": 1})
        status, made = self.call(
            "POST", "/1/columns/shop",
            {"key_name": "later", "type": "float", "description": "comes", "hidden": True})
        self.assertEqual(status, 201)
        self.assertEqual((made["type"], made["hidden"], made["types"]), ("float", True, []))
        self.assertEqual(
            self.call("POST", "/1/columns/shop", {"key_name": "n"})[1]["type_detail"][0]["code"],
            "already_exists")
        name = urllib.parse.quote("a/b c", safe="")
        _, found = self.call("GET", f"/1/columns/shop?key_name={name}")
        self.assertEqual((found["key_name"], found["type"]), ("a/b c", "float"))
        status, changed = self.call(
            "PUT", f"/1/columns/shop/{found['id']}", {"description": "odd", "hidden": True})
        self.assertEqual((status, changed["description"]), (200, "odd"))
        self.assertEqual(changed["type"], "float")
        self.restart()
        self.assertEqual(self.call("GET", f"/1/columns/shop/{found['id']}"), (200, changed))
        _, columns = self.call("GET", "/1/columns/shop")
        self.assertEqual([c["key_name"] for c in columns], ["a/b c", "later", "n"])
        self.assertEqual(len(self.call("GET", "/1/columns/__all__")[1]), 3)
        self.assertEqual(self.call("DELETE", f"/1/columns/shop/{found['id']}")[0], 409)
        self.assertEqual(self.call("DELETE", f"/1/columns/shop/{made['id']}"), (204, None))
        self.assertEqual(self.call("GET", "/1/columns/shop?key_name=later")[0], 404)

    def test_markers_are_kept_for_a_dataset_or_for_all(self):
        self.send("shop", n=1)
        status, one = self.call(
            "POST", "/1/markers/shop",
            {"message": "v2", "type": "deploy", "url": "http://ci/7", "start_time": 1773151200})
        self.assertEqual((status, one["start_time"], one["type"]), (201, 1773151200, "deploy"))
        status, everywhere = self.call("POST", "/1/markers/__all__", {"message": "outage"})
        self.assertEqual(status, 201)
        self.assertGreater(everywhere["start_time"], 1773151200)
        status, changed = self.call(
            "PUT", f"/1/markers/shop/{one['id']}", {"end_time": 1773151260})
        self.assertEqual((status, changed["message"]), (200, "v2"))
        self.assertEqual(changed["end_time"], 1773151260)
        self.restart(signal.SIGKILL)
        self.assertEqual(self.call("GET", "/1/markers/shop"), (200, [changed]))
        self.assertEqual(self.call("GET", "/1/markers/__all__"), (200, [everywhere]))
        self.assertEqual(self.call("DELETE", f"/1/markers/shop/{one['id']}")[0], 200)
        self.assertEqual(self.call("DELETE", f"/1/markers/shop/{one['id']}")[0], 404)
        self.assertEqual(self.call("GET", "/1/markers/shop"), (200, []))

    def test_markers_have_the_colour_of_their_type(self):
        self.send("shop", n=1)
        _, marker = self.call("POST", "/1/markers/shop", {"message": "v2", "type": "deploy"})
        self.assertNotIn("color", marker)
        status, everywhere = self.call(
            "POST", "/1/marker_settings/__all__", {"type": "deploy", "color": "#F96E11"})
        self.assertEqual(
            (status, everywhere["type"], everywhere["color"], everywhere["updated_at"]),
            (201, "deploy", "#F96E11", None))
        self.assertEqual(self.call("GET", "/1/markers/shop")[1][0]["color"], "#F96E11")
        status, here = self.call(
            "POST", "/1/marker_settings/shop", {"type": "deploy", "color": "#00ff00"})
        self.assertEqual(status, 201)
        self.assertEqual(self.call(
            "POST", "/1/marker_settings/shop", {"type": "deploy", "color": "#000000"})[0], 409)
        self.assertEqual(self.call("GET", "/1/markers/shop")[1][0]["color"], "#00ff00")
        status, changed = self.call(
            "PUT", f"/1/marker_settings/shop/{here['id']}", {"type": "deploy", "color": "#0000ff"})
        self.assertEqual((status, changed["color"]), (200, "#0000ff"))
        self.assertIsNotNone(changed["updated_at"])
        self.restart(signal.SIGKILL)
        self.assertEqual(self.call("GET", "/1/marker_settings/shop"), (200, [changed]))
        self.assertEqual(self.call("GET", "/1/markers/shop")[1][0]["color"], "#0000ff")
        self.assertEqual(self.call("DELETE", f"/1/marker_settings/shop/{here['id']}")[0], 200)
        self.assertEqual(self.call("DELETE", f"/1/marker_settings/shop/{here['id']}")[0], 404)
        self.assertEqual(self.call("GET", "/1/markers/shop")[1][0]["color"], "#F96E11")
        self.assertEqual(self.call(
            "POST", "/1/markers/shop", {"type": "deploy"})[1]["color"], "#F96E11")

    def test_a_dataset_definition_says_which_fields_make_a_trace(self):
        self.send("spans", **{
            "trace.trace_id": "t1", "trace.span_id": "s1", "name": "root", "duration_ms": 5})
        self.send("odd", tid="t1", sid="s2", up="s1", what="inner", took=2)
        self.assertEqual(self.server.json("GET", "/api/traces/t1")["spans"], 1)
        status, definition = self.call("PATCH", "/1/dataset_definitions/odd", {
            "trace_id": {"name": "tid"}, "span_id": {"name": "sid", "column_type": "column"},
            "parent_id": {"name": "up"}, "name": {"name": "what"},
            "duration_ms": {"name": "took"}})
        self.assertEqual(status, 200)
        self.assertEqual(definition["trace_id"], {"name": "tid", "column_type": "column"})
        self.assertIsNone(definition["error"])
        self.restart(signal.SIGKILL)
        trace = self.server.json("GET", "/api/traces/t1")
        self.assertEqual(
            [(n["name"], n["parent"], n["duration_ms"]) for n in trace["nodes"]],
            [("root", None, 5), ("inner", 0, 2)])
        _, usual = self.call("GET", "/1/dataset_definitions/spans")
        self.assertEqual(usual["trace_id"]["name"], "trace.trace_id")
        _, cleared = self.call(
            "PATCH", "/1/dataset_definitions/odd", {"trace_id": {"name": ""}, "span_id": None})
        self.assertIsNone(cleared["trace_id"])
        self.assertEqual(self.server.json("GET", "/api/traces/t1")["spans"], 1)

    def test_what_is_wrong_is_told_with_its_member(self):
        self.send("shop", n=1)
        for method, path, value, status, field in [
            ("POST", "/1/datasets", {}, 422, "name"),
            ("POST", "/1/datasets", {"name": "__all__"}, 422, "name"),
            ("POST", "/1/datasets", {"name": 5}, 422, "name"),
            ("POST", "/1/datasets", [], 400, None),
            ("PUT", "/1/datasets/shop", {"expand_json_depth": 11}, 422, "expand_json_depth"),
            ("PUT", "/1/datasets/ghost", {}, 404, None),
            ("POST", "/1/columns/ghost", {"key_name": "a"}, 404, None),
            ("POST", "/1/columns/shop", {"key_name": "a", "type": "tree"}, 422, "type"),
            ("POST", "/1/markers/ghost", {}, 404, None),
            ("POST", "/1/markers/shop", {"start_time": "now"}, 422, "start_time"),
            ("POST", "/1/markers/shop", {"start_time": 5, "end_time": 4}, 422, "end_time"),
            ("PUT", "/1/markers/shop/none", {}, 404, None),
            ("POST", "/1/marker_settings/shop", {"color": "#000000"}, 422, "type"),
            ("POST", "/1/marker_settings/shop", {"type": "deploy"}, 422, "color"),
            ("POST", "/1/marker_settings/shop", {"type": "a", "color": "red"}, 422, "color"),
            ("POST", "/1/marker_settings/ghost", {"type": "a", "color": "#000000"}, 404, None),
            ("PATCH", "/1/dataset_definitions/shop", {"mood": {"name": "n"}}, 422, "mood"),
            ("POST", "/1/markers/shop", {"message": "x" * 100_001}, 413, None),
        ]:
            with self.subTest(f"{method} {path} {str(value)[:40]}"):
                answered, problem = self.call(method, path, value)
                self.assertEqual(answered, status, problem)
                self.assertEqual(problem["status"], status)
                self.assertTrue(problem["error"])
                self.assertEqual(
                    problem.get("type_detail", [{}])[0].get("field"), field, problem)


class ManagementKeysTest(ServerTest):
    def test_only_keys_for_everything_define(self):
        keys = {}
        for kind in ("ingest", "query", "admin"):
            keys[kind] = self.tool(
                "keys", "create", "--data", self.data, "--kind", kind).split()[-1]
        self.restart()
        for kind, status in (("ingest", 403), ("query", 403), ("admin", 201)):
            answer = self.server.request(
                "POST", "/1/markers/__all__", b"{}", {"X-Honeycomb-Team": keys[kind]})
            self.assertEqual(answer[0], status, (kind, answer[2]))
            access = json.loads(self.server.request(
                "GET", "/1/auth", headers={"X-Honeycomb-Team": keys[kind]})[2])
            for right in ["markers", "triggers"]:
                self.assertEqual(access["api_key_access"].get(right, False), status == 201)


if __name__ == "__main__":
    unittest.main()

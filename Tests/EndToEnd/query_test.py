"""Questions: text, specifications, Honeycomb's query data, formats, errors, the command line."""
import csv
import gzip
import io
import json
import time
import unittest
import urllib.parse

from server import ServerTest


class QueryTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.tool("send", "--dataset", "shop", "-", stdin=self.tool(
            "generate", "--events", "3000", "--seed", "2").encode())
        self.assertIn("3,000 events accepted", self.errors)

    def moment(self, seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    def test_text_and_specification_answer_alike(self):
        text = self.server.query(
            "from shop | last 4h | stats count(), max(duration_ms) by service.name")
        spec = self.server.json("POST", "/api/query", {"dataset": "shop", "spec": {
            "time_range": 14400, "breakdowns": ["service.name"],
            "calculations": [{"op": "COUNT"}, {"op": "MAX", "column": "duration_ms"}]}})
        self.assertEqual(text["data"]["results"], spec["data"]["results"])
        self.assertEqual(sum(r["data"]["COUNT"] for r in text["data"]["results"]), 3000)
        self.assertEqual(text["meta"]["events"], 3000)
        self.assertEqual(
            text["meta"]["columns"],
            {"groups": ["service.name"], "calculations": ["COUNT", "MAX(duration_ms)"]})

    def test_a_series_adds_up_to_its_result(self):
        answer = self.server.query(
            "from shop | last 4h | stats count() by service.name", series=True)
        totals = {}
        for point in answer["data"]["series"]:
            name = point["data"]["service.name"]
            totals[name] = totals.get(name, 0) + point["data"]["COUNT"]
        expected = {r["data"]["service.name"]: r["data"]["COUNT"]
                    for r in answer["data"]["results"]}
        self.assertEqual(totals, expected)

    def test_csv_and_ndjson_by_accept_and_by_parameter(self):
        text = "from shop | last 4h | stats count() by service.name"
        expected = self.server.rows(text)
        for headers, parameters in [
                ({"Accept": "text/csv"}, {}), ({}, {"format": "csv"}),
                ({"Accept": "application/json;q=0.5, text/html, text/csv; q=0.9"}, {}),
                ({"Accept": "text/csv, application/json"}, {})]:
            _, answered, body = self.server.get_query(text, headers, **parameters)
            rows = list(csv.DictReader(io.StringIO(body.decode())))
            self.assertEqual([{**r, "COUNT": int(r["COUNT"])} for r in rows], expected)
            self.assertTrue(answered["Content-Type"].startswith("text/csv"))
        for accept in ["text/csv;q=0", "text/csv;q=0.1, application/json", "*/*", "text/html"]:
            _, answered, _ = self.server.get_query(text, {"Accept": accept})
            self.assertEqual(answered["Content-Type"], "application/json", accept)
        status, _, body = self.server.request(
            "POST", "/api/query?format=csv", json.dumps({"query": text + " | compare 1h"}).encode())
        self.assertEqual(status, 400)
        self.assertIn("compare is answered in JSON only", json.loads(body)["error"])
        _, _, body = self.server.get_query(text, {"Accept": "application/x-ndjson"})
        self.assertEqual([json.loads(line) for line in body.splitlines()], expected)

    def test_a_heatmap_is_a_matrix_whose_counts_are_those_of_its_ranges(self):
        text = "from shop | last 4h step 10m | stats heatmap(duration_ms) by service.name"
        for heatmap in [True, "linear", {"scale": "log", "bins": 12},
                        {"scale": "linear", "low": 5, "high": 50, "bins": 9}]:
            answer = self.server.query(text, heatmap=heatmap)
            matrix, = answer["data"]["heatmaps"]
            self.assertEqual(matrix["calculation"], "HEATMAP(duration_ms)")
            bins = matrix["bins"]
            self.assertIsNone(bins[0]["low"])
            self.assertIsNone(bins[-1]["high"])
            for low, high in zip(bins, bins[1:]):
                self.assertEqual(low["high"], high["low"])
            totals = {r["service.name"]: r["COUNT(duration_ms)"] for r in self.server.rows(
                "from shop | last 4h | stats count(duration_ms) by service.name")}
            self.assertEqual(
                {g["group"]["service.name"]: sum(g["counts"]) for g in matrix["groups"]}, totals)
            for group in matrix["groups"]:
                self.assertEqual(len(group["counts"]), len(bins))
                self.assertEqual(len(group["columns"]), len(matrix["times"]))
                self.assertEqual([sum(c) for c in zip(*group["columns"])], group["counts"])
        self.assertEqual([b["low"] for b in bins], [None, *range(5, 51, 5)])
        counts = matrix["groups"][0]["counts"]
        name = matrix["groups"][0]["group"]["service.name"]
        for count, condition in [(counts[0], "duration_ms < 5"), (counts[-1], "duration_ms >= 50"),
                                 (counts[2], "duration_ms >= 10 and duration_ms < 15")]:
            self.assertEqual(count, self.server.rows(
                f'from shop | last 4h | where service.name = "{name}" and {condition} '
                "| stats count()")[0]["COUNT"])
        _, _, body = self.server.get_query(text, heatmap="linear")
        self.assertEqual(json.loads(body)["data"]["heatmaps"][0]["scale"], "linear")
        self.assertNotIn("heatmaps", self.server.query(text)["data"])

    def test_a_heatmap_that_cannot_be_is_refused(self):
        for heatmap, part in [
                ("round", "/heatmap/scale"), (7, "/heatmap"), ({"bins": 1}, "/heatmap/bins"),
                ({"low": 1}, "low and high"), ({"low": 0, "high": 5}, "above 0"),
                ({"scale": "linear", "low": 5, "high": 5}, "low is less"), ({"width": 1}, "width")]:
            status, _, answer = self.server.request("POST", "/api/query", json.dumps(
                {"query": "from shop | stats heatmap(duration_ms)", "heatmap": heatmap}).encode())
            self.assertEqual(status, 400)
            self.assertIn(part, json.loads(answer)["error"])

    def test_pages_of_events_are_the_whole_list_while_events_arrive(self):
        text = "from shop | last 4h | fields name | limit 500"
        whole = self.server.query(text.replace("500", "10000"))["data"]["results"]
        found, cursor = [], None
        while True:
            answer = self.server.query(text, cursor=cursor)
            found += answer["data"]["results"]
            cursor = answer["meta"].get("cursor")
            if cursor is None:
                break
            self.server.request("POST", "/1/events/shop", b'{"error": true, "name": "late"}')
            if len(found) == 1000:
                self.restart()
        self.assertEqual(found, whole)
        self.assertEqual(len(whole), 3000)

        _, headers, lines = self.server.get_query(text, format="ndjson")
        self.assertEqual(len(lines.splitlines()), 500)
        _, _, more = self.server.get_query(
            text, format="ndjson", cursor=headers["Widefield-Cursor"])
        self.assertFalse(set(lines.splitlines()) & set(more.splitlines()))
        first = self.tool("query", text)
        cursor = self.errors.split("--cursor ")[1].split(",")[0].strip()
        self.assertNotEqual(self.tool("query", text, "--cursor", cursor), first)
        status, _, body = self.server.request("POST", "/api/query", json.dumps(
            {"query": "from shop | last 4h | where error", "cursor": cursor}).encode())
        self.assertEqual((status, json.loads(body)["error"]),
                         (400, "the cursor is that of another query"))
        self.assertEqual(self.server.get_query(text, cursor="x")[0], 400)

    def test_a_sample_is_always_the_same(self):
        text = "from shop | last 4h | sample 0.1 | limit 10000"
        before = self.server.query(text)["data"]["results"]
        self.assertTrue(200 < len(before) < 400, len(before))
        self.restart()
        self.assertEqual(self.server.query(text)["data"]["results"], before)
        self.assertEqual(
            self.server.rows("from shop | last 4h | sample 0.1 | stats count()"),
            [{"COUNT": 10 * sum(event["samplerate"] for event in before)}])

    def test_a_text_that_looks_like_a_formula_is_told_apart_in_csv(self):
        self.server.request("POST", "/1/events/sheet", b'{"s": "=1+2", "n": -5}')
        _, _, body = self.server.get_query(
            "from sheet | last 1h | stats count() by s, n", format="csv")
        self.assertEqual(body.splitlines()[1], b'"\'=1+2",-5,1')

    def test_a_comparison_counts_every_event_in_every_field(self):
        body = {"dataset": "shop", "spec": {"time_range": 14400},
                "selection": [{"column": "error", "op": "=", "value": True}], "values": 5}
        answer = self.server.json("POST", "/api/bubbleup", body)
        meta = answer["meta"]
        self.assertEqual(meta["selection"] + meta["baseline"], 3000)
        self.assertGreater(meta["selection"], 0)
        scores = [field["score"] for field in answer["fields"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        fields = {field["field"]: field for field in answer["fields"]}
        self.assertEqual(answer["fields"][0]["field"], "error")
        self.assertEqual(fields["duration_ms"]["kind"], "measure")
        self.assertEqual(answer["fields"][0]["where"], "error = true")
        self.assertEqual([f for f in answer["fields"] if ("where" in f) != (f["score"] > 0)], [])
        statistic = answer["statistic"]
        self.assertEqual((statistic["fields"], statistic["error"]), (len(answer["fields"]), 0.05))
        self.assertEqual(statistic["evidence"], {k: meta[k] for k in ("selection", "baseline")})
        for field in answer["fields"]:
            self.assertLessEqual(len(field["values"]), 5)
            for side in ["selection", "baseline"]:
                counted = field["missing"][side] + sum(v[side] for v in field["values"])
                if len(field["values"]) < 5:
                    self.assertEqual(counted, meta[side], field["field"])
                if field["kind"] == "measure":
                    self.assertEqual(
                        field["missing"][side] + sum(b[side] for b in field["bins"]), meta[side])
        expected = {r["service.name"]: r["COUNT"] for r in self.server.rows(
            "from shop | last 4h | where error | stats count() by service.name | limit 5")}
        found = {v["value"]: v["selection"] for v in fields["service.name"]["values"]}
        self.assertEqual({k: v for k, v in found.items() if v}, expected)

        text = self.server.query("from shop | last 4h | bubbleup where error | limit 5")
        self.assertEqual(text["fields"], answer["fields"])
        del body["selection"]
        body["where"] = "error"
        self.assertEqual(
            self.server.json("POST", "/api/bubbleup", body)["fields"], answer["fields"])
        body["selection_range"] = {"start_time": 0, "end_time": 1}
        self.assertEqual(
            self.server.json("POST", "/api/bubbleup", body)["meta"]["selection"], 0)
        # A box of a heatmap: a stretch of time, and the numbers within it.
        latest = int(time.time())
        body["where"] = "duration_ms >= 20 and duration_ms < 200"
        sizes = []
        for start, end in [(latest - 5400, latest - 1800), (latest - 20_000, latest - 5400),
                           (latest - 1800, latest + 60)]:
            body["selection_range"] = {"start_time": start, "end_time": end}
            sizes.append(self.server.json("POST", "/api/bubbleup", body)["meta"]["selection"])
            [row] = self.server.rows(
                f"from shop | between {self.moment(start)} and {self.moment(end)}"
                " | where duration_ms >= 20 and duration_ms < 200 | stats count() | unweighted")
            self.assertEqual(row["COUNT"], sizes[-1])
        self.assertTrue(all(sizes), sizes)
        body["selection_range"] = {"start_time": 2, "end_time": 1}
        status, _, refusal = self.server.request("POST", "/api/bubbleup", json.dumps(body).encode())
        self.assertEqual((status, json.loads(refusal)["error"]),
                         (400, "/selection_range: it ends before it begins"))
        _, _, lines = self.server.get_query(
            "from shop | last 4h | bubbleup where error | limit 5", format="csv")
        rows = list(csv.DictReader(io.StringIO(lines.decode())))
        self.assertEqual(
            {r["value"]: int(r["selection"]) for r in rows if r["field"] == "error"},
            {"true": meta["selection"], "false": 0, "": 0})

    def test_a_comparison_on_the_command_line_names_what_differs(self):
        table = self.tool("bubbleup", "from shop | last 4h", "error")
        self.assertIn("error", table.splitlines()[2])
        self.assertIn("100.0 %", table.splitlines()[2])
        self.assertIn("others", self.errors)

    def test_a_comparison_without_a_selection_is_refused(self):
        for body, message in [
            ({"dataset": "shop", "spec": {}}, "expected /selection"),
            ({"dataset": "shop", "spec": {}, "where": "error >"}, "unexpected end"),
            ({"dataset": "shop", "spec": {}, "where": "a", "values": 0}, "/values"),
            ({"dataset": "shop", "spec": {}, "selection": [{"op": "="}]}, "selection[0].column"),
            ({"dataset": "shop", "spec": {}, "selection_range": {"start_time": "x"}},
             "/selection_range/start_time"),
            ({"query": "from shop | stats count()"}, "expected /selection"),
        ]:
            status, _, answer = self.server.request(
                "POST", "/api/bubbleup", json.dumps(body).encode())
            self.assertEqual(status, 400)
            self.assertIn(message, json.loads(answer)["error"])

    def test_errors_point_at_their_place(self):
        status, _, body = self.server.get_query("from shop\n| wher x")
        error = json.loads(body)
        self.assertEqual((status, error["line"], error["column"]), (400, 2, 3))
        self.assertIn("where", error["expected"])
        status, _, body = self.server.get_query("from shp | stats count()")
        self.assertEqual(status, 404)
        self.assertIn("did you mean 'shop'", json.loads(body)["error"])
        for body in [b"", b"[]", b'{"query": 1}', b'{"query": "from shop", "nope": 1}', b"{}"]:
            self.assertEqual(self.server.request("POST", "/api/query", body)[0], 400)

    def test_a_question_that_inflates_to_more_than_a_mebibyte_is_refused(self):
        bomb = gzip.compress(b'{"query": [' + b"[]," * 10_000_000 + b"[]]}")
        for path in ("/api/query", "/1/queries/shop", "/1/query_results/shop"):
            status, _, _ = self.server.request(
                "POST", path, bomb, {"Content-Encoding": "gzip"})
            self.assertEqual(status, 413, path)
            status, _, _ = self.server.request("POST", path, b" " * (1 << 20) + b"{}")
            self.assertEqual(status, 413, path)

    def test_honeycombs_query_data_flow(self):
        spec = {"calculations": [{"op": "COUNT"}], "time_range": 14400}
        saved = self.server.json("POST", "/1/queries/shop", spec)
        again = self.server.json("POST", "/1/queries/shop", spec)
        self.assertEqual(saved["id"], again["id"])
        self.assertEqual({**spec, "id": saved["id"]}, saved)
        self.assertEqual(self.server.json("GET", f"/1/queries/shop/{saved['id']}"), saved)
        status, headers, body = self.server.request(
            "POST", "/1/query_results/shop",
            json.dumps({"query_id": saved["id"], "disable_series": False}).encode())
        self.assertEqual((status, json.loads(body)["complete"]), (201, False))
        self.assertTrue(headers["Location"].startswith(self.server.url))
        result = self.result(headers)
        self.assertEqual(result["data"]["results"], [{"data": {"COUNT": 3000}}])
        self.assertEqual(sum(p["data"]["COUNT"] for p in result["data"]["series"]), 3000)
        self.assertEqual(self.server.request("GET", "/1/query_results/shop/none")[0], 404)
        for path in ["/1/queries/nowhere/" + saved["id"], "/1/queries/shop/none"]:
            self.assertEqual(self.server.request("GET", path)[0], 404)
        for body in [{"query_id": "none"}, {}, {"query_id": saved["id"], "limit": 5},
                     {"query_id": saved["id"], "disable_series": True, "limit": 10_001},
                     {"query_id": saved["id"], "disable_series": 1}]:
            status, _, _ = self.server.request(
                "POST", "/1/query_results/shop", json.dumps(body).encode())
            self.assertIn(status, [400, 404])

        # What was saved is there after a restart, and so is what was found.
        self.restart()
        self.assertEqual(self.server.json("GET", f"/1/queries/shop/{saved['id']}"), saved)
        again = self.result(headers)
        self.assertEqual(again["data"], result["data"])
        self.assertEqual(again["id"], result["id"])
        link = urllib.parse.unquote(result["links"]["query_url"].split("#q=")[1])
        self.assertEqual(self.server.rows(link), [{"COUNT": 3000}])

    def result(self, headers):
        """A result once it is complete, from wherever the server listens now."""
        path = urllib.parse.urlparse(headers["Location"]).path
        for _ in range(200):
            result = self.server.json("GET", path)
            self.assertIn("query_url", result["links"])
            if result["complete"]:
                return result
            time.sleep(0.05)
        self.fail("the result does not come")

    def test_totals_of_a_result(self):
        saved = self.server.json("POST", "/1/queries/shop", {
            "breakdowns": ["service.name"], "time_range": 14400, "limit": 2, "granularity": 3600,
            "havings": [{"calculate_op": "COUNT", "op": ">", "value": 10}]})
        _, headers, _ = self.server.request("POST", "/1/query_results/shop", json.dumps(
            {"query_id": saved["id"], "disable_total_by_aggregate": False,
             "disable_other_by_aggregate": False}).encode())
        data = self.result(headers)["data"]
        kept = sum(row["data"]["COUNT"] for row in data["results"])
        self.assertEqual(len(data["results"]), 2)
        self.assertEqual(data["total_by_aggregate"]["data"], {"COUNT": 3000})
        self.assertEqual(data["other_by_aggregate"]["data"], {"COUNT": 3000 - kept})
        self.assertEqual(
            sum(point["data"]["COUNT"] for point in data["total_by_aggregate_series"]), 3000)
        _, headers, _ = self.server.request("POST", "/1/query_results/shop", json.dumps(
            {"query_id": saved["id"], "disable_series": True, "limit": 10_000}).encode())
        data = self.result(headers)["data"]
        self.assertEqual(set(data), {"results"})
        self.assertGreater(len(data["results"]), 2)

    def test_an_explanation_shows_plan_pruning_and_steps(self):
        text = "from shop | last 4h | where error = true | stats count() by service.name"
        plain = self.server.json("POST", "/api/explain", {"query": text})
        self.assertEqual(plain["plan"]["conditions"], ["error = true"])
        self.assertEqual(plain["sources"]["rows"], 3000)
        self.assertNotIn("steps", plain)
        self.restart()
        self.server.request("POST", "/1/events/other", b'{"a": 1}')
        analyzed = self.server.json("POST", "/api/explain", {"query": text, "analyze": True})
        # One for each day that the last hours are of.
        self.assertIn(analyzed["segments"]["all"], (1, 2))
        self.assertIn("dataset", [p["reason"] for p in analyzed["pruned"]])
        steps = {step["step"]: step for step in analyzed["steps"]}
        [count] = self.server.rows("from shop | last 4h | where error | stats count()")
        self.assertEqual(steps["where error = true"]["rows_out"], analyzed["meta"]["events"])
        self.assertLessEqual(analyzed["meta"]["events"], count["COUNT"])
        old = self.server.json("POST", "/api/explain", {
            "query": "from shop | between 2020-01-01 and 2020-01-02 | stats count()"})
        self.assertEqual(old["segments"]["pruned_by_time"], old["segments"]["all"])
        shown = self.tool("explain", "--analyze", text)
        self.assertIn("where   error = true", shown)
        self.assertIn("aggregates", shown)
        self.tool("explain", "from shop | wher", code=1)
        self.assertIn("^", self.errors)

    def test_an_explanation_in_text_leaves_nothing_out(self):
        plan = lambda *arguments: [
            line for line in self.tool("explain", *arguments).split("\n\n")[1].splitlines()
            if not line.startswith("time ")]
        self.assertEqual(plan(
            "from shop | last 4h step 1h | compare 1h | sample 0.5 | eval slow = duration_ms > 100"
            " | where root.name exists and not slow | stats n = count(), hide m = max(duration_ms) where error,"
            " share = m / n by service.name | having share > 1 | sort n desc | limit 3"), [
            "step    3600 seconds", "sample  0.5", "where   not duration_ms > 100",
            "find    root where name exists", "compare with 3600 seconds earlier", "by      service.name",
            "keep    count for n", "keep    largest of duration_ms where error for m",
            "compute share = m / n", "having  share > 1", "order   n desc, limit 3"])
        self.assertEqual(plan("from shop | last 4h | where error | bubbleup where child.error"), [
            "where   error", "find    child where error", "select  child.error", "limit 100"])
        query = {"query": "from shop | last 4h | stats n = count() | having n > 1"}
        found = self.server.json("POST", "/api/explain", query)["plan"]
        self.assertEqual((found["having"], found["formulas"]), ("n > 1", []))
        self.assertIn("aggregates", self.tool("explain", "--analyze", "--format", "json", query["query"]))

    def test_a_question_out_of_time_gives_what_it_has(self):
        text = ("from shop | last 4h | stats distinct(user_id), sum(child.duration_ms)"
                " by user_id, root.http.route, parent.name")
        for milliseconds, is_partial in [(1, True), (600_000, False)]:
            meta = self.server.query(text, limits={"time_ms": milliseconds})["meta"]
            self.assertEqual(meta["partial"], is_partial)
        for limits, message in [
            ({"time_ms": 0}, "/limits/time_ms: expected 1 to 600000"),
            ({"time_ms": 600_001}, "/limits/time_ms: expected 1 to 600000"),
            ({"time": 1}, "/limits/time: there is no such limit; time_ms is one"),
        ]:
            status, _, body = self.server.request(
                "POST", "/api/query", json.dumps({"query": text, "limits": limits}).encode())
            self.assertEqual((status, json.loads(body)["error"]), (400, message))

    def test_parameters_that_there_are_not_are_named(self):
        for path in ("/api/query", "/api/tail"):
            status, _, body = self.server.request("GET", f"{path}?q=from+shop&limit=3")
            self.assertEqual((status, json.loads(body)["error"]), (400, "there is no parameter ?limit="))
        for path in ("/api/query", "/api/explain"):
            status, _, body = self.server.request(
                "POST", path, json.dumps({"query": "from shop | stats count()", "serie": True}).encode())
            self.assertEqual((status, json.loads(body)["error"]), (400, "/serie: there is no such member"))

    def test_a_query_with_a_name_is_kept(self):
        text = "from shop | last 4h | stats count()"
        self.tool("queries", "save", "how many / all", text)
        self.tool("queries", "save", "wrong", "from shop | wher", code=1)
        self.assertIn("^", self.errors)
        self.restart()
        self.assertIn(text, self.tool("queries"))
        self.assertIn("3000", self.tool("query", "@how many / all"))
        self.assertEqual(
            self.server.json("POST", "/api/query", {"saved": "how many / all"})["data"],
            self.server.query(text)["data"])
        [named] = self.server.json("GET", "/api/queries")
        self.assertEqual(urllib.parse.unquote(named["url"].split("#q=")[1]), text)
        self.tool("query", "@how many /all", code=1)
        self.assertIn("did you mean 'how many / all'", self.errors)
        self.tool("queries", "remove", "how many / all")
        self.assertEqual(self.server.json("GET", "/api/queries"), [])
        self.tool("queries", "remove", "how many / all", code=1)

    def test_datasets_and_their_columns(self):
        self.server.request("POST", "/1/events/other", b'{"only": "here", "duration_ms": "slow"}')
        self.assertEqual(
            [d["slug"] for d in self.server.json("GET", "/1/datasets")], ["other", "shop"])
        columns = {c["key_name"]: c["type"]
                   for c in self.server.json("GET", "/1/columns/shop")}
        self.assertEqual(columns["duration_ms"], "float")
        self.assertEqual(columns["error"], "boolean")
        self.assertEqual(columns["db.rows"], "integer")
        self.assertNotIn("only", columns)
        self.restart()
        after = {c["key_name"]: c["type"] for c in self.server.json("GET", "/1/columns/shop")}
        self.assertEqual(after, columns)
        self.assertEqual(
            self.server.json("GET", "/1/columns/__all__?key_name=duration_ms")["types"],
            ["float", "integer", "string"])
        self.assertEqual(self.server.request("GET", "/1/columns/none")[0], 404)

    def test_the_command_line_shows_tables_and_marks_errors(self):
        out = self.tool("query", "from shop | last 4h | stats count()")
        self.assertEqual(out.splitlines(), ["COUNT", "─────", " 3000"])
        self.tool("query", "from shop | wher x", code=1)
        self.assertIn("from shop | wher x\n              ^", self.errors)
        self.assertIn("shop", self.tool("datasets"))
        self.assertIn("duration_ms", self.tool("fields", "shop"))
        # Nothing is sealed yet.
        self.assertIn("0 segments", self.tool("fields", "shop", "--storage"))
        self.tool("query", code=2)
        self.tool("query", "--url", "http://127.0.0.1:1", "from shop", code=3)

    def test_send_tells_which_lines_were_rejected(self):
        self.tool("send", "--dataset", "lines", "-", code=1, stdin=b'{"a": 1}\n{"a":\n{"a": 2}\n')
        self.assertIn("-, line 2:", self.errors)
        self.assertIn("2 events accepted", self.errors)
        self.tool("send", "--dataset", "lines", "-", stdin=b'[{"data": {"a": 3}}]')
        self.assertEqual(
            self.server.rows("from lines | last 1h | stats sum(a)"), [{"SUM(a)": 6}])


if __name__ == "__main__":
    unittest.main()

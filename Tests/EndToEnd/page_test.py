"""The page in a browser: a query, its table and chart, errors, links, and nothing that runs."""
import json
import os
import re
import shutil
import unittest
import urllib.parse

from playwright.sync_api import expect, sync_playwright

from server import ServerTest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class PageTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.tool("send", "--dataset", "shop", "-", stdin=self.tool(
            "generate", "--events", "3000", "--seed", "2").encode())
        playwright = sync_playwright().start()
        self.addCleanup(playwright.stop)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"])
        self.addCleanup(browser.close)
        self.page = browser.new_page(viewport={"width": 1400, "height": 1000})
        self.complaints = []
        self.page.on("console", lambda message: self.complaints.append(message.text)
                     if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def tearDown(self):
        if directory := os.environ.get("SCREENSHOTS"):
            self.page.screenshot(path=os.path.join(directory, f"{self.id()}.png"))

    def open(self, query=None):
        link = "" if query is None else "#q=" + urllib.parse.quote(query)
        self.page.goto(self.server.url + "/" + link)
        self.page.wait_for_selector("#fields li")

    def cells(self, selector="tbody tr"):
        return [row.locator("td").all_inner_texts()
                for row in self.page.locator(f"#table {selector}").all()]

    def test_a_query_is_typed_and_its_table_and_chart_are_seen(self):
        self.open()
        self.page.fill("#query", "from shop | last 4h | stats count() by service.name")
        self.page.press("#query", "Control+Enter")
        self.page.wait_for_selector("#table table")
        expected = self.server.rows("from shop | last 4h | stats count() by service.name")
        self.assertEqual(
            self.cells(), [[r["service.name"], f"{r['COUNT']:,}"] for r in expected])
        lines = self.page.locator("#charts path.line, #charts circle").count()
        self.assertEqual(lines, min(10, len(expected)))
        self.assertIn("3,000 events match", self.page.inner_text("#status"))
        self.assertEqual(self.complaints, [])

    def test_hidden_fields_are_neither_offered_nor_columns(self):
        column = self.server.json("GET", "/1/columns/shop?key_name=name")
        self.server.json("PUT", f"/1/columns/shop/{column['id']}", {"hidden": True})
        self.open("from shop | last 4h | fields * | limit 3")
        self.page.wait_for_selector("#table table")
        offered = self.page.locator("#fields .name").all_inner_texts()
        self.assertIn("service.name", offered)
        self.assertNotIn("name", offered)
        self.assertNotIn("name", self.page.locator("#table th").all_inner_texts())
        self.page.locator("#table tbody tr").first.click()
        self.assertIn("name", self.page.locator("#table dt").all_inner_texts())
        self.assertEqual(self.complaints, [])

    def test_the_link_keeps_the_query_and_back_goes_back(self):
        first = "from shop | last 4h | stats count()"
        self.open(first)
        self.page.wait_for_selector("#table table")
        self.assertEqual(self.cells(), [["3,000"]])
        self.page.fill("#query", "from shop | last 4h | stats max(duration_ms)")
        self.page.click("#run")
        self.page.wait_for_selector("th:has-text('MAX(duration_ms)')")
        self.page.go_back()
        self.page.wait_for_selector("th:has-text('COUNT')")
        self.assertEqual(self.page.input_value("#query"), first)
        self.assertEqual(self.complaints, [])

    def test_an_error_marks_its_place(self):
        self.open()
        self.page.fill("#query", "from shop\n| wher x")
        self.page.click("#run")
        self.page.wait_for_selector("#problem:not([hidden])")
        self.assertEqual(self.page.inner_text("#marks mark"), "wher")
        self.assertIn("where", self.page.inner_text("#problem"))
        self.page.fill("#query", "from shop")
        self.assertTrue(self.page.locator("#problem").is_hidden())

    def test_a_stretch_marked_in_the_chart_becomes_the_question(self):
        self.open("from shop | last 4h | stats count()")
        chart = self.page.wait_for_selector("#charts svg")
        box = chart.bounding_box()
        self.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
        self.page.mouse.up()
        expect(self.page.locator("#query")).to_have_value(re.compile("between"))
        self.page.wait_for_selector("#run:not([disabled])")
        self.assertEqual(self.complaints, [])

    def drag(self, left, top, right, bottom):
        """From one place of the chart to another, in shares of its width and height."""
        box = self.page.wait_for_selector("#charts svg").bounding_box()
        self.page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * top)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] * bottom, steps=3)
        self.page.mouse.up()

    def test_a_box_marked_in_a_heatmap_is_compared_with_all_other_events(self):
        self.open("from shop | last 4h step 5m | where duration_ms > 0 | stats heatmap(duration_ms)")
        self.page.wait_for_selector("#charts .cell")
        self.drag(0.1, 0.05, 0.95, 0.6)
        expect(self.page.locator("#query")).to_have_value(re.compile(
            r"^from shop\n\| last 4h\n\| where duration_ms > 0\n\| bubbleup where timestamp >= \S+ "
            r"and timestamp < \S+ and duration_ms >= [\d.]+( and duration_ms < [\d.]+)?$"))
        self.page.wait_for_selector(".compared")
        answer = self.server.query(self.page.input_value("#query"))
        telling = [field["field"] for field in answer["fields"] if field["score"] > 0]
        self.assertEqual(
            self.page.locator(".compared h3 span:first-child").all_inner_texts(), telling[:30])
        self.assertIn("duration_ms", telling)
        # A flat drag goes on being a stretch of time.
        self.page.go_back()
        self.page.wait_for_selector("#charts .cell")
        self.drag(0.2, 0.5, 0.6, 0.5)
        expect(self.page.locator("#query")).to_have_value(re.compile("between .* heatmap"))
        self.assertEqual(self.complaints, [])

    def test_a_comparison_is_shown_and_its_conditions_narrow_the_question(self):
        self.open("from shop | last 4h | bubbleup where error")
        first = self.page.wait_for_selector(".compared")
        self.assertIn("error", first.inner_text())
        self.page.locator(".compared .narrow").first.click()
        expect(self.page.locator("#query")).to_have_value(
            "from shop | last 4h | where error = true | bubbleup where error")
        expect(self.page.locator("#table .empty")).to_be_visible()
        self.assertEqual(self.complaints, [])

    def test_what_events_hold_never_runs(self):
        attacks = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>",
                   "\"><svg onload=alert(1)>", "javascript:alert(1)", "</textarea><script>"]
        event = {f"field {n} {text}": text for n, text in enumerate(attacks)}
        self.server.request("POST", "/1/batch/" + urllib.parse.quote(attacks[0], safe=""),
                            json.dumps([{"data": event}]).encode())
        name = "`" + next(iter(event)) + "`"
        for query in ["from * | last 1h | fields * | limit 5",
                      f"from * | last 1h | stats count() by {name}"]:
            self.open(query)
            self.page.reload()
            self.page.wait_for_selector("#table table")
            self.page.locator("#table tbody tr").first.click()
            self.assertEqual(self.page.locator("#table img, #table script").count(), 0)
        self.assertEqual(self.complaints, [])

    def test_every_example_works(self):
        self.open()
        for index in range(self.page.locator("#examples button").count()):
            self.open()
            self.page.reload()
            self.page.wait_for_selector("#examples button")
            self.page.locator("#examples button").nth(index).click()
            self.page.wait_for_selector("#table > *")
            problem = self.page.locator("#problem")
            self.assertTrue(problem.is_hidden(), f"{index}: {problem.text_content()}")
        self.assertEqual(self.complaints, [])


if __name__ == "__main__":
    unittest.main()

"""Events that are erased for ever, datasets that are deleted, and backups of a server that runs."""
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
import unittest

from server import Server, ServerTest

ADA = "ada@example.com"
ALL = "between 2026-03-10T00:00:00Z and 2026-03-11T00:00:00Z"


class ErasureTest(ServerTest):
    options = ("--head-rows", "2000")

    def send(self, dataset, events, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        self.server.json(
            "POST", f"/1/batch/{dataset}",
            [{"time": "2026-03-10T14:00:00Z", "data": data} for data in events], headers)

    def count(self, text):
        return self.server.rows(f"{text} | {ALL} | stats count()")[0]["COUNT"]

    def load(self):
        users = [ADA if index % 10 == 0 else f"user-{index}@example.com" for index in range(5000)]
        events = [{"n": index, "user": user, "note": f"mail to {user}"}
                  for index, user in enumerate(users)]
        for start in range(0, 5000, 500):
            self.send("shop", events[start:start + 500], key=f"{ADA} {start}")
        self.send("pay", [{"user": ADA, "sum": 1}, {"user": "eve", "sum": 2}])
        # What the server tells of its own requests names the user as well.
        self.assertEqual(self.count(f'from * | where user = "{ADA}"'), 501)
        self.server.request("GET", f"/1/columns/{ADA.replace('@', '%40')}")
        while not self.told():
            time.sleep(0.1)

    def told(self):
        """What the server has told of questions about the user."""
        status, _, answer = self.server.request(
            "POST", "/api/query?environment=_self",
            json.dumps({"query": f'from widefield | where query.text contains "{ADA}"'}).encode())
        return status == 200 and json.loads(answer)["data"]["results"]

    def found(self, text=ADA, code=0):
        """The places that `verify --find` names, of a server that was ended at once."""
        self.server.stop(9)
        output = self.tool("verify", "--data", self.data, "--find", text, code=code)
        self.server = Server(self.data, *self.options)
        return output

    def test_what_is_forgotten_is_found_before_and_not_after(self):
        self.load()
        before = self.found(code=1)
        for place in ("field user", "field note", "idempotency keys", "field query.text"):
            self.assertIn(place, before)
        query = f'where user = "{ADA}"'
        preview = json.loads(self.tool("forget", "--dry-run", "--url", self.server.url, query))
        self.assertEqual((preview["dry_run"], preview["events"]), (True, 501))
        self.assertEqual(
            {entry["dataset"]: entry["events"] for entry in preview["datasets"]},
            {"shop": 500, "pay": 1})
        self.assertEqual(self.count("from *"), 5002)
        self.assertEqual(self.server.json("GET", "/api/erasures"), [])
        receipt = json.loads(self.tool("forget", "--url", self.server.url, query))
        self.assertEqual(receipt["events"], 501)
        self.assertEqual(receipt["condition"], 'from * | where user = "?"')
        self.assertTrue(receipt["finished"])
        self.assertEqual(
            hashlib.sha256((receipt["proof"] + query).encode()).hexdigest(), receipt["digest"])
        self.assertEqual(self.count("from shop"), 4500)
        self.assertEqual(self.count("from pay"), 1)
        kept = self.server.json("GET", "/api/erasures")
        self.assertEqual([entry["id"] for entry in kept], [receipt["id"]])
        self.assertNotIn("proof", kept[0])
        self.assertIn("found nowhere", self.found())
        self.assertEqual(self.server.json("GET", "/api/erasures"), kept)
        self.assertEqual(self.count("from shop"), 4500)

    def test_a_stopped_directory_forgets(self):
        self.load()
        self.server.stop()
        preview = json.loads(self.tool(
            "forget", "--dry-run", "--data", self.data, f'from shop | where note contains "{ADA}"'))
        self.assertEqual([entry["events"] for entry in preview["datasets"]], [500])
        self.assertLessEqual(preview["datasets"][0]["oldest"], preview["datasets"][0]["newest"])
        receipt = json.loads(
            self.tool("forget", "--data", self.data, f'from shop | where note contains "{ADA}"'))
        self.assertEqual(receipt["events"], 500)
        self.server = Server(self.data, *self.options)
        self.assertEqual(self.count("from *"), 4502)

    def test_what_cannot_be_erased_is_told(self):
        self.load()
        for query, part in [
                ("where user =", "unexpected end"), ("from shop", "an erasure names"),
                ('where user = "x" | limit 3', "an erasure names"),
                ('from nothing | where user = "x"', "dataset not found")]:
            status, _, answer = self.server.request(
                "POST", "/api/erasures", json.dumps({"query": query}).encode())
            self.assertIn(status, (400, 404))
            self.assertIn(part, json.loads(answer)["error"])
        status, _, answer = self.server.request("POST", "/api/erasures", json.dumps(
            {"query": 'from shop | where note contains "a"', "dryrun": True}).encode())
        self.assertEqual((status, json.loads(answer)["error"]),
                         (400, "/dryrun: there is no such member"))
        self.assertEqual(self.count("from *"), 5002)
        self.assertEqual(self.server.json("GET", "/api/erasures"), [])

    def test_a_dataset_goes_with_its_events(self):
        self.load()
        status, _, answer = self.server.request("DELETE", "/1/datasets/shop")
        self.assertEqual(status, 409)
        self.assertIn("delete protected", json.loads(answer)["error"])
        self.server.json("PUT", "/1/datasets/shop", {"settings": {"delete_protected": False}})
        self.assertEqual(self.server.request("DELETE", "/1/datasets/shop")[0], 202)
        self.assertEqual(
            [entry["name"] for entry in self.server.json("GET", "/1/datasets")], ["pay"])
        self.assertEqual(self.count("from *"), 2)
        self.assertIn("found nowhere", self.found("user-4321@"))
        self.assertEqual(self.server.request("GET", "/1/datasets/shop")[0], 404)
        self.send("shop", [{"n": 1}])
        self.assertEqual(self.count("from shop"), 1)

    def test_a_backup_on_another_file_system_is_told_why_not(self):
        self.send("shop", [{"n": 1}])
        here = os.stat(self.directory).st_dev
        elsewhere = tempfile.mkdtemp(
            dir=next(d for d in ("/dev/shm", "/var/tmp") if os.stat(d).st_dev != here))
        self.addCleanup(shutil.rmtree, elsewhere)
        status, _, answer = self.server.request("POST", "/api/backup", json.dumps(
            {"directory": os.path.join(elsewhere, "copy")}).encode())
        self.assertEqual(status, 409)
        self.assertIn("is on another file system", json.loads(answer)["error"])

    def test_a_backup_under_load_has_what_was_acknowledged(self):
        acknowledged = []
        done = threading.Event()

        def load(worker):
            number = 0
            while not done.is_set():
                self.send("shop", [{"worker": worker, "n": number}] * 100)
                acknowledged.append((worker, number))
                number += 1

        workers = [threading.Thread(target=load, args=(index,)) for index in range(4)]
        for worker in workers:
            worker.start()
        try:
            self.server.json("PUT", "/api/queries/mine", {"query": "from shop | stats count()"})
            copies = []
            for index in range(3):
                while len(acknowledged) < 40 * (index + 1):
                    pass
                before = list(acknowledged)
                copy = os.path.join(self.directory, f"copy-{index}")
                self.tool("backup", "--url", self.server.url, copy)
                copies.append((copy, before))
        finally:
            done.set()
            for worker in workers:
                worker.join()
        self.tool("backup", "--url", self.server.url, copies[0][0], code=1)
        for copy, before in copies:
            self.assertIn("nothing wrong", self.tool("verify", "--data", copy))
            restored = Server(copy, *self.options)
            try:
                rows = restored.rows(
                    f"from shop | {ALL} | stats count() by worker, n | limit 10000")
                self.assertEqual(
                    restored.json("GET", "/api/queries")[0]["query"], "from shop | stats count()")
            finally:
                restored.stop()
            self.assertTrue(all(row["COUNT"] == 100 for row in rows))
            present = {(row["worker"], row["n"]) for row in rows}
            self.assertTrue(set(before) <= present)
        self.assertEqual(self.count("from shop"), 100 * len(acknowledged))


if __name__ == "__main__":
    unittest.main()

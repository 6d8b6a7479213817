"""Amazon Data Firehose: deliveries as it sends them, answers as it wants them."""
import base64
import gzip
import json
import unittest

from server import ServerTest

WHILE = "between 2026-03-10T14:00:00Z and 2026-03-10T14:01:00Z"


class KinesisTest(ServerTest):
    def deliver(self, records, id_="ed4acda5-034f-9f42-bba1-f29aea6d7d8f", **headers):
        """Status, headers and JSON of the answer to a delivery of these records."""
        body = json.dumps({"requestId": id_, "timestamp": 1578090901599, "records": [
            {"data": base64.b64encode(record.encode()).decode()} for record in records]})
        status, answered, answer = self.server.request(
            "POST", "/1/kinesis_events/shop", gzip.compress(body.encode(), mtime=0),
            {"Content-Type": "application/json", "Content-Encoding": "gzip",
             "X-Amz-Firehose-Protocol-Version": "1.0", "X-Amz-Firehose-Request-Id": id_, **headers})
        self.assertEqual(answered["Content-Type"], "application/json")
        return status, answered, json.loads(answer)

    def lines(self, *numbers):
        return "\n".join(json.dumps({"time": "2026-03-10T14:00:00Z", "n": n}) for n in numbers)

    def test_records_are_lines_and_a_repeat_stores_nothing(self):
        delivery = [self.lines(1), self.lines(2, 3), self.lines(4) + "\n"]
        status, headers, answer = self.deliver(delivery)
        self.assertEqual((status, set(answer)), (200, {"requestId", "timestamp"}))
        self.assertEqual(answer["requestId"], "ed4acda5-034f-9f42-bba1-f29aea6d7d8f")
        self.assertGreater(answer["timestamp"], 1_773_000_000_000)
        self.assertEqual(headers["Widefield-Ack"], "synced")
        again, headers, repeated = self.deliver(delivery)
        self.assertEqual((again, repeated), (status, answer))
        self.assertEqual(headers["Widefield-Duplicate"], "true")
        rows = self.server.rows(f"from shop | {WHILE} | stats count(), sum(n)")
        self.assertEqual(rows, [{"COUNT": 4, "SUM(n)": 10}])

    def test_what_was_not_kept_is_told(self):
        status, _, answer = self.deliver([self.lines(1), "no json", "[]"])
        self.assertEqual(status, 200)
        self.assertIn("2 of 3 events were not kept", answer["errorMessage"])
        rows = self.server.rows(f"from shop | {WHILE} | stats count()")
        self.assertEqual(rows, [{"COUNT": 1}])

    def test_refusals_carry_the_id(self):
        for body in [b"{}", b"[]", b"{", b'{"records": [{"data": "*"}]}', b'{"records": [{}]}']:
            status, _, answer = self.server.request(
                "POST", "/1/kinesis_events/shop", body, {"X-Amz-Firehose-Request-Id": "r1"})
            answer = json.loads(answer)
            self.assertEqual((status, answer["requestId"]), (400, "r1"), body)
            self.assertTrue(answer["errorMessage"])
        status, _, answer = self.server.request(
            "POST", "/1/kinesis_events/shop", b'{"records": []}')
        self.assertEqual((status, json.loads(answer)["errorMessage"]), (400, "expected a requestId"))

    def test_the_key_is_the_access_key(self):
        key = self.tool("keys", "create", "--data", self.data, "--kind", "ingest").split()[-1]
        self.restart()
        status, _, answer = self.deliver([self.lines(1)], **{"X-Amz-Firehose-Access-Key": key})
        self.assertEqual((status, "errorMessage" in answer), (200, False))
        status, _, answer = self.deliver([self.lines(1)], **{"X-Amz-Firehose-Access-Key": "x"})
        self.assertEqual(status, 401)
        self.assertEqual(answer["requestId"], "ed4acda5-034f-9f42-bba1-f29aea6d7d8f")


if __name__ == "__main__":
    unittest.main()

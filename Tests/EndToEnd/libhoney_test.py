"""Honeycomb's own client for Python, unchanged but for its host."""
import datetime
import unittest
import warnings

import libhoney

from server import ServerTest


class LibhoneyTest(ServerTest):
    def test_events_sent_with_libhoney_can_be_asked_for(self):
        client = libhoney.Client(
            writekey="abc123", dataset="from libhoney", api_host=self.server.url,
            send_frequency=0.05)
        start = datetime.datetime(2026, 3, 10, 14, 0, 0)
        for n in range(250):
            event = client.new_event({"n": n, "name": f"event {n % 5}", "ok": n % 2 == 0})
            event.add_field("ratio", n / 4)
            event.created_at = start + datetime.timedelta(milliseconds=n)
            event.send()
        client.flush()
        with warnings.catch_warnings():
            # The client opens a socket to nowhere to find its host's name, and leaves it.
            warnings.simplefilter("ignore", ResourceWarning)
            client.close()
        responses = []
        while (response := client.responses().get(timeout=10)) is not None:
            responses.append(response)
        self.assertEqual({r["status_code"] for r in responses}, {202}, responses[:1])
        self.assertEqual(len(responses), 250)
        rows = self.server.rows(
            "from `from libhoney` | between 2026-03-10T14:00:00Z and 2026-03-10T14:00:01Z"
            " | stats count(), sum(n), max(ratio), distinct(name)")
        self.assertEqual(rows, [{
            "COUNT": 250, "SUM(n)": sum(range(250)), "MAX(ratio)": 249 / 4,
            "COUNT_DISTINCT(name)": 5}])
        found = self.server.query(
            "from `from libhoney` | between 2026-03-10T14:00:00Z and 2026-03-10T14:00:01Z"
            " | fields * | limit 250")["data"]["results"]
        found.sort(key=lambda row: row["data"]["n"])
        self.assertEqual([row["data"] for row in found], [
            {"n": n, "name": f"event {n % 5}", "ok": n % 2 == 0, "ratio": n / 4} for n in range(250)])
        self.assertEqual({row["samplerate"] for row in found}, {1})
        times = [datetime.datetime.fromisoformat(row["time"]).replace(tzinfo=None) for row in found]
        self.assertEqual(times, [start + datetime.timedelta(milliseconds=n) for n in range(250)])


if __name__ == "__main__":
    unittest.main()

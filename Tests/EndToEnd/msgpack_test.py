"""Events in MessagePack: as Honeycomb's client for Go sends them, and as any other might."""
import json
import pathlib
import unittest

import msgpack

from server import ServerTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDED = ROOT / "fixtures/requests/msgpack/libhoney-go.msgpack.zst"
PACKED = {"Content-Type": "application/msgpack"}


class MessagePackTest(ServerTest):
    def events(self, dataset, span):
        answer = self.server.query(f"from {dataset} | between {span} | fields * | sort timestamp")
        return answer["data"]["results"]

    def test_what_the_client_for_go_sends_can_be_asked_for(self):
        status, headers, body = self.server.request(
            "POST", "/1/batch/shop", RECORDED.read_bytes(),
            {**PACKED, "Content-Encoding": "zstd", "X-Honeycomb-Team": "abc",
             "User-Agent": "libhoney-go/1.25.0"})
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(json.loads(body), [{"status": 202}] * 4)
        events = self.events("shop", "2026-03-10T14:00:00Z and 2026-03-10T14:00:03Z")
        self.assertEqual(
            [e["time"] for e in events],
            ["2026-03-10T14:00:00.123456789Z", "2026-03-10T14:00:01Z",
             "2026-03-10T14:00:02.000000005Z"])
        self.assertEqual(events[0]["samplerate"], 4)
        self.assertEqual(events[0]["data"], {
            "name": "checkout", "duration_ms": 12.5, "status": 200, "ok": True,
            "user.id": 9007199254740993, "balance": -1234567890123,
            "path": "/cart/" + "item-" * 8, "long": "x" * 300})
        self.assertEqual(events[1]["data"]["error.kind"], "timeout")
        early = self.events("shop", "1969-12-31T23:00:00Z and 1970-01-01T00:00:00Z")
        self.assertEqual(early[0]["time"], "1969-12-31T23:59:59.999999999Z")
        self.assertEqual(early[0]["data"]["min"], -(2 ** 63))

    def test_one_event_takes_time_and_rate_from_its_headers(self):
        for kind in ("application/msgpack", "application/x-msgpack"):
            status, _, body = self.server.request(
                "POST", "/1/events/one", msgpack.packb({"n": 1, "blob": b"\xff", "in": {"a": [1]}}),
                {"Content-Type": kind, "X-Honeycomb-Event-Time": "2026-03-10T14:00:00Z",
                 "X-Honeycomb-Samplerate": "7"})
            self.assertEqual((status, body), (200, b""))
        events = self.events("one", "2026-03-10 and 2026-03-11")
        self.assertEqual([e["samplerate"] for e in events], [7, 7])
        self.assertEqual(events[0]["data"], {"n": 1, "blob": "/w==", "in.a": "[1]"})

    def test_invalid_events_cost_only_themselves(self):
        good = {"data": {"n": 1}}
        bad = [5, {"data": []}, {"data": {"a": 1}, "time": "yesterday"},
               {"data": {"s": "x" * 65_536}}]
        body = msgpack.packb([good, *bad, good])
        status, _, answer = self.server.request("POST", "/1/batch/shop", body, PACKED)
        self.assertEqual(status, 200)
        self.assertEqual([e["status"] for e in json.loads(answer)], [202, 400, 400, 400, 400, 202])
        self.assertEqual(
            self.server.rows("from shop | last 1h | stats count()"), [{"COUNT": 2}])

    def test_a_body_that_is_none_is_refused_with_the_byte(self):
        whole = msgpack.packb([{"data": {"n": 1}}])
        status, _, answer = self.server.request(
            "POST", "/1/batch/shop", whole[:-1], PACKED)
        answer = json.loads(answer)
        self.assertEqual((status, answer["offset"]), (400, len(whole) - 1))
        self.assertNotIn("line", answer)


if __name__ == "__main__":
    unittest.main()

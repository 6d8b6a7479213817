"""Bytes that changed on the disk: they are found, named, and cost no more than what they hit."""
import contextlib
import http.client
import json
import os
import signal
import struct

from crash_case import CrashTest
from crash_load import send


class DamageTest(CrashTest):
    """Flips bits in what a killed server left: a segment, a manifest and a log with records."""

    def setUp(self):
        super().setUp()
        self.kept = self.ledger()
        self.live(100, signal.SIGTERM)
        self.live(30, signal.SIGKILL)
        self.segment = self.files("environments/default", ".seg")[0]
        self.log = self.files("log", ".log")[-1]
        self.expect_sound()

    def live(self, batches, sign):
        server = self.serve()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(batches):
            send(connection, self.kept.next(), self.kept)
        connection.close()
        server.stop(sign)

    @contextlib.contextmanager
    def flipped(self, path, offset):
        """One bit is another, for a while."""
        bit = 1 << self.chance.randrange(8)
        self.flip(path, offset, bit)
        try:
            yield
        finally:
            self.flip(path, offset, bit)

    def flip(self, path, offset, bit):
        with open(os.path.join(self.data, path), "r+b") as file:
            file.seek(offset)
            value = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([value ^ bit]))

    def records(self):
        """Where each record of the log lies: first byte, byte behind its payload."""
        with open(os.path.join(self.data, self.log), "rb") as file:
            content = file.read()
        places = []
        offset = 32
        while content[offset:offset + 4] == b"WFR1":
            end = offset + 40 + struct.unpack_from("<I", content, offset + 32)[0]
            places.append((offset, end))
            offset = (end + 7) // 8 * 8
        return places

    def test_a_flipped_bit_of_a_segment_is_named(self):
        size = os.path.getsize(os.path.join(self.data, self.segment))
        for offset in [0, size - 1] + [self.chance.randrange(size) for _ in range(12)]:
            with self.flipped(self.segment, offset):
                found = self.verify()
            self.assertIn(self.segment, [path for path, _ in found], f"byte {offset}")
            self.assertTrue(all(place <= size for _, place in found), found)
        self.expect_sound()

    def test_a_flipped_bit_of_a_segment_gives_no_wrong_answer(self):
        question = "from * | last 7d | stats n = count(), sum = sum(v), kinds = distinct(id)"
        server = self.serve()
        expected = server.query(question, exact=True)["data"]
        server.stop(signal.SIGKILL)
        size = os.path.getsize(os.path.join(self.data, self.segment))
        for _ in range(8):
            offset = self.chance.randrange(size)
            with self.flipped(self.segment, offset):
                server = self.serve(awaits="/healthz")
                status, _, body = server.request(
                    "POST", "/api/query", json.dumps({"query": question, "exact": True}).encode())
                server.stop(signal.SIGKILL)
            if status == 200:
                self.assertEqual(json.loads(body)["data"], expected, f"byte {offset}")
            else:
                self.assertIn(status, (500, 503), body)

    def test_a_flipped_bit_of_the_log_costs_its_record_only(self):
        records = self.records()
        self.assertGreater(len(records), 20)
        # The last record has none behind it that could vouch for it.
        for start, end in self.chance.sample(records[:-1], 12):
            with self.flipped(self.log, self.chance.randrange(start, end)):
                found = self.verify()
            self.assertIn((self.log, start), found)
        for offset in (0, 9, 17, 31):
            with self.flipped(self.log, offset):
                self.assertIn(self.log, [path for path, _ in self.verify()])
        start, end = records[-3]
        with self.flipped(self.log, end - 1):
            server = self.serve(awaits="/healthz")
            self.assertEqual(server.request("GET", "/readyz")[0], 503)
            status, headers, _ = server.request("POST", "/1/batch/d", b'[{"data": {"a": 1}}]')
            self.assertEqual(status, 503)
            self.assertTrue(headers["Retry-After"])
            found = self.kept.ask(server)
            missing = [b.number for b in self.kept.batches if b.number not in found]
            self.assertEqual(len(missing), 1, missing)
            server.stop(signal.SIGKILL)
        server = self.serve()
        self.expect_all(self.kept, server)

    def test_a_flipped_bit_of_a_manifest_is_named(self):
        path = "environments/default/manifest"
        size = os.path.getsize(os.path.join(self.data, path))
        # The last edit has none behind it that could vouch for it; the first is always vouched for.
        for offset in (0, 12, 31, 33, 50, 75):
            self.assertLess(offset, size)
            with self.flipped(path, offset):
                found = self.verify()
            self.assertIn(path, [path for path, _ in found], f"byte {offset}")
        self.expect_sound()

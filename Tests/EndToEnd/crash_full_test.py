"""A full disk: events are refused, questions are answered, and it passes by itself."""
import errno
import http.client
import os
import signal
import time

from crash_case import CrashTest
from crash_disk import Disk, Memory, obstacle
from crash_load import send

SMALL = ("--head-rows", "1000", "--log-file-bytes", "65536")


class FullDisk:
    """What must hold on every file system."""

    file_system = None

    def setUp(self):
        super().setUp()
        if reason := obstacle(self.file_system):
            self.skipTest(reason)
        self.disk = self.file_system(self.data, 48)
        self.addCleanup(self.disk.end)
        # Before the disk goes, whoever uses it must.
        self.addCleanup(self.end)
        self.kept = self.ledger(trusts_buffered=True)

    def fill(self, spare):
        """Takes all room but `spare` bytes."""
        with open(f"{self.data}/filler", "ab") as filler:
            room = os.statvfs(self.data)
            step = max(0, room.f_bavail * room.f_frsize - spare)
            while step >= room.f_frsize:
                try:
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), step)
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
                    step //= 2
                else:
                    step = 0 if spare else step

    def reserve(self):
        """What the server keeps for seals, and less than a log file takes."""
        room = os.statvfs(self.data)
        return room.f_blocks * room.f_frsize // 20 + (16 << 10)

    def empty(self):
        os.unlink(f"{self.data}/filler")

    def send(self, server, until, batches):
        """Sends batches until one is answered so; whether one was."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            return any(
                send(connection, self.kept.next(), self.kept) == until for _ in range(batches))
        finally:
            connection.close()

    def expect_taken(self, server):
        self.assertTrue(self.send(server, until=200, batches=5))

    def expect_refusal(self, server, spare):
        """Fills the disk, again when seals give room back, until events are refused."""
        for _ in range(100):
            self.fill(spare)
            if self.send(server, until=503, batches=50):
                return
        self.fail("a full disk refuses nothing")

    def expect_recovery(self, server):
        """Makes room; events are taken again without anybody's help."""
        self.empty()
        start = time.monotonic()
        while not self.send(server, until=200, batches=1):
            self.assertLess(time.monotonic() - start, 5)

    def expect_answers(self, server):
        rows = server.rows("from * | last 7d | stats n = count()")
        self.assertGreaterEqual(rows[0]["n"], self.kept.acknowledged_events)

    def test_a_full_disk_refuses_and_recovers_by_itself(self):
        server = self.serve(*SMALL)
        for _ in range(20):
            self.expect_taken(server)
        for lives_on in (True, False, True):
            self.expect_refusal(server, spare=self.reserve())
            self.expect_answers(server)
            self.assertEqual(server.request("GET", "/healthz")[0], 200)
            if not lives_on:
                # A server that starts on a full disk answers questions, too.
                server.stop(signal.SIGKILL)
                server = self.serve(*SMALL, awaits="/healthz")
                self.expect_answers(server)
                self.expect_refusal(server, spare=0)
            self.expect_recovery(server)
            for _ in range(3):
                self.expect_taken(server)
        server.stop(signal.SIGKILL)
        self.expect_sound()
        server = self.serve(*SMALL)
        self.expect_all(self.kept, server, refused_are_absent=True)
        self.assertEqual(server.stop(), 0)
        self.expect_sound()

    def test_a_stop_on_a_full_disk_loses_nothing(self):
        server = self.serve(*SMALL)
        for _ in range(20):
            self.expect_taken(server)
        self.fill(spare=0)
        # It cannot seal the head, and says so; the log keeps what it cannot.
        self.assertNotEqual(server.stop(), 0)
        server = self.serve(*SMALL, awaits="/healthz")
        self.expect_all(self.kept, server)
        self.expect_recovery(server)
        self.assertEqual(server.stop(), 0)
        self.expect_sound()
        server = self.serve(*SMALL)
        self.expect_all(self.kept, server, refused_are_absent=True)


class FullMemoryTest(FullDisk, CrashTest):
    file_system = Memory


class FullDiskTest(FullDisk, CrashTest):
    file_system = Disk

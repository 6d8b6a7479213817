"""Power cuts: what was acknowledged is on the disk, and the test can tell when it is not."""
import contextlib
import http.client
import os
import re
import signal
import time

from crash_case import BUSY, CrashTest, number
from crash_disk import Disk, obstacle
from crash_load import Load, send

OBSTACLE = obstacle(Disk)


def halt(process):
    """Stops every thread where it stands, or on its way out of the system call it is in.

    A machine without power answers nobody, and neither may a server: a sync that is under way
    while ext4 is being shut down can return 0 for what it has just lost (a lone loop of `pwrite`
    and `fdatasync` shows it on Linux 6.18, once in a hundred cuts).
    """
    process.send_signal(signal.SIGSTOP)
    tasks = f"/proc/{process.pid}/task"
    for _ in range(10_000):
        states = set()
        for task in os.listdir(tasks):
            with contextlib.suppress(FileNotFoundError), open(f"{tasks}/{task}/stat") as status:
                states.add(status.read().rpartition(")")[2].split()[0])
        if states <= {"D", "T"}:
            return
        time.sleep(0.001)
    raise RuntimeError(f"a process does not stop: {states}")


class PowerTest(CrashTest):
    def setUp(self):
        super().setUp()
        if OBSTACLE:
            self.skipTest(f"{OBSTACLE}; SyncOrderTest shows the order of sync and answer instead")
        self.disk = Disk(self.data, 512)
        self.addCleanup(self.disk.end)
        # Before the disk goes, whoever uses it must.
        self.addCleanup(self.end)

    def cut(self, ledger, wrapper=()):
        """A life under load that ends with the power; the disk is as it was left."""
        server = self.serve(*BUSY, wrapper=wrapper)
        with Load(ledger, server):
            time.sleep(
                self.chance.uniform(0.9, 1.5) if self.chance.random() < 0.2
                else self.chance.uniform(0.02, 0.3))
            halt(server.process)
            self.disk.cut_power()
            server.stop(signal.SIGKILL)
        self.disk.restore_power()

    def test_power_cuts_at_any_moment_lose_nothing(self):
        cuts = number("CRASH_POWER_CUTS", 50)
        ledger = self.ledger()
        for cycle in range(1, cuts + 1):
            self.cut(ledger)
            if cycle % 13 == 0 or cycle == cuts:
                self.expect_sound()
                server = self.serve(*BUSY)
                self.expect_all(ledger, server)
                server.stop(signal.SIGKILL)
        self.tell(f"{ledger.summary()}, {cuts} cuts")

    def test_without_syncs_a_power_cut_is_seen_to_lose_events(self):
        for _ in range(5):
            ledger = self.ledger()
            self.cut(ledger, wrapper=("eatmydata",))
            server = self.serve(*BUSY)
            faults = ledger.check(server)
            server.stop(signal.SIGKILL)
            if ledger.acknowledged_events:
                break
        self.assertGreater(ledger.acknowledged_events, 0)
        self.assertTrue(
            any(fault.endswith("lost") for fault in faults),
            "a server that never syncs lost nothing: this test cannot see losses")


class SyncOrderTest(CrashTest):
    """What the server asks of the system, in its order, as strace sees it."""

    def test_a_sync_of_the_log_ends_before_each_answer(self):
        trace = f"{self.directory}/trace"
        server = self.serve(
            "--log-file-bytes", "65536",
            wrapper=("strace", "-D", "-f", "-y", "-s", "16", "-o", trace, "-e",
                     "trace=pwrite64,fdatasync,sendto,sendmsg,write,writev"))
        ledger = self.ledger()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        batches = [batch for batch in (ledger.next() for _ in range(300)) if not batch.headers.get(
            "Widefield-Ack") and not batch.has_key][:100]
        for batch in batches:
            self.assertEqual(send(connection, batch, ledger), 200)
        connection.close()
        server.stop(signal.SIGKILL)
        with open(trace) as lines:
            answers = self.answers(lines)
        self.assertEqual(len(answers), len(batches))
        self.assertEqual(set(answers), {True})

    def answers(self, lines):
        """For each answer to a batch: was the log written before it, and synced after that?"""
        answers = []
        unfinished = {}
        is_written = is_synced = False
        for line in lines:
            thread, call = line.split(maxsplit=1)
            if call.endswith("<unfinished ...>\n"):
                unfinished[thread] = call
                if "HTTP/1.1 200" not in call:
                    continue
            resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", call)
            if resumed:
                call = unfinished.pop(thread) + resumed[2]
                if "HTTP/1.1 200" in call:
                    continue
            if call.startswith("pwrite64(") and ".log>" in call and '"WFR1' in call:
                is_written, is_synced = True, False
            elif call.startswith("fdatasync(") and ".log>" in call and call.endswith("= 0\n"):
                is_synced = is_written
            elif "HTTP/1.1 200" in call and (is_written or answers):
                answers.append(is_written and is_synced)
                is_written = is_synced = False
        return answers

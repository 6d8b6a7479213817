"""Syncs that fail: no acknowledgement that could be false, and none after it."""
import http.client
import signal

from crash_case import BUSY, CrashTest
from crash_load import send


class FailedSyncTest(CrashTest):
    def fail_sync(self, call, path, nth):
        """Serves with the nth such call on a path failing in each thread, until it is noticed."""
        ledger = self.ledger(trusts_buffered=True)
        server = self.serve(
            *BUSY,
            wrapper=("strace", "-D", "-f", "-qq", "-o", f"{self.directory}/trace",
                     *(("-P", f"{self.data}/{path}") if path else ()),
                     "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={nth}"))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        statuses = []
        while 503 not in statuses:
            self.assertLess(len(statuses), 3000, f"{call} {nth} of {path} was not noticed")
            statuses.append(send(connection, ledger.next(), ledger))
        with self.subTest("nothing is taken any more, and questions are answered"):
            for _ in range(5):
                batch = ledger.next()
                # A repeat of what was acknowledged before still gets its answer.
                expected = 200 if batch.has_key and batch.is_acknowledged else 503
                self.assertEqual(send(connection, batch, ledger), expected)
            self.assertEqual(server.request("GET", "/readyz")[0], 503)
            count = server.rows("from * | last 7d | stats n = count()")
            self.assertGreaterEqual(count[0]["n"] if count else 0, ledger.acknowledged_events)
        connection.close()
        with open(f"{self.directory}/trace") as trace:
            self.assertIn("(INJECTED)", trace.read())
        return ledger, server

    def expect_recovery(self, ledger):
        self.expect_sound()
        server = self.serve(*BUSY)
        self.expect_all(ledger, server)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.assertEqual(send(connection, ledger.next(), ledger), 200)
        connection.close()
        self.assertEqual(server.stop(), 0)

    def test_a_failed_sync_of_the_log_ends_all_taking(self):
        # The first sync of the writer is that of a new file's header.
        for nth in (1, 2, 7):
            for sign in (signal.SIGKILL, signal.SIGTERM):
                with self.subTest(nth=nth, sign=sign.name):
                    self.data = f"{self.directory}/data-{nth}-{sign}"
                    ledger, server = self.fail_sync("fdatasync", None, nth)
                    code = server.stop(sign)
                    self.assertEqual(code, -9 if sign == signal.SIGKILL else 1)
                    self.expect_recovery(ledger)

    def test_a_failed_sync_of_a_directory_ends_all_taking(self):
        for path in ("log", "environments/default"):
            with self.subTest(path):
                self.data = f"{self.directory}/data-{path.replace('/', '-')}"
                ledger, server = self.fail_sync("fsync", path, 1)
                server.stop(signal.SIGKILL)
                self.expect_recovery(ledger)

    def test_a_failed_sync_of_a_manifest_ends_all_taking(self):
        ledger, server = self.fail_sync("fdatasync", "environments/default/manifest", 1)
        server.stop(signal.SIGKILL)
        self.expect_recovery(ledger)

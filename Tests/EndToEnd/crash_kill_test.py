"""Processes that end at any moment: nothing acknowledged is lost, and nothing is there twice."""
import os
import signal
import time

from crash_case import BUSY, CrashTest, number
from crash_load import Load

# The header of a log file without records.
EMPTY_LOG_BYTES = 32


class KillTest(CrashTest):
    def moment(self):
        """Mostly short lives; some long enough for seals and compactions."""
        if self.chance.random() < 0.25:
            return self.chance.uniform(0.9, 1.6)
        return self.chance.uniform(0.02, 0.35)

    def test_kills_at_any_moment_lose_nothing(self):
        kills = number("CRASH_KILLS", 50)
        ledger = self.ledger(trusts_buffered=True)
        done = {"starting": 0, "serving": 0, "stopping": 0}
        stops = 0
        for cycle in range(1, 2 * kills):
            if self.chance.random() < 0.15:
                server = self.serve(*BUSY, awaits=None)
                time.sleep(self.chance.uniform(0, 0.15))
                server.stop(signal.SIGKILL)
                done["starting"] += 1
                continue
            server = self.serve(*BUSY)
            with Load(ledger, server):
                time.sleep(self.moment())
                if cycle % 12 == 0:
                    self.stop(server)
                    stops += 1
                elif cycle % 6 == 0:
                    server.process.send_signal(signal.SIGTERM)
                    time.sleep(self.chance.uniform(0, 0.2))
                    done["stopping"] += 1
                    server.stop(signal.SIGKILL)
                else:
                    done["serving"] += 1
                    server.stop(signal.SIGKILL)
            if cycle % 13 == 0:
                self.expect_sound()
                server = self.serve(*BUSY)
                self.expect_all(ledger, server)
                server.stop(signal.SIGKILL)
            if sum(done.values()) >= kills:
                break
        server = self.serve(*BUSY)
        self.expect_all(ledger, server)
        self.stop(server)
        self.expect_sound()
        self.tell(f"{ledger.summary()}; kills while {done}, {stops} stops under load")

    def stop(self, server):
        """Stops a server cleanly; all it was given is in segments then."""
        self.assertEqual(server.stop(), 0)
        self.expect_empty_log()

    def expect_empty_log(self):
        sizes = [os.path.getsize(f"{self.data}/{path}") for path in self.files("log", "")]
        self.assertEqual(sizes, [EMPTY_LOG_BYTES])

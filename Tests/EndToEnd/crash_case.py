"""A directory that servers live and die in."""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from crash_load import Ledger
from server import BINARY, Server

# A crash of the binary itself shall not wait for a debugger.
os.environ["SWIFT_BACKTRACE"] = "enable=no"

# Seals, new log files and compactions every second.
BUSY = ("--head-rows", "1000", "--log-file-bytes", "262144")


def number(name, default):
    """A count that longer runs set larger."""
    return int(os.environ.get(name, default))


class CrashTest(unittest.TestCase):
    """A test with a data directory, its servers, and a source of chance that can be told again."""

    def setUp(self):
        self.seed = number("CRASH_SEED", random.randrange(1 << 32))
        self.chance = random.Random(self.seed)
        self.directory = tempfile.mkdtemp(prefix="widefield-crash-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = os.path.join(self.directory, "data")
        self.servers = []
        self.addCleanup(self.end)

    def end(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)

    def ledger(self, **options):
        return Ledger(self.chance.randrange(1 << 32), **options)

    def serve(self, *options, awaits="/readyz", **how):
        """Starts a server and waits for what `awaits` names to answer, if anything."""
        self.servers = [server for server in self.servers if server.process.poll() is None]
        server = Server(self.data, *options, awaits=None, **how)
        self.servers.append(server)
        if awaits:
            server.wait_until_ready(awaits)
        return server

    def tell(self, text):
        print(f"\n{self.id().split('.')[-1]}: {text}, seed {self.seed}", file=sys.stderr)

    def expect_all(self, ledger, server, **how):
        faults = ledger.check(server, **how)
        self.assertFalse(
            faults, f"{len(faults)} faults, seed {self.seed}; {ledger.summary()}")

    def verify(self):
        """What `verify` finds wrong: path and byte of each."""
        done = subprocess.run(
            [BINARY, "verify", "--data", self.data], capture_output=True, text=True, timeout=120)
        places = re.findall(r"^(\S+), byte (\d+): ", done.stdout, re.MULTILINE)
        self.assertEqual(done.returncode, 1 if places else 0, done.stdout + done.stderr)
        return [(path, int(offset)) for path, offset in places]

    def expect_sound(self):
        self.assertEqual(self.verify(), [], f"seed {self.seed}")

    def files(self, directory, suffix):
        """Paths below the data directory, in the order of their names."""
        path = os.path.join(self.data, directory)
        names = sorted(os.listdir(path)) if os.path.isdir(path) else []
        return [f"{directory}/{name}" for name in names if name.endswith(suffix)]

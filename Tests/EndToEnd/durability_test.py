"""What was acknowledged is there, once, after the process or the machine stops at any moment.

The real binary under load is killed (SIGKILL) and cut off from its disk (an ext4 file system in a
file, shut down without a flush). A run with fsync switched off must fail: that shows that the test
can see a loss. Where mounting is forbidden, strace shows that a sync ended before each answer.

WIDEFIELD_KILLS and WIDEFIELD_POWER_CUTS say how often; 50 each without.
"""
import http.client
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from server import BINARY, Server, free_port

KILLS = int(os.environ.get("WIDEFIELD_KILLS", "50"))
POWER_CUTS = int(os.environ.get("WIDEFIELD_POWER_CUTS", "50"))


class WrappedServer(Server):
    """A server started through another command, its log outside of its disk."""

    def __init__(self, data, log, *prefix):
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(log, "ab")
        self.process = subprocess.Popen(
            [*prefix, BINARY, "serve", "--data", data, "--listen", f"127.0.0.1:{self.port}"],
            stderr=self.log)
        self.wait_until_ready()


class Load:
    """Clients that send numbered events until they are told to stop."""

    numbers = itertools.count()
    # A query lists at most 10,000 ids.
    acknowledged_max = 6_000

    def __init__(self, server, dataset, clients=3):
        self.server = server
        self.dataset = dataset
        self.acknowledged = []
        # Requests without an answer: (key, body, ids).
        self.unknown = []
        self.stopping = False
        # What is answered from now on does not count: a machine without power answers nobody.
        self.is_cut = False
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, client):
        randomness = random.Random(client)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        while not self.stopping and len(self.acknowledged) < self.acknowledged_max:
            ids = [next(self.numbers) for _ in range(randomness.randint(1, 20))]
            body = json.dumps([{"data": {"id": id, "text": f"value {id}"}} for id in ids]).encode()
            key = f"{self.dataset}-{ids[0]}"
            try:
                status = post(connection, self.dataset, key, body)
            except (OSError, http.client.HTTPException):
                self.unknown.append((key, body, ids))
                break
            if status == 200 and not self.is_cut:
                self.acknowledged += ids
            else:
                self.unknown.append((key, body, ids))
                time.sleep(0.01)
        connection.close()

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def post(connection, dataset, key, body):
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    connection.request("POST", f"/1/batch/{dataset}", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


class DurabilityTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="widefield-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.log = os.path.join(self.directory, "server.log")
        self.server = None
        self.addCleanup(self.kill)

    def kill(self):
        if self.server:
            self.server.process.kill()
            self.server.process.wait()
            self.server.log.close()
        self.server = None

    def start(self, data, *prefix):
        self.server = WrappedServer(data, self.log, *prefix)

    def stored(self, dataset):
        """How often each id is there."""
        names = [row["name"] for row in self.server.json("GET", "/1/datasets")]
        if dataset not in names:
            return {}
        rows = self.server.rows(f"from {dataset} | last 1d | stats count() by id | limit 10000")
        return {int(row["id"]): row["COUNT"] for row in rows}

    def lost(self, load):
        found = self.stored(load.dataset)
        return [id for id in load.acknowledged if id not in found]

    def check(self, load):
        """Everything acknowledged is there once; repeats of the rest make all of it so."""
        found = self.stored(load.dataset)
        lost = [id for id in load.acknowledged if id not in found]
        self.assertEqual(lost, [], f"lost of {len(load.acknowledged)} in {load.dataset}")
        self.assertEqual({id: n for id, n in found.items() if n != 1}, {}, "stored twice")
        sent = set(load.acknowledged)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        for key, body, ids in load.unknown:
            self.assertEqual(post(connection, load.dataset, key, body), 200)
            sent.update(ids)
        connection.close()
        found = self.stored(load.dataset)
        self.assertEqual(set(found), sent, "after the repeats")
        self.assertEqual({id: n for id, n in found.items() if n != 1}, {}, "a repeat is doubled")
        return len(load.acknowledged)

    def verify(self, data):
        done = subprocess.run([BINARY, "verify", "--data", data], capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())

    def test_sigkill_loses_nothing(self):
        data = os.path.join(self.directory, "data")
        moments = random.Random(1)
        acknowledged = 0
        self.start(data)
        for number in range(KILLS):
            load = Load(self.server, f"kill{number}")
            time.sleep(moments.uniform(0.02, 0.25))
            self.server.process.kill()
            load.stop()
            self.kill()
            self.start(data)
            acknowledged += self.check(load)
        self.assertGreater(acknowledged, KILLS)
        self.assertEqual(self.server.stop(), 0)
        self.verify(data)


class PowerCutTest(DurabilityTest):
    """The same on a file system that can be cut off."""

    test_sigkill_loses_nothing = None

    def setUp(self):
        super().setUp()
        missing = [tool for tool in ("mkfs.ext4", "xfs_io", "losetup") if not shutil.which(tool)]
        if missing:
            self.skipTest(f"needs {', '.join(missing)}")
        self.image = os.path.join(self.directory, "disk")
        self.mount_point = os.path.join(self.directory, "mnt")
        os.mkdir(self.mount_point)
        with open(self.image, "wb") as image:
            image.truncate(2 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        if not self.mount():
            self.skipTest("mounting is forbidden here; see test_a_sync_ends_before_each_answer")
        self.addCleanup(self.unmount)
        self.data = os.path.join(self.mount_point, "data")

    def mount(self):
        done = subprocess.run(
            ["mount", "-o", "loop", self.image, self.mount_point], capture_output=True)
        return done.returncode == 0

    def unmount(self):
        self.kill()
        for _ in range(50):
            done = subprocess.run(["umount", self.mount_point], capture_output=True)
            if done.returncode == 0 or b"not mounted" in done.stderr:
                return
            time.sleep(0.1)
        self.fail(done.stderr.decode())

    def cut(self, number, moment, *prefix):
        """Loads a server, cuts its disk off, and mounts it again."""
        self.start(self.data, *prefix)
        load = Load(self.server, f"cut{number}")
        time.sleep(moment)
        load.is_cut = True
        subprocess.run(["xfs_io", "-x", "-c", "shutdown", self.mount_point], check=True)
        time.sleep(0.02)
        self.server.process.kill()
        load.stop()
        self.unmount()
        self.assertTrue(self.mount())
        return load

    def test_a_power_cut_loses_nothing(self):
        moments = random.Random(2)
        acknowledged = 0
        for number in range(POWER_CUTS):
            load = self.cut(number, moments.uniform(0.02, 0.25))
            self.start(self.data)
            acknowledged += self.check(load)
            if number % 5 == 0:
                self.assertEqual(self.server.stop(), 0)
            self.kill()
        self.assertGreater(acknowledged, POWER_CUTS)
        self.verify(self.data)

    def test_without_syncs_a_power_cut_is_seen(self):
        if not shutil.which("eatmydata"):
            self.skipTest("needs eatmydata")
        for number in range(10):
            load = self.cut(number, 0.2, "eatmydata")
            self.start(self.data)
            lost = self.lost(load)
            self.kill()
            if lost:
                return
        self.fail("ten power cuts without a sync lost nothing: the test is blind")


class SyncTest(DurabilityTest):
    """What needs no file system of its own."""

    test_sigkill_loses_nothing = None

    def test_a_sync_ends_before_each_answer(self):
        if not shutil.which("strace"):
            self.skipTest("needs strace")
        trace = os.path.join(self.directory, "trace")
        calls = "trace=fdatasync,recvfrom,sendto,sendmsg,write,writev"
        self.start(
            os.path.join(self.directory, "data"), "strace", "-f", "-s", "40", "-e", calls, "-o",
            trace)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        requests = 30
        for number in range(requests):
            self.assertEqual(post(connection, "traced", f"k{number}", b'[{"data":{"a":1}}]'), 200)
        connection.close()
        children = subprocess.run(
            ["pgrep", "-P", str(self.server.process.pid)], capture_output=True, text=True)
        for child in children.stdout.split():
            os.kill(int(child), signal.SIGTERM)
        self.server.process.wait(timeout=60)
        answers = 0
        synced = None
        with open(trace, encoding="latin-1") as lines:
            for line in lines:
                if "POST /1/batch" in line:
                    synced = False
                elif re.search(r"fdatasync(\(| resumed).*= 0$", line):
                    synced = True
                elif "HTTP/1.1 200" in line and synced is not None:
                    # Requests come one after the other, so each needs a sync of its own.
                    self.assertTrue(synced, line)
                    answers += 1
                    synced = None
        self.assertEqual(answers, requests)


if __name__ == "__main__":
    unittest.main()

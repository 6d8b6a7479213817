"""Widefield's own server in the comparison: started and stopped here, spoken to over HTTP."""
import http.client
import json
import math
import os
import shutil
import signal
import threading
import time
from datetime import datetime, timedelta

from machine import ended_processes_seconds, memory_mb, processor_seconds, stored_bytes
from server import Server

LINES = {"Content-Type": "application/x-ndjson"}


class Widefield:
    name = "widefield"

    def __init__(self, folder, *options):
        self.data = os.path.join(folder, "widefield", "data")
        self.options = options
        self.server = None

    @property
    def pid(self):
        return self.server.process.pid

    def start(self):
        self.stop()
        os.makedirs(os.path.dirname(self.data), exist_ok=True)
        self.server = Server(self.data, *self.options)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=600)

    def stop(self):
        if self.server:
            self.connection.close()
            self.server.stop(signal.SIGTERM)
            self.server = None

    def wipe(self):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def load(self, dataset, lines=1000, connections=2):
        """Sends all events; then waits until nothing more is done with them, which counts too."""
        return self.measure(lambda: send(self.server.port, dataset.bodies(lines), connections))

    def measure(self, sending):
        """What it took to take what `sending` sends to a new server, until all was answered and until all was sealed."""
        self.wipe()
        self.start()
        began, used = time.perf_counter(), processor_seconds(self.pid)
        sending()
        facts = {"wall_s": time.perf_counter() - began, "answered_cpu_s": processor_seconds(self.pid) - used}
        self.settle()
        facts["memory_mb"] = memory_mb(self.pid, "VmHWM")
        # A running server holds room for its log in advance, and may have events that are not sealed.
        ended = ended_processes_seconds()
        self.stop()
        facts["cpu_s"] = ended_processes_seconds() - ended - used
        facts["bytes"] = stored_bytes(self.data)
        self.start()
        return facts

    def load_once(self, dataset, lines, connections=2):
        """Loads the events and forgets them again."""
        try:
            return self.load(dataset, lines, connections)
        finally:
            self.wipe()

    def settle(self, quiet=4):
        """Waits until the server has been idle for some seconds: what was due to be sealed is sealed."""
        still = 0
        while still < quiet:
            used = processor_seconds(self.pid)
            time.sleep(1)
            still = still + 1 if processor_seconds(self.pid) - used < 0.05 else 0

    def post(self, path, body):
        """Seconds until the whole answer was there, and its JSON."""
        return self.timed("POST", path, body, {"Content-Type": "application/json"})

    def get(self, path):
        return self.timed("GET", path)

    def timed(self, method, path, body=None, headers={}):
        began = time.perf_counter()
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        data = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {data[:300]}")
        return seconds, json.loads(data)

    def ask(self, question, dataset, parameters, cache=False, exact=False):
        """Seconds, and the answer as rows in the form of the peers'."""
        seconds, answer = self.post(*request(question, dataset, parameters, cache, exact))
        return seconds, rows(question, answer)


def request(question, dataset, parameters, cache, exact):
    day = datetime.fromisoformat(dataset.first).replace(hour=0, minute=0, second=0, microsecond=0)
    span = f"between {utc(day)} and {utc(day + timedelta(days=2))}{' step 10m' if question.step else ''}"
    options = {"cache": cache, "exact": exact}
    if question.shape == "bubbleup":
        spec = {"start_time": int(day.timestamp()), "end_time": int((day + timedelta(days=2)).timestamp()),
                "filters": [{"column": column, "op": op, "value": value} for column, op, value in question.filters]}
        return "/api/bubbleup", json.dumps({"dataset": "shop", "spec": spec, "where": question.ours, "values": 40, **options})
    text = f"from shop | {span} | {question.ours}"
    for name, value in parameters.items():
        text = text.replace(f"${name}", value)
    return "/api/query", json.dumps({"query": text, **options})


def utc(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(question, answer):
    if question.shape == "bubbleup":
        return [{"f": field["field"], "v": value["value"], "selection": value["selection"], "baseline": value["baseline"]}
                for field in answer["fields"] for value in field["values"]]
    if question.shape == "events":
        return [{"time": row["time"]} for row in answer["data"]["results"]]
    if question.shape == "rows":
        return [row["data"] for row in answer["data"]["results"]]
    found = []
    for row in answer["data"]["series"]:
        at = int(datetime.fromisoformat(row["time"]).timestamp())
        if question.shape == "heatmap":
            found += [{"t": at, "bin": bin_number(cell["low"]), "n": cell["count"]} for cell in row["data"]["h"]["bins"]]
        else:
            found.append({"t": at, **row["data"]})
    return found


def bin_number(low):
    """The number of the heatmap bin that begins at `low`, as `questions.BIN` numbers them."""
    octave = math.floor(math.log2(low))
    return octave * 4 + round((low / 2**octave - 1) * 4)


def send(port, bodies, connections=2, path="/1/batch/shop", headers=LINES):
    """Sends request bodies over several connections; fails if any event was not taken."""
    def sender():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

        def post(body):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status < 300 and b'"error' not in text, (answer.status, text[:300])
        return post
    send_all(bodies, sender, connections)


def send_all(bodies, sender, connections=2):
    """Sends bodies by several functions that `sender` makes; each tells whether its body was taken, and the answer."""
    waiting, lock, faults = iter(bodies), threading.Lock(), []

    def work():
        post = sender()
        while not faults:
            with lock:
                body = next(waiting, None)
            if body is None:
                break
            taken, answer = post(body)
            if not taken:
                faults.append(answer)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"events were not taken: {faults[0]}")

"""Load whose every batch is written down, and the question afterwards: what is there of it?"""
import collections
import gzip
import http.client
import json
import random
import threading
import time

GROUPS_MAX = 10_000
DAY = 86_400


class Batch:
    """One request's events, and what is known of its fate."""

    def __init__(self, number, chance):
        self.number = number
        self.dataset = f"load-{number % 4}"
        self.events = chance.choice(
            [1, chance.randint(2, 9), chance.randint(2, 20), chance.randint(40, 120)])
        self.is_acknowledged = False
        self.was_seen = False
        self.was_refused = False
        self.may_be_anywhere = False
        self.headers = {}
        if chance.random() < 0.3:
            self.headers["Idempotency-Key"] = f"key-{number}"
        if chance.random() < 0.1:
            self.headers["Widefield-Ack"] = "buffered"
        self.body = self.encoded(chance)

    def encoded(self, chance):
        moment = time.time() - chance.choice([0, 0, 0, 1, 2]) * DAY
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        fields = [
            {"b": self.number, "i": index, "id": f"{self.number}-{index}", "v": self.value(index)}
            for index in range(self.events)]
        self.is_lines = chance.random() < 0.3
        if self.is_lines:
            self.headers["Content-Type"] = "application/x-ndjson"
            body = "\n".join(json.dumps({"time": stamp, **event}) for event in fields).encode()
        else:
            self.headers["Content-Type"] = "application/json"
            body = json.dumps([{"time": stamp, "data": event} for event in fields]).encode()
        if chance.random() < 0.4:
            self.headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, 1)
        return body

    def value(self, index):
        return (self.number * 31 + index * index) % 1009

    @property
    def has_key(self):
        return "Idempotency-Key" in self.headers

    @property
    def answer(self):
        """What is answered when every event is taken."""
        if self.is_lines:
            return {"accepted": self.events, "rejected": []}
        return [{"status": 202}] * self.events

    @property
    def whole(self):
        """What a query says of the batch when each of its events is there exactly once."""
        return {
            "events": self.events, "least": 0, "most": self.events - 1, "kinds": self.events,
            "sum": sum(self.value(index) for index in range(self.events))}


class Ledger:
    """All batches that were ever sent, from any number of threads, over all lives of a server."""

    def __init__(self, seed, trusts_buffered=False):
        self.chance = random.Random(seed)
        # Whether an event that was only written, not synced, must outlive what is done.
        self.trusts_buffered = trusts_buffered
        self.lock = threading.Lock()
        self.batches = []
        self.again = collections.deque()
        self.faults = []
        self.sent_events = 0
        self.acknowledged_events = 0
        self.repeats = 0

    def next(self):
        """A batch to send: a new one, or one of those with a key that go out again."""
        with self.lock:
            if self.again and self.chance.random() < 0.5:
                self.repeats += 1
                return self.again.popleft()
            batch = Batch(len(self.batches), self.chance)
            self.batches.append(batch)
            self.sent_events += batch.events
            if batch.has_key and self.chance.random() < 0.2:
                # Another client sends the same at about the same time.
                self.again.append(batch)
            return batch

    def acknowledge(self, batch, headers, was_acknowledged):
        with self.lock:
            is_repeat = headers["Widefield-Duplicate"] == "true"
            if was_acknowledged and not is_repeat:
                self.faults.append(f"batch {batch.number}: its key was forgotten")
            if is_repeat and not batch.has_key:
                self.faults.append(f"batch {batch.number}: a repeat without a key")
            is_safe = headers["Widefield-Ack"] == "synced" or self.trusts_buffered
            if is_safe and not batch.is_acknowledged:
                batch.is_acknowledged = True
                self.acknowledged_events += batch.events
            if batch.has_key and self.chance.random() < 0.1:
                self.again.append(batch)

    def lose(self, batch):
        """No answer came."""
        with self.lock:
            batch.may_be_anywhere = True
            if batch.has_key:
                self.again.append(batch)

    def refuse(self, batch):
        with self.lock:
            batch.was_refused = True
            if batch.has_key and len(self.again) < 100:
                self.again.append(batch)

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    # What is there

    def ask(self, server):
        """What a query finds of every batch, by number."""
        found = {}
        for start in range(0, len(self.batches), GROUPS_MAX):
            answer = server.query(
                f"from * | last 7d | where b >= {start} and b < {start + GROUPS_MAX}"
                " | stats events = count(), least = min(i), most = max(i), kinds = distinct(i),"
                f" sum = sum(v) by b | sort b | limit {GROUPS_MAX}", exact=True)
            if answer["meta"]["partial"]:
                self.fault("a partial answer")
            for row in answer["data"]["results"]:
                found[row["data"].pop("b")] = row["data"]
        return found

    def check(self, server, refused_are_absent=False):
        """All that is wrong: with what a freshly started server has, and since the last check."""
        found = self.ask(server)
        faults = self.faults
        self.faults = []
        for batch in self.batches:
            there = found.pop(batch.number, None)
            if there is None:
                if batch.is_acknowledged or batch.was_seen:
                    faults.append(f"batch {batch.number}: lost")
            elif there != batch.whole:
                faults.append(f"batch {batch.number}: {there} instead of {batch.whole}")
            elif (
                refused_are_absent and batch.was_refused and not batch.may_be_anywhere
                and not batch.is_acknowledged
            ):
                faults.append(f"batch {batch.number}: was refused and is there")
            else:
                # What was shown once is there for ever.
                batch.was_seen = True
        faults += [f"batch {number}: never sent" for number in found]
        for batch in self.chance.sample(self.batches, min(3, len(self.batches))):
            index = self.chance.randrange(batch.events)
            rows = server.rows(
                f'from * | last 7d | where id = "{batch.number}-{index}" | fields b, i, v')
            event = {"b": batch.number, "i": index, "v": batch.value(index)}
            if rows != [event] * batch.was_seen:
                faults.append(f"batch {batch.number}, event {index}: {rows}")
        return faults

    def summary(self):
        return (
            f"{len(self.batches)} batches sent, {self.repeats} sent again, "
            f"{self.acknowledged_events} events acknowledged")


class Load:
    """Threads that send a ledger's batches to a server, and one that counts, until it is gone."""

    def __init__(self, ledger, server, clients=3):
        self.ledger = ledger
        self.server = server
        self.is_ending = threading.Event()
        self.threads = [threading.Thread(target=self.send_all) for _ in range(clients)]
        self.threads.append(threading.Thread(target=self.count_all))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_ending.set()
        for thread in self.threads:
            thread.join()

    def send_all(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.connect()
            while not self.is_ending.is_set():
                send(connection, self.ledger.next(), self.ledger)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def count_all(self):
        """What is acknowledged is seen at once, and nothing is seen twice, seals or not."""
        try:
            while not self.is_ending.is_set():
                least = self.ledger.acknowledged_events
                status, _, body = self.server.get_query("from * | last 7d | stats n = count()")
                if status == 503:
                    continue
                rows = json.loads(body)["data"]["results"]
                count = rows[0]["data"]["n"] if rows else 0
                if not least <= count <= self.ledger.sent_events:
                    self.ledger.fault(
                        f"{count} events seen, {least} were acknowledged, "
                        f"{self.ledger.sent_events} sent")
                time.sleep(0.05)
        except (OSError, http.client.HTTPException):
            pass


def send(connection, batch, ledger):
    """Sends a batch, writes down what becomes of it, and gives the answer's status."""
    was_acknowledged = batch.is_acknowledged
    try:
        connection.request("POST", f"/1/batch/{batch.dataset}", batch.body, batch.headers)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        ledger.lose(batch)
        raise
    if answer.status == 200:
        ledger.acknowledge(batch, answer.headers, was_acknowledged)
        if json.loads(answer.read()) != batch.answer:
            ledger.fault(f"batch {batch.number}: an answer of another shape")
    elif answer.status == 503:
        ledger.refuse(batch)
        if not answer.headers["Retry-After"]:
            ledger.fault("a 503 without Retry-After")
        answer.read()
        time.sleep(0.01)
    else:
        ledger.fault(f"batch {batch.number}: {answer.status} {answer.read()[:200]}")
    return answer.status

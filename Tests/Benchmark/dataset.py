"""The events of the comparison: written once by `widefield generate`, with what the peers must know of them."""
import json
import os
import subprocess

import orjson

#: A field with more values than this is no "low cardinality" column of ClickHouse's.
LOW_CARDINALITY = 10_000


class Dataset:
    """Lines of JSON in a file, and each field's type as the peers are told it."""

    def __init__(self, folder, events, seed, end="2026-03-11T00:00:00Z", hours=24):
        self.path = os.path.join(folder, f"events-{events}-{seed}-{end}-{hours}.ndjson")
        self.events = events
        self.options = ["--events", str(events), "--seed", str(seed), "--end", end, "--hours", str(hours)]

    def prepare(self, binary):
        """Generates the file and looks at every value of it, unless that was done before."""
        facts = self.path + ".facts"
        if not os.path.exists(facts):
            with open(self.path, "wb") as file:
                subprocess.run([binary, "generate", *self.options], stdout=file, check=True)
            with open(facts, "w") as file:
                json.dump(self._facts(), file)
        with open(facts) as file:
            known = json.load(file)
        self.fields, self.parameters = known["fields"], known["parameters"]
        self.first, self.last = known["first"], known["last"]
        self.bytes = os.path.getsize(self.path)
        return self

    def _facts(self):
        kinds, values, count = {}, {}, {}
        first, last, example = "~", "", {}
        with open(self.path, "rb") as file:
            for number, line in enumerate(file):
                event = orjson.loads(line)
                first, last = min(first, event["time"]), max(last, event["time"])
                # Questions about one request, user and trace ask for those of an event in the middle.
                if number <= self.events // 2 and "request_id" in event:
                    example = event
                for name, value in event.items():
                    kinds.setdefault(name, set()).add(type(value).__name__)
                    count[name] = count.get(name, 0) + 1
                    known = values.setdefault(name, set())
                    if len(known) <= LOW_CARDINALITY:
                        known.add(value)
        fields = {}
        for name, kind in kinds.items():
            type_ = "float" if kind == {"int", "float"} else "str" if len(kind) > 1 else kind.pop()
            fields[name] = {"type": type_, "always": count[name] == self.events,
                            "low": len(values[name]) <= LOW_CARDINALITY}
        return {"fields": fields, "first": first, "last": last,
                "parameters": {"REQUEST": example["request_id"], "USER": example["user_id"],
                               "TRACE": example["trace.trace_id"]}}

    def bodies(self, lines):
        """Request bodies of so many lines each."""
        body = []
        with open(self.path, "rb") as file:
            for line in file:
                body.append(line)
                if len(body) == lines:
                    yield b"".join(body)
                    body = []
        if body:
            yield b"".join(body)

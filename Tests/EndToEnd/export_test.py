"""Answers as files: what other programs read is what was sent."""
import csv
import datetime
import io
import json
import os
import unittest

import duckdb
import pyarrow
import pyarrow.parquet

from server import ServerTest

# Every kind of value, alone and mixed, and names that files have for themselves.
ODD = [
    {"b": True, "i": 2**63 - 1, "f": -0.1, "s": "grün\n\"x\",", "mixed": 1, "wide": 2**53 + 1},
    {"b": False, "i": -(2**63), "f": 5e-324, "s": "", "mixed": "one", "wide": 0.5, "data.time": 7},
    {"time": "sent", "dataset": 4, "mixed": True, "i": 0, "e\u0301": "two", "x.y/z": 1e300},
    {"only.last": "here", "f": 3},
]


class ExportTest(ServerTest):
    def send(self, events):
        body = json.dumps([{"time": 1_700_000_000_123_456_789 + i, "data": e}
                           for i, e in enumerate(events)]).encode()
        self.assertEqual(self.server.request("POST", "/1/batch/odd", body)[0], 200)

    def export(self, query, name, *options):
        path = os.path.join(self.directory, name)
        self.tool("export", "--output", path, *options, query)
        return path

    def events(self, query):
        """The events of a query by their column in a file, as lines of JSON tell them."""
        events = []
        for line in self.tool("export", query).splitlines():
            event = json.loads(line)
            row = {name: event[name] for name in ["time", "dataset", "samplerate", "received"]}
            for name, value in event["data"].items():
                while name in ["time", "dataset", "samplerate", "received"]:
                    name = "data." + name
                row[name] = value
            events.append(row)
        return events

    def assert_same(self, rows, events):
        """A column of mixed kinds has texts of them; times are nanoseconds."""
        self.assertEqual(len(rows), len(events))
        for row, event in zip(rows, events):
            for name, value in row.items():
                expected = event.get(name)
                if name in ["time", "received"]:
                    expected = nanoseconds(expected)
                elif isinstance(value, str) and not isinstance(expected, str):
                    expected = json.dumps(expected)
                self.assertEqual(value, expected, name)
            self.assertLessEqual(set(event), set(row))

    QUERY = ("from odd | between 2023-01-01 and 2024-01-01 "
             "| where mixed exists or only.last exists | sort timestamp")

    def test_every_kind_of_value_comes_back(self):
        self.send([{k: v for k, v in e.items() if k != "time"} for e in ODD])
        events = self.events(self.QUERY)
        self.assertEqual(len(events), len(ODD))
        parquet = self.export(self.QUERY, "odd.parquet")
        self.assert_same(duck(parquet), events)
        table = pyarrow.parquet.read_table(parquet)
        table.validate(full=True)
        arrow = pyarrow.ipc.open_stream(self.export(self.QUERY, "odd.arrow")).read_all()
        arrow.validate(full=True)
        self.assertEqual(arrow.cast(table.schema), table)
        kinds = {field.name: str(field.type) for field in arrow.schema}
        self.assertEqual(
            {name: kinds[name] for name in ["b", "i", "f", "s", "mixed", "wide", "time"]},
            {"b": "bool", "i": "int64", "f": "double", "s": "string", "mixed": "string",
             "wide": "string", "time": "timestamp[ns, tz=UTC]"})
        with open(self.export(self.QUERY, "odd.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([r["s"] for r in rows], [e.get("s", "") for e in ODD])
        self.assertEqual(rows[0]["i"], str(2**63 - 1))

    def test_a_field_called_like_a_column_has_another_name(self):
        self.server.request("POST", "/1/events/odd", json.dumps(
            {"time": "sent", "data.time": 7, "samplerate": "twice"}).encode(),
            {"X-Honeycomb-Event-Time": "2023-11-14T22:13:20Z"})
        query = "from odd | between 2023-01-01 and 2024-01-01"
        [row] = duck(self.export(query, "names.parquet"))
        self.assertEqual(
            {name: row[name] for name in row if name.startswith("data")},
            {"dataset": "odd", "data.time": 7, "data.data.time": "sent",
             "data.samplerate": "twice"})

    def test_more_events_than_a_page_or_a_row_group_holds(self):
        count = 70_000
        for start in range(0, count, 10_000):
            self.send([{"mixed": i % 7, "n": i, "t": f"text {i % 50}", "u": f"{i:x}" * 3}
                       for i in range(start, start + 10_000)])
        parquet = self.export("from odd | between 2023-01-01 and 2024-01-01", "many.parquet")
        self.assertEqual(pyarrow.parquet.ParquetFile(parquet).num_row_groups, 2)
        self.assertIn("70,000 events", self.errors)
        self.assertEqual(
            duckdb.sql(f"select count(*), count(distinct n), sum(n), count(distinct t), "
                       f"sum(cast(substr(t, 6) as int)) from '{parquet}'").fetchall()[0],
            (count, count, count * (count - 1) // 2, 50, sum(i % 50 for i in range(count))))
        self.assertEqual(
            len(self.tool("export", "from odd | between 2023-01-01 and 2024-01-01 | limit 10000")
                .splitlines()), 10_000)

    def test_statistics_and_a_stopped_servers_directory(self):
        self.send([{"mixed": 1, "n": i, "t": "ab"[i % 2]} for i in range(100)])
        text = "from odd | between 2023-01-01 and 2024-01-01 | stats count(), avg(n) by t | sort t"
        expected = [{"t": "a", "COUNT": 50, "AVG(n)": 49.0}, {"t": "b", "COUNT": 50, "AVG(n)": 50.0}]
        self.assertEqual(duck(self.export(text, "stats.parquet")), expected)
        _, headers, body = self.server.get_query(
            text, {"Accept": "application/vnd.apache.arrow.stream"})
        self.assertEqual(headers["Content-Type"], "application/vnd.apache.arrow.stream")
        self.assertEqual(pyarrow.ipc.open_stream(io.BytesIO(body)).read_all().to_pylist(), expected)
        series = duck(self.export(text.replace(" | stats", " step 1d | stats"), "series.parquet"))
        self.assertEqual([row["time"] for row in series], [1_699_920_000_000_000_000] * 2)
        events = self.events(self.QUERY)
        self.server.stop()
        self.assert_same(
            duck(self.export(self.QUERY, "stopped.parquet", "--data", self.data)), events)

    def test_nothing_found_and_wrong_queries(self):
        self.send([{"a": 1}])
        query = "from odd | last 1m"
        self.assertEqual(duck(self.export(query, "none.parquet")), [])
        self.assertEqual(
            pyarrow.ipc.open_stream(self.export(query, "none.arrow")).read_all().num_rows, 0)
        path = os.path.join(self.directory, "wrong.parquet")
        self.tool("export", "--output", path, "from odd | wher x", code=1)
        self.assertIn("^", self.errors)
        self.tool("export", "--output", path, "from nothing | last 1h", code=1)
        self.assertIn("there is no 'nothing'", self.errors)
        self.assertFalse(os.path.exists(path))
        self.tool("export", "--format", "json", "from odd", code=2)


def duck(path):
    """The rows of a Parquet file as DuckDB reads them, times as nanoseconds."""
    names = [row[0] for row in duckdb.sql(f"describe select * from '{path}'").fetchall()]
    columns = ", ".join(
        f'epoch_ns("{n}") as "{n}"' if n in ("time", "received") else f'"{n}"' for n in names)
    return [dict(zip(names, row)) for row in
            duckdb.sql(f"select {columns} from '{path}'").fetchall()]


def nanoseconds(text):
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)


if __name__ == "__main__":
    unittest.main()

"""ClickHouse and DuckDB, each in a process of its own so that its processor time and memory are its own.

As a program, `peers.py ENGINE DATABASE` is such a process: it reads commands as lines of JSON and answers so.
"""
import json
import os
import resource
import subprocess
import sys
import time


class ClickHouse:
    TYPES = {"str": "String", "int": "Int64", "float": "Float64", "bool": "Bool"}

    def __init__(self, database):
        from chdb import session
        self.session = session.Session(database)
        # Asked again, a question must do its work again.
        self.session.query("SET use_query_condition_cache = 0")
        self.session.query("SET date_time_input_format = 'best_effort'")

    def version(self):
        return "ClickHouse " + self.rows("SELECT version() AS v")[0]["v"]

    def type_of(self, name, field):
        if name == "time":
            return "DateTime64(6, 'UTC')"
        inner = self.TYPES[field["type"]]
        if not field["always"]:
            inner = f"Nullable({inner})"
        return f"LowCardinality({inner})" if field["type"] == "str" and field["low"] else inner

    def load(self, path, fields):
        types = {name: self.type_of(name, field) for name, field in fields.items()}
        columns = [f"`{name}` {type_} CODEC(" + ("DoubleDelta, " if name == "time" else "") + "ZSTD(1))"
                   for name, type_ in types.items()]
        filters = [f"INDEX f{place} `{name}` TYPE bloom_filter(0.01) GRANULARITY 1"
                   for place, name in enumerate(["trace.trace_id", "request_id", "user_id"])]
        self.session.query(
            f"CREATE TABLE IF NOT EXISTS default.events ({', '.join(columns + filters)}) ENGINE = MergeTree "
            "PARTITION BY toDate(time) ORDER BY (`service.name`, time)")
        structure = ", ".join(f"`{name}` {type_}" for name, type_ in types.items()).replace("'", "\\'")
        self.session.query(f"INSERT INTO default.events SELECT * FROM file('{path}', 'JSONEachRow', '{structure}')")

    def settle(self):
        self.session.query("OPTIMIZE TABLE default.events FINAL")

    def stored(self, database):
        return int(self.rows("SELECT sum(bytes_on_disk) AS b FROM system.parts WHERE table = 'events' AND active")[0]["b"])

    def prepare_cold(self):
        self.session.query("CREATE TABLE IF NOT EXISTS default.few AS default.events")
        self.session.query("INSERT INTO default.few SELECT * FROM default.events LIMIT 200")

    def rows(self, sql):
        plain = " SETTINGS output_format_json_quote_64bit_integers=0, output_format_json_quote_64bit_floats=0"
        return [json.loads(line) for line in self.session.query(sql + plain, "JSONEachRow").bytes().splitlines()]


class DuckDB:
    TYPES = {"str": "VARCHAR", "int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN"}

    def __init__(self, database):
        import duckdb
        self.connection = duckdb.connect(database)

    def version(self):
        import duckdb
        return "DuckDB " + duckdb.__version__

    def load(self, path, fields):
        types = ", ".join(f"'{name}': '{'TIMESTAMP' if name == 'time' else self.TYPES[field['type']]}'"
                          for name, field in fields.items())
        self.connection.execute(
            f"CREATE TABLE events AS SELECT * FROM read_json('{path}', format='newline_delimited', columns={{{types}}})")
        self.connection.execute("CHECKPOINT")

    def settle(self):
        self.connection.execute("CHECKPOINT")

    def stored(self, database):
        return os.path.getsize(database)

    def prepare_cold(self):
        self.connection.execute("CREATE OR REPLACE TABLE few AS SELECT * FROM events LIMIT 200")
        self.connection.execute("CHECKPOINT")

    def rows(self, sql):
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


ENGINES = {"clickhouse": ClickHouse, "duckdb": DuckDB}


class Peer:
    """One peer's process, seen from the comparison."""

    def __init__(self, name, folder):
        self.name = name
        self.database = os.path.join(folder, name)
        self.process = None

    @property
    def is_loaded(self):
        return os.path.exists(self.database + ".loaded")

    def start(self):
        self.stop()
        self.process = subprocess.Popen([sys.executable, __file__, self.name, self.database],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None

    def ask(self, command, **arguments):
        self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the process ended"}')
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {command}: {answer['error']}")
        return answer

    def load(self, dataset):
        """Loads the events; seconds, processor seconds, bytes."""
        self.start()
        facts = self.ask("load", path=dataset.path, fields=dataset.fields)
        self.stop()
        with open(self.database + ".loaded", "w") as file:
            json.dump(facts, file)

    def loaded(self):
        with open(self.database + ".loaded") as file:
            return json.load(file)

    def seconds(self, sql):
        """How long one question takes, with its rows."""
        answer = self.ask("rows", sql=sql)
        return answer["seconds"], answer["rows"]


def serve(engine, database, answers):
    def processor():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    for line in sys.stdin:
        request = json.loads(line)
        began, used = time.perf_counter(), processor()
        answer = {}
        try:
            if request["command"] == "load":
                engine.load(request["path"], request["fields"])
                answer["wall_s"] = time.perf_counter() - began
                engine.settle()
                os.sync()
                answer["cpu_s"] = processor() - used
                answer["bytes"] = engine.stored(database)
                answer["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                engine.prepare_cold()
            elif request["command"] == "version":
                answer["version"] = engine.version()
            else:
                rows = engine.rows(request["sql"])
                answer["seconds"] = time.perf_counter() - began
                answer["rows"] = rows
        except Exception as failure:  # Told to the comparison, which stops.
            answer = {"error": f"{type(failure).__name__}: {failure}"[:2000]}
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    # What engines print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(ENGINES[sys.argv[1]](sys.argv[2]), sys.argv[2], answers)

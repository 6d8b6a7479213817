"""Asks Widefield, ClickHouse and DuckDB the same questions over the same events, in one run.

    compare.py BINARY FOLDER [--events N] [--seed S] [--only WORDS] [--report FILE]

The events and the peers' databases stay in FOLDER and are used again; Widefield is loaded anew each time. Every
answer is checked against DuckDB's exact one; a wrong answer ends the run with status 1. `--only` asks the questions
whose name has these words, and writes no report.
"""
import os
import statistics
import sys
import time

import program

OPTIONS = program.options(
    __doc__, ("--events", int, 1_000_000), ("--seed", int, 1), ("--only", str, ""))

import report  # noqa: E402
from answers import difference  # noqa: E402
from dataset import Dataset  # noqa: E402
from machine import Quiet, can_drop_caches, drop_caches  # noqa: E402
from ours import Widefield  # noqa: E402
from peers import Peer  # noqa: E402
from questions import QUESTIONS, select_bubbleup, sql_of  # noqa: E402

REPEATS = 5
#: Seconds from which a question is slow.
SLOW = 4
QUIET = Quiet()


def sql(question, dialect, dataset, table="events"):
    if question.shape == "bubbleup":
        fields = [name for name in dataset.fields if name != "time"]
        text = select_bubbleup(question, dialect, dataset.parameters, fields)
        return text.replace("FROM events", f"FROM {table}")
    return sql_of(question, dialect, dataset.parameters, table)


def hot(ask):
    """Once to warm up, then the median of five; of two where one takes seconds."""
    first = ask()
    return statistics.median(ask() for _ in range(REPEATS if first < SLOW else 2))


def measure_peer(peer, questions, dataset):
    times = {}
    for question in questions:
        text = sql(question, peer.name, dataset)
        entry = times[question.name] = {}
        if can_drop_caches():
            # A new process that has run the question's code once, over a few rows.
            peer.start()
            peer.seconds(sql(question, peer.name, dataset, "few"))
            drop_caches()
            entry["cold"] = peer.seconds(text)[0]
        elif peer.process is None:
            peer.start()
        QUIET.wait()
        entry["hot"] = hot(lambda: peer.seconds(text)[0])
        progress(peer.name, question, entry)
    peer.stop()
    return times


def measure_ours(server, questions, dataset, truth):
    times = {}
    for question in questions:
        entry = times[question.name] = {}

        def ask(**options):
            return server.ask(question, dataset, dataset.parameters, **options)

        if can_drop_caches():
            server.start()
            drop_caches()
            entry["cold"] = ask()[0]
        QUIET.wait()
        entry["hot"] = hot(lambda: ask()[0])
        entry["cached"] = hot(lambda: ask(cache=True)[0])
        entry["wrong"] = difference(question, ask(exact=True)[1], truth[question.name])
        progress(server.name, question, entry)
    return times


def progress(engine, question, entry):
    shown = "  ".join(f"{name} {seconds * 1000:.2f} ms" for name, seconds in entry.items()
                      if isinstance(seconds, float))
    print(f"{engine:11s} {question.name:36s} {shown}  {entry.get('wrong') or ''}", flush=True)


def true_answers(folder, questions, dataset):
    """DuckDB's exact answers."""
    peer = Peer("duckdb", folder)
    peer.start()
    answers = {question.name: peer.seconds(sql(question, "exact", dataset))[1] for question in questions}
    peer.stop()
    return answers


def main():
    dataset = Dataset(OPTIONS.folder, OPTIONS.events, OPTIONS.seed).prepare(OPTIONS.binary)
    folder = os.path.join(OPTIONS.folder, f"databases-{OPTIONS.events}-{OPTIONS.seed}")
    os.makedirs(folder, exist_ok=True)
    questions = [question for question in QUESTIONS if OPTIONS.only in question.name]
    peers = [Peer(name, folder) for name in ("clickhouse", "duckdb")]
    loads, times, versions = {}, {}, {}
    for peer in peers:
        if not peer.is_loaded:
            peer.load(dataset)
        loads[peer.name] = peer.loaded()
        peer.start()
        versions[peer.name] = peer.ask("version")["version"]
        peer.stop()
    truth = true_answers(folder, questions, dataset)
    ours = Widefield(folder)
    QUIET.wait()
    loads["widefield"] = ours.load(dataset)
    QUIET.wait()
    for connections in (2, 32):
        name = f"widefield, requests of 50 events, {connections} connections"
        loads[name] = Widefield(os.path.join(folder, "small")).load_once(dataset, lines=50, connections=connections)
    for peer in peers:
        times[peer.name] = measure_peer(peer, questions, dataset)
    times["widefield"] = measure_ours(ours, questions, dataset, truth)
    ours.stop()
    result = {"events": OPTIONS.events, "seed": OPTIONS.seed, "bytes": dataset.bytes, "versions": versions,
              "loads": loads, "times": times, "date": time.strftime("%Y-%m-%d")}
    print()
    text = report.comparison(result)
    print(text)
    if not OPTIONS.only:
        report.keep(result, f"compared-{OPTIONS.events}", text, OPTIONS)
    return 1 if any(entry["wrong"] for entry in times["widefield"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())

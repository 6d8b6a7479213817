"""Whether two answers to a question are the same."""
import math
from datetime import datetime, timezone

#: Sums and averages of floats may differ in their last digits.
TOLERANCE = 1e-6


def difference(question, ours, truth):
    """What is different between two lists of rows, as a line for people; nothing when they agree."""
    if question.shape == "events":
        ours, truth = ([instant(row["time"]) for row in rows] for rows in (ours, truth))
        return None if sorted(ours) == sorted(truth) else f"{len(ours)} events, {len(truth)} expected, or other ones"
    keys = question.keys if question.shape != "bubbleup" else ("f", "v")
    ours, truth = ({tuple(text(row.get(key)) for key in keys): row for row in rows} for rows in (ours, truth))
    if question.shape == "bubbleup":
        return bubbleup_difference(ours, truth)
    if ours.keys() != truth.keys():
        return f"groups {sorted(ours.keys() ^ truth.keys(), key=str)[:3]}"
    for key, row in truth.items():
        for name, value in row.items():
            if name not in keys and not same(ours[key].get(name), value):
                return f"{name} of {key}: {ours[key].get(name)}, {value} expected"
    return None


def bubbleup_difference(ours, truth):
    """Compares counts of strings, integers and booleans; floats are written differently as text."""
    missing = [key for key, row in truth.items() if key[0] not in {name for name, _ in ours}]
    if missing:
        return f"fields {missing[:3]}"
    compared = 0
    for key, row in ours.items():
        expected = truth.get(key)
        if expected is None:
            continue
        compared += 1
        if (row["selection"], row["baseline"]) != (expected["selection"], expected["baseline"]):
            return f"{key}: {row}, {expected} expected"
    return None if compared * 2 > len(truth) else f"only {compared} of {len(truth)} values are the same"


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-9)
    return text(a) == text(b)


def text(value):
    """A key's value in one form for all engines."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if value is None else str(value)


def instant(value):
    moment = datetime.fromisoformat(str(value).replace(" ", "T"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

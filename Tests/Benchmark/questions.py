"""The questions of the comparison, each as a query of Widefield and as SQL for the peers.

The SQL is written once. `{field}` is a field's quoted name, `«name(arguments)»` a function that the dialects
call by different names (`FUNCTIONS`); a third dialect, `exact`, is DuckDB with exact percentiles and distinct
counts, and gives the answers that all are checked against.
"""
import re
from dataclasses import dataclass

FUNCTIONS = {
    "clickhouse": {
        "bucket": "toUnixTimestamp(toStartOfInterval({time}, INTERVAL 600 SECOND))",
        "quantile": "quantile({1})({0})", "distinct": "uniq({0})",
        "contains": "position({0}, {1}) > 0", "starts": "startsWith({0}, {1})", "when": "toDateTime64({0}, 6, 'UTC')",
    },
    "duckdb": {
        "bucket": "epoch(time_bucket(INTERVAL 600 SECOND, {time}))::BIGINT",
        "quantile": "approx_quantile({0}, {1})", "distinct": "approx_count_distinct({0})",
        "contains": "contains({0}, {1})", "starts": "starts_with({0}, {1})", "when": "{0}::TIMESTAMP",
    },
}
FUNCTIONS["exact"] = {**FUNCTIONS["duckdb"], "quantile": "quantile_cont({0}, {1})", "distinct": "count(DISTINCT {0})"}

# Bins of a heatmap: four an octave, of equal width within it.
BIN = ("floor(log2({duration_ms})) * 4 + "
       "floor(({duration_ms} / pow(2, floor(log2({duration_ms}))) - 1) * 4)")


@dataclass(frozen=True)
class Question:
    name: str
    #: What follows `from shop | between … and …` in Widefield's language.
    ours: str
    #: What follows `SELECT` in SQL; `FROM` is put before the first WHERE, GROUP or ORDER.
    sql: str
    #: Columns whose values are the row's identity when answers are compared.
    keys: tuple = ()
    #: "rows", "series" (a row for each bucket), "heatmap", "events" (compared by time) or "bubbleup".
    shape: str = "rows"
    step: bool = False
    #: Of a bubbleup: the filters that both sides share, as (column, op, value); `ours` is the selection.
    filters: tuple = ()


def quoted(dialect, name):
    return f"`{name}`" if dialect == "clickhouse" else f'"{name}"'


def sql_of(question, dialect, parameters, table="events"):
    """The question as SQL of one dialect."""
    text = question.sql
    split = re.search(r"\b(WHERE|GROUP BY|ORDER BY)\b", text)
    at = split.start() if split else len(text)
    text = f"SELECT {text[:at]}FROM {table} {text[at:]}"

    def call(match):
        arguments = [part.strip() for part in match[2].split(";")] if match[2] else []
        template = FUNCTIONS[dialect][match[1]]
        for place, argument in enumerate(arguments):
            template = template.replace("{%d}" % place, argument)
        return template

    text = re.sub(r"«(\w+)\(([^»]*)\)»", call, text)
    for name, value in parameters.items():
        text = text.replace(f"${name}", value)
    return re.sub(r"\{([^}]+)\}", lambda match: quoted(dialect, match[1]), text)


def select_bubbleup(question, dialect, parameters, fields):
    """Counts of every value of every field, within the selection and outside of it, as SQL."""
    inside, scope = sql_of(question, dialect, parameters).removeprefix("SELECT ").split("FROM events")
    if dialect == "clickhouse":
        pairs = ", ".join(f"('{name}', toString({quoted(dialect, name)}))" for name in fields)
        return (f"SELECT f, v, countIf(s) AS selection, countIf(NOT s) AS baseline FROM (SELECT {inside} AS s, "
                f"arrayJoin([{pairs}]) AS kv, kv.1 AS f, kv.2 AS v FROM events {scope}) WHERE v IS NOT NULL "
                "GROUP BY f, v ORDER BY f, selection DESC, baseline DESC LIMIT 40 BY f")
    columns = ", ".join(f"{quoted(dialect, name)}::VARCHAR AS {quoted(dialect, name)}" for name in fields)
    names = ", ".join(quoted(dialect, name) for name in fields)
    return (f"WITH chosen AS (SELECT {inside} AS s, {columns} FROM events {scope}), pairs AS (UNPIVOT chosen ON "
            f"{names} INTO NAME f VALUE v) SELECT f, v, count(*) FILTER (s) AS selection, count(*) FILTER (NOT s) "
            "AS baseline FROM pairs GROUP BY f, v QUALIFY row_number() OVER (PARTITION BY f ORDER BY selection "
            "DESC, baseline DESC) <= 40")


QUESTIONS = [
    Question("count over time", "stats n = count()", "«bucket()» AS t, count(*) AS n GROUP BY t", ("t",), "series", True),
    Question("count by service", "stats n = count() by service.name",
             "{service.name}, count(*) AS n GROUP BY {service.name}", ("service.name",)),
    Question("percentiles by service",
             "stats n = count(), a = p50(duration_ms), b = p95(duration_ms), c = p99(duration_ms) by service.name",
             "{service.name}, count(*) AS n, «quantile({duration_ms}; 0.5)» AS a, «quantile({duration_ms}; 0.95)» AS b, "
             "«quantile({duration_ms}; 0.99)» AS c GROUP BY {service.name}", ("service.name",)),
    Question("percentile by service over time", "stats n = count(), c = p99(duration_ms) by service.name",
             "{service.name}, «bucket()» AS t, count(*) AS n, «quantile({duration_ms}; 0.99)» AS c "
             "GROUP BY {service.name}, t", ("service.name", "t"), "series", True),
    Question("heatmap", "where duration_ms > 0 | stats h = heatmap(duration_ms)",
             f"«bucket()» AS t, {BIN} AS bin, count(*) AS n WHERE {{duration_ms}} > 0 GROUP BY t, bin",
             ("t", "bin"), "heatmap", True),
    Question("average, sum, maximum by route",
             "where http.route exists | stats n = count(), a = avg(duration_ms), s = sum(duration_ms), "
             "m = max(duration_ms) by http.route",
             "{http.route}, count(*) AS n, avg({duration_ms}) AS a, sum({duration_ms}) AS s, max({duration_ms}) AS m "
             "WHERE {http.route} IS NOT NULL GROUP BY {http.route}", ("http.route",)),
    Question("distinct users by service", "stats u = distinct(user_id) by service.name",
             "{service.name}, «distinct({user_id})» AS u GROUP BY {service.name}", ("service.name",)),
    Question("top users", "where user_id exists | stats n = count() by user_id | sort n desc | limit 100",
             "{user_id}, count(*) AS n WHERE {user_id} IS NOT NULL GROUP BY {user_id} ORDER BY n DESC, {user_id} LIMIT 100",
             ("user_id",)),
    Question("slowest requests",
             "where request_id exists | stats m = max(duration_ms) by request_id | sort m desc | limit 100",
             "{request_id}, max({duration_ms}) AS m WHERE {request_id} IS NOT NULL GROUP BY {request_id} "
             "ORDER BY m DESC, {request_id} LIMIT 100", ("request_id",)),
    Question("three keys",
             "where http.status_code exists | stats n = count(), b = p95(duration_ms) by service.name, http.route, "
             "http.status_code | sort n desc | limit 1000",
             "{service.name}, {http.route}, {http.status_code}, count(*) AS n, «quantile({duration_ms}; 0.95)» AS b "
             "WHERE {http.status_code} IS NOT NULL GROUP BY {service.name}, {http.route}, {http.status_code}",
             ("service.name", "http.route", "http.status_code")),
    Question("one request", 'where request_id = "$REQUEST" | stats n = count(), m = max(duration_ms) by service.name',
             "{service.name}, count(*) AS n, max({duration_ms}) AS m WHERE {request_id} = '$REQUEST' "
             "GROUP BY {service.name}", ("service.name",)),
    Question("one user's slow spans",
             'where user_id = "$USER" and duration_ms > 100 | stats n = count(), m = max(duration_ms) by name',
             "{name}, count(*) AS n, max({duration_ms}) AS m WHERE {user_id} = '$USER' AND {duration_ms} > 100 "
             "GROUP BY {name}", ("name",)),
    Question("one trace", 'where trace.trace_id = "$TRACE" | fields * | sort timestamp | limit 1000',
             "* WHERE {trace.trace_id} = '$TRACE' ORDER BY {time}", shape="events"),
    Question("part of a path", 'where url.path contains "/product/77" | stats n = count() by http.route',
             "{http.route}, count(*) AS n WHERE «contains({url.path}; '/product/77')» GROUP BY {http.route}",
             ("http.route",)),
    Question("beginning of a path", 'where url.path starts-with "/product/1" | stats n = count(), c = p99(duration_ms)',
             "«bucket()» AS t, count(*) AS n, «quantile({duration_ms}; 0.99)» AS c "
             "WHERE «starts({url.path}; '/product/1')» GROUP BY t", ("t",), "series", True),
    Question("a rare value", 'where coupon_code = "VIP25" | stats n = count(), a = avg(duration_ms) by service.name',
             "{service.name}, count(*) AS n, avg({duration_ms}) AS a WHERE {coupon_code} = 'VIP25' "
             "GROUP BY {service.name}", ("service.name",)),
    Question("errors by deployment", "stats n = count(), e = count_if(error) by deployment_id",
             "{deployment_id}, count(*) AS n, sum(CASE WHEN {error} THEN 1 ELSE 0 END) AS e GROUP BY {deployment_id}",
             ("deployment_id",)),
    Question("a field that few have", "where exception.stacktrace exists | stats n = count() by exception.type",
             "{exception.type}, count(*) AS n WHERE {exception.stacktrace} IS NOT NULL GROUP BY {exception.type}",
             ("exception.type",)),
    Question("events without a field", "where not trace.parent_id exists | stats n = count() by service.name",
             "{service.name}, count(*) AS n WHERE {trace.parent_id} IS NULL GROUP BY {service.name}", ("service.name",)),
    Question("a list of values",
             "where http.status_code in (404, 500, 502, 503) and http.route exists | stats n = count() by http.route, "
             "http.status_code",
             "{http.route}, {http.status_code}, count(*) AS n WHERE {http.status_code} IN (404, 500, 502, 503) "
             "AND {http.route} IS NOT NULL GROUP BY {http.route}, {http.status_code}", ("http.route", "http.status_code")),
    Question("a range of numbers",
             "where duration_ms >= 20 and duration_ms < 200 and cart_items >= 5 | stats n = count(), a = avg(cart_total)",
             "«bucket()» AS t, count(*) AS n, avg({cart_total}) AS a WHERE {duration_ms} >= 20 AND {duration_ms} < 200 "
             "AND {cart_items} >= 5 GROUP BY t", ("t",), "series", True),
    Question("pods with many events",
             "stats n = count(), a = avg(duration_ms) by k8s.pod.name | having n > 100 | limit 1000",
             "{k8s.pod.name}, count(*) AS n, avg({duration_ms}) AS a GROUP BY {k8s.pod.name} HAVING n > 100",
             ("k8s.pod.name",)),
    Question("newest 100 events", "fields * | limit 100", "* ORDER BY {time} DESC LIMIT 100", shape="events"),
    Question("newest 100 errors", "where error = true | fields * | limit 100",
             "* WHERE {error} ORDER BY {time} DESC LIMIT 100", shape="events"),
    Question("what sets slow checkouts apart", "duration_ms > 1000",
             "({duration_ms} > 1000) WHERE {name} = 'POST /checkout'", shape="bubbleup",
             filters=(("name", "=", "POST /checkout"),)),
    Question("what sets errors apart", "error = true", "{error} ", shape="bubbleup"),
]

"""Series that are sent on by Prometheus's remote write: to Debian's Prometheus, and to a strict receiver."""
import http.server
import json
import os
import re
import struct
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from prometheus import program
from server import Server, ServerTest, free_port


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def unsnappy(data):
    """Snappy's block format, from its description."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                width = length - 59
                length, at = int.from_bytes(data[at:at + width], "little"), at + width
            out += data[at:at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, offset, at = 4 + (tag >> 2 & 7), (tag >> 5) << 8 | data[at], at + 1
        else:
            width = 2 if tag & 3 == 2 else 4
            length, offset, at = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little"), at + width
        for _ in range(length):
            out.append(out[-offset])
    assert len(out) == size
    return bytes(out)


def fields(data):
    """Numbers and values of a message's fields."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack("<d", data[at:at + 8])[0], at + 8
        else:
            assert key & 7 == 2, key
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes 2.0 as its specification says that it must be; refuses the first request for a second."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        test = self.server.test
        body = self.rfile.read(int(self.headers["Content-Length"]))
        test.requests += 1
        if test.requests == 1:
            self.send_response(503)
            self.send_header("Retry-After", "2")
            test.refused_at = time.monotonic()
            written = 0
        else:
            test.waited = test.waited or time.monotonic() - test.refused_at
            try:
                written = self.take(test, unsnappy(body))
            except Exception as error:  # noqa: the test tells of it
                test.faults.append(repr(error))
                written = 0
            self.send_response(204)
            for what, count in (("Samples", written), ("Histograms", 0), ("Exemplars", len(test.exemplars))):
                self.send_header(f"X-Prometheus-Remote-Write-{what}-Written", str(count))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self, test, body):
        assert self.headers["Content-Type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        assert self.headers["Content-Encoding"] == "snappy"
        assert self.headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
        assert self.headers["User-Agent"]
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", self.headers["traceparent"])
        assert self.headers["Authorization"] == "Bearer open sesame"
        assert self.headers["X-Scope-OrgID"] == "shop"
        message = list(fields(body))
        assert {number for number, _ in message} <= {4, 5}, "fields that are reserved or unknown"
        symbols = [value.decode() for number, value in message if number == 4]
        assert symbols[0] == "" and len(set(symbols)) == len(symbols)
        written = 0
        for number, series in message:
            if number != 5:
                continue
            references, samples, starts, exemplars = [], [], [], []
            for field, value in fields(series):
                if field == 1:
                    at = 0
                    while at < len(value):
                        reference, at = varint(value, at)
                        references.append(reference)
                elif field == 2:
                    sample = dict(fields(value))
                    assert set(sample) <= {1, 2, 3}
                    samples.append((sample[2], sample[1]))
                    starts.append(sample.get(3, 0))
                elif field == 4:
                    exemplars.append(dict(fields(value)))
                elif field == 5:
                    metadata = dict(fields(value))
                    assert set(metadata) <= {1, 3, 4}
                    test.types.add((metadata.get(1, 0), symbols[metadata.get(3, 0)]))
                else:
                    raise AssertionError(f"field {field} of a series")
            assert references and len(references) % 2 == 0
            labels = [symbols[reference] for reference in references]
            names, values = labels[::2], labels[1::2]
            assert names == sorted(set(names)) and "__name__" in names and "" not in names + values
            key = tuple(zip(names, values))
            known = test.received.setdefault(key, [])
            assert samples and samples == sorted(samples)
            if known and samples[0][0] <= known[-1][0]:
                # What late events changed goes by itself, all of it samples that were there before.
                test.revisions.setdefault(key, []).extend(samples)
                written += len(samples)
                continue
            known.extend(samples)
            test.starts.setdefault(key, []).extend(starts)
            for exemplar in exemplars:
                places = list(exemplar[1])
                names = {symbols[one]: symbols[other] for one, other in zip(places[::2], places[1::2])}
                test.exemplars.append((dict(key)["__name__"], names, exemplar[2], exemplar[3]))
            written += len(samples)
        return written

    def log_message(self, *_):
        pass


class RemoteWriteTest(ServerTest):
    options = ("--self-telemetry", "off")

    def restart_with(self, *options):
        self.server.stop()
        self.server = Server(self.data, *self.options, *options)

    def send_spans(self, count):
        self.server.json("POST", "/1/batch/api", [{"data": {
            "trace.trace_id": f"t{n}", "trace.span_id": str(n), "name": "GET /", "service.name": f"s{n % 3}", "duration_ms": n}}
            for n in range(count)])

    def range_of(self, url, query, at):
        """The samples of a range query's last minutes, by series."""
        text = urllib.parse.urlencode({"query": f"{query}[5m]", "time": at})
        with urllib.request.urlopen(f"{url}/api/v1/query?{text}", timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        return {tuple(sorted(one["metric"].items())): one["values"] for one in found}

    def test_a_receiver_of_2_0_gets_what_the_server_answers(self):
        self.requests, self.waited, self.faults, self.received, self.types = 0, None, [], {}, set()
        self.exemplars, self.starts, self.revisions = [], {}, {}
        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        receiver.test = self
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)
        configuration = os.path.join(self.directory, "widefield.json")
        with open(configuration, "w") as file:
            json.dump({"remote_write": [{
                "url": f"http://127.0.0.1:{receiver.server_port}/api/v1/write", "bearer_token": "open sesame",
                "headers": {"X-Scope-OrgID": "shop"}}]}, file)
        self.restart_with("--config", configuration)
        self.send_spans(9)
        name = "traces_span_metrics_calls_total"
        for _ in range(150):
            sent = {key: values for key, values in self.received.items() if dict(key)["__name__"] == name}
            if len(sent) == 3 and all(len(values) > 2 for values in sent.values()):
                break
            time.sleep(0.5)
        self.assertEqual(self.faults, [])
        self.assertGreaterEqual(self.waited, 2)
        self.assertIn((1, "Spans, by what they were."), self.types)
        self.assertEqual(len(sent), 3)
        for key, values in sent.items():
            self.assertEqual(set(self.starts[key]), {values[0][0]}, "it counts from its first sample on")
        slowest = [found for found in self.exemplars if found[0].endswith("milliseconds_bucket")
                   and found[1] == {"span_id": "8", "trace_id": "t8"}]
        self.assertEqual([found[2] for found in slowest], [8])
        for key, values in sent.items():
            self.assertEqual([values[0][1], values[-1][1]], [0, 3], "from the beginning on")
            ours = self.range_of(self.server.url, name, values[-1][0] / 1000)[tuple(sorted(key))]
            self.assertEqual([(round(t * 1000), float(v)) for t, v in ours][-len(values):], values)
        # Late by a cell that was sent: the totals from there on are sent again.
        late = max(values[-1][0] for values in sent.values()) / 1000 - 15
        self.server.json("POST", "/1/batch/api", [{"time": late, "data": {
            "trace.span_id": "9", "name": "GET /", "service.name": "s0", "duration_ms": 9}}])
        for _ in range(100):
            revised = {key: values for key, values in self.revisions.items() if dict(key)["__name__"] == name}
            if revised:
                break
            time.sleep(0.5)
        self.assertEqual(self.faults, [])
        self.assertEqual([dict(key)["service_name"] for key in revised], ["s0"])
        self.assertEqual({value for stamp, value in next(iter(revised.values())) if stamp / 1000 > late}, {4})
        _, _, figures = self.server.request("GET", "/metrics")
        self.assertRegex(figures.decode(), r"widefield_remote_write_revised_total\{[^}]*\} [1-9]")
        self.assertIn(b"widefield_remote_write_failures_total", figures)
        self.assertRegex(figures.decode(), r"widefield_remote_write_lag_seconds\{[^}]*\} [1-9]")

    def test_prometheus_has_every_sample_of_closed_cells(self):
        url = f"http://127.0.0.1:{free_port()}"
        configuration = os.path.join(self.directory, "prometheus.yml")
        with open(configuration, "w") as file:
            file.write("{}")
        with open(os.path.join(self.directory, "prometheus.log"), "wb") as log:
            process = subprocess.Popen(
                [program("prometheus"), f"--config.file={configuration}",
                 f"--storage.tsdb.path={self.directory}/prometheus", "--web.enable-remote-write-receiver",
                 "--enable-feature=native-histograms", f"--web.listen-address={url[7:]}"], stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.server.json("PUT", "/api/metrics/spread_ms", {
            "type": "exponential_histogram", "value": "duration_ms", "labels": {"service": "service.name"}})
        self.restart_with("--remote-write", f"{url}/api/v1/write", "--remote-write-version", "1.0")
        self.send_spans(30)
        name = "traces_span_metrics_duration_milliseconds_bucket"
        theirs = {}
        for _ in range(150):
            try:
                theirs = self.range_of(url, name, time.time())
                if len(theirs) == 51 and all(len(values) > 2 for values in theirs.values()):
                    break
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.5)
        self.assertEqual(len(theirs), 51)
        end = min(values[-1][0] for values in theirs.values())
        ours = self.range_of(self.server.url, name, end)
        for key, values in theirs.items():
            self.assertEqual([value for value in values if value[0] <= end], ours[key])
        text = urllib.parse.urlencode({"query": "histogram_count(spread_ms)", "time": end})
        with urllib.request.urlopen(f"{url}/api/v1/query?{text}", timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        self.assertEqual(sorted(one["value"][1] for one in found), ["10", "10", "10"])


if __name__ == "__main__":
    unittest.main()

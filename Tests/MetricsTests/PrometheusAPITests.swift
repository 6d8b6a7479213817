import Bytes
import SeriesStore
import Testing

@testable import Metrics

/// Documents as Prometheus answers them.
@Suite struct PrometheusAPITests {
    private static let api: PrometheusAPI = {
        var store = ScriptStore()
        let lines = [
            "up{job=\"a\",instance=\"1\"} 1+1x10", "up{job=\"b\",instance=\"2\"} 0x10",
            "requests_total{job=\"a\"} 0+60x10",
            "sizes{job=\"a\"} {{schema:0 count:4 sum:5 z_bucket:1 z_bucket_w:0.5 buckets:[1 2]}}x10",
            "{\"odd.name\",\"odd.label\"=\"x\"} 1e-7 1e21",
        ]
        for line in lines {
            guard let (labels, values) = try? SeriesNotation.series(line) else { continue }
            store.load(labels, values, step: 60_000)
        }
        return PrometheusAPI(
            store,
            metadata: [
                ("requests_total", .init(type: "counter", help: "All \"requests\".", unit: "")),
                ("up", .init(type: "gauge", help: "", unit: "")),
            ], version: "1.2")
    }()

    private func answer(
        _ path: String, _ parameters: [(String, String)] = [], now: Int64 = 600_000
    ) -> (status: Int, body: String) {
        let request = PrometheusRequest(
            parameters: parameters.map { (name: $0.0, value: $0.1) }, now: now, clock: { 0 })
        guard let answer = PrometheusAPITests.api.answer(path, request) else { return (404, "") }
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    private func data(_ path: String, _ parameters: [(String, String)] = []) -> String {
        let (status, body) = answer(path, parameters)
        #expect(status == 200, "\(body)")
        let start = "{\"status\":\"success\",\"data\":"
        #expect(body.hasPrefix(start) && body.hasSuffix("}"))
        return String(body.dropFirst(start.count).dropLast())
    }

    private func message(_ path: String, _ parameters: [(String, String)]) -> String {
        let (status, body) = answer(path, parameters)
        return "\(status) \(body)"
    }

    // MARK: - Queries

    @Test func `a vector has one value a series`() {
        #expect(
            data("query", [("query", "up"), ("time", "300.5")])
                == "{\"resultType\":\"vector\",\"result\":["
                + "{\"metric\":{\"__name__\":\"up\",\"instance\":\"1\",\"job\":\"a\"},"
                + "\"value\":[300.500,\"6\"]},"
                + "{\"metric\":{\"__name__\":\"up\",\"instance\":\"2\",\"job\":\"b\"},"
                + "\"value\":[300.500,\"0\"]}]}")
    }

    @Test func `a scalar and a text are pairs`() {
        #expect(
            data("query", [("query", "1 + 1")])
                == "{\"resultType\":\"scalar\",\"result\":[600,\"2\"]}")
        #expect(
            data("query", [("query", "-1 / 0"), ("time", "1970-01-01T00:00:01.25Z")])
                == "{\"resultType\":\"scalar\",\"result\":[1.250,\"-Inf\"]}")
        #expect(
            data("query", [("query", "\"a\"")])
                == "{\"resultType\":\"string\",\"result\":[600,\"a\"]}")
    }

    @Test func `numbers have an exponent only when they are very small or large`() {
        #expect(
            data("query", [("query", "{\"odd.name\"}[2m]"), ("time", "60")])
                == "{\"resultType\":\"matrix\",\"result\":["
                + "{\"metric\":{\"__name__\":\"odd.name\",\"odd.label\":\"x\"},"
                + "\"values\":[[0,\"1e-07\"],[60,\"1e+21\"]]}]}")
    }

    @Test func `a histogram has its buckets`() {
        #expect(
            data("query", [("query", "sizes")])
                == "{\"resultType\":\"vector\",\"result\":["
                + "{\"metric\":{\"__name__\":\"sizes\",\"job\":\"a\"},"
                + "\"histogram\":[600,{\"count\":\"4\",\"sum\":\"5\",\"buckets\":["
                + "[3,\"-0.5\",\"0.5\",\"1\"],[0,\"0.5\",\"1\",\"1\"],[0,\"1\",\"2\",\"2\"]]}]}]}")
    }

    @Test func `a range has values at all steps, both ends included`() {
        #expect(
            data(
                "query_range",
                [("query", "up{job=\"a\"}"), ("start", "0"), ("end", "120"), ("step", "1m")])
                == "{\"resultType\":\"matrix\",\"result\":["
                + "{\"metric\":{\"__name__\":\"up\",\"instance\":\"1\",\"job\":\"a\"},"
                + "\"values\":[[0,\"1\"],[60,\"2\"],[120,\"3\"]]}]}")
    }

    @Test func `infos stand beside the data`() {
        let (status, body) = answer("query", [("query", "rate(up{job=\"b\"}[5m])")])
        #expect(status == 200)
        #expect(
            body.hasSuffix(
                ",\"infos\":[\"PromQL info: metric might not be a counter, name does not end in "
                    + "_total/_sum/_count/_bucket: \\\"up\\\" (1:6)\"]}"))
    }

    @Test func `a limit cuts and warns`() {
        let (_, body) = answer("query", [("query", "up"), ("limit", "1")])
        #expect(body.hasSuffix("]},\"warnings\":[\"results truncated due to limit\"]}"))
        #expect(data("labels", [("limit", "0")]).hasSuffix("\"odd.label\"]"))
    }

    // MARK: - Faults

    struct Fault: Sendable {
        let path: String
        let parameters: [(String, String)]
        let status: Int
        let type: String
        let text: String
    }

    static let faults: [Fault] = [
        Fault(
            path: "query", parameters: [("query", "up{")], status: 400,
            type: "bad_data",
            text:
                "invalid parameter \\\"query\\\": 1:4: parse error: unexpected end of input inside braces"
        ),
        Fault(
            path: "query", parameters: [("query", "up"), ("time", "noon")], status: 400,
            type: "bad_data",
            text:
                "invalid parameter \\\"time\\\": invalid time value for 'time': cannot parse \\\"noon\\\" to a valid timestamp"
        ),
        Fault(
            path: "query", parameters: [("query", "up"), ("limit", "-1")], status: 400,
            type: "bad_data",
            text: "invalid parameter \\\"limit\\\": limit must be non-negative"),
        Fault(
            path: "query", parameters: [("query", "up + on (x) up")], status: 422,
            type: "execution",
            text:
                "found duplicate series for the match group {} on the right hand-side of the operation: [{__name__=\\\"up\\\", instance=\\\"1\\\", job=\\\"a\\\"}, {__name__=\\\"up\\\", instance=\\\"2\\\", job=\\\"b\\\"}];many-to-many matching not allowed: matching labels must be unique on one side"
        ),
        Fault(
            path: "query_range", parameters: [("query", "up"), ("start", "0"), ("end", "1")],
            status: 400,
            type: "bad_data",
            text: "invalid parameter \\\"step\\\": cannot parse \\\"\\\" to a valid duration"),
        Fault(
            path: "query_range",
            parameters: [("query", "up"), ("start", "2"), ("end", "1"), ("step", "1")], status: 400,
            type: "bad_data",
            text: "invalid parameter \\\"end\\\": end timestamp must not be before start time"),
        Fault(
            path: "query_range",
            parameters: [("query", "up"), ("start", "0"), ("end", "1"), ("step", "0")], status: 400,
            type: "bad_data",
            text:
                "invalid parameter \\\"step\\\": zero or negative query resolution step widths are not accepted. Try a positive integer"
        ),
        Fault(
            path: "query_range",
            parameters: [("query", "up"), ("start", "0"), ("end", "11001"), ("step", "1")],
            status: 400,
            type: "bad_data",
            text:
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        ),
        Fault(
            path: "query_range",
            parameters: [("query", "up[5m]"), ("start", "0"), ("end", "1"), ("step", "1")],
            status: 400,
            type: "bad_data",
            text:
                "invalid parameter \\\"query\\\": invalid expression type \\\"range vector\\\" for range query, must be Scalar or instant Vector"
        ),
        Fault(
            path: "series", parameters: [], status: 400,
            type: "bad_data",
            text: "no match[] parameter provided"),
        Fault(
            path: "series", parameters: [("match[]", "{}")], status: 400,
            type: "bad_data",
            text:
                "invalid parameter \\\"match[]\\\": 1:1: parse error: vector selector must contain at least one non-empty matcher"
        ),
    ]

    @Test(arguments: faults)
    func `a fault is told in Prometheus's words`(fault: Fault) {
        #expect(
            message(fault.path, fault.parameters)
                == "\(fault.status) {\"status\":\"error\",\"errorType\":\"\(fault.type)\","
                + "\"error\":\"\(fault.text)\"}")
    }

    @Test func `a query ends when its time is over or its client has gone`() throws {
        let ticks = SharedCounter()
        let late = PrometheusRequest(
            parameters: [("query", "up"), ("timeout", "1ms")], now: 0, clock: { ticks.next() })
        #expect(PrometheusAPITests.api.answer("query", late)?.status == 503)
        let gone = PrometheusRequest(
            parameters: [("query", "up")], now: 0, clock: { 0 }, isCanceled: { true })
        let answer = try #require(PrometheusAPITests.api.answer("query", gone))
        #expect(
            String(decoding: answer.body, as: UTF8.self)
                == "{\"status\":\"error\",\"errorType\":\"canceled\","
                + "\"error\":\"query was canceled in expression evaluation\"}")
    }

    // MARK: - Series and labels

    @Test func `series are found by any of several selectors, each once`() {
        #expect(
            data("series", [("match[]", "up{job=\"a\"}"), ("match[]", "{job=\"a\"}")])
                == "[{\"__name__\":\"requests_total\",\"job\":\"a\"},"
                + "{\"__name__\":\"sizes\",\"job\":\"a\"},"
                + "{\"__name__\":\"up\",\"instance\":\"1\",\"job\":\"a\"}]")
        #expect(data("series", [("match[]", "up"), ("start", "601")]) == "[]")
    }

    @Test func `labels and their values are in order`() {
        #expect(data("labels") == "[\"__name__\",\"instance\",\"job\",\"odd.label\"]")
        #expect(data("labels", [("match[]", "sizes")]) == "[\"__name__\",\"job\"]")
        #expect(data("label/job/values") == "[\"a\",\"b\"]")
        #expect(data("label/job/values", [("match[]", "sizes")]) == "[\"a\"]")
        #expect(data("label/U__odd_2e_label/values") == "[\"x\"]")
        #expect(data("label/none/values") == "[]")
    }

    @Test func `metadata are by metric`() {
        #expect(
            data("metadata", [("metric", "requests_total")])
                == "{\"requests_total\":[{\"type\":\"counter\",\"unit\":\"\","
                + "\"help\":\"All \\\"requests\\\".\"}]}")
        #expect(data("metadata", [("limit", "0")]) == "{}")
    }

    @Test func `the build tells Grafana what it talks to`() {
        #expect(data("status/buildinfo").contains("\"application\":\"Widefield 1.2\""))
    }

    @Test func `other paths are none`() {
        for path in ["", "query/", "label/job", "label/job/values/", "status", "admin"] {
            #expect(answer(path).status == 404)
        }
    }
}

/// A number that grows each time it is asked.
private final class SharedCounter: @unchecked Sendable {
    // SENDABLE: one test asks it, from one thread.
    private var value: Int64 = 0

    func next() -> Int64 {
        value += 10
        return value
    }
}

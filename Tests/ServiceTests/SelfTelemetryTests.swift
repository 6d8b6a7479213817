import Bytes
import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

@testable import Service

private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/// A store on a simulated disk that keeps what a server answers.
private struct Fixture {
    let store: EventStore
    let services: Services
    let telemetry: SelfTelemetry

    init(_ limits: (inout StoreLimits) -> Void = { _ in }) throws {
        var options = EventStore.Options()
        options.limits.reserveBytes = 0
        options.limits.logFileBytes = 1 << 18
        limits(&options.limits)
        let machine = Machine(
            files: SimulatedDisk(seed: 1), clock: SystemClock(), random: SystemRandomness())
        store = try EventStore.open("data", machine: machine, options: options)
        services = try Services(
            store, try DefinitionStore(directory: "data", on: machine),
            SeriesStores(directory: "data", on: machine),
            EventsPast(directory: "data", on: machine), threads: 2)
        telemetry = try SelfTelemetry(store, services.queries.datasets, machine)
    }

    func rows(_ text: String) throws -> [JSONObject] {
        let answer = try services.queries.answer(
            try Question(text: "from widefield | last 1h | \(text)"), environment: "_self")
        let document = try JSONValue(parsing: AnswerFormat.json.bytes(answer))
        return (document["data"]?["results"]?.array ?? []).compactMap { $0["data"]?.object }
    }
}

private func request(
    _ headers: [(String, String)] = [], path: String = "/1/batch/shop", status: Int = 200
) throws -> AnsweredRequest {
    var fields = HTTPHeaders()
    for (name, value) in headers { fields.add(name, value) }
    let head = HTTPRequestHead(
        method: "POST", target: try #require(RequestTarget(path)), headers: fields,
        remoteAddress: "127.0.0.1")
    var request = AnsweredRequest(method: "POST", target: path, head)
    request.status = status
    request.beganAt = SystemClock().wallNanoseconds()
    request.duration = .microseconds(1500)
    request.notes = [RequestNote("http.route", .string("/1/batch/{dataset}"))]
    return request
}

@Suite struct SelfTelemetryTests {
    @Test func `each request is one event with what its route told`() throws {
        let fixture = try Fixture()
        fixture.telemetry.record(try request([("User-Agent", "curl/8"), ("TraceParent", parent)]))
        fixture.telemetry.end()
        let row = try #require(try fixture.rows("fields *").first)
        #expect(row["name"]?.string == "POST /1/batch/{dataset}")
        #expect(row["http.response.status_code"]?.integer == 200)
        #expect(row["duration_ms"]?.number == 1.5)
        #expect(row["user_agent.original"]?.string == "curl/8")
        #expect(row["trace.trace_id"]?.string == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(row["trace.parent_id"]?.string == "00f067aa0ba902b7")
        #expect(row["trace.sampled"]?.bool == true)
        #expect(row["trace.span_id"]?.string?.utf8.count == 16)
        #expect(row["error"]?.bool == false)
        #expect(fixture.telemetry.kept == 1)
        try fixture.store.close()
    }

    @Test func `a request without a trace, or with a broken one, begins one`() throws {
        let fixture = try Fixture()
        fixture.telemetry.record(try request([("tracestate", "a=1")]))
        fixture.telemetry.record(try request([("traceparent", "00-x"), ("tracestate", "a=1")]))
        fixture.telemetry.record(try request([("traceparent", parent), ("traceparent", parent)]))
        fixture.telemetry.end()
        let rows = try fixture.rows("fields *")
        #expect(rows.count == 3)
        #expect(Set(rows.compactMap { $0["trace.trace_id"]?.string }).count == 3)
        #expect(rows.allSatisfy { $0["trace.parent_id"] == nil && $0["trace.trace_state"] == nil })
        try fixture.store.close()
    }

    @Test func `a state stays when it is well-formed, and is dropped alone when not`() throws {
        let fixture = try Fixture()
        for state in ["a=1,b=2", "A=1", String(repeating: "a=1,", count: 2_000)] {
            fixture.telemetry.record(
                try request([("traceparent", parent), ("tracestate", state)]))
        }
        fixture.telemetry.end()
        let rows = try fixture.rows("fields * | sort timestamp")
        #expect(rows.map { $0["trace.trace_state"]?.string } == ["a=1,b=2", nil, nil])
        #expect(Set(rows.compactMap { $0["trace.trace_id"]?.string }).count == 1)
        try fixture.store.close()
    }

    @Test func `what is beyond the buffer is dropped and counted, as is what the store refuses`()
        throws
    {
        let long = String(repeating: "p", count: 2_000)
        #expect(AnsweredRequest.cut(long, to: 10) == "pppppppppp")
        #expect(AnsweredRequest.cut("aé", to: 2) == "a")
        let fixture = try Fixture { $0.unsealedRows = 10 }
        for _ in 0..<12 { fixture.telemetry.record(try request(path: "/" + long)) }
        fixture.telemetry.end()
        let (kept, refused) = (fixture.telemetry.kept, fixture.telemetry.dropped)
        #expect(kept >= 10 && kept + refused == 12)
        #expect(try fixture.rows("stats count()").first?["COUNT"]?.integer == Int64(kept))
        fixture.telemetry.record(try request())
        #expect(fixture.telemetry.dropped == refused + 1)
        let second = try SelfTelemetry(fixture.store, fixture.services.queries.datasets, .real)
        second.record(try request())
        second.end()
        #expect(second.dropped == 1)
        #expect(second.kept == 0)
        try fixture.store.close()
    }

    @Test func `what is a thousand bytes long stays so`() throws {
        let long = String(repeating: "é", count: 5_000)
        let made = try request([("User-Agent", long)])
        #expect(made.userAgent?.utf8.count == AnsweredRequest.textBytesMax)
        var response = HTTPResponse.text("")
        response.note(try Query(parsing: "from a | where b = \"\(long)\""))
        #expect(response.notes.allSatisfy { $0.byteCount <= ServiceLimits.selfQueryBytes })
    }
}

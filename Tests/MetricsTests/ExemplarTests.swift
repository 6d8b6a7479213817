import Bytes
import Compute
import Events
import Metrics
import SeriesStore
import TestSupport
import Testing

/// Exemplars, against the events that they may stand for.
@Suite struct ExemplarTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_800_000_000
    private static let bounds = [10.0, 100]
    private static let duration = MetricDefinition(
        name: "took_ms", kind: .histogram(bounds: bounds), value: .field(.named("ms")),
        labels: [.init("service", .field(.named("service")))])
    private static let calls = MetricDefinition(
        name: "calls_total", labels: [.init("service", .field(.named("service")))])

    private static func events(_ seed: UInt64) -> [ModelEvent] {
        var random = SeededRandom(seed: seed)
        return (0..<300).map { index in
            var fields: [String: FieldValue] = [
                "ms": .int(Int64.random(in: 0..<200, using: &random)),
                "service": .string(random.chance(1, in: 2) ? "a" : "b"),
                "trace.span_id": .string("s\(index)"),
            ]
            if random.chance(4, in: 5) { fields["trace.trace_id"] = .string("t\(index)") }
            return ModelEvent(
                timestamp: (start + Int64.random(in: 0..<3600, using: &random)) * second,
                fields: fields)
        }
    }

    private static func number(_ event: ModelEvent) -> Double {
        if case .int(let number)? = event.fields["ms"] { Double(number) } else { 0 }
    }

    private static func exemplars(
        _ events: [ModelEvent]
    ) throws -> DerivedExemplars {
        let now = (start + 4000) * second
        return DerivedExemplars(
            [duration, calls], now: now / 1_000_000, try asking(events, now: now))
    }

    @Test(arguments: [UInt64](0..<4))
    func `each is an event of its series and bucket, and the slowest is among them`(
        seed: UInt64
    ) throws {
        let events = Self.events(seed)
        let found = try Self.exemplars(events).select(
            [LabelMatcher(Labels.metricName, .equal, "took_ms_bucket")],
            from: Self.start * 1000, to: (Self.start + 3600) * 1000)
        #expect(found.count == 6)
        for series in found {
            let bounds = [-1] + Self.bounds + [.infinity]
            let names = ["10.0", "100.0", "+Inf"]
            let bucket = try #require(names.firstIndex(of: series.labels["le"]))
            let own = events.filter { event in
                event.fields["service"] == .string(series.labels["service"])
                    && event.fields["trace.trace_id"] != nil
                    && Self.number(event) > bounds[bucket]
                    && Self.number(event) <= bounds[bucket + 1]
            }
            for exemplar in series.exemplars {
                let event = try #require(
                    own.first { $0.fields["trace.trace_id"] == .string(exemplar.traceID) })
                #expect(event.fields["trace.span_id"] == .string(exemplar.spanID))
                #expect(Self.number(event) == exemplar.value)
                #expect(event.timestamp / 1_000_000 == exemplar.timestamp)
            }
            #expect(series.exemplars.map(\.value).max() == own.map(Self.number).max())
        }
    }

    @Test func `none is of an event that is gone`() throws {
        var events = Self.events(9)
        for _ in 0..<5 {
            let found = try Self.exemplars(events).select(
                [LabelMatcher("service", .equal, "a")], from: Self.start * 1000, to: .max)
            let ids = found.flatMap(\.exemplars).map(\.traceID)
            let isAnyLeft = events.contains {
                $0.fields["service"] == .string("a") && $0.fields["trace.trace_id"] != nil
            }
            #expect(ids.isEmpty != isAnyLeft)
            let there = Set(events.compactMap { $0.fields["trace.trace_id"] })
            #expect(ids.allSatisfy { there.contains(.string($0)) })
            events.removeAll { event in
                ids.contains { event.fields["trace.trace_id"] == .string($0) }
            }
        }
    }

    @Test func `the API tells of those of every selector in a query`() throws {
        let events = Self.events(1)
        let now = (Self.start + 4000) * Self.second
        let api = PrometheusAPI(
            try derived([Self.duration, Self.calls], events, now: now),
            exemplars: try Self.exemplars(events), version: "1")
        let answer = try #require(
            api.answer(
                "query_exemplars",
                PrometheusRequest(
                    parameters: [
                        (
                            "query",
                            #"rate(calls_total{service="a"}[5m]) / sum(rate(took_ms_bucket[5m]))"#
                        ),
                        ("start", "\(Self.start)"), ("end", "\(Self.start + 3600)"),
                    ], now: now / 1_000_000, clock: { 0 })))
        let document = try JSONValue(parsing: answer.body)
        let names = (document["data"]?.array ?? []).map { $0["seriesLabels"]?["__name__"]?.string }
        #expect(names.filter { $0 == "calls_total" }.count == 1)
        #expect(names.filter { $0 == "took_ms_bucket" }.count == 6)
        let one = document["data"]?.array?.first?["exemplars"]?.array?.first
        #expect(one?["labels"]?["trace_id"]?.string?.hasPrefix("t") == true)
        #expect(one?["value"]?.string == "1")
        #expect(one?["timestamp"]?.number != nil)
    }
}

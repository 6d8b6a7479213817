import EventQuery
import Events
import Metrics
import SeriesStore
import TestSupport
import Testing

/// The metrics that are there without a definition, beside those of spans' durations.
@Suite struct ServiceMetricsTests {
    private static let second: Int64 = 1_000_000_000
    /// A whole hour.
    private static let start: Int64 = 1_800_000_000
    private static let builtIn = BuiltInMetrics.definitions

    private static func span(
        _ id: String, _ service: String, at second: Double, parent: String? = nil,
        ms: Double = 100, error: Bool = false, rate: UInt32 = 1
    ) -> ModelEvent {
        var fields: [String: FieldValue] = [
            "trace.trace_id": .string("t"), "trace.span_id": .string(id),
            "service.name": .string(service), "duration_ms": .float(ms), "error": .bool(error),
        ]
        if let parent { fields["trace.parent_id"] = .string(parent) }
        return ModelEvent(
            timestamp: (start + Int64(second)) * self.second, rate: rate, fields: fields)
    }

    private static func value(
        _ query: String, _ events: [ModelEvent], at second: Int64
    ) throws -> [String: Double] {
        let source = try derived(builtIn, events, now: (start + 90_000) * self.second)
        let answer = try PromQLEngine(source).answer(
            try PromQLQuery(query), at: (start + second) * 1000)
        guard case .vector(let vector) = answer.value else { return [:] }
        return Dictionary(
            uniqueKeysWithValues: vector.map {
                ($0.labels.map(\.value).joined(separator: ">"), $0.samples.values[0])
            })
    }

    @Test func `calls between services are counted whole, over hours in which totals begin again`()
        throws
    {
        var events: [ModelEvent] = []
        for index in 0..<200 {
            // The first calls of an hour have parents of the hour before.
            let at = Double(index) * 60 + (index % 60 == 0 ? 0 : 5)
            events.append(Self.span("a\(index)", "front", at: at - 1))
            events.append(
                Self.span(
                    "b\(index)", "cart", at: at, parent: "a\(index)", error: index % 4 == 0,
                    rate: UInt32(1 + index % 3)))
            // A call within a service is no edge.
            events.append(Self.span("c\(index)", "cart", at: at, parent: "b\(index)"))
        }
        var (whole, failed) = (0.0, 0.0)
        for index in 0..<200 {
            let weight = Double(1 + index % 3)
            whole += weight
            if index % 4 == 0 { failed += weight }
        }
        func increase(_ name: String) throws -> [String: Double] {
            try Self.value(
                "sum by (client, server) (increase(traces_service_graph_\(name)[4h] anchored))",
                events, at: 4 * 3600 - 10)
        }
        #expect(try increase("request_total") == ["front>cart": whole])
        #expect(try increase("request_failed_total") == ["front>cart": failed])
        #expect(try increase("request_server_seconds_count") == ["front>cart": whole])
    }

    @Test func `a scraper has totals of calls that count each once and never fall`() throws {
        let events = (0..<600).flatMap { index -> [ModelEvent] in
            let at = Double(index) * 10
            return [
                Self.span("a\(index)", "front", at: at),
                Self.span("b\(index)", "cart", at: at + 5, parent: "a\(index)"),
            ]
        }
        let definition = try #require(
            Self.builtIn.first { $0.name == "traces_service_graph_request_total" })
        let ask = try asking(events, now: (Self.start + 90_000) * Self.second)
        var totals = RunningTotals(at: (Self.start + 300) * Self.second)
        var last = 0.0
        var now = Self.start + 300
        while now < Self.start + 7_000 {
            try totals.advance(definition, to: now * Self.second, ask)
            let text = try MetricsExposition.text(
                [definition], .openMetrics, until: now * Self.second, running: [definition: totals],
                ask)
            let sample = text.split(separator: "\n").first { $0.hasPrefix("\(definition.name){") }
            let value = sample?.split(separator: " ").last.flatMap { Double($0) } ?? 0
            #expect(value >= last)
            last = value
            // The next scrape, some of them late by more than one counts.
            now += now % 7 == 0 ? 1_300 : 35
        }
        for _ in 0..<3 { try totals.advance(definition, to: now * Self.second, ask) }
        let text = try MetricsExposition.text(
            [definition], .openMetrics, until: now * Self.second, running: [definition: totals], ask
        )
        // Calls from the minute on that had settled: those of 240 s and after.
        let expected = (0..<600).count { $0 * 10 + 5 >= 240 }
        #expect(
            text.contains(
                "\(definition.name){client=\"front\",server=\"cart\"} \(expected)\n"), "\(text)")
        #expect(
            text.contains(
                "traces_service_graph_request_created{client=\"front\",server=\"cart\"} "
                    + "\(Self.start + 240)"), "\(text)")
    }

    @Test func `one service's silence is told from that of all`() throws {
        let events =
            (0..<200).map { Self.span("a\($0)", "busy", at: Double($0) * 10) }
            + (0..<10).map { Self.span("b\($0)", "quiet", at: Double($0) * 10) }
        #expect(try Self.value("sum by (service) (up)", events, at: 95) == ["busy": 1, "quiet": 1])
        #expect(
            try Self.value("sum by (service) (up)", events, at: 1500) == ["busy": 1, "quiet": 0])
        // Nobody sends anything: nothing is known of either.
        #expect(try Self.value("sum by (service) (up)", events, at: 3500) == [:])
        let seen = try Self.value("sum by (service) (last_seen_seconds)", events, at: 3500)
        #expect(
            seen == ["busy": Double(Self.start + 1990), "quiet": Double(Self.start + 90)])
    }

    @Test func `concurrency is how many spans are open, also those that began before`() throws {
        let events = [
            Self.span("a", "cart", at: 5, ms: 60_000), Self.span("b", "cart", at: 45, ms: 5_000),
        ]
        let query = "sum by (service_name) (traces_span_metrics_concurrency)"
        #expect(try Self.value(query, events, at: 30) == ["cart": 1])
        #expect(try Self.value(query, events, at: 50) == ["cart": 1.5])
        #expect(try Self.value(query, events, at: 70) == ["cart": 0.5])
    }

    @Test func `exceptions are counted by their type`() throws {
        var event = Self.span("a", "cart", at: 5)
        event.fields["exception.type"] = .string("Timeout")
        let found = try Self.value(
            "sum by (exception_type) (exceptions_total)", [event, Self.span("b", "cart", at: 6)],
            at: 60)
        #expect(found == ["Timeout": 1])
    }

    @Test func `names of spans that are made of ids do not make more series than the limit`() throws
    {
        let events = (0..<5100).map { index in
            var event = Self.span("s\(index)", "cart", at: Double(index) / 10)
            event.fields["name"] = .string("GET /user/\(index)")
            return event
        }
        let source = try derived(Self.builtIn, events, now: (Self.start + 7200) * Self.second)
        let found = try source.named(
            "traces_span_metrics_calls_total", from: (Self.start + 900) * 1000,
            to: (Self.start + 910) * 1000)
        #expect(found.count == 5001)
        #expect(found.reduce(0) { $0 + ($1.samples.values.last ?? 0) } == 5100)
    }
}

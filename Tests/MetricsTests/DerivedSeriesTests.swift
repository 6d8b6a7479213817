import Compute
import EventQuery
import Events
import Metrics
import SeriesStore
import Synchronization
import TestSupport
import Testing

/// Series that are counted from events, against a plain count of the same events.
@Suite struct DerivedSeriesTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_800_000_000 * second
    private static let bounds = [5.0, 10, 50]

    private static let definitions: [MetricDefinition] = [
        MetricDefinition(
            name: "requests_total",
            labels: [
                .init("service", .field(.named("service"))),
                .init("code", .field(.named("code"))),
            ]),
        MetricDefinition(
            name: "latency_ms", kind: .histogram(bounds: bounds), value: .field(.named("ms")),
            labels: [
                .init(
                    "service",
                    .call(.concat, [.literal(.string("s-")), .field(.named("service"))]))
            ]),
    ]

    private static func events(_ random: inout SeededRandom, count: Int) -> [ModelEvent] {
        (0..<count).map { _ in
            var fields: [String: FieldValue] = [
                "ms": .float(Double(Int.random(in: 0..<120, using: &random)) / 2)
            ]
            if random.chance(4, in: 5) {
                fields["service"] = .string("\(Int.random(in: 0..<3, using: &random))")
            }
            if random.chance(1, in: 2) {
                fields["code"] = .int(Int64([200, 500].randomElement(using: &random) ?? 200))
            }
            return ModelEvent(
                timestamp: start + Int64.random(in: 0..<3_600 * second, using: &random),
                rate: UInt32.random(in: 1...3, using: &random), fields: fields)
        }
    }

    private static func source(_ events: [ModelEvent], now: Int64) throws -> DerivedSeries {
        try derived(definitions, events, now: now)
    }

    private static func matcher(_ name: String) throws -> LabelMatcher {
        try LabelMatcher(Labels.metricName, .equal, name)
    }

    @Test(arguments: [UInt64](0..<8))
    func `every sample is the number of the events before it`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let events = Self.events(&random, count: 400)
        let source = try Self.source(events, now: Self.start + 7_200 * Self.second)
        for name in ["requests_total", "latency_ms_bucket", "latency_ms_sum", "latency_ms_count"] {
            let from = Int64.random(in: 0..<3_000_000, using: &random)
            let base = Self.start / 1_000_000
            let found = try source.select(
                [try Self.matcher(name)], from: base + from, to: base + from + 600_000)
            #expect(!found.isEmpty)
            for series in found {
                #expect(
                    zip(series.samples.timestamps, series.samples.timestamps.dropFirst())
                        .allSatisfy(<))
                for (time, value) in zip(series.samples.timestamps, series.samples.values) {
                    let expected = Self.total(series.labels, events, before: time * 1_000_000)
                    #expect(abs(value - expected) < 1e-6, "\(series.labels) at \(time)")
                }
            }
        }
    }

    @Test func `a question asks about each stretch of time once`() throws {
        var random = SeededRandom(seed: 5)
        let events = Self.events(&random, count: 100)
        let now = Self.start + 7_200 * Self.second
        let ask = try asking(events, now: now)
        let base = Self.start / 1_000_000
        func ranges(of name: String, minutes: Int64) throws -> [TimeRange] {
            let asked = Mutex<[TimeRange]>([])
            let source = DerivedSeries(Self.definitions, now: now / 1_000_000) { query in
                asked.withLock { $0.append(query.timeRange) }
                return try ask(query)
            }
            _ = try source.select(
                [try Self.matcher(name)], from: base + 1_800_000,
                to: base + 1_800_000 + minutes * 60_000)
            return asked.withLock { $0 }
        }
        for name in ["requests_total", "latency_ms_sum"] {
            let short = try ranges(of: name, minutes: 10)
            #expect(short.count == 2)
            guard case .between(_, let end) = short[0], case .between(let start, _) = short[1]
            else { preconditionFailure("BUG: a metric's question has two ends") }
            #expect(end == start)
            #expect(try ranges(of: name, minutes: 25).count == 3)
        }
    }

    @Test func `a range of hours has a value at each step between them`() throws {
        let day: Int64 = 86_400
        let events = (0..<60).map { place in
            ModelEvent(timestamp: Self.start + Int64(place) * day * Self.second, fields: [:])
        }
        let source = try derived(
            [MetricDefinition(name: "n_total")], events, now: Self.start + 70 * day * Self.second)
        let start = Self.start / 1_000_000 + 3_600_000 + 1_234_000
        let answer = try PromQLEngine(source).answer(
            try PromQLQuery("n_total"), from: start, to: start + 59 * day * 1000, step: 1_800_000)
        guard case .matrix(let matrix) = answer.value else {
            preconditionFailure("BUG: a range query answers a matrix")
        }
        // Two values an hour, though there is one sample.
        #expect(matrix.map(\.samples.count) == [59 * 48 + 1])
    }

    /// The value that a series has at a time, event by event.
    private static func total(_ labels: Labels, _ events: [ModelEvent], before time: Int64)
        -> Double
    {
        events.reduce(0) { sum, event in
            guard event.timestamp < time, case .float(let ms)? = event.fields["ms"] else {
                return sum
            }
            var service = ""
            if case .string(let text)? = event.fields["service"] { service = text }
            var code = ""
            if case .int(let number)? = event.fields["code"] { code = "\(number)" }
            let rate = Double(event.rate)
            if labels.metricName == "requests_total" {
                return labels["service"] == service && labels["code"] == code ? sum + rate : sum
            }
            guard labels["service"] == "s-" + service else { return sum }
            switch labels.metricName {
            case "latency_ms_sum": return sum + rate * ms
            case "latency_ms_count": return sum + rate
            default:
                let bound = labels["le"] == "+Inf" ? .infinity : Double(labels["le"]) ?? 0
                return ms <= bound ? sum + rate : sum
            }
        }
    }

    @Test
    func `an event that comes late is in its own cell, and the sum of increases is the count`()
        throws
    {
        var random = SeededRandom(seed: 3)
        var events = Self.events(&random, count: 200)
        let now = Self.start + 7_200 * Self.second
        let query = "sum(increase(requests_total[2h] anchored))"
        func increase() throws -> Double {
            let engine = PromQLEngine(try Self.source(events, now: now))
            let answer = try engine.answer(try PromQLQuery(query), at: now / 1_000_000)
            guard case .vector(let vector) = answer.value, let first = vector.first else {
                return 0
            }
            return first.samples.values[0]
        }
        func weight() -> Double { events.reduce(0) { $0 + Double($1.rate) } }
        #expect(try increase() == weight())
        events.append(
            ModelEvent(
                timestamp: Self.start + 60 * Self.second, rate: 7,
                fields: ["ms": .float(1), "service": .string("late")]))
        #expect(try increase() == weight())
    }

    @Test func `cells that may still get events have no sample, and long ranges longer cells`()
        throws
    {
        var random = SeededRandom(seed: 4)
        let events = Self.events(&random, count: 100)
        let now = Self.start + 1_800 * Self.second
        let source = try Self.source(events, now: now)
        let matcher = try Self.matcher("requests_total")
        let hour = try source.select([matcher], from: now / 1_000_000 - 3_600_000, to: .max)
        let last = hour.compactMap(\.samples.timestamps.last).max()
        #expect(last == now / 1_000_000 - 30_000)
        let later = now / 1_000_000 + 3_600_000
        let longer = try Self.source(events, now: later * 1_000_000)
        for (days, cell) in [(7, 60_000), (60, 3_600_000)] {
            let long = try longer.select(
                [matcher], from: later - Int64(days) * 86_400_000, to: later)
            let times = try #require(long.first).samples.timestamps
            #expect(times.allSatisfy { $0 % Int64(cell) == 0 })
        }
    }

    @Test func `labels are found, and only those of the range`() throws {
        var random = SeededRandom(seed: 5)
        let events = Self.events(&random, count: 300)
        let source = try Self.source(events, now: Self.start + 7_200 * Self.second)
        let base = Self.start / 1_000_000
        #expect(
            try source.labelValues(of: "code", [], from: base, to: base + 3_600_000) == [
                "200", "500",
            ])
        #expect(
            try source.labelNames([], from: .min, to: .max) == [
                "__name__", "code", "le", "service",
            ])
        #expect(try source.series([], from: base - 10_000, to: base - 1).isEmpty)
        let buckets = try source.series(
            [try Self.matcher("latency_ms_bucket")], from: .min, to: .max)
        #expect(buckets.count == 4 * (Self.bounds.count + 1))
    }

    @Test func `what scrapers get are the totals, in the format that they asked for`() throws {
        let events = [1.0, 7, 70].map {
            ModelEvent(
                timestamp: Self.start, fields: ["ms": .float($0), "service": .string("a\"b\\c")])
        }
        let definition = MetricDefinition(
            name: "latency_ms", help: "How long.", unit: "ms", kind: .histogram(bounds: [5, 10]),
            value: .field(.named("ms")), labels: [.init("service", .field(.named("service")))])
        let text = try MetricsExposition.text(
            [definition], .openMetrics, until: Self.start + 60 * Self.second,
            asking(events, now: Self.start))
        #expect(
            text == #"""
                # TYPE latency_ms histogram
                # UNIT latency_ms ms
                # HELP latency_ms How long.
                latency_ms_bucket{le="5.0",service="a\"b\\c"} 1
                latency_ms_bucket{le="10.0",service="a\"b\\c"} 2
                latency_ms_bucket{le="+Inf",service="a\"b\\c"} 3
                latency_ms_sum{service="a\"b\\c"} 78
                latency_ms_count{service="a\"b\\c"} 3
                latency_ms_created{service="a\"b\\c"} 1800000000.000
                # EOF

                """#)
    }

    @Test(arguments: [
        ("a b", MetricDefinition.Kind.counter, "name"), ("a", .counter, "name"),
        ("a_ms", .histogram(bounds: [1, 1]), "buckets"),
        ("a_ms", .histogram(bounds: []), "buckets"),
    ])
    func `what cannot be a metric is refused with the member at fault`(
        name: String, kind: MetricDefinition.Kind, member: String
    ) throws {
        let definition = MetricDefinition(name: name, kind: kind, value: .field(.named("ms")))
        let flaw = #expect(throws: MetricDefinition.Flaw.self) { try definition.check() }
        #expect(flaw?.member == member)
    }
}

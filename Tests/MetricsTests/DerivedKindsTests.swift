import Compute
import EventQuery
import Events
import Foundation
import Metrics
import SeriesStore
import TestSupport
import Testing

/// Gauges, distinct counts and exponential histograms, cell by cell against plain events.
@Suite struct DerivedKindsTests {
    private static let second: Int64 = 1_000_000_000
    private static let start: Int64 = 1_800_000_000
    private static let ms = Expression.field(.named("ms"))
    private static let labels = [MetricDefinition.Dimension("host", .field(.named("host")))]

    /// Events of an hour; each with a host and a number, some with a text in its place.
    private static func events(_ seed: UInt64) -> [ModelEvent] {
        var random = SeededRandom(seed: seed)
        return (0..<150).map { _ in
            ModelEvent(
                timestamp: (start + Int64.random(in: 0..<3600, using: &random)) * second,
                rate: UInt32.random(in: 1...3, using: &random),
                fields: [
                    "ms": .int(Int64.random(in: -20...2000, using: &random)),
                    // One label, whether it was sent as a number or as a text.
                    "host": random.chance(1, in: 2)
                        ? .int(1) : .string(random.chance(1, in: 2) ? "1" : "b"),
                ])
        }
    }

    private static func host(_ event: ModelEvent) -> String {
        event.fields["host"] == .string("b") ? "b" : "1"
    }

    private static func number(_ event: ModelEvent) -> Double {
        if case .int(let number)? = event.fields["ms"] { Double(number) } else { 0 }
    }

    private static func series(
        _ definition: MetricDefinition, _ events: [ModelEvent], seconds: Int64 = 3600
    ) throws -> [SeriesData] {
        let source = try derived([definition], events, now: (start + 7200) * second)
        return try source.named(
            definition.name, from: start * 1000, to: (start + seconds) * 1000)
    }

    /// The events of a host in the cell that ends at a time, milliseconds.
    private static func cell(
        _ events: [ModelEvent], _ host: String, endingAt end: Int64, seconds: Int64 = 10
    ) -> [ModelEvent] {
        let range = (end / 1000 - seconds) * second..<end / 1000 * second
        return events.filter { range.contains($0.timestamp) && self.host($0) == host }
    }

    @Test(arguments: MetricDefinition.Reading.allCases.filter { $0 != .concurrency })
    func `a gauge is a number of the values of each cell`(
        reading: MetricDefinition.Reading
    ) throws {
        let events = Self.events(1)
        let definition = MetricDefinition(
            name: "ms", kind: .gauge(reading), value: Self.ms, labels: Self.labels)
        let found = try Self.series(definition, events)
        #expect(found.map { $0.labels["host"] } == ["1", "b"])
        for series in found {
            for (time, value) in zip(series.samples.timestamps, series.samples.values) {
                let cell = Self.cell(events, series.labels["host"], endingAt: time)
                if cell.isEmpty {
                    // The last value holds; other readings have no sample but the one that ends them.
                    #expect(reading == .last || StaleMarker.isStale(value))
                    continue
                }
                let numbers = cell.map(Self.number)
                let weight = cell.reduce(0) { $0 + Double($1.rate) }
                let sum = cell.reduce(0) { $0 + Double($1.rate) * Self.number($1) }
                let latest = cell.map(\.timestamp).max()
                let last = cell.filter { $0.timestamp == latest }.map(Self.number).max()
                let expected: Double? =
                    switch reading {
                    case .min: numbers.min()
                    case .max: numbers.max()
                    case .avg: sum / weight
                    default: last
                    }
                #expect(value == expected, "\(series.labels) at \(time)")
            }
        }
    }

    @Test
    func `a last value holds until it is stale, also from before the range, or a text ends it`()
        throws
    {
        func event(_ second: Int64, _ value: FieldValue) -> ModelEvent {
            ModelEvent(timestamp: (Self.start + second) * Self.second, fields: ["ms": value])
        }
        var definition = MetricDefinition(name: "ms", kind: .gauge(.last), value: Self.ms)
        definition.staleAfter = 60_000
        let events = [event(-25, .int(7)), event(201, .float(0.5)), event(215, .string("gone"))]
        let found = try #require(try Self.series(definition, events).first).samples
        let times = found.timestamps.map { $0 / 1000 - Self.start }
        // The cell of the first event ends at -20: the value holds for a minute from then on.
        #expect(times == [0, 10, 20, 30, 40, 210, 220])
        #expect(found.values[..<4].allSatisfy { $0 == 7 })
        #expect(StaleMarker.isStale(found.values[4]))
        #expect(found.values[5] == 0.5)
        #expect(StaleMarker.isStale(found.values[6]))
    }

    @Test func `distinct values are counted cell by cell, in cells of one length`() throws {
        let events = Self.events(2)
        let definition = MetricDefinition(
            name: "different", kind: .distinct,
            value: .call(.bucket, [Self.ms, .literal(.int(500))]),
            labels: Self.labels)
        for series in try Self.series(definition, events) {
            for (time, value) in zip(series.samples.timestamps, series.samples.values)
            where !StaleMarker.isStale(value) {
                let cell = Self.cell(events, series.labels["host"], endingAt: time, seconds: 60)
                let different = Set(cell.map { (Self.number($0) / 500).rounded(.down) })
                #expect(value == Double(different.count))
            }
        }
        let long = try derived([definition], events, now: (Self.start + 20 * 86_400) * Self.second)
            .named("different", from: Self.start * 1000, to: (Self.start + 20 * 86_400) * 1000)
        #expect(long.first?.samples.timestamps.contains { $0 % 3_600_000 != 0 } == true)
    }

    @Test(arguments: [UInt64](0..<4))
    func `an exponential histogram holds every value once in its bucket`(seed: UInt64) throws {
        let events = Self.events(seed)
        let definition = MetricDefinition(
            name: "ms", kind: .exponentialHistogram, value: Self.ms, labels: Self.labels)
        for series in try Self.series(definition, events) {
            let last = try #require(series.samples.histograms.last ?? nil)
            let all = events.filter { Self.host($0) == series.labels["host"] }
            #expect(last.flaw == nil)
            #expect(last.count == all.reduce(0) { $0 + Double($1.rate) })
            #expect(last.sum == all.reduce(0) { $0 + Double($1.rate) * Self.number($1) })
            #expect(
                last.zeroCount
                    == all.filter { Self.number($0) == 0 }.reduce(0) { $0 + Double($1.rate) })
            var (bucket, place) = (0, 0)
            for span in last.positiveSpans {
                bucket += Int(span.offset)
                for _ in 0..<span.length {
                    let high = exp2(Double(bucket) / exp2(Double(last.schema)))
                    let low = exp2(Double(bucket - 1) / exp2(Double(last.schema)))
                    let inside = all.filter {
                        Self.number($0) > low * (1 + 1e-12) && Self.number($0) <= high * (1 + 1e-12)
                    }
                    #expect(
                        last.positiveBuckets[place]
                            == inside.reduce(0) { $0 + Double($1.rate) })
                    (bucket, place) = (bucket + 1, place + 1)
                }
            }
        }
    }

    @Test func `quantiles of a native histogram are those of the values`() throws {
        let events = (1...1000).map {
            ModelEvent(
                timestamp: (Self.start + Int64($0)) * Self.second, fields: ["ms": .int(Int64($0))])
        }
        let definition = MetricDefinition(
            name: "ms", kind: .exponentialHistogram, value: Self.ms)
        let source = try derived([definition], events, now: (Self.start + 3600) * Self.second)
        let query = try PromQLQuery("histogram_quantile(0.9, increase(ms[1h] anchored))")
        let answer = try PromQLEngine(source).answer(query, at: (Self.start + 1800) * 1000)
        guard case .vector(let vector) = answer.value else { return }
        let found = try #require(vector.first).samples.values[0]
        #expect(abs(found / 900 - 1) < 0.044)
    }

    @Test func `a series ends a day after its last event, and goes on where it was`() throws {
        let day: Int64 = 86_400
        let events = [0, 3 * day].map {
            ModelEvent(timestamp: (Self.start + $0) * Self.second, rate: 2, fields: [:])
        }
        let definition = MetricDefinition(name: "events_total")
        let source = try derived([definition], events, now: (Self.start + 4 * day) * Self.second)
        func increase(_ range: String, at days: Double) throws -> Double? {
            let query = try PromQLQuery("increase(events_total[\(range)] anchored)")
            let time = (Self.start + Int64(days * Double(day))) * 1000
            guard case .vector(let vector) = try PromQLEngine(source).answer(query, at: time).value
            else { return nil }
            return vector.first?.samples.values[0]
        }
        let found = try source.named(
            "events_total", from: Self.start * 1000, to: (Self.start + 4 * day) * 1000)
        #expect(found[0].samples.values.filter(StaleMarker.isStale).count == 1)
        let between = try source.named(
            "events_total", from: (Self.start + 2 * day) * 1000,
            to: (Self.start + 2 * day + 60) * 1000)
        #expect(between.isEmpty)
        #expect(try increase("1h", at: 3.01) == 2)
        #expect(try increase("4d", at: 3.5) == 4)
    }

    @Test(arguments: [UInt64](0..<6))
    func `beyond the limit events are in one series, and nothing is lost`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let events = (0..<300).map { index in
            ModelEvent(
                timestamp: (Self.start + Int64(index) * 10) * Self.second,
                rate: UInt32.random(in: 1...3, using: &random),
                fields: ["user": .int(Int64.random(in: 0..<40, using: &random)), "ms": .int(5)])
        }
        for kind in [MetricDefinition.Kind.counter, .gauge(.last), .exponentialHistogram] {
            var definition = MetricDefinition(
                name: "n_total", kind: kind, value: kind == .counter ? nil : Self.ms,
                labels: [.init("user", .field(.named("user")))])
            definition.seriesLimit = 20
            let found = try Self.series(definition, events.shuffled(using: &random))
            #expect(found.count == 21)
            #expect(found.filter { $0.labels["otel_metric_overflow"] == "true" }.count == 1)
            // Those that were there first have series of their own.
            var users: [FieldValue] = []
            for event in events {
                if let user = event.fields["user"], !users.contains(user) { users.append(user) }
            }
            let first = Set(users.prefix(20).map { "\($0)".filter(\.isNumber) })
            #expect(Set(found.map { $0.labels["user"] }).subtracting([""]) == first)
            if kind != .counter { continue }
            let total = found.reduce(0) { $0 + ($1.samples.values.last ?? 0) }
            #expect(total == events.reduce(0) { $0 + Double($1.rate) })
        }
    }
}

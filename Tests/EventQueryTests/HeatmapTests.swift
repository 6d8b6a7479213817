import Compute
import Events
import Host
import TestSupport
import Testing

@testable import EventQuery

/// Heatmaps in bins that all groups and times share.
@Suite struct HeatmapTests {
    private static func events(_ count: Int, _ random: inout SeededRandom) -> [ModelEvent] {
        (0..<count).map { index in
            var fields: [String: FieldValue] = [
                "route": .string("/\(index % 3)"),
                "ms": .float(exp2(Double.random(in: 0...12, using: &random))),
            ]
            switch index % 20 {
            case 0: fields["ms"] = .string("none")
            case 1: fields["ms"] = .int(0)
            case 2: fields["ms"] = .int(-7)
            case 3: fields["ms"] = nil
            default: break
            }
            return ModelEvent(
                timestamp: Int64(index) * 1000, rate: UInt32.random(in: 1...3, using: &random),
                fields: fields)
        }
    }

    private func table(
        _ text: String, _ heatmap: HeatmapOptions, _ events: [ModelEvent], _ layout: EngineLayout
    ) throws -> StatisticsTable {
        var options = QueryOptions()
        options.heatmap = heatmap
        let engine = try EngineRunner(events, layout, now: 2_000_000)
        let answer = try engine.found(try Query(parsing: text), isExact: false, options: options)
        guard case .statistics(let table) = answer.content else { throw QueryFailure.cancelled }
        return table
    }

    /// How many of the numbers of some events lie in each bin, counted one by one.
    private func counts(_ events: [ModelEvent], _ bins: NumberBins) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: bins.count + 2)
        for event in events {
            let number: Double
            switch event.fields["ms"] {
            case .int(let value): number = Double(value)
            case .float(let value): number = value
            default: continue
            }
            let place = (0...bins.count + 1).last { bins.bounds(ofBin: $0).low <= number } ?? 0
            counts[place] += UInt64(event.rate)
        }
        return counts
    }

    private func counts(_ value: AggregateValue, _ bins: NumberBins) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: bins.count + 2)
        guard case .histogram(let found) = value else { return [] }
        for bin in found {
            for place in 0...bins.count + 1 where bins.bounds(ofBin: place).low == bin.low {
                counts[place] += bin.count
            }
        }
        return counts
    }

    @Test(arguments: EngineLayout.allCases, [false, true])
    func `every number is counted, by group and time, beyond the bins too`(
        layout: EngineLayout, isLinear: Bool
    ) throws {
        var random = SeededRandom(seed: 7)
        let events = HeatmapTests.events(1200, &random)
        for range in [nil, (low: 8.0, high: 512.0)] {
            var wanted = HeatmapOptions()
            wanted.isLinear = isLinear
            wanted.bins = 24
            wanted.range = range
            let table = try table(
                "from shop | last 2ms step 500us | stats heatmap(ms) by route", wanted, events,
                layout)
            let bins = try #require(table.heatmapBins["HEATMAP(ms)"])
            #expect(bins.isLogarithmic == !isLinear)
            #expect(table.rows.count == 3)
            for row in table.rows {
                let own = events.filter { $0.fields["route"] == row.group[0] }
                #expect(counts(row.values[0], bins) == counts(own, bins))
                for point in table.series where point.row.group == row.group {
                    let then = own.filter {
                        point.time..<point.time + 500_000 ~= $0.timestamp
                    }
                    #expect(counts(point.row.values[0], bins) == counts(then, bins))
                }
            }
            let all = counts(events, bins)
            // A logarithm has no place for zero and less; a range of one's own cuts off both ends.
            #expect((all[0] > 0) == (range != nil || !isLinear))
            #expect((all[bins.count + 1] > 0) == (range != nil))
        }
    }

    @Test func `a few numbers far beyond all others do not take the bins of these`() throws {
        let events = (0..<1000).map { index in
            ModelEvent(
                timestamp: Int64(index) * 1000,
                fields: ["ms": .float(index == 500 ? 1e9 : 20 + Double(index % 100) / 10)])
        }
        var wanted = HeatmapOptions()
        wanted.isLinear = true
        let table = try table(
            "from shop | last 2ms | stats heatmap(ms), n = count()", wanted, events, .sealed)
        let bins = try #require(table.heatmapBins["HEATMAP(ms)"])
        let found = counts(table.rows[0].values[0], bins)
        #expect(found[bins.count + 1] == 1)
        #expect(found.dropLast().filter { $0 > 0 }.count > 15)
        #expect(found.reduce(0, +) == 1000)
    }

    @Test func `a heatmap of no numbers has bins that nothing is in`() throws {
        let events = [ModelEvent(timestamp: 5, fields: ["ms": .string("x")])]
        let table = try table(
            "from shop | last 2ms | stats heatmap(ms)", HeatmapOptions(), events, .head)
        #expect(table.heatmapBins["HEATMAP(ms)"]?.count == 1)
    }

    private static func exp2(_ power: Double) -> Double {
        var value = 1.0
        for _ in 0..<Int(power) { value *= 2 }
        return value * (1 + power - power.rounded(.down))
    }
}

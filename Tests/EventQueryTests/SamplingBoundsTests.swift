import Compute
import EventQuery
import Events
import Foundation
import Host
import TestSupport
import Testing

/// How far an answer over sampled events says that it may be from the one over all.
@Suite struct SamplingBoundsTests {
    private func rows(
        _ text: String, _ events: [ModelEvent], _ layout: EngineLayout = .mixed
    ) throws -> [StatisticsTable.Row] {
        let runner = try EngineRunner(events, layout, now: 1_000_000_000)
        guard case .statistics(let table) = try runner.found(Query(parsing: text)).content else {
            throw QueryFailure.refused("no table")
        }
        return table.rows
    }

    private func number(_ value: AggregateValue) -> Double {
        switch value {
        case .value(.int(let number)): Double(number)
        case .value(.float(let number)): number
        default: .nan
        }
    }

    @Test(arguments: EngineLayout.allCases)
    func `bounds are those of the formulas`(layout: EngineLayout) throws {
        var random = SeededRandom(seed: 4)
        let rates: [UInt32] = [1, 1, 3, 40, 70_000, 5_000_000]
        let events = (0..<400).map { index in
            ModelEvent(
                timestamp: Int64(index), rate: rates.randomElement(using: &random) ?? 1,
                fields: [
                    "v": .int(Int64.random(in: -5...90, using: &random)),
                    "f": .float(Double.random(in: 0...1, using: &random)),
                ])
        }
        let text = "from shop | last 1s | stats count(), sum(v), avg(v), sum(f), count_if(v > 50)"
        let row = try #require(try rows(text, events, layout).first)
        func sum(_ term: (Double, Double, Double) -> Double) -> Double {
            events.reduce(0) { total, event in
                guard case .int(let v)? = event.fields["v"], case .float(let f)? = event.fields["f"]
                else { return total }
                return total + term(Double(event.rate), Double(v), f)
            }
        }
        let weight = sum { n, _, _ in n }
        let mean = sum { n, v, _ in n * v } / weight
        let variances = [
            sum { n, _, _ in n * (n - 1) }, sum { n, v, _ in n * (n - 1) * v * v },
            sum { n, v, _ in n * (n - 1) * (v - mean) * (v - mean) } / (weight * weight),
            sum { n, _, f in n * (n - 1) * f * f },
            sum { n, v, _ in v > 50 ? n * (n - 1) : 0 },
        ]
        for (place, variance) in variances.enumerated() {
            let bounds = try #require(row.bounds[place])
            let (low, high) = (try #require(bounds.low), try #require(bounds.high))
            let reach = 1.959964 * variance.squareRoot()
            let found = number(row.values[place])
            #expect(abs(high - found - reach) < 1e-3 * reach)
            #expect(place == 0 || abs(found - low - reach) < 1e-3 * reach)
        }
        let effective = weight * weight / sum { n, _, _ in n * n }
        #expect(abs(try #require(row.bounds[0]?.effectiveCount) - effective) < 1e-3 * effective)
    }

    @Test func `nineteen in twenty intervals hold the answer over all events`() throws {
        var random = SeededRandom(seed: 11)
        let all = (0..<6000).map { _ in
            exp(Double.random(in: 0...1, using: &random) * 4 - 1)
        }
        let (count, total) = (Double(all.count), all.reduce(0, +))
        let median = all.sorted()[all.count / 2]
        let truth = [count, total, total / count, median]
        var held = [0, 0, 0, 0]
        let trials = 300
        let query = "from shop | last 1s | stats count(), sum(v), avg(v), p50(v)"
        for _ in 0..<trials {
            let events = all.enumerated().compactMap { index, value -> ModelEvent? in
                // As tail samplers do: what is large is kept more often.
                let rate: UInt32 = value > 10 ? 4 : 20
                guard UInt32.random(in: 0..<rate, using: &random) == 0 else { return nil }
                return ModelEvent(
                    timestamp: Int64(index), rate: rate, fields: ["v": .float(value)])
            }
            let runner = try EngineRunner(events, .head, now: 1_000_000)
            guard
                case .statistics(let table) = try runner.found(
                    Query(parsing: query), isExact: false
                ).content, let row = table.rows.first
            else { continue }
            for (place, bounds) in row.bounds.enumerated() {
                guard let low = bounds?.low, let high = bounds?.high else { continue }
                // A percentile is within one percent of its rank besides.
                let slack = place == 3 ? 0.01 : 0
                if low * (1 - slack) <= truth[place], truth[place] <= high * (1 + slack) {
                    held[place] += 1
                }
            }
        }
        for held in held { #expect((trials * 91 / 100...trials).contains(held), "\(held)") }
    }

    @Test func `what is not sampled has no bounds, and of values only so many were met`() throws {
        let plain = (0..<50).map { ModelEvent(timestamp: $0, fields: ["v": .int($0)]) }
        let text = "from shop | last 1s | stats count(), avg(v), distinct(v), max(v)"
        #expect(try rows(text, plain).first?.bounds == [])
        var sampled = plain
        sampled[7].rate = 10
        let row = try #require(try rows(text, sampled).first)
        #expect(row.bounds[2] == SamplingBounds(effectiveCount: nil, low: 50, high: nil))
        #expect(row.bounds[3] == nil)
        #expect(try rows(text + " | unweighted", sampled).first?.bounds == [])
        let groups = try rows("from shop | last 1s | stats count() by v", sampled)
        #expect(groups.count { $0.bounds.first != .some(nil) } == 1)
    }
}

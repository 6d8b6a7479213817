@testable import Compute
import Events
import TestSupport
import Testing

/// Aggregates where numbers, weights or groups are as large as they can be.
@Suite struct AggregateExtremesTests {
    private func fed(
        _ state: any AggregateState, _ values: [FieldValue], weights: [UInt32]? = nil
    ) throws -> any AggregateState {
        let part = state.makeEmpty()
        let batch = makeBatch(values.map { ModelEvent(timestamp: 0, fields: ["v": $0]) })
        part.grow(toCells: 1)
        try part.update(
            GroupedRows(
                rows: values.count, selection: nil,
                cells: .bytes([UInt8](repeating: 0, count: values.count)), weights: weights),
            AggregateInput(batch["v"], rows: batch.rows))
        return part
    }

    private func merged(_ parts: [any AggregateState]) throws -> any AggregateState {
        let result = try #require(parts.first).makeEmpty()
        result.grow(toCells: 1)
        for part in parts { result.merge(part, .same(1), keepingOther: true) }
        return result
    }

    @Test func `a sum beyond the largest float is infinite in one part and in several`() throws {
        let value = FieldValue.float(1e308)
        let one = try fed(SumState(), [value, value])
        let several = try merged([
            fed(SumState(), [value]), fed(SumState(), [value]), fed(SumState(), [value]),
        ])
        #expect(one.value(ofCell: 0, .sum) == .value(.string("+Inf")))
        #expect(several.value(ofCell: 0, .sum) == .value(.string("+Inf")))
    }

    @Test func `sums of the extreme integers with the largest weights are exact`() throws {
        let weight = UInt32.max
        let sum = try merged([
            fed(SumState(), [.int(.min), .int(.max)], weights: [weight, weight]),
            fed(SumState(), [.int(.max), .int(.min)], weights: [weight, weight]),
        ])
        #expect(sum.value(ofCell: 0, .sum) == .value(.int(-2 * Int64(weight))))
        #expect(sum.value(ofCell: 0, .average) == .value(.float(-0.5)))
    }

    @Test(arguments: [nil, [UInt32(3), 3]])
    func `the median of the two farthest floats lies between them`(weights: [UInt32]?) throws {
        let most = Double.greatestFiniteMagnitude
        let state = try fed(
            ExactQuantileState(shares: [0.5]), [.float(-most), .float(most)], weights: weights)
        #expect(state.value(ofCell: 0, .quantile(0.5)) == .value(.float(0)))
    }

    @Test func `percentiles of more events than a float can count are there`() throws {
        // 2^54 − 2^22 + 3 events: the nearest float is one more.
        let many = try fed(
            HistogramState(), [FieldValue](repeating: .int(8), count: 4096),
            weights: [UInt32](repeating: .max, count: 4096))
        let few = try fed(HistogramState(), [.int(8)], weights: [3])
        let all = try merged([few] + [any AggregateState](repeating: many, count: 1024))
        guard case .value(let value) = all.value(ofCell: 0, .quantile(1)) else {
            Issue.record("no value")
            return
        }
        #expect(value != .missing)
    }

    @Test func `a distinct count goes on when groups times values become too many for bitmaps`()
        throws
    {
        let state = DistinctState()
        let values = (0..<500).map { FieldValue.string("v\($0)") }
        let batch = makeBatch(values.map { ModelEvent(timestamp: 0, fields: ["v": $0]) })
        let input = AggregateInput(batch["v"], rows: batch.rows)
        func feed(_ cell: UInt32) {
            state.update(
                GroupedRows(
                    rows: values.count, selection: nil,
                    cells: .longs([UInt32](repeating: cell, count: values.count)), weights: nil),
                input)
        }
        state.grow(toCells: 2)
        feed(1)
        let few = state.byteCount
        // 600,000 groups of 500 values: more than 2^28 bits.
        state.grow(toCells: 600_000)
        feed(1)
        feed(599_999)
        #expect(state.value(ofCell: 0, .plain) == .value(.int(0)))
        #expect(state.value(ofCell: 1, .plain) == .value(.int(500)))
        #expect(state.value(ofCell: 599_999, .plain) == .value(.int(500)))
        #expect(state.byteCount > few)
    }

    @Test func `time buckets reach from the first to the last time there is`() {
        let year: Int64 = 31_557_600_000_000_000
        let origin = Int64.min / year * year
        let buckets = TimeBuckets(origin: origin, width: year, count: 600)
        let times = [origin, -1, 0, year, .max, 5, .max]
        let found = buckets.buckets(times, ascending: [])
        for (row, time) in times.enumerated() {
            let start = Int128(origin) + Int128(found[row]) * Int128(year)
            #expect(Int128(time) >= start && Int128(time) < start + Int128(year))
        }
    }

    @Test func `the buckets of ascending times are those of times in any order`() {
        var random = SeededRandom(seed: 7)
        for count in [1, 200, 256, 257, 70_000] {
            let buckets = TimeBuckets(origin: -1000, width: 7, count: count)
            let end = -1000 + Int64(count) * 7
            let runs = [0..<300, 300..<301, 301..<900]
            let times = runs.flatMap { run in
                // Some lie outside all buckets.
                run.map { _ in Int64.random(in: -1100...end + 100, using: &random) }.sorted()
            }
            let found = buckets.buckets(times, ascending: runs)
            let expected = buckets.buckets(times, ascending: [])
            #expect(found.width == expected.width && found.widened() == expected.widened())
            for (row, time) in times.enumerated() {
                let isIn = time >= -1000 && time < end
                #expect(Int64(expected[row]) == (isIn ? (time + 1000) / 7 : 0))
            }
        }
    }
}

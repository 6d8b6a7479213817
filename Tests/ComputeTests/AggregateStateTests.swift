@testable import Compute
import Events
import TestSupport
import Testing

/// Every aggregate over parts merged in random order says what a loop over plain values says.
@Suite struct AggregateStateTests {
    private static let cases = (0..<8).flatMap { seed in
        [(UInt64(seed), false), (UInt64(seed), true)]
    }

    private func check(
        _ seed: UInt64, _ isWeighted: Bool, _ state: any AggregateState,
        _ reading: AggregateReading = .plain,
        _ expected: (AggregateSample, Int) -> AggregateValue
    ) throws {
        var random = SeededRandom(seed: seed)
        let sample = AggregateSample(count: 40 + Int(seed) * 60, &random)
        let merged = try sample.merged(state, isWeighted: isWeighted, &random)
        for cell in 0..<AggregateSample.cells {
            #expect(
                merged.value(ofCell: cell, reading) == expected(sample, cell),
                "seed \(seed), cell \(cell)")
        }
    }

    private func sumOfWeights(
        _ values: [(value: FieldValue, weight: UInt32)], _ isWeighted: Bool
    ) -> Int64 {
        values.reduce(0) { $0 + (isWeighted ? Int64($1.weight) : 1) }
    }

    @Test(arguments: cases)
    func `count with an argument counts the events that have it`(
        seed: UInt64, isWeighted: Bool
    ) throws {
        try check(seed, isWeighted, CountState(needsValue: true)) { sample, cell in
            .value(.int(sumOfWeights(sample.values(ofCell: cell), isWeighted)))
        }
    }

    @Test(arguments: cases)
    func `count without an argument counts all events`(seed: UInt64, isWeighted: Bool) throws {
        try check(seed, isWeighted, CountState(needsValue: false)) { sample, cell in
            let rows = sample.rows.filter { $0.cell == cell }
            return .value(.int(sumOfWeights(rows.map { ($0.value, $0.weight) }, isWeighted)))
        }
    }

    @Test(arguments: cases, [FieldValue.int(0), .float(0)])
    func `sums are exact for integers and close for floats`(
        _ parameters: (seed: UInt64, isWeighted: Bool), of type: FieldValue
    ) throws {
        var random = SeededRandom(seed: parameters.seed)
        var sample = AggregateSample(count: 300, &random)
        // One type of number at a time: then the naive sum is exact, or has one rounding a step.
        sample.rows = sample.rows.filter { row in
            switch (row.value, type) {
            case (.int, .float), (.float, .int): false
            default: true
            }
        }
        let merged = try sample.merged(
            SumState(), isWeighted: parameters.isWeighted, &random)
        for cell in 0..<AggregateSample.cells {
            var whole: Int128 = 0
            var total = 0.0
            var size = 0.0
            var count = 0.0
            var others = 0
            for (value, rate) in sample.values(ofCell: cell) {
                let weight = parameters.isWeighted ? rate : 1
                switch value {
                case .bool(let value): whole += value ? Int128(weight) : 0
                case .int(let value): whole += Int128(value) * Int128(weight)
                case .float(let value):
                    total += value * Double(weight)
                    size += abs(value) * Double(weight)
                case .string, .missing:
                    others += 1
                    continue
                }
                count += Double(weight)
            }
            let sum = merged.value(ofCell: cell, .sum)
            let average = merged.value(ofCell: cell, .average)
            guard count > 0 else {
                #expect(sum == .value(.missing) && average == .value(.missing))
                continue
            }
            if case .int = type {
                let expected = Int64(exactly: whole).map { FieldValue.int($0) }
                #expect(sum == .value(expected ?? .float(Double(whole))))
                #expect(average == .value(FieldValue(number: Double(whole) / count)))
                continue
            }
            guard case .value(let found) = sum, let number = ExpressionEvaluator.number(found)
            else {
                Issue.record("no sum")
                continue
            }
            #expect(abs(number - (total + Double(whole))) <= size * 1e-12)
        }
    }

    @Test(arguments: cases)
    func `the smallest and the largest are by the order of all values`(
        seed: UInt64, isWeighted: Bool
    ) throws {
        try check(seed, isWeighted, ExtremeState(.smallest)) { sample, cell in
            .value(sample.values(ofCell: cell).map(\.value).min() ?? .missing)
        }
        try check(seed, isWeighted, ExtremeState(.largest)) { sample, cell in
            .value(sample.values(ofCell: cell).map(\.value).max() ?? .missing)
        }
    }

    @Test(arguments: cases)
    func `distinct counts equal values once, whatever their type and dictionary`(
        seed: UInt64, isWeighted: Bool
    ) throws {
        try check(seed, isWeighted, DistinctState()) { sample, cell in
            .value(.int(Int64(Set(sample.values(ofCell: cell).map(\.value)).count)))
        }
    }

    @Test(arguments: cases, [0, 0.01, 0.25, 0.5, 0.9, 1])
    func `exact quantiles interpolate between the two nearest ranks`(
        _ parameters: (seed: UInt64, isWeighted: Bool), share: Double
    ) throws {
        let isWeighted = parameters.isWeighted
        try check(
            parameters.seed, isWeighted, ExactQuantileState(shares: [share]), .quantile(share)
        ) { sample, cell in
            let numbers = sample.numbers(ofCell: cell, isWeighted: isWeighted)
            if numbers.isEmpty { return .value(.missing) }
            let place = share * Double(numbers.count - 1)
            let low = Int(place.rounded(.down))
            let (a, b) = (numbers[low], numbers[min(low + 1, numbers.count - 1)])
            let part = place - Double(low)
            return .value(FieldValue(number: part == 0 ? a : a + (b - a) * part))
        }
    }

    @Test(arguments: cases, [0, 0.01, 0.25, 0.5, 0.9, 1])
    func `approximate quantiles are within a percent of the nearest rank`(
        _ parameters: (seed: UInt64, isWeighted: Bool), share: Double
    ) throws {
        var random = SeededRandom(seed: parameters.seed)
        let sample = AggregateSample(count: 300, &random)
        let merged = try sample.merged(
            HistogramState(), isWeighted: parameters.isWeighted, &random)
        for cell in 0..<AggregateSample.cells {
            let numbers = sample.numbers(ofCell: cell, isWeighted: parameters.isWeighted)
            guard case .value(let value) = merged.value(ofCell: cell, .quantile(share)) else {
                Issue.record("no value")
                continue
            }
            if numbers.isEmpty {
                #expect(value == .missing)
                continue
            }
            let rank = max(1, Int((share * Double(numbers.count)).rounded(.up)))
            let expected = numbers[rank - 1]
            let found = try #require(ExpressionEvaluator.number(value))
            #expect(abs(found - expected) <= 0.01 * abs(expected))
        }
    }

    @Test(arguments: cases)
    func `a heatmap's bins hold every number once`(seed: UInt64, isWeighted: Bool) throws {
        var random = SeededRandom(seed: seed)
        let sample = AggregateSample(count: 300, &random)
        let merged = try sample.merged(HistogramState(), isWeighted: isWeighted, &random)
        for cell in 0..<AggregateSample.cells {
            guard case .histogram(let bins) = merged.value(ofCell: cell, .histogram) else {
                Issue.record("no bins")
                continue
            }
            let numbers = sample.numbers(ofCell: cell, isWeighted: isWeighted)
            var counted = 0
            for bin in bins {
                let inside = numbers.filter { number in
                    number == 0 || bin.low == bin.high
                        ? number == bin.low && bin.low == bin.high
                        : number > 0
                            ? number >= bin.low && number < bin.high
                            : number > bin.low && number <= bin.high
                }
                #expect(UInt64(inside.count) == bin.count)
                counted += inside.count
            }
            #expect(counted == numbers.count)
        }
    }

    @Test(arguments: [false, true])
    func `values that an aggregate cannot take are counted as ignored`(isWeighted: Bool) throws {
        var random = SeededRandom(seed: 3)
        let sample = AggregateSample(count: 300, &random)
        let present = sample.rows.map(\.value)
        let strings = present.count { if case .string = $0 { true } else { false } }
        let booleans = present.count { if case .bool = $0 { true } else { false } }
        func ignored(_ state: any AggregateState) throws -> Int {
            try sample.merged(state, isWeighted: isWeighted, &random).ignored
        }
        #expect(try ignored(SumState()) == strings)
        #expect(try ignored(HistogramState()) == strings + booleans)
        #expect(try ignored(ExactQuantileState(shares: [])) == strings + booleans)
        #expect(try ignored(DistinctState()) == 0)
    }
}

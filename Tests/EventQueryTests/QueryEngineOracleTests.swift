import Compute
import EventQuery
import Events
import TestSupport
import Testing

/// Random questions over random events of mixed types, sample rates and missing values.
@Suite struct QueryEngineOracleTests {
    @Test(arguments: [UInt64](0..<6), EngineLayout.allCases)
    func `the engine agrees with the oracle`(seed: UInt64, layout: EngineLayout) throws {
        var random = SeededRandom(seed: seed)
        let count = 150 + Int(seed) * 30
        let events = addingArrays(randomEvents(count, &random))
        let now = Int64(count) * 1000
        let oracle = NaiveEvaluator(events: events, now: now)
        let engine = try EngineRunner(events, layout, now: now)
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<40 {
            let query = generator.answerableQuery(over: count)
            #expect(try Query(parsing: query.text) == query)
            let found = try engine.answer(query)
            if let difference = difference(oracle.answer(query), found) {
                Issue.record("seed \(seed), \(layout): \(difference)\n\(query.text)")
            }
        }
    }

    @Test(arguments: [UInt64](0..<20))
    func `expressions mean to the engine what they mean to the oracle`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let rows = addingArrays(randomEvents(40, &random)).map { NaiveRow(event: $0) }
        var generator = QueryGenerator(seed: seed)
        for _ in 0..<60 {
            let expression =
                generator.chance(50) ? generator.eventCondition() : generator.eventNumber(depth: 4)
            let evaluator = try ExpressionEvaluator(for: [expression])
            for row in rows {
                let expected = NaiveExpression(value: row.value).evaluate(expression)
                let found = evaluator.value(of: expression, row.value)
                #expect(found == expected, "seed \(seed): \(expression.text)")
            }
        }
    }

    @Test(arguments: [UInt64](0..<6), EngineLayout.allCases)
    func `approximate percentiles are within one percent of the nearest rank`(
        seed: UInt64, layout: EngineLayout
    ) throws {
        var random = SeededRandom(seed: seed)
        let events = (0..<500).map { index in
            let size = Double.random(in: -3...9, using: &random)
            let sign = Int.random(in: 0..<5, using: &random) == 0 ? -1.0 : 1
            let value = FieldValue(
                number: sign * Double(sign: .plus, exponent: Int(size), significand: 1.37))
            return ModelEvent(
                timestamp: Int64(index), rate: UInt32.random(in: 1...4, using: &random),
                fields: ["v": index % 50 == 0 ? .int(0) : value])
        }
        let engine = try EngineRunner(events, layout, now: 1000)
        var values: [Double] = []
        for event in events {
            let number: Double? =
                switch event.fields["v"] {
                case .float(let number): number
                case .int(let number): Double(number)
                default: nil
                }
            values += Array(repeating: try #require(number), count: Int(event.rate))
        }
        values.sort()
        for share in [0.001, 0.05, 0.25, 0.5, 0.9, 0.99, 0.999] {
            let query = try Query(parsing: "from shop | last 1us | stats quantile(v, \(share))")
            let answer = try engine.answer(query, isExact: false)
            guard case .value(let found)? = answer.groups.first?.cells.first else {
                Issue.record("no answer")
                continue
            }
            let place = max(1, Int((share * Double(values.count)).rounded(.up))) - 1
            let expected = values[place]
            let number: Double? =
                switch found {
                case .float(let number): number
                case .int(let number): Double(number)
                default: nil
                }
            #expect((try #require(number) - expected).magnitude <= 0.01 * expected.magnitude)
        }
    }
}

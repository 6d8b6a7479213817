import Bytes
@testable import Compute
import Events
import TestSupport
import Testing

/// Conditions decided on a whole dictionary at once say what they say entry by entry.
@Suite struct CodeSetTests {
    private static let values: [FieldValue] = [
        .bool(false), .bool(true), .int(-7), .int(0), .float(0.5), .int(1), .float(1e300),
        .string(""), .string("/"), .string("/a"), .string("/a/b"), .string("/a/b/reviews/7"),
        .string("/b"), .string("b/reviews"), .string("é"), .string("ü/a"),
    ]

    private func dictionary(isSorted: Bool, _ random: inout SeededRandom) -> ValueDictionary {
        let builder = DictionaryBuilder()
        let chosen = CodeSetTests.values.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
        for value in isSorted ? chosen : chosen.shuffled(using: &random) {
            _ = builder.code(of: value)
        }
        let made = builder.dictionary()
        return ValueDictionary(
            kinds: made.kinds, payloads: made.payloads, text: made.text, isSorted: isSorted)
    }

    private func conditions() -> [Expression] {
        let field = Expression.field(.named("v"))
        var all: [Expression] = []
        for value in CodeSetTests.values + [.int(3), .string("/a/"), .string("~")] {
            for operation in ComparisonOperator.allCases where operation != .notEqual {
                all.append(.compare(operation, field, .literal(value)))
            }
            guard case .string(let text) = value else { continue }
            for operation in [MatchOperator.contains, .startsWith, .endsWith] {
                all.append(.match(operation, field, text, negated: false))
                all.append(.match(operation, field, text, negated: true))
            }
        }
        all.append(.membership(field, [.int(1), .string("/a"), .string("no")], negated: false))
        let long = String(repeating: "/a", count: 50)
        all.append(.match(.contains, field, long, negated: false))
        return all
    }

    private func table(_ set: CodeSet, _ count: Int) -> [Bool] {
        (0...UInt32(count)).map { set.contains(anyOf: $0...$0) }
    }

    @Test(arguments: [UInt64](0..<12), [true, false])
    func `a condition holds for the entries for which it holds one by one`(
        seed: UInt64, isSorted: Bool
    ) throws {
        var random = SeededRandom(seed: seed)
        let dictionary = dictionary(isSorted: isSorted, &random)
        let conditions = conditions()
        let evaluator = try ExpressionEvaluator(for: conditions)
        for condition in conditions {
            let found = evaluator.codes(of: dictionary, where: condition) { _ in }
            let expected = evaluator.codesByValue(of: dictionary, where: condition) { _ in }
            #expect(
                table(found, dictionary.count) == table(expected, dictionary.count),
                "seed \(seed): \(condition)")
        }
    }

    /// All lengths around the borders of words, in each width.
    @Test(arguments: [UInt32(200), 60_000, 4_000_000_000])
    func `rows are selected by their code`(highest: UInt32) {
        var random = SeededRandom(seed: UInt64(highest))
        for count in Array(0...130) + [1000] {
            // Few different codes, the ends of the range among them.
            let pool = [0, 1, 7, highest / 2, highest / 2 + 1, highest - 1, highest]
            let codes = (0..<count).map { _ in pool.randomElement(using: &random) ?? 0 }
            let array = CodeArray(codes, highest: highest)
            var sets: [CodeSet] = [.none, .single(highest / 2), .range(1...highest)]
            sets += [.range(7...highest / 2), .range(highest / 2 + 1...highest - 1)]
            if highest < 100_000 {
                let bits = (0...highest).map { _ in UInt8.random(in: 0...1, using: &random) }
                sets.append(.table([0] + bits.dropFirst()))
            }
            for set in sets {
                var found = Bitmap(count: count)
                found.withMutableWords { words in
                    if let base = words.baseAddress { set.select(array, into: base) }
                }
                let expected = codes.map { set.contains(anyOf: $0...$0) }
                #expect((0..<count).map { found[$0] } == expected)
            }
            let lane = CodedLane(dictionary: .empty, codes: array)
            #expect((0..<count).map { lane.presence()[$0] } == codes.map { $0 != 0 })
        }
    }

    @Test func `numbers are selected by both ends of a range`() throws {
        var random = SeededRandom(seed: 1)
        let pool = [-1.5, 0, 0.1, 0.1.nextUp, 0.1.nextDown, 2, 1e308]
        for count in Array(0...130) + [1000] {
            let values = (0..<count).map { _ in pool.randomElement(using: &random) ?? 0 }
            let batch = EventBatch(
                timestamps: [Int64](repeating: 0, count: count),
                received: [Int64](repeating: 0, count: count), sampleRates: nil,
                datasets: CodedLane(
                    dictionary: .empty, codes: .bytes([UInt8](repeating: 0, count: count))),
                columns: [
                    (
                        "v",
                        Column(rows: count, floats: NumberLane(values: values, present: nil))
                    )
                ])
            for operation in ComparisonOperator.allCases {
                for bound in [FieldValue.float(0.1), .int(2), .int(0)] {
                    let condition = Expression.compare(
                        operation, .field(.named("v")), .literal(bound))
                    let evaluator = try ExpressionEvaluator(for: [condition])
                    let rows = try SourceEvaluator(batch, evaluator, memo: DictionaryMemo())
                        .rows(where: condition)
                    let expected = values.map { value in
                        evaluator.isTrue(condition) { _ in .float(value) }
                    }
                    #expect((0..<count).map { rows[$0] } == expected)
                }
            }
        }
    }
}

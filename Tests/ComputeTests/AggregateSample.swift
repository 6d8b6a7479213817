import Bytes
@testable import Compute
import Events
import TestSupport

/// Rows of an aggregate's argument with their groups and weights, as plain values.
struct AggregateSample {
    struct Row {
        var cell: Int
        var value: FieldValue
        var weight: UInt32
    }

    static let cells = 5
    var rows: [Row] = []

    /// Values of all types, many of them missing, extreme or equal.
    init(count: Int, _ random: inout some RandomNumberGenerator) {
        for _ in 0..<count {
            let value: FieldValue =
                switch Int.random(in: 0..<12, using: &random) {
                case 0, 1: .missing
                case 2: .bool(Bool.random(using: &random))
                case 3: .string("s\(Int.random(in: 0..<9, using: &random))")
                case 4: .string("")
                case 5: .int([.min, .max, 0, 1 << 53 + 1][Int.random(in: 0..<4, using: &random)])
                case 6: .float(Double(Int.random(in: -4...4, using: &random)))
                case 7, 8: .float(Double.random(in: -1e6...1e6, using: &random))
                default: .int(Int64.random(in: -50...50, using: &random))
                }
            rows.append(
                Row(
                    // Cell 4 stays empty.
                    cell: Int.random(in: 0..<AggregateSample.cells - 1, using: &random),
                    value: value, weight: UInt32.random(in: 1...9, using: &random)))
        }
    }

    /// The values of one cell, each with its weight; missing ones left out.
    func values(ofCell cell: Int) -> [(value: FieldValue, weight: UInt32)] {
        rows.filter { $0.cell == cell && !$0.value.isMissing }.map { ($0.value, $0.weight) }
    }

    /// The numbers of one cell as often as they weigh, ascending.
    func numbers(ofCell cell: Int, isWeighted: Bool) -> [Double] {
        values(ofCell: cell).flatMap { value, weight -> [Double] in
            guard let number = ExpressionEvaluator.number(value) else { return [] }
            return [Double](repeating: number, count: isWeighted ? Int(weight) : 1)
        }.sorted()
    }

    // MARK: - States

    /// States of parts of the rows, each with its cells numbered in its own way, merged in random
    /// order.
    func merged(
        _ state: any AggregateState, isWeighted: Bool, _ random: inout some RandomNumberGenerator
    ) throws -> any AggregateState {
        var parts: [any AggregateState] = []
        var maps: [[Int]] = []
        var start = 0
        while start < rows.count {
            let end = min(rows.count, start + Int.random(in: 1...90, using: &random))
            let map = Array(0..<AggregateSample.cells).shuffled(using: &random)
            let part = state.makeEmpty()
            try feed(start..<end, to: part, map, isWeighted: isWeighted, &random)
            if Bool.random(using: &random) { part.settle() }
            parts.append(part)
            maps.append(map)
            start = end
        }
        let result = state.makeEmpty()
        result.grow(toCells: AggregateSample.cells)
        for index in parts.indices.shuffled(using: &random) {
            result.merge(parts[index], .to(maps[index]), keepingOther: false)
        }
        return result
    }

    /// Feeds rows as one batch, all at once or every second and then the others.
    ///
    /// The part's cell i is cell `map[i]` of the sample.
    private func feed(
        _ range: Range<Int>, to state: any AggregateState, _ map: [Int], isWeighted: Bool,
        _ random: inout some RandomNumberGenerator
    ) throws {
        let part = rows[range]
        let batch = makeBatch(
            part.map { row in ModelEvent(timestamp: 0, fields: ["v": row.value]) })
        let input = AggregateInput(batch["v"], rows: batch.rows)
        state.grow(toCells: AggregateSample.cells)
        let all = Array(0..<part.count)
        let lists =
            Bool.random(using: &random)
            ? [nil] : [all.filter { $0 % 2 == 0 }, all.filter { $0 % 2 == 1 }]
        for list in lists {
            let selection = list.map { list in
                list.reduce(into: Bitmap(count: part.count)) { $0[$1] = true }
            }
            let cells = part.map { row in UInt32(map.firstIndex(of: row.cell) ?? 0) }
            try state.update(
                GroupedRows(
                    rows: part.count, selection: selection,
                    cells: CodeArray(
                        cells, highest: [UInt32(4), 300, 70_000].randomElement(using: &random) ?? 4),
                    weights: isWeighted ? part.map(\.weight) : nil), input)
        }
    }
}

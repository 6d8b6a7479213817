internal import Compute
internal import Events

/// One thread's share of a comparison: compares field after field over all sources.
final class FieldScan {
    private let plan: QueryPlan
    private let sources: [ComparedSource]
    private let spilled: SpilledFields
    private let sizes: ComparedCount
    private let queue: SourceQueue
    /// Bytes that one field may take; of more values a part is counted at a time.
    private let bytesMax: Int
    private let counts = CodeCounts()
    private(set) var found: [FieldComparisons.Field] = []

    init(
        _ plan: QueryPlan, _ sources: [ComparedSource], _ spilled: SpilledFields,
        _ sizes: ComparedCount, _ queue: SourceQueue, bytesMax: Int
    ) {
        self.plan = plan
        self.sources = sources
        self.spilled = spilled
        self.sizes = sizes
        self.queue = queue
        self.bytesMax = bytesMax
    }

    /// Parts of all values at most: a field of so many values is beyond any machine's memory.
    private static let partsMax = 4096

    private enum Outcome {
        case done(FieldComparison?)
        /// More values than fit; nothing is known.
        case tooMany
        /// Time is up, or something went wrong elsewhere.
        case stopped
    }

    /// Compares a field, unless time is up, and answers the bytes that its answer takes.
    func scan(_ name: String) throws -> Int {
        var parts = 1
        while parts <= FieldScan.partsMax {
            switch try compare(name, parts: parts) {
            case .done(let comparison?):
                found.append(FieldComparisons.Field(name: name, comparison: comparison))
                return comparison.byteCount + name.utf8.count
            case .done(nil), .stopped: return 0
            case .tooMany: parts *= 4
            }
        }
        throw QueryFailure.outOfMemory(limit: bytesMax)
    }

    private func compare(_ name: String, parts: Int) throws -> Outcome {
        var whole: FieldComparison?
        for number in 0..<parts {
            let part = ValuePart(number: number, of: parts)
            switch try compare(name, part) {
            case .done(let comparison?):
                if whole == nil {
                    whole = comparison
                } else {
                    whole?.add(comparison, valuesMax: plan.query.comparedValuesMax)
                }
            case .done(nil): return .done(nil)
            case let other: return other
            }
        }
        return .done(whole)
    }

    private func compare(_ name: String, _ part: ValuePart) throws -> Outcome {
        var tally = FieldTally(
            valuesMax: plan.query.comparedValuesMax, counts: counts, part: part)
        for source in sources {
            guard let selected = source.selected else { continue }
            guard let column = try column(name, source.source) else { continue }
            tally.add(column, selected, weights: source.weights)
            if tally.byteCount > bytesMax { return .tooMany }
            if !queue.mayGoOn { return .stopped }
        }
        let spilled = plan.definitions[name] == nil ? spilled.values[name] : nil
        for (value, count) in spilled ?? [:] where count.selected > 0 {
            tally.add(value, count.selected)
        }
        tally.beginAllRows()
        for source in sources {
            guard let column = try column(name, source.source) else { continue }
            tally.add(column, source.all, weights: source.weights)
            if tally.byteCount > bytesMax { return .tooMany }
            if !queue.mayGoOn { return .stopped }
        }
        for (value, count) in spilled ?? [:] { tally.add(value, count.all) }
        return .done(tally.comparison(sizes))
    }

    private func column(_ name: String, _ source: any EventSource) throws -> Column? {
        guard let definition = plan.definitions[name] else { return try source.loadColumn(name) }
        let columns = plan.columns(of: source, DictionaryMemo())
        return try columns.column(definition)
    }
}

extension FieldComparison {
    /// About what it takes in memory and as text.
    fileprivate var byteCount: Int {
        values.reduce(256 + bins.count * 64) { sum, compared in
            if case .string(let text) = compared.value { return sum + 96 + text.utf8.count }
            return sum + 96
        }
    }
}

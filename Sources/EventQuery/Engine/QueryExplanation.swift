internal import Bytes
internal import Compute
public import Events

/// How a question would be answered, and what of the events need not be looked at for it.
public struct QueryExplanation: Sendable {
    /// Why sources are left out.
    public struct Pruning: Sendable {
        /// In words: `time`, `dataset`, or the condition that no row can meet.
        public let reason: String
        /// Batches of the head and row groups of segments.
        public internal(set) var sources = 0
        public internal(set) var rows = 0
    }

    /// An aggregate as it is kept while rows are counted; several calculations may share one.
    public struct State: Sendable {
        public let kind: String
        public let argument: String?
        public let filter: String?
        public let calculations: [String]
    }

    /// What is sought of other events of the same traces, before any row is counted.
    public struct Relatives: Sendable {
        /// As the prefix of fields: `root`, `child`.
        public let relation: String
        /// In terms of the related event; nil for any.
        public let condition: String?
        /// Whether only events with such a relative take part; of `none` those without.
        public let isCondition: Bool
        public let fields: [String]
    }

    /// Nanoseconds since 1970, the end not included.
    public let timeRange: Range<Int64>
    /// Width of time buckets, nanoseconds.
    public let step: Int64?
    /// Nil for all.
    public let datasets: [String]?
    /// Conditions in the order in which they are tested, derived fields put in their places.
    public let conditions: [String]
    /// Of each relation that the query speaks of what its events must meet, and which of their fields are
    /// looked at.
    public let relatives: [Relatives]
    /// Of a `bubbleup` what tells the selection; else nil.
    public let selection: String?
    /// Of a `compare` how much earlier, nanoseconds; else nil.
    public let compareOffset: Int64?
    public let groupBy: [String]
    public let states: [State]
    /// What is worked out from the calculations of each group.
    public let formulas: [(name: String, text: String)]
    /// The condition on groups; nil for none.
    public let having: String?
    public let order: [String]
    public let limit: Int

    public let sources: Int
    public let rows: Int
    /// What is left out without reading a value.
    public internal(set) var pruned: [Pruning] = []
    /// What is left to be read: sources, their rows, and the bytes of the fields that are named.
    public internal(set) var sourcesToRead = 0
    public internal(set) var rowsToRead = 0
    public internal(set) var bytesToRead = 0
}

extension QueryEngine {
    /// Says how a question would be answered; reads of stored events what tells that they need not be
    /// read.
    ///
    /// Throws `QueryFailure`.
    public func explain(
        _ query: Query, over sources: [any EventSource], now: Int64,
        options: QueryOptions = QueryOptions()
    ) throws(QueryFailure) -> QueryExplanation {
        let plan = try QueryPlan(query, now: now, options: options)
        // What tells a selection by relatives is sought as what a condition says of them.
        let selecting = try plan.planOfSelection(options)
        let names = plan.namedFields.union(selecting?.namedFields ?? [])
        var explanation = QueryExplanation(plan, (selecting ?? plan).needs, sources)
        let memo = DictionaryMemo()
        do {
            for source in sources {
                guard let reason = try plan.reasonToSkip(source, memo) else {
                    explanation.sourcesToRead += 1
                    explanation.rowsToRead += source.rows
                    for name in names {
                        explanation.bytesToRead += source.storedByteCount(ofColumn: name)
                    }
                    continue
                }
                explanation.add(reason, source)
            }
        } catch {
            throw QueryFailure(scanning: error)
        }
        return explanation
    }
}

extension QueryExplanation {
    fileprivate init(_ plan: QueryPlan, _ needs: RelatedNeeds, _ all: [any EventSource]) {
        timeRange = plan.timeRange
        step = plan.buckets?.width
        if case .named(let names) = plan.query.source { datasets = names } else { datasets = nil }
        conditions = plan.conditions.map(\.text)
        relatives = needs.byRelation.sorted { $0.key.rawValue < $1.key.rawValue }.map {
            Relatives(
                relation: $0.rawValue, condition: $1.condition?.text, isCondition: $1.isCondition,
                fields: $1.fields)
        }
        selection = plan.selection?.text
        compareOffset = plan.query.compareOffset
        groupBy = plan.groupBy.map(\.name)
        states = plan.slots.enumerated().compactMap { index, slot in
            // What only tells bounds is nobody's calculation.
            if case .sampling = slot.kind { return nil }
            return State(
                kind: "\(slot.kind)", argument: slot.argument?.text, filter: slot.filter?.text,
                calculations: plan.calculations.filter { $0.slot == index }.map(\.name))
        }
        if case .statistics(let statistics) = plan.query.shape {
            formulas = statistics.formulas.map {
                (name: $0.name, text: statistics.formulaText($0.expression))
            }
            let scope = ResultScope(statistics)
            having = statistics.having.map { ExpressionPrinter(scope: scope).text($0) }
        } else {
            formulas = []
            having = nil
        }
        order = plan.query.effectiveSort.map { $0.name + ($0.descending ? " desc" : "") }
        limit = plan.query.rowLimit
        sources = all.count
        rows = all.reduce(0) { $0 + $1.rows }
    }

    fileprivate mutating func add(_ reason: String, _ source: any EventSource) {
        let place = pruned.firstIndex { $0.reason == reason } ?? pruned.count
        if place == pruned.count { pruned.append(Pruning(reason: reason)) }
        pruned[place].sources += 1
        pruned[place].rows += source.rows
    }
}

extension QueryPlan {
    /// Why no row of a source can matter; nil when some may.
    fileprivate func reasonToSkip(
        _ source: any EventSource, _ memo: DictionaryMemo
    ) throws -> String? {
        let bounds = source.timeBounds
        if bounds.upperBound < timeRange.lowerBound || bounds.lowerBound >= timeRange.upperBound {
            return "time"
        }
        if datasets != nil || source.hasDeadRows, try rowsOfDatasets(source)?.isEmpty == true {
            return "dataset"
        }
        let columns = SourceEvaluator(source, evaluator, memo: memo)
        return try conditions.first { try columns.isRuledOut($0) }?.text
    }

    /// The fields that the question names, wherever.
    fileprivate var namedFields: Set<String> {
        var names: Set<String> = []
        for expression in conditions + groupBy.map(\.expression) + slots.compactMap(\.argument)
            + slots.compactMap(\.filter) + [selection].compactMap({ $0 }) + needs.conditions
            + needs.byRelation.values.flatMap({ need in need.fields.map { needs.value($0) } })
        {
            for case .named(let name) in expression.fields { names.insert(name) }
        }
        return names
    }
}

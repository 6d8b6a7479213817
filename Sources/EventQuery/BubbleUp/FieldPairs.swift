internal import Bytes
internal import Compute
internal import Events
internal import Host

/// Which conditions on two of the fields that tell most are worth a look, and the rows to look at.
struct FieldPairs: Sendable {
    /// The best condition of each field, those that tell most first.
    let candidates: [(field: String, condition: Expression, alternatives: Int)]
    let plan: QueryPlan
    let sources: [ComparedSource]
    let disparity: Disparity

    /// Takes the fields that tell most; those that the selection is told by are no news.
    init(
        _ fields: [FieldComparisons.Field], _ plan: QueryPlan, _ sources: [ComparedSource],
        _ disparity: Disparity
    ) {
        self.plan = plan
        self.sources = sources
        self.disparity = disparity
        let known = Set((plan.selection?.fields ?? []).compactMap(\.plainName))
        var candidates: [(field: String, condition: Expression, alternatives: Int)] = []
        for field in fields
        where !known.contains(field.name) && candidates.count < QueryLimits.pairedFieldsMax {
            guard let condition = field.telling(disparity) else { continue }
            candidates.append((field.name, condition, field.comparison.distinct + 1))
        }
        self.candidates = candidates
    }

    /// The places of two candidates, each pair once.
    var places: [(first: Int, second: Int)] {
        candidates.indices.flatMap { second in (0..<second).map { ($0, second) } }
    }

    /// The pairs that tell more than either condition does alone, best first.
    func best(_ counts: PairCounts) -> [FieldComparisons.Pair] {
        var pairs: [FieldComparisons.Pair] = []
        for (number, (first, second)) in places.enumerated() {
            let alternatives = candidates[first].alternatives * candidates[second].alternatives
            func score(_ count: ComparedCount) -> Double {
                disparity.surplusOfPair(count, alternatives: alternatives)
            }
            let together = score(counts.pairs[number])
            guard together > score(counts.alone[first]), together > score(counts.alone[second])
            else { continue }
            let both = [candidates[first], candidates[second]]
            pairs.append(
                FieldComparisons.Pair(
                    conditions: both.map(\.condition), fields: both.map(\.field),
                    count: counts.pairs[number], score: together))
        }
        // Sorted stably: of equal ones that of the fields that tell more alone.
        let order = pairs.indices.sorted { (-pairs[$0].score, $0) < (-pairs[$1].score, $1) }
        return order.prefix(QueryLimits.pairsMax).map { pairs[$0] }
    }
}

/// How many rows meet the conditions, alone and two by two.
struct PairCounts {
    var alone: [ComparedCount]
    var pairs: [ComparedCount]

    init(_ pairs: FieldPairs) {
        alone = Array(repeating: ComparedCount(), count: pairs.candidates.count)
        self.pairs = Array(repeating: ComparedCount(), count: pairs.places.count)
    }

    mutating func add(_ other: PairCounts) {
        for place in alone.indices { alone[place] += other.alone[place] }
        for place in pairs.indices { pairs[place] += other.pairs[place] }
    }
}

extension ComparedCount {
    fileprivate static func += (count: inout ComparedCount, other: ComparedCount) {
        count.selection += other.selection
        count.baseline += other.baseline
    }
}

extension QueryEngine {
    /// Counts the pairs over all sources, and answers the best.
    ///
    /// Costs a bitmap for each condition and source, which takes a thirtieth of what comparing all fields
    /// took.
    func pairs(
        _ pairs: FieldPairs, _ deadline: Int64, _ cancellation: QueryCancellation
    ) throws(QueryFailure) -> [FieldComparisons.Pair] {
        if pairs.candidates.count < 2 { return [] }
        let work = SourceQueue(pairs.sources.count, deadline, clock, cancellation, memory)
        let scans = (0..<pool.parallelism).map { _ in PairScan(pairs) }
        let lanes = Lanes(scans)
        pool.parallelFor(scans.count) { lane in
            while let index = work.next() {
                do {
                    try lanes[lane].scan(pairs.sources[index])
                } catch {
                    work.fail(QueryFailure(scanning: error))
                }
            }
        }
        if let failure = work.failure { throw failure }
        if work.isOverdue { return [] }
        var counts = PairCounts(pairs)
        for scan in scans { counts.add(scan.counts) }
        return pairs.best(counts)
    }
}

/// One thread's share of counting pairs.
private final class PairScan {
    private let pairs: FieldPairs
    private let places: [(first: Int, second: Int)]
    private let memo = DictionaryMemo()
    private(set) var counts: PairCounts

    init(_ pairs: FieldPairs) {
        self.pairs = pairs
        places = pairs.places
        counts = PairCounts(pairs)
    }

    func scan(_ compared: ComparedSource) throws {
        let source = compared.source
        let columns = pairs.plan.columns(of: source, memo)
        let all = Bitmap(compared.all, count: source.rows)
        let selected = compared.selected.map { Bitmap($0, count: source.rows) }
        let met = try pairs.candidates.map { candidate in
            let condition = candidate.condition.substituting(pairs.plan.definitions)
            var rows = try columns.rows(where: condition)
            rows.formIntersection(all)
            return rows
        }
        func count(_ rows: Bitmap) -> ComparedCount {
            let sum = rows.weight(compared.weights)
            guard let selected else { return ComparedCount(selection: 0, baseline: sum) }
            var chosen = rows
            chosen.formIntersection(selected)
            let own = chosen.weight(compared.weights)
            return ComparedCount(selection: own, baseline: sum - own)
        }
        for place in met.indices { counts.alone[place] += count(met[place]) }
        for (number, (first, second)) in places.enumerated() {
            var both = met[first]
            both.formIntersection(met[second])
            counts.pairs[number] += count(both)
        }
    }
}

extension Bitmap {
    fileprivate init(_ rows: ComparedRows, count: Int) {
        self.init(count: count)
        switch rows {
        case .range(let range): insert(range)
        case .list(let list): for row in list { self[Int(row)] = true }
        }
    }

    /// The sum of the rows' weights; of each 1 where there are none.
    fileprivate func weight(_ weights: [UInt32]?) -> UInt64 {
        guard let weights else { return UInt64(population) }
        var sum: UInt64 = 0
        forEachRow { sum += UInt64(weights[$0]) }
        return sum
    }
}

internal import Bytes
internal import Compute
internal import Events
internal import Host

/// Where an event stands among the sources of a query.
struct EventPlace: Hashable {
    let source: Int
    let row: Int
}

/// Reads whole events from the places at which they were found.
struct EventRowReader {
    private let plan: QueryPlan
    private let sources: [any EventSource]
    private let memo: DictionaryMemo
    private let pool: WorkerPool
    private(set) var bytesScanned = 0

    init(
        _ plan: QueryPlan, _ sources: [any EventSource], _ memo: DictionaryMemo, _ pool: WorkerPool
    ) {
        self.plan = plan
        self.sources = sources
        self.memo = memo
        self.pool = pool
    }

    /// The events at the given places, in their order.
    ///
    /// Throws `QueryFailure.tooLarge` as soon as they take more than `bytesMax` bytes together.
    mutating func rows(
        at places: [EventPlace], bytesMax: Int, _ share: MemoryShare? = nil
    ) throws -> [EventRow] {
        var bytes = 0
        var rows = [EventRow?](repeating: nil, count: places.count)
        let bySource = Dictionary(grouping: places.indices, by: { places[$0].source })
        for portion in EventRowReader.portions(bySource) {
            let shares = portion.map { share in
                (sources[share.source], share.places.map { places[$0].row })
            }
            let readers = try EventReader.readers(shares, plan, memo, pool)
            let before = bytes
            for (part, reader) in zip(portion, readers) {
                bytesScanned += reader.bytesScanned
                for (index, place) in part.places.enumerated() {
                    let row = try reader.row(index)
                    bytes += row.byteCount
                    if bytes > bytesMax { throw QueryFailure.tooLarge(limit: bytesMax) }
                    rows[place] = row
                }
            }
            try share?.hold(bytes - before)
        }
        return rows.compactMap { $0 }
    }

    private typealias Share = (source: Int, places: [Int])

    /// Rows whose fields are in memory before they are counted: with thousands of fields each, some
    /// ten mebibytes.
    static let rowsPerPortion = 1_000

    /// The places of all sources, in portions that are read together.
    private static func portions(_ bySource: [Int: [Int]]) -> [[Share]] {
        var portions: [[Share]] = []
        var rows = rowsPerPortion
        for (source, places) in bySource.sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: places.count, by: rowsPerPortion) {
                let part = Array(places[start..<min(start + rowsPerPortion, places.count)])
                if rows + part.count > rowsPerPortion {
                    portions.append([])
                    rows = 0
                }
                portions[portions.count - 1].append((source, part))
                rows += part.count
            }
        }
        return portions
    }
}

extension EventRow {
    /// About what it takes in memory and as text.
    fileprivate var byteCount: Int {
        fields.reduce(128) { sum, field in
            var size = 32 + field.name.utf8.count
            if case .string(let text) = field.value { size += text.utf8.count }
            return sum + size
        }
    }
}

/// Reads whole events of one source: of each column the values of the rows that are shown.
private struct EventReader {
    private let plan: QueryPlan
    /// The rows that are read; `fields` has an entry for each.
    private let rows: [Int]
    /// The fields that each has: with thousands of columns, few of all there are.
    private var fields: [[(name: String, value: FieldValue)]]
    private let times: [Int64]
    private let received: [Int64]
    private let rates: [UInt32]?
    private let datasets: CodedLane
    private let evaluator: SourceEvaluator
    private let wanted: Set<String>?
    /// Bytes of the columns that are read, as they are kept.
    private(set) var bytesScanned = 0

    private init(
        _ source: any EventSource, _ rows: [Int], _ plan: QueryPlan, _ memo: DictionaryMemo
    ) throws {
        self.plan = plan
        self.rows = rows
        fields = [[(name: String, value: FieldValue)]](repeating: [], count: rows.count)
        times = try source.loadTimestamps()
        received = try source.loadReceived()
        rates = try source.loadSampleRates()
        datasets = try source.loadDatasets()
        evaluator = plan.columns(of: source, memo)
        var wanted: Set<String>?
        if case .events(let listing) = plan.query.shape { wanted = listing.fields.map { Set($0) } }
        self.wanted = wanted
    }

    /// Columns that one thread reads before it asks for more.
    private static let columnsPerTask = 8

    /// Readers of some rows of each source; the columns of all are shared out among the threads.
    static func readers(
        _ shares: [(source: any EventSource, rows: [Int])], _ plan: QueryPlan,
        _ memo: DictionaryMemo, _ pool: WorkerPool
    ) throws -> [EventReader] {
        var readers = try shares.map { try EventReader($0.source, $0.rows, plan, memo) }
        var tasks: [(share: Int, names: ArraySlice<String>)] = []
        for (share, reader) in readers.enumerated() {
            let names = shares[share].source.fieldNames.filter {
                reader.wanted?.contains($0) ?? true || $0 == EventBatch.spillName
            }
            shares[share].source.willRead(names)
            for start in stride(from: 0, to: names.count, by: columnsPerTask) {
                tasks.append((share, names[start..<min(start + columnsPerTask, names.count)]))
            }
        }
        let (planned, inputs) = (tasks, shares)
        let columns = pool.parallelMap(planned.count) { index in
            let task = planned[index]
            let (source, rows) = inputs[task.share]
            return Result {
                try task.names.map { ($0, try source.values(ofColumn: $0, at: rows)) }
            }
        }
        for (task, result) in zip(planned, columns) {
            for (name, values) in try result.get() where readers[task.share].add(name, values) {
                readers[task.share].bytesScanned +=
                    shares[task.share].source.storedByteCount(ofColumn: name)
            }
        }
        return readers
    }

    /// Adds the values of a field, one a row or none; false when none of the rows has any.
    private mutating func add(_ name: String, _ values: [FieldValue]) -> Bool {
        var isMet = false
        for (index, value) in values.enumerated() where !value.isMissing {
            fields[index].append((name, value))
            isMet = true
        }
        return isMet
    }

    /// The event of row `rows[index]`.
    func row(_ index: Int) throws -> EventRow {
        let row = rows[index]
        var found: [String: FieldValue] = [:]
        for (name, value) in fields[index] {
            if name == EventBatch.spillName, case .string(let text) = value {
                for field in Spill.fields(text) where wanted?.contains(field.name) ?? true {
                    found[field.name] = field.value
                }
            } else {
                found[name] = value
            }
        }
        for (name, expression) in plan.definitions where wanted?.contains(name) ?? true {
            let value = try evaluator.column(expression)?.value(at: row) ?? .missing
            found[name] = value.isMissing ? nil : value
        }
        var dataset = ""
        if case .string(let name) = datasets.dictionary.value(ofCode: datasets.codes[row]) {
            dataset = name
        }
        return EventRow(
            timestamp: times[row], received: received[row], dataset: dataset,
            sampleRate: rates?[row] ?? 1,
            fields: found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}

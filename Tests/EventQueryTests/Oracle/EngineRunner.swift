import Compute
import EventQuery
import EventStore
import Events
import Host
import TestSupport
import Testing

/// How the events of a test lie when the engine reads them.
enum EngineLayout: CaseIterable {
    /// Batches of a few events, each with dictionaries of its own.
    case head
    /// One sealed segment.
    case sealed
    /// Two segments and a head, the events dealt out among them.
    case mixed
}

/// A segment file in memory.
final class MemoryFile: SegmentFile {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    struct OutOfFile: Error {}

    var byteCount: Int { bytes.count }

    func read(at offset: Int, count: Int) throws -> [UInt8] {
        guard offset >= 0, count >= 0, offset + count <= bytes.count else { throw OutOfFile() }
        return Array(bytes[offset..<offset + count])
    }
}

/// The engine over events of a test, with its answers in the oracle's form.
struct EngineRunner {
    private let sources: [any EventSource]
    private let engine: QueryEngine
    private let now: Int64

    init(_ events: [ModelEvent], _ layout: EngineLayout, now: Int64) throws {
        self.now = now
        engine = QueryEngine(pool: try WorkerPool(parallelism: 2), clock: SimulatedClock())
        switch layout {
        case .head: sources = EngineRunner.batches(events)
        case .sealed: sources = try EngineRunner.segment(events)
        case .mixed:
            func dealt(_ hand: Int) -> [ModelEvent] {
                events.enumerated().filter { $0.offset % 3 == hand }.map(\.element)
            }
            sources =
                try EngineRunner.segment(dealt(0)) + EngineRunner.segment(dealt(1))
                + EngineRunner.batches(dealt(2))
        }
    }

    /// An engine of the test's own over sources of its own.
    init(_ sources: [any EventSource], _ engine: QueryEngine, now: Int64) {
        self.sources = sources
        self.engine = engine
        self.now = now
    }

    private static func batches(_ events: [ModelEvent]) -> [any EventSource] {
        let size = max(1, events.count / 5)
        return stride(from: 0, to: events.count, by: size).map { start in
            makeBatch(Array(events[start..<min(start + size, events.count)]))
        }
    }

    private static func segment(_ events: [ModelEvent]) throws -> [any EventSource] {
        if events.isEmpty { return [] }
        var bytes: [UInt8] = []
        _ = try SegmentWriter.write(batches(events)) { bytes += $0 }
        let cache = DecodedColumnCache(bytesMax: 1 << 20)
        return try Segment(MemoryFile(bytes), cache: cache).rowGroups
    }

    func trace(_ id: String, _ naming: TraceNaming) throws -> TraceAnswer {
        try engine.trace(id, naming, over: sources, now: now)
    }

    func events(of answer: TraceAnswer) throws -> [EventRow?] {
        try engine.events(of: answer, answer.trace.nodes.indices)
    }

    func answer(
        _ query: Query, isExact: Bool = true, options: QueryOptions = QueryOptions()
    ) throws -> Answer {
        EngineRunner.answer(try found(query, isExact: isExact, options: options))
    }

    /// The engine's answer in its own form.
    func found(
        _ query: Query, isExact: Bool = true, options: QueryOptions = QueryOptions()
    ) throws -> QueryAnswer {
        var options = options
        options.isExact = isExact
        options.wantsTotals = true
        return try engine.answer(query, over: sources, now: now, options: options)
    }

    static func answer(_ answer: QueryAnswer) -> Answer {
        switch answer.content {
        case .events(let rows): return Answer(events: rows.map(Answer.Listed.init))
        case .comparison(let comparisons):
            return Answer(
                compared: comparisons.fields.map(Answer.Compared.init).sorted {
                    $0.field < $1.field
                })
        case .statistics(let table):
            var found = Answer(groups: table.rows.map(Answer.Row.init))
            found.series = EngineRunner.series(table.series)
            if let total = table.total {
                found.totals = (
                    total.map(Answer.Cell.init), table.other.map { $0.map(Answer.Cell.init) }
                )
            }
            if let earlier = table.compared {
                let groups = earlier.rows.map(Answer.Row.init)
                found.earlier = (groups, EngineRunner.series(earlier.series))
            }
            return found
        }
    }

    /// The series by time and then by group key.
    private static func series(
        _ rows: [StatisticsTable.SeriesRow]
    ) -> [(time: Int64, row: Answer.Row)] {
        rows.map { ($0.time, Answer.Row($0.row)) }.sorted { first, second in
            if first.0 != second.0 { return first.0 < second.0 }
            return first.1.keys.lexicographicallyPrecedes(second.1.keys)
        }
    }
}

extension Answer.Listed {
    fileprivate init(_ row: EventRow) {
        let fields = Dictionary(row.fields.map { ($0.name, $0.value) }) { first, _ in first }
        self.init(
            timestamp: row.timestamp, dataset: row.dataset, rate: row.sampleRate, fields: fields)
    }
}

extension Answer.Compared {
    fileprivate init(_ field: FieldComparisons.Field) {
        func pair(_ count: ComparedCount) -> [UInt64] { [count.selection, count.baseline] }
        let comparison = field.comparison
        self.init(
            field: field.name, isMeasure: comparison.isMeasure,
            values: comparison.values.map { Counted(value: $0.value, counts: pair($0.count)) },
            missing: pair(comparison.missing),
            binned: comparison.isMeasure
                ? comparison.bins.reduce([0, 0]) {
                    [$0[0] + $1.count.selection, $0[1] + $1.count.baseline]
                } : [])
    }
}

extension Answer.Row {
    fileprivate init(_ row: StatisticsTable.Row) {
        self.init(keys: row.group, cells: row.values.map(Answer.Cell.init))
    }
}

extension Answer.Cell {
    fileprivate init(_ value: AggregateValue) {
        switch value {
        case .value(let value): self = .value(value)
        case .histogram(let bins): self = .bins(bins.map { ($0.low, $0.high, $0.count) })
        case .exponential(let counts): self = .bins(Answer.Cell.bins(of: counts))
        }
    }

    /// A bucket holds its edge farther from 0 and a bin the other one: all edges move by one float.
    private static func bins(
        of counts: ExponentialCounts
    ) -> [(low: Double, high: Double, count: UInt64)] {
        func edge(_ index: Int) -> Double {
            ExponentialCounts.upperBound(ofBucket: index, scale: counts.scale).nextUp
        }
        var bins: [(low: Double, high: Double, count: UInt64)] = []
        for (place, count) in counts.negative.counts.enumerated().reversed() where count > 0 {
            let index = counts.negative.offset + place
            bins.append((-edge(index), -edge(index - 1), count))
        }
        if counts.zeroCount > 0 { bins.append((0, 0, counts.zeroCount)) }
        for (place, count) in counts.positive.counts.enumerated() where count > 0 {
            let index = counts.positive.offset + place
            bins.append((edge(index - 1), edge(index), count))
        }
        return bins
    }
}

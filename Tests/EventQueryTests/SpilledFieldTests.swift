import EventQuery
import Events
import Host
import Synchronization
import TestSupport
import Testing

/// A batch that notes which columns are read.
private final class ObservedBatch: EventSource {
    private let batch: EventBatch
    private let read = Mutex<Set<String>>([])

    init(_ batch: EventBatch) { self.batch = batch }

    /// The names of the columns that were read.
    var namesRead: Set<String> { read.withLock { $0 } }

    var rows: Int { batch.rows }
    var timeBounds: ClosedRange<Int64> { batch.timeBounds }
    var fieldNames: [String] { batch.fieldNames }
    func loadTimestamps() throws -> [Int64] { batch.timestamps }
    func loadReceived() throws -> [Int64] { batch.received }
    func loadSampleRates() throws -> [UInt32]? { batch.sampleRates }
    func loadDatasets() throws -> CodedLane { batch.datasets }
    func mayHaveSpilled(_ name: String) throws -> Bool { batch.mayHaveSpilled(name) }
    func storedByteCount(ofColumn name: String) -> Int { batch.storedByteCount(ofColumn: name) }

    func loadColumn(_ name: String) throws -> Column? {
        read.withLock { _ = $0.insert(name) }
        return batch[name]
    }
}

/// Questions to a batch some of whose fields found no column.
@Suite struct SpilledFieldTests {
    private static let rows = 600

    /// Events with ten fields each of so many that 2,000 of them spill.
    private static let events = (0..<rows).map { row in
        var fields: [String: FieldValue] = [
            "service": .string("s\(row % 5)"), "n": .int(Int64(row % 7)),
        ]
        for place in 0..<10 { fields["rare.\(row * 10 + place)"] = .int(Int64(place)) }
        return ModelEvent(timestamp: Int64(row), fields: fields)
    }

    /// The difference from what is right, if any, and the columns that were read.
    private func asked(_ stages: String) throws -> (difference: String?, namesRead: Set<String>) {
        let (query, now) = (try Query(parsing: "from * | last 1us | \(stages)"), Int64(1_000))
        let source = ObservedBatch(makeBatch(SpilledFieldTests.events))
        #expect(try source.mayHaveSpilled("rare.5999"))
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SimulatedClock())
        let found = try EngineRunner([source], engine, now: now).answer(query)
        let expected = NaiveEvaluator(events: SpilledFieldTests.events, now: now).answer(query)
        return (difference(expected, found), source.namesRead)
    }

    @Test(arguments: [
        "stats count() by service", "where n = 3 | stats sum(n) by service",
        "where service = \"s1\" and n < 3 | stats count()",
    ])
    func `a question about fields with columns reads nothing of those that spilled`(
        stages: String
    ) throws {
        let (difference, namesRead) = try asked(stages)
        #expect(difference == nil)
        #expect(!namesRead.isEmpty && namesRead.isSubset(of: ["service", "n"]))
    }

    @Test(arguments: ["rare.17", "rare.5999"])
    func `fields are found whether they spilled or not`(name: String) throws {
        let (difference, _) = try asked(
            "where exists(\(name)) | stats count(), sum(\(name)) by service")
        #expect(difference == nil)
    }
}

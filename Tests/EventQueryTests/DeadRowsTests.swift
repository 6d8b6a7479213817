import Compute
import EventQuery
import Events
import Host
import TestSupport
import Testing

/// A batch of which the rows of one dataset are dead.
private final class HalfDead: EventSource {
    private let batch: EventBatch
    private let dead: FieldValue

    init(_ batch: EventBatch, dead: String) {
        self.batch = batch
        self.dead = .string(dead)
    }

    var rows: Int { batch.rows }
    var timeBounds: ClosedRange<Int64> { batch.timeBounds }
    var fieldNames: [String] { batch.fieldNames }
    var hasDeadRows: Bool { true }
    func loadTimestamps() throws -> [Int64] { batch.timestamps }
    func loadReceived() throws -> [Int64] { batch.received }
    func loadSampleRates() throws -> [UInt32]? { batch.sampleRates }
    func loadColumn(_ name: String) throws -> Column? { batch[name] }
    func storedByteCount(ofColumn name: String) -> Int { 0 }

    func loadDatasets() throws -> CodedLane {
        let lane = batch.datasets
        let codes = lane.codes.widened().map { code in
            lane.dictionary.value(ofCode: code) == dead ? 0 : code
        }
        return CodedLane(
            dictionary: lane.dictionary,
            codes: CodeArray(codes, highest: UInt32(lane.dictionary.count)))
    }
}

@Suite struct DeadRowsTests {
    @Test(arguments: ["from *", "from shop", "from old", "from shop, old"])
    func `rows of a dataset past its retention answer nothing`(from: String) throws {
        let events = (0..<100).map { row in
            ModelEvent(
                timestamp: Int64(row), dataset: row % 4 == 0 ? "old" : "shop",
                fields: ["n": .int(Int64(row))])
        }
        let source = HalfDead(makeBatch(events), dead: "old")
        let engine = QueryEngine(pool: try WorkerPool(parallelism: 1), clock: SystemClock())
        let query = try Query(parsing: "\(from) | last 1s | stats count()")
        let answer = try engine.answer(query, over: [source], now: 1_000)
        guard case .statistics(let table) = answer.content else {
            Issue.record("no table")
            return
        }
        #expect(table.rows[0].values == [.value(.int(from == "from old" ? 0 : 75))])
    }
}

internal import Bytes
public import EventStore
public import Events

extension Arrivals {
    /// The new events as sources of a query.
    public var sources: [any EventSource] {
        batches.enumerated().map { index, batch -> any EventSource in
            if index == 0, firstRow > 0 { return ArrivedRows(batch, from: firstRow) }
            return batch
        }
    }
}

/// A batch of which the first rows were seen before: they belong to no dataset.
private final class ArrivedRows: EventSource {
    private let batch: EventBatch
    private let firstRow: Int

    init(_ batch: EventBatch, from firstRow: Int) {
        self.batch = batch
        self.firstRow = firstRow
    }

    var rows: Int { batch.rows }
    var hasDeadRows: Bool { true }
    var timeBounds: ClosedRange<Int64> { batch.timeBounds }
    var fieldNames: [String] { batch.fieldNames }
    func storedByteCount(ofColumn name: String) -> Int { batch.storedByteCount(ofColumn: name) }
    func loadTimestamps() throws -> [Int64] { batch.timestamps }
    func loadReceived() throws -> [Int64] { batch.received }
    func loadSampleRates() throws -> [UInt32]? { batch.sampleRates }
    func loadColumn(_ name: String) throws -> Column? { batch[name] }
    func mayHaveSpilled(_ name: String) -> Bool { batch.mayHaveSpilled(name) }

    func loadDatasets() throws -> CodedLane {
        var codes = batch.datasets.codes.widened()
        for row in 0..<firstRow { codes[row] = 0 }
        return CodedLane(
            dictionary: batch.datasets.dictionary,
            codes: CodeArray(codes, highest: UInt32(batch.datasets.dictionary.count)))
    }
}

public import Events

/// All events of an environment at one moment; immutable, so that a query needs no lock.
///
/// Batches and segments together hold each accepted event exactly once. Files of segments that were
/// replaced meanwhile stay as long as a snapshot knows them.
public struct EventStoreSnapshot: Sendable {
    /// Events that are not in segments yet, in the order of their arrival.
    public let head: [EventBatch]
    public let segments: [StoredSegment]

    public init(head: [EventBatch], segments: [StoredSegment]) {
        self.head = head
        self.segments = segments
    }

    /// Rows of all parts, dead ones not counted.
    public var rows: Int {
        head.reduce(0) { $0 + $1.rows } + segments.reduce(0) { $0 + $1.rows }
    }

    /// Datasets that have events.
    public var datasets: Set<String> {
        var names = Set(segments.flatMap { $0.datasets.map(\.name) })
        for batch in head {
            let lane = batch.datasets
            for code in Set(lane.codes.widened()) {
                if case .string(let name) = lane.dictionary.value(ofCode: code) {
                    names.insert(name)
                }
            }
        }
        return names
    }
}

/// One segment as a snapshot sees it: what the manifest knows of it, and its file when asked for.
public struct StoredSegment: Sendable {
    private let handle: SegmentHandle
    /// The datasets whose rows are dead: they are in the file, but no query may count them.
    public let deadDatasets: Set<String>
    /// The datasets a query may count, with their rows and times.
    public let datasets: [StoredDataset]

    init(_ handle: SegmentHandle, dead: Set<String>) {
        self.handle = handle
        deadDatasets = dead
        datasets = handle.entry.datasets.filter { !dead.contains($0.name) }
            .map { StoredDataset(name: $0.name, rows: $0.rows, timeBounds: $0.timeBounds) }
    }

    public var fileName: String { handle.entry.fileName }

    /// Rows that are not dead.
    public var rows: Int { datasets.reduce(0) { $0 + $1.rows } }

    /// Bytes of the file.
    public var byteCount: Int { Int(clamping: handle.entry.bytes) }

    /// The earliest and the latest time of rows that are not dead; nil when all are.
    public var timeBounds: ClosedRange<Int64>? {
        guard let low = datasets.map(\.timeBounds.lowerBound).min(),
            let high = datasets.map(\.timeBounds.upperBound).max()
        else { return nil }
        return low...high
    }

    /// Opens the file, once for all who ask; reads its footer only.
    ///
    /// Throws `SegmentError` or `HostError` when it cannot be read.
    public func open() throws -> Segment { try handle.open() }
}

/// One dataset's part of a segment.
public struct StoredDataset: Hashable, Sendable {
    public let name: String
    public let rows: Int
    /// Earliest and latest event time, nanoseconds since 1970.
    public let timeBounds: ClosedRange<Int64>
}

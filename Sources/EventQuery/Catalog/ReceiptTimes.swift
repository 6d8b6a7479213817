public import EventStore
internal import Events
internal import Synchronization

/// When the events of each dataset were received; what was found in a segment is kept, since a segment
/// never changes.
public final class ReceiptTimes: Sendable {
    /// First and last receipt of a dataset's events by its name, nanoseconds since 1970.
    public typealias Bounds = [String: ClosedRange<Int64>]

    private struct Key: Hashable {
        let environment: String
        let fileName: String
    }

    private let known = Mutex<[Key: Bounds]>([:])

    /// Segments of which it is kept at most; beyond them all are forgotten and found anew.
    private static let knownMax = 4096

    public init() {}

    /// Of all events of a snapshot.
    ///
    /// - Parameter environment: whose snapshot it is.
    /// - Throws: what opening or reading a segment throws.
    public func bounds(in snapshot: EventStoreSnapshot, environment: String) throws -> Bounds {
        var all: Bounds = [:]
        for stored in snapshot.segments {
            let found = try bounds(of: stored, environment: environment)
            for dataset in stored.datasets {
                if let bounds = found[dataset.name] { all.extend(dataset.name, to: bounds) }
            }
        }
        for batch in snapshot.head { all.add(batch.datasets, batch.received) }
        return all
    }

    /// Of the events of one segment, those of dead datasets too.
    func bounds(of stored: StoredSegment, environment: String) throws -> Bounds {
        let key = Key(environment: environment, fileName: stored.fileName)
        if let found = known.withLock({ $0[key] }) { return found }
        let found = try ReceiptTimes.bounds(of: try stored.open())
        known.withLock { known in
            if known.count >= ReceiptTimes.knownMax { known.removeAll() }
            known[key] = found
        }
        return found
    }

    private static func bounds(of segment: Segment) throws -> Bounds {
        var found: Bounds = [:]
        var first = 0
        for group in segment.rowGroups {
            let end = first + group.rows
            let whole = segment.runs.first { $0.firstRow <= first && end <= $0.firstRow + $0.rows }
            if let whole, let bounds = group.receivedBounds {
                // Fast path: the footer knows it of the whole group.
                found.extend(whole.dataset, to: bounds)
            } else {
                found.add(try group.loadDatasets(), try group.loadReceived())
            }
            first = end
        }
        return found
    }
}

extension ReceiptTimes.Bounds {
    fileprivate mutating func extend(_ name: String, to bounds: ClosedRange<Int64>) {
        self[name] = self[name]?.spanning(bounds) ?? bounds
    }

    /// Adds rows: the dataset and the receipt of each.
    fileprivate mutating func add(_ datasets: CodedLane, _ received: [Int64]) {
        var bounds: [UInt32: ClosedRange<Int64>] = [:]
        for (row, time) in received.enumerated() {
            let code = datasets.codes[row]
            guard let known = bounds[code] else {
                bounds[code] = time...time
                continue
            }
            if !known.contains(time) { bounds[code] = known.spanning(time...time) }
        }
        for (code, bounds) in bounds {
            if case .string(let name) = datasets.dictionary.value(ofCode: code) {
                extend(name, to: bounds)
            }
        }
    }
}

extension ClosedRange<Int64> {
    /// The shortest range that holds both.
    fileprivate func spanning(_ other: ClosedRange<Int64>) -> ClosedRange<Int64> {
        Swift.min(lowerBound, other.lowerBound)...Swift.max(upperBound, other.upperBound)
    }
}

internal import EventStore
internal import Events

/// What an environment's snapshot tells of its datasets.
struct DatasetOverview {
    struct Entry {
        /// Earliest and latest event, nanoseconds since 1970.
        var timeBounds: ClosedRange<Int64>
    }

    /// By the dataset's name.
    private(set) var entries: [String: Entry] = [:]

    init(_ snapshot: EventStoreSnapshot) {
        for segment in snapshot.segments {
            for dataset in segment.datasets { add(dataset.name, dataset.timeBounds) }
        }
        for batch in snapshot.head { addHead(batch) }
    }

    /// A batch usually holds one dataset; of several the rows have to be looked at.
    private mutating func addHead(_ batch: EventBatch) {
        let lane = batch.datasets
        var bounds: [UInt32: (low: Int64, high: Int64)] = [:]
        for row in 0..<batch.rows {
            let time = batch.timestamps[row]
            let known = bounds[lane.codes[row]] ?? (time, time)
            bounds[lane.codes[row]] = (min(known.low, time), max(known.high, time))
        }
        for (code, (low, high)) in bounds {
            if case .string(let name) = lane.dictionary.value(ofCode: code) {
                add(name, low...high)
            }
        }
    }

    private mutating func add(_ name: String, _ bounds: ClosedRange<Int64>) {
        let known = entries[name]?.timeBounds ?? bounds
        entries[name] = Entry(
            timeBounds: min(
                known.lowerBound, bounds.lowerBound)...max(
                    known.upperBound, bounds.upperBound))
    }
}

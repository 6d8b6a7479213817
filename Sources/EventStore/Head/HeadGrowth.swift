internal import Events

/// The batches of an environment's head that still grow.
///
/// Whoever looks at the head takes them first, so that nobody sees half of a group of requests.
struct HeadGrowth: Sendable {
    /// The kept events of one growing batch.
    struct Part: Sendable {
        let batch: any GrowingBatch
        var rows: Int
        /// Bytes they take in memory, about.
        var byteCount: Int
        /// Of the first and the last record with events among them.
        var sequences: ClosedRange<UInt64>
        /// As `HeadList.Part` has them.
        let arrivedAt: Int64
        let logBytesBefore: UInt64
    }

    private(set) var parts: [Part] = []

    var rows: Int { parts.reduce(0) { $0 + $1.rows } }
    var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }
    var firstSequence: UInt64? { parts.map(\.sequences.lowerBound).min() }

    /// Counts events that a batch has kept.
    mutating func add(_ grown: Part) {
        guard let index = parts.firstIndex(where: { $0.batch === grown.batch }) else {
            return parts.append(grown)
        }
        parts[index].rows += grown.rows
        parts[index].byteCount += grown.byteCount
        parts[index].sequences =
            parts[index].sequences.lowerBound...grown.sequences.upperBound
    }

    /// Takes the batches that satisfy a condition, as parts of a head.
    mutating func take(_ isWanted: (any GrowingBatch) -> Bool) -> [HeadList.Part] {
        let taken = parts.filter { isWanted($0.batch) }
        parts.removeAll { isWanted($0.batch) }
        return taken.map { part in
            let batch = part.batch.takeKept()
            precondition(batch.rows == part.rows, "BUG: a batch grew by other events")
            return HeadList.Part(
                batch: batch, sequences: part.sequences, arrivedAt: part.arrivedAt,
                logBytesBefore: part.logBytesBefore)
        }
    }
}

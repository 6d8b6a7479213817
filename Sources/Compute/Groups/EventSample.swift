public import Bytes
public import Events

/// A share of all events, the same ones whenever and wherever they are looked at.
///
/// Whether an event is in it is told by its time, its time of receipt, and, among events of its dataset
/// that share both, how many came before it. A sample of a smaller share is part of every larger one.
public struct EventSample: Hashable, Sendable {
    /// How likely an event is in the sample; above 0, at most 1.
    public let share: Double

    public init(share: Double) { self.share = share }

    /// How many events one of the sample stands for, where that is a whole number; else nil.
    public var rate: UInt32? {
        let rate = (1 / share).rounded()
        guard rate <= 1e9, (rate * share - 1).magnitude < 1e-9 else { return nil }
        return UInt32(rate)
    }

    /// The rows of a source that are in the sample.
    ///
    /// Rows cut apart by the end of a source are counted anew behind it.
    public func rows(of source: any EventSource) throws -> Bitmap {
        let times = try source.loadTimestamps()
        let received = try source.loadReceived()
        let ordinals = try source.ordinals(times, received)
        let bound = share >= 1 ? UInt64.max : UInt64(share * 0x1p64)
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(times.count))
        for row in times.indices {
            let hash = EventSample.hash(times[row], received[row], ordinals[row] ?? 0)
            if hash <= bound { words[row >> 6] |= 1 << UInt64(row & 63) }
        }
        return Bitmap(count: times.count, words: words)
    }

    /// SplitMix64 over the three.
    private static func hash(_ time: Int64, _ received: Int64, _ ordinal: UInt32) -> UInt64 {
        mix(mix(mix(UInt64(bitPattern: time)) ^ UInt64(bitPattern: received)) ^ UInt64(ordinal))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What rows share that only their order tells apart.
private struct Likeness: Hashable {
    let time: Int64
    let received: Int64
    let dataset: UInt32
}

/// For few rows how many like them came before; none for all others.
private struct RowOrdinals {
    var counts: [Int: UInt32] = [:]

    subscript(row: Int) -> UInt32? { counts.isEmpty ? nil : counts[row] }
}

extension EventSource {
    /// For each row that shares dataset, time and receipt with earlier ones how many those are.
    fileprivate func ordinals(_ times: [Int64], _ received: [Int64]) throws -> RowOrdinals {
        var ordinals = RowOrdinals()
        if ascendingRuns.isEmpty {
            let datasets = try loadDatasets().codes
            var seen: [Likeness: UInt32] = [:]
            for row in times.indices {
                let likeness = Likeness(
                    time: times[row], received: received[row], dataset: datasets[row])
                let count = seen[likeness, default: 0]
                seen[likeness] = count + 1
                if count > 0 { ordinals.counts[row] = count }
            }
            return ordinals
        }
        // Fast path: a run is of one dataset and in order of time, so like rows are neighbours.
        for run in ascendingRuns {
            for row in run.dropFirst()
            where times[row] == times[row - 1] && received[row] == received[row - 1] {
                ordinals.counts[row] = (ordinals[row - 1] ?? 0) + 1
            }
        }
        return ordinals
    }
}

public import Host

internal import Synchronization

/// What each step of a question took, added up over all threads; for who asks where its time goes.
public final class QueryTrace: Sendable {
    /// A step, in the order in which each source goes through them.
    public enum Place: Hashable, Comparable, Sendable {
        case datasets
        case time
        case sample
        /// The condition of this place in the plan.
        case condition(Int)
        /// What is asked of other events of the trace.
        case relatives
        /// Group keys and time buckets as cells.
        case groups
        case aggregates
        /// The first events of a source by the order of the answer.
        case order
        /// Partials of threads and segments as one.
        case merge
        /// Rows of the answer: ordered, cut off, totals.
        case answer
        /// The fields of the events that are answered.
        case fields
    }

    /// What was done at one place.
    public struct Step: Sendable {
        public let place: Place
        /// Batches and row groups that came here.
        public internal(set) var sources = 0
        /// Of those, the ones that were found to matter no further without reading their values.
        public internal(set) var sourcesRuledOut = 0
        /// Rows (or groups) that came here, and that went on.
        public internal(set) var rowsIn = 0
        public internal(set) var rowsOut = 0
        /// Bytes of the fields that were read here, as they are kept.
        public internal(set) var bytes = 0
        /// Time of all threads together.
        public internal(set) var nanoseconds: Int64 = 0
    }

    private let clock: any HostClock
    private let found = Mutex<[Place: Step]>([:])

    public init(clock: any HostClock) { self.clock = clock }

    /// All steps that were taken, in their order.
    public var steps: [Step] {
        found.withLock { $0.values.sorted { $0.place < $1.place } }
    }

    var now: Int64 { clock.monotonicNanoseconds() }

    func note(
        _ place: Place, rowsIn: Int, rowsOut: Int, bytes: Int = 0, isRuledOut: Bool = false,
        since start: Int64?
    ) {
        let elapsed = start.map { now &- $0 } ?? 0
        found.withLock { found in
            var step = found[place] ?? Step(place: place)
            step.sources += 1
            step.sourcesRuledOut += isRuledOut ? 1 : 0
            step.rowsIn += rowsIn
            step.rowsOut += rowsOut
            step.bytes += bytes
            step.nanoseconds += elapsed
            found[place] = step
        }
    }
}

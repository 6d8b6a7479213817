public import Compute
internal import Synchronization

/// How a query is to be answered; what it asks is in `Query`.
public struct QueryOptions: Sendable {
    /// Percentiles without approximation.
    public var isExact = false
    /// All groups as one, and those left out as one, beside the rows.
    public var wantsTotals = false
    /// Whether what was counted of sealed segments for the same question before may be taken again.
    public var usesCache = true
    /// What the bins of heatmaps are to be; nil for four an octave, each cell its own.
    public var heatmap: HeatmapOptions?
    /// The bins of each heatmap, by its name in the answer; the engine finds them.
    var heatmapBins: [String: NumberBins] = [:]
    /// Fields that are worked out from those that were sent, by name; what the query derives itself
    /// goes before them.
    public var definitions: [String: Expression] = [:]
    /// What is to be told beside the answer, as of fields that could not be defined.
    public var warnings: [String] = []
    /// Under which names events say what their part in a trace is.
    public var naming = TraceNaming()
    /// Nanoseconds after which the best answer so far is given.
    public var timeLimit: Int64 = 30_000_000_000
    /// Bytes that the groups of one query may take.
    public var memoryLimit = 512 << 20
    /// Rows that the time series of all groups together may have.
    public var seriesRowsMax = 1_000_000
    /// Bytes that the events of one answer may take, names and 32 bytes a field included.
    public var listingLimit = 128 << 20

    /// Told of each step and what it took; nil to measure nothing.
    public var trace: QueryTrace?
    /// Where a listing goes on, of a query that was `continued(at:)` it; nil for its first page.
    public var cursor: ListingCursor?

    public init() {}
}

/// Lets another thread stop a query, as when its client is gone.
public final class QueryCancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    public init() {}

    public func cancel() { flag.store(true, ordering: .relaxed) }
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}

/// Why a query has no answer, in words for the one who asked.
public enum QueryFailure: Error, Sendable, CustomStringConvertible {
    /// The query asks for something that cannot be; the message says what could.
    case refused(String)
    /// The groups need more than the query's share of memory.
    case outOfMemory(limit: Int)
    /// All questions together need more memory than there is for them.
    case memoryIsShort
    /// The events of the answer are larger than one answer may be.
    case tooLarge(limit: Int)
    case cancelled
    /// Stored bytes could not be read.
    case storage(String)

    /// What a source threw while it was read.
    init(scanning error: any Error) {
        switch error {
        case let failure as QueryFailure: self = failure
        case let failure as DerivedValuesTooLarge: self = .refused(failure.description)
        default: self = .storage("\(error)")
        }
    }

    public var description: String {
        switch self {
        case .refused(let message): message
        case .outOfMemory(let limit):
            "the groups of this query need more than \(limit >> 20) MiB; "
                + "narrow the filter or the time range, or group by fewer fields"
        case .memoryIsShort:
            "the questions under way need all memory that there is for questions; ask again later"
        case .tooLarge(let limit):
            "the events of this answer take more than \(limit >> 20) MiB; "
                + "take fewer of them with limit, or fewer of their fields with fields"
        case .cancelled: "the query was cancelled"
        case .storage(let message): message
        }
    }
}

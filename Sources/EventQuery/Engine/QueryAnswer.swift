public import Compute
public import Events

/// The answer to a query, before anybody's format.
public struct QueryAnswer: Sendable {
    public enum Content: Sendable {
        case events([EventRow])
        case statistics(StatisticsTable)
        case comparison(FieldComparisons)
    }

    public var content: Content
    public var meta: AnswerMeta
}

/// One event as it was sent.
public struct EventRow: Sendable {
    /// Nanoseconds since 1970.
    public var timestamp: Int64
    public var received: Int64
    public var dataset: String
    public var sampleRate: UInt32
    /// The fields that the event has, of those asked for; sorted by name.
    public var fields: [(name: String, value: FieldValue)]

    public init(
        timestamp: Int64, received: Int64, dataset: String, sampleRate: UInt32,
        fields: [(name: String, value: FieldValue)]
    ) {
        self.timestamp = timestamp
        self.received = received
        self.dataset = dataset
        self.sampleRate = sampleRate
        self.fields = fields
    }
}

/// Numbers by group, and by time where a step was asked for.
public struct StatisticsTable: Sendable {
    public var groupNames: [String]
    /// The names of calculations, in the order in which they were asked for, then of formulas.
    public var calculationNames: [String]
    public var rows: [Row]
    /// Buckets that have events, of the groups in `rows`, by time, then in the order of `rows`.
    public var series: [SeriesRow] = []
    /// All groups as one, kept or not.
    public var total: [AggregateValue]?
    /// Of `total` and `other`, as in rows.
    public var totalBounds: [SamplingBounds?] = []
    public var otherBounds: [SamplingBounds?] = []
    /// The groups that `rows` leaves out, as one; nil when it leaves out none.
    public var other: [AggregateValue]?
    /// The bins that all groups and times of a heatmap share, by its name, where they were asked for.
    public var heatmapBins: [String: NumberBins] = [:]
    /// The same, this much earlier.
    public var compared: Compared?

    public struct Row: Sendable {
        /// One a group name.
        public var group: [FieldValue]
        /// One a calculation or formula.
        public var values: [AggregateValue]
        /// One a calculation, nil for those that are exact; none at all where nothing was sampled.
        public var bounds: [SamplingBounds?] = []
    }

    public struct SeriesRow: Sendable {
        /// Start of the bucket, nanoseconds since 1970.
        public var time: Int64
        public var row: Row
    }

    public struct Compared: Sendable {
        public var rows: [Row]
        public var series: [SeriesRow]
    }
}

extension StatisticsTable {
    /// What there is without events.
    public static let empty = StatisticsTable(groupNames: [], calculationNames: [], rows: [])
}

/// What was done for an answer, and how far it can be trusted.
public struct AnswerMeta: Sendable {
    /// Events that met the conditions, each counted once; of a listing, those of the batches and row
    /// groups that were looked at before its rows were found.
    public var events = 0
    /// Events looked at: those of the batches and row groups that could not be ruled out.
    public var rowsScanned = 0
    /// Bytes of the fields that were looked at in those, as they are kept: compressed in segments,
    /// in memory in the head.
    ///
    /// The dictionaries of segments are not counted.
    public var bytesScanned = 0
    /// The range of time that was asked about, nanoseconds since 1970, the end not included.
    public var timeRange: Range<Int64> = 0..<0
    /// Time was up before all events were seen.
    public var isPartial = false
    /// The relative error of each calculation that is approximate.
    public var approximate: [String: Double] = [:]
    /// Values that a calculation could not take, by its name.
    public var ignored: [String: Int] = [:]
    /// What the asker should know, such as a field that no event has.
    public var warnings: [String] = []
    /// Width of the series' buckets, nanoseconds.
    public var step: Int64?
    /// Where the next page of a listing begins; nil when there is none.
    public var cursor: ListingCursor?
    public var elapsedNanoseconds: Int64 = 0
}

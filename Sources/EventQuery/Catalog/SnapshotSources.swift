internal import Bytes
internal import Compute
public import EventStore
public import Events

extension EventStoreSnapshot {
    /// What a query has to read of this moment: batches of the head, then row groups of the
    /// segments that can hold something it asks about.
    ///
    /// A segment is left out only when the manifest proves that no row of it matters. Rows that
    /// retention has let go are no rows. Throws what opening a segment throws.
    ///
    /// - Parameter now: what `now` means in the query, nanoseconds since 1970.
    public func sources(for query: inout Query, now: Int64) throws -> [any EventSource] {
        if query.source == .all, segments.contains(where: { !$0.deadDatasets.isEmpty }) {
            // Dead rows have no dataset any more; asking for the living leaves them out.
            query.source = .named(datasets.sorted())
        }
        let range = query.absoluteRange(now: now)
        var wanted: Set<String>?
        // Relatives may be of any dataset.
        if case .named(let names) = query.source, !query.speaksOfRelatives {
            wanted = Set(names.map(DatasetName.key))
        }
        var sources: [any EventSource] = head
        for stored in segments {
            let matters = stored.datasets.contains { dataset in
                dataset.timeBounds.overlaps(range)
                    && wanted?.contains(DatasetName.key(dataset.name)) ?? true
            }
            guard matters else { continue }
            let segment = try stored.open()
            if stored.deadDatasets.isEmpty {
                sources += segment.rowGroups
            } else {
                sources += segment.rowGroups.map { LivingRows($0, dead: stored.deadDatasets) }
            }
        }
        return sources
    }
}

extension Query {
    /// The time asked about, that of a comparison included; both ends in.
    func absoluteRange(now: Int64) -> ClosedRange<Int64> {
        let range: (start: Int64, end: Int64)
        switch timeRange {
        case .last(let duration): range = (now.subtractingSaturated(duration), now)
        case .between(let start, let end): range = (start.time(now: now), end.time(now: now))
        }
        let start = range.start.subtractingSaturated(max(0, compareOffset ?? 0))
        return start...max(start, range.end)
    }
}

extension TimePoint {
    fileprivate func time(now: Int64) -> Int64 {
        switch self {
        case .absolute(let time): time
        case .beforeNow(let duration): now.subtractingSaturated(duration)
        }
    }
}

/// A row group some of whose datasets are dead: their rows belong to no dataset.
private final class LivingRows: EventSource {
    private let group: SegmentRowGroup
    private let dead: Set<String>

    init(_ group: SegmentRowGroup, dead: Set<String>) {
        self.group = group
        self.dead = dead
    }

    var rows: Int { group.rows }
    var hasDeadRows: Bool { true }
    var timeBounds: ClosedRange<Int64> { group.timeBounds }
    var fieldNames: [String] { group.fieldNames }
    var ascendingRuns: [Range<Int>] { group.ascendingRuns }

    func zone(ofColumn name: String) throws -> ColumnZone? { try group.zone(ofColumn: name) }

    func storedByteCount(ofColumn name: String) -> Int {
        group.storedByteCount(ofColumn: name)
    }

    var nameOwner: (any AnyObject & Sendable)? { group.nameOwner }
    func loadTimestamps() throws -> [Int64] { try group.loadTimestamps() }
    func loadReceived() throws -> [Int64] { try group.loadReceived() }
    func loadSampleRates() throws -> [UInt32]? { try group.loadSampleRates() }
    func loadColumn(_ name: String) throws -> Column? { try group.loadColumn(name) }

    func rows(equalTo text: String, inColumn name: String) throws -> Bitmap? {
        try group.rows(equalTo: text, inColumn: name)
    }

    func presence(ofColumn name: String) throws -> Bitmap? {
        try group.presence(ofColumn: name)
    }

    func mayHold(_ text: String, inColumn name: String) throws -> Bool {
        try group.mayHold(text, inColumn: name)
    }

    func willRead(_ names: [String]) { group.willRead(names) }

    func values(ofColumn name: String, at rows: [Int]) throws -> [FieldValue] {
        try group.values(ofColumn: name, at: rows)
    }

    func loadDatasets() throws -> CodedLane {
        let lane = try group.loadDatasets()
        var livingCode = [UInt32](repeating: 0, count: lane.dictionary.count + 1)
        for index in 0..<lane.dictionary.count {
            guard case .string(let name) = lane.dictionary[index], !dead.contains(name) else {
                continue
            }
            livingCode[index + 1] = UInt32(index + 1)
        }
        let codes = lane.codes.widened().map { livingCode[Int($0)] }
        return CodedLane(
            dictionary: lane.dictionary,
            codes: CodeArray(codes, highest: UInt32(lane.dictionary.count)))
    }
}

public import Bytes
public import Events

/// One row group of a segment, scanned like a batch; columns are decoded when they are asked for.
public final class SegmentRowGroup: EventSource {
    public let segment: Segment
    public let index: Int

    init(segment: Segment, index: Int) {
        self.segment = segment
        self.index = index
    }

    public var rows: Int { segment.footer.groupRows[index] }
    public var fieldNames: [String] { segment.fieldNames }

    public func zone(ofColumn name: String) throws -> ColumnZone? {
        guard let entry = segment.groupEntry(name, group: index) else { return nil }
        var zone = ColumnZone(hasTexts: entry.texts != nil)
        if let lane = entry.coded, let dictionary = try segment.dictionary(ofColumn: name),
            lane.low <= lane.high, let low = UInt32(exactly: lane.low),
            let high = UInt32(exactly: lane.high), Int(high) <= dictionary.count
        {
            zone.codes = (low...high, dictionary)
        } else if entry.coded != nil {
            return nil
        }
        if let lane = entry.ints {
            let (low, high) = (Int64(bitPattern: lane.low), Int64(bitPattern: lane.high))
            guard low <= high else { return nil }
            zone.ints = low...high
        }
        if let lane = entry.floats {
            let (low, high) = (Double(bitPattern: lane.low), Double(bitPattern: lane.high))
            guard low <= high else { return nil }
            zone.floats = low...high
        }
        return zone
    }

    public func storedByteCount(ofColumn name: String) -> Int {
        guard let entry = segment.groupEntry(name, group: index) else { return 0 }
        return [entry.coded, entry.ints, entry.floats, entry.texts].reduce(0) { bytes, lane in
            bytes + (lane?.values.length ?? 0) + (lane?.presence?.length ?? 0)
        }
    }

    public var nameOwner: (any AnyObject & Sendable)? { segment }

    public var timeBounds: ClosedRange<Int64> {
        bounds(ofColumn: SegmentFooter.timestampName) ?? .min ... .max
    }

    /// First and last receipt of its events, nanoseconds since 1970; nil when the footer does not say.
    public var receivedBounds: ClosedRange<Int64>? {
        bounds(ofColumn: SegmentFooter.receivedName)
    }

    private func bounds(ofColumn name: String) -> ClosedRange<Int64>? {
        guard let lane = segment.groupEntry(name, group: index)?.ints else { return nil }
        let (low, high) = (Int64(bitPattern: lane.low), Int64(bitPattern: lane.high))
        return low <= high ? low...high : nil
    }

    public var ascendingRuns: [Range<Int>] {
        let first = index * SegmentFormat.rowsPerGroup
        return segment.footer.runs.compactMap { run in
            let low = max(run.firstRow, first)
            let high = min(run.firstRow + run.rows, first + rows)
            return low < high ? low - first..<high - first : nil
        }
    }

    public func loadTimestamps() throws -> [Int64] {
        try integers(SegmentFooter.timestampName) ?? [Int64](repeating: 0, count: rows)
    }

    public func loadReceived() throws -> [Int64] {
        try integers(SegmentFooter.receivedName) ?? [Int64](repeating: 0, count: rows)
    }

    public func loadSampleRates() throws -> [UInt32]? {
        try integers(SegmentFooter.sampleRateName)?
            .map { UInt32(clamping: $0) }
    }

    private func integers(_ name: String) throws -> [Int64]? {
        try segment.column(name, group: index)?.ints?.values
    }

    public func loadDatasets() throws -> CodedLane {
        guard let lane = try segment.column(SegmentFooter.datasetName, group: index)?.coded else {
            throw SegmentError(message: "rows without a dataset", offset: 0)
        }
        return lane
    }

    public func loadColumn(_ name: String) throws -> Column? {
        try segment.column(name, group: index)
    }

    public func rows(equalTo text: String, inColumn name: String) throws -> Bitmap? {
        try segment.rows(equalTo: text, in: name, group: index)
    }

    public func presence(ofColumn name: String) throws -> Bitmap? {
        try segment.presence(of: name, group: index)
    }

    public func mayHold(_ text: String, inColumn name: String) throws -> Bool {
        try segment.mayHold(text, in: name, group: index)
    }

    public func values(ofColumn name: String, at rows: [Int]) throws -> [FieldValue] {
        try segment.values(of: name, group: index, at: rows)
    }

    public func willRead(_ names: [String]) { segment.announce(names, group: index) }
}

internal import Bytes
internal import Events
internal import Synchronization

/// An immutable file of events, opened: its footer is in memory, its values are read when asked for.
public final class Segment: Sendable {
    let footer: SegmentFooter
    let file: any SegmentFile
    let columnIndex: [String: Int]
    let cache: DecodedColumnCache
    /// For each column the end of the bytes that the machine was told to fetch.
    let announced: Mutex<[Int]>
    /// For each column and row group whether values were picked out of its blocks; made when needed.
    let picked = Mutex<Bitmap?>(nil)
    /// Tells this segment from others in the cache.
    let identity: Int

    /// Opens the footer and checks it; reads no values.
    ///
    /// - Parameters:
    ///   - file: the segment's bytes.
    ///   - cache: keeps decoded columns, usually one for all segments of a store.
    /// - Throws: `SegmentError`, or what `file` throws.
    public init(_ file: any SegmentFile, cache: DecodedColumnCache) throws {
        self.file = file
        self.cache = cache
        identity = cache.makeIdentity()
        footer = try SegmentFooter(reading: file)
        announced = Mutex([Int](repeating: 0, count: footer.columns.count))
        columnIndex = Dictionary(
            uniqueKeysWithValues: footer.columns.enumerated().map { ($1.name, $0) })
        let required = [
            SegmentFooter.timestampName, SegmentFooter.receivedName, SegmentFooter.datasetName,
        ]
        for name in required where columnIndex[name] == nil {
            throw SegmentError(message: "a column of every segment is not there", offset: 0)
        }
    }

    deinit { cache.remove(segment: identity) }

    public var rows: Int { footer.rows }
    public var byteCount: Int { file.byteCount }
    public var runs: [SegmentRun] { footer.runs }

    /// The row groups in row order, each scanned like a batch.
    public var rowGroups: [SegmentRowGroup] {
        footer.groupRows.indices.map { SegmentRowGroup(segment: self, index: $0) }
    }

    /// The names of all fields.
    public var fieldNames: [String] {
        footer.columns.lazy.map(\.name)
            .filter { !$0.hasPrefix("\u{0}") || $0 == EventBatch.spillName }
    }

    /// The zone of a column in one row group; nil when no row has it.
    func groupEntry(_ name: String, group: Int) -> SegmentFooter.GroupEntry? {
        columnIndex[name].map { footer.columns[$0].groups[group] }
    }

    func key(_ column: Int, _ part: DecodedColumnCache.Part) -> DecodedColumnCache.Key {
        DecodedColumnCache.Key(segment: identity, column: column, part: part)
    }
}

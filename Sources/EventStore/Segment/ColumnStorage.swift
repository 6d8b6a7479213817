internal import Bytes
internal import Events

/// How a column is kept in segments: what it costs, and in which encodings.
public struct ColumnStorage: Sendable {
    public let name: String
    /// Rows that have a value.
    public private(set) var rows = 0
    /// Distinct values in dictionaries, summed over segments; 0 when there is none.
    public private(set) var dictionaryEntries = 0
    /// Bytes of dictionaries.
    public private(set) var dictionaryBytes = 0
    /// Bytes of the values, codes among them.
    public private(set) var valueBytes = 0
    /// Bytes that say which rows have a value; a block that several columns share counts for each.
    public private(set) var presenceBytes = 0
    /// Blocks of values by encoding, as `codes as bits`.
    public private(set) var encodings: [String: Int] = [:]

    public var byteCount: Int { dictionaryBytes + valueBytes + presenceBytes }

    /// A column that is nowhere yet.
    public init(name: String) { self.name = name }

    fileprivate mutating func add(_ entry: SegmentFooter.DictionaryEntry) {
        dictionaryEntries += entry.count
        dictionaryBytes += entry.block.length
    }

    fileprivate mutating func add(_ lane: SegmentFooter.LaneEntry, encoding: String) {
        rows += lane.present
        valueBytes += lane.values.length
        presenceBytes += lane.presence?.length ?? 0
        encodings[encoding, default: 0] += 1
    }

    /// Adds what the same column costs elsewhere.
    public mutating func formUnion(_ other: ColumnStorage) {
        rows += other.rows
        dictionaryEntries += other.dictionaryEntries
        dictionaryBytes += other.dictionaryBytes
        valueBytes += other.valueBytes
        presenceBytes += other.presenceBytes
        encodings.merge(other.encodings, uniquingKeysWith: +)
    }
}

extension Segment {
    /// How the fields are kept here, in the order of their names; reads the first bytes of each block.
    ///
    /// Throws `SegmentError` or what the file throws.
    public func columnStorage() throws -> [ColumnStorage] {
        try footer.columns.compactMap { column in
            if column.name.hasPrefix("\u{0}") && column.name != EventBatch.spillName { return nil }
            var storage = ColumnStorage(name: column.name)
            if let dictionary = column.dictionary { storage.add(dictionary) }
            for group in column.groups {
                if let lane = group.coded {
                    storage.add(lane, encoding: "codes " + CodeCodec.name(try start(of: lane)))
                }
                if let lane = group.ints {
                    storage.add(
                        lane, encoding: "integers " + IntegerCodec.name(try start(of: lane)))
                }
                if let lane = group.floats {
                    storage.add(lane, encoding: "floats " + FloatCodec.name(try start(of: lane)))
                }
                if let lane = group.texts {
                    storage.add(lane, encoding: "strings " + TextCodec.name(try start(of: lane)))
                }
            }
            return storage
        }.sorted { $0.name < $1.name }
    }

    /// As much of a lane's block as tells its encoding.
    private func start(of lane: SegmentFooter.LaneEntry) throws -> ArraySlice<UInt8> {
        let block = lane.values
        return try file.read(at: block.offset, count: min(block.length, 16))[...]
    }
}

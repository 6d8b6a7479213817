internal import Bytes
internal import Events

/// The place in a listing at which its next page begins.
///
/// It names an event's position in the order of the answer, not a number of rows: a page that is asked
/// for later goes on where the last one ended, whatever arrived, was sealed or compacted meanwhile. The
/// time range is that of the first page.
///
/// Layout of the bytes, which clients see in base64url: version (1 byte), CRC-32C of what follows
/// (4), fingerprint of the question (4), time range (2 × 8), time and receipt of the last event (2 × 8),
/// its dataset, how many events equal to it were answered, its keys.
public struct ListingCursor: Hashable, Sendable {
    let fingerprint: UInt32
    let timeRange: Range<Int64>
    /// Of the last event that was answered.
    let position: ListingPosition
    /// Events of this very position that were answered, at least 1.
    let answered: Int

    private static let version: UInt8 = 1

    /// The cursor as clients keep it.
    public var text: String {
        var body = ByteWriter()
        body.write(fingerprint)
        body.write(timeRange.lowerBound)
        body.write(timeRange.upperBound)
        body.write(position.time)
        body.write(position.received)
        body.writeString(position.dataset)
        body.writeVarint(answered)
        body.writeVarint(position.keys.count)
        for key in position.keys { body.write(key) }
        var whole = ByteWriter()
        whole.write(ListingCursor.version)
        whole.write(Checksum.crc32c(body.bytes))
        whole.write(contentsOf: body.bytes)
        let text = whole.bytes.withUnsafeBufferPointer { Base64.text(of: $0) }
        return String(
            text.compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    /// Reads what `text` gives.
    ///
    /// Throws `QueryFailure.refused` when it is anything else.
    public init(text: String) throws(QueryFailure) {
        let bytes = Array(text.utf8).withUnsafeBufferPointer { Base64.bytes(of: $0) }
        do throws(DecodeError) {
            try self.init(decoding: bytes ?? [])
        } catch {
            throw .refused("the cursor is not one that an answer gave")
        }
    }

    private init(decoding bytes: [UInt8]) throws(DecodeError) {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt8.self) == ListingCursor.version,
            try reader.read(UInt32.self) == Checksum.crc32c(bytes[5...])
        else { throw DecodeError("another version, or damaged", at: 0) }
        fingerprint = try reader.read(UInt32.self)
        let (start, end) = (try reader.read(Int64.self), try reader.read(Int64.self))
        guard start <= end else { throw DecodeError("the range ends before it starts", at: 9) }
        timeRange = start..<end
        let (time, received) = (try reader.read(Int64.self), try reader.read(Int64.self))
        let dataset = try reader.readString(limit: EventLimits.datasetNameBytes)
        answered = try reader.readCount(limit: Int(Int32.max), "events")
        let count = try reader.readCount(limit: bytes.count, "keys")
        var keys: [FieldValue] = []
        for _ in 0..<count { keys.append(try reader.readFieldValue(limit: bytes.count)) }
        position = ListingPosition(keys: keys, time: time, received: received, dataset: dataset)
    }

    init(
        _ query: Query, _ timeRange: Range<Int64>, after position: ListingPosition, answered: Int
    ) {
        fingerprint = query.listingFingerprint
        self.timeRange = timeRange
        self.position = position
        self.answered = answered
    }
}

extension Query {
    /// The query for the page at a cursor, which a query for events gave that differs in no more than
    /// its datasets, its limit and its fields.
    ///
    /// Throws `QueryFailure.refused` when the cursor is another query's.
    public func continued(at cursor: ListingCursor) throws(QueryFailure) -> Query {
        guard case .events = shape else {
            throw .refused("only queries for events have pages; this one has stats or bubbleup")
        }
        guard cursor.fingerprint == listingFingerprint,
            cursor.position.keys.count == ListingOrder(effectiveSort).keys.count
        else { throw .refused("the cursor is that of another query") }
        var query = self
        query.timeRange = .between(
            .absolute(cursor.timeRange.lowerBound), .absolute(cursor.timeRange.upperBound))
        return query
    }

    /// Tells the queries apart whose pages must not be mixed.
    fileprivate var listingFingerprint: UInt32 {
        var query = self
        query.source = .all
        query.timeRange = .last(Query.defaultRange)
        query.shape = .events(EventListing())
        query.limit = nil
        query.sort = effectiveSort
        return Checksum.crc32c(Array(query.text.utf8))
    }
}

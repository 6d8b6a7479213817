internal import Bytes
internal import Events

/// What one request left: its batches and, if it had one, its idempotency key with its answer.
///
/// It is one record of the log, under one checksum, recovered whole or not at all.
/// `docs/formats/log.md` draws the bytes.
struct LogRecord: Hashable, Sendable {
    /// The tenant the events belong to; 1 to 128 bytes.
    var environment: String
    /// When the request was accepted; nanoseconds since 1970.
    var acceptedAt: Int64
    var idempotency: Idempotency?
    var batches: [Batch]

    init(
        environment: String, acceptedAt: Int64, idempotency: Idempotency? = nil, batches: [Batch]
    ) {
        self.environment = environment
        self.acceptedAt = acceptedAt
        self.idempotency = idempotency
        self.batches = batches
    }

    /// A batch as bytes, and what must be known of it without opening it.
    struct Batch: Hashable, Sendable {
        /// 1 to `EventLimits.rowsPerBatch`.
        let rows: Int
        /// As `EventBatch.encoded()` gave them.
        let bytes: [UInt8]

        init(rows: Int, bytes: [UInt8]) {
            self.rows = rows
            self.bytes = bytes
        }
    }
}

// MARK: - Encode

extension LogRecord {
    static let version: UInt8 = 1

    /// What the payload of a record in the log holds.
    enum Payload: Hashable, Sendable {
        case request(LogRecord)
        /// In place of damaged records skipped by command: one, and `further` more after it.
        case lost(further: UInt64)
    }

    private enum Kind {
        static let lost: UInt8 = 0
        static let request: UInt8 = 1
        static let requestWithKey: UInt8 = 2
    }

    func encoded() -> [UInt8] {
        let size = batches.reduce(256) { $0 + $1.bytes.count + 16 }
        var writer = ByteWriter(capacity: size + (idempotency?.answer.count ?? 0))
        writer.write(LogRecord.version)
        writer.write(idempotency == nil ? Kind.request : Kind.requestWithKey)
        writer.write(acceptedAt)
        writer.writeString(environment)
        idempotency?.encode(into: &writer)
        writer.writeVarint(batches.count)
        for batch in batches {
            writer.writeVarint(batch.rows)
            writer.writeBlob(batch.bytes)
        }
        return writer.bytes
    }

    static func encodedLoss(further: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 12)
        writer.write(LogRecord.version)
        writer.write(Kind.lost)
        writer.writeVarint(further)
        return writer.bytes
    }

    // MARK: - Decode

    static func decode(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> Payload {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt8.self) == version else {
            throw DecodeError("record is of an unknown version", at: 0)
        }
        let kind = try reader.read(UInt8.self)
        let payload: Payload
        switch kind {
        case Kind.lost:
            let count = try reader.readVarint()
            guard count < LogFormat.sequenceLimit else {
                throw DecodeError("count of lost records is out of range", at: 2)
            }
            payload = .lost(further: count)
        case Kind.request, Kind.requestWithKey:
            payload = .request(try decodeRequest(&reader, hasKey: kind == Kind.requestWithKey))
        default:
            throw DecodeError("unknown kind of record: \(kind)", at: 1)
        }
        guard reader.isAtEnd else { throw DecodeError("bytes after the record", at: reader.offset) }
        return payload
    }

    private static func decodeRequest(
        _ reader: inout ByteReader, hasKey: Bool
    ) throws(DecodeError) -> LogRecord {
        let acceptedAt = try reader.read(Int64.self)
        let environment = try reader.readString(limit: FormatLimits.environmentNameBytes)
        let idempotency = hasKey ? try Idempotency(decoding: &reader) : nil
        let count = try reader.readCount(limit: FormatLimits.batchesPerRecord, "batches")
        var batches: [Batch] = []
        for _ in 0..<count {
            let rows = try reader.readCount(limit: EventLimits.rowsPerBatch, "rows")
            batches.append(
                Batch(rows: rows, bytes: Array(try reader.readBlob(limit: reader.remaining))))
        }
        return LogRecord(
            environment: environment, acceptedAt: acceptedAt, idempotency: idempotency,
            batches: batches)
    }
}

internal import Bytes

/// What the bytes of one log file hold: its records up to the first bad one, and what lies behind.
struct LogScan: Sendable {
    struct Entry: Hashable, Sendable {
        let sequence: UInt64
        /// Bytes from the start of the file to the record.
        let offset: Int
        /// Where the payload lies in the file.
        let payload: Range<Int>
    }

    let header: LogFormat.FileHeader
    /// What is wrong with the file's header, whose fields were then taken from the first record.
    let headerFault: DecodeError?
    /// Records without a gap from `header.firstSequence` on.
    private(set) var entries: [Entry] = []
    /// Bytes up to the end of the last of `entries`.
    private(set) var end = LogFormat.FileHeader.size
    /// Whole records found behind `end`, ascending; they stand behind something that is missing.
    private(set) var strays: [Entry] = []
    /// Every record of a lower sequence was synced, by what records behind `end` say; 0 without.
    private(set) var vouchedBelow: UInt64 = 0
    /// Whether anything but zeros lies behind `end`.
    private(set) var hasRemains = false

    /// The sequence the next record would have.
    var nextSequence: UInt64 { header.firstSequence + UInt64(entries.count) + lostCount }
    private var lostCount: UInt64 = 0

    /// Reads the records of a file.
    ///
    /// Throws when neither the file's header nor that of a record behind it is good.
    /// `holdsRequests` is false for a manifest, which is framed alike but has no notes of losses.
    init(_ bytes: [UInt8], holdsRequests: Bool = true) throws(DecodeError) {
        do throws(DecodeError) {
            header = try LogFormat.FileHeader(decoding: bytes[...])
            headerFault = nil
        } catch {
            let place = bytes.dropFirst(LogFormat.FileHeader.size)
            guard let record = LogFormat.RecordHeader(decoding: place) else { throw error }
            header = LogFormat.FileHeader(
                identity: record.identity, firstSequence: record.sequence)
            headerFault = error
        }
        while let record = LogScan.record(bytes, at: end, identity: header.identity),
            record.isWhole, record.entry.sequence == nextSequence
        {
            entries.append(record.entry)
            if holdsRequests { lostCount += LogScan.furtherLosses(bytes[record.entry.payload]) }
            end += LogFormat.recordBytes(payloadBytes: record.entry.payload.count)
        }
        lookBehindEnd(bytes)
    }

    /// Whether a record of any file is found in bytes that have no good file header.
    static func holdsRecords(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while let found = nextMagic(bytes, from: offset) {
            if LogFormat.RecordHeader(decoding: bytes[found...]) != nil { return true }
            offset = found + LogFormat.alignment
        }
        return false
    }

    private mutating func lookBehindEnd(_ bytes: [UInt8]) {
        hasRemains = LogScan.hasNonZero(bytes, from: end)
        guard hasRemains else { return }
        var offset = end
        var expected = nextSequence
        while let found = LogScan.nextMagic(bytes, from: offset) {
            offset = found + LogFormat.alignment
            guard let record = LogScan.record(bytes, at: found, identity: header.identity),
                record.entry.sequence >= expected
            else { continue }
            vouchedBelow = max(vouchedBelow, record.syncedBelow)
            guard record.isWhole else { continue }
            strays.append(record.entry)
            expected = record.entry.sequence + 1
            offset = found + LogFormat.recordBytes(payloadBytes: record.entry.payload.count)
        }
    }

    /// The next aligned place with the bytes a record begins with.
    private static func nextMagic(_ bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { raw in
            var offset = start
            let last = raw.count - LogFormat.RecordHeader.size
            while offset <= last {
                let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                if UInt32(littleEndian: word) == LogFormat.RecordHeader.magic { return offset }
                offset += LogFormat.alignment
            }
            return nil
        }
    }

    private static func hasNonZero(_ bytes: [UInt8], from start: Int) -> Bool {
        bytes.withUnsafeBytes { raw in
            var offset = start
            while offset + 8 <= raw.count {
                if raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 { return true }
                offset += 8
            }
            while offset < raw.count {
                if raw[offset] != 0 { return true }
                offset += 1
            }
            return false
        }
    }

    private static func record(
        _ bytes: [UInt8], at offset: Int, identity: UInt64
    ) -> (entry: Entry, syncedBelow: UInt64, isWhole: Bool)? {
        guard offset <= bytes.count,
            let header = LogFormat.RecordHeader(decoding: bytes[offset...]),
            header.identity == identity
        else { return nil }
        let start = offset + LogFormat.RecordHeader.size
        let end = min(bytes.count, start + header.payloadBytes)
        let isWhole =
            end - start == header.payloadBytes
            && Checksum.crc32c(bytes[start..<end]) == header.payloadChecksum
        let entry = Entry(sequence: header.sequence, offset: offset, payload: start..<end)
        return (entry, header.syncedBelow, isWhole)
    }

    /// How many records beyond its own a record of lost ones stands for.
    private static func furtherLosses(_ payload: ArraySlice<UInt8>) -> UInt64 {
        // The kinds differ in the second byte: batches are not opened here.
        guard payload.count <= 12, case .lost(let further)? = try? LogRecord.decode(payload) else {
            return 0
        }
        return further
    }
}

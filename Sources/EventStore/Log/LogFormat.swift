internal import Bytes

/// The frame around what a log file holds; `docs/formats/log.md` draws the bytes.
///
/// All numbers are little-endian. Records begin at multiples of eight bytes.
enum LogFormat {
    static let version: UInt32 = 1
    static let alignment = 8
    /// No record is numbered so high: sums of numbers that a file claims stay in range.
    static let sequenceLimit: UInt64 = 1 << 60

    /// The first bytes of a file.
    ///
    /// ```
    /// 0   "WFLG"
    /// 4   version (4)
    /// 8   identity (8)        random; a record of another file is not taken for one of this
    /// 16  first sequence (8)  of the first record; every lower one was synced when this was made
    /// 24  zero (4)
    /// 28  CRC-32C of bytes 0..<28
    /// ```
    struct FileHeader: Hashable, Sendable {
        static let size = 32
        static let magic: UInt32 = 0x474C_4657

        let identity: UInt64
        let firstSequence: UInt64

        func encoded() -> [UInt8] {
            var writer = ByteWriter(capacity: FileHeader.size)
            writer.write(FileHeader.magic)
            writer.write(LogFormat.version)
            writer.write(identity)
            writer.write(firstSequence)
            writer.write(UInt32(0))
            writer.write(Checksum.crc32c(writer.bytes))
            return writer.bytes
        }

        init(identity: UInt64, firstSequence: UInt64) {
            self.identity = identity
            self.firstSequence = firstSequence
        }

        init(decoding bytes: ArraySlice<UInt8>) throws(DecodeError) {
            guard bytes.count >= FileHeader.size else {
                throw DecodeError("file header is cut off", at: bytes.count)
            }
            let covered = bytes.prefix(FileHeader.size - 4)
            var reader = ByteReader(bytes)
            guard try reader.read(UInt32.self) == FileHeader.magic else {
                throw DecodeError("not a log file", at: 0)
            }
            let version = try reader.read(UInt32.self)
            identity = try reader.read(UInt64.self)
            firstSequence = try reader.read(UInt64.self)
            _ = try reader.read(UInt32.self)
            guard try reader.read(UInt32.self) == Checksum.crc32c(covered) else {
                throw DecodeError("file header does not match its checksum", at: 28)
            }
            guard firstSequence < LogFormat.sequenceLimit else {
                throw DecodeError("first sequence is out of range", at: 16)
            }
            guard version == LogFormat.version else {
                throw DecodeError("log file is of unknown version \(version)", at: 4)
            }
        }
    }

    /// The first bytes of a record; the payload follows, then zeros up to the alignment.
    ///
    /// ```
    /// 0   "WFR1"
    /// 4   CRC-32C of bytes 8..<40
    /// 8   identity of the file (8)
    /// 16  sequence (8)
    /// 24  synced below (8)    every record of a lower sequence was synced when this was written
    /// 32  payload bytes (4)
    /// 36  CRC-32C of the payload
    /// ```
    struct RecordHeader: Hashable, Sendable {
        static let size = 40
        static let magic: UInt32 = 0x3152_4657

        let identity: UInt64
        let sequence: UInt64
        let syncedBelow: UInt64
        let payloadBytes: Int
        let payloadChecksum: UInt32

        func encode(into writer: inout ByteWriter) {
            var fields = ByteWriter(capacity: RecordHeader.size - 8)
            fields.write(identity)
            fields.write(sequence)
            fields.write(syncedBelow)
            fields.write(UInt32(payloadBytes))
            fields.write(payloadChecksum)
            writer.write(RecordHeader.magic)
            writer.write(Checksum.crc32c(fields.bytes))
            writer.write(contentsOf: fields.bytes)
        }
    }

    /// Bytes a record takes in its file, padding included.
    static func recordBytes(payloadBytes: Int) -> Int {
        let size = RecordHeader.size + payloadBytes
        return (size + alignment - 1) / alignment * alignment
    }
}

extension LogFormat.RecordHeader {
    /// What stands at the front of `bytes`; nil when that is no header with a right checksum.
    init?(decoding bytes: ArraySlice<UInt8>) {
        guard bytes.count >= Self.size else { return nil }
        let start = bytes.startIndex
        let header = bytes.withUnsafeBytes { raw -> Self? in
            func word(_ offset: Int) -> UInt32 {
                UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            func long(_ offset: Int) -> UInt64 {
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            guard word(0) == Self.magic else { return nil }
            return Self(
                identity: long(8), sequence: long(16), syncedBelow: long(24),
                payloadBytes: Int(word(32)), payloadChecksum: word(36))
        }
        guard let header else { return nil }
        let stored = bytes[start + 4..<start + 8].reversed().reduce(UInt32(0)) {
            $0 << 8 | UInt32($1)
        }
        guard Checksum.crc32c(bytes[start + 8..<start + Self.size]) == stored else { return nil }
        guard header.sequence < LogFormat.sequenceLimit else { return nil }
        self = header
    }
}

internal import Bytes
internal import Events

/// What the manifest knows of one segment file.
struct SegmentEntry: Hashable, Sendable {
    /// In the environment's directory.
    let fileName: String
    let rows: Int
    let bytes: UInt64
    /// Days since 1970 of all its events; nil for a mixed segment.
    let day: Int32?
    /// The runs of the file, by dataset.
    let datasets: [DatasetEntry]

    /// Earliest and latest event time, nanoseconds since 1970.
    var timeBounds: ClosedRange<Int64> {
        let earliest = datasets.map(\.timeBounds.lowerBound).min() ?? 0
        return earliest...(datasets.map(\.timeBounds.upperBound).max() ?? earliest)
    }
}

/// One dataset's part of a segment.
struct DatasetEntry: Hashable, Sendable {
    let name: String
    let rows: Int
    /// Earliest and latest event time, nanoseconds since 1970.
    let timeBounds: ClosedRange<Int64>
    /// The youngest event's age counts from here: the latest of each event's earlier time of event
    /// and receipt, nanoseconds since 1970.
    let youngest: Int64
}

/// A dataset's part of a segment that no query sees any more.
public struct DeadRun: Hashable, Sendable {
    public let fileName: String
    public let dataset: String

    public init(fileName: String, dataset: String) {
        self.fileName = fileName
        self.dataset = dataset
    }
}

/// One atomic step of an environment; `docs/formats/manifest.md` draws the bytes.
struct ManifestEdit: Hashable, Sendable {
    var added: [SegmentEntry] = []
    var removed: [String] = []
    var dead: [DeadRun] = []
    /// Every record of a lower sequence is in segments as far as this environment goes.
    var sealedBelow: UInt64?
    /// Keys whose log file is about to go.
    var keys: [SavedKey] = []
    /// Erasures that were done with this edit, or came to their end with it.
    var receipts: [ErasureReceipt] = []
    /// Keys that count no more, by sequence: the log may still have them.
    var forgottenKeys: [UInt64] = []

    private static let version: UInt8 = 1
    /// With receipts and forgotten keys at its end.
    private static let versionOfErasures: UInt8 = 2

    private var speaksOfErasures: Bool { !receipts.isEmpty || !forgottenKeys.isEmpty }

    // MARK: - Encode

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(
            speaksOfErasures ? ManifestEdit.versionOfErasures : ManifestEdit.version)
        writer.writeVarint(added.count)
        for segment in added { segment.encode(into: &writer) }
        writer.writeVarint(removed.count)
        for name in removed { writer.writeString(name) }
        writer.writeVarint(dead.count)
        for run in dead {
            writer.writeString(run.fileName)
            writer.writeString(run.dataset)
        }
        // One more than the sequence, so that 0 says none.
        writer.writeVarint(sealedBelow.map { $0 + 1 } ?? 0)
        writer.writeVarint(keys.count)
        for key in keys {
            writer.writeVarint(key.sequence)
            writer.write(key.acceptedAt)
            key.idempotency.encode(into: &writer)
        }
        if speaksOfErasures {
            writer.writeVarint(receipts.count)
            for receipt in receipts { receipt.encode(into: &writer) }
            writer.writeVarint(forgottenKeys.count)
            for sequence in forgottenKeys { writer.writeVarint(sequence) }
        }
        return writer.bytes
    }

    // MARK: - Decode

    init() {}

    init(decoding bytes: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let version = try reader.read(UInt8.self)
        guard version == ManifestEdit.version || version == ManifestEdit.versionOfErasures else {
            throw DecodeError("edit is of an unknown version", at: 0)
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "segments added")) {
            added.append(try SegmentEntry(decoding: &reader))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "segments removed")) {
            removed.append(try reader.readString(limit: FormatLimits.fileNameBytes))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "dead runs")) {
            let fileName = try reader.readString(limit: FormatLimits.fileNameBytes)
            let dataset = try reader.readString(limit: EventLimits.datasetNameBytes)
            dead.append(DeadRun(fileName: fileName, dataset: dataset))
        }
        let sealed = try reader.readVarint()
        guard sealed < LogFormat.sequenceLimit else {
            throw DecodeError("sealed sequence is out of range", at: reader.offset)
        }
        sealedBelow = sealed == 0 ? nil : sealed - 1
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "keys")) {
            let sequence = try reader.readVarint()
            let acceptedAt = try reader.read(Int64.self)
            let idempotency = try Idempotency(decoding: &reader)
            keys.append(
                SavedKey(sequence: sequence, acceptedAt: acceptedAt, idempotency: idempotency))
        }
        if version == ManifestEdit.versionOfErasures { try readErasures(&reader) }
        guard reader.isAtEnd else { throw DecodeError("bytes after the edit", at: reader.offset) }
    }

    private mutating func readErasures(_ reader: inout ByteReader) throws(DecodeError) {
        for _ in 0..<(try reader.readCount(limit: FormatLimits.receipts, "receipts")) {
            receipts.append(try ErasureReceipt(decoding: &reader))
        }
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "forgotten keys")) {
            forgottenKeys.append(try reader.readVarint())
        }
        guard speaksOfErasures else {
            throw DecodeError("an edit of erasures has none", at: reader.offset)
        }
    }
}

extension SegmentEntry {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.writeString(fileName)
        writer.writeVarint(rows)
        writer.writeVarint(bytes)
        writer.write(UInt8(day == nil ? 0 : 1))
        if let day { writer.write(day) }
        writer.writeVarint(datasets.count)
        for dataset in datasets {
            writer.writeString(dataset.name)
            writer.writeVarint(dataset.rows)
            writer.write(dataset.timeBounds.lowerBound)
            writer.write(dataset.timeBounds.upperBound)
            writer.write(dataset.youngest)
        }
    }

    fileprivate init(decoding reader: inout ByteReader) throws(DecodeError) {
        let start = reader.offset
        fileName = try reader.readString(limit: FormatLimits.fileNameBytes)
        guard Filenames.segmentNumber(fileName) != nil else {
            throw DecodeError("not a segment's file name", at: start)
        }
        rows = try reader.readCount(limit: .max, "rows")
        bytes = try reader.readVarint()
        day = try reader.read(UInt8.self) == 0 ? nil : try reader.read(Int32.self)
        var datasets: [DatasetEntry] = []
        for _ in 0..<(try reader.readCount(limit: reader.remaining, "datasets")) {
            let name = try reader.readString(limit: EventLimits.datasetNameBytes)
            let rows = try reader.readCount(limit: .max, "rows")
            let earliest = try reader.read(Int64.self)
            let latest = try reader.read(Int64.self)
            guard earliest <= latest else {
                throw DecodeError("time bounds are reversed", at: reader.offset)
            }
            let youngest = try reader.read(Int64.self)
            datasets.append(
                DatasetEntry(
                    name: name, rows: rows, timeBounds: earliest...latest, youngest: youngest))
        }
        self.datasets = datasets
    }
}

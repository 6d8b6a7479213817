internal import Bytes
internal import Host

/// A payload ready for the log; made on the thread that brings it, not on the writer's.
struct LogPayload: Sendable {
    let bytes: [UInt8]
    let checksum: UInt32

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        checksum = Checksum.crc32c(bytes)
    }

    /// Bytes its record takes in the log.
    var recordBytes: Int { LogFormat.recordBytes(payloadBytes: bytes.count) }
}

/// A log file that is being written: records are framed into a buffer and written at its end.
struct LogFile {
    let file: any File
    let number: UInt64
    let header: LogFormat.FileHeader
    /// Bytes allocated on the device.
    let capacity: Int
    /// Bytes written, the file's header among them.
    private(set) var end: Int
    /// Bytes that were written at least once, zeros ahead of the records among them.
    private var touched: Int
    /// The bytes before it need not be kept in memory.
    private var forgotten = 0

    /// Makes a file under `path`, allocates it and writes its header; not yet synced.
    ///
    /// Without a capacity the file grows as it is written.
    init(
        _ files: any FileSystem, path: String, number: UInt64, header: LogFormat.FileHeader,
        capacity: Int?
    ) throws(HostError) {
        file = try files.open(path, .create)
        self.number = number
        self.header = header
        self.capacity = capacity ?? .max
        end = LogFormat.FileHeader.size
        touched = end
        if let capacity { try file.allocate(UInt64(capacity)) }
        try file.write(header.encoded(), at: 0)
    }

    func fits(_ bytes: Int) -> Bool { bytes <= capacity - end }

    /// Writes records in one piece; numbered from `sequence` on.
    ///
    /// After an error the file's end is where it was; what lies behind is to be cut off.
    mutating func append(
        _ payloads: [LogPayload], from sequence: UInt64, syncedBelow: UInt64
    ) throws(HostError) {
        let size = payloads.reduce(0) { $0 + $1.recordBytes }
        precondition(fits(size), "BUG: records beyond the end of their log file")
        var buffer = ByteWriter(capacity: size)
        for (index, payload) in payloads.enumerated() {
            LogFormat.RecordHeader(
                identity: header.identity, sequence: sequence + UInt64(index),
                syncedBelow: syncedBelow, payloadBytes: payload.bytes.count,
                payloadChecksum: payload.checksum
            ).encode(into: &buffer)
            buffer.write(contentsOf: payload.bytes)
            while buffer.count % LogFormat.alignment != 0 { buffer.write(UInt8(0)) }
        }
        try file.write(buffer.bytes, at: UInt64(end))
        try writeZeros(after: end + size, size)
        end += size
    }

    /// Makes everything written durable, and lets the machine forget it.
    ///
    /// Nobody reads a log but at a start, and it grows to a gibibyte. Where it stayed in the page cache a
    /// virtual machine had to get each of its pages from its host: 390 kB with their sync took 670 us of
    /// processor time instead of 100, and what questions read had to make room for it.
    mutating func synchronize() throws(HostError) {
        try file.synchronize()
        guard end - forgotten >= LogFile.forgottenBytes else { return }
        // Pages are kept in groups, and of the last one some bytes were still to come.
        let start = forgotten / LogFile.stretchBytes * LogFile.stretchBytes
        file.willNotRead(end - start, at: UInt64(start))
        forgotten = end
    }

    /// Writes zeros ahead of the records, which end at `start`: after few bytes of them, up to the next
    /// whole stretch.
    ///
    /// The first write into allocated blocks changes the file system's own records, and a sync then
    /// waits for those as well: done for many records at once, a sync takes half the time and a third
    /// less of the processor. In pieces, for the page cache keeps together what one call wrote, and each
    /// record that is written over it goes through all of its pages: 28 kB with their sync take 32 us of
    /// the processor's time instead of 48.
    private mutating func writeZeros(after start: Int, _ size: Int) throws(HostError) {
        guard start > touched else { return }
        touched = start
        guard size <= LogFile.smallBytes, capacity < .max else { return }
        let stretch = (start + LogFile.stretchBytes) / LogFile.stretchBytes * LogFile.stretchBytes
        let last = min(stretch, capacity)
        while touched < last {
            let piece = min(LogFile.pieceBytes - touched % LogFile.pieceBytes, last - touched)
            try file.write(LogFile.zeros[..<piece], at: UInt64(touched))
            touched += piece
        }
    }

    /// Made once: to make so many of them anew takes longer than to copy them.
    private static let zeros = [UInt8](repeating: 0, count: pieceBytes)

    /// Bytes of a group up to which zeros are written ahead of it.
    private static let smallBytes = 128 << 10
    private static let stretchBytes = 1 << 20
    /// Bytes of zeros that are written by one call.
    private static let pieceBytes = 128 << 10

    /// Synced bytes from which it pays to have them forgotten.
    private static let forgottenBytes = 256 << 10
}

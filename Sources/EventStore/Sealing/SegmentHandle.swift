internal import Host
internal import Synchronization

/// A segment's file, opened when it is first needed; the file of a replaced segment goes with the
/// last reference.
final class SegmentHandle: Sendable {
    let entry: SegmentEntry
    private let files: any FileSystem
    private let path: String
    private let cache: DecodedColumnCache
    private let opened = Mutex<Segment?>(nil)
    private let isObsolete = Atomic<Bool>(false)

    init(
        _ entry: SegmentEntry, files: any FileSystem, directory: String, cache: DecodedColumnCache
    ) {
        self.entry = entry
        self.files = files
        path = directory + "/" + entry.fileName
        self.cache = cache
    }

    deinit {
        // A file that stays is found and removed at the next start.
        if isObsolete.load(ordering: .relaxed) { try? files.remove(path) }
    }

    /// Says that the manifest has forgotten the file.
    func markObsolete() { isObsolete.store(true, ordering: .relaxed) }

    func open() throws -> Segment {
        if let segment = opened.withLock({ $0 }) { return segment }
        let file = HostSegmentFile(try files.open(path, .read), byteCount: Int(entry.bytes))
        let segment = try Segment(file, cache: cache)
        guard segment.rows == entry.rows else {
            throw SegmentError(message: "the manifest knows other rows: \(entry.rows)", offset: 0)
        }
        return opened.withLock { known in
            // Two threads may have opened it; all must share one, for its cache's sake.
            if let first = known { return first }
            known = segment
            return segment
        }
    }
}

/// The bytes of a segment in a file of the machine.
final class HostSegmentFile: SegmentFile {
    private let file: any File
    let byteCount: Int

    init(_ file: any File, byteCount: Int) {
        self.file = file
        self.byteCount = byteCount
    }

    func read(at offset: Int, count: Int) throws -> [UInt8] {
        guard offset >= 0, count >= 0, count <= byteCount - offset else {
            throw SegmentError(message: "read beyond the end of the file", offset: offset)
        }
        let bytes = try file.read(count, at: UInt64(offset))
        guard bytes.count == count else {
            throw SegmentError(message: "the file is cut off", offset: offset + bytes.count)
        }
        return bytes
    }

    func willRead(at offset: Int, count: Int) {
        guard offset >= 0, count > 0, count <= byteCount - offset else { return }
        file.willRead(count, at: UInt64(offset))
    }
}

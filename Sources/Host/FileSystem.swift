/// Files and directories, the one door to storage.
///
/// Calls are made per file or per batch of bytes, never per row. Paths are relative to what the
/// caller decides; a file system gives them no meaning of its own. Implementations: the machine's
/// (`PosixFileSystem`) and a simulated disk for tests.
public protocol FileSystem: Sendable {
    /// Opens a file. Throws `HostError` when it cannot be opened in this mode.
    func open(_ path: String, _ mode: OpenMode) throws(HostError) -> any File

    /// Puts a file in the place of another in one step; durable after the directory is synced.
    func rename(_ path: String, to newPath: String) throws(HostError)

    /// Gives a file a second name, which must be free; its bytes are there once.
    ///
    /// Both names must be on one device. Durable after the second one's directory is synced.
    func link(_ path: String, to newPath: String) throws(HostError)

    /// Removes a file's name; handles that are open go on reading it.
    func remove(_ path: String) throws(HostError)

    /// Makes a directory; one that exists already is no error. Parents must exist.
    func createDirectory(_ path: String) throws(HostError)

    /// The names in a directory, ascending by their bytes, without `.` and `..`.
    func list(_ directory: String) throws(HostError) -> [String]

    /// Makes the directory's entries durable: names created, renamed and removed in it.
    func synchronizeDirectory(_ path: String) throws(HostError)

    /// What stands at a path; nil when nothing does.
    func status(_ path: String) throws(HostError) -> FileStatus?

    /// The room on the device that holds the path.
    func freeSpace(_ path: String) throws(HostError) -> FreeSpace

    /// Takes a lock that no other process can hold until it is released or this process ends.
    ///
    /// Throws an error whose `isHeldByAnother` is true when it is taken.
    func lock(_ path: String) throws(HostError) -> any FileLock
}

/// How a file is opened.
public enum OpenMode: Hashable, Sendable {
    case read
    /// For reading and writing; it must exist.
    case update
    /// For reading and writing; it must not exist.
    case create
}

/// What stands at a path.
public struct FileStatus: Hashable, Sendable {
    /// Bytes; 0 for a directory.
    public let size: UInt64
    public let isDirectory: Bool

    public init(size: UInt64, isDirectory: Bool) {
        self.size = size
        self.isDirectory = isDirectory
    }
}

/// Room on a device, in bytes.
public struct FreeSpace: Hashable, Sendable {
    /// What this process may still take.
    public let available: UInt64
    public let total: UInt64

    public init(available: UInt64, total: UInt64) {
        self.available = available
        self.total = total
    }
}

/// An open file.
///
/// Reads and writes name their place, so threads may share a handle.
public protocol File: AnyObject, Sendable {
    var path: String { get }

    /// Bytes from the start to the end of the file.
    func size() throws(HostError) -> UInt64

    /// Reads at least one byte, perhaps fewer than asked for; 0 at the end of the file.
    func readSome(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(HostError) -> Int

    /// Says that bytes will be read soon: a hint that a machine may pass over.
    func willRead(_ count: Int, at offset: UInt64)

    /// Says that bytes that are durable will not be read soon, so that they need not be kept in memory:
    /// a hint that a machine may pass over.
    func willNotRead(_ count: Int, at offset: UInt64)

    /// Writes at least one byte, perhaps fewer than given, growing the file when needed.
    func writeSome(_ source: UnsafeRawBufferPointer, at offset: UInt64) throws(HostError) -> Int

    /// Takes room on the device for the first `size` bytes; the file becomes at least that long.
    func allocate(_ size: UInt64) throws(HostError)

    /// Makes the file's bytes and length durable (`fdatasync`).
    ///
    /// After an error the bytes written since the last success may be lost, and a repeated call may
    /// succeed without them: never retry, take the file as lost until it is read anew and copied.
    func synchronize() throws(HostError)

    /// Cuts the file, or fills it with zeros, to `size` bytes.
    func truncate(_ size: UInt64) throws(HostError)

    /// Ends the use of the handle; a handle that goes out of use is closed as well.
    func close()
}

/// A lock between processes; released when the value goes away at the latest.
public protocol FileLock: AnyObject, Sendable {
    func release()
}

// MARK: - Whole reads and writes

extension File {
    public func willRead(_ count: Int, at offset: UInt64) {}
    public func willNotRead(_ count: Int, at offset: UInt64) {}

    /// Reads `count` bytes from `offset`; fewer only where the file ends.
    public func read(_ count: Int, at offset: UInt64) throws(HostError) -> [UInt8] {
        var failure: HostError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            let raw = UnsafeMutableRawBufferPointer(target)
            while initialized < count {
                do throws(HostError) {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: raw[initialized..<count])
                    let read = try readSome(into: rest, at: offset + UInt64(initialized))
                    if read == 0 { return }
                    initialized += read
                } catch {
                    failure = error
                    return
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Reads the whole file.
    ///
    /// Throws `tooLargeCode` as the error's code when it exceeds `limit` bytes.
    public func readAll(limit: Int) throws(HostError) -> [UInt8] {
        let size = try size()
        guard size <= UInt64(limit) else {
            throw HostError(.read, path, code: HostError.tooLargeCode)
        }
        return try read(Int(size), at: 0)
    }

    /// Writes all bytes at `offset`; on an error some of them may have been written.
    public func write(_ bytes: [UInt8], at offset: UInt64) throws(HostError) {
        try write(bytes[...], at: offset)
    }

    /// Writes all bytes at `offset`; on an error some of them may have been written.
    public func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) throws(HostError) {
        var done = 0
        while done < bytes.count {
            let rest = bytes[(bytes.startIndex + done)...]
            let result = rest.withUnsafeBytes { source -> Result<Int, HostError> in
                do throws(HostError) {
                    return .success(try writeSome(source, at: offset + UInt64(done)))
                } catch {
                    return .failure(error)
                }
            }
            done += try result.get()
        }
    }
}

extension FileSystem {
    /// Writes a new file whole and makes its bytes durable; its name needs a directory sync.
    public func writeNewFile(_ path: String, _ bytes: [UInt8]) throws(HostError) {
        let file = try open(path, .create)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronize()
    }

    /// Puts bytes in the place of a file, or makes it, durably: a crash leaves the one or the other.
    public func replaceFile(
        _ name: String, in directory: String, with bytes: [UInt8]
    ) throws(HostError) {
        let path = directory + "/" + name
        let new = path + ".new"
        if try status(new) != nil { try remove(new) }
        try writeNewFile(new, bytes)
        try rename(new, to: path)
        try synchronizeDirectory(directory)
    }

    /// Reads a whole file of at most `limit` bytes.
    public func readFile(_ path: String, limit: Int) throws(HostError) -> [UInt8] {
        let file = try open(path, .read)
        defer { file.close() }
        return try file.readAll(limit: limit)
    }
}

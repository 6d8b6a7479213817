import Glibc
import Synchronization

/// The machine's file system, through the C library.
public struct PosixFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String, _ mode: OpenMode) throws(HostError) -> any File {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .update: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        return try PosixFile(path, descriptor: openDescriptor(path, flags, .open))
    }

    public func rename(_ path: String, to newPath: String) throws(HostError) {
        try check(Glibc.rename(path, newPath), .rename, path)
    }

    public func link(_ path: String, to newPath: String) throws(HostError) {
        try check(Glibc.link(path, newPath), .link, newPath)
    }

    public func remove(_ path: String) throws(HostError) {
        try check(unlink(path), .remove, path)
    }

    public func createDirectory(_ path: String) throws(HostError) {
        if mkdir(path, 0o755) == 0 { return }
        let code = errno
        if code == EEXIST, try status(path)?.isDirectory == true { return }
        throw HostError(.createDirectory, path, code: code)
    }

    public func list(_ directory: String) throws(HostError) -> [String] {
        guard let handle = opendir(directory) else {
            throw HostError(.list, directory, code: errno)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(handle) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        if errno != 0 { throw HostError(.list, directory, code: errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func synchronizeDirectory(_ path: String) throws(HostError) {
        let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY, .synchronize)
        defer { Glibc.close(descriptor) }
        try check(fsync(descriptor), .synchronize, path)
    }

    public func status(_ path: String) throws(HostError) -> FileStatus? {
        var info = stat()
        if lstat(path, &info) != 0 {
            if errno == ENOENT { return nil }
            throw HostError(.status, path, code: errno)
        }
        let isDirectory = info.st_mode & S_IFMT == S_IFDIR
        return FileStatus(size: isDirectory ? 0 : UInt64(info.st_size), isDirectory: isDirectory)
    }

    public func freeSpace(_ path: String) throws(HostError) -> FreeSpace {
        var info = statvfs()
        try check(statvfs(path, &info), .freeSpace, path)
        let unit = UInt64(info.f_frsize)
        return FreeSpace(
            available: UInt64(info.f_bavail) * unit, total: UInt64(info.f_blocks) * unit)
    }

    public func lock(_ path: String) throws(HostError) -> any FileLock {
        let descriptor = try openDescriptor(path, O_RDWR | O_CREAT, .lock)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw HostError(.lock, path, code: code)
        }
        return PosixFileLock(descriptor: descriptor)
    }

    private func openDescriptor(
        _ path: String, _ flags: Int32, _ operation: HostError.Operation
    ) throws(HostError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw HostError(operation, path, code: errno) }
        }
    }

    private func check(
        _ result: Int32, _ operation: HostError.Operation, _ path: String
    ) throws(HostError) {
        if result != 0 { throw HostError(operation, path, code: errno) }
    }
}

/// A lock held through an open descriptor (`flock`).
private final class PosixFileLock: FileLock {
    private let descriptor: Mutex<Int32?>

    init(descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { release() }

    func release() {
        let held = descriptor.withLock { held -> Int32? in
            defer { held = nil }
            return held
        }
        if let held { close(held) }
    }
}

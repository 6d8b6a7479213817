import Glibc
import Synchronization

/// An open file of the machine.
///
/// The descriptor is kept until `close` or the last reference goes; a call after `close` is our
/// own fault.
final class PosixFile: File {
    let path: String
    private let descriptor: Mutex<Int32?>

    init(_ path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = Mutex(descriptor)
    }

    deinit { close() }

    func size() throws(HostError) -> UInt64 {
        var info = stat()
        guard fstat(handle, &info) == 0 else { throw HostError(.status, path, code: errno) }
        return UInt64(info.st_size)
    }

    func readSome(
        into target: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(HostError) -> Int {
        if target.isEmpty { return 0 }
        let descriptor = handle
        while true {
            let count = pread(descriptor, target.baseAddress, target.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw HostError(.read, path, at: offset, code: errno) }
        }
    }

    func willRead(_ count: Int, at offset: UInt64) {
        _ = posix_fadvise(handle, off_t(offset), off_t(count), POSIX_FADV_WILLNEED)
    }

    func willNotRead(_ count: Int, at offset: UInt64) {
        _ = posix_fadvise(handle, off_t(offset), off_t(count), POSIX_FADV_DONTNEED)
    }

    func writeSome(
        _ source: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(HostError) -> Int {
        if source.isEmpty { return 0 }
        let descriptor = handle
        while true {
            let count = pwrite(descriptor, source.baseAddress, source.count, off_t(offset))
            if count > 0 { return count }
            // A write of nothing without an error would loop for ever.
            let code = count == 0 ? ENOSPC : errno
            if code != EINTR { throw HostError(.write, path, at: offset, code: code) }
        }
    }

    func allocate(_ size: UInt64) throws(HostError) {
        while true {
            let code = posix_fallocate(handle, 0, off_t(size))
            if code == 0 { return }
            if code != EINTR { throw HostError(.allocate, path, at: size, code: code) }
        }
    }

    func synchronize() throws(HostError) {
        // EINTR is an error like any other here: whether a second call tells the truth is unknown.
        guard fdatasync(handle) == 0 else { throw HostError(.synchronize, path, code: errno) }
    }

    func truncate(_ size: UInt64) throws(HostError) {
        while ftruncate(handle, off_t(size)) != 0 {
            if errno != EINTR { throw HostError(.truncate, path, at: size, code: errno) }
        }
    }

    func close() {
        let held = descriptor.withLock { held -> Int32? in
            defer { held = nil }
            return held
        }
        if let held { _ = Glibc.close(held) }
    }

    private var handle: Int32 {
        let held = descriptor.withLock { $0 }
        guard let held else { preconditionFailure("BUG: a closed file is used: \(path)") }
        return held
    }
}

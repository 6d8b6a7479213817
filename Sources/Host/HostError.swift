import Glibc

/// A call to the machine that failed: what was tried, on which file, where, and the system's reason.
public struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call that failed, named as the system names it.
    public enum Operation: String, Hashable, Sendable {
        case open, read, write, allocate, synchronize, truncate, rename, link, remove
        case createDirectory, list, status, freeSpace, lock, startThread
    }

    public let operation: Operation
    /// The file or directory; as it was given to the file system.
    public let path: String
    /// Bytes from the start of the file, where the call has a place.
    public let offset: UInt64?
    /// The system's error number (`errno`).
    public let code: Int32

    public init(_ operation: Operation, _ path: String, at offset: UInt64? = nil, code: Int32) {
        self.operation = operation
        self.path = path
        self.offset = offset
        self.code = code
    }

    /// Whether there was no room (full disk, quota, file size limit), which may come back.
    public var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

    public var isNotFound: Bool { code == ENOENT }

    /// Whether this process has no right to what was asked for.
    public var isForbidden: Bool { code == EACCES || code == EPERM }

    /// Whether another process holds what was asked for.
    public var isHeldByAnother: Bool { code == EWOULDBLOCK }

    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? ""
        return "\(operation.rawValue) \(path)\(place): \(HostError.text(of: code))"
    }

    /// The system's words for an error number.
    static func text(of code: Int32) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }
}

extension HostError {
    /// No room on the device (`ENOSPC`).
    public static let outOfSpaceCode: Int32 = ENOSPC
    /// The device failed (`EIO`).
    public static let deviceFailureCode: Int32 = EIO
    /// No such file (`ENOENT`).
    public static let notFoundCode: Int32 = ENOENT
    /// Larger than the caller allows (`EFBIG`).
    public static let tooLargeCode: Int32 = EFBIG
    /// The file is there already (`EEXIST`).
    public static let existsCode: Int32 = EEXIST
    /// Another process holds the lock (`EWOULDBLOCK`).
    public static let heldByAnotherCode: Int32 = EWOULDBLOCK
}

public import Host

/// Why the store could not do what was asked.
public struct EventStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; what a caller decides by.
    public enum Code: String, Hashable, Sendable {
        /// No room on the device beyond the reserve; comes back by itself, so try again later.
        case outOfSpace
        /// More appends wait than the queue holds; try again later.
        case overloaded
        /// A sync failed or the log is damaged: nothing is taken until the next start.
        case readOnly
        /// The idempotency key was used with another body.
        case keyConflict
        /// A record or a name is beyond its bound.
        case tooLarge
        /// Every event is past the retention of its dataset.
        case expired
        /// A file does not hold what its format says.
        case damaged
        /// The machine failed.
        case inputOutput
        /// Another process has the directory open.
        case inUse
        /// The store has been closed.
        case closed
    }

    public let code: Code
    /// What happened, static text first.
    public let message: String
    /// The call to the machine that failed, if one did.
    public let cause: HostError?
    /// Where damage was found, if it was.
    public let location: FileLocation?

    public init(
        _ code: Code, _ message: String, cause: HostError? = nil, at location: FileLocation? = nil
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.location = location
    }

    /// Takes a failure of the machine for what it means to the store.
    public init(_ error: HostError) {
        if error.isOutOfSpace {
            self.init(.outOfSpace, "the disk is full", cause: error)
        } else {
            self.init(.inputOutput, "the machine failed", cause: error)
        }
    }

    /// Whether the same request may succeed later without anybody's help.
    public var isTemporary: Bool { code == .outOfSpace || code == .overloaded }

    public var description: String {
        var text = message
        if let location { text += " (\(location))" }
        if let cause { text += ": \(cause)" }
        return text
    }
}

/// A byte of a file.
public struct FileLocation: Hashable, Sendable, CustomStringConvertible {
    /// Relative to the store's directory.
    public let path: String
    /// Bytes from the start of the file.
    public let offset: Int

    public init(path: String, offset: Int) {
        self.path = path
        self.offset = offset
    }

    public var description: String { "\(path), byte \(offset)" }
}

/// Something wrong with the files of a store: what, where, and what it costs.
public struct Finding: Hashable, Sendable, CustomStringConvertible {
    public let location: FileLocation
    public let message: String

    public init(_ message: String, at location: FileLocation) {
        self.message = message
        self.location = location
    }

    public var description: String { "\(location): \(message)" }
}

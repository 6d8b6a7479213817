internal import Bytes
public import Host

/// Why the store of series could not do what was asked.
public struct SeriesStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; what a caller decides by.
    public enum Code: String, Hashable, Sendable {
        /// A file does not hold what its format says.
        case damaged
        /// No room on the device; comes back by itself, so try again later.
        case outOfSpace
        /// The machine failed.
        case inputOutput
        /// A block has more series or longer labels than its bound.
        case tooLarge
    }

    public let code: Code
    /// What happened, static text first.
    public let message: String
    /// The file, relative to the store's directory, and the byte in it.
    public let path: String
    public let offset: Int?
    /// The call to the machine that failed, if one did.
    public let cause: HostError?

    init(
        _ code: Code, _ message: String, _ path: String, at offset: Int? = nil,
        cause: HostError? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.offset = offset
        self.cause = cause
    }

    init(_ error: DecodeError, in path: String, at offset: Int = 0) {
        self.init(.damaged, error.message, path, at: offset + error.offset)
    }

    init(_ error: HostError) {
        let code = error.isOutOfSpace ? Code.outOfSpace : .inputOutput
        self.init(code, "the machine failed", error.path, cause: error)
    }

    public var description: String {
        let place = offset.map { ", byte \($0)" } ?? ""
        return "\(path)\(place): \(message)" + (cause.map { ": \($0)" } ?? "")
    }
}

/// Calls the machine; its failure becomes the store's.
func callMachine<Result>(
    _ body: () throws(HostError) -> Result
) throws(SeriesStoreError) -> Result {
    do throws(HostError) { return try body() } catch { throw SeriesStoreError(error) }
}

/// Decodes bytes of a file; an error says which one.
func decoding<Result>(
    _ path: String, at offset: Int = 0, _ body: () throws(DecodeError) -> Result
) throws(SeriesStoreError) -> Result {
    do throws(DecodeError) { return try body() } catch {
        throw SeriesStoreError(error, in: path, at: offset)
    }
}

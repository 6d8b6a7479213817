/// The bytes of a segment, wherever they are kept; safe from any thread.
public protocol SegmentFile: AnyObject, Sendable {
    /// Bytes of the whole file.
    var byteCount: Int { get }
    /// Reads exactly `count` bytes; throws when they are not there.
    func read(at offset: Int, count: Int) throws -> [UInt8]
    /// Says that bytes will be read soon, so that the machine may fetch them meanwhile.
    func willRead(at offset: Int, count: Int)
}

extension SegmentFile {
    public func willRead(at offset: Int, count: Int) {}
}

/// Why a segment cannot be read: what its bytes are instead, and where.
public struct SegmentError: Error, Sendable, CustomStringConvertible {
    public let message: String
    /// Bytes from the start of the file.
    public let offset: Int

    public var description: String { "segment: \(message) (at byte \(offset))" }
}

internal import Glibc

/// What came of reading from a connection or writing to it.
enum TransportResult {
    /// So many bytes, at least one.
    case moved(Int)
    /// Nothing for the moment: the socket is empty, or full.
    case blocked
    /// The other side has closed it, or it is broken.
    case ended
}

/// A connection's bytes, as they are on the wire or within TLS; never waits.
protocol ByteTransport: AnyObject {
    /// Whether it can be written to; reading makes it so.
    var isReady: Bool { get }
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult
    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult
    /// Whether there are bytes that the socket does not tell of any more.
    var holdsBytes: Bool { get }
    /// Tells the other side that nothing more is written.
    func endWriting()
}

/// The bytes of a socket as they are.
final class PlainTransport: ByteTransport {
    private let socket: Int32

    /// The socket stays its owner's.
    init(_ socket: Int32) { self.socket = socket }

    var isReady: Bool { true }
    var holdsBytes: Bool { false }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult {
        result(of: recv(socket, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        return result(of: send(socket, bytes.baseAddress, bytes.count, flags))
    }

    func endWriting() { shutdown(socket, Int32(SHUT_WR)) }

    private func result(of count: Int) -> TransportResult {
        if count > 0 { return .moved(count) }
        guard count < 0 else { return .ended }
        return errno == EAGAIN || errno == EINTR ? .blocked : .ended
    }
}

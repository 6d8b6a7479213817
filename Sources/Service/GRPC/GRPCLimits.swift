/// Bounds of gRPC's listener beside those of `ServiceLimits`, with unit and reason.
enum GRPCLimits {
    /// Threads that read and write; what takes long is done by others.
    static let loopsMax = 2
    /// Calls of one connection at a time; a client waits for one to end before it begins another.
    static let streamsMax: UInt32 = 100
    /// Bytes of one call's header fields, counted as HTTP/2 does: names, values and 32 each.
    static let headerBytesMax = 16 << 10
    /// Bytes of one call that may be under way unasked.
    ///
    /// A body of fifty events comes in one piece.
    static let streamWindowBytes: UInt32 = 1 << 20
    /// Bytes of all calls of a connection that may be under way.
    static let connectionWindowBytes: Int32 = 4 << 20
    /// Bytes read from a socket at a time, and written to it.
    static let blockBytes = 64 << 10
    /// Blocks read of one connection before others have their turn.
    static let blocksPerTurn = 16
    /// Seconds until a new connection must have spoken HTTP/2, its TLS handshake included.
    static let prefaceSeconds: Int64 = 10
    /// Seconds without a call after which a connection is closed; clients open another by themselves.
    static let idleSeconds: Int64 = 600
    /// Seconds that a client may leave what is written for it unread, or an answered call open.
    static let stalledSeconds: Int64 = 30
    /// Seconds a closed connection waits for the client to close its side, so that what was sent last
    /// reaches it.
    static let lingerSeconds: Int64 = 1
    /// Unicode scalars of a status' text.
    static let messageTextMax = 512
}

internal import Bytes
internal import CMicrohttpd

/// What is known of a request before its body is read.
struct HTTPRequestHead: Sendable {
    /// Upper case, as sent: `GET`, `POST`.
    let method: String
    let target: RequestTarget
    let headers: HTTPHeaders
    /// The peer's numeric address without its port; empty when the system does not tell.
    let remoteAddress: String
    /// The socket, to ask whether the client still waits.
    let connection: ClientConnection

    init(
        method: String, target: RequestTarget, headers: HTTPHeaders, remoteAddress: String = "",
        connection: ClientConnection = ClientConnection(socket: -1)
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.connection = connection
    }

    /// The caller's W3C trace context, nil when absent.
    var traceparent: String? { headers["traceparent"] }

    /// The media type of the body in lower case, without parameters; nil when not given.
    var contentType: String? {
        guard let value = headers["Content-Type"] else { return nil }
        let end = value.utf8.firstIndex { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: " ") }
        return value[..<(end ?? value.endIndex)].lowercased()
    }
}

/// A whole request.
///
/// The body is as it was sent: still encoded when `Content-Encoding` says so.
struct HTTPRequest: Sendable {
    let head: HTTPRequestHead
    let body: PaddedBytes
}

/// The client's end of a connection that waits for its answer.
struct ClientConnection: Sendable {
    /// -1 when there is no socket to ask.
    let socket: Int32

    /// Whether the client has closed its side.
    ///
    /// Costs one system call; only meaningful while the request is being answered.
    var isGone: Bool { socket >= 0 && wf_socket_is_hung_up(socket) == 1 }
}

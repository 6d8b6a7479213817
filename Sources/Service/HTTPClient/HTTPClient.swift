internal import CGnuTLS
internal import Glibc

/// Why a request got no answer.
enum HTTPClientError: Error, CustomStringConvertible {
    /// Nobody listens, or the connection broke.
    case unreachable(String)
    /// What came back is no HTTP.
    case malformed(String)

    var description: String {
        switch self {
        case .unreachable(let reason), .malformed(let reason): reason
        }
    }
}

/// A client of one server: one request at a time over a connection that is kept.
///
/// Calls block; a value of it belongs to one thread.
struct HTTPClient: ~Copyable {
    private let url: ServerURL
    /// A file of certificates to trust instead of the system's.
    private let authorities: String?
    private var socket: Int32 = -1
    /// Nil for plain HTTP.
    private var tls: TLSClientSession?

    /// Seconds without a byte after which a server counts as gone; longer than any query may take.
    private static let patienceSeconds = 300

    init(_ url: ServerURL, authorities: String? = nil) {
        self.url = url
        self.authorities = authorities
    }

    deinit { if socket >= 0 { close(socket) } }

    /// Sends a request and waits for its answer.
    ///
    /// `path` begins with a slash.
    ///
    /// Throws `HTTPClientError.unreachable` when there is no answer. A kept connection that the
    /// server has closed meanwhile is opened anew, once.
    mutating func request(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(HTTPClientError) -> HTTPResponse {
        let isKept = socket >= 0
        let message = message(method, path, headers, body)
        do throws(HTTPClientError) {
            return try exchange(message)
        } catch {
            disconnect()
            guard isKept, case .unreachable = error else { throw error }
            return try exchange(message)
        }
    }

    /// Asks for an answer and gives its body to `body` as it comes, until that answers false.
    ///
    /// An answer of another status than 200 is given back with its body.
    mutating func stream(
        _ path: String, headers: HTTPHeaders, _ body: ([UInt8]) -> Bool
    ) throws(HTTPClientError) -> HTTPResponse {
        disconnect()
        try connect()
        try send(message("GET", path, headers, []))
        var reader = ResponseReader()
        // Whatever happens, what is left on the connection is not the next request's answer.
        defer { disconnect() }
        while true {
            let bytes = try receive()
            if bytes.isEmpty { return try reader.finish() }
            let response = try reader.feed(bytes)
            if reader.status == 200 {
                let part = reader.takeBody()
                if !part.isEmpty, !body(part) { return HTTPResponse(status: 200) }
                if response != nil { return HTTPResponse(status: 200) }
            } else if let response {
                return response
            }
        }
    }

    /// The bytes that come next; none at the end of the connection.
    private func receive() throws(HTTPClientError) -> ArraySlice<UInt8> {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { buffer in
                tls?.receive(into: buffer) ?? recv(socket, buffer.baseAddress, buffer.count, 0)
            }
            if tls == nil && count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw broken(count) }
            return buffer[..<count]
        }
    }

    private func message(
        _ method: String, _ path: String, _ headers: HTTPHeaders, _ body: [UInt8]
    ) -> [UInt8] {
        var head = "\(method) \(url.basePath)\(path) HTTP/1.1\r\nHost: \(url.host)\r\n"
        for (name, value) in headers.fields { head += "\(name): \(value)\r\n" }
        if method != "GET" { head += "Content-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }

    private mutating func exchange(_ message: [UInt8]) throws(HTTPClientError) -> HTTPResponse {
        if socket < 0 { try connect() }
        try send(message)
        var reader = ResponseReader()
        while true {
            let bytes = try receive()
            if bytes.isEmpty {
                if reader.isEmpty { throw .unreachable("\(url.address) closed the connection") }
                disconnect()
                return try reader.finish()
            }
            if let response = try reader.feed(bytes) {
                if equalsIgnoringCase(response.headers["Connection"] ?? "", "close") {
                    disconnect()
                }
                return response
            }
        }
    }

    private func send(_ message: [UInt8]) throws(HTTPClientError) {
        var sent = 0
        while sent < message.count {
            let count = message[sent...].withUnsafeBytes {
                tls?.send($0)
                    ?? Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if tls == nil && count < 0 && errno == EINTR { continue }
            // A server that refuses a body answers before it has read all of it.
            if count < 0 && (tls == nil ? errno == EPIPE : count == GNUTLS_E_PUSH_ERROR) { return }
            guard count > 0 else { throw broken(count) }
            sent += count
        }
    }

    /// Why nothing more comes or goes; `count` is what the last call returned.
    private func broken(_ count: Int) -> HTTPClientError {
        let reason =
            tls == nil ? String(cString: strerror(errno)) : TLSClientSession.text(of: count)
        return .unreachable("\(url.address): \(reason)")
    }

    private mutating func connect() throws(HTTPClientError) {
        let opened = try connected()
        if url.isTLS {
            do throws(HTTPClientError) {
                tls = try TLSClientSession(
                    opened, host: url.address.host, authorities: authorities)
            } catch {
                close(opened)
                throw error
            }
        }
        socket = opened
    }

    private func connected() throws(HTTPClientError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(url.address.host, String(url.address.port), &hints, &list)
        guard code == 0 else {
            throw .unreachable("\(url.address): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var reason: Int32 = 0
        var entry = list?.pointee
        while let address = entry {
            let socket = Glibc.socket(
                address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue),
                address.ai_protocol)
            if socket >= 0 {
                var patience = timeval(tv_sec: HTTPClient.patienceSeconds, tv_usec: 0)
                let size = socklen_t(MemoryLayout<timeval>.size)
                setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
                setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
                if Glibc.connect(socket, address.ai_addr, address.ai_addrlen) == 0 { return socket }
                reason = errno
                close(socket)
            }
            entry = address.ai_next?.pointee
        }
        throw .unreachable("\(url.address): \(String(cString: strerror(reason)))")
    }

    private mutating func disconnect() {
        tls = nil
        if socket >= 0 { close(socket) }
        socket = -1
    }
}

import Glibc

/// Where a server listens: `HOST:PORT`, an IPv6 host in brackets.
struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    let host: String
    /// 0 lets the system choose.
    let port: UInt16

    /// Reads `HOST:PORT`; nil when the port is missing or not a number up to 65535.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.host = host
        self.port = port
    }

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Only this machine reaches the address: 127.0.0.0/8, `::1`, `localhost`.
    var isLoopback: Bool { isLoopbackHost(host) }

    /// Opens a listening socket.
    ///
    /// Throws `ListenError` when the host cannot be resolved or the port is taken.
    func listen() throws(ListenError) -> (socket: Int32, address: ListenAddress) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0, let first = list else {
            throw ListenError(address: self, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(list) }
        let entry = first.pointee
        let socket = Glibc.socket(
            entry.ai_family, entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), entry.ai_protocol)
        guard socket >= 0 else { throw ListenError(address: self, reason: lastSystemError()) }
        var yes: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard bind(socket, entry.ai_addr, entry.ai_addrlen) == 0,
            Glibc.listen(socket, 1024) == 0
        else {
            let reason = lastSystemError()
            close(socket)
            throw ListenError(address: self, reason: reason)
        }
        return (socket, ListenAddress(host: host, port: boundPort(of: socket) ?? port))
    }
}

/// An address on which nothing can listen, and why.
struct ListenError: Error, CustomStringConvertible {
    let address: ListenAddress
    /// The system's words: "Address already in use".
    let reason: String

    var description: String { "cannot listen on \(address): \(reason)" }
}

/// Whether a host names this machine alone: 127.0.0.0/8, `::1` with or without brackets,
/// `localhost`.
func isLoopbackHost(_ host: String) -> Bool {
    // What nearly every request says is not worth taking apart.
    if host == "127.0.0.1" { return true }
    if equalsIgnoringCase(host, "localhost") || host == "::1" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
}

private func boundPort(of socket: Int32) -> UInt16? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            guard getsockname(socket, address, &size) == 0 else { return nil }
            // The port lies at the same place for both families, in network order.
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }
}

private func lastSystemError() -> String { String(cString: strerror(errno)) }

internal import Glibc

/// A connection as a listening socket gave it, with the address of who made it.
struct AcceptedSocket {
    let socket: Int32
    let address: sockaddr_storage
    let addressSize: socklen_t

    /// Takes the next connection; nil, with `errno`, where there is none.
    init?(from listener: Int32) {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        socket = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                accept(listener, $0, &size)
            }
        }
        if socket < 0 { return nil }
        address = storage
        addressSize = size
    }

    /// Whether the last one was gone before it was taken, of which nothing is to be told.
    static var wasGone: Bool { errno == EINTR || errno == ECONNABORTED }
}

internal import CGnuTLS
internal import Glibc

/// What all TLS connections of a listener share: how they may be made, and by which protocol.
///
/// SENDABLE: made once and only read by GnuTLS, which allows that from every thread.
final class TLSContext: @unchecked Sendable {
    fileprivate var credentials: gnutls_certificate_credentials_t?
    fileprivate var priorities: gnutls_priority_t?
    fileprivate let applicationProtocol: String

    /// For connections that speak `applicationProtocol` (ALPN).
    ///
    /// Throws when GnuTLS has no memory, or cannot do what it is to do.
    init(applicationProtocol: String) throws(ServerError) {
        self.applicationProtocol = applicationProtocol
        guard gnutls_certificate_allocate_credentials(&credentials) == GNUTLS_E_SUCCESS,
            gnutls_priority_init(&priorities, TLSIdentity.priorities, nil) == GNUTLS_E_SUCCESS
        else { throw ServerError(description: "TLS is not to be had") }
        gnutls_certificate_set_retrieve_function3(credentials, TLSIdentity.retrieve)
    }

    deinit {
        if let credentials { gnutls_certificate_free_credentials(credentials) }
        if let priorities { gnutls_priority_deinit(priorities) }
    }
}

/// The bytes of a socket within TLS.
final class TLSTransport: ByteTransport {
    private let context: TLSContext
    private let socket: Int32
    private var session: gnutls_session_t?
    private(set) var isReady = false

    /// The socket, which does not block, stays its owner's; nil without memory.
    init?(_ socket: Int32, _ context: TLSContext) {
        self.context = context
        self.socket = socket
        let flags = UInt32(GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL)
        guard gnutls_init(&session, flags) == GNUTLS_E_SUCCESS,
            gnutls_priority_set(session, context.priorities) == GNUTLS_E_SUCCESS,
            gnutls_credentials_set(
                session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(context.credentials))
                == GNUTLS_E_SUCCESS, offerProtocol()
        else { return nil }
        gnutls_transport_set_int2(session, socket, socket)
    }

    deinit { if let session { gnutls_deinit(session) } }

    private func offerProtocol() -> Bool {
        var name = Array(context.applicationProtocol.utf8)
        return name.withUnsafeMutableBufferPointer { bytes in
            var datum = gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
            let flags = UInt32(GNUTLS_ALPN_MANDATORY.rawValue)
            return gnutls_alpn_set_protocols(session, &datum, 1, flags) == GNUTLS_E_SUCCESS
        }
    }

    var holdsBytes: Bool { gnutls_record_check_pending(session) > 0 }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransportResult {
        if !isReady {
            let code = gnutls_handshake(session)
            guard code == GNUTLS_E_SUCCESS else { return result(of: Int(code)) }
            isReady = true
        }
        return result(of: gnutls_record_recv(session, buffer.baseAddress, buffer.count))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult {
        result(of: gnutls_record_send(session, bytes.baseAddress, bytes.count))
    }

    func endWriting() {
        gnutls_bye(session, GNUTLS_SHUT_WR)
        shutdown(socket, Int32(SHUT_WR))
    }

    private func result(of count: Int) -> TransportResult {
        if count > 0 { return .moved(count) }
        let code = Int32(truncatingIfNeeded: count)
        return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED ? .blocked : .ended
    }
}

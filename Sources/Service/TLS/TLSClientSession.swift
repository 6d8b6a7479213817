internal import CGnuTLS
internal import Glibc

/// The client's end of TLS over a socket that blocks; the server's certificate is verified.
final class TLSClientSession {
    private var credentials: gnutls_certificate_credentials_t?
    private var session: gnutls_session_t?

    /// Shakes hands with the server of this name over a socket, which stays its owner's.
    ///
    /// `authorities` is a file of certificates (PEM) to trust instead of the system's. Throws when
    /// the server cannot be trusted, or speaks no TLS 1.2 or 1.3.
    init(_ socket: Int32, host: String, authorities: String?) throws(HTTPClientError) {
        try check(gnutls_certificate_allocate_credentials(&credentials))
        let count =
            if let authorities {
                gnutls_certificate_set_x509_trust_file(
                    credentials, authorities, GNUTLS_X509_FMT_PEM)
            } else {
                gnutls_certificate_set_x509_system_trust(credentials)
            }
        guard count >= 0 || authorities == nil else {
            throw .unreachable("\(authorities ?? ""): \(TLSClientSession.text(of: count))")
        }
        try check(gnutls_init(&session, UInt32(GNUTLS_CLIENT | GNUTLS_NO_SIGNAL)))
        try check(gnutls_priority_set_direct(session, TLSIdentity.priorities, nil))
        try check(
            gnutls_credentials_set(
                session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials)))
        if !TLSClientSession.isNumeric(host) {
            try check(
                gnutls_server_name_set(session, GNUTLS_NAME_DNS, host, host.utf8.count))
        }
        gnutls_session_set_verify_cert(session, host, 0)
        gnutls_transport_set_int2(session, socket, socket)
        try shakeHands(with: host)
    }

    deinit {
        if let session { gnutls_deinit(session) }
        if let credentials { gnutls_certificate_free_credentials(credentials) }
    }

    /// Reads what has come, waiting for it; 0 at the end, less when it is broken.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let count = gnutls_record_recv(session, buffer.baseAddress, buffer.count)
            if count != Int(GNUTLS_E_INTERRUPTED) { return count }
        }
    }

    /// Writes; gives how many bytes were, less than 0 when it is broken.
    func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = gnutls_record_send(session, bytes.baseAddress, bytes.count)
            if count != Int(GNUTLS_E_INTERRUPTED) { return count }
        }
    }

    /// GnuTLS' words for one of its codes.
    static func text(of code: some BinaryInteger) -> String {
        String(cString: gnutls_strerror(Int32(truncatingIfNeeded: code)))
    }

    private func shakeHands(with host: String) throws(HTTPClientError) {
        var code: Int32
        repeat {
            code = gnutls_handshake(session)
        } while code == GNUTLS_E_INTERRUPTED
        guard code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR else { return try check(code) }
        var reason = gnutls_datum_t()
        let status = gnutls_session_get_verify_cert_status(session)
        guard
            gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &reason, 0)
                == GNUTLS_E_SUCCESS, let bytes = reason.data
        else { return try check(code) }
        defer { free(bytes) }
        let text = String(
            decoding: UnsafeBufferPointer(start: bytes, count: Int(reason.size)), as: UTF8.self)
        throw .unreachable("\(host) is not to be trusted: \(text)")
    }

    private func check(_ code: Int32) throws(HTTPClientError) {
        guard code == GNUTLS_E_SUCCESS else {
            throw .unreachable("TLS: \(TLSClientSession.text(of: code))")
        }
    }

    /// An address instead of a name; the protocol has only names.
    private static func isNumeric(_ host: String) -> Bool {
        host.contains(":") || host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
    }
}

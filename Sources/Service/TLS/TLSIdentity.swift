internal import CGnuTLS
internal import Glibc
internal import Host
internal import Synchronization

/// The certificate and the key with which a server proves who it is, as they were read last.
///
/// They are taken anew for each handshake: after a reload connections that are open keep what they
/// have, and new ones get the new certificate.
enum TLSIdentity {
    /// TLS 1.2 and 1.3 with the library's own choice of ciphers.
    static let priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

    /// The files' contents, PEM.
    fileprivate struct Files: Sendable {
        let chain: [UInt8]
        let key: [UInt8]
    }

    /// What handshakes take; GnuTLS hands its callback nothing that would tell whose it is, and a
    /// process is one server.
    fileprivate static let current = Mutex<Files?>(nil)

    /// Reads the files and takes them for handshakes to come.
    ///
    /// Throws when a file cannot be read, is no PEM, or when the key is not the certificate's; what
    /// was there before then stays.
    static func load(_ paths: TLSFiles) throws(ServerError) {
        let files: Files
        do throws(HostError) {
            let limit = ServiceLimits.configurationBytesMax
            files = Files(
                chain: try Machine.real.files.readFile(paths.certificate, limit: limit),
                key: try Machine.real.files.readFile(paths.key, limit: limit))
        } catch {
            throw ServerError(description: "\(error)")
        }
        let code = check(files)
        guard code == GNUTLS_E_SUCCESS else {
            throw ServerError(
                description:
                    "\(paths.certificate), \(paths.key): no certificate and key in PEM that belong "
                    + "together: \(String(cString: gnutls_strerror(code)))")
        }
        current.withLock { $0 = files }
    }

    /// What GnuTLS calls in each handshake of this process.
    static let retrieve: Retrieve = retrieveTLSIdentity

    typealias Retrieve =
        @convention(c) (
            gnutls_session_t?, UnsafePointer<gnutls_cert_retr_st>?,
            UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?,
            UnsafeMutablePointer<UInt32>?,
            UnsafeMutablePointer<UnsafeMutablePointer<gnutls_ocsp_data_st>?>?,
            UnsafeMutablePointer<UInt32>?, UnsafeMutablePointer<gnutls_privkey_t?>?,
            UnsafeMutablePointer<UInt32>?
        ) -> Int32

    private static func check(_ files: Files) -> Int32 {
        var credentials: gnutls_certificate_credentials_t?
        let code = gnutls_certificate_allocate_credentials(&credentials)
        guard code == GNUTLS_E_SUCCESS, let credentials else { return code }
        defer { gnutls_certificate_free_credentials(credentials) }
        guard let chain = importedChain(files.chain) else { return GNUTLS_E_CERTIFICATE_ERROR }
        freeChain(chain)
        return withDatum(files.chain) { chain in
            withDatum(files.key) { key in
                gnutls_certificate_set_x509_key_mem2(
                    credentials, chain, key, GNUTLS_X509_FMT_PEM, nil, 0)
            }
        }
    }
}

/// Gives GnuTLS the certificate and the key for a handshake, which frees them after it.
private func retrieveTLSIdentity(
    session: gnutls_session_t?, info: UnsafePointer<gnutls_cert_retr_st>?,
    certificates: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_pcert_st>?>?,
    count: UnsafeMutablePointer<UInt32>?,
    responses: UnsafeMutablePointer<UnsafeMutablePointer<gnutls_ocsp_data_st>?>?,
    responseCount: UnsafeMutablePointer<UInt32>?, key: UnsafeMutablePointer<gnutls_privkey_t?>?,
    flags: UnsafeMutablePointer<UInt32>?
) -> Int32 {
    guard let files = TLSIdentity.current.withLock({ $0 }), let certificates, let count, let key,
        let flags
    else { return -1 }
    responses?.pointee = nil
    responseCount?.pointee = 0
    guard let chain = importedChain(files.chain) else { return -1 }
    var imports: gnutls_privkey_t?
    guard gnutls_privkey_init(&imports) == GNUTLS_E_SUCCESS,
        withDatum(
            files.key,
            { gnutls_privkey_import_x509_raw(imports, $0, GNUTLS_X509_FMT_PEM, nil, 0) })
            == GNUTLS_E_SUCCESS
    else {
        freeChain(chain)
        if let imports { gnutls_privkey_deinit(imports) }
        return -1
    }
    certificates.pointee = chain.list
    count.pointee = chain.count
    key.pointee = imports
    flags.pointee = UInt32(GNUTLS_CERT_RETR_DEINIT_ALL)
    return 0
}

private typealias CertificateChain = (list: UnsafeMutablePointer<gnutls_pcert_st>, count: UInt32)

/// The certificates of a file, for GnuTLS to free or for `freeChain`; nil when there are none, or
/// more than `TLSLimits.chainMax`.
private func importedChain(_ bytes: [UInt8]) -> CertificateChain? {
    let size = MemoryLayout<gnutls_pcert_st>.stride * TLSLimits.chainMax
    // GnuTLS frees it as C does.
    guard
        let list = malloc(size)?.bindMemory(
            to: gnutls_pcert_st.self, capacity: TLSLimits.chainMax)
    else { return nil }
    var count = UInt32(TLSLimits.chainMax)
    let code = withDatum(bytes) {
        gnutls_pcert_list_import_x509_raw(
            list, &count, $0, GNUTLS_X509_FMT_PEM,
            UInt32(GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED.rawValue))
    }
    guard code == GNUTLS_E_SUCCESS else {
        free(list)
        return nil
    }
    return (list, count)
}

private func freeChain(_ chain: CertificateChain) {
    for index in 0..<Int(chain.count) { gnutls_pcert_deinit(chain.list + index) }
    free(chain.list)
}

/// Lends bytes in GnuTLS' form.
private func withDatum<Result>(
    _ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Result
) -> Result {
    bytes.withUnsafeBufferPointer { bytes in
        var datum = gnutls_datum_t(
            data: UnsafeMutablePointer(mutating: bytes.baseAddress), size: UInt32(bytes.count))
        return body(&datum)
    }
}

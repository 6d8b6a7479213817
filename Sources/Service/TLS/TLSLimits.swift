/// Bounds of TLS.
enum TLSLimits {
    /// Certificates in one file, from the server's own up to an authority's.
    static let chainMax = 16
}

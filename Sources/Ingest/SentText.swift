internal import CKernels

/// Texts as clients sent them, which need not be UTF-8.
///
/// They lie in `PaddedBytes`.
enum SentText {
    @inline(__always)
    static func isUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = text.baseAddress else { return true }
        return wf_is_ascii_padded(base, text.count) || wf_is_utf8(base, text.count)
    }

    /// The text; what is no UTF-8 in it becomes U+FFFD.
    @inline(__always)
    static func withUTF8(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        if isUTF8(text) { return body(text) }
        var repaired = String(decoding: text, as: UTF8.self)
        repaired.withUTF8 { body($0) }
    }
}

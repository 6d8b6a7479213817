internal import CKernels

extension Array where Element == UInt8 {
    /// Whether the bytes of a text are among these, one after the other.
    func contains(text: [UInt8]) -> Bool {
        withUnsafeBufferPointer { bytes in
            text.withUnsafeBufferPointer { text in
                guard let base = bytes.baseAddress, let needle = text.baseAddress else {
                    return text.isEmpty
                }
                return wf_find(base, bytes.count, needle, text.count) < bytes.count
            }
        }
    }
}

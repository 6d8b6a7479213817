internal import CKernels

/// A table of 64-bit counts or words that begins as zeros and takes memory only where it is touched.
///
/// The system hands out zeroed pages on first touch, so a large table of which a corner is used
/// costs that corner.
final class ZeroedTable {
    let count: Int
    let base: UnsafeMutablePointer<UInt64>

    init(count: Int) {
        self.count = count
        guard let memory = wf_zeroed_words(max(count, 1)) else {
            preconditionFailure("out of memory: \(count) words")
        }
        base = memory
    }

    deinit { wf_free_words(base) }

    @inline(__always)
    subscript(index: Int) -> UInt64 {
        get { base[index] }
        set { base[index] = newValue }
    }
}

internal import CSnappy

/// Snappy's block format, as remote write has it.
package enum Snappy {
    /// The bytes as one block.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let most = snappy_max_compressed_length(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
            bytes.withUnsafeBytes { source in
                var length = most
                let status = snappy_compress(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self), source.count,
                    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(
                        to: CChar.self), &length)
                precondition(status == SNAPPY_OK, "BUG: a block does not fit its bound")
                count = length
            }
        }
    }
}

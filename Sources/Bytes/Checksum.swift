internal import CKernels

/// CRC-32C (Castagnoli), the checksum of every record and block on disk.
public enum Checksum {
    /// The checksum of `bytes`, continuing from `seed` (0 to begin).
    public static func crc32c(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0, seed: seed) }
    }

    public static func crc32c(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0, seed: seed) }
    }

    public static func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return seed }
        return wf_crc32c(seed, base, bytes.count)
    }
}

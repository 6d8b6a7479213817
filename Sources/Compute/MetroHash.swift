/// MetroHash64: a fast hash that is not meant to withstand an adversary.
///
/// Source: the reference code of its author, J. Andrew Rogers.
enum MetroHash {
    private static let k0: UInt64 = 0xD6D0_18F5
    private static let k1: UInt64 = 0xA2AA_033B
    private static let k2: UInt64 = 0x6299_2FC1
    private static let k3: UInt64 = 0x30BC_5B29

    /// The hash of a text as a number from 0 to below 1, evenly spread.
    static func share(of text: String) -> Double {
        var text = text
        return text.withUTF8 { Double(hash($0) >> 11) * 0x1p-53 }
    }

    static func hash(_ bytes: UnsafeBufferPointer<UInt8>, seed: UInt64 = 0) -> UInt64 {
        var reader = Reader(bytes: bytes)
        var hash = (seed &+ k2) &* k0
        if bytes.count >= 32 { hash &+= blocks(&reader, hash) }
        if reader.left >= 16 {
            var v0 = rotated(hash &+ reader.next(8) &* k2, 29) &* k3
            var v1 = rotated(hash &+ reader.next(8) &* k2, 29) &* k3
            v0 ^= rotated(v0 &* k0, 21) &+ v1
            v1 ^= rotated(v1 &* k3, 21) &+ v0
            hash &+= v1
        }
        for (width, turn) in [(8, 55), (4, 26), (2, 48), (1, 37)] where reader.left >= width {
            hash &+= reader.next(width) &* k3
            hash ^= rotated(hash, UInt64(turn)) &* k1
        }
        hash ^= rotated(hash, 28)
        hash &*= k0
        return hash ^ rotated(hash, 29)
    }

    /// What all whole blocks of 32 bytes add to the hash.
    private static func blocks(_ reader: inout Reader, _ hash: UInt64) -> UInt64 {
        var (v0, v1, v2, v3) = (hash, hash, hash, hash)
        repeat {
            v0 = rotated(v0 &+ reader.next(8) &* k0, 29) &+ v2
            v1 = rotated(v1 &+ reader.next(8) &* k1, 29) &+ v3
            v2 = rotated(v2 &+ reader.next(8) &* k2, 29) &+ v0
            v3 = rotated(v3 &+ reader.next(8) &* k3, 29) &+ v1
        } while reader.left >= 32
        v2 ^= rotated((v0 &+ v3) &* k0 &+ v1, 37) &* k1
        v3 ^= rotated((v1 &+ v2) &* k1 &+ v0, 37) &* k0
        v0 ^= rotated((v0 &+ v2) &* k0 &+ v3, 37) &* k1
        v1 ^= rotated((v1 &+ v3) &* k1 &+ v2, 37) &* k0
        return v0 ^ v1
    }

    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value >> bits | value << (64 - bits)
    }

    /// Takes little-endian numbers from the front.
    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var offset = 0

        var left: Int { bytes.count - offset }

        mutating func next(_ width: Int) -> UInt64 {
            var value: UInt64 = 0
            for place in 0..<width { value |= UInt64(bytes[offset + place]) << UInt64(place * 8) }
            offset += width
            return value
        }
    }
}

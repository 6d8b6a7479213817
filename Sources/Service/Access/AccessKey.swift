internal import CGnuTLS
internal import Events
internal import Host

/// A key as it is kept: never the text itself, only its SHA-256.
struct AccessKey: Sendable, Equatable {
    let kind: KeyKind
    let environment: String
    /// SHA-256 of the key's text, 32 bytes.
    let digest: [UInt8]
    /// Seconds since 1970.
    let createdAt: Int64

    /// Names the key in answers and logs without giving it away: the first 12 digits of its hash.
    var id: String { String(hexadecimal(digest).prefix(12)) }

    /// Draws a new key of 190 random bits; the text is shown once and kept nowhere.
    static func create(
        _ kind: KeyKind, environment: String, on machine: Machine
    ) -> (key: AccessKey, text: String) {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        var text = kind.prefix
        var drawn = 0
        while drawn < 32 {
            // Below 248, the largest multiple of 62 in a byte, every letter is equally likely.
            let byte = Int(machine.random.nextUInt64() >> 56)
            guard byte < 248 else { continue }
            text.append(alphabet[byte % 62])
            drawn += 1
        }
        let key = AccessKey(
            kind: kind, environment: environment, digest: sha256(Array(text.utf8)),
            createdAt: machine.clock.wallNanoseconds() / 1_000_000_000)
        return (key, text)
    }
}

/// SHA-256 (FIPS 180-4), 32 bytes.
func sha256(_ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { target, initialized in
        let code = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, bytes.count, target.baseAddress)
        precondition(code == 0, "BUG: SHA-256 failed: \(code)")
        initialized = 32
    }
}

/// Compares two digests in a time that does not tell where they differ.
func isSameDigest(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && gnutls_memcmp(a, b, a.count) == 0
}

/// Lower-case hexadecimal digits, two a byte.
func hexadecimal(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes {
        if byte < 16 { text += "0" }
        text += String(byte, radix: 16)
    }
    return text
}

/// The bytes of hexadecimal digits; nil for an odd number of them or another character.
func bytes(hexadecimal text: String) -> [UInt8]? {
    var result: [UInt8] = []
    var digits = text.utf8.makeIterator()
    while let high = digits.next() {
        guard let low = digits.next(), let high = hexadecimalValue(high),
            let low = hexadecimalValue(low)
        else { return nil }
        result.append(high << 4 | low)
    }
    return result
}

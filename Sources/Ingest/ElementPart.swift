internal import CKernels

/// What a key of a batch's element stands before.
enum ElementPart {
    case time, sampleRate, data, other

    /// By the key as it was sent, escapes resolved.
    init(_ key: UnsafeBufferPointer<UInt8>) {
        self =
            switch key.count {
            case 4 where ElementPart.is(key, "data"): .data
            case 4 where ElementPart.is(key, "time"): .time
            case 10 where ElementPart.is(key, "samplerate"): .sampleRate
            default: .other
            }
    }

    /// The part whose key stands at `place` as clients write it, its quotes and the colon behind it, with
    /// the bytes of all that; nil for any other key, which is to be read.
    @inline(__always)
    static func framed(at place: Cursor) -> (part: ElementPart, length: Int)? {
        let bytes = UnsafeRawPointer(place)
        let word = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        switch word & 0x00FF_FFFF_FFFF_FFFF {
        case 0x003A_2261_7461_6422: return (.data, 7)
        case 0x003A_2265_6D69_7422: return (.time, 7)
        default: break
        }
        // `"sampler`, and then `ate":`.
        guard word == 0x7265_6C70_6D61_7322 else { return nil }
        let rest = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        return UInt64(littleEndian: rest) & 0xFF_FFFF_FFFF == 0x3A_2265_7461
            ? (.sampleRate, 13) : nil
    }

    private static func `is`(_ key: UnsafeBufferPointer<UInt8>, _ name: StaticString) -> Bool {
        guard let base = key.baseAddress, key.count == name.utf8CodeUnitCount else { return false }
        return wf_equal(base, name.utf8Start, key.count)
    }
}

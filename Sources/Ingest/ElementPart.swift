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

    private static func `is`(_ key: UnsafeBufferPointer<UInt8>, _ name: StaticString) -> Bool {
        guard let base = key.baseAddress, key.count == name.utf8CodeUnitCount else { return false }
        return wf_equal(base, name.utf8Start, key.count)
    }
}

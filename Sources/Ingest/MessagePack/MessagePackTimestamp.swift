internal import Bytes

/// MessagePack's own time: the extension of type −1.
///
/// Four bytes are seconds; of eight the upper 30 bits are nanoseconds and the lower 34 seconds; of
/// twelve the first four are nanoseconds, the others seconds, which may be negative.
struct MessagePackTimestamp {
    /// Since 1970, rounded down.
    let seconds: Int64
    /// On top of the seconds.
    private let nanoseconds: Int64

    /// Nil when the extension is another, or the nanoseconds are a second or more.
    init?(type: Int8, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard type == -1 else { return nil }
        let words = bytes.prefix(12).reduce(Int128(0)) { $0 << 8 | Int128($1) }
        switch bytes.count {
        case 4:
            seconds = Int64(words)
            nanoseconds = 0
        case 8:
            seconds = Int64(words & 0x3_FFFF_FFFF)
            nanoseconds = Int64(words >> 34)
        case 12:
            seconds = Int64(truncatingIfNeeded: words)
            nanoseconds = Int64(words >> 64)
        default: return nil
        }
        if nanoseconds > 999_999_999 { return nil }
    }

    var eventTime: EventTime { EventTime(seconds: seconds, fraction: nanoseconds) }

    /// RFC 3339; nil outside the years 0 to 9999.
    var text: String? { RFC3339.text(seconds: seconds, nanoseconds: nanoseconds) }
}

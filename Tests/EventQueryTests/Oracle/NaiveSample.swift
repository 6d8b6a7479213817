import TestSupport

/// Whether an event is in the sample of a share, as `docs/query-language.md` tells it.
///
/// By its time and its receipt: no two events of a model share a time, so their order says nothing.
func naiveSample(_ share: Double, holds event: ModelEvent) -> Bool {
    if share >= 1 { return true }
    var hash: UInt64 = 0
    for part in [event.timestamp, event.timestamp + 5, 0] {
        hash = (hash ^ UInt64(bitPattern: part)) &+ 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        hash ^= hash >> 31
    }
    return Double(hash) / 0x1p64 <= share
}

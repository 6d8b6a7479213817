/// When an event was and how many it stands for.
struct EventHead {
    /// Nanoseconds since 1970; nil when the event does not say.
    var time: Int64?
    var sampleRate: UInt32 = 1
}

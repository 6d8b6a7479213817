/// When to try again after failures: a second later, then twice as long each time, up to a minute.
struct Backoff: Sendable {
    private var failures = 0
    private var until = Int64.min

    /// Whether it may be tried at a time; milliseconds since 1970.
    func isOpen(at now: Int64) -> Bool { now >= until }

    mutating func failed(at now: Int64) {
        until = now + (Int64(1000) << min(failures, 6)).clamped(to: 60_000)
        failures += 1
    }

    mutating func succeeded() { self = Backoff() }
}

extension Int64 {
    fileprivate func clamped(to limit: Int64) -> Int64 { Swift.min(self, limit) }
}

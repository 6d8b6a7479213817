/// How often each alert was in a message that was refused for what it says.
///
/// Those refused least go first, the more often the fewer together, and one that is refused alone waits
/// longer every time: so one alert that a listener does not take keeps no other from being told.
struct Refusals: Sendable {
    private var refused: [AlertIdentity: (times: Int, until: Int64)] = [:]

    /// Takes note that a message was refused.
    mutating func add(_ message: OutgoingMessage, at now: Int64) {
        for alert in message.told.keys {
            let times = min((refused[alert]?.times ?? 0) + 1, 16)
            // Among others it is not known yet which of them is not taken.
            let wait: Int64 = message.alertCount > 1 ? 1000 : min(60_000, 1000 << Int64(times))
            refused[alert] = (times, now + wait)
        }
    }

    /// Forgets what was said against the alerts of a message that was taken.
    mutating func forget(_ message: OutgoingMessage) {
        for alert in message.told.keys { refused[alert] = nil }
    }

    /// Forgets all alerts but those that are there.
    mutating func keep(_ isThere: (AlertIdentity) -> Bool) {
        if !refused.isEmpty { refused = refused.filter { isThere($0.key) } }
    }

    /// Those of the alerts that the next message tells of.
    func next(of due: [Alert], atMost most: Int, at now: Int64) -> [Alert] {
        if refused.isEmpty { return Array(due.prefix(most)) }
        func times(_ alert: Alert) -> Int { refused[alert.identity]?.times ?? 0 }
        let open = due.filter { refused[$0.identity].map { $0.until <= now } ?? true }
        guard let least = open.map(times).min() else { return [] }
        return Array(open.filter { times($0) == least }.prefix(max(1, most >> least)))
    }
}

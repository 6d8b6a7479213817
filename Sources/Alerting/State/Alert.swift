internal import Metrics
public import SeriesStore

/// What tells one time at which an alert was found from all others.
struct AlertIdentity: Hashable, Sendable {
    let labels: Labels
    /// Milliseconds since 1970.
    let activeAt: Int64
}

/// One alert: a series that a rule's expression found, and what became of it.
public struct Alert: Sendable {
    public enum State: String, Sendable {
        /// It was firing, and is over.
        case inactive
        /// Its series is found, but not for long enough.
        case pending
        case firing
    }

    /// With the rule's own and `alertname`; what tells it from others.
    public let labels: Labels
    public internal(set) var annotations: Labels
    public internal(set) var value: Double
    public internal(set) var state: State
    /// Milliseconds since 1970 when its series was found first.
    public internal(set) var activeAt: Int64
    /// When it began to fire; nil before.
    public internal(set) var firedAt: Int64?
    /// When it was over; nil before.
    public internal(set) var resolvedAt: Int64?
    /// When its series was missed first while it fires on; nil while it is found.
    public internal(set) var missingSince: Int64?
    /// The last time at which it was found among events that were not settled then; nil where it never was.
    var metAt: Int64?
    /// When nothing was known of its group first; nil while something is.
    public internal(set) var unobservedSince: Int64?
    /// The windows that a trigger looked at last, the latest in the lowest bit: whether each was wrong.
    var hits: UInt64 = 0
    /// When receivers were to be told of it anew; nil when they are told once.
    public internal(set) var toldAnewAt: Int64?
    /// Names of the receivers that are told; nil for all who match its labels.
    public internal(set) var receivers: [String]?

    var identity: AlertIdentity { AlertIdentity(labels: labels, activeAt: activeAt) }
}

extension Alert {
    /// The same with more annotations; its own go before.
    public func adding(_ details: Labels) -> Alert {
        var alert = self
        let value = Label("value", NumberText.json(self.value))
        alert.annotations = Labels([value] + Array(details) + Array(annotations))
        return alert
    }

    /// Whether the look at what is settled has yet to come past what was found before it was settled.
    ///
    /// A condition that is met for less time than events take to settle is over for the one look before the
    /// other begins to find it: without this its alert would end, and begin again.
    ///
    /// - Parameter settled: milliseconds since 1970 up to which all is settled.
    func isAhead(of settled: Int64) -> Bool {
        state == .firing && metAt.map { settled <= $0 } ?? false
    }

    /// Takes note that nothing is known of what it is about.
    ///
    /// - Returns: whether it stays as it is, as it does for an hour.
    mutating func loseSight(at time: Int64) -> Bool {
        let since = unobservedSince ?? time
        unobservedSince = since
        return time - since < Alert.unobservedKept
    }

    /// Milliseconds for which an alert stays as it is while nothing is known.
    private static let unobservedKept: Int64 = 3_600_000

    /// Whether its labels or annotations hold one of some texts.
    public func holds(_ texts: [String]) -> Bool { labels.hold(texts) || annotations.hold(texts) }

    var contact: Contact { Contact(labels, annotations) }

    /// Milliseconds since 1970 by when it should escalate, be acknowledged, mitigated and reviewed, where
    /// its tier or its annotations say so; none before it fires.
    public var deadlines: [(name: String, time: Int64)] {
        firedAt.map { Deadlines(labels, annotations, firedAt: $0).all } ?? []
    }
}

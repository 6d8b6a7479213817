internal import Metrics
internal import SeriesStore

/// By when something should become of an alert: what its tier takes for granted, where annotations of its
/// rule say nothing else.
///
/// People are shown what escalation acts upon. An annotation that is no duration counts as none, and one
/// of `0` takes the deadline away. What is left to a machine first is a page from its escalation on, and
/// its other deadlines count from there. All are milliseconds since 1970.
struct Deadlines: Sendable {
    /// Annotations that say how long, as durations: `20m`.
    static let annotations = [
        escalateAfter, acknowledgeWithin, "mitigate_within", "review_within",
    ]
    static let escalateAfter = "escalate_after"
    private static let acknowledgeWithin = "acknowledge_within"

    /// When an alert of tier `automate` becomes a page; nil when it never does.
    let escalation: Int64?
    /// When somebody should know of it.
    let acknowledgement: Int64?
    /// All of them by their names, in the order in which they usually are.
    let all: [(name: String, time: Int64)]

    init(_ labels: Labels, _ annotations: Labels, firedAt: Int64) {
        func time(_ name: String, _ usual: Int64?, from start: Int64) -> Int64? {
            let wait = DurationText.milliseconds(annotations[name]) ?? usual ?? 0
            guard wait > 0 else { return nil }
            return min(start, .max - Deadlines.longest) + min(wait, Deadlines.longest)
        }
        let tier = AlertTier(rawValue: labels[AlertTier.label])
        let escalation = tier == .automate ? time(Deadlines.escalateAfter, nil, from: firedAt) : nil
        let usual = Deadlines.usual[escalation == nil ? tier : .page] ?? [:]
        let others = Deadlines.annotations.dropFirst().map { name in
            (name, time(name, usual[name], from: escalation ?? firedAt))
        }
        self.escalation = escalation
        acknowledgement = others[0].1
        all = ([(Deadlines.escalateAfter, escalation)] + others).compactMap { name, time in
            time.map { (String(name.prefix { $0 != "_" }), $0) }
        }
    }

    /// What is wrong with annotations that should be durations and are none: each counts as none.
    static func objections(to annotations: Labels) -> [String] {
        annotations.compactMap { objection(to: $0.value, named: $0.name) }
    }

    /// The same of one annotation; nil where it says nothing of deadlines.
    static func objection(to text: String, named name: String) -> String? {
        guard annotations.contains(name), DurationText.milliseconds(text) == nil else { return nil }
        return "'\(name)' is no duration such as 5m: \"\(text)\""
    }

    /// The longest one, ten years: with it every time can be written.
    private static let longest: Int64 = 3_650 * day

    private static let minute: Int64 = 60_000
    private static let day: Int64 = 24 * 60 * minute

    /// What tiers take for granted.
    private static let usual: [AlertTier?: [String: Int64]] = [
        .page: [
            acknowledgeWithin: 5 * minute, "mitigate_within": 60 * minute,
            "review_within": 3 * day,
        ],
        .ticket: [acknowledgeWithin: day, "mitigate_within": 7 * day],
    ]
}

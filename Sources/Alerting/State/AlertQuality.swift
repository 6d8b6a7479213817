/// How good alerts are: what people said of those that they were told of.
public struct AlertQuality: Sendable {
    /// The name of a rule, or of who is asked about it.
    public let name: String
    public private(set) var incidents = 0
    /// Those of them that woke somebody.
    public private(set) var pages = 0
    public private(set) var actionable = 0
    public private(set) var noise = 0
    private var acknowledging: [Int64] = []
    private var detecting: [Int64] = []

    private init(name: String) { self.name = name }

    /// Quality by a name of each incident, by names ascending.
    ///
    /// - Parameter now: milliseconds since 1970.
    public static func by(
        _ name: (Incident) -> String, _ incidents: [Incident], at now: Int64
    ) -> [AlertQuality] {
        var found: [String: AlertQuality] = [:]
        for incident in incidents {
            let key = name(incident)
            found[key, default: AlertQuality(name: key)].add(incident, at: now)
        }
        return found.values.sorted { $0.name < $1.name }
    }

    private mutating func add(_ incident: Incident, at now: Int64) {
        incidents += 1
        if incident.isPage(at: now) { pages += 1 }
        switch incident.verdict {
        case .actionable: actionable += 1
        case .noise: noise += 1
        case nil: break
        }
        if let at = incident.acknowledgedAt { acknowledging.append(at - incident.firedAt) }
        detecting.append(incident.firedAt - incident.activeAt)
    }

    /// The share of those that something was said of which were actionable; nil when nothing was said.
    public var shareActionable: Double? {
        let said = actionable + noise
        return said == 0 ? nil : Double(actionable) / Double(said)
    }

    /// Whether less than half were actionable, which costs the trust that alerts live by.
    public var isPoor: Bool { shareActionable.map { $0 < 0.5 } ?? false }

    /// Milliseconds from firing to acknowledging, the median; nil when none was acknowledged.
    public var timeToAcknowledge: Int64? { AlertQuality.median(acknowledging) }

    /// Milliseconds from the condition to firing, the median.
    public var timeToDetect: Int64? { AlertQuality.median(detecting) }

    private static func median(_ values: [Int64]) -> Int64? {
        values.isEmpty ? nil : values.sorted()[(values.count - 1) / 2]
    }
}

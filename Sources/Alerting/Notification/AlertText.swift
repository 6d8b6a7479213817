internal import Bytes
internal import SeriesStore

/// Alerts as they are told of.
enum AlertText {
    static func json(_ labels: Labels) -> JSONValue {
        .object(JSONObject(labels.map { JSONObject.Member($0.name, .string($0.value)) }))
    }

    /// What `json` gave.
    static func labels(_ json: JSONValue?) -> Labels {
        Labels((json?.object?.members ?? []).map { Label($0.key, $0.value.string ?? "") })
    }

    /// - Parameter milliseconds: since 1970.
    static func time(_ milliseconds: Int64) -> JSONValue {
        .string(RFC3339.text(milliseconds: milliseconds))
    }

    /// What tells one incident from all others, also when it is told twice.
    static func key(_ alert: Alert) -> String { key(alert.labels, activeAt: alert.activeAt) }

    /// The same by what an alert is known by.
    static func key(_ labels: Labels, activeAt: Int64) -> String {
        let text = Array("\(labels) \(activeAt)".utf8)
        let halves = [Checksum.crc32c(text), Checksum.crc32c(text, seed: 0x5745_4631)]
        return halves.map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// One line: `[FIRING] TooManyErrors (service="shop"): summary`.
    static func line(_ alert: Alert) -> String {
        let name = alert.labels[Alert.nameLabel]
        let others = alert.labels.filter { $0.name != Alert.nameLabel }
            .map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ")
        let summary = alert.annotations["summary"]
        let state = alert.resolvedAt == nil ? "FIRING" : "RESOLVED"
        return "[\(state)] \(name)" + (others.isEmpty ? "" : " (\(others))")
            + (summary.isEmpty ? "" : ": \(summary)")
    }

    /// Characters of an annotation that is told.
    private static let annotationCharacters = 4_096

    /// Annotations as they are told: what is longer than a message should be is cut.
    static func told(_ annotations: Labels) -> Labels {
        guard annotations.contains(where: { $0.value.utf8.count > annotationCharacters }) else {
            return annotations
        }
        return Labels(
            annotations.map { label in
                label.value.count <= annotationCharacters
                    ? label : Label(label.name, label.value.prefix(annotationCharacters - 1) + "…")
            })
    }

    /// Annotations that say what is behind an alert, for people, in the order in which they read them.
    private static let details = [
        "value", "window", "events", "different_fields", "query_url", "traces",
    ]

    /// What people want to know besides its line: `value: 0.2`.
    static func details(_ alert: Alert) -> [(name: String, value: String)] {
        var found = details.map { ($0, alert.annotations[$0]) }
        let contact = alert.contact
        found += [("owner", contact.owner), ("runbook", contact.runbook)]
        return found.filter { !$0.1.isEmpty }
            .map { ($0.0.replacing("_", with: " "), String($0.1.prefix(1_000))) }
    }

    static func base64(_ text: String) -> String {
        Array(text.utf8).withUnsafeBufferPointer { Base64.text(of: $0) }
    }

    /// What several have in common.
    static func shared(_ all: [Labels]) -> Labels {
        guard let first = all.first else { return .empty }
        return Labels(
            first.filter { label in all.allSatisfy { $0[label.name] == label.value } })
    }
}

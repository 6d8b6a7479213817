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
        .string(RFC3339.text(nanoseconds: milliseconds * 1_000_000))
    }

    /// What tells one incident from all others, also when it is told twice.
    static func key(_ alert: Alert) -> String {
        let text = Array("\(alert.labels) \(alert.activeAt)".utf8)
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

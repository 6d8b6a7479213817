internal import Alerting
internal import Bytes
internal import Metrics
internal import SeriesStore

/// What is behind an alert in a few lines, as annotations that go with it to whoever is told.
extension AlertExplanation {
    /// Characters of one of them.
    private static let detailCharacters = 1_000

    /// The window, the query as a link, how many events, what sets them apart, and traces.
    func details(_ alert: Alert, _ rule: Rule, id: String) -> Labels {
        let document = document(alert, rule)
        var details = [
            Label("window", text(document["from"]) + " to " + text(document["to"])),
            Label("explanation_url", "\(externalURL)/api/alerts/\(id)/explanation"),
        ]
        let behind = document["behind"]?.array ?? []
        // The first that has events; without one, what is asked all the same.
        let best = behind.first { ($0["events"]?.integer ?? 0) > 0 } ?? behind.first
        guard let best else {
            return Labels(details + [Label("query_url", text(document["series_url"]))])
        }
        details.append(Label("query", text(best["query"])))
        details.append(Label("query_url", text(best["url"])))
        if let events = best["events"]?.integer { details.append(Label("events", "\(events)")) }
        details.append(Label("different_fields", AlertExplanation.fields(best)))
        let traces = (best["traces"]?.array ?? []).map { text($0["url"]) }
        details.append(Label("traces", traces.joined(separator: " ")))
        // Half a link leads nowhere.
        return Labels(
            details.filter { $0.value.count <= AlertExplanation.detailCharacters })
    }

    private func text(_ json: JSONValue?) -> String { json?.string ?? "" }

    /// `pricing = new (20 bad, 0 good); …`: the telling values of the fields, most telling first.
    private static func fields(_ behind: JSONValue) -> String {
        var text = ""
        for field in behind["fields"]?.array ?? [] {
            guard let value = field["values"]?.array?.first, let name = field["field"]?.string
            else { continue }
            let shown = value["value"] ?? .null
            let counts =
                "\(value["bad"]?.integer ?? 0) bad, \(value["good"]?.integer ?? 0) good"
            let part = "\(name) = \((shown.string ?? shown.text).prefix(100)) (\(counts))"
            guard text.count + part.count + 2 <= detailCharacters else { break }
            text += (text.isEmpty ? "" : "; ") + part
        }
        return text
    }
}

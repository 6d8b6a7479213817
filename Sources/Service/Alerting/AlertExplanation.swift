internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Host
internal import Metrics
internal import SeriesStore

/// What is behind an alert: the events of its series, what sets them apart from others, and traces.
struct AlertExplanation {
    let metrics: DerivedMetrics
    let environment: String
    let externalURL: String
    let cancellation: QueryCancellation

    /// Milliseconds before the condition was met that its expression looks at in most rules.
    private static let lookback: Int64 = 300_000
    private static let fields = 5
    private static let traces = 3

    func document(_ alert: Alert, _ rule: Rule) -> JSONValue {
        let start = alert.activeAt - AlertExplanation.lookback
        let now = metrics.service.clock.wallNanoseconds() / 1_000_000
        let end = alert.resolvedAt ?? now
        let expression = percentEncoded(rule.text)
        var object = JSONObject()
        object["name"] = .string(rule.name)
        object["value"] = .string(NumberText.json(alert.value))
        object["expression"] = .string(rule.text)
        object["series_url"] = .string("\(externalURL)/api/v1/query?query=\(expression)")
        object["from"] = time(start)
        object["to"] = time(end)
        object["labels"] = RuleDocument.json(alert.labels)
        object["annotations"] = RuleDocument.json(alert.annotations)
        object["behind"] = .array(
            sources(of: rule).map { definition, matchers in
                .object(behind(alert, definition, matchers, from: start, to: end))
            })
        return .object(object)
    }

    private func time(_ milliseconds: Int64) -> JSONValue { .string(text(milliseconds)) }

    private func text(_ milliseconds: Int64) -> String {
        RFC3339.text(nanoseconds: milliseconds * 1_000_000)
    }

    /// Metrics of events that the rule reads, each with the narrowest selector of it.
    private func sources(of rule: Rule) -> [(MetricDefinition, [LabelMatcher])] {
        var found: [(MetricDefinition, [LabelMatcher])] = []
        let definitions = metrics.definitions(of: environment)
        for selector in rule.expression?.selectors ?? [] {
            let name = selector.first { $0.name == Labels.metricName }?.value ?? ""
            guard let definition = definitions.first(where: { $0.hasSeries(named: name) }) else {
                continue
            }
            if let place = found.firstIndex(where: { $0.0.name == definition.name }) {
                if found[place].1.count < selector.count { found[place].1 = selector }
            } else {
                found.append((definition, selector))
            }
        }
        return found
    }

    // MARK: - Events

    private func behind(
        _ alert: Alert, _ definition: MetricDefinition, _ matchers: [LabelMatcher],
        from: Int64, to: Int64
    ) -> JSONObject {
        let conditions = conditions(definition, alert, matchers)
        let datasets: String
        switch definition.source {
        case .all: datasets = "*"
        case .named(let names): datasets = names.map { "`\($0)`" }.joined(separator: ", ")
        }
        var base = "from \(datasets) | between \(text(from)) and \(text(to))"
        for condition in conditions.alert { base += " | where \(condition)" }
        let bad = conditions.selector.joined(separator: " and ")
        let query = bad.isEmpty ? base : base + " | where \(bad)"
        var object = JSONObject()
        object["metric"] = .string(definition.name)
        object["query"] = .string(query)
        object["url"] = .string("\(externalURL)/#q=\(percentEncoded(query))")
        if let table = table(query + " | stats count()") {
            object["events"] = table.rows.first?.values.first.flatMap { count in
                if case .value(.int(let count)) = count { .int(count) } else { nil }
            }
        }
        object["traces"] = .array(traces(of: query))
        if !bad.isEmpty { object["fields"] = .array(fields(base + " | bubbleup where \(bad)")) }
        return object
    }

    /// Conditions of the query language: what the alert's labels say of events, and what the selector
    /// says besides.
    private func conditions(
        _ definition: MetricDefinition, _ alert: Alert, _ matchers: [LabelMatcher]
    ) -> (alert: [String], selector: [String]) {
        var ofAlert = definition.filter.map { ["(\($0.text))"] } ?? []
        var ofSelector: [String] = []
        for label in definition.labels {
            let value = alert.labels[label.name]
            if !value.isEmpty {
                ofAlert.append(condition(label.value, value))
            } else if let matcher = matchers.first(where: { $0.name == label.name }),
                matcher.operation == .equal, !matcher.value.isEmpty
            {
                ofSelector.append(condition(label.value, matcher.value))
            }
        }
        return (ofAlert, ofSelector)
    }

    /// A label's value is a text, whatever it was in events.
    private func condition(_ expression: Expression, _ value: String) -> String {
        let text = "(\(expression.text)) = " + Expression.literal(.string(value)).text
        if let number = Int64(value) {
            return "(\(text) or (\(expression.text)) = \(number))"
        }
        if value == "true" || value == "false" {
            return "(\(text) or (\(expression.text)) = \(value))"
        }
        return text
    }

    // MARK: - Answers

    /// The answer of a query; nil when it has none, which is no reason to explain nothing.
    private func answer(_ text: String) -> QueryAnswer.Content? {
        try? metrics.service.answer(
            try Question(text: text), environment: environment, cancellation: cancellation
        ).content
    }

    private func table(_ text: String) -> StatisticsTable? {
        if case .statistics(let table)? = answer(text) { table } else { nil }
    }

    private func traces(of query: String) -> [JSONValue] {
        let text =
            query + " | where trace.trace_id exists | stats count() by trace.trace_id | limit "
            + "\(AlertExplanation.traces)"
        return (table(text)?.rows ?? []).compactMap { row in
            guard case .string(let id)? = row.group.first else { return nil }
            return ["id": .string(id), "url": .string("\(externalURL)/api/traces/\(id)")]
        }
    }

    private func fields(_ text: String) -> [JSONValue] {
        guard case .comparison(let comparisons)? = answer(text) else { return [] }
        return comparisons.fields.prefix(AlertExplanation.fields).map { field in
            [
                "field": .string(field.name), "score": .double(field.comparison.shownScore),
                "values": .array(
                    field.comparison.values.prefix(3).map { compared in
                        [
                            "value": json(compared.value),
                            "bad": .int(Int64(clamping: compared.count.selection)),
                            "good": .int(Int64(clamping: compared.count.baseline)),
                        ]
                    }),
            ]
        }
    }

    private func json(_ value: FieldValue) -> JSONValue {
        switch value {
        case .missing: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .float(let value): .double(value)
        case .string(let value): .string(value)
        }
    }
}

extension MetricDefinition {
    /// Whether a series of the name is one of its own.
    fileprivate func hasSeries(named name: String) -> Bool {
        name == self.name || ["_bucket", "_sum", "_count"].contains { name == self.name + $0 }
    }
}

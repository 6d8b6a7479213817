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
    /// What the environment's rules record.
    let recorded: RecordedSelectors
    /// Nanoseconds that one of its questions may take; nil for what others may.
    var timeLimit: Int64?

    /// Milliseconds before the condition was met that its expression looks at in most rules.
    private static let lookback: Int64 = 300_000
    private static let fields = 5
    private static let traces = 3

    /// - Parameter rule: nil for an alert that comes of none, or of one that is gone.
    func document(_ alert: Alert, _ rule: Rule?) -> JSONValue {
        let start = alert.activeAt - (rule.map { lookback(of: alert, $0) } ?? 0)
        let now = metrics.service.clock.wallNanoseconds() / 1_000_000
        let end = alert.resolvedAt ?? now
        var object = JSONObject()
        object["name"] = .string(alert.labels[Alert.nameLabel])
        object["value"] = .string(NumberText.json(alert.value))
        if let rule {
            let expression = percentEncoded(rule.text)
            object["expression"] = .string(rule.text)
            object["series_url"] = .string("\(externalURL)/api/v1/query?query=\(expression)")
        }
        object["from"] = time(start)
        object["to"] = time(end)
        object["labels"] = RuleDocument.json(alert.labels)
        object["annotations"] = RuleDocument.json(alert.annotations)
        let behind = rule.map { events(of: alert, $0) } ?? []
        object["behind"] = .array(behind.map { .object(self.behind($0, from: start, to: end)) })
        return .object(object)
    }

    /// What is behind an alert of a rule.
    private func events(of alert: Alert, _ rule: Rule) -> [Events] {
        let counted = sources(of: rule).map { definition, selectors in
            events(of: alert, definition, selectors)
        }
        let asked = rule.trigger.map { [events(of: alert, $0)] } ?? []
        return counted + asked + objectives(of: rule).map(events)
    }

    /// Milliseconds before the condition was met: of a trigger and of a burn rate those of its window.
    private func lookback(of alert: Alert, _ rule: Rule) -> Int64 {
        if let trigger = rule.trigger { return trigger.window }
        guard !objectives(of: rule).isEmpty else { return AlertExplanation.lookback }
        return DurationText.milliseconds(alert.labels["window"]) ?? AlertExplanation.lookback
    }

    /// The SLOs whose series the rule reads.
    private func objectives(of rule: Rule) -> [ServiceLevelObjective] {
        let names = Set(SLOSeries.descriptions.map(\.name))
        let ids = selectors(of: rule).compactMap { selector -> String? in
            let name = selector.first { $0.name == Labels.metricName }?.value ?? ""
            guard names.contains(name) else { return nil }
            return selector.first { $0.name == "slo" && $0.operation == .equal }?.value
        }
        let read = Set(ids)
        if read.isEmpty { return [] }
        return metrics.levels.objectives(of: environment).filter { read.contains($0.id) }
    }

    private func time(_ milliseconds: Int64) -> JSONValue { .string(text(milliseconds)) }

    private func text(_ milliseconds: Int64) -> String {
        RFC3339.text(milliseconds: milliseconds)
    }

    /// Metrics of events that the rule reads, each with its selectors.
    private func sources(of rule: Rule) -> [(MetricDefinition, [[LabelMatcher]])] {
        var found: [(MetricDefinition, [[LabelMatcher]])] = []
        let definitions = metrics.definitions(of: environment)
        for selector in selectors(of: rule) {
            let name = selector.first { $0.name == Labels.metricName }?.value ?? ""
            guard let definition = definitions.first(where: { $0.hasSeries(named: name) }) else {
                continue
            }
            if let place = found.firstIndex(where: { $0.0.name == definition.name }) {
                found[place].1.append(selector)
            } else {
                found.append((definition, [selector]))
            }
        }
        return found
    }

    /// What the rule reads, and what rules that record it read.
    private func selectors(of rule: Rule) -> [[LabelMatcher]] {
        rule.expression.map { recorded.selectors(of: $0) } ?? []
    }

    // MARK: - Events

    /// The events that count for an SLO, and the bad ones.
    private func events(of objective: ServiceLevelObjective) -> Events {
        Events(
            metric: objective.bad.name, source: objective.total.source,
            stages: objective.total.filter.map { ["where \($0.text)"] } ?? [],
            bad: objective.bad.filter.map { ["(\($0.text))"] } ?? [])
    }

    /// Events that an alert is about, and what sets the bad ones of them apart.
    private struct Events {
        /// The metric that counts them; nil where a trigger does.
        let metric: String?
        let source: DatasetSelection
        /// Stages that hold for all of them.
        let stages: [String]
        /// Conditions of those that count.
        let bad: [String]
    }

    private func events(
        of alert: Alert, _ definition: MetricDefinition, _ selectors: [[LabelMatcher]]
    ) -> Events {
        let conditions = AlertConditions(definition, alert.labels, selectors)
        return Events(
            metric: definition.name, source: definition.source,
            stages: conditions.events.map { "where \($0)" }, bad: conditions.bad)
    }

    /// The conditions of a trigger's query are what is bad; of one without, the values beyond the
    /// threshold.
    private func events(of alert: Alert, _ trigger: Trigger) -> Events {
        var stages: [String] = []
        var bad: [String] = []
        for transform in trigger.query.transforms {
            switch transform {
            case .filter(let condition): bad.append("(\(condition.text))")
            case .evaluate(let name, let value):
                stages.append("eval `\(name)` = \(value.text)")
            }
        }
        guard case .statistics(let statistics) = trigger.query.shape else {
            preconditionFailure("BUG: a trigger counts")
        }
        for (key, label) in zip(statistics.groupBy, trigger.labelNames) where !key.isEach {
            let value = alert.labels[label]
            if value.isEmpty { continue }
            stages.append("where " + AlertConditions.condition(key.expression, value))
        }
        let argument = statistics.calculations.first?.argument
        if bad.isEmpty, trigger.baseline == nil, let argument {
            let sign = trigger.threshold.comparison.rawValue
            bad.append("\(argument.text) \(sign) \(NumberText.json(trigger.threshold.value))")
        }
        return Events(metric: nil, source: trigger.query.source, stages: stages, bad: bad)
    }

    private func behind(_ events: Events, from: Int64, to: Int64) -> JSONObject {
        let datasets: String
        switch events.source {
        case .all: datasets = "*"
        case .named(let names): datasets = names.map { "`\($0)`" }.joined(separator: ", ")
        }
        var base = "from \(datasets) | between \(text(from)) and \(text(to))"
        for stage in events.stages { base += " | \(stage)" }
        let bad = events.bad.joined(separator: " and ")
        let query = bad.isEmpty ? base : base + " | where \(bad)"
        var object = JSONObject()
        object["metric"] = events.metric.map { .string($0) }
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

    // MARK: - Answers

    /// The answer of a query; nil when it has none, which is no reason to explain nothing.
    private func answer(_ text: String) -> QueryAnswer.Content? {
        guard var question = try? Question(text: text) else { return nil }
        if let timeLimit { question.options.timeLimit = timeLimit }
        return try? metrics.service.answer(
            question, environment: environment, cancellation: cancellation
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

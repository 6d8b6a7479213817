public import EventQuery
internal import SeriesStore

/// The derived series of this moment as text for a scraper.
public enum MetricsExposition {
    public enum Format: Sendable {
        /// OpenMetrics 1.0.
        case openMetrics
        /// Prometheus's text format 0.0.4.
        case prometheus

        public var contentType: String {
            switch self {
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            }
        }
    }

    /// Writes every metric with its totals.
    ///
    /// - Parameters:
    ///   - until: nanoseconds since 1970; events from then on are left out.
    ///   - ask: answers a query that is about statistics.
    public static func text(
        _ definitions: [MetricDefinition], _ format: Format, until: Int64,
        _ ask: DerivedSeries.Ask
    ) throws -> String {
        var text = ""
        for definition in definitions {
            text += head(of: definition, format)
            for row in try definition.table(.min, until, ask).rows {
                for part in definition.parts {
                    for (labels, place) in definition.series(of: row.group, part) {
                        text += name(of: labels) + " "
                        text += NumberText.json(row.values[place]) + "\n"
                    }
                }
            }
        }
        return format == .openMetrics ? text + "# EOF\n" : text
    }

    private static func head(of definition: MetricDefinition, _ format: Format) -> String {
        let name = format == .openMetrics ? definition.familyName : definition.name
        var text = "# TYPE \(name) \(definition.typeName)\n"
        if format == .openMetrics, !definition.unit.isEmpty, name.hasSuffix("_" + definition.unit) {
            text += "# UNIT \(name) \(definition.unit)\n"
        }
        if !definition.help.isEmpty { text += "# HELP \(name) \(escaped(definition.help))\n" }
        return text
    }

    /// As `name{label="value",…}`.
    private static func name(of labels: Labels) -> String {
        let others = labels.filter { $0.name != Labels.metricName }
            .map { "\($0.name)=\"\(escaped($0.value))\"" }
        return labels.metricName + (others.isEmpty ? "" : "{\(others.joined(separator: ","))}")
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"": text += "\\\""
            default: text.append(character)
            }
        }
    }
}

extension MetricDefinition {
    /// As Prometheus calls its kind.
    public var typeName: String { kind == .counter ? "counter" : "histogram" }
}

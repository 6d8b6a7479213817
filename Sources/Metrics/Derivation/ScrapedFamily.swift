internal import SeriesStore

/// What a scraper knows under one name: a metric, or those that were pushed as parts of one.
struct ScrapedFamily {
    let name: String
    let type: String
    private(set) var definitions: [MetricDefinition]

    /// All of them, each where its first definition is.
    ///
    /// What was pushed as a counter, histogram or summary is one where all parts of it are there under
    /// names that nothing else has; the type of others is unknown.
    static func all(
        of definitions: [MetricDefinition], _ format: MetricsExposition.Format
    ) -> [ScrapedFamily] {
        let pushed = PushedFamilies(definitions, format)
        var families: [ScrapedFamily] = []
        var places: [String: Int] = [:]
        for definition in definitions {
            guard let (name, type) = pushed.family(of: definition) else {
                families.append(ScrapedFamily(definition, format))
                continue
            }
            if let place = places[name] {
                families[place].definitions.append(definition)
            } else {
                places[name] = families.count
                families.append(ScrapedFamily(name: name, type: type, definitions: [definition]))
            }
        }
        return families
    }

    private init(name: String, type: String, definitions: [MetricDefinition]) {
        (self.name, self.type, self.definitions) = (name, type, definitions)
    }

    /// One definition by itself.
    private init(_ definition: MetricDefinition, _ format: MetricsExposition.Format) {
        definitions = [definition]
        name = format == .openMetrics ? definition.familyName : definition.name
        guard let pushed = definition.pushedType else {
            type = definition.kind.typeName
            return
        }
        let none = format == .openMetrics ? "unknown" : "untyped"
        type = pushed == "counter" && format == .prometheus ? pushed : none
    }

    var help: String { definitions.map(\.help).first { !$0.isEmpty } ?? "" }
    var unit: String { definitions.map(\.unit).first { !$0.isEmpty } ?? "" }
    /// Whether its samples are those of several definitions.
    var isPushed: Bool { definitions.count > 1 || definitions[0].pushedType != nil }

    /// Lines of several definitions in the order in which a text has them: series by series, buckets and
    /// quantiles ascending.
    func ordered(
        _ lines: [(labels: Labels, value: Double)], _ format: MetricsExposition.Format
    ) -> [(labels: Labels, value: Double)] {
        let keyed = lines.map { line in
            var line = line
            let bounds = ["le", "quantile"]
            let bound = bounds.compactMap { Double(line.labels[$0]) }.first
            if let bound, format == .openMetrics {
                // As pushed it may be `1`, where OpenMetrics has `1.0`.
                line.labels = Labels(
                    line.labels.map {
                        bounds.contains($0.name)
                            ? Label($0.name, NumberText.openMetrics(bound)) : $0
                    })
            }
            let own = bounds + [Labels.metricName]
            let others = Labels(line.labels.filter { !own.contains($0.name) })
            let suffix = line.labels.metricName.dropFirst(name.count)
            let rank = ["_sum", "_count", "_created"].firstIndex(of: String(suffix)) ?? -1
            return (others, rank, bound ?? 0, line)
        }
        return keyed.sorted { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }.map(\.3)
    }
}

/// Of which metrics what was pushed is a part.
private struct PushedFamilies {
    private let types: [String: String]
    /// Names of other metrics.
    private let taken: Set<String>
    private let format: MetricsExposition.Format

    init(_ definitions: [MetricDefinition], _ format: MetricsExposition.Format) {
        self.format = format
        types = Dictionary(
            definitions.compactMap { one in one.pushedType.map { (one.name, $0) } }
        ) { first, _ in first }
        taken = Set(definitions.filter { $0.pushedType == nil }.map(\.familyName))
    }

    /// The name and type of the metric that a definition is a part of; nil when it is none.
    func family(of definition: MetricDefinition) -> (name: String, type: String)? {
        for suffix in suffixes(of: definition) where definition.name.hasSuffix(suffix) {
            let name = String(definition.name.dropLast(suffix.count))
            guard let type = type(of: name), !taken.contains(name) else { continue }
            return (name, type)
        }
        return nil
    }

    private func suffixes(of definition: MetricDefinition) -> [String] {
        switch (definition.pushedType, format) {
        // In the other format a counter has the name of its samples.
        case ("counter", .openMetrics): ["_total"]
        case ("histogram", _): ["_bucket", "_sum", "_count"]
        case ("summary", _): ["_sum", "_count", ""]
        // When something began is pushed as a gauge.
        case (nil, .openMetrics): definition.kind == .gauge(.last) ? ["_created"] : []
        default: []
        }
    }

    /// What was pushed under a name; nil when it is nothing whole.
    private func type(of name: String) -> String? {
        func isThere(_ type: String, _ suffixes: String...) -> Bool {
            suffixes.allSatisfy { types[name + $0] == type }
        }
        if types[name] != nil, types[name] != "summary" { return nil }
        if isThere("summary", "_sum", "_count") { return "summary" }
        if types[name] != nil { return nil }
        if isThere("histogram", "_bucket", "_sum", "_count") { return "histogram" }
        return format == .openMetrics && isThere("counter", "_total") ? "counter" : nil
    }
}

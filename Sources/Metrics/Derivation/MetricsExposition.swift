internal import Compute
public import EventQuery
public import SeriesStore

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

    /// A gauge that is worked out elsewhere, with its present values.
    public struct Gauge: Sendable {
        public let name: String
        public let help: String
        public var values: [(labels: Labels, value: Double)]

        public init(name: String, help: String, values: [(labels: Labels, value: Double)]) {
            self.name = name
            self.help = help
            self.values = values
        }
    }

    /// Writes every metric: the totals of what only grows, the present values of gauges.
    ///
    /// Of metrics that ask for other events of a trace it writes those that `running` has.
    ///
    /// - Parameters:
    ///   - until: nanoseconds since 1970; events from then on are left out.
    ///   - past: what is left of events that are gone.
    ///   - running: the totals of metrics that ask for other events of a trace.
    ///   - gauges: written after them.
    ///   - ask: answers a query that is about statistics.
    public static func text(
        _ definitions: [MetricDefinition], _ format: Format, until: Int64, past: PastSeries? = nil,
        running: [MetricDefinition: RunningTotals] = [:], gauges: [Gauge] = [],
        _ ask: DerivedSeries.Ask
    ) throws -> String {
        var text = ""
        let known = definitions.filter { !$0.asksForRelatives || running[$0] != nil }
        for family in ScrapedFamily.all(of: known, format) {
            var lines: [(labels: Labels, value: Double)] = []
            var body = ""
            for definition in family.definitions {
                let totals = running[definition]
                let exemplars =
                    format == .openMetrics ? try exemplars(of: definition, until, ask) : [:]
                for series in try totals?.present ?? present(definition, until, past, ask) {
                    if family.isPushed {
                        lines += definition.lines(of: series)
                        continue
                    }
                    for line in definition.lines(of: series) {
                        body += self.line(line, exemplars[line.labels])
                    }
                    if format == .openMetrics, let created = series.created {
                        let labels = definition.seriesLabels(series.labels, .created)
                        body += name(of: labels) + " " + NumberText.fixed(created, digits: 3) + "\n"
                    }
                }
            }
            for line in family.ordered(lines, format) { body += self.line(line, nil) }
            text += head(of: family, format) + body
        }
        for gauge in gauges where !gauge.values.isEmpty {
            text += "# TYPE \(gauge.name) gauge\n# HELP \(gauge.name) \(escaped(gauge.help))\n"
            for (labels, value) in gauge.values {
                text += name(of: labels) + " " + NumberText.json(value) + "\n"
            }
        }
        return format == .openMetrics ? text + "# EOF\n" : text
    }

    /// Of each series the exemplar of the largest value, of late.
    private static func exemplars(
        of definition: MetricDefinition, _ until: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [Labels: Exemplar] {
        guard definition.kind.isAdditive, definition.kind != .exponentialHistogram,
            !definition.asksForRelatives
        else { return [:] }
        let from = until - MetricsLimits.scrapedExemplars
        var found: [Labels: Exemplar] = [:]
        for (labels, exemplars) in try definition.exemplars(from: from, to: until, ask) {
            found[labels] = exemplars.max { ($0.value, $0.timestamp) < ($1.value, $1.timestamp) }
        }
        return found
    }

    /// As ` # {trace_id="…"} value time`.
    private static func text(_ exemplar: Exemplar) -> String {
        let labels = exemplar.labels.map { "\($0.name)=\"\(escaped($0.value))\"" }
        let time = NumberText.fixed(Double(exemplar.timestamp) / 1000, digits: 3)
        return " # {\(labels.joined(separator: ","))} \(NumberText.json(exemplar.value)) \(time)"
    }

    private static func present(
        _ definition: MetricDefinition, _ until: Int64, _ past: PastSeries?,
        _ ask: DerivedSeries.Ask
    ) throws -> [PresentSeries] {
        guard let past, definition.kind.isAdditive else {
            return try definition.present(until, ask)
        }
        return try past.consistently {
            let totals = try past.totals(of: definition, until: until)
            return try definition.present(until, ask).map { series in
                totals[series.labels].map { series.adding($0) } ?? series
            }
        }
    }

    private static func line(
        _ line: (labels: Labels, value: Double), _ exemplar: Exemplar?
    ) -> String {
        name(of: line.labels) + " " + NumberText.json(line.value)
            + (exemplar.map(self.text) ?? "") + "\n"
    }

    private static func head(of family: ScrapedFamily, _ format: Format) -> String {
        var text = "# TYPE \(family.name) \(family.type)\n"
        if format == .openMetrics, !family.unit.isEmpty, family.name.hasSuffix("_" + family.unit) {
            text += "# UNIT \(family.name) \(family.unit)\n"
        }
        if !family.help.isEmpty { text += "# HELP \(family.name) \(escaped(family.help))\n" }
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

/// What a metric says of one combination of labels now.
private struct PresentSeries {
    let labels: [String]?
    var numbers: MetricNumbers
    /// Seconds since 1970 at which it began to grow; nil for a gauge.
    var created: Double?

    /// With what is left of its events that are gone.
    func adding(_ past: PastGroups.Group) -> PresentSeries {
        var sum = self
        if let before = past.before { sum.numbers.add(before) }
        if let first = past.first { sum.created = Double(first) / 1e9 }
        return sum
    }
}

extension RunningTotals {
    fileprivate var present: [PresentSeries] {
        totals.map {
            PresentSeries(labels: $0.key, numbers: $0.value, created: Double(begun) / 1e9)
        }
    }
}

extension MetricDefinition {
    /// The series that have not ended.
    fileprivate func present(_ until: Int64, _ ask: DerivedSeries.Ask) throws -> [PresentSeries] {
        // Fast path: totals and times are of the same events, which are looked at once.
        if kind.isAdditive, restartInterval == nil,
            let counted = try TimedCounts(self, .min, until, hasNumbers: true, ask)
        {
            return present(counted.table.rows, counted.spans, until)
        }
        let admitted = try AdmittedSeries(self, until: until, ask)
        let (from, to) = presentRange(until)
        var rows = try table(from, to, admitted, ask).rows
        if kind == .presence {
            return presence(rows, admitted.spans, since: alive(until))
        }
        if restartInterval != nil { rows += beginnings(of: admitted, besides: rows) }
        var found = present(rows, admitted.spans, until)
        if let filter = admitted.overflowFilter,
            let row = try overflowTable(from, to, filter, ask).rows.first
        {
            found.append(PresentSeries(labels: nil, numbers: row.numbers, created: nil))
        }
        return found
    }

    /// Zeros for the series that have no event since totals began again.
    private func beginnings(
        of admitted: AdmittedSeries, besides rows: [MetricTable.Row]
    ) -> [MetricTable.Row] {
        let known = Set(rows.map(\.labels))
        var nothing = MetricNumbers(
            numbers: [Double](repeating: 0, count: parts.count > 1 ? bounds.count + 2 : 1))
        if kind == .exponentialHistogram { nothing.counts = ExponentialCounts() }
        return admitted.spans.keys.filter { !known.contains($0) }
            .map { MetricTable.Row(labels: $0, numbers: nothing) }
    }

    /// When the last event of a series was at least, that has not ended.
    private func alive(_ until: Int64) -> Int64 {
        let (alive, overflows) = until.subtractingReportingOverflow(staleAfter * 1_000_000)
        return overflows ? .min : alive
    }

    private func present(
        _ rows: [MetricTable.Row], _ spans: [[String]: ClosedRange<Int64>], _ until: Int64
    ) -> [PresentSeries] {
        let alive = alive(until)
        return rows.compactMap { row in
            guard let span = spans[row.labels], span.upperBound >= alive,
                !row.numbers.numbers.contains(where: StaleMarker.isStale)
            else { return nil }
            let begun = max(span.lowerBound, totalsBegin(before: until))
            let created = kind.isAdditive ? Double(begun) / 1e9 : nil
            return PresentSeries(labels: row.labels, numbers: row.numbers, created: created)
        }
    }

    /// 1 for those that have events, 0 for those that had some since a time; nothing where none have.
    private func presence(
        _ rows: [MetricTable.Row], _ spans: [[String]: ClosedRange<Int64>], since alive: Int64
    ) -> [PresentSeries] {
        let present = Set(rows.map(\.labels))
        if present.isEmpty { return [] }
        return spans.filter { $0.value.upperBound >= alive }.map { labels, _ in
            let numbers = MetricNumbers(numbers: [present.contains(labels) ? 1 : 0])
            return PresentSeries(labels: labels, numbers: numbers, created: nil)
        }
    }

    /// The events that say what is now: all of them, those since when the last value holds, or those of
    /// the last whole cell.
    private func presentRange(_ until: Int64) -> (from: Int64, to: Int64) {
        if kind.isAdditive { return (totalsBegin(before: until), until) }
        if kind == .presence { return (until - DerivedSamples.presenceReach * 1_000_000, until) }
        if kind == .gauge(.last) { return (until - staleAfter * 1_000_000, until) }
        let cell = resolution * 1_000_000
        let end = (until - DerivedSeries.settling * 1_000_000) / cell * cell
        return (end - cell, end)
    }

    /// One a line of the text, without those of its creation.
    ///
    /// An exponential histogram has buckets whose bounds are powers of two: the text has no others.
    fileprivate func lines(of series: PresentSeries) -> [(labels: Labels, value: Double)] {
        guard kind == .exponentialHistogram, var counts = series.numbers.counts else {
            return parts.flatMap { part in
                self.series(of: series.labels, part).map {
                    ($0.labels, series.numbers.numbers[$0.place])
                }
            }
        }
        counts.reduceScale(by: max(0, counts.scale))
        var lines: [(labels: Labels, value: Double)] = []
        var total: UInt64 = 0
        func add(_ bound: Double, _ count: UInt64) {
            total &+= count
            let le = NumberText.openMetrics(bound)
            lines.append((seriesLabels(series.labels, .bucket, le: le), Double(total)))
        }
        for (place, count) in counts.negative.counts.enumerated().reversed() {
            let index = counts.negative.offset + place - 1
            add(-ExponentialCounts.upperBound(ofBucket: index, scale: counts.scale), count)
        }
        if counts.zeroCount > 0 { add(0, counts.zeroCount) }
        for (place, count) in counts.positive.counts.enumerated() {
            let index = counts.positive.offset + place
            let bound = ExponentialCounts.upperBound(ofBucket: index, scale: counts.scale)
            if bound.isFinite { add(bound, count) }
        }
        lines.append((seriesLabels(series.labels, .bucket, le: "+Inf"), Double(counts.count)))
        lines.append((seriesLabels(series.labels, .sum), series.numbers.numbers[0]))
        lines.append((seriesLabels(series.labels, .count), Double(counts.count)))
        return lines
    }
}

extension MetricDefinition {
    /// The labels of the series that have not ended, of events that meet a condition too.
    ///
    /// - Parameters:
    ///   - condition: of the query language.
    ///   - now: nanoseconds since 1970.
    public func presentLabels(
        where condition: String, now: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [[String: String]] {
        var narrowed = self
        let more = try Expression(parsingCondition: condition)
        narrowed.filter = filter.map { .and([$0, more]) } ?? more
        return try narrowed.present(now + 1, ask).compactMap { series in
            series.labels.map { values in
                Dictionary(uniqueKeysWithValues: zip(labels.map(\.name), values))
                    .filter { !$0.value.isEmpty }
            }
        }
    }
}

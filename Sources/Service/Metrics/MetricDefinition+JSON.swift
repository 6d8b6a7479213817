internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Metrics

extension MetricDefinition {
    /// The members of a definition, as `schemas/metric.schema.json` describes them.
    static let members = [
        "name", "type", "help", "unit", "dataset", "filter", "value", "reading", "buckets",
        "labels",
        "resolution", "stale_after", "series_limit", "retroactive", "since", "pushed_type",
        "drop_labels", definedAt,
    ]

    /// The member that tells since when a definition is as it is.
    static let definedAt = "defined_at"

    /// A definition with the time since when it is as it is: that of the one before if it is the same.
    ///
    /// - Parameter now: nanoseconds since 1970.
    static func dated(_ body: JSONObject, after known: JSONObject?, now: Int64) -> JSONObject {
        var (body, before) = (body, known)
        body[definedAt] = nil
        before?[definedAt] = nil
        let isSame = before == body
        body[definedAt] =
            isSame ? known?[definedAt] : .string(RFC3339.text(nanoseconds: now))
        return body
    }

    /// Reads a definition; throws a problem that names the member that is wrong.
    ///
    /// ```
    /// {"type": "histogram", "help": "…", "unit": "ms", "dataset": "shop",
    ///  "filter": "error = true", "value": "duration_ms", "buckets": [10, 50],
    ///  "labels": {"service": "service.name"}}
    /// ```
    init(_ name: String, _ body: DefinitionBody) throws(HTTPRefusal) {
        if let unknown = body.names.first(where: { !MetricDefinition.members.contains($0) }) {
            let hint = nearestName(to: unknown, among: MetricDefinition.members)
            throw body.wrong(
                unknown, "is no member of a metric" + (hint.map { "; did you mean \($0)?" } ?? ""))
        }
        self.init(
            name: name, help: try body.text("help", charactersMax: 1023) ?? "",
            unit: try body.text("unit", charactersMax: 64) ?? "",
            kind: try MetricDefinition.kind(body),
            source: try body.text("dataset", charactersMax: 255).map { .named([$0]) } ?? .all,
            filter: try body.expression("filter"), value: try body.expression("value"),
            labels: try MetricDefinition.labels(body))
        resolution = try body.milliseconds("resolution") ?? resolution
        staleAfter = try body.milliseconds("stale_after") ?? max(staleAfter, resolution)
        let limit = try body.integer("series_limit", in: 1...Int64(Int32.max))
        seriesLimit = limit.map { Int($0) } ?? seriesLimit
        pushedType = try body.text("pushed_type", charactersMax: 30)
        if let text = try body.text("since", charactersMax: 64) {
            guard let time = RFC3339.nanoseconds(text) else {
                throw body.wrong("since", "is no time as 2026-03-10T14:00:00Z")
            }
            since = time
        }
        drops = try MetricDefinition.drops(body)
        do throws(Flaw) {
            try check()
        } catch {
            throw body.wrong(error.member, "is wrong: \(error)")
        }
        guard !name.hasPrefix(ServiceLevelObjective.metricPrefix) else {
            throw body.wrong("name", "begins as those of the metrics of an SLO do")
        }
    }

    private static func drops(_ body: DefinitionBody) throws(HTTPRefusal) -> [Drop] {
        var drops: [Drop] = []
        for drop in try body.objects("drop_labels", countMax: ServiceLimits.labelDropsMax) ?? [] {
            if let unknown = drop.names.first(where: { !["after", "labels"].contains($0) }) {
                throw body.wrong("drop_labels", "has an entry with \(unknown): after and labels")
            }
            guard let after = try drop.milliseconds("after"),
                let labels = try drop.texts("labels", countMax: ServiceLimits.labelsOfDropMax)
            else {
                throw body.wrong("drop_labels", "has an entry without after or labels")
            }
            drops.append(Drop(after: after, labels: labels))
        }
        return drops
    }

    private static func kind(_ body: DefinitionBody) throws(HTTPRefusal) -> Kind {
        let type = try body.text("type", charactersMax: 30) ?? "counter"
        for (member, owner) in [("reading", "gauge"), ("buckets", "histogram")]
        where body.has(member) && type != owner {
            throw body.wrong(member, "is a member of a \(owner) alone")
        }
        switch type {
        case "counter": return .counter
        case "distinct": return .distinct
        case "exponential_histogram": return .exponentialHistogram
        case "histogram": return .histogram(bounds: try body.numbers("buckets"))
        case "gauge":
            guard let text = try body.text("reading", charactersMax: 30) else {
                return .gauge(.last)
            }
            guard let reading = Reading(rawValue: text) else {
                let all = Reading.allCases.map(\.rawValue).joined(separator: ", ")
                throw body.wrong("reading", "is none of \(all)")
            }
            return .gauge(reading)
        default:
            throw body.wrong(
                "type", "is none of counter, gauge, distinct, histogram, exponential_histogram")
        }
    }

    /// Labels by their names, or the names of fields, in which what is no part of a label's name becomes an
    /// underscore.
    private static func labels(_ body: DefinitionBody) throws(HTTPRefusal) -> [Dimension] {
        guard body.has("labels") else { return [] }
        var dimensions: [Dimension] = []
        if let fields = body.member("labels")?.array {
            var owners: [String: String] = [:]
            for field in fields {
                guard let field = field.string, !field.isEmpty else {
                    throw body.wrong("labels", "is no list of fields", code: "incorrect_type")
                }
                let name = labelName(ofField: field)
                if let other = owners.updateValue(field, forKey: name) {
                    throw body.wrong(
                        "labels", "is wrong: \(other) and \(field) both become \(name)")
                }
                let reference = field == "dataset" ? FieldReference.dataset : .named(field)
                dimensions.append(Dimension(name, .field(reference)))
            }
            return dimensions
        }
        let labels = try body.object("labels")
        for name in labels.names {
            guard let value = try labels.expression(name) else { continue }
            dimensions.append(Dimension(name, value))
        }
        return dimensions
    }
}

extension DefinitionBody {
    /// An expression of the query language.
    func expression(_ member: String) throws(HTTPRefusal) -> Expression? {
        guard let text = try text(member, charactersMax: 4095) else { return nil }
        do throws(QueryError) {
            return try Expression(parsingCondition: text)
        } catch {
            throw wrong(member, "is no expression: \(error)")
        }
    }

    /// A list of numbers; empty when it is absent.
    fileprivate func numbers(_ name: String) throws(HTTPRefusal) -> [Double] {
        guard has(name) else { return [] }
        let numbers = member(name)?.array?.map(\.number)
        guard let numbers, !numbers.contains(nil) else {
            throw wrong(name, "is not a list of numbers", code: "incorrect_type")
        }
        return numbers.compactMap { $0 }
    }

    /// Whole milliseconds of a duration such as `90s`.
    func milliseconds(_ name: String) throws(HTTPRefusal) -> Int64? {
        guard let text = try text(name, charactersMax: 64) else { return nil }
        guard let milliseconds = DurationText.milliseconds(text) else {
            throw wrong(name, "is no duration as 90s or 1h30m")
        }
        return milliseconds
    }
}

internal import Alerting
internal import Bytes
internal import Metrics

/// What routes answer of SLOs, as JSON.
enum SLODocument {
    /// A definition that was made by a call, as it was made.
    static func stored(_ slo: Definitions.Document) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(slo.id)
        for member in slo.body.members { object[member.key] = member.value }
        return object
    }

    /// A definition that the configuration has.
    static func configured(_ slo: ServiceLevelObjective) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(slo.id)
        if !slo.title.isEmpty { object["displayName"] = .string(slo.title) }
        if !slo.summary.isEmpty { object["description"] = .string(slo.summary) }
        object["target"] = .double(slo.target)
        object["timeWindow"] = [["duration": .string(slo.period.text)]]
        object["configured"] = true
        return object
    }

    /// How an SLO stands.
    static func status(_ slo: ServiceLevelObjective, _ report: SLOReport) -> JSONValue {
        var object = JSONObject()
        object["from"] = time(report.period.lowerBound)
        object["to"] = time(report.end)
        if report.period.upperBound > report.end {
            object["until"] = time(report.period.upperBound)
        }
        object["observed_from"] = report.beginning.map(time) ?? .null
        add(report.count, to: &object)
        let allowed = report.count.total * slo.budget
        object["budget"] = [
            "allowed": number(rounded(allowed)), "spent": number(report.count.bad),
            "left": number(rounded(allowed - report.count.bad)),
            "left_ratio": ratio(report.budgetLeft),
        ]
        object["burn_rates"] = .array(
            report.windows.map { window in
                var entry = JSONObject()
                entry["window"] = .string(DurationText.text(milliseconds: window.length))
                add(window.count, to: &entry)
                entry["burn_rate"] = ratio(report.burnRate(window))
                entry["exhausted_in_seconds"] = ratio(report.exhaustion(window).map { $0 / 1000 })
                return .object(entry)
            })
        object["metrics"] = ["total": .string(slo.total.name), "bad": .string(slo.bad.name)]
        object["days"] = .array(
            report.days.map { day in
                var entry = JSONObject()
                let text = RFC3339.text(milliseconds: day.begin)
                entry["day"] = .string(String(text.prefix(10)))
                entry["observed"] = .bool(day.count != nil)
                if let count = day.count {
                    add(count, to: &entry)
                    entry["budget_left"] = ratio(day.budgetLeft)
                }
                return .object(entry)
            })
        return .object(object)
    }

    private static func add(_ count: SLOCount, to object: inout JSONObject) {
        object["total"] = number(count.total)
        object["good"] = number(count.good)
        object["bad"] = number(count.bad)
        object["compliance"] = ratio(count.compliance)
    }

    private static func time(_ milliseconds: Int64) -> JSONValue {
        .string(RFC3339.text(milliseconds: milliseconds))
    }

    private static func ratio(_ value: Double?) -> JSONValue { value.map(number) ?? .null }

    /// A count without a fraction where it has none.
    private static func number(_ value: Double) -> JSONValue {
        Int64(exactly: value).map { .int($0) } ?? .double(value)
    }

    /// To a thousandth of an event: what binary fractions add beyond is nothing.
    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}

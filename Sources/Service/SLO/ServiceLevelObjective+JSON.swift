internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Metrics

extension ServiceLevelObjective {
    /// The members of a definition, as `schemas/slo.schema.json` describes them; those that OpenSLO has
    /// too have its names.
    static let members = [
        "name", "displayName", "description", "service", "dataset", "datasets", "total", "good",
        "bad", "sli", "target", "targetPercent", "timeWindow", "minimumEvents", "owner", "runbook",
        "alerting", "tags",
    ]

    /// Reads a definition; throws a problem that names the member that is wrong.
    ///
    /// ```
    /// {"displayName": "Checkout", "dataset": "shop", "total": "http.route = \"/checkout\"",
    ///  "good": "http.status_code < 500", "target": 0.999,
    ///  "timeWindow": [{"duration": "30d", "isRolling": true}]}
    /// ```
    init(_ id: String, _ body: DefinitionBody) throws(HTTPRefusal) {
        if let unknown = body.names.first(where: { !ServiceLevelObjective.members.contains($0) }) {
            let hint = nearestName(to: unknown, among: ServiceLevelObjective.members)
            throw body.wrong(
                unknown, "is no member of an SLO" + (hint.map { "; did you mean \($0)?" } ?? ""))
        }
        guard ServiceLevelObjective.isName(id) else {
            throw body.wrong(
                "name", "has other characters than letters, digits and . _ -, or more than 63")
        }
        let (total, bad) = try ServiceLevelObjective.metrics(id, body)
        let period = try ServiceLevelObjective.period(body)
        self.init(
            id: id, target: try ServiceLevelObjective.target(body), period: period,
            total: total, bad: bad, minimumEvents: try body.number("minimumEvents") ?? 1,
            alerts: try ServiceLevelObjective.alerts(body, period))
        guard minimumEvents >= 1, minimumEvents <= 1e9, minimumEvents.rounded() == minimumEvents
        else {
            throw body.wrong("minimumEvents", "is no whole number from 1 to 1000000000")
        }
        title = try body.text("displayName", charactersMax: 120) ?? ""
        summary = try body.text("description", charactersMax: 1023) ?? ""
        owner = try body.text("owner", charactersMax: 255) ?? ""
        runbook = try body.text("runbook", charactersMax: 2000) ?? ""
        _ = try body.text("service", charactersMax: 255)
    }

    /// A word that stands in paths, labels and names of files.
    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
            }
    }

    private static func target(_ body: DefinitionBody) throws(HTTPRefusal) -> Double {
        let (share, percent) = (try body.number("target"), try body.number("targetPercent"))
        guard (share == nil) != (percent == nil) else {
            throw body.wrong(
                "target", share == nil ? "is missing" : "is there beside targetPercent",
                code: share == nil ? "missing" : "invalid")
        }
        let target = share ?? (percent ?? 0) / 100
        guard target >= 0, target < 1 else {
            let name = share == nil ? "targetPercent" : "target"
            throw body.wrong(name, "is not from 0 to below \(share == nil ? 100 : 1)")
        }
        return target
    }

    private static func alerts(
        _ body: DefinitionBody, _ period: SLOPeriod
    ) throws(HTTPRefusal) -> [BurnRateAlert]? {
        guard let entries = try body.objects("alerting", countMax: ServiceLimits.alertsOfSLO)
        else { return nil }
        var alerts: [BurnRateAlert] = []
        for entry in entries {
            guard let rate = try entry.number("burnRate"), rate > 0, rate.isFinite else {
                throw body.wrong("alerting", "has an entry without a burnRate above 0")
            }
            let (long, short) = (
                try entry.milliseconds("longWindow"), try entry.milliseconds("shortWindow")
            )
            guard let long, let short, 60_000...long ~= short, long <= period.length else {
                throw body.wrong(
                    "alerting",
                    "has an entry without a shortWindow of a minute at least, and a longWindow "
                        + "between that and the time window")
            }
            let severity = try entry.text("severity", charactersMax: 30) ?? "page"
            guard let severity = BurnRateAlert.Severity(rawValue: severity) else {
                throw body.wrong("alerting", "has a severity that is neither page nor ticket")
            }
            alerts.append(
                BurnRateAlert(burnRate: rate, long: long, short: short, severity: severity))
        }
        guard Set(alerts.map { [$0.long, $0.severity == .page ? 1 : 0] }).count == alerts.count
        else {
            throw body.wrong("alerting", "has two entries of one longWindow and one severity")
        }
        return alerts
    }
}

// MARK: - Events

extension ServiceLevelObjective {
    private static func metrics(
        _ id: String, _ body: DefinitionBody
    ) throws(HTTPRefusal) -> (total: MetricDefinition, bad: MetricDefinition) {
        let filters = try filters(body)
        let source = try source(body)
        let names = metricNames(of: id)
        let total = MetricDefinition(
            name: names.total, help: "Events that count for the SLO \(id).", source: source,
            filter: filters.total)
        let bad = MetricDefinition(
            name: names.bad, help: "Events that are bad for the SLO \(id).", source: source,
            filter: filters.bad)
        guard !total.asksForRelatives, !bad.asksForRelatives else {
            throw body.wrong(
                body.has("sli") ? "sli" : "good", "asks for other events of the trace")
        }
        return (total, bad)
    }

    /// The conditions of events that count, nil for all, and of those that are bad.
    private static func filters(
        _ body: DefinitionBody
    ) throws(HTTPRefusal) -> (total: Expression?, bad: Expression) {
        let total = try body.expression("total")
        let given = ["good", "bad", "sli"].filter { body.has($0) }
        guard given.count == 1 else {
            throw body.wrong(
                given.last ?? "good",
                given.isEmpty ? "is missing" : "is there beside \(given[0])",
                code: given.isEmpty ? "missing" : "invalid")
        }
        if let sli = try body.expression("sli") {
            // True is good, false is bad, and what is neither does not count.
            let counts = Expression.membership(sli, [.bool(true), .bool(false)], negated: false)
            let bad = Expression.compare(.equal, sli, .literal(.bool(false)))
            guard let total else { return (counts, bad) }
            return (.and([total, counts]), .and([total, bad]))
        }
        guard let condition = try body.expression(given[0]) else {
            throw body.wrong(given[0], "is missing", code: "missing")
        }
        let bad = given[0] == "good" ? Expression.not(condition) : condition
        return (total, total.map { .and([$0, bad]) } ?? bad)
    }

    private static func source(_ body: DefinitionBody) throws(HTTPRefusal) -> DatasetSelection {
        let several = try body.texts("datasets", countMax: ServiceLimits.datasetsOfSLO)
        let one = try body.text("dataset", charactersMax: 255)
        guard several == nil || one == nil else {
            throw body.wrong("datasets", "is there beside dataset")
        }
        if let one { return .named([one]) }
        return several.map { $0.isEmpty ? .all : .named($0) } ?? .all
    }
}

// MARK: - Time

extension ServiceLevelObjective {
    private static func period(_ body: DefinitionBody) throws(HTTPRefusal) -> SLOPeriod {
        guard let windows = try body.objects("timeWindow", countMax: 1) else {
            return .rolling(30 * 86_400_000)
        }
        guard let window = windows.first,
            let text = try window.text("duration", charactersMax: 30)
        else { throw body.wrong("timeWindow", "has no duration") }
        let calendar = try window.object("calendar")
        let isRolling = try window.flag("isRolling") ?? !window.has("calendar")
        guard isRolling else { return try calendarPeriod(text, calendar, body) }
        guard !window.has("calendar") else {
            throw body.wrong("timeWindow", "has a calendar, and is rolling")
        }
        guard let length = DurationText.milliseconds(text),
            ServiceLimits.periodOfSLO.contains(length), length % 3_600_000 == 0
        else {
            throw body.wrong(
                "timeWindow",
                "has a duration that is no whole hours, from a day to 366 days: \(text)")
        }
        return .rolling(length)
    }

    private static func calendarPeriod(
        _ text: String, _ calendar: DefinitionBody, _ body: DefinitionBody
    ) throws(HTTPRefusal) -> SLOPeriod {
        let zone = try calendar.text("timeZone", charactersMax: 64) ?? "UTC"
        guard ["UTC", "Etc/UTC", "Z"].contains(zone) else {
            throw body.wrong(
                "timeWindow", "is of a calendar in \(zone); only UTC can be counted in")
        }
        // OpenSLO writes a blank between date and time, and no zone.
        let written = try calendar.text("startTime", charactersMax: 64) ?? "1970-01-01"
        let time = written.replacing(" ", with: "T")
        let start = RFC3339.nanoseconds(time) ?? RFC3339.nanoseconds(time + "Z")
        guard let start, start % 1_000_000_000 == 0 else {
            throw body.wrong("timeWindow", "has a startTime that is no time: \(written)")
        }
        let from = start / 1_000_000
        let months: [Character: Int64] = ["M": 1, "Q": 3, "Y": 12]
        if let unit = text.last, let one = months[unit] {
            guard let count = Int64(text.dropLast()), 1...12 ~= count, count * one <= 12 else {
                throw body.wrong("timeWindow", "has a duration of more than a year: \(text)")
            }
            return .months(from: from, count * one)
        }
        guard let length = DurationText.milliseconds(text),
            ServiceLimits.periodOfSLO.contains(length), length % 86_400_000 == 0
        else {
            throw body.wrong(
                "timeWindow",
                "has a duration that is none of whole days, weeks (w), months (M), quarters (Q) or "
                    + "a year (Y): \(text)")
        }
        return .fixed(from: from, length)
    }
}

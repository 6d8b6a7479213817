internal import Alerting
internal import Bytes
internal import Compute
internal import EventQuery
internal import Events
internal import Metrics

extension Question {
    /// Reads the body of `POST /api/bubbleup`: text with a `bubbleup` stage, or a specification with
    /// what tells the selection, of which all that is given must hold; or the bad events of an SLO.
    ///
    /// - Parameter objectives: the SLOs that there are.
    init(
        bubbleUpBody body: JSONValue, _ objectives: () -> [ServiceLevelObjective]
    ) throws(HTTPRefusal) {
        if let id = body["slo"] {
            guard let objective = objectives().first(where: { .string($0.id) == id }) else {
                throw HTTPRefusal(.error(404, "/slo: there is no SLO of this name"))
            }
            try self.init(objective, body.object ?? JSONObject())
            return
        }
        guard let object = body.object else {
            throw HTTPRefusal(.error(400, "expected an object, found \(body.typeName)"))
        }
        let own = ["selection", "where", "selection_range", "values"]
        let members = object.members.filter { !own.contains($0.key) }
        try self.init(body: .object(JSONObject(members)))
        let conditions = try Question.selection(object)
        if conditions.isEmpty {
            guard case .bubbleUp = query.shape else {
                throw HTTPRefusal(
                    .error(400, "expected /selection, /where or /selection_range"))
            }
        } else {
            guard object["query"] == nil else {
                throw HTTPRefusal(
                    .error(400, "/query: its bubbleup stage says what the selection is"))
            }
            compare(conditions.count == 1 ? conditions[0] : .and(conditions))
        }
        if let values = object["values"] { query.limit = try Question.valueCount(values) }
    }

    /// Compares the bad events of an SLO with the good ones, of its whole period or of `window`.
    private init(
        _ objective: ServiceLevelObjective, _ object: JSONObject
    ) throws(HTTPRefusal) {
        self.init(Query())
        query.source = objective.total.source
        query.transforms = objective.total.filter.map { [.filter($0)] } ?? []
        var length = objective.period.length
        for member in object.members {
            switch member.key {
            case "slo": continue
            case "window":
                guard let window = member.value.string.flatMap(DurationText.milliseconds),
                    1000...ServiceLimits.periodOfSLO.upperBound ~= window
                else { throw HTTPRefusal(.error(400, "/window: expected a duration as 6h")) }
                length = window
            case "values": query.limit = try Question.valueCount(member.value)
            case "limits", "cache": try read(member)
            default:
                throw HTTPRefusal(.error(400, "/\(member.key): does not go with /slo"))
            }
        }
        query.timeRange = .last(length * 1_000_000)
        let values = query.limit
        compare(objective.bad.filter ?? .literal(.bool(false)))
        query.limit = values
    }

    /// Makes the question one for what tells the selection; what is calculated, grouped and sorted
    /// does not matter to it.
    private mutating func compare(_ selection: Expression) {
        query.shape = .bubbleUp(BubbleUp(selection: selection))
        query.sort = []
        query.limit = nil
        query.step = nil
        query.compareOffset = nil
    }

    private static func valueCount(_ value: JSONValue) throws(HTTPRefusal) -> Int {
        guard let count = value.integer, 1...Int64(QueryLimits.comparedValuesMax) ~= count else {
            throw HTTPRefusal(
                .error(400, "/values: expected 1 to \(QueryLimits.comparedValuesMax)"))
        }
        return Int(count)
    }

    // MARK: - Selection

    private static func selection(_ object: JSONObject) throws(HTTPRefusal) -> [Expression] {
        var conditions: [Expression] = []
        if let filters = object["selection"] {
            do throws(SpecificationError) {
                if let condition = try Expression(filters: filters, at: "selection") {
                    conditions.append(condition)
                }
            } catch {
                throw HTTPRefusal(
                    .json(["error": .string("\(error)"), "path": .string(error.path)], status: 400))
            }
        }
        if let text = object["where"] {
            guard let text = text.string else {
                throw HTTPRefusal(.error(400, "/where: expected a string, found \(text.typeName)"))
            }
            do throws(QueryError) {
                conditions.append(try Expression(parsingCondition: text))
            } catch {
                throw HTTPRefusal(error.response)
            }
        }
        if let range = object["selection_range"] {
            conditions.append(try condition(range: range))
        }
        return conditions
    }

    /// A box of a heatmap: from its start to before its end, in seconds since 1970.
    private static func condition(range: JSONValue) throws(HTTPRefusal) -> Expression {
        func time(_ key: String) throws(HTTPRefusal) -> Int64 {
            guard let seconds = range[key]?.number, seconds.magnitude < 9e9 else {
                throw HTTPRefusal(
                    .error(400, "/selection_range/\(key): expected seconds since 1970"))
            }
            if let whole = range[key]?.integer { return whole * 1_000_000_000 }
            return Int64((seconds * 1e9).rounded())
        }
        for member in range.object?.members ?? []
        where member.key != "start_time" && member.key != "end_time" {
            throw HTTPRefusal(
                .error(400, "/selection_range/\(member.key): there is no such member"))
        }
        let (start, end) = (try time("start_time"), try time("end_time"))
        guard start < end else {
            throw HTTPRefusal(.error(400, "/selection_range: it ends before it begins"))
        }
        return .and([
            .compare(.greaterOrEqual, .field(.timestamp), .literal(.int(start))),
            .compare(.less, .field(.timestamp), .literal(.int(end))),
        ])
    }
}

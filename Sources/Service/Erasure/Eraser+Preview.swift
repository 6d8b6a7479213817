internal import Bytes
internal import Compute
internal import EventQuery
internal import Events

extension Eraser {
    /// Nanoseconds: as long as an erasure may take to look for its events.
    private static let previewTimeLimit: Int64 = 3_600_000_000_000

    /// Says what erasing the events of a query would take, and takes nothing: `"dry_run": true`, how many
    /// `"events"`, and of each of the `"datasets"` how many and from when to when.
    ///
    /// Throws the refusal to send, the same ones as `forget`.
    func preview(_ text: String, environment: String) throws(HTTPRefusal) -> JSONValue {
        var query = try Eraser.query(text)
        let time = Expression.field(.timestamp)
        query.shape = .statistics(
            Statistics(
                calculations: [
                    Calculation(.count), Calculation(.min, of: time), Calculation(.max, of: time),
                ],
                groupBy: [GroupKey(name: "dataset", expression: .field(.dataset))]))
        query.isUnweighted = true
        query.limit = QueryLimits.rowsMax
        var question = Question(query)
        question.options.timeLimit = Eraser.previewTimeLimit
        let answer = try queries.answer(question, environment: environment)
        guard case .statistics(let table) = answer.content else {
            return ["dry_run": true, "events": 0, "datasets": []]
        }
        let datasets = table.rows.filter { !$0.group.isEmpty }
        return [
            "dry_run": true, "events": .int(Int64(answer.meta.events)),
            "datasets": .array(datasets.map(Eraser.taken)),
        ]
    }

    /// What would go of a dataset.
    private static func taken(_ row: StatisticsTable.Row) -> JSONValue {
        func time(_ value: AggregateValue) -> JSONValue {
            guard case .value(.int(let time)) = value else { return .null }
            return .string(RFC3339.text(nanoseconds: time))
        }
        var name = ""
        if case .string(let text) = row.group[0] { name = text }
        var events: Int64 = 0
        if case .value(.int(let count)) = row.values[0] { events = count }
        return [
            "dataset": .string(name), "events": .int(events),
            "oldest": time(row.values[1]), "newest": time(row.values[2]),
        ]
    }
}

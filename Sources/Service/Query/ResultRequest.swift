internal import Bytes
internal import EventQuery

/// What a result of Honeycomb's query data API was asked to be.
///
/// All of it is in the result's id, so an id that is asked for after a restart, or long after, has the
/// same answer as long as the events are there: `QUERY-TIME-FLAGS-LIMIT`, in hexadecimal.
struct ResultRequest: Equatable, Sendable {
    let queryID: String
    /// What `now` means in the query, nanoseconds since 1970.
    let askedAt: Int64
    var hasSeries = true
    var hasTotal = false
    var hasOther = false
    /// Groups, where another number is wanted than the query's.
    var limit: Int?

    init(_ queryID: String, askedAt: Int64) {
        self.queryID = queryID
        self.askedAt = askedAt
    }

    /// Reads the body of `POST /1/query_results/{dataset}`.
    init(_ body: JSONValue, askedAt: Int64) throws(HTTPRefusal) {
        guard let queryID = body["query_id"]?.string else {
            throw HTTPRefusal(.error(400, "/query_id: expected the id of a query"))
        }
        self.init(queryID, askedAt: askedAt)
        func flag(_ name: String) throws(HTTPRefusal) -> Bool? {
            guard let value = body[name], value != .null else { return nil }
            guard let flag = value.bool else {
                throw HTTPRefusal(
                    .error(400, "/\(name): expected a boolean, found \(value.typeName)"))
            }
            return flag
        }
        hasSeries = try flag("disable_series") != true
        hasTotal = try flag("disable_total_by_aggregate") == false
        hasOther = try flag("disable_other_by_aggregate") == false
        guard let value = body["limit"], value != .null else { return }
        guard let limit = value.integer, !hasSeries, 1...Int64(QueryLimits.rowsMax) ~= limit else {
            throw HTTPRefusal(
                .error(400, "/limit: 1 to \(QueryLimits.rowsMax), with disable_series"))
        }
        self.limit = Int(limit)
    }

    // MARK: - Id

    var id: String {
        let flags = (hasSeries ? 1 : 0) + (hasTotal ? 2 : 0) + (hasOther ? 4 : 0)
        let numbers = [
            UInt64(bitPattern: askedAt), UInt64(flags), UInt64(limit ?? 0),
        ]
        return queryID + numbers.map { "-" + String($0, radix: 16) }.joined()
    }

    /// Nil when the text is no id of a result.
    init?(id: String) {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, let time = UInt64(parts[1], radix: 16),
            let flags = UInt64(parts[2], radix: 16), flags < 8,
            let limit = Int(parts[3], radix: 16), 0...QueryLimits.rowsMax ~= limit
        else { return nil }
        self.init(String(parts[0]), askedAt: Int64(bitPattern: time))
        hasSeries = flags & 1 != 0
        hasTotal = flags & 2 != 0
        hasOther = flags & 4 != 0
        self.limit = limit > 0 ? limit : nil
        guard self.id == id else { return nil }
    }

    // MARK: - Question

    /// The question that answers it.
    func question(_ specification: JSONValue, of dataset: String) throws(HTTPRefusal) -> Question {
        var question = try Question(specification: specification, dataset: dataset)
        if hasSeries { question.addSeries() } else { question.query.step = nil }
        question.options.wantsTotals = hasTotal || hasOther
        // Honeycomb's clients know no place for the results of an earlier time.
        question.query.compareOffset = nil
        if let limit { question.query.limit = limit }
        return question
    }
}

internal import Bytes
internal import Compute
internal import EventQuery

/// A query as a client asks it, with how it is to be answered.
struct Question: Sendable {
    var query: Query
    var options = QueryOptions()

    init(_ query: Query) { self.query = query }

    /// Reads query text.
    ///
    /// Throws the refusal that points at the place.
    init(text: String) throws(HTTPRefusal) {
        do throws(QueryError) {
            self.init(try Query(parsing: text))
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    /// Reads Honeycomb's query specification for a dataset or `__all__`.
    init(specification: JSONValue, dataset: String) throws(HTTPRefusal) {
        do throws(SpecificationError) {
            self.init(try Query(specification: specification, dataset: dataset))
        } catch {
            throw HTTPRefusal(
                .json(
                    ["error": .string("\(error)"), "path": .string(error.path)], status: 400))
        }
    }

    /// Reads the body of `POST /api/query`.
    init(body: JSONValue) throws(HTTPRefusal) {
        guard let object = body.object else {
            throw HTTPRefusal(.error(400, "expected an object, found \(body.typeName)"))
        }
        switch (object["query"], object["spec"]) {
        case (.some(let text), nil):
            guard let text = text.string else {
                throw HTTPRefusal(.error(400, "/query: expected a string, found \(text.typeName)"))
            }
            try self.init(text: text)
        case (nil, .some(let specification)):
            guard let dataset = object["dataset"]?.string else {
                throw HTTPRefusal(.error(400, "/dataset: expected the name of a dataset"))
            }
            try self.init(specification: specification, dataset: dataset)
        default:
            throw HTTPRefusal(
                .error(400, "expected either {\"query\": text} or {\"dataset\", \"spec\"}"))
        }
        for member in object.members { try read(member) }
        if let cursor = object["cursor"], cursor != .null {
            guard let text = cursor.string else {
                throw HTTPRefusal(
                    .error(400, "/cursor: expected a string, found \(cursor.typeName)"))
            }
            try goOn(at: text)
        }
    }

    /// Asks for the page of a listing at a cursor, which the page before gave.
    mutating func goOn(at cursor: String) throws(HTTPRefusal) {
        do throws(QueryFailure) {
            let cursor = try ListingCursor(text: cursor)
            query = try query.continued(at: cursor)
            options.cursor = cursor
        } catch {
            throw HTTPRefusal(error.response)
        }
    }

    /// Takes what a member of a body says of how the question is to be answered.
    mutating func read(_ member: JSONObject.Member) throws(HTTPRefusal) {
        switch member.key {
        case "query", "spec", "dataset", "cursor": break
        case "exact": options.isExact = try Question.flag(member)
        case "totals": options.wantsTotals = try Question.flag(member)
        case "series": if try Question.flag(member) { addSeries() }
        case "cache": options.usesCache = try Question.flag(member)
        case "limits": try readLimits(member.value)
        case "heatmap": options.heatmap = try HeatmapOptions(member.value)
        default: throw HTTPRefusal(.error(400, "/\(member.key): there is no such member"))
        }
    }

    private mutating func readLimits(_ limits: JSONValue) throws(HTTPRefusal) {
        for limit in limits.object?.members ?? [] {
            guard limit.key == "time_ms" else {
                throw HTTPRefusal(
                    .error(400, "/limits/\(limit.key): there is no such limit; time_ms is one"))
            }
            guard let milliseconds = limit.value.integer,
                1...ServiceLimits.queryMillisecondsMax ~= milliseconds
            else {
                throw HTTPRefusal(
                    .error(
                        400,
                        "/limits/time_ms: expected 1 to \(ServiceLimits.queryMillisecondsMax)"))
            }
            options.timeLimit = milliseconds * 1_000_000
        }
    }

    /// Adds a series to an answer that has a place for one.
    mutating func addSeries() {
        if query.step == nil, case .statistics = query.shape { query.step = .automatic }
    }

    /// The question about all groups as one, over time.
    var ofAllGroups: Question {
        var question = self
        guard case .statistics(var statistics) = query.shape else { return self }
        statistics.groupBy = []
        statistics.having = nil
        question.query.shape = .statistics(statistics)
        question.query.sort = []
        question.query.limit = nil
        question.options.wantsTotals = false
        return question
    }

    private static func flag(_ member: JSONObject.Member) throws(HTTPRefusal) -> Bool {
        guard let value = member.value.bool else {
            throw HTTPRefusal(
                .error(400, "/\(member.key): expected a boolean, found \(member.value.typeName)"))
        }
        return value
    }
}

extension QueryError {
    /// Points at the place in the text.
    var response: HTTPResponse {
        .json(
            [
                "error": .string(message), "line": .int(Int64(line)), "column": .int(Int64(column)),
                "expected": .array(expected.map { .string($0) }),
            ], status: 400)
    }
}

extension HeatmapOptions {
    /// Reads `true`, `"log"`, `"linear"` or `{"scale", "bins", "low", "high"}`; nil for `false`.
    init?(_ value: JSONValue) throws(HTTPRefusal) {
        self.init()
        switch value {
        case .bool(false): return nil
        case .bool(true): return
        case .string(let scale): isLinear = try HeatmapOptions.isLinear(scale)
        case .object(let object):
            for member in object.members { try read(member) }
            guard object["low"] != nil || object["high"] != nil else { return }
            guard let low = object["low"]?.number, let high = object["high"]?.number, low < high,
                isLinear || low > 0
            else {
                throw HTTPRefusal(
                    .error(
                        400,
                        "/heatmap: expected low and high, numbers of which low is less"
                            + (isLinear ? "" : " and, on a logarithmic scale, above 0")))
            }
            range = (low, high)
        default:
            throw HTTPRefusal(
                .error(
                    400,
                    "/heatmap: expected a boolean, a scale or an object, found "
                        + value.typeName))
        }
    }

    private mutating func read(_ member: JSONObject.Member) throws(HTTPRefusal) {
        switch member.key {
        case "scale": isLinear = try HeatmapOptions.isLinear(member.value.string ?? "")
        case "bins":
            guard let count = member.value.integer, 2...Int64(NumberBins.most) ~= count else {
                throw HTTPRefusal(
                    .error(400, "/heatmap/bins: expected a number from 2 to \(NumberBins.most)"))
            }
            bins = Int(count)
        case "low", "high": break
        default:
            throw HTTPRefusal(.error(400, "/heatmap/\(member.key): there is no such member"))
        }
    }

    private static func isLinear(_ scale: String) throws(HTTPRefusal) -> Bool {
        guard ["log", "linear"].contains(scale) else {
            throw HTTPRefusal(.error(400, "/heatmap/scale: expected log or linear"))
        }
        return scale == "linear"
    }
}

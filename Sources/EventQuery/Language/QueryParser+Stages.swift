import Compute

/// The query as far as it was read, and what was read.
private struct Draft {
    var query = Query()
    var hasTimeRange = false
    /// The place of the stage in the fixed order that was read last.
    var order = 0
    /// Where the first `eval` stands.
    var evaluationPlace: Int?
    /// Where `sample` stands.
    var samplePlace: Int?
    /// Where stages stand that need statistics.
    var needsStatistics: [(stage: String, place: Int)] = []

    var statistics: Statistics? {
        if case .statistics(let statistics) = query.shape { statistics } else { nil }
    }
}

extension QueryParser {
    /// - Parameter defaultRange: nanoseconds up to now that a query is about that names no time.
    mutating func query(
        defaultRange: Int64 = Query.defaultRange
    ) throws(QueryError) -> Query {
        guard take(word: "from") else { throw unexpected(["from"]) }
        var draft = Draft()
        draft.query.source = try datasets()
        while take("|") { try stage(&draft) }
        if token.kind != .end {
            throw unexpected(QueryParser.afterExpression + [shown("|"), "the end"])
        }
        if !draft.hasTimeRange { draft.query.timeRange = .last(defaultRange) }
        for needy in draft.needsStatistics where draft.statistics == nil {
            throw fail(
                "\(needy.stage) needs stats, which the query does not have", at: needy.place)
        }
        if let fault = draft.query.sampleFault { throw fail(fault, at: draft.samplePlace) }
        if draft.query.expandsTooFar() {
            throw fail("the derived fields grow too large", at: draft.evaluationPlace)
        }
        return draft.query
    }

    private mutating func datasets() throws(QueryError) -> DatasetSelection {
        if take("*") { return .all }
        var names: [String] = []
        repeat {
            if case .string(let name) = token.kind {
                advance()
                names.append(name)
            } else {
                names.append(try name("a dataset"))
            }
        } while take(",")
        return names == ["__all__"] ? .all : .named(names)
    }

    private mutating func stage(_ draft: inout Draft) throws(QueryError) {
        let start = place
        guard case .name(let word) = token.kind else { throw unexpected(Words.stages) }
        advance()
        switch word {
        case "last", "between": try timeRange(word, at: start, &draft)
        case "step":
            if draft.query.step != nil { throw fail("a second step", at: start) }
            draft.needsStatistics.append((word, start))
            draft.query.step = try step()
        case "compare":
            if draft.query.compareOffset != nil { throw fail("a second compare", at: start) }
            draft.needsStatistics.append((word, start))
            draft.query.compareOffset = try duration()
        case "unweighted": draft.query.isUnweighted = true
        case "sample":
            if draft.query.sampleShare != nil { throw fail("a second sample", at: start) }
            draft.samplePlace = start
            draft.query.sampleShare = try sampleShare()
        case "where":
            try keepOrder(word, 1, at: start, &draft)
            draft.query.transforms.append(.filter(try expression()))
        case "eval":
            try keepOrder(word, 1, at: start, &draft)
            draft.evaluationPlace = draft.evaluationPlace ?? start
            try evaluations(&draft)
        case "stats":
            try keepOrder(word, 3, at: start, &draft)
            draft.query.shape = .statistics(try statistics())
        case "fields":
            try keepOrder(word, 3, at: start, &draft)
            draft.query.shape = .events(try listing())
        case "having": try having(at: start, &draft)
        case "sort":
            if case .bubbleUp = draft.query.shape {
                throw fail("the fields of a bubbleup stand in the order of their score", at: start)
            }
            try keepOrder(word, 7, at: start, &draft)
            draft.query.sort = try sortKeys(draft.statistics)
        case "limit":
            try keepOrder(word, 9, at: start, &draft)
            draft.query.limit = try limit()
        case "bubbleup":
            try keepOrder(word, 3, at: start, &draft)
            draft.query.shape = .bubbleUp(try bubbleUp())
        default:
            goBack(to: start)
            throw unexpected(Words.stages)
        }
    }

    /// Holds the order in which stages mean what they say; all but `where` and `eval` stand once.
    private func keepOrder(
        _ word: String, _ order: Int, at start: Int, _ draft: inout Draft
    ) throws(QueryError) {
        let after = [
            "", "where or eval", "", "stats, fields or bubbleup", "", "having", "", "sort", "",
            "limit",
        ]
        if order < draft.order {
            let hint = word == "where" && draft.order == 3 ? " (having filters the groups)" : ""
            throw fail("\(word) must stand before \(after[draft.order])\(hint)", at: start)
        }
        if order == draft.order, order > 1 { throw fail("a second \(after[order])", at: start) }
        draft.order = order
    }
}

// MARK: - Time

extension QueryParser {
    private mutating func timeRange(
        _ word: String, at start: Int, _ draft: inout Draft
    ) throws(QueryError) {
        if draft.hasTimeRange { throw fail("a second time range", at: start) }
        draft.hasTimeRange = true
        if word == "last" {
            draft.query.timeRange = .last(try duration())
        } else {
            let first = try timePoint()
            guard take(word: "and") else { throw unexpected(["and"]) }
            let endPlace = place
            let second = try timePoint()
            draft.query.timeRange = .between(first, second)
            switch (first, second) {
            case (.absolute(let a), .absolute(let b)) where a > b,
                (.beforeNow(let b), .beforeNow(let a)) where a > b:
                throw fail("the range ends before it begins", at: endPlace)
            default: break
            }
        }
        let stepPlace = place
        guard take(word: "step") else { return }
        if draft.query.step != nil { throw fail("a second step", at: stepPlace) }
        draft.needsStatistics.append(("step", stepPlace))
        draft.query.step = try step()
    }

    private mutating func step() throws(QueryError) -> Step {
        if take(word: "auto") { return .automatic }
        guard case .duration = token.kind else {
            throw unexpected(["auto", "a duration such as 1m"])
        }
        return .every(try duration())
    }

    /// A time, `now`, or `now-2h` with or without spaces.
    private mutating func timePoint() throws(QueryError) -> TimePoint {
        let expected = ["a time such as 2026-03-10T14:00:00Z", "now", "now-2h"]
        switch token.kind {
        case .time(let time):
            advance()
            return .absolute(time)
        case .name("now"):
            advance()
            if take("-") { return .beforeNow(try duration()) }
            if take("+") { return .beforeNow(-(try duration())) }
            return .beforeNow(0)
        case .name(let word) where word.hasPrefix("now-"):
            guard let offset = DurationText.nanoseconds(word.dropFirst(4)) else {
                throw unexpected(expected)
            }
            advance()
            return .beforeNow(offset)
        default: throw unexpected(expected)
        }
    }
}

// MARK: - Lists of names

extension QueryParser {
    private mutating func evaluations(_ draft: inout Draft) throws(QueryError) {
        repeat {
            let start = place
            let target = try name("a name for the value")
            if Words.properties[target] != nil {
                throw fail("\(target) is a property of every event; take another name", at: start)
            }
            try expect("=")
            draft.query.transforms.append(.evaluate(name: target, try expression()))
        } while take(",")
    }

    private mutating func listing() throws(QueryError) -> EventListing {
        if take("*") { return EventListing() }
        var fields: [String] = []
        repeat {
            if case .name(let name) = token.kind, Words.related(name) != nil {
                throw fail(
                    "a list has the fields of its events; give this one a name before, "
                        + "| eval x = \(name), or in backquotes a field that was sent so")
            }
            fields.append(try name("a field"))
        } while take(",")
        return EventListing(fields: fields)
    }

    /// What follows `bubbleup`: the events that are to be told from the others.
    private mutating func bubbleUp() throws(QueryError) -> BubbleUp {
        guard take(word: "where") else { throw unexpected(["where"]) }
        return BubbleUp(selection: try expression())
    }

    private mutating func sampleShare() throws(QueryError) -> Double {
        guard case .number(let digits) = token.kind, let share = Double(digits) else {
            throw unexpected(["the share of events, such as 0.01"])
        }
        guard share >= QueryLimits.sampleShareMin, share <= 1 else {
            throw fail("the share must be from \(QueryLimits.sampleShareMin) to 1")
        }
        advance()
        return share
    }

    private mutating func limit() throws(QueryError) -> Int {
        guard case .number(let digits) = token.kind, let rows = Int(digits) else {
            throw unexpected(["a number of rows"])
        }
        guard 1...QueryLimits.rowsMax ~= rows else {
            throw fail("the limit must be from 1 to \(QueryLimits.rowsMax)")
        }
        advance()
        return rows
    }

    private mutating func having(at start: Int, _ draft: inout Draft) throws(QueryError) {
        guard var statistics = draft.statistics else {
            throw fail("having filters groups and stands after stats; events take where", at: start)
        }
        try keepOrder("having", 5, at: start, &draft)
        scope = ResultScope(statistics)
        let condition = try expression()
        if let heatmap = statistics.heatmap(in: condition) {
            throw fail("\(heatmap) has many numbers and cannot be compared with one", at: start)
        }
        statistics.having = condition
        scope = nil
        draft.query.shape = .statistics(statistics)
    }

    private mutating func sortKeys(_ statistics: Statistics?) throws(QueryError) -> [SortKey] {
        var keys: [SortKey] = []
        repeat {
            let key: String
            if let statistics {
                key = try resultColumn(ResultScope(statistics))
            } else {
                key = try name("a field")
            }
            let descending = take(word: "desc")
            if !descending { _ = take(word: "asc") }
            keys.append(SortKey(key, descending: descending))
        } while take(",")
        return keys
    }
}

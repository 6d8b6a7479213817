import Compute
import Events

extension QueryParser {
    mutating func statistics() throws(QueryError) -> Statistics {
        var names = Set<String>()
        var statistics = Statistics(calculations: [])
        repeat {
            let start = place
            let calculation = try calculation()
            if !names.insert(calculation.key).inserted {
                throw fail("\(calculation.key) is computed twice; give one an alias", at: start)
            }
            statistics.calculations.append(calculation)
            if statistics.calculations.count > QueryLimits.calculationsMax {
                throw fail("more than \(QueryLimits.calculationsMax) calculations", at: start)
            }
        } while take(",")
        guard take(word: "by") else { return statistics }
        repeat {
            let start = place
            let key = try groupKey()
            if !names.insert(key.name).inserted {
                throw fail("\(key.name) is named twice; give one an alias", at: start)
            }
            if key.isEach, statistics.groupBy.contains(where: \.isEach) {
                throw fail("each stands once among the keys", at: start)
            }
            statistics.groupBy.append(key)
            if statistics.groupBy.count > QueryLimits.groupKeysMax {
                throw fail("more than \(QueryLimits.groupKeysMax) group keys", at: start)
            }
        } while take(",")
        return statistics
    }

    private mutating func calculation() throws(QueryError) -> Calculation {
        let alias = alias()
        var calculation = try aggregateCall()
        calculation.alias = alias
        let start = place
        if take(word: "where") {
            if calculation.filter != nil {
                throw fail("count_if has its condition already", at: start)
            }
            calculation.filter = try expression()
        }
        return calculation
    }

    private mutating func groupKey() throws(QueryError) -> GroupKey {
        let alias = alias()
        let isEach = token.kind == .name("each") && following == .sign("(")
        if isEach {
            advance()
            advance()
        }
        var key = GroupKey(name: "", expression: try expression(), isEach: isEach)
        if isEach { try expect(")", or: QueryParser.afterExpression) }
        key.name = alias ?? key.defaultName
        return key
    }

    /// A call of an aggregate, with neither alias nor `where`.
    mutating func aggregateCall() throws(QueryError) -> Calculation {
        let start = place
        guard case .name(let name) = token.kind, following == .sign("(") else {
            throw unexpected(["an aggregate such as count() or p99(duration_ms)"])
        }
        guard name == "quantile" || Aggregate(callName: name) != nil else {
            throw unknownAggregate(name)
        }
        advance()
        advance()
        if name == "quantile" { return try quantileCall() }
        guard let aggregate = Aggregate(callName: name) else { throw unknownAggregate(name) }
        if name == "count_if" {
            let condition = try expression()
            try expectCallEnd(name)
            return Calculation(.count, where: condition)
        }
        if take(")") {
            guard aggregate.takesArgument.contains(0) else {
                throw fail("\(name) needs something to aggregate: \(name)(duration_ms)", at: start)
            }
            return Calculation(aggregate)
        }
        guard aggregate.takesArgument.contains(1) else {
            throw fail("\(name) takes no argument", expected: [shown(")")])
        }
        let argument = try expression()
        try expectCallEnd(name)
        return Calculation(aggregate, of: argument)
    }

    private mutating func expectCallEnd(_ name: String) throws(QueryError) {
        if token.kind == .sign(",") { throw fail("\(name) takes one argument") }
        try expect(")", or: QueryParser.afterExpression)
    }

    private mutating func quantileCall() throws(QueryError) -> Calculation {
        let argument = try expression()
        try expect(",", or: QueryParser.afterExpression)
        guard case .number(let digits) = token.kind else {
            throw unexpected(["a number from 0 to 1"])
        }
        guard let share = Double(digits), 0...1 ~= share else {
            throw fail("the share must be a number from 0 to 1: 0.99")
        }
        advance()
        try expect(")")
        return Calculation(.quantile(share), of: argument)
    }

    private func unknownAggregate(_ name: String) -> QueryError {
        var message = "there is no aggregate \"\(name)\""
        if let meant = Words.suggestion(for: name, among: Aggregate.suggestions) {
            message += "; did you mean \"\(meant)\"?"
        }
        return fail(message, expected: Aggregate.byName.keys.sorted() + ["quantile", "p01 … p999"])
    }
}

// MARK: - Columns of the answer

extension QueryParser {
    /// A calculation of the answer, by its call or its name, or a group key: its name.
    mutating func resultColumn(_ scope: ResultScope) throws(QueryError) -> String {
        let start = place
        if case .name = token.kind, following == .sign("(") {
            return try resultCall(scope)
        }
        let wanted = try name("a calculation or a group key")
        if scope.names.contains(wanted) { return wanted }
        var message = "\"\(wanted)\" is neither a calculation nor a group key of stats"
        if let meant = nearestName(to: wanted, among: scope.names) {
            message += "; did you mean \(scope.text(ofKey: meant))?"
        }
        throw fail(message, at: start, expected: scope.names.map(scope.text(ofKey:)))
    }

    private mutating func resultCall(_ scope: ResultScope) throws(QueryError) -> String {
        let start = place
        let outer = self.scope
        self.scope = nil
        let call = try aggregateCall()
        self.scope = outer
        if let key = scope.key(ofCall: call) { return key }
        throw fail(
            "stats does not compute \(call.callText)", at: start,
            expected: scope.names.map(scope.text(ofKey:)))
    }

    /// The column that a call in a `having` means; nil when it calls a function.
    mutating func columnOfCall(_ name: String) throws(QueryError) -> Expression? {
        guard let scope, name == "quantile" || Aggregate(callName: name) != nil else { return nil }
        guard FunctionName(rawValue: name) != nil else {
            return .field(.named(try resultCall(scope)))
        }
        // `min` and `max` are both: what stats computes is meant first.
        let start = place
        let key: String?
        do { key = try resultCall(scope) } catch { key = nil }
        if let key { return .field(.named(key)) }
        self.scope = scope
        goBack(to: start)
        return nil
    }
}

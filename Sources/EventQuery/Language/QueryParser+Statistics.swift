import Compute
import Events

extension QueryParser {
    mutating func statistics() throws(QueryError) -> Statistics {
        var names = Set<String>()
        var statistics = Statistics(calculations: [])
        repeat {
            let start = place
            let isHidden = takeHide()
            if isHidden || isCalculation(known: statistics) {
                var calculation = try calculation()
                calculation.isHidden = isHidden
                try add(calculation, to: &statistics, &names, at: start)
            } else {
                try formula(&statistics, &names)
            }
        } while take(",")
        if statistics.columns.isEmpty { throw fail("stats shows nothing: all is hidden") }
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

    private func add(
        _ calculation: Calculation, to statistics: inout Statistics, _ names: inout Set<String>,
        at start: Int
    ) throws(QueryError) {
        if !names.insert(calculation.key).inserted {
            throw fail("\(calculation.key) is computed twice; give one an alias", at: start)
        }
        statistics.calculations.append(calculation)
        if statistics.calculations.count > QueryLimits.calculationsMax {
            throw fail("more than \(QueryLimits.calculationsMax) calculations", at: start)
        }
    }

    /// Takes `hide` before a calculation that the answer is not to show.
    private mutating func takeHide() -> Bool {
        guard token.kind == .name("hide") else { return false }
        switch following {
        case .name, .quotedName:
            advance()
            return true
        default: return false
        }
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

    /// Whether a call of an aggregate alone is next, with or without alias, and no formula.
    ///
    /// What is neither is left to `calculation`, whose errors say what could stand there.
    private func isCalculation(known statistics: Statistics) -> Bool {
        var ahead = self
        let alias = ahead.alias()
        guard case .name(let name) = ahead.token.kind else {
            switch ahead.token.kind {
            case .quotedName, .string, .number, .time, .sign("("), .sign("-"): return false
            default: return true
            }
        }
        if ["not", "true", "false", "null"].contains(name) { return false }
        guard ahead.following == .sign("(") else {
            return alias == nil && !ResultScope(statistics).names.contains(name)
        }
        let isFunction = FunctionName(rawValue: name) != nil
        guard name == "quantile" || Aggregate(callName: name) != nil else { return !isFunction }
        do { _ = try ahead.aggregateCall() } catch { return !isFunction }
        switch ahead.token.kind {
        case .end, .sign("|"), .sign(","): return true
        case .name(let word):
            return word == "where" || word == "by" || !Words.reserved.contains(word)
        default: return false
        }
    }

    /// A number worked out from those that stand before it, and from calls of its own.
    private mutating func formula(
        _ statistics: inout Statistics, _ names: inout Set<String>
    ) throws(QueryError) {
        let start = place
        let alias = alias()
        scope = ResultScope(statistics)
        scope?.isFormula = true
        let expression = try expression()
        scope = nil
        for calculation in called { try add(calculation, to: &statistics, &names, at: start) }
        if let heatmap = statistics.heatmap(in: expression) {
            throw fail("\(heatmap) has many numbers: no formula can have it as one", at: start)
        }
        called = []
        let name = alias ?? statistics.formulaText(expression)
        if !names.insert(name).inserted {
            throw fail("\(name) is computed twice; give one an alias", at: start)
        }
        statistics.formulas.append(Formula(name: name, expression: expression))
        if statistics.formulas.count > QueryLimits.calculationsMax {
            throw fail("more than \(QueryLimits.calculationsMax) formulas", at: start)
        }
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
            throw fail("the share must be a number from 0 to 1, such as 0.99")
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
        var message =
            scope.isFormula
            ? "\"\(wanted)\" is not computed before the formula"
            : "\"\(wanted)\" is neither a calculation nor a group key of stats"
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
        if scope.isFormula {
            if let known = called.first(where: { $0.key == call.key }) { return known.key }
            var calculation = call
            calculation.isHidden = true
            called.append(calculation)
            return calculation.key
        }
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

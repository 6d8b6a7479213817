extension Parser {
    /// Takes what is put behind an operand: `[5m]`, `[1h:5m]`, `offset`, `@` and the like.
    mutating func parsePostfix(_ operand: PromQLNode) throws(PromQLError) -> PromQLNode {
        var node = operand
        while true {
            let token = try current()
            switch token.kind {
            case .leftBracket: node = try parseBrackets(node)
            case .keyword(.offset):
                advance()
                try setOffset(&node, try parseOffset())
            case .at:
                advance()
                try setAnchor(&node, try parseAnchor(node))
            case .keyword(.anchored):
                advance()
                try setExtension(&node, .anchored)
            case .keyword(.smoothed):
                advance()
                try setExtension(&node, .smoothed)
            default: return node
            }
        }
    }

    // MARK: - Brackets

    private mutating func parseBrackets(_ node: PromQLNode) throws(PromQLError) -> PromQLNode {
        let bracket = try current().range.lowerBound
        try countOperator()
        advance()
        let length = try parsePositiveDuration(
            context: "subquery or range selector", "number, duration, step(), or range()")
        if try take(.colon) != nil {
            return try parseSubquery(node, length)
        }
        guard try take(.rightBracket) != nil else {
            throw try unexpected("subquery or range", "\":\" or \"]\"")
        }
        guard case .selector(let selector) = node.kind else {
            throw fault("ranges only allowed for vector selectors", at: bracket..<end)
        }
        if selector.shift.offset != nil {
            throw fault("no offset modifiers allowed before range", at: bracket..<end)
        }
        if selector.shift.anchor != nil {
            throw fault("no @ modifiers allowed before range", at: bracket..<end)
        }
        return PromQLNode(
            kind: .window(selector, length), range: node.range.lowerBound..<end)
    }

    private mutating func parseSubquery(
        _ node: PromQLNode, _ length: DurationExpression
    ) throws(PromQLError) -> PromQLNode {
        var step: DurationExpression?
        if try current().kind != .rightBracket {
            step = try parsePositiveDuration(
                context: "subquery selector", "number, duration, step(), range(), or \"]\"")
        }
        guard try take(.rightBracket) != nil else {
            throw try unexpected("subquery selector", "\"]\"")
        }
        return PromQLNode(
            kind: .subquery(Subquery(inner: node, range: length, step: step)),
            range: node.range.lowerBound..<end)
    }

    // MARK: - Durations

    private mutating func parsePositiveDuration(
        context: String, _ expected: String
    ) throws(PromQLError) -> DurationExpression {
        let token = try current()
        switch token.kind {
        case .rightBracket, .colon, .comma, .end: throw try unexpected(context, expected)
        default: break
        }
        let duration = try parseDuration(minimum: 1)
        if let value = duration.literal, value <= 0 {
            throw fault("duration must be greater than 0", at: token.range.lowerBound..<end)
        }
        return duration
    }

    private mutating func parseDuration(minimum: Int) throws(PromQLError) -> DurationExpression {
        var left = try parseDurationOperand()
        while case .binary(let sign) = try current().kind, sign.precedence >= minimum,
            sign.isArithmetic
        {
            let place = try current().range
            advance()
            let right = try parseDuration(
                minimum: sign == .power ? sign.precedence : sign.precedence + 1)
            if right.literal == 0 && (sign == .divide || sign == .modulo) {
                throw fault(
                    sign == .divide ? "division by zero" : "modulo by zero", at: place)
            }
            left = .binary(sign, left, right)
        }
        return left
    }

    private mutating func parseDurationOperand() throws(PromQLError) -> DurationExpression {
        try countOperator()
        let token = try current()
        if let (value, isDuration) = try takeNumber() {
            return try literal(value, isDuration, token)
        }
        switch token.kind {
        case .binary(.add), .binary(.subtract):
            advance()
            let inner = try parseDuration(minimum: BinaryOperator.productPrecedence + 1)
            guard token.kind == .binary(.subtract) else { return inner }
            if case .seconds(let value, let isDuration) = inner {
                return .seconds(-value, isDuration: isDuration)
            }
            return .negated(inner)
        case .leftParenthesis:
            advance()
            let inner = try parseDuration(minimum: 1)
            guard try take(.rightParenthesis) != nil else { throw try unexpected("", "") }
            return .parenthesised(inner)
        case .keyword(.step), .keyword(.range):
            advance()
            guard try take(.leftParenthesis) != nil, try take(.rightParenthesis) != nil else {
                throw try unexpected("", "")
            }
            return token.kind == .keyword(.step) ? .step : .range
        case .keyword(.maxOf), .keyword(.minOf):
            advance()
            guard try take(.leftParenthesis) != nil else { throw try unexpected("", "") }
            let left = try parseDuration(minimum: 1)
            guard try take(.comma) != nil else { throw try unexpected("", "") }
            let right = try parseDuration(minimum: 1)
            guard try take(.rightParenthesis) != nil else { throw try unexpected("", "") }
            return token.kind == .keyword(.maxOf) ? .largest(left, right) : .smallest(left, right)
        default: throw try unexpected("", "")
        }
    }

    private func literal(
        _ seconds: Double, _ isDuration: Bool, _ token: Token
    ) throws(PromQLError) -> DurationExpression {
        guard abs(seconds) <= Double(MetricsLimits.durationMilliseconds) / 1000 else {
            throw fault("duration out of range", at: token.range)
        }
        return .seconds(seconds, isDuration: isDuration)
    }

    // MARK: - Time shifts

    /// An offset is a single operand: `foo offset -2^2` is `(foo offset -2)^2`.
    private mutating func parseOffset() throws(PromQLError) -> DurationExpression {
        let token = try current()
        switch token.kind {
        case .number, .duration, .leftParenthesis, .keyword(.step), .keyword(.range),
            .keyword(.maxOf), .keyword(.minOf):
            return try parseDurationOperand()
        case .binary(.add), .binary(.subtract):
            advance()
            let inner = try parseDurationOperand()
            guard token.kind == .binary(.subtract) else { return inner }
            if case .seconds(let value, let isDuration) = inner {
                return .seconds(-value, isDuration: isDuration)
            }
            return .negated(inner)
        default: throw try unexpected("offset", "number, duration, step(), or range()")
        }
    }

    private mutating func parseAnchor(_ node: PromQLNode) throws(PromQLError) -> TimeShift.Anchor {
        let token = try current()
        if token.kind == .keyword(.start) || token.kind == .keyword(.end) {
            advance()
            guard try take(.leftParenthesis) != nil, try take(.rightParenthesis) != nil else {
                throw try unexpected("@", "timestamp")
            }
            return token.kind == .keyword(.start) ? .start : .end
        }
        let isNegative = try take(.binary(.subtract)) != nil
        if !isNegative { _ = try take(.binary(.add)) }
        guard let (value, _) = try takeNumber() else {
            throw try unexpected("@", "timestamp")
        }
        let seconds = isNegative ? -value : value
        guard seconds.isFinite, abs(seconds) < 9e15 else {
            throw fault(
                "timestamp out of bounds for @ modifier: \(NumberText.fixed(seconds, digits: 6))",
                at: node.range)
        }
        return .time(Int64((seconds * 1000).rounded()))
    }

    private mutating func setOffset(
        _ node: inout PromQLNode, _ offset: DurationExpression
    ) throws(PromQLError) {
        try changeShift(&node, name: "offset modifier") { shift throws(PromQLError) in
            if shift.offset != nil {
                throw PromQLError(.badData, "offset may not be set multiple times")
            }
            shift.offset = offset
        }
    }

    private mutating func setAnchor(
        _ node: inout PromQLNode, _ anchor: TimeShift.Anchor
    ) throws(PromQLError) {
        try changeShift(&node, name: "@ modifier") { shift throws(PromQLError) in
            if shift.anchor != nil {
                throw PromQLError(.badData, "@ <timestamp> may not be set multiple times")
            }
            shift.anchor = anchor
        }
    }

    private func changeShift(
        _ node: inout PromQLNode, name: String,
        _ change: (inout TimeShift) throws(PromQLError) -> Void
    ) throws(PromQLError) {
        do throws(PromQLError) {
            switch node.kind {
            case .selector(var selector):
                try change(&selector.shift)
                node.kind = .selector(selector)
            case .window(var selector, let length):
                try change(&selector.shift)
                node.kind = .window(selector, length)
            case .subquery(var subquery):
                try change(&subquery.shift)
                node.kind = .subquery(subquery)
            default:
                throw PromQLError(
                    .badData,
                    "\(name) must be preceded by an instant vector selector or range vector "
                        + "selector or a subquery")
            }
        } catch {
            throw fault(error.message, at: node.range)
        }
        node.range = node.range.lowerBound..<end
    }

    private func setExtension(
        _ node: inout PromQLNode, _ ends: Selector.Extension
    ) throws(PromQLError) {
        func set(_ selector: inout Selector) throws(PromQLError) {
            if let other = selector.ends, other != ends {
                throw fault(
                    "anchored and smoothed modifiers cannot be used together", at: node.range)
            }
            selector.ends = ends
        }
        switch node.kind {
        case .selector(var selector):
            try set(&selector)
            node.kind = .selector(selector)
        case .window(var selector, let length):
            try set(&selector)
            node.kind = .window(selector, length)
        case .subquery:
            throw fault("\(ends.rawValue) modifier is not supported for subqueries", at: node.range)
        default: throw fault("\(ends.rawValue) modifier not implemented", at: node.range)
        }
    }
}

extension BinaryOperator {
    fileprivate var isArithmetic: Bool {
        switch self {
        case .add, .subtract, .multiply, .divide, .modulo, .power: true
        default: false
        }
    }
}

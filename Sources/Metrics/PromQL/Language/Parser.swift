internal import SeriesStore

/// Reads a query by recursive descent; the first fault ends it, in Prometheus's words.
struct Parser {
    let bytes: [UInt8]
    private let tokens: [Token]
    /// What the lexer stumbled over, which counts when the parser gets there.
    private let lexerFault: PromQLError?
    private var place = 0
    private var depth = 0
    private var operators = 0

    init(_ text: String) throws(PromQLError) {
        bytes = Array(text.utf8)
        guard bytes.count <= MetricsLimits.queryBytes else {
            throw PromQLError(
                .badData, "query is longer than \(MetricsLimits.queryBytes) bytes")
        }
        (tokens, lexerFault) = Lexer.tokens(of: bytes)
    }

    /// Reads a whole query and checks its types.
    mutating func parseQuery() throws(PromQLError) -> PromQLNode {
        if try current().kind == .end {
            throw PromQLError(.badData, "no expression found in input", at: 0..<0)
        }
        let node = try parseBinary(minimum: 1)
        guard try current().kind == .end else { throw try unexpected("", "") }
        try TypeCheck.check(node, text: bytes)
        return node
    }

    /// Reads what stands in `match[]`: a selector alone.
    mutating func parseSelector() throws(PromQLError) -> Selector {
        let node = try parseVectorSelector()
        guard try current().kind == .end, case .selector(let selector) = node.kind else {
            throw try unexpected("", "")
        }
        try TypeCheck.check(node, text: bytes)
        return selector
    }

    // MARK: - Tokens

    func current() throws(PromQLError) -> Token {
        if place < tokens.count { return tokens[place] }
        throw lexerFault ?? PromQLError(.badData, "unexpected end of input")
    }

    /// The token behind the current one; nil when there is none that can be read.
    var following: Token? { place + 1 < tokens.count ? tokens[place + 1] : nil }

    mutating func advance() { place += 1 }

    /// Takes the token if it is of this kind.
    mutating func take(_ kind: Token.Kind) throws(PromQLError) -> Token? {
        let token = try current()
        guard token.kind == kind else { return nil }
        place += 1
        return token
    }

    /// Where the last token that was taken ends.
    var end: Int { place > 0 ? tokens[place - 1].range.upperBound : 0 }

    func unexpected(_ context: String, _ expected: String) throws(PromQLError) -> PromQLError {
        let token = try current()
        var message = "unexpected " + token.described
        if !context.isEmpty { message += " in " + context }
        if !expected.isEmpty { message += ", expected " + expected }
        return PromQLError(.badData, message, at: token.range)
    }

    func fault(_ message: String, at range: Range<Int>) -> PromQLError {
        PromQLError(.badData, message, at: range)
    }

    // MARK: - Operators

    /// An expression of operators that bind at least as tightly as `minimum`.
    mutating func parseBinary(minimum: Int) throws(PromQLError) -> PromQLNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= MetricsLimits.depth else {
            throw fault(
                "expressions are nested more than \(MetricsLimits.depth) deep",
                at: try current().range)
        }
        var left = try parseUnary()
        while case .binary(let sign) = try current().kind, sign.precedence >= minimum {
            try countOperator()
            advance()
            var operation = try parseModifiers(sign, left: left)
            // Powers bind to the right, all else to the left.
            operation.right = try parseBinary(
                minimum: sign == .power ? sign.precedence : sign.precedence + 1)
            left = PromQLNode(
                kind: .binary(operation),
                range: left.range.lowerBound..<operation.right.range.upperBound)
        }
        return left
    }

    /// A chain of operators is as deep a tree as it is long.
    mutating func countOperator() throws(PromQLError) {
        operators += 1
        guard operators <= MetricsLimits.operators else {
            throw fault(
                "query has more than \(MetricsLimits.operators) operators", at: try current().range)
        }
    }

    private mutating func parseUnary() throws(PromQLError) -> PromQLNode {
        let token = try current()
        guard token.kind == .binary(.add) || token.kind == .binary(.subtract) else {
            return try parsePostfix(parseOperand())
        }
        advance()
        let operand = try parseBinary(minimum: BinaryOperator.productPrecedence + 1)
        let range = token.range.lowerBound..<operand.range.upperBound
        let isNegative = token.kind == .binary(.subtract)
        if case .number(let value, let isDuration) = operand.kind {
            return PromQLNode(
                kind: .number(isNegative ? -value : value, isDuration: isDuration), range: range)
        }
        return PromQLNode(kind: .unary(isNegative: isNegative, operand), range: range)
    }

    /// `bool`, `on`, `group_left` and the like; the right side is still to come.
    private mutating func parseModifiers(
        _ sign: BinaryOperator, left: PromQLNode
    ) throws(PromQLError) -> BinaryOperation {
        var operation = BinaryOperation(
            sign: sign, left: left, right: left, returnsBool: false, matching: VectorMatching())
        if try take(.keyword(.bool)) != nil { operation.returnsBool = true }
        let token = try current()
        if token.kind == .keyword(.on) || token.kind == .keyword(.ignoring) {
            advance()
            operation.matching.isOn = token.kind == .keyword(.on)
            operation.matching.labels = try parseGrouping()
            try parseGroup(&operation.matching)
        }
        try parseFill(&operation.matching)
        return operation
    }

    private mutating func parseGroup(_ matching: inout VectorMatching) throws(PromQLError) {
        let token = try current()
        if token.kind == .keyword(.groupLeft) {
            matching.cardinality = .manyToOne
        } else if token.kind == .keyword(.groupRight) {
            matching.cardinality = .oneToMany
        } else {
            return
        }
        advance()
        if try current().kind == .leftParenthesis { matching.included = try parseGrouping() }
    }

    private mutating func parseFill(_ matching: inout VectorMatching) throws(PromQLError) {
        if try take(.keyword(.fill)) != nil {
            let value = try parseFillValue()
            (matching.leftFill, matching.rightFill) = (value, value)
            return
        }
        while true {
            if matching.leftFill == nil, try take(.keyword(.fillLeft)) != nil {
                matching.leftFill = try parseFillValue()
            } else if matching.rightFill == nil, try take(.keyword(.fillRight)) != nil {
                matching.rightFill = try parseFillValue()
            } else {
                return
            }
        }
    }

    private mutating func parseFillValue() throws(PromQLError) -> Double {
        guard try take(.leftParenthesis) != nil else { throw try unexpected("", "") }
        let isNegative = try take(.binary(.subtract)) != nil
        if !isNegative { _ = try take(.binary(.add)) }
        guard let (value, _) = try takeNumber(), try take(.rightParenthesis) != nil else {
            throw try unexpected("", "")
        }
        return isNegative ? -value : value
    }

    /// Label names in parentheses; words of the language are names here.
    mutating func parseGrouping() throws(PromQLError) -> [String] {
        guard try take(.leftParenthesis) != nil else {
            throw try unexpected("grouping opts", "\"(\"")
        }
        var labels: [String] = []
        while try take(.rightParenthesis) == nil {
            labels.append(try parseGroupingLabel())
            if try current().kind == .rightParenthesis { continue }
            guard try take(.comma) != nil else {
                throw try unexpected("grouping opts", "\",\" or \")\"")
            }
        }
        return labels
    }

    private mutating func parseGroupingLabel() throws(PromQLError) -> String {
        let token = try current()
        switch token.kind {
        case .identifier, .metricIdentifier, .keyword, .aggregator: break
        case .binary(let sign) where sign.isSet || sign == .atan2: break
        case .string:
            advance()
            let name = try unquoted(token)
            guard !name.isEmpty else {
                throw fault("invalid label name for grouping: \"\"", at: token.range)
            }
            return name
        default: throw try unexpected("grouping opts", "label")
        }
        advance()
        return token.text
    }

    // MARK: - Literals

    /// A number or a duration in seconds, if one stands here.
    mutating func takeNumber() throws(PromQLError) -> (value: Double, isDuration: Bool)? {
        let token = try current()
        switch token.kind {
        case .number:
            guard let value = LiteralScanner.number(token.text) else {
                throw fault(
                    "error parsing number: " + QuotedText.quoted(token.text), at: token.range)
            }
            advance()
            return (value, false)
        case .duration:
            guard let milliseconds = DurationText.milliseconds(token.text) else {
                throw fault(
                    "not a valid duration string: " + QuotedText.quoted(token.text),
                    at: token.range)
            }
            advance()
            return (Double(milliseconds) / 1000, true)
        default: return nil
        }
    }

    func unquoted(_ token: Token) throws(PromQLError) -> String {
        if let text = QuotedText.unquoted(token.text) { return text }
        throw fault(
            "error unquoting string " + QuotedText.quoted(token.text) + ": invalid syntax",
            at: token.range)
    }
}

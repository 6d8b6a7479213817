internal import Bytes
internal import SeriesStore

extension Parser {
    /// What stands between operators, without what is put behind it.
    mutating func parseOperand() throws(PromQLError) -> PromQLNode {
        let token = try current()
        switch token.kind {
        case .number, .duration:
            guard let (value, isDuration) = try takeNumber() else {
                preconditionFailure("BUG: a number is no number")
            }
            return PromQLNode(kind: .number(value, isDuration: isDuration), range: token.range)
        case .string:
            advance()
            return PromQLNode(kind: .string(try unquoted(token)), range: token.range)
        case .leftParenthesis:
            advance()
            let inner = try parseBinary(minimum: 1)
            guard try take(.rightParenthesis) != nil else { throw try unexpected("", "") }
            return PromQLNode(
                kind: .parenthesised(inner), range: token.range.lowerBound..<end)
        case .aggregator(let aggregator):
            switch following?.kind {
            case .leftParenthesis, .keyword(.by), .keyword(.without):
                return try parseAggregation(aggregator)
            case .string, .number, .duration:
                advance()
                throw try unexpected("aggregation", "")
            default: return try parseVectorSelector()
            }
        case .identifier where following?.kind == .leftParenthesis: return try parseCall()
        case .keyword(let keyword)
        where keyword.isFunctionName && following?.kind == .leftParenthesis:
            return try parseCall()
        default: return try parseVectorSelector()
        }
    }

    // MARK: - Calls

    private mutating func parseCall() throws(PromQLError) -> PromQLNode {
        let name = try current()
        guard let function = PromQLFunction(rawValue: name.text) else {
            throw fault(
                "unknown function with name " + QuotedText.quoted(name.text), at: name.range)
        }
        advance()
        let arguments = try parseArguments()
        return PromQLNode(
            kind: .call(function, arguments), range: name.range.lowerBound..<end)
    }

    private mutating func parseArguments() throws(PromQLError) -> [PromQLNode] {
        guard try take(.leftParenthesis) != nil else { throw try unexpected("", "") }
        var arguments: [PromQLNode] = []
        while try take(.rightParenthesis) == nil {
            arguments.append(try parseBinary(minimum: 1))
            if try current().kind == .rightParenthesis { continue }
            guard let comma = try take(.comma) else { throw try unexpected("", "") }
            if try current().kind == .rightParenthesis {
                throw fault(
                    "trailing commas not allowed in function call args", at: comma.range)
            }
        }
        return arguments
    }

    private mutating func parseAggregation(
        _ aggregator: Aggregator
    ) throws(PromQLError) -> PromQLNode {
        let start = try current().range.lowerBound
        advance()
        var grouping = try parseAggregationGrouping()
        let arguments = try parseArguments()
        if grouping == nil { grouping = try parseAggregationGrouping() }
        let range = start..<end
        guard !arguments.isEmpty else {
            throw fault("no arguments for aggregate expression provided", at: range)
        }
        let wanted = aggregator.hasParameter ? 2 : 1
        guard arguments.count == wanted else {
            throw fault(
                "wrong number of arguments for aggregate expression provided, expected \(wanted), "
                    + "got \(arguments.count)", at: range)
        }
        return PromQLNode(
            kind: .aggregation(
                Aggregation(
                    aggregator: aggregator,
                    parameter: aggregator.hasParameter ? arguments[0].unwrapped : nil,
                    operand: arguments[wanted - 1].unwrapped,
                    grouping: grouping?.labels ?? [], isWithout: grouping?.isWithout ?? false)),
            range: range)
    }

    private mutating func parseAggregationGrouping() throws(PromQLError) -> (
        labels: [String], isWithout: Bool
    )? {
        if try take(.keyword(.by)) != nil { return (try parseGrouping(), false) }
        if try take(.keyword(.without)) != nil { return (try parseGrouping(), true) }
        return nil
    }

    // MARK: - Selectors

    /// A metric's name, conditions in braces, or both.
    mutating func parseVectorSelector() throws(PromQLError) -> PromQLNode {
        let token = try current()
        var name = ""
        switch token.kind {
        case .identifier, .metricIdentifier, .aggregator: name = token.text
        case .keyword(let keyword) where keyword.isMetricName: name = token.text
        case .binary(let sign) where sign.isSet: name = token.text
        case .leftBrace: break
        default: throw try unexpected("", "")
        }
        if !name.isEmpty { advance() }
        var matchers: [LabelMatcher] = []
        if try take(.leftBrace) != nil { matchers = try parseMatchers() }
        if !name.isEmpty { matchers.append(try matcher(Labels.metricName, .equal, name, token)) }
        return PromQLNode(
            kind: .selector(Selector(name: name, matchers: matchers)),
            range: token.range.lowerBound..<end)
    }

    private mutating func parseMatchers() throws(PromQLError) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        while try take(.rightBrace) == nil {
            matchers.append(try parseMatcher())
            if try current().kind == .rightBrace { continue }
            guard try take(.comma) != nil else {
                throw try unexpected("label matching", "\",\" or \"}\"")
            }
        }
        return matchers
    }

    private mutating func parseMatcher() throws(PromQLError) -> LabelMatcher {
        let token = try current()
        guard token.kind == .identifier || token.kind == .string else {
            throw try unexpected("label matching", "identifier or \"}\"")
        }
        advance()
        let label = token.kind == .string ? try unquoted(token) : token.text
        let operation: LabelMatcher.Operation
        switch try current().kind {
        case .equal: operation = .equal
        case .binary(.notEqual): operation = .notEqual
        case .matches: operation = .matches
        case .doesNotMatch: operation = .doesNotMatch
        default:
            // A text alone is the metric's name.
            if token.kind == .string {
                return try matcher(Labels.metricName, .equal, label, token)
            }
            throw try unexpected("label matching", "label matching operator")
        }
        advance()
        let value = try current()
        guard value.kind == .string else { throw try unexpected("label matching", "string") }
        advance()
        return try matcher(label, operation, try unquoted(value), token)
    }

    private func matcher(
        _ name: String, _ operation: LabelMatcher.Operation, _ value: String, _ token: Token
    ) throws(PromQLError) -> LabelMatcher {
        do {
            return try LabelMatcher(name, operation, value)
        } catch {
            throw fault(
                "error parsing regexp: \(error.reason): `\(value)`",
                at: token.range.lowerBound..<end)
        }
    }
}

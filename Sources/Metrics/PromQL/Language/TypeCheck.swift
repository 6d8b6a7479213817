internal import SeriesStore

/// Checks that the types in a query fit together.
enum TypeCheck {
    /// - Parameter text: the query, in which an operator between two expressions is looked for.
    static func check(_ node: PromQLNode, text: [UInt8]) throws(PromQLError) {
        switch node.kind {
        case .number, .string: return
        case .selector(let selector): try check(selector, at: node.range)
        case .window(let selector, _): try check(selector, at: node.range)
        case .subquery(let subquery):
            try check(subquery.inner, text: text)
            guard subquery.inner.type == .vector else {
                throw fault(
                    "subquery is only allowed on instant vector, got "
                        + "\(subquery.inner.type.shortName) instead", node)
            }
        case .call(let function, let arguments):
            try check(function, arguments, node, text)
        case .aggregation(let aggregation): try check(aggregation, text)
        case .binary(let operation): try check(operation, node, text)
        case .unary(_, let operand):
            try check(operand, text: text)
            guard operand.type == .scalar || operand.type == .vector else {
                throw fault(
                    "unary expression only allowed on expressions of type scalar or instant "
                        + "vector, got \"\(operand.type.rawValue)\"", node)
            }
        case .parenthesised(let inner): try check(inner, text: text)
        }
    }

    private static func fault(_ message: String, _ node: PromQLNode) -> PromQLError {
        PromQLError(.badData, message, at: node.range)
    }

    private static func expect(
        _ type: PromQLNode.ValueType, _ node: PromQLNode, in context: String, _ text: [UInt8]
    ) throws(PromQLError) {
        try check(node, text: text)
        guard node.type == type else {
            throw fault(
                "expected type \(type.rawValue) in \(context), got \(node.type.rawValue)", node)
        }
    }

    // MARK: - Kinds of expressions

    private static func check(_ selector: Selector, at range: Range<Int>) throws(PromQLError) {
        if !selector.name.isEmpty {
            let other = selector.matchers.dropLast().first { $0.name == Labels.metricName }
            guard let other else { return }
            throw PromQLError(
                .badData,
                "metric name must not be set twice: \(QuotedText.quoted(selector.name)) or "
                    + QuotedText.quoted(other.value), at: range)
        }
        if selector.mayBeEmpty { return }
        guard selector.matchers.contains(where: { !$0.matches("") }) else {
            throw PromQLError(
                .badData, "vector selector must contain at least one non-empty matcher", at: range)
        }
    }

    private static func check(
        _ aggregation: Aggregation, _ text: [UInt8]
    ) throws(PromQLError) {
        try expect(.vector, aggregation.operand, in: "aggregation expression", text)
        guard let parameter = aggregation.parameter else { return }
        try expect(
            aggregation.aggregator == .countValues ? .string : .scalar, parameter,
            in: "aggregation parameter", text)
    }

    private static func check(
        _ function: PromQLFunction, _ arguments: [PromQLNode], _ node: PromQLNode, _ text: [UInt8]
    ) throws(PromQLError) {
        let signature = function.signature
        let most = signature.arguments.count
        let name = QuotedText.quoted(function.rawValue)
        if signature.optional == 0 {
            guard arguments.count == most else {
                throw fault(
                    "expected \(most) argument(s) in call to \(name), got \(arguments.count)", node)
            }
        } else {
            guard arguments.count >= most - 1 else {
                throw fault(
                    "expected at least \(most - 1) argument(s) in call to \(name), "
                        + "got \(arguments.count)", node)
            }
            if let optional = signature.optional, arguments.count > most - 1 + optional {
                throw fault(
                    "expected at most \(most - 1 + optional) argument(s) in call to \(name), "
                        + "got \(arguments.count)", node)
            }
        }
        for (place, argument) in arguments.enumerated() {
            let type = signature.arguments[min(place, most - 1)]
            if function == .info && place == 1 {
                try checkInfoSelector(argument)
                continue
            }
            try check(argument, text: text)
            guard argument.type == type else {
                throw fault(
                    "expected type \(type.rawValue) in call to function \(name), "
                        + "got \(argument.type.rawValue)", argument)
            }
        }
    }

    private static func checkInfoSelector(_ argument: PromQLNode) throws(PromQLError) {
        guard argument.type == .vector else {
            throw fault(
                "expected type instant vector in call to function \"info\", "
                    + "got \(argument.type.rawValue)", argument)
        }
        guard case .selector(var selector) = argument.kind else {
            throw fault("expected label selectors only", argument)
        }
        guard selector.name.isEmpty else {
            throw fault("expected label selectors only, got vector selector instead", argument)
        }
        selector.mayBeEmpty = true
        try check(selector, at: argument.range)
    }

    private static func check(
        _ operation: BinaryOperation, _ node: PromQLNode, _ text: [UInt8]
    ) throws(PromQLError) {
        try check(operation.left, text: text)
        try check(operation.right, text: text)
        let (left, right) = (operation.left.type, operation.right.type)
        let place = signRange(operation, text)
        if operation.returnsBool && !operation.sign.isComparison {
            throw PromQLError(
                .badData, "bool modifier can only be used on comparison operators", at: place)
        }
        if operation.sign.isComparison && !operation.returnsBool && left == .scalar
            && right == .scalar
        {
            throw PromQLError(
                .badData, "comparisons between scalars must use BOOL modifier", at: place)
        }
        let matching = operation.matching
        if matching.isOn, let both = matching.labels.first(where: matching.included.contains) {
            throw PromQLError(
                .badData,
                "label \(QuotedText.quoted(both)) must not occur in ON and GROUP clause at once",
                at: place)
        }
        for side in [operation.left, operation.right]
        where side.type != .scalar && side.type != .vector {
            throw fault(
                "binary expression must contain only scalar and instant vector types", side)
        }
        try checkMatching(operation, node)
    }

    private static func checkMatching(
        _ operation: BinaryOperation, _ node: PromQLNode
    ) throws(PromQLError) {
        let matching = operation.matching
        let isFilled = matching.leftFill != nil || matching.rightFill != nil
        let sign = QuotedText.quoted(operation.sign.rawValue)
        if operation.left.type != .vector || operation.right.type != .vector {
            if !matching.labels.isEmpty {
                throw fault("vector matching only allowed between instant vectors", node)
            }
            if isFilled {
                throw fault(
                    "filling in missing series only allowed between instant vectors", node)
            }
            if operation.sign.isSet {
                throw fault("set operator \(sign) not allowed in binary scalar expression", node)
            }
        } else if operation.sign.isSet {
            if matching.cardinality != .oneToOne {
                throw fault("no grouping allowed for \(sign) operation", node)
            }
            if isFilled {
                throw fault("filling in missing series not allowed for set operators", node)
            }
        }
    }

    /// Where the sign of an operation and its modifiers stand.
    private static func signRange(_ operation: BinaryOperation, _ text: [UInt8]) -> Range<Int> {
        var range = operation.left.range.upperBound..<operation.right.range.lowerBound
        func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
        while let first = range.first, isSpace(text[first]) {
            range = (first + 1)..<range.upperBound
        }
        while let last = range.last, isSpace(text[last]) { range = range.lowerBound..<last }
        return range
    }
}

extension PromQLNode.ValueType {
    /// As types are called in answers.
    var shortName: String {
        switch self {
        case .vector: "vector"
        case .matrix: "matrix"
        default: rawValue
        }
    }
}

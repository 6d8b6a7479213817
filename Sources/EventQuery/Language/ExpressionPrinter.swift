import Bytes
public import Compute
import Events

extension Expression {
    /// The expression as the query language writes it.
    ///
    /// Reading the text gives the same tree, save that an `and` or `or` of one operand is that
    /// operand and one of none is `true` or `false`.
    public var text: String { ExpressionPrinter().text(self) }
}

/// Writes expressions with as few parentheses as reading them back needs.
struct ExpressionPrinter {
    /// Where the names of the expression come from: the answer's columns for a `having`, else the
    /// event's fields.
    var scope: ResultScope?

    /// How tightly a form binds, loosest first.
    enum Binding: Int {
        case or, and, not, comparison, additive, multiplicative, unary, primary
    }

    /// The text, in parentheses when it binds less tightly than its place asks.
    func text(_ expression: Expression, atLeast place: Binding = .or) -> String {
        let bare = bareText(expression)
        return binding(expression).rawValue < place.rawValue ? "(\(bare))" : bare
    }

    private func binding(_ expression: Expression) -> Binding {
        switch expression {
        case .or(let operands):
            operands.count > 1 ? .or : operands.first.map(binding) ?? .primary
        case .and(let operands):
            operands.count > 1 ? .and : operands.first.map(binding) ?? .primary
        case .not: .not
        case .compare, .membership, .match, .exists: .comparison
        case .arithmetic(.add, _, _), .arithmetic(.subtract, _, _): .additive
        case .arithmetic: .multiplicative
        case .negate: .unary
        case .literal(.int(let value)): value < 0 ? .unary : .primary
        case .literal(.float(let value)): value < 0 ? .unary : .primary
        case .literal, .field, .call: .primary
        }
    }

    private func bareText(_ expression: Expression) -> String {
        switch expression {
        case .literal(let value): return value.queryText
        case .field(let reference): return fieldText(reference)
        case .or(let operands): return joined(operands, " or ", empty: "false", atLeast: .and)
        case .and(let operands): return joined(operands, " and ", empty: "true", atLeast: .not)
        case .not(let operand): return "not " + text(operand, atLeast: .not)
        case .compare(let sign, let left, let right): return compareText(sign, left, right)
        case .membership(let operand, let values, let negated):
            return membershipText(operand, values, negated)
        case .match(let match, let operand, let pattern, let negated):
            let word = negated ? match.negatedWord : match.rawValue
            let string = FieldValue.string(pattern).queryText
            return "\(text(operand, atLeast: .additive)) \(word) \(string)"
        case .exists(let operand, let negated):
            return text(operand, atLeast: .additive) + (negated ? " does-not-exist" : " exists")
        case .negate(.literal(let value)): return "-(\(value.queryText))"
        case .negate(let operand): return "-" + text(operand, atLeast: .unary)
        case .arithmetic(let sign, let left, let right):
            let own = binding(expression)
            let after: Binding = own == .additive ? .multiplicative : .unary
            return "\(text(left, atLeast: own)) \(sign.rawValue) \(text(right, atLeast: after))"
        case .call(let name, let arguments):
            return "\(name.rawValue)(\(arguments.map { text($0) }.joined(separator: ", ")))"
        }
    }

    private func fieldText(_ reference: FieldReference) -> String {
        if let scope, case .named(let key) = reference { return scope.text(ofKey: key) }
        return reference.queryText
    }

    private func joined(
        _ operands: [Expression], _ word: String, empty: String, atLeast place: Binding
    ) -> String {
        if operands.count < 2 { return operands.first.map(bareText) ?? empty }
        return operands.map { text($0, atLeast: place) }.joined(separator: word)
    }
}

// MARK: - Comparisons

extension ExpressionPrinter {
    private func compareText(
        _ sign: ComparisonOperator, _ left: Expression, _ right: Expression
    ) -> String {
        let leftText = operandText(left, beside: right)
        return "\(leftText) \(sign.rawValue) \(operandText(right, beside: left))"
    }

    /// One side of a comparison; a number beside one of the event's times is written as a time.
    private func operandText(_ operand: Expression, beside other: Expression) -> String {
        if case .literal(let value) = operand { return valueText(value, beside: other) }
        return text(operand, atLeast: .additive)
    }

    private func valueText(_ value: FieldValue, beside other: Expression) -> String {
        guard case .int(let time) = value, other == .field(.timestamp) || other == .field(.received)
        else { return value.queryText }
        return RFC3339.text(nanoseconds: time)
    }

    private func membershipText(
        _ operand: Expression, _ values: [FieldValue], _ negated: Bool
    ) -> String {
        let list = values.map { valueText($0, beside: operand) }.joined(separator: ", ")
        return "\(text(operand, atLeast: .additive)) \(negated ? "not in" : "in") (\(list))"
    }
}

extension MatchOperator {
    /// The word for the exact opposite.
    var negatedWord: String {
        switch self {
        case .contains: "does-not-contain"
        case .startsWith: "does-not-start-with"
        case .endsWith: "does-not-end-with"
        case .matches: "does-not-match"
        }
    }
}

// MARK: - Values and names

extension FieldValue {
    /// The value as the query language writes it.
    var queryText: String {
        switch self {
        case .missing: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .float(let value): value.description
        case .string(let value): JSONValue.string(value).text
        }
    }
}

extension FieldReference {
    /// The name that stands for the reference where only names stand.
    ///
    /// Nil for a sent field that is called like a property of the event.
    var plainName: String? {
        switch self {
        case .named(let name):
            Words.properties[name] == nil && Words.related(name) == nil ? name : nil
        case .related(let relation, let name): "\(relation.rawValue).\(name)"
        case .timestamp: "timestamp"
        case .received: "received"
        case .dataset: "dataset"
        case .sampleRate: "samplerate"
        }
    }

    /// The reference of a bare name in an expression.
    init(plainName: String) {
        self =
            Words.properties[plainName] ?? Words.related(plainName).map { .related($0, $1) }
            ?? .named(plainName)
    }

    var queryText: String {
        if case .related(let relation, let name) = self {
            // In backquotes it would be a sent field of that name.
            let bare = "\(relation.rawValue).\(name)"
            if Words.quoted(bare) == bare { return bare }
            return "\(relation.rawValue)(\(FieldValue.string(name).queryText))"
        }
        guard case .named(let name) = self else { return plainName ?? "" }
        return plainName == nil ? "field(\(FieldValue.string(name).queryText))" : Words.quoted(name)
    }
}

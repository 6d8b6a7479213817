public import Bytes
public import Compute
import Events

extension Expression {
    /// The condition that all of some filters hold; nil without filters.
    ///
    /// Throws `SpecificationError` with a path that begins with `name`.
    public init?(filters: JSONValue, at name: String) throws(SpecificationError) {
        let object = try SpecificationObject([name: filters], at: "", known: [name])
        let conditions = try SpecificationFilters.conditions(object, name)
        guard let first = conditions.first else { return nil }
        self = conditions.count == 1 ? first : .and(conditions)
    }
}

/// Honeycomb's filter operations and the conditions they are.
enum SpecificationFilters {
    private static let matches: [(name: String, match: MatchOperator, negated: Bool)] = [
        ("starts-with", .startsWith, false), ("does-not-start-with", .startsWith, true),
        ("ends-with", .endsWith, false), ("does-not-end-with", .endsWith, true),
        ("contains", .contains, false), ("does-not-contain", .contains, true),
    ]

    private static let names =
        ComparisonOperator.allCases.map(\.rawValue) + matches.map(\.name)
        + ["exists", "does-not-exist", "in", "not-in", "has", "does-not-have"]

    /// The column of which `each(column)` speaks; nil for any other text.
    static func elements(_ text: String) -> String? {
        guard text.hasPrefix("each("), text.hasSuffix(")") else { return nil }
        return String(text.dropFirst(5).dropLast())
    }

    // MARK: - Reading

    /// The condition of `filters` and `filter_combination`; nil without filters.
    static func condition(
        _ object: SpecificationObject
    ) throws(SpecificationError) -> Expression? {
        let combination = try object.string("filter_combination") ?? "AND"
        guard combination == "AND" || combination == "OR" else {
            throw object.fail("filter_combination", "must be AND or OR")
        }
        let conditions = try conditions(object, "filters")
        if conditions.count < 2 { return conditions.first }
        return combination == "OR" ? .or(conditions) : .and(conditions)
    }

    /// The filters of one member.
    static func conditions(
        _ object: SpecificationObject, _ key: String
    ) throws(SpecificationError) -> [Expression] {
        var conditions: [Expression] = []
        for element in try object.array(key, limit: 100) {
            conditions.append(try filter(element.value, at: element.path))
        }
        return conditions
    }

    private static func filter(
        _ value: JSONValue, at path: String
    ) throws(SpecificationError) -> Expression {
        let object = try SpecificationObject(value, at: path, known: ["column", "op", "value"])
        guard let name = try object.string("column") else {
            throw object.fail("column", "is missing")
        }
        guard let operation = try object.string("op") else { throw object.fail("op", "is missing") }
        let column = Expression.field(FieldReference(plainName: name))
        if operation == "exists" || operation == "does-not-exist" {
            if object["value"] != nil { throw object.fail("value", "\(operation) takes no value") }
            return .exists(column, negated: operation == "does-not-exist")
        }
        if operation == "in" || operation == "not-in" {
            let values = try members(object)
            return .membership(column, values, negated: operation == "not-in")
        }
        if let known = matches.first(where: { $0.name == operation }) {
            guard let pattern = try object.string("value") else {
                throw object.fail("value", "is missing")
            }
            return .match(known.match, column, pattern, negated: known.negated)
        }
        if operation == "has" || operation == "does-not-have" {
            let holds = Expression.call(.has, [column, .literal(try literal(object))])
            return operation == "has" ? holds : .not(holds)
        }
        guard let comparison = ComparisonOperator(rawValue: operation) else {
            var message = "there is no operation \"\(operation)\""
            if let meant = nearestName(to: operation, among: names) {
                message += "; did you mean \"\(meant)\"?"
            }
            throw object.fail("op", message)
        }
        return .compare(comparison, column, .literal(try literal(object)))
    }

    private static func literal(
        _ object: SpecificationObject
    ) throws(SpecificationError) -> FieldValue {
        guard let json = object["value"], let literal = FieldValue(json: json) else {
            throw object.fail("value", "must be a string, a number or a boolean")
        }
        return literal
    }

    private static func members(
        _ object: SpecificationObject
    ) throws(SpecificationError) -> [FieldValue] {
        var values: [FieldValue] = []
        for element in try object.array("value", limit: QueryLimits.membersMax) {
            guard let value = FieldValue(json: element.value) else {
                let message = "must be a string, a number or a boolean"
                throw SpecificationError(path: element.path, message: message)
            }
            values.append(value)
        }
        if values.isEmpty { throw object.fail("value", "must be an array with values") }
        return values
    }

    // MARK: - Writing

    /// Adds `filters` and, for an `or`, `filter_combination`.
    static func write(
        _ condition: Expression, at path: String, to object: inout JSONObject
    ) throws(SpecificationError) {
        var conditions = [condition]
        var combination = "AND"
        if case .or(let operands) = condition {
            conditions = operands
            combination = "OR"
        } else if case .and(let operands) = condition {
            conditions = operands.flatMap { operand in
                if case .and(let inner) = operand { inner } else { [operand] }
            }
        }
        var filters: [JSONValue] = []
        for condition in conditions { filters.append(try filter(condition, at: path)) }
        if !filters.isEmpty { object.append("filters", .array(filters)) }
        if combination == "OR" { object.append("filter_combination", "OR") }
    }

    private static func filter(
        _ condition: Expression, at path: String
    ) throws(SpecificationError) -> JSONValue {
        if let filter = elementFilter(condition) { return filter }
        if case .not(let operand) = condition, let opposite = opposite(of: operand) {
            return try filter(opposite, at: path)
        }
        let none = SpecificationError(
            path: path, message: "a specification has no filter for: \(condition.text)")
        switch condition {
        case .compare(let sign, .field(let reference), .literal(let value)):
            guard let name = reference.plainName, !value.isMissing else { throw none }
            return [
                "column": .string(name), "op": .string(sign.rawValue), "value": JSONValue(value),
            ]
        case .membership(.field(let reference), let values, let negated):
            guard let name = reference.plainName, !values.contains(.missing) else { throw none }
            let list = JSONValue.array(values.map { JSONValue($0) })
            return ["column": .string(name), "op": negated ? "not-in" : "in", "value": list]
        case .match(let match, .field(let reference), let pattern, let negated):
            let known = matches.first { $0.match == match && $0.negated == negated }
            guard let name = reference.plainName, let known else { throw none }
            return [
                "column": .string(name), "op": .string(known.name), "value": .string(pattern),
            ]
        case .exists(.field(let reference), let negated):
            guard let name = reference.plainName else { throw none }
            return ["column": .string(name), "op": negated ? "does-not-exist" : "exists"]
        default: throw none
        }
    }

    /// The filter that says `has` or its opposite; nil for any other condition.
    private static func elementFilter(_ condition: Expression) -> JSONValue? {
        var (holds, operation) = (condition, "has")
        if case .not(let inner) = condition { (holds, operation) = (inner, "does-not-have") }
        guard case .call(.has, let arguments) = holds, arguments.count == 2,
            case .field(let reference) = arguments[0], let name = reference.plainName,
            case .literal(let value) = arguments[1], !value.isMissing
        else { return nil }
        return ["column": .string(name), "op": .string(operation), "value": JSONValue(value)]
    }

    /// The exact opposite of a condition, where one operation says it.
    private static func opposite(of condition: Expression) -> Expression? {
        switch condition {
        case .compare(.equal, let left, let right): .compare(.notEqual, left, right)
        case .compare(.notEqual, let left, let right): .compare(.equal, left, right)
        case .membership(let operand, let values, let negated):
            .membership(operand, values, negated: !negated)
        case .match(let match, let operand, let pattern, let negated):
            .match(match, operand, pattern, negated: !negated)
        case .exists(let operand, let negated): .exists(operand, negated: !negated)
        default: nil
        }
    }
}

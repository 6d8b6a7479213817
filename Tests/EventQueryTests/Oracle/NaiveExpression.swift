import Bytes
import Compute
import EventQuery
import Events
import Glibc
import TestSupport

/// One event as the oracle sees it: sent fields, hidden by those that the query derived.
struct NaiveRow {
    var event: ModelEvent
    /// Which of all events it is.
    var place = 0
    var derived: [String: FieldValue] = [:]
    /// Which event of each relation is meant.
    var relatives: [Relation: NaiveRelative] = [:]
    /// How many events like it there are for each one in the sample that is asked.
    var sampledFrom: UInt32 = 1

    /// How many events it stands for.
    var weight: UInt64 { UInt64(event.rate) * UInt64(sampledFrom) }

    /// `makeBatch` says that an event is received five nanoseconds after it happened.
    var received: Int64 { event.timestamp + 5 }

    func value(_ reference: FieldReference) -> FieldValue {
        switch reference {
        case .named(let name): derived[name] ?? event.fields[name] ?? .missing
        case .timestamp: .int(event.timestamp)
        case .received: .int(received)
        case .dataset: .string(event.dataset)
        case .sampleRate: .int(Int64(event.rate))
        case .related(let relation, let name):
            relatives[relation]?.value(FieldReference(naivePlainName: name)) ?? .missing
        }
    }
}

/// The meaning of expressions as `docs/query-language.md` tells it, written down once more.
struct NaiveExpression {
    let value: (FieldReference) -> FieldValue

    func isTrue(_ expression: Expression) -> Bool {
        switch evaluate(expression) {
        case .bool(let flag): flag
        case .int(let number): number != 0
        case .float(let number): number != 0
        case .string, .missing: false
        }
    }

    func evaluate(_ expression: Expression) -> FieldValue {
        switch expression {
        case .literal(let value): return value
        case .field(let reference): return value(reference)
        case .not(let operand): return .bool(!isTrue(operand))
        case .and(let operands): return .bool(!operands.contains { !isTrue($0) })
        case .or(let operands): return .bool(operands.contains { isTrue($0) })
        case .compare(let sign, let left, let right):
            return .bool(compare(sign, evaluate(left), evaluate(right)))
        case .membership(let operand, let values, let negated):
            let value = evaluate(operand)
            let isMember = values.contains { compare(.equal, value, $0) }
            return .bool(isMember != negated)
        case .match(let match, let operand, let pattern, let negated):
            return .bool(matches(match, evaluate(operand), pattern) != negated)
        case .exists(let operand, let negated):
            return .bool(!evaluate(operand).isMissing != negated)
        case .negate(let operand): return arithmetic(.subtract, .int(0), evaluate(operand))
        case .arithmetic(let sign, let left, let right):
            return arithmetic(sign, evaluate(left), evaluate(right))
        case .call(let name, let arguments): return call(name, arguments)
        }
    }

    // MARK: - Conditions

    private enum Kind { case none, truth, number, text }

    private func kind(_ value: FieldValue) -> Kind {
        switch value {
        case .missing: .none
        case .bool: .truth
        case .int, .float: .number
        case .string: .text
        }
    }

    private func compare(_ sign: ComparisonOperator, _ a: FieldValue, _ b: FieldValue) -> Bool {
        if sign == .notEqual { return !compare(.equal, a, b) }
        guard kind(a) == kind(b), kind(a) != .none else { return false }
        return switch sign {
        case .equal: !(a < b) && !(b < a)
        case .notEqual: a < b || b < a
        case .less: a < b
        case .lessOrEqual: !(b < a)
        case .greater: b < a
        case .greaterOrEqual: !(a < b)
        }
    }

    private func matches(_ match: MatchOperator, _ value: FieldValue, _ pattern: String) -> Bool {
        guard case .string(let text) = value else { return false }
        let bytes = Array(text.utf8)
        let part = Array(pattern.utf8)
        switch match {
        case .startsWith: return bytes.starts(with: part)
        case .endsWith: return bytes.reversed().starts(with: part.reversed())
        case .contains:
            return part.count <= bytes.count
                && (0...bytes.count - part.count).contains { bytes[$0...].starts(with: part) }
        case .matches:
            let expression = try? Regex(pattern)
            return expression.map { text.firstMatch(of: $0) != nil } ?? false
        }
    }

    // MARK: - Numbers

    private func double(_ value: FieldValue) -> Double? {
        switch value {
        case .int(let number): Double(number)
        case .float(let number): number
        default: nil
        }
    }

    private func finite(_ number: Double) -> FieldValue {
        number.isFinite ? FieldValue(number: number) : .missing
    }

    private func arithmetic(
        _ sign: ArithmeticOperator, _ a: FieldValue, _ b: FieldValue
    ) -> FieldValue {
        if case .int(let x) = a, case .int(let y) = b, sign != .divide {
            let (x, y) = (Int128(x), Int128(y))
            if sign == .modulo, y == 0 { return .missing }
            let exact =
                switch sign {
                case .add: x + y
                case .subtract: x - y
                case .multiply: x * y
                default: x % y
                }
            if let fitting = Int64(exactly: exact) { return .int(fitting) }
        }
        guard let x = double(a), let y = double(b) else { return .missing }
        return switch sign {
        case .add: finite(x + y)
        case .subtract: finite(x - y)
        case .multiply: finite(x * y)
        case .divide: finite(x / y)
        case .modulo: finite(fmod(x, y))
        }
    }

    // MARK: - Functions

    private func call(_ name: FunctionName, _ arguments: [Expression]) -> FieldValue {
        if name == .if {
            for place in stride(from: 0, to: arguments.count - 1, by: 2)
            where isTrue(arguments[place]) {
                return evaluate(arguments[place + 1])
            }
            return arguments.count % 2 == 1 ? evaluate(arguments[arguments.count - 1]) : .missing
        }
        let values = arguments.map(evaluate)
        let present = values.filter { !$0.isMissing }
        switch name {
        case .switch:
            for place in stride(from: 1, to: values.count - 1, by: 2)
            where compare(.equal, values[0], values[place]) {
                return values[place + 1]
            }
            return values.count % 2 == 0 ? values[values.count - 1] : .missing
        case .least: return ofOneKind(present).sorted().first ?? .missing
        case .greatest: return ofOneKind(present).sorted().last ?? .missing
        case .equalsAny:
            return .bool(values.dropFirst().contains { compare(.equal, values[0], $0) })
        case .has: return .bool(naiveElements(values[0]).contains(values[1]))
        case .containsText, .startsWith, .endsWith:
            guard case .string(let part) = values[1] else { return .bool(false) }
            let match: MatchOperator =
                name == .containsText ? .contains : name == .startsWith ? .startsWith : .endsWith
            return .bool(matches(match, values[0], part))
        case .extract, .countMatches: return found(name, values[0], values[1])
        case .bucketLabel: return bucketLabel(values)
        case .formatTime: return formatTime(values[0], values[1])
        case .hash: return .float(naiveMetroHash(Array(present.map(text).joined().utf8)))
        case .coalesce: return present.first ?? .missing
        case .concat: return .string(present.map(text).joined())
        case .min: return present.sorted().first ?? .missing
        case .max: return present.sorted().last ?? .missing
        case .bucket: return bucket(values[0], values[1])
        default: return call(name, values[0])
        }
    }

    private func bucket(_ value: FieldValue, _ width: FieldValue) -> FieldValue {
        guard let x = double(value), let w = double(width), w > 0 else { return .missing }
        if case .int(let whole) = value, case .int(let step) = width {
            let rest = ((Int128(whole) % Int128(step)) + Int128(step)) % Int128(step)
            return Int64(exactly: Int128(whole) - rest).map { .int($0) } ?? .missing
        }
        return finite((x / w).rounded(.down) * w)
    }

    private func ofOneKind(_ values: [FieldValue]) -> [FieldValue] {
        values.filter { kind($0) == kind(values[0]) }
    }

    private func call(_ name: FunctionName, _ value: FieldValue) -> FieldValue {
        switch (name, value) {
        case (.byteLength, .string(let text)): return .int(Int64(Array(text.utf8).count))
        case (.truthy, .string(let text)): return .bool(text == "true")
        case (.truthy, _): return .bool(isTrue(.literal(value)))
        case (.number, .int), (.number, .float): return value
        case (.number, .string(let text)):
            if let whole = Int64(text) { return .int(whole) }
            return Double(text).flatMap { $0.isFinite ? .float($0 == 0 ? 0 : $0) : nil } ?? .int(0)
        case (.number, _): return .int(0)
        case (.unixTime, .string(let text)):
            return RFC3339.nanoseconds(text).map { FieldValue(number: Double($0) / 1e9) }
                ?? .missing
        case (.lower, .string(let text)): return .string(text.lowercased())
        case (.upper, .string(let text)): return .string(text.uppercased())
        case (.length, .string(let text)): return .int(Int64(text.unicodeScalars.count))
        case (.floor, .float(let number)): return .float(number.rounded(.down))
        case (.ceil, .float(let number)): return FieldValue(number: number.rounded(.up))
        case (.round, .float(let number)):
            return FieldValue(number: number.rounded(.toNearestOrAwayFromZero))
        case (.floor, .int), (.ceil, .int), (.round, .int): return value
        case (.abs, .int(let number)):
            return Int64(exactly: number.magnitude).map { .int($0) } ?? .float(0x1p63)
        case (.abs, .float(let number)): return .float(number.magnitude)
        case (.log10, _):
            guard let number = double(value), number > 0 else { return .missing }
            return finite(Glibc.log10(number))
        case (.string, _): return value.isMissing ? .missing : .string(text(value))
        case (.int, _), (.float, _), (.bool, _): return converted(name, value)
        default: return .missing
        }
    }

    private func converted(_ name: FunctionName, _ value: FieldValue) -> FieldValue {
        switch (name, value) {
        case (.int, .bool(let flag)): return .int(flag ? 1 : 0)
        case (.int, .float(let number)):
            return Int64(exactly: number.rounded(.towardZero)).map { .int($0) } ?? .missing
        case (.int, .string(let text)):
            if let whole = Int64(text) { return .int(whole) }
            guard let number = Double(text), number.isFinite else { return .missing }
            return converted(.int, .float(number))
        case (.float, .bool(let flag)): return .float(flag ? 1 : 0)
        case (.float, .int(let number)): return .float(Double(number))
        case (.float, .string(let text)): return Double(text).map(finite) ?? .missing
        case (.bool, .int(let number)): return .bool(number != 0)
        case (.bool, .float(let number)): return .bool(number != 0)
        case (.bool, .string("true")): return .bool(true)
        case (.bool, .string("false")): return .bool(false)
        case (.bool, .string): return .missing
        default: return value
        }
    }

    private func text(_ value: FieldValue) -> String {
        switch value {
        case .missing: ""
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): "\(number)"
        case .float(let number): Int64(exactly: number).map { "\($0)" } ?? "\(number)"
        case .string(let text): text
        }
    }
}

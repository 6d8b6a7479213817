internal import CKernels
public import Events

extension ExpressionEvaluator {
    /// Arithmetic on two numbers; missing when either is none, and where there is no finite result.
    ///
    /// Integers stay integers while the result fits 64 bits, and go on as floats beyond; a quotient
    /// is a float. `%` has the sign of its left side, as in C.
    static func arithmetic(
        _ operation: ArithmeticOperator, _ a: FieldValue, _ b: FieldValue
    ) -> FieldValue {
        if case .int(let x) = a, case .int(let y) = b, operation != .divide {
            if let exact = exactly(operation, x, y) { return exact }
        }
        guard let x = number(a), let y = number(b) else { return .missing }
        let result: Double
        switch operation {
        case .add: result = x + y
        case .subtract: result = x - y
        case .multiply: result = x * y
        case .divide: result = x / y
        case .modulo: result = x.truncatingRemainder(dividingBy: y)
        }
        return result.isFinite ? FieldValue(number: result) : .missing
    }

    /// The integer result, `missing` for a remainder by zero, nil where it does not fit.
    private static func exactly(
        _ operation: ArithmeticOperator, _ x: Int64, _ y: Int64
    ) -> FieldValue? {
        let (result, overflow): (Int64, Bool)
        switch operation {
        case .add: (result, overflow) = x.addingReportingOverflow(y)
        case .subtract: (result, overflow) = x.subtractingReportingOverflow(y)
        case .multiply: (result, overflow) = x.multipliedReportingOverflow(by: y)
        case .modulo:
            if y == 0 { return .missing }
            (result, overflow) = y == -1 ? (0, false) : (x % y, false)
        case .divide: return nil
        }
        return overflow ? nil : .int(result)
    }

    static func number(_ value: FieldValue) -> Double? {
        switch value {
        case .int(let value): Double(value)
        case .float(let value): value
        case .missing, .bool, .string: nil
        }
    }
}

// MARK: - Functions

extension ExpressionEvaluator {
    func call(
        _ name: FunctionName, _ arguments: [Expression], _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        switch name {
        case .if: return chosen(arguments, lookup)
        case .coalesce:
            for argument in arguments {
                let value = value(of: argument, lookup)
                if !value.isMissing { return value }
            }
            return .missing
        case .concat:
            let texts = arguments.map { value(of: $0, lookup) }.filter { !$0.isMissing }
            return .string(
                ExpressionEvaluator.cut(texts.map(ExpressionEvaluator.text).joined()))
        case .min, .max:
            let values = arguments.map { value(of: $0, lookup) }.filter { !$0.isMissing }
            return (name == .min ? values.min() : values.max()) ?? .missing
        case .bucket:
            guard arguments.count == 2 else { return .missing }
            return ExpressionEvaluator.bucket(
                value(of: arguments[0], lookup), value(of: arguments[1], lookup))
        default:
            guard let argument = arguments.first else { return .missing }
            return ExpressionEvaluator.call(name, value(of: argument, lookup))
        }
    }

    /// The text up to the length that every string value keeps to, cut between characters.
    private static func cut(_ text: String) -> String {
        if text.utf8.count <= EventLimits.stringBytes { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: EventLimits.stringBytes)
        while end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }

    private func chosen(
        _ arguments: [Expression], _ lookup: (FieldReference) -> FieldValue
    ) -> FieldValue {
        var index = 0
        while index + 1 < arguments.count {
            if isTrue(arguments[index], lookup) { return value(of: arguments[index + 1], lookup) }
            index += 2
        }
        return index < arguments.count ? value(of: arguments[index], lookup) : .missing
    }

    /// The lower bound of the bin of `width` that a number falls in; missing for a width of 0 or less.
    private static func bucket(_ value: FieldValue, _ width: FieldValue) -> FieldValue {
        guard let x = number(value), let size = number(width), size > 0 else { return .missing }
        if case .int(let whole) = value, case .int(let step) = width {
            let rest = whole % step
            let (low, overflow) = whole.subtractingReportingOverflow(rest < 0 ? rest + step : rest)
            return overflow ? .missing : .int(low)
        }
        let low = (x / size).rounded(.down) * size
        return low.isFinite ? FieldValue(number: low) : .missing
    }

    /// A function of one value.
    private static func call(_ name: FunctionName, _ value: FieldValue) -> FieldValue {
        switch (name, value) {
        case (.lower, .string(let text)): return .string(text.lowercased())
        case (.upper, .string(let text)): return .string(text.uppercased())
        case (.length, .string(let text)): return .int(Int64(text.unicodeScalars.count))
        case (.floor, .float(let x)): return FieldValue(number: x.rounded(.down))
        case (.ceil, .float(let x)): return FieldValue(number: x.rounded(.up))
        case (.round, .float(let x)): return FieldValue(number: x.rounded())
        case (.floor, .int), (.ceil, .int), (.round, .int): return value
        case (.abs, .float(let x)): return FieldValue(number: Swift.abs(x))
        case (.abs, .int(let x)):
            return x == .min ? .float(0x1p63) : .int(Swift.abs(x))
        case (.log10, _):
            guard let x = number(value), x > 0 else { return .missing }
            return FieldValue(number: wf_log10(x))
        case (.int, _): return integer(value)
        case (.float, _): return float(value)
        case (.string, _): return value.isMissing ? .missing : .string(text(value))
        case (.bool, _): return boolean(value)
        default: return .missing
        }
    }

    private static func integer(_ value: FieldValue) -> FieldValue {
        switch value {
        case .bool(let value): .int(value ? 1 : 0)
        case .int: value
        case .float(let value):
            Int64(exactly: value.rounded(.towardZero)).map { .int($0) } ?? .missing
        case .string(let text):
            Int64(text).map { .int($0) } ?? Double(text).map { integer(FieldValue(number: $0)) }
                ?? .missing
        case .missing: .missing
        }
    }

    private static func float(_ value: FieldValue) -> FieldValue {
        switch value {
        case .bool(let value): .float(value ? 1 : 0)
        case .int(let value): .float(Double(value))
        case .float: value
        case .string(let text):
            Double(text).flatMap { $0.isFinite ? FieldValue(number: $0) : nil } ?? .missing
        case .missing: .missing
        }
    }

    private static func boolean(_ value: FieldValue) -> FieldValue {
        switch value {
        case .missing: .missing
        case .string(let text):
            text == "true" ? .bool(true) : text == "false" ? .bool(false) : .missing
        default: .bool(isTrue(value))
        }
    }

    /// A value as text: numbers in their shortest form, whole floats without a point.
    public static func text(_ value: FieldValue) -> String {
        switch value {
        case .missing: ""
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .float(let value):
            Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        case .string(let text): text
        }
    }
}

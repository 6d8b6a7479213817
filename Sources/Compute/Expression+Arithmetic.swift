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

    /// The first of two numbers less the second; missing when either is none.
    public static func difference(_ a: FieldValue, _ b: FieldValue) -> FieldValue {
        arithmetic(.subtract, a, b)
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

public import Events

extension ExpressionEvaluator {
    /// A value as one of another type, missing where there is none; missing for other functions.
    static func converted(_ name: FunctionName, _ value: FieldValue) -> FieldValue {
        switch name {
        case .int: integer(value)
        case .float: float(value)
        case .string: value.isMissing ? .missing : .string(text(value))
        case .bool: boolean(value)
        case .number: numeric(value)
        case .truthy: .bool(isTrue(value) || value == .string("true"))
        default: .missing
        }
    }

    /// A finite number as it is written in decimal; nil for other text, hexadecimal digits too.
    private static func decimal(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ $0 | 0x20 != UInt8(ascii: "x") }), let number = Double(text)
        else { return nil }
        return number.isFinite ? number : nil
    }

    private static func integer(_ value: FieldValue) -> FieldValue {
        switch value {
        case .bool(let value): .int(value ? 1 : 0)
        case .int: value
        case .float(let value):
            Int64(exactly: value.rounded(.towardZero)).map { .int($0) } ?? .missing
        case .string(let text):
            Int64(text).map { .int($0) } ?? decimal(text).map { integer(FieldValue(number: $0)) }
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
            decimal(text).map { FieldValue(number: $0) } ?? .missing
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

    private static func numeric(_ value: FieldValue) -> FieldValue {
        switch value {
        case .int, .float: return value
        case .string(let text):
            if let whole = Int64(text) { return .int(whole) }
            if let number = decimal(text) { return FieldValue(number: number) }
            return .int(0)
        case .bool, .missing: return .int(0)
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

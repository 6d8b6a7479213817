/// The value of one field of one event.
///
/// One meaning everywhere, in filters, groups, orders and zone maps: numbers compare by exact value
/// across `int` and `float` (1 and 1.0 are equal, nothing is rounded through `Double`), −0 is 0,
/// strings compare by their UTF-8 bytes, and a string never equals a number. The order is
/// missing < false < true < numbers < strings. A `float` is always finite: NaN and infinities are
/// kept as the strings `NaN`, `+Inf` and `-Inf` (see `init(number:)`).
public enum FieldValue: Sendable {
    case missing
    case bool(Bool)
    case int(Int64)
    case float(Double)
    case string(String)

    /// Keeps a number as it is meant: −0 becomes 0, what is not finite becomes its name.
    public init(number: Double) {
        if number.isFinite {
            self = .float(number == 0 ? 0 : number)
        } else if number.isNaN {
            self = .string("NaN")
        } else {
            self = .string(number > 0 ? "+Inf" : "-Inf")
        }
    }

    public var isMissing: Bool {
        if case .missing = self { true } else { false }
    }

    /// The position of the value's type in the order of all values.
    private var rank: Int {
        switch self {
        case .missing: 0
        case .bool: 1
        case .int, .float: 2
        case .string: 3
        }
    }
}

// MARK: - Order and equality

extension FieldValue: Comparable {
    public static func == (a: FieldValue, b: FieldValue) -> Bool {
        switch (a, b) {
        case (.missing, .missing): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.float(let x), .float(let y)): x == y
        case (.int(let x), .float(let y)), (.float(let y), .int(let x)):
            compareNumbers(x, y) == 0
        case (.string(let x), .string(let y)): x.utf8.elementsEqual(y.utf8)
        default: false
        }
    }

    public static func < (a: FieldValue, b: FieldValue) -> Bool {
        switch (a, b) {
        case (.bool(let x), .bool(let y)): !x && y
        case (.int(let x), .int(let y)): x < y
        case (.float(let x), .float(let y)): x < y
        case (.int(let x), .float(let y)): compareNumbers(x, y) < 0
        case (.float(let x), .int(let y)): compareNumbers(y, x) > 0
        case (.string(let x), .string(let y)): x.utf8.lexicographicallyPrecedes(y.utf8)
        default: a.rank < b.rank
        }
    }
}

extension FieldValue: Hashable {
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .missing: hasher.combine(0)
        case .bool(let value): hasher.combine(value ? 2 : 1)
        case .int(let value): hasher.combine(value)
        case .float(let value):
            if let exact = Int64(exactly: value) {
                hasher.combine(exact)
            } else {
                hasher.combine(value)
            }
        case .string(let value):
            for byte in value.utf8 { hasher.combine(byte) }
            hasher.combine(UInt8(0xFF))
        }
    }
}

/// Compares an integer with a finite float by exact value: negative, zero or positive as `x <=> y`.
public func compareNumbers(_ x: Int64, _ y: Double) -> Int {
    if y >= 0x1p63 { return -1 }
    if y < -0x1p63 { return 1 }
    let whole = y.rounded(.towardZero)
    let floor = Int64(whole)
    if x != floor { return x < floor ? -1 : 1 }
    return y == whole ? 0 : (y > whole ? -1 : 1)
}

internal import Bytes
internal import Events

/// The one type that all values of a table's column have.
enum ColumnKind: Sendable {
    case boolean
    /// 64 bits with sign.
    case integer
    /// A double.
    case number
    case text
    /// Nanoseconds since 1970.
    case time
}

/// The columns of a table, each of the narrowest type that fits all of its values.
///
/// Fields hold values of any kind, files of columns one kind a column: integers and floats together
/// are numbers where none loses a digit, anything else mixed is text.
struct TableSchema: Sendable {
    struct Column: Sendable {
        let name: String
        fileprivate var values = ValueKinds()
        fileprivate var declared: ColumnKind?

        var kind: ColumnKind { declared ?? values.kind }
    }

    private(set) var columns: [Column] = []
    private var places: [String: Int] = [:]
    /// Columns that stand before those of fields.
    private var leading = 0

    init() {}

    /// Adds a column that stands where it is added.
    ///
    /// - Parameter kind: nil to find it from the values.
    mutating func append(_ name: String, _ kind: ColumnKind? = nil) {
        columns.append(Column(name: name, declared: kind))
        leading = columns.count
    }

    /// The place of a field's column, which is added when it is not there.
    mutating func place(ofField name: String) -> Int {
        if let place = places[name] { return place }
        places[name] = columns.count
        columns.append(Column(name: name))
        return columns.count - 1
    }

    /// The columns as they are written: with a name that no other has, fields by name.
    ///
    /// A field that is called like a column in front is named `data.` and its name.
    func written() -> [(place: Int, name: String, kind: ColumnKind)] {
        let fields = (leading..<columns.count).sorted { columns[$0].name < columns[$1].name }
        var taken = Set(columns.map(\.name))
        let front = Set(columns[..<leading].map(\.name))
        return (Array(0..<leading) + fields).map { place in
            var name = columns[place].name
            if place >= leading, front.contains(name) {
                while taken.contains(name) { name = "data." + name }
                taken.insert(name)
            }
            return (place, name, columns[place].kind)
        }
    }

    /// Takes note of a value that the column will hold.
    mutating func note(_ value: FieldValue, at place: Int) { columns[place].values.add(value) }
}

/// The kinds of values that a column was seen to hold.
private struct ValueKinds: Sendable {
    private var hasBooleans = false
    private var hasIntegers = false
    /// Integers that a double does not hold exactly.
    private var hasLongIntegers = false
    private var hasFloats = false
    private var hasTexts = false

    mutating func add(_ value: FieldValue) {
        switch value {
        case .missing: break
        case .bool: hasBooleans = true
        case .int(let number):
            hasIntegers = true
            if Int64(exactly: Double(number)) != number { hasLongIntegers = true }
        case .float: hasFloats = true
        case .string: hasTexts = true
        }
    }

    var kind: ColumnKind {
        if hasTexts { return .text }
        switch (hasBooleans, hasIntegers, hasFloats) {
        case (true, false, false): return .boolean
        case (false, true, false): return .integer
        case (false, _, true): return hasLongIntegers ? .text : .number
        default: return .text
        }
    }
}

extension FieldValue {
    /// The value as a column of text has it; nil when it is missing.
    var columnText: String? {
        switch self {
        case .missing: return nil
        case .bool(let value): return value ? "true" : "false"
        case .int(let value): return String(value)
        case .string(let text): return text
        case .float(let value):
            var writer = JSONWriter()
            writer.double(value)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }
}

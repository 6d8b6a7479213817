/// Fields beyond the number of names that a batch or a segment keeps as columns.
///
/// They stay with their event as one string of the spill column: for each field a type letter, the
/// name, and the value's text, each ended by U+001F with U+001F and U+001B in them escaped by
/// U+001B: `s␟user.1␟ada␟i␟user.2␟42␟`. A query on such a field is right, only slower.
struct SpillWriter {
    private var text: [UInt8] = []
    private(set) var fieldCount = 0

    mutating func append(_ name: String, _ value: FieldValue) {
        guard !value.isMissing else { return }
        fieldCount += 1
        let (letter, shown) = Spill.letterAndText(value)
        text.append(letter)
        text.append(Spill.separator)
        write(name)
        write(shown)
    }

    private mutating func write(_ part: String) {
        for byte in part.utf8 {
            if byte == Spill.separator || byte == Spill.escape { text.append(Spill.escape) }
            text.append(byte)
        }
        text.append(Spill.separator)
    }

    func withText(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        text.withUnsafeBufferPointer { body($0) }
    }

    mutating func removeAll() {
        text.removeAll(keepingCapacity: true)
        fieldCount = 0
    }
}

/// Reads what spilled.
public enum Spill {
    static let separator: UInt8 = 0x1F
    static let escape: UInt8 = 0x1B

    static func letterAndText(_ value: FieldValue) -> (letter: UInt8, text: String) {
        switch value {
        case .missing: (0, "")
        case .bool(let value): (UInt8(ascii: "b"), value ? "true" : "false")
        case .int(let value): (UInt8(ascii: "i"), "\(value)")
        case .float(let value): (UInt8(ascii: "f"), "\(value)")
        case .string(let value): (UInt8(ascii: "s"), value)
        }
    }

    /// The fields of one row of the spill column, in the order they were sent; of a repeated name
    /// the last one counts.
    ///
    /// Text that is not of the form ends the list.
    public static func fields(_ text: String) -> [(name: String, value: FieldValue)] {
        var fields: [(name: String, value: FieldValue)] = []
        var parts: [String] = []
        var part: [UInt8] = []
        var isEscaped = false
        for byte in text.utf8 {
            if isEscaped || (byte != separator && byte != escape) {
                part.append(byte)
                isEscaped = false
            } else if byte == escape {
                isEscaped = true
            } else {
                parts.append(String(decoding: part, as: UTF8.self))
                part.removeAll(keepingCapacity: true)
                if parts.count == 3 {
                    guard let value = value(letter: parts[0], text: parts[2]) else { return fields }
                    fields.append((parts[1], value))
                    parts.removeAll(keepingCapacity: true)
                }
            }
        }
        return fields
    }

    private static func value(letter: String, text: String) -> FieldValue? {
        switch letter {
        case "b": .bool(text == "true")
        case "i": Int64(text).map { .int($0) }
        case "f": Double(text).map { FieldValue(number: $0) }
        case "s": .string(text)
        default: nil
        }
    }
}

extension EventSource {
    /// The field's values, from its column or, for rows that spilled it, from the spill column.
    ///
    /// A batch may hold both: some of its rows had a column for the name, others had not.
    public func values(named name: String) throws -> Column? {
        let column = try loadColumn(name)
        guard let spilled = try loadColumn(EventBatch.spillName) else { return column }
        let dictionary = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: rows)
        var isFound = false
        for row in 0..<rows {
            guard case .string(let text) = spilled.value(at: row) else { continue }
            guard let value = Spill.fields(text).last(where: { $0.name == name })?.value else {
                continue
            }
            codes[row] = dictionary.code(of: value)
            isFound = true
        }
        guard isFound else { return column }
        if let column {
            for row in 0..<rows where codes[row] == 0 {
                codes[row] = dictionary.code(of: column.value(at: row))
            }
        }
        return Column(
            rows: rows,
            coded: CodedLane(
                dictionary: dictionary.dictionary(),
                codes: CodeArray(codes, highest: UInt32(dictionary.count))))
    }
}

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
        var text = text
        return text.withUTF8 { bytes in
            var fields: [(name: String, value: FieldValue)] = []
            var reader = SpillReader(bytes)
            while let field = reader.next() {
                guard let value = value(letter: field.letter, text: field.text) else { break }
                fields.append((String(decoding: field.name, as: UTF8.self), value))
            }
            return fields
        }
    }

    static func value(letter: UInt8, text: UnsafeBufferPointer<UInt8>) -> FieldValue? {
        let text = String(decoding: text, as: UTF8.self)
        return switch letter {
        case UInt8(ascii: "b"): .bool(text == "true")
        case UInt8(ascii: "i"): Int64(text).map { .int($0) }
        case UInt8(ascii: "f"): Double(text).map { FieldValue(number: $0) }
        case UInt8(ascii: "s"): .string(text)
        default: nil
        }
    }
}

/// Goes through the fields of one row of the spill column, in the order they were sent.
///
/// Without a string for each part: a column that spilled has a million of them.
struct SpillReader: ~Copyable {
    /// Valid until the next field is asked for.
    struct Field {
        let letter: UInt8
        let name: UnsafeBufferPointer<UInt8>
        let text: UnsafeBufferPointer<UInt8>
    }

    private var rest: UnsafeBufferPointer<UInt8>.SubSequence
    /// Parts of the field whose escapes are undone.
    private var name = GrowingBuffer<UInt8>(capacity: 64)
    private var text = GrowingBuffer<UInt8>(capacity: 64)

    /// The bytes must stay while the reader is used.
    init(_ bytes: UnsafeBufferPointer<UInt8>) { rest = bytes[...] }

    /// Nil at the end, and where the bytes are not of the form.
    mutating func next() -> Field? {
        guard rest.count >= 2, rest[rest.startIndex + 1] == Spill.separator else { return nil }
        let letter = rest[rest.startIndex]
        rest = rest.dropFirst(2)
        guard let name = SpillReader.part(&rest, &name), let text = SpillReader.part(&rest, &text)
        else { return nil }
        return Field(letter: letter, name: name, text: text)
    }

    /// Takes what stands before the next separator.
    private static func part(
        _ rest: inout UnsafeBufferPointer<UInt8>.SubSequence, _ plain: inout GrowingBuffer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        // Fast path: hardly any part has an escape, and is given as it stands.
        guard let end = rest.firstIndex(where: { $0 == Spill.separator || $0 == Spill.escape })
        else { return nil }
        if rest[end] == Spill.separator {
            defer { rest = rest[(end + 1)...] }
            return UnsafeBufferPointer(rebasing: rest[..<end])
        }
        plain.removeAll()
        var isEscaped = false
        for index in rest.indices {
            let byte = rest[index]
            if isEscaped || (byte != Spill.separator && byte != Spill.escape) {
                plain.append(byte)
                isEscaped = false
            } else if byte == Spill.escape {
                isEscaped = true
            } else {
                rest = rest[(index + 1)...]
                return UnsafeBufferPointer(start: plain.base, count: plain.count)
            }
        }
        return nil
    }
}

extension EventSource {
    /// The field's values, from its column or, for rows that spilled it, from the spill column.
    ///
    /// A batch may hold both: some of its rows had a column for the name, others had not.
    public func values(named name: String) throws -> Column? {
        let column = try loadColumn(name)
        // Fast path: what spilled are other fields.
        guard try mayHaveSpilled(name), let spilled = try loadColumn(EventBatch.spillName) else {
            return column
        }
        let dictionary = DictionaryBuilder()
        var codes = [UInt32](repeating: 0, count: rows)
        var isFound = false
        let wanted = Array(name.utf8)
        spilled.forEachString { row, text in
            var reader = SpillReader(text)
            while let field = reader.next() {
                guard field.name.elementsEqual(wanted),
                    let value = Spill.value(letter: field.letter, text: field.text)
                else { continue }
                codes[row] = dictionary.code(of: value)
                isFound = true
            }
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

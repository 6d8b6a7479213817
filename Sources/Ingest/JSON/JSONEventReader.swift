internal import Events

/// Reads JSON objects into the columns of a batch builder.
///
/// One value is one call of the builder and no allocation. An event that is well-formed but not
/// valid sets `fault`, and the rest of it is only checked.
struct JSONEventReader: ~Copyable {
    let builder: EventBatchBuilder
    var scanner: JSONScanner
    var trie = KeyTrie(.json)
    /// Why the event under way cannot be kept.
    private(set) var fault: EventFault?
    private(set) var hasFault = false
    /// Values appended for the event under way; repeated fields count each time.
    private var values = 0
    private var eventStart: Cursor
    var roles = LineRoles()

    init(_ builder: EventBatchBuilder) {
        self.builder = builder
        scanner = JSONScanner()
        eventStart = UnsafePointer(scanner.scratch.base)
    }

    mutating func beginEvent(_ start: Cursor) {
        eventStart = start
        values = 0
        fault = nil
        hasFault = false
    }

    /// Gives the event up; the first reason is the one that is told.
    mutating func reject(_ fault: EventFault) {
        if hasFault { return }
        self.fault = fault
        hasFault = true
    }

    /// Reads the members of an object, from the place after its brace.
    ///
    /// - Parameters:
    ///   - parent: the key whose value the object is, or a root.
    ///   - level: objects around it, 0 … `IngestLimits.flattenedLevels`.
    mutating func members(
        _ start: Cursor, of parent: Int32, level: Int
    ) throws(JSONFault) -> Cursor {
        var place = scanner.skipSpaces(start)
        if place[0] == JSONByte.closeObject { return place + 1 }
        var previous: Int32 = -1
        while true {
            guard place[0] == JSONByte.quote else {
                throw JSONFault("expected a field name in quotes", at: place)
            }
            let node: Int32
            (node, place) = try key(place + 1, after: previous, in: parent)
            if hasFault {
                place = try scanner.skipValue(place)
            } else if trie.node(node).pointee.role == .field {
                place = try value(place, of: node, level: level)
            } else {
                roles.note(trie.node(node).pointee.role, node, place)
                place = try scanner.skipValue(place)
            }
            if hasFault { return try scanner.skipMembers(place) }
            previous = node
            if place[0] != JSONByte.comma {
                place = scanner.skipSpaces(place)
                if place[0] == JSONByte.closeObject { return place + 1 }
                guard place[0] == JSONByte.comma else {
                    throw JSONFault("expected a comma or }", at: place)
                }
            }
            place += 1
            if place[0] != JSONByte.quote { place = scanner.skipSpaces(place) }
        }
    }
}

// MARK: - Keys

extension JSONEventReader {
    /// The node of the key whose first byte is at `start`, and the place of its value.
    @inline(__always)
    private mutating func key(
        _ start: Cursor, after previous: Int32, in parent: Int32
    ) throws(JSONFault) -> (node: Int32, value: Cursor) {
        // Fast path: the key that followed last time, or the one after it.
        let (node, length) = trie.predicted(after: previous, in: parent, at: start)
        if length == 0 { return try unexpectedKey(start, after: previous, in: parent) }
        let place = start + length
        return (node, place[0] <= 0x20 ? scanner.skipSpaces(place) : place)
    }

    /// Slow path: the key is scanned and looked up, or added.
    private mutating func unexpectedKey(
        _ start: Cursor, after previous: Int32, in parent: Int32
    ) throws(JSONFault) -> (node: Int32, value: Cursor) {
        let scanned = try scanner.string(start)
        var place = scanner.skipSpaces(scanned.end + 1)
        guard place[0] == JSONByte.colon else { throw JSONFault("expected a colon", at: place) }
        place = scanner.skipSpaces(place + 1)
        let key = UnsafeBufferPointer(start: start, count: scanned.end - start)
        // An event of nothing but new keys must not outgrow the trie.
        if start - eventStart > EventLimits.eventBytes { reject(.tooLarge(start - eventStart)) }
        if hasFault { return (-1, place) }
        var node = trie.find(key, in: parent)
        if node < 0 {
            guard key.count <= IngestLimits.escapedNameBytes else {
                reject(.nameTooLong(key))
                return (-1, place)
            }
            node = addKey(key, in: parent)
            if node < 0 { return (-1, place) }
        }
        trie.link(node, after: previous, in: parent)
        return (node, place)
    }

    private mutating func addKey(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
        guard let start = key.baseAddress else { return -1 }
        scanner.scratch.removeAll()
        if parent > KeyTrie.lineRoot {
            let prefix = trie.name(of: parent)
            if let base = prefix.baseAddress { scanner.scratch.append(base, count: prefix.count) }
            scanner.scratch.append(JSONByte.point)
        }
        scanner.appendUnescaped(start, start + key.count)
        let name = UnsafeBufferPointer(
            start: UnsafePointer(scanner.scratch.base), count: scanner.scratch.count)
        guard name.count <= EventLimits.nameBytes else {
            reject(.nameTooLong(name))
            return -1
        }
        if name.first == 0 {
            reject(.reservedName)
            return -1
        }
        let role = parent == KeyTrie.lineRoot ? roles.role(of: name) : .field
        return trie.add(key, name: name, in: parent, role: role)
    }
}

// MARK: - Values

extension JSONEventReader {
    /// Appends the value at `place` to the field of `node` and gives the place after it.
    @inline(__always)
    mutating func value(
        _ place: Cursor, of node: Int32, level: Int
    ) throws(JSONFault) -> Cursor {
        switch place[0] {
        case JSONByte.quote:
            let scanned = try scanner.string(place + 1)
            if scanned.hasEscapes {
                appendUnescaped(place + 1, scanned.end, to: node)
            } else {
                let text = UnsafeBufferPointer(start: place + 1, count: scanned.end - place - 1)
                append(text, to: node)
            }
            return scanned.end + 1
        case 0x30...0x39, JSONByte.minus:
            let number = try scanner.number(place)
            if number.isInteger {
                if let column = column(of: node, or: .int(number.integer)) {
                    builder.append(number.integer, to: column)
                }
            } else if let column = column(of: node, or: FieldValue(number: number.float)) {
                builder.append(number.float, to: column)
            }
            countValue()
            return number.end
        case JSONByte.openObject where level < IngestLimits.flattenedLevels:
            return try members(place + 1, of: node, level: level + 1)
        case JSONByte.openObject, JSONByte.openArray:
            return try text(place, of: node)
        default:
            let literal = try scanner.literal(place)
            if let value = literal.value {
                if let column = column(of: node, or: .bool(value)) {
                    builder.append(value, to: column)
                }
                countValue()
            } else {
                removeValue(of: node)
            }
            return literal.end
        }
    }

    /// A container as its JSON text.
    private mutating func text(_ place: Cursor, of node: Int32) throws(JSONFault) -> Cursor {
        scanner.scratch.removeAll()
        let after = try scanner.skipValue(place, copying: true)
        append(scratchText, to: node)
        return after
    }

    private mutating func appendUnescaped(_ start: Cursor, _ end: Cursor, to node: Int32) {
        scanner.scratch.removeAll()
        scanner.appendUnescaped(start, end)
        append(scratchText, to: node)
    }

    private var scratchText: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: scanner.scratch.base, count: scanner.scratch.count)
    }

    @inline(__always)
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>, to node: Int32) {
        if text.count > EventLimits.stringBytes {
            reject(.stringTooLong(trie.name(of: node)))
            return
        }
        if let column = column(of: node, or: .string(String(decoding: text, as: UTF8.self))) {
            builder.append(text, to: column)
        }
        countValue()
    }

    /// The builder's column for a node; nil when there is none, and then `value` is spilled.
    @inline(__always)
    private mutating func column(
        of node: Int32, or value: @autoclosure () -> FieldValue
    ) -> Int? {
        if let column = trie.column(of: node, in: builder) { return column }
        builder.spill(trie.name(of: node), value())
        return nil
    }

    /// `null` is no value, also after an earlier one of the same name.
    private mutating func removeValue(of node: Int32) {
        let column = trie.node(node).pointee.column
        if column >= 0 { builder.removeValue(of: Int(column)) }
    }

    @inline(__always)
    private mutating func countValue() {
        values += 1
        if values > EventLimits.fieldsPerEvent { checkFieldCount() }
    }

    private mutating func checkFieldCount() {
        if builder.fieldCount > EventLimits.fieldsPerEvent { reject(.tooManyFields) }
    }
}

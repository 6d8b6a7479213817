internal import CKernels
internal import Events

/// Reads JSON objects into the columns of a batch builder.
///
/// An event that is well-formed but not valid sets a fault, and the rest of it is only checked.
struct JSONEventReader: ~Copyable {
    var fields: EventFields
    var scanner: JSONScanner
    private var eventStart: Cursor
    var roles = LineRoles()
    private var repeated: RepeatedMembers
    /// Bodies read so far.
    private var bodies = 0

    init(_ builder: EventBatchBuilder) {
        fields = EventFields(builder, .json)
        scanner = JSONScanner()
        eventStart = UnsafePointer(scanner.scratch.base)
        repeated = RepeatedMembers()
    }

    mutating func beginBody() {
        if fields.beginBody() { repeated.removeAll() }
        repeated.drop()
        bodies &+= 1
        if bodies % JSONEventReader.bodiesOfCredit == 1 { fields.trie.giveCredit() }
    }

    /// Forgets all keys: there are too many, or others are roles now.
    mutating func forgetKeys() {
        fields.trie.removeAll()
        repeated.removeAll()
    }

    mutating func beginEvent(_ start: Cursor) {
        eventStart = start
        fields.beginEvent()
        repeated.beginEvent(fields.builder)
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
        if repeated.isRecording { repeated.keep() }
        var previous: Int32 = -1
        while true {
            guard place[0] == JSONByte.quote else {
                throw JSONFault("expected a field name in quotes", at: place)
            }
            let node: Int32
            (node, place) = try key(place + 1, after: previous, in: parent)
            if node < 0 { return try scanner.skipMembers(try scanner.skipValue(place)) }
            previous = node
            let column = fields.trie.node(node).pointee.column
            // A time or a rate has a column too once it was a field beside another one.
            let isText =
                column >= 0 && place[0] == JSONByte.quote
                && fields.trie.node(node).pointee.role == .field
            let string = isText ? wf_read_plain_string(place + 1) : JSONEventReader.noString
            if string.length >= 0 && string.length <= EventLimits.stringBytes {
                // Fast path: a string without escapes for a column.
                let text = SoughtValue(
                    place + 1, count: Int(string.length), first: string.ends.first,
                    last: string.ends.last)
                if fields.trie.node(node).pointee.credit <= 0
                    || !follow(text, at: &place, &previous)
                {
                    let code = fields.builder.append(text, to: Int(column))
                    let start = place + 1
                    place += Int(string.length) + 2
                    if repeated.isRecording { record(code, column, node, from: start, to: place) }
                }
            } else {
                place = try otherMember(place, of: node, level: level)
                if fields.hasFault { return try scanner.skipMembers(place) }
            }
            if place[0] != JSONByte.comma {
                place = scanner.skipSpaces(place)
                if place[0] == JSONByte.closeObject { break }
                guard place[0] == JSONByte.comma else {
                    throw JSONFault("expected a comma or }", at: place)
                }
            }
            place += 1
            if place[0] != JSONByte.quote { place = scanner.skipSpaces(place) }
        }
        if repeated.isRecording { repeated.keep() }
        return place + 1
    }

    private static var noString: wf_plain_string { wf_plain_string(length: -1, ends: wf_ends()) }

    /// Reads a member that is no plain string for a column.
    private mutating func otherMember(
        _ place: Cursor, of node: Int32, level: Int
    ) throws(JSONFault) -> Cursor {
        let role = fields.trie.node(node).pointee.role
        guard role == .field else {
            if repeated.isRecording { repeated.keep() }
            roles.note(role, node, place)
            return try scanner.skipValue(place)
        }
        let recorded = repeated.recorded
        let after = try value(place, of: node, level: level)
        if repeated.isRecording && repeated.recorded == recorded { repeated.keep() }
        return after
    }
}

// MARK: - Members that repeat

extension JSONEventReader {
    /// Bodies after which keys that had lost their credit are tried again.
    private static var bodiesOfCredit: Int { 64 }

    /// Appends a string and what follows it as they are remembered, if they are, and goes on to the
    /// last of these members.
    private mutating func follow(
        _ text: SoughtValue, at place: inout Cursor, _ node: inout Int32
    ) -> Bool {
        let following = repeated.follow(
            text, of: node, at: place + 1, appendingTo: fields.builder)
        fields.trie.addCredit(following.credit, to: node)
        if following.count == 0 { return false }
        node = following.lastNode
        place = following.end
        return true
    }

    private mutating func record(
        _ code: UInt32, _ column: Int32, _ node: Int32, from start: Cursor, to end: Cursor
    ) {
        if code == 0 { return repeated.keep() }
        repeated.record(
            KnownField(column: Int(column), code: code), of: node, from: start, to: end)
    }

    /// Records a value that is no string, for its key's column.
    private mutating func record(
        of node: Int32, from start: Cursor, to end: Cursor, _ field: (_ column: Int) -> KnownField?
    ) {
        let column = fields.trie.node(node).pointee.column
        if column >= 0, let field = field(Int(column)) {
            repeated.record(field, of: node, from: start, to: end)
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
        let (node, length) = fields.trie.predicted(after: previous, in: parent, at: start)
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
        if start - eventStart > EventLimits.eventBytes {
            fields.reject(.tooLarge(start - eventStart))
        }
        if fields.hasFault { return (-1, place) }
        var node = fields.trie.find(key, in: parent)
        if node < 0 {
            guard key.count <= IngestLimits.escapedNameBytes else {
                fields.reject(.nameTooLong(key))
                return (-1, place)
            }
            node = addKey(key, in: parent)
            if node < 0 { return (-1, place) }
        }
        fields.trie.link(node, after: previous, in: parent)
        return (node, place)
    }

    private mutating func addKey(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
        guard let start = key.baseAddress else { return -1 }
        scanner.scratch.removeAll()
        if parent > KeyTrie.lineRoot {
            let prefix = fields.trie.name(of: parent)
            if let base = prefix.baseAddress { scanner.scratch.append(base, count: prefix.count) }
            scanner.scratch.append(JSONByte.point)
        }
        scanner.appendUnescaped(start, start + key.count)
        let name = UnsafeBufferPointer(
            start: UnsafePointer(scanner.scratch.base), count: scanner.scratch.count)
        let role = parent == KeyTrie.lineRoot ? roles.role(of: name) : .field
        return fields.add(key, name: name, in: parent, role: role)
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
                fields.append(text, to: node)
            }
            return scanned.end + 1
        case 0x30...0x39, JSONByte.minus:
            let number = try scanner.number(place)
            if number.isInteger {
                fields.append(number.integer, to: node)
                if repeated.isRecording {
                    record(of: node, from: place, to: number.end) {
                        KnownField(column: $0, integer: number.integer)
                    }
                }
            } else {
                fields.append(number.float, to: node)
            }
            return number.end
        case JSONByte.openObject where level < IngestLimits.flattenedLevels:
            return try members(place + 1, of: node, level: level + 1)
        case JSONByte.openObject, JSONByte.openArray:
            return try text(place, of: node)
        default:
            let literal = try scanner.literal(place)
            if let value = literal.value {
                let code = fields.append(value, to: node)
                if repeated.isRecording {
                    record(of: node, from: place, to: literal.end) {
                        KnownField(column: $0, code: code)
                    }
                }
            } else {
                fields.removeValue(of: node)
            }
            return literal.end
        }
    }

    /// A container as its JSON text.
    private mutating func text(_ place: Cursor, of node: Int32) throws(JSONFault) -> Cursor {
        scanner.scratch.removeAll()
        let after = try scanner.skipValue(place, copying: true)
        fields.append(scratchText, to: node)
        return after
    }

    private mutating func appendUnescaped(_ start: Cursor, _ end: Cursor, to node: Int32) {
        scanner.scratch.removeAll()
        scanner.appendUnescaped(start, end)
        fields.append(scratchText, to: node)
    }

    private var scratchText: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: scanner.scratch.base, count: scanner.scratch.count)
    }
}

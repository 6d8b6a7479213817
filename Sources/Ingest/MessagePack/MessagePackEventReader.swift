internal import Events

/// Reads maps of MessagePack into the columns of a batch builder.
///
/// An event that is well-formed but not valid sets a fault, and the rest of it is passed over.
struct MessagePackEventReader: ~Copyable {
    var fields: EventFields
    private(set) var input: MessagePackScanner
    private var eventStart: Cursor

    /// Reads nothing before `beginBody`.
    init(_ builder: EventBatchBuilder) {
        fields = EventFields(builder, .messagePack)
        let nothing: StaticString = ""
        eventStart = nothing.utf8Start
        input = MessagePackScanner(eventStart, to: eventStart)
    }

    mutating func beginBody(_ body: MessagePackScanner) {
        input = body
        fields.beginBody()
    }

    private mutating func beginEvent() {
        eventStart = input.place
        fields.beginEvent()
    }

    // MARK: - Bodies

    /// Reads an array of events.
    mutating func batch(into collector: inout EventCollector) throws(MessagePackFault) {
        let start = input.place
        guard case .array(let count) = try input.next() else {
            throw MessagePackFault("expected an array of events", at: start)
        }
        for _ in 0..<count {
            if collector.isFull {
                if collector.hasNoRoom {
                    throw MessagePackFault("no room to share", at: input.place, .notShared)
                }
                throw MessagePackFault(
                    "more than 1000000 events in one body", at: input.place, .tooManyEvents)
            }
            if fields.trie.isFull { fields.trie.removeAll() }
            var head = EventHead()
            try element(&head)
            collector.collect(head, fields.endEvent(), line: 0)
        }
    }

    /// Reads a map whose members are the event's fields.
    mutating func event() throws(MessagePackFault) {
        if fields.trie.isFull { fields.trie.removeAll() }
        beginEvent()
        try fieldMap(orElse: .notAnObject)
        fields.checkSize(input.place - eventStart)
    }

    private mutating func fieldMap(orElse otherwise: EventFault) throws(MessagePackFault) {
        let start = input.place
        guard case .map(let count) = try input.next() else {
            fields.reject(otherwise)
            input.move(to: start)
            return try input.skip()
        }
        if count == 0 { fields.reject(.emptyData) }
        try members(count, of: KeyTrie.dataRoot, level: 0)
    }

    /// Reads `{"time": …, "samplerate": …, "data": {…}}`, in any order; other keys are passed over.
    private mutating func element(_ head: inout EventHead) throws(MessagePackFault) {
        beginEvent()
        guard case .map(let count) = try input.next() else {
            fields.reject(.notAnObject)
            input.move(to: eventStart)
            return try input.skip()
        }
        var timePlace: Cursor?
        var ratePlace: Cursor?
        var hasData = false
        for _ in 0..<count {
            let part = try elementKey()
            switch part {
            case .data:
                let isNull = !input.isAtEnd && input.place[0] == 0xC0
                if hasData { fields.builder.dropEvent() }
                hasData = !isNull
                if isNull || fields.hasFault {
                    try input.skip()
                } else {
                    try fieldMap(orElse: .dataNotAnObject)
                }
            case .time:
                timePlace = input.place
                try input.skip()
            case .sampleRate:
                ratePlace = input.place
                try input.skip()
            case .other: try input.skip()
            }
        }
        if !hasData { fields.reject(.noData) }
        fields.checkSize(input.place - eventStart)
        let next = input.place
        if let timePlace { head.time = try time(at: timePlace) }
        if let ratePlace, let rate = try sampleRate(at: ratePlace) { head.sampleRate = rate }
        input.move(to: next)
    }

    private mutating func elementKey() throws(MessagePackFault) -> ElementPart {
        let start = input.place
        switch try input.next() {
        case .text(let key), .bytes(let key): return ElementPart(key)
        default:
            input.move(to: start)
            try input.skip()
            return .other
        }
    }

    // MARK: - Times and rates

    /// The event's time; nil for nil and an empty text.
    private mutating func time(at place: Cursor) throws(MessagePackFault) -> Int64? {
        input.move(to: place)
        let value = try input.next()
        switch value {
        case .null: return nil
        case .text(let text): return text.count > 0 ? fields.time(text) : nil
        case .ext(let type, let bytes):
            guard let timestamp = MessagePackTimestamp(type: type, bytes) else {
                fields.reject(.timeExtension(type: type, bytes: bytes.count))
                return nil
            }
            // Fast path: no text.
            if case .nanoseconds(let time) = timestamp.eventTime { return time }
            var text = timestamp.text ?? "\(timestamp.seconds)"
            return text.withUTF8 { fields.time(timestamp.eventTime, as: $0) }
        default: break
        }
        return try withText(of: value, at: place) { (fields, text) in fields.time(text) }
    }

    private mutating func sampleRate(at place: Cursor) throws(MessagePackFault) -> UInt32? {
        input.move(to: place)
        let value = try input.next()
        switch value {
        case .null: return nil
        case .text(let text): return fields.sampleRate(text)
        case .int(let number):
            if let rate = UInt32(exactly: number) { return max(1, rate) }
        default: break
        }
        return try withText(of: value, at: place) { (fields, text) in fields.sampleRate(text) }
    }

    /// Slow path: the text of a value that may be anything.
    private mutating func withText<Result>(
        of value: MessagePackValue, at place: Cursor,
        _ body: (inout EventFields, UnsafeBufferPointer<UInt8>) -> Result
    ) throws(MessagePackFault) -> Result {
        let text: [UInt8]
        if let plain = MessagePackText.plain(value) {
            text = Array(plain.utf8)
        } else {
            input.move(to: place)
            text = try MessagePackText.json(&input) ?? []
        }
        return text.withUnsafeBufferPointer { body(&fields, $0) }
    }
}

// MARK: - Members

extension MessagePackEventReader {
    /// Reads the members of a map.
    ///
    /// - Parameters:
    ///   - parent: the key whose value the map is, or a root.
    ///   - level: maps around it, 0 … `IngestLimits.flattenedLevels`.
    private mutating func members(
        _ count: Int, of parent: Int32, level: Int
    ) throws(MessagePackFault) {
        var previous: Int32 = -1
        var left = count
        while left > 0 {
            left -= 1
            let node = try key(after: previous, in: parent)
            if fields.hasFault { return try input.skip(1 + 2 * left) }
            try value(of: node, level: level)
            if fields.hasFault { return try input.skip(2 * left) }
            previous = node
        }
    }

    /// Reads a key and gives its node; −1 when it can be no field, and then the event is rejected.
    @inline(__always)
    private mutating func key(
        after previous: Int32, in parent: Int32
    ) throws(MessagePackFault) -> Int32 {
        // Fast path: the key that followed last time, or the one after it.
        let (node, length) = fields.trie.predicted(
            after: previous, in: parent, at: input.place)
        if length == 0 { return try unexpectedKey(after: previous, in: parent) }
        input.move(to: input.place + length)
        return node
    }

    /// Slow path: the key is looked up, or added.
    private mutating func unexpectedKey(
        after previous: Int32, in parent: Int32
    ) throws(MessagePackFault) -> Int32 {
        let start = input.place
        let value = try input.next()
        // An event of nothing but new keys must not outgrow the trie.
        fields.checkSize(start - eventStart)
        var node: Int32 = -1
        if fields.hasFault {
            input.move(to: start)
            try input.skip()
        } else if case .text(let key) = value {
            node = find(key, in: parent)
        } else if var name = MessagePackText.plain(value) {
            node = name.withUTF8 { find($0, in: parent) }
        } else {
            fields.reject(.unusableName)
            input.move(to: start)
            try input.skip()
        }
        if node >= 0 { fields.trie.link(node, after: previous, in: parent) }
        return node
    }

    private mutating func find(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
        let known = fields.trie.find(key, in: parent)
        if known >= 0 { return known }
        guard key.count <= EventLimits.nameBytes else {
            fields.reject(.nameTooLong(key))
            return -1
        }
        var name = fields.trie.dottedName(of: key, in: parent)
        return name.withUTF8 { fields.add(key, name: $0, in: parent, role: .field) }
    }

    // MARK: - Values

    /// Reads a value into the field of `node`.
    @inline(__always)
    private mutating func value(of node: Int32, level: Int) throws(MessagePackFault) {
        let start = input.place
        switch try input.next() {
        case .text(let text): append(text, to: node)
        case .int(let number): fields.append(number, to: node)
        case .double(let number): fields.append(number, to: node)
        case .bool(let flag): fields.append(flag, to: node)
        case .unsigned(let number): fields.append(Double(number), to: node)
        case .null: fields.removeValue(of: node)
        case .map(let count) where level < IngestLimits.flattenedLevels:
            try members(count, of: node, level: level + 1)
        case let value: try unusual(value, at: start, to: node)
        }
    }

    /// Slow path: what has to be made a text.
    private mutating func unusual(
        _ value: MessagePackValue, at start: Cursor, to node: Int32
    ) throws(MessagePackFault) {
        if var text = MessagePackText.plain(value) {
            return text.withUTF8 { fields.append($0, to: node) }
        }
        input.move(to: start)
        guard let text = try MessagePackText.json(&input) else {
            return fields.reject(.unusableName)
        }
        text.withUnsafeBufferPointer { fields.append($0, to: node) }
    }

    @inline(__always)
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>, to node: Int32) {
        // Not repaired before it is known to be short.
        guard text.count <= EventLimits.stringBytes else {
            return fields.reject(.stringTooLong(fields.trie.name(of: node)))
        }
        if SentText.isUTF8(text) { return fields.append(text, to: node) }
        var repaired = String(decoding: text, as: UTF8.self)
        repaired.withUTF8 { fields.append($0, to: node) }
    }
}

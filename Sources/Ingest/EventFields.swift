internal import Events

/// The fields of the event under way: from keys to columns, and why the event cannot be kept.
///
/// What the readers of JSON, MessagePack and OTLP have in common. One value is one call of the builder
/// and no allocation. The first fault of an event is the one that is told.
struct EventFields: ~Copyable {
    let builder: EventBatchBuilder
    var trie: KeyTrie
    /// Why the event under way cannot be kept.
    private(set) var fault: EventFault?
    private(set) var hasFault = false

    init(_ builder: EventBatchBuilder, _ frame: KeyFrame) {
        self.builder = builder
        trie = KeyTrie(frame)
    }

    /// Forgets the fields of earlier bodies when they are many, but not while their events wait in a
    /// shared batch: those would be forgotten too.
    ///
    /// Gives whether it did: columns have other numbers then.
    @discardableResult
    mutating func beginBody() -> Bool {
        guard builder.columnCount > IngestLimits.rememberedColumns, builder.rows == 0 else {
            return false
        }
        builder.forgetNames()
        trie.forgetColumns()
        return true
    }

    mutating func beginEvent() {
        fault = nil
        hasFault = false
    }

    /// Gives the event up.
    mutating func reject(_ fault: EventFault) {
        if hasFault { return }
        self.fault = fault
        hasFault = true
    }

    /// Why the event under way cannot be kept, when all its values are there; nil when it can.
    mutating func endEvent() -> EventFault? {
        checkFieldCount()
        return fault
    }

    mutating func checkSize(_ bytes: Int) {
        if bytes > EventLimits.eventBytes { reject(.tooLarge(bytes)) }
    }

    /// Adds a key that is not known; gives −1, and rejects the event, when it cannot be a field.
    mutating func add(
        _ key: UnsafeBufferPointer<UInt8>, name: UnsafeBufferPointer<UInt8>, in parent: Int32,
        role: KeyRole
    ) -> Int32 {
        guard name.count <= EventLimits.nameBytes else {
            reject(.nameTooLong(name))
            return -1
        }
        if name.first == 0 {
            reject(.reservedName)
            return -1
        }
        checkFieldCount()
        return trie.add(key, name: name, in: parent, role: role)
    }
}

// MARK: - Values

extension EventFields {
    /// A text that is UTF-8.
    @inline(__always)
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, to node: Int32) {
        if text.count > EventLimits.stringBytes {
            reject(.stringTooLong(trie.name(of: node)))
            return
        }
        if let column = column(of: node, or: .string(String(decoding: text, as: UTF8.self))) {
            builder.append(text, to: column)
        }
    }

    @inline(__always)
    mutating func append(_ value: Int64, to node: Int32) {
        if let column = column(of: node, or: .int(value)) { builder.append(value, to: column) }
    }

    @inline(__always)
    mutating func append(_ value: Double, to node: Int32) {
        if let column = column(of: node, or: FieldValue(number: value)) {
            builder.append(value, to: column)
        }
    }

    /// Gives the value's code; 0 when it was spilled.
    @inline(__always)
    @discardableResult
    mutating func append(_ value: Bool, to node: Int32) -> UInt32 {
        var code: UInt32 = 0
        if let column = column(of: node, or: .bool(value)) {
            code = builder.append(value, to: column)
        }
        return code
    }

    /// Any value that a field can be.
    mutating func append(_ value: FieldValue, to node: Int32) {
        if let column = column(of: node, or: value) { builder.append(value, to: column) }
    }

    /// `null` is no value, also after an earlier one of the same name.
    mutating func removeValue(of node: Int32) {
        if let column = trie.existingColumn(of: node, in: builder) {
            builder.removeValue(of: column)
        }
    }

    /// The builder's column for a node; nil when there is none, and then `value` is spilled.
    @inline(__always)
    private mutating func column(
        of node: Int32, or value: @autoclosure () -> FieldValue
    ) -> Int? {
        if let column = trie.column(of: node, in: builder) { return column }
        builder.spill(trie.name(of: node), value())
        checkFieldCount()
        return nil
    }

    private mutating func checkFieldCount() {
        if builder.fieldCount > EventLimits.fieldsPerEvent { reject(.tooManyFields) }
    }
}

// MARK: - Times and rates

extension EventFields {
    /// The event's time from a header.
    mutating func headerTime(_ header: String?) -> Int64? {
        guard var header else { return nil }
        return header.withUTF8 { $0.count > 0 ? time($0) : nil }
    }

    /// The event's time as a text says it.
    mutating func time(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        time(EventTime(text), as: text)
    }

    /// The event's time; `text` is what is quoted of one that cannot be.
    mutating func time(_ time: EventTime, as text: UnsafeBufferPointer<UInt8>) -> Int64? {
        switch time {
        case .nanoseconds(let time): return time
        case .unreadable: reject(.unreadableTime(text))
        case .outOfRange: reject(.timeOutOfRange(text))
        }
        return nil
    }

    mutating func sampleRate(_ text: UnsafeBufferPointer<UInt8>) -> UInt32? {
        let rate = SampleRate.rate(text)
        if rate == nil { reject(.sampleRate(text)) }
        return rate
    }
}

internal import Bytes
internal import CKernels
internal import Events

/// Writes attributes into the columns of a batch builder from the bytes in which they came.
///
/// An attribute is a `KeyValue`: a key and an `AnyValue`, which is a string, a number, a boolean,
/// bytes, an array or a list of further `KeyValue`s. The key of the next one is compared in place
/// with the one that followed last time (`KeyTrie`); a value goes from the body into its column. Of an
/// event that is well-formed but not valid the rest is passed over.
struct AttributeColumns: ~Copyable {
    var fields: EventFields
    /// What resource and scope say of every event.
    var shared = SharedValues()
    /// Where values go: 0 to the event under way, 1 to `shared`.
    private var collecting: UInt8 = 0
    /// Bytes of attributes of the event under way.
    private var bytesOfEvent = 0
    private var hexadecimal = GrowingBuffer<UInt8>(capacity: 64)

    /// Whether the event's sample rate is taken out of its attributes, as of spans and logs; span
    /// events and links keep the attribute and have the rate of their span.
    private var takesRate = false
    private var preferredRate: FieldValue?
    private var otherRate: FieldValue?
    /// Which fields of an exception the event under way has: bit 0 for `exceptionType` and so on.
    private(set) var exceptionFields: UInt8 = 0

    init(_ builder: EventBatchBuilder) { fields = EventFields(builder, .protobuf) }

    private var builder: EventBatchBuilder {
        @inline(__always) get { fields.builder }
    }

    // MARK: - Events

    /// Begins an event with what resource and scope say.
    @inline(__always)
    mutating func beginEvent(takesRate: Bool) {
        reset()
        self.takesRate = takesRate
        if fields.trie.isFull { forgetKeys() }
        if let fault = shared.fault { return fields.reject(fault) }
        if shared.codedGeneration != builder.codeGeneration {
            shared.code(with: builder, &fields.trie)
        }
        // Looked up once a resource, not once an event: a tenth of the time of spans that have as
        // much from their resource as of their own.
        builder.append(shared.coded.elements(from: 0))
        for index in 0..<shared.others.count { putShared(shared.others[index]) }
    }

    private mutating func reset() {
        fields.beginEvent()
        collecting = 0
        bytesOfEvent = 0
        preferredRate = nil
        otherRate = nil
        exceptionFields = 0
    }

    /// Why the event under way cannot be kept, when all its attributes are written; nil when it can.
    mutating func endEvent() -> EventFault? {
        fields.checkSize(bytesOfEvent)
        return fields.endEvent()
    }

    /// The rate that an attribute gives, nil without one; what was not meant as it is a field.
    mutating func takeRate() -> UInt32? {
        guard let rate = preferredRate ?? otherRate else { return nil }
        if preferredRate != nil, let otherRate {
            builder.append(otherRate, named: "SampleRate")
        }
        return SampleRate.rate(attribute: rate)
    }

    private mutating func forgetKeys() {
        fields.trie.removeAll()
        for index in 0..<shared.count {
            let name = shared.name(index)
            let known = fields.trie.find(name, in: KeyTrie.lineRoot)
            shared.setNode(known >= 0 ? known : add(name, name: name, in: KeyTrie.lineRoot), index)
        }
    }

    // MARK: - What resource and scope say

    /// Collects what a resource says.
    mutating func beginResource() {
        shared.removeAll()
        beginShared()
    }

    /// Collects what a scope says, after the first `count` values, which are its resource's.
    mutating func beginScope(keeping count: Int, fault: EventFault?) {
        shared.truncate(to: count, fault: fault)
        beginShared()
    }

    private mutating func beginShared() {
        reset()
        collecting = 1
        if let fault = shared.fault { fields.reject(fault) }
        if fields.trie.isFull { forgetKeys() }
    }

    mutating func endShared() {
        shared.fault = fields.fault
        collecting = 0
    }

    @inline(__always)
    private mutating func putShared(_ index: Int) {
        let entry = shared[index]
        if fields.trie.node(entry.node).pointee.role != .field {
            return putUnusual(shared.value(entry), to: entry.node)
        }
        switch entry.kind {
        case .text: fields.append(shared.text(entry), to: entry.node)
        case .bool: fields.append(entry.bits != 0, to: entry.node)
        case .int: fields.append(Int64(bitPattern: entry.bits), to: entry.node)
        case .double: fields.append(Double(bitPattern: entry.bits), to: entry.node)
        }
    }
}

// MARK: - Keys

extension AttributeColumns {
    /// Writes an attribute of the event under way; gives the node that the next one will follow.
    ///
    /// - Parameters:
    ///   - message: a `KeyValue`.
    ///   - previous: what this function gave for the attribute before, −1 for the first.
    ///   - parent: a root of the trie, or the attribute whose value is a list.
    ///   - depth: lists around it.
    @inline(__always)
    mutating func put(
        _ message: ProtobufReader, after previous: Int32, in parent: Int32, depth: Int = 0
    ) throws(ProtobufFault) -> Int32 {
        if fields.hasFault { return previous }
        if depth == 0 { bytesOfEvent += message.count }
        let (node, length) = fields.trie.predicted(after: previous, in: parent, at: message.place)
        if length > 0 && length < message.count {
            var rest = ProtobufReader(message.place + length, to: message.end)
            let value = try rest.message()
            // Fast path: nothing follows the value.
            if rest.count == 0 {
                try put(value, to: node, depth: depth)
                return node
            }
        }
        return try putUnexpected(message, after: previous, in: parent, depth: depth)
    }

    /// Slow path: the key is looked up, or added; an attribute without key or value is none.
    private mutating func putUnexpected(
        _ message: ProtobufReader, after previous: Int32, in parent: Int32, depth: Int
    ) throws(ProtobufFault) -> Int32 {
        let attribute = try KeyValue(message)
        guard let value = attribute.value, depth > 0 || attribute.key.count > 0 else {
            return previous
        }
        // An event of nothing but new keys must not outgrow the trie.
        fields.checkSize(bytesOfEvent)
        if fields.hasFault { return previous }
        let node = find(attribute.key, in: parent)
        guard node >= 0 else { return previous }
        fields.trie.link(node, after: previous, in: parent)
        try put(value, to: node, depth: depth)
        return node
    }

    private mutating func find(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
        let known = fields.trie.find(key, in: parent)
        if known >= 0 { return known }
        var name = fields.trie.dottedName(of: key, in: parent)
        return name.withUTF8 { add(key, name: $0, in: parent) }
    }

    /// Adds a key that is not known; gives −1, and rejects the event, when it cannot be a field.
    private mutating func add(
        _ key: UnsafeBufferPointer<UInt8>, name: UnsafeBufferPointer<UInt8>, in parent: Int32
    ) -> Int32 {
        fields.add(key, name: name, in: parent, role: AttributeColumns.role(of: name))
    }

    private static let roles: [(name: String, role: KeyRole)] = [
        ("sampleRate", .rate0), ("SampleRate", .rate1), ("service.name", .serviceName),
        ("exception.type", .exceptionType), ("exception.message", .exceptionMessage),
        ("exception.stacktrace", .exceptionStacktrace),
        ("exception.escaped", .exceptionEscaped),
    ]

    private static func role(of name: UnsafeBufferPointer<UInt8>) -> KeyRole {
        roles.first { $0.name.utf8.elementsEqual(name) }?.role ?? .field
    }
}

// MARK: - Values

extension AttributeColumns {
    /// Writes an `AnyValue` to the field of `node`.
    @inline(__always)
    private mutating func put(
        _ value: ProtobufReader, to node: Int32, depth: Int
    ) throws(ProtobufFault) {
        var reader = value
        if value.count == 0 { return }
        // Fast path: one field and nothing behind it.
        switch value.place[0] {
        case AnyValueTag.text:
            _ = try reader.nextTag()
            let text = try reader.bytes()
            if reader.count == 0 { return put(text, to: node) }
        case AnyValueTag.int:
            _ = try reader.nextTag()
            let number = Int64(bitPattern: try reader.varint())
            if reader.count == 0 { return put(number, to: node) }
        case AnyValueTag.bool:
            _ = try reader.nextTag()
            let flag = try reader.varint() != 0
            if reader.count == 0 { return put(flag, to: node) }
        case AnyValueTag.double:
            _ = try reader.nextTag()
            let number = Double(bitPattern: try reader.fixed64())
            if reader.count == 0 { return put(number, to: node) }
        default: break
        }
        try putAny(try AnyValue(value), to: node, depth: depth)
    }

    /// Slow path: any value, lists as fields of their own.
    mutating func putAny(
        _ value: AnyValue?, to node: Int32, depth: Int
    ) throws(ProtobufFault) {
        switch value {
        case nil: break
        case .text(let text): put(text, to: node)
        case .bool(let flag): put(flag, to: node)
        case .int(let number): put(number, to: node)
        case .double(let number): put(number, to: node)
        case .list(var list) where depth < IngestLimits.flattenedAttributeLevels:
            var previous: Int32 = -1
            while case let tag = try list.nextTag(), tag != 0 {
                if tag == AnyValueTag.element {
                    previous = try put(
                        try list.message(), after: previous, in: node, depth: depth + 1)
                } else {
                    try list.skip(tag)
                }
            }
        case .bytes, .array, .list: try putText(of: value, to: node)
        }
    }

    /// Writes a value that no field can be as its JSON text.
    mutating func putText(of value: AnyValue?, to node: Int32) throws(ProtobufFault) {
        let text = try AnyValueText.text(of: value)
        text.withUnsafeBufferPointer { put(checked: $0, to: node) }
    }

    @inline(__always)
    private mutating func put(_ text: UnsafeBufferPointer<UInt8>, to node: Int32) {
        // Not repaired before it is known to be short.
        guard text.count <= EventLimits.stringBytes else {
            return fields.reject(.stringTooLong(fields.trie.name(of: node)))
        }
        SentText.withUTF8(text) { put(checked: $0, to: node) }
    }

    /// A text that is UTF-8.
    @inline(__always)
    private mutating func put(checked text: UnsafeBufferPointer<UInt8>, to node: Int32) {
        if isUnusual(node) { return putUnusual(.text(text), to: node) }
        fields.append(text, to: node)
    }

    @inline(__always)
    private mutating func put(_ value: Int64, to node: Int32) {
        if isUnusual(node) { return putUnusual(.int(value), to: node) }
        fields.append(value, to: node)
    }

    @inline(__always)
    private mutating func put(_ value: Double, to node: Int32) {
        if isUnusual(node) { return putUnusual(.double(value), to: node) }
        fields.append(value, to: node)
    }

    @inline(__always)
    private mutating func put(_ value: Bool, to node: Int32) {
        if isUnusual(node) { return putUnusual(.bool(value), to: node) }
        fields.append(value, to: node)
    }

    @inline(__always)
    private func isUnusual(_ node: Int32) -> Bool {
        fields.trie.node(node).pointee.role.rawValue | collecting != 0
    }

    /// A value that is collected, or whose key says more than a field's.
    private mutating func putUnusual(_ value: AnyValue, to node: Int32) {
        if case .text(let text) = value, text.count > EventLimits.stringBytes {
            return fields.reject(.stringTooLong(fields.trie.name(of: node)))
        }
        let role = fields.trie.node(node).pointee.role
        if collecting != 0 {
            return shared.append(value, node: node, name: fields.trie.name(of: node), role: role)
        }
        switch role {
        case .rate0 where takesRate: preferredRate = value.fieldValue
        case .rate1 where takesRate: otherRate = value.fieldValue
        default:
            if role >= .exceptionType {
                exceptionFields |= 1 << (role.rawValue - KeyRole.exceptionType.rawValue)
            }
            fields.append(value.fieldValue, to: node)
        }
    }
}

// MARK: - Fields by name

extension AttributeColumns {
    /// Writes an `AnyValue` as the field `name`; gives whether any field came of it.
    mutating func put(
        _ value: ProtobufReader, named name: String
    ) throws(ProtobufFault) -> Bool {
        var name = name
        let node = name.withUTF8 { find($0, in: KeyTrie.lineRoot) }
        try putAny(try AnyValue(value), to: node, depth: 0)
        guard let column = fields.trie.column(of: node, in: builder) else { return true }
        return builder.hasValue(in: column)
    }

    /// Writes the JSON text of an `AnyValue` as the field `name`.
    mutating func putText(
        of value: ProtobufReader, named name: String
    ) throws(ProtobufFault) {
        var name = name
        let node = name.withUTF8 { find($0, in: KeyTrie.lineRoot) }
        try putText(of: try AnyValue(value), to: node)
    }

    /// Writes a value as the field `name`, which must be one that a field may have.
    mutating func put(_ value: FieldValue, named name: String) {
        if fields.hasFault { return }
        builder.append(value, named: name)
    }

    /// Collects a text of resource or scope as the field `name`.
    mutating func put(_ text: UnsafeBufferPointer<UInt8>, named name: String) {
        var name = name
        put(text, to: name.withUTF8 { find($0, in: KeyTrie.lineRoot) })
    }

    mutating func put(_ value: Bool, named name: String) {
        var name = name
        put(value, to: name.withUTF8 { find($0, in: KeyTrie.lineRoot) })
    }

    /// Notes that the event has a field of an exception now; gives whether it had it before.
    mutating func noteException(_ role: KeyRole) -> Bool {
        let bit: UInt8 = 1 << (role.rawValue - KeyRole.exceptionType.rawValue)
        defer { exceptionFields |= bit }
        return exceptionFields & bit != 0
    }

    /// An id in lowercase hexadecimal digits.
    ///
    /// The text lives until the next call.
    @inline(__always)
    mutating func digits(of id: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        hexadecimal.removeAll()
        let count = id.count
        let target = hexadecimal.extend(by: 2 * count)
        if let base = id.baseAddress { wf_unpack_hex(base, count, target) }
        return UnsafeBufferPointer(start: target, count: 2 * count)
    }
}

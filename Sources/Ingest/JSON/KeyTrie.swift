internal import CKernels
internal import Events

/// A key at its place in nested objects, and what is known about it.
struct KeyNode: BitwiseCopyable {
    /// The key as it was sent, escapes and all: in the arena.
    var keyOffset: UInt32
    var keyLength: UInt32
    /// The key with the bytes that always stand around it: in the arena.
    var frameOffset: UInt32 = 0
    var frameLength: UInt32 = 0
    /// The dotted name of the field, escapes resolved: in the arena.
    var nameOffset: UInt32
    var nameLength: UInt32
    var parent: Int32
    /// The column of the batch builder; see `KeyTrie.unknownColumn`, `KeyTrie.noColumn`.
    var column: Int32 = KeyTrie.unknownColumn
    /// The keys that followed this one the last times, −1 for none.
    var next: Int32 = -1
    var nextBefore: Int32 = -1
    /// The keys with which the object at this key began the last times.
    var first: Int32 = -1
    var firstBefore: Int32 = -1
    var role: KeyRole = .field
}

/// What a key says of the event itself, as a line of NDJSON or as an attribute of OTLP.
enum KeyRole: UInt8, BitwiseCopyable {
    case field
    /// The order is the order of preference.
    case time0, time1, time2, time3
    case rate0, rate1
    case serviceName
    /// What a span takes over from its exceptions.
    case exceptionType, exceptionMessage, exceptionStacktrace, exceptionEscaped

    var isTime: Bool { self >= .time0 && self <= .time3 }
}

extension KeyRole: Comparable {
    static func < (a: KeyRole, b: KeyRole) -> Bool { a.rawValue < b.rawValue }
}

/// What stands before and behind a key in its format, and is compared with it in one step.
enum KeyFrame {
    /// A closing quote and a colon follow.
    case json
    /// Field 1 of `KeyValue` with its length, then the tag of field 2.
    case protobuf
    /// The shortest head of a string.
    case messagePack

    func before(_ length: Int) -> [UInt8] {
        switch self {
        case .json: []
        case .protobuf:
            length < 0x80
                ? [0x0A, UInt8(length)]
                : [0x0A, UInt8(length & 0x7F) | 0x80, UInt8(truncatingIfNeeded: length >> 7)]
        case .messagePack:
            switch length {
            case 0..<32: [0xA0 | UInt8(length)]
            case 32..<256: [0xD9, UInt8(length)]
            default: [0xDA, UInt8(truncatingIfNeeded: length >> 8), UInt8(length & 0xFF)]
            }
        }
    }

    var behind: [UInt8] {
        switch self {
        case .json: [JSONByte.quote, JSONByte.colon]
        case .protobuf: [0x12]
        case .messagePack: []
        }
    }
}

/// The keys met so far, so that the next event's keys need no scanning: each is compared in place
/// with the one that followed last time, and hashed only when that was wrong.
///
/// Not of any one body: kept from body to body until `isFull`.
struct KeyTrie: ~Copyable {
    /// The object of an event's fields.
    static let dataRoot: Int32 = 0
    /// The object that is a line of NDJSON.
    static let lineRoot: Int32 = 1
    static let unknownColumn: Int32 = -1
    /// The batch has no room for the field; it goes to the spill.
    static let noColumn: Int32 = -2

    private var nodes = GrowingBuffer<KeyNode>(capacity: 512)
    private var arena = GrowingBuffer<UInt8>(capacity: 16_384)
    /// Open addressing, at most half full: half a hash above, the node's number plus one below.
    private var slots = GrowingBuffer<UInt64>(capacity: 1024)
    private var slotMask = 1023
    private let frame: KeyFrame

    init(_ frame: KeyFrame) {
        self.frame = frame
        removeAll()
    }

    var isFull: Bool { nodes.count >= IngestLimits.rememberedKeys }

    mutating func removeAll() {
        nodes.removeAll()
        arena.removeAll()
        slots.removeAll()
        slotMask = 1023
        for _ in 0...slotMask { slots.append(0) }
        for root in [KeyTrie.dataRoot, KeyTrie.lineRoot] {
            nodes.append(
                KeyNode(keyOffset: 0, keyLength: 0, nameOffset: 0, nameLength: 0, parent: root))
        }
    }

    /// Forgets which column belongs to a key: the builder has begun anew.
    func forgetColumns() {
        for index in 0..<nodes.count { nodes.base[index].column = KeyTrie.unknownColumn }
    }

    /// What is known of a key; valid until a key is added.
    @inline(__always)
    func node(_ number: Int32) -> UnsafePointer<KeyNode> {
        UnsafePointer(nodes.base + Int(number))
    }

    // MARK: - Prediction

    /// The bytes of the node's key and its frame, when they stand at `place`; else 0.
    @inline(__always)
    private func match(_ node: Int32, at place: Cursor) -> Int {
        if node < 0 { return 0 }
        let entry = self.node(node)
        let length = Int(entry.pointee.frameLength)
        let framed = UnsafePointer(arena.base) + Int(entry.pointee.frameOffset)
        return wf_equal_padded(framed, place, length) ? length : 0
    }

    /// The key at `place`, if it is one of those that followed `previous` the last times, or that
    /// opened the object at `parent` when that is −1; with its bytes in its frame, 0 when it is none.
    @inline(__always)
    func predicted(
        after previous: Int32, in parent: Int32, at place: Cursor
    ) -> (node: Int32, length: Int) {
        let guess: Int32
        let earlier: Int32
        if previous >= 0 {
            guess = node(previous).pointee.next
            earlier = node(previous).pointee.nextBefore
        } else {
            guess = node(parent).pointee.first
            earlier = node(parent).pointee.firstBefore
        }
        let length = match(guess, at: place)
        if length > 0 || guess < 0 { return (guess, length) }
        let next = node(guess).pointee.next
        let nextLength = match(next, at: place)
        if nextLength > 0 { return (next, nextLength) }
        return (earlier, match(earlier, at: place))
    }

    /// Remembers that `node` followed `previous`, or opened the object at `parent` when that is −1.
    func link(_ node: Int32, after previous: Int32, in parent: Int32) {
        if previous >= 0 {
            let entry = nodes.base + Int(previous)
            guard entry.pointee.next != node else { return }
            entry.pointee.nextBefore = entry.pointee.next
            entry.pointee.next = node
        } else {
            let entry = nodes.base + Int(parent)
            guard entry.pointee.first != node else { return }
            entry.pointee.firstBefore = entry.pointee.first
            entry.pointee.first = node
        }
    }

    // MARK: - Looking up

    /// The node of a key under `parent`; −1 when it is new.
    func find(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
        let hash = hash(key, parent)
        let table = slots.base
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while table[slot] != 0 {
            let entry = table[slot]
            if (entry ^ hash) >> 32 == 0 {
                let number = Int32(truncatingIfNeeded: entry) - 1
                if isKey(key, of: number, in: parent) { return number }
            }
            slot = (slot + 1) & slotMask
        }
        return -1
    }

    @inline(__always)
    private func isKey(
        _ key: UnsafeBufferPointer<UInt8>, of number: Int32, in parent: Int32
    ) -> Bool {
        let node = self.node(number)
        guard let base = key.baseAddress, node.pointee.parent == parent,
            Int(node.pointee.keyLength) == key.count
        else { return false }
        return wf_equal(arena.base + Int(node.pointee.keyOffset), base, key.count)
    }

    /// Adds a key that `find` did not find.
    mutating func add(
        _ key: UnsafeBufferPointer<UInt8>, name: UnsafeBufferPointer<UInt8>, in parent: Int32,
        role: KeyRole
    ) -> Int32 {
        let number = Int32(nodes.count)
        let frameOffset = UInt32(arena.count)
        for byte in frame.before(key.count) { arena.append(byte) }
        let keyOffset = UInt32(arena.count)
        if let base = key.baseAddress { arena.append(base, count: key.count) }
        for byte in frame.behind { arena.append(byte) }
        // A key with a zero is never guessed: it could go on in the zeros behind a body.
        let frameLength = key.contains(0) ? 0 : UInt32(arena.count) - frameOffset
        let nameOffset = UInt32(arena.count)
        if let base = name.baseAddress { arena.append(base, count: name.count) }
        // `match` reads up to 15 bytes beyond a key.
        for _ in 0..<16 { arena.append(0) }
        var node = KeyNode(
            keyOffset: keyOffset, keyLength: UInt32(key.count), frameOffset: frameOffset,
            frameLength: frameLength, nameOffset: nameOffset, nameLength: UInt32(name.count),
            parent: parent)
        node.role = role
        nodes.append(node)
        if nodes.count * 2 > slotMask { growSlots() } else { place(number) }
        return number
    }

    /// The dotted name of a node, valid until a key is added.
    @inline(__always)
    func name(of node: Int32) -> UnsafeBufferPointer<UInt8> {
        let entry = self.node(node)
        return UnsafeBufferPointer(
            start: arena.base + Int(entry.pointee.nameOffset),
            count: Int(entry.pointee.nameLength))
    }

    /// The name of a key under `parent`; what is no UTF-8 in it becomes U+FFFD.
    func dottedName(of key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> String {
        let own = String(decoding: key, as: UTF8.self)
        guard parent > KeyTrie.lineRoot else { return own }
        return String(decoding: name(of: parent), as: UTF8.self) + "." + own
    }

    func setColumn(_ column: Int32, of node: Int32) {
        nodes.base[Int(node)].column = column
    }

    /// The builder's column for a node; nil when the batch has no room for it.
    @inline(__always)
    func column(of node: Int32, in builder: EventBatchBuilder) -> Int? {
        let column = self.node(node).pointee.column
        return column >= 0 ? Int(column) : findColumn(of: node, in: builder)
    }

    private func findColumn(of node: Int32, in builder: EventBatchBuilder) -> Int? {
        guard self.node(node).pointee.column == KeyTrie.unknownColumn else { return nil }
        let column = builder.column(named: name(of: node))
        setColumn(column.map { Int32($0) } ?? KeyTrie.noColumn, of: node)
        return column
    }

    // MARK: - The table

    @inline(__always)
    private func hash(_ key: UnsafeBufferPointer<UInt8>, _ parent: Int32) -> UInt64 {
        guard let base = key.baseAddress else { return 0 }
        return wf_hash(base, key.count, UInt64(parent))
    }

    private func place(_ number: Int32) {
        let node = self.node(number)
        let key = UnsafeBufferPointer(
            start: UnsafePointer(arena.base) + Int(node.pointee.keyOffset),
            count: Int(node.pointee.keyLength))
        let hash = hash(key, node.pointee.parent)
        let table = slots.base
        var slot = Int(truncatingIfNeeded: hash) & slotMask
        while table[slot] != 0 { slot = (slot + 1) & slotMask }
        table[slot] = (hash >> 32) << 32 | UInt64(number + 1)
    }

    private mutating func growSlots() {
        slotMask = slotMask * 2 + 1
        slots.removeAll()
        for _ in 0...slotMask { slots.append(0) }
        for number in Int(KeyTrie.lineRoot) + 1..<nodes.count { place(Int32(number)) }
    }
}

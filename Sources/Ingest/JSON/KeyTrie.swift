internal import CKernels
internal import Events

/// What is known of a key at its place in nested objects, as far as every event asks: one cache line.
struct KeyNode: BitwiseCopyable {
    /// The key with the bytes that always stand around it, the first 32 of them; zeros behind.
    var frame: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Which bytes of `frame` count, bit i for byte i.
    var frameMask: UInt32 = 0
    /// Bytes of the whole frame; 0 for a key that is never guessed.
    var frameLength: UInt32 = 0
    /// The keys that followed this one the last times, −1 for none.
    var following = LastKeys()
    /// The keys with which the object at this key began the last times.
    var opening = LastKeys()
    /// The column of the batch builder; see `KeyTrie.unknownColumn`, `KeyTrie.noColumn`.
    var column: Int32 = KeyTrie.unknownColumn
    /// How much it has paid to remember what follows a value of the key; see `RepeatedMembers`.
    var credit: Int16 = 0
    var role: KeyRole = .field
}

/// The two keys that stood at a place the last times, −1 for none.
struct LastKeys: BitwiseCopyable {
    var last: Int32 = -1
    var before: Int32 = -1
}

/// What is known of a key beside its `KeyNode`: where its texts lie in the arena, and its parent.
struct KeyText: BitwiseCopyable {
    /// The key as it was sent, escapes and all.
    var keyOffset: UInt32
    var keyLength: UInt32
    var frameOffset: UInt32
    /// The dotted name of the field, escapes resolved.
    var nameOffset: UInt32
    var nameLength: UInt32
    var parent: Int32
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
/// Not of any one body: kept from body to body until `isFull`. What is on the way of every key is
/// `mutating` although it changes nothing: the compiler copies the whole of a borrowed structure to the
/// stack before it calls a function that is not inlined, a tenth of the time of decoding.
struct KeyTrie: ~Copyable {
    /// The object of an event's fields.
    static let dataRoot: Int32 = 0
    /// The object that is a line of NDJSON.
    static let lineRoot: Int32 = 1
    static let unknownColumn: Int32 = -1
    /// The batch has no room for the field; it goes to the spill.
    static let noColumn: Int32 = -2

    private var nodes = GrowingBuffer<KeyNode>(capacity: 512)
    private var texts = GrowingBuffer<KeyText>(capacity: 512)
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
        texts.removeAll()
        arena.removeAll()
        slots.removeAll()
        slotMask = 1023
        for _ in 0...slotMask { slots.append(0) }
        for root in [KeyTrie.dataRoot, KeyTrie.lineRoot] {
            nodes.append(KeyNode())
            texts.append(
                KeyText(
                    keyOffset: 0, keyLength: 0, frameOffset: 0, nameOffset: 0, nameLength: 0,
                    parent: root))
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
    private mutating func match(_ node: Int32, at place: Cursor) -> Int {
        if node < 0 { return 0 }
        let entry = self.node(node)
        guard wf_begins_with(entry, place, entry.pointee.frameMask) else { return 0 }
        let length = Int(entry.pointee.frameLength)
        return length <= KeyTrie.framedInNode || matchRest(node, at: place) ? length : 0
    }

    private mutating func matchRest(_ node: Int32, at place: Cursor) -> Bool {
        let framed = UnsafePointer(arena.base) + Int(texts[Int(node)].frameOffset)
        return wf_equal_padded(framed, place, Int(self.node(node).pointee.frameLength))
    }

    /// Bytes of a frame that a node holds itself.
    private static var framedInNode: Int { 32 }

    /// The key at `place`, if it is one of those that followed `previous` the last times, or that
    /// opened the object at `parent` when that is −1; with its bytes in its frame, 0 when it is none.
    @inline(__always)
    mutating func predicted(
        after previous: Int32, in parent: Int32, at place: Cursor
    ) -> (node: Int32, length: Int) {
        let keys = previous >= 0 ? node(previous).pointee.following : node(parent).pointee.opening
        let length = match(keys.last, at: place)
        if length > 0 || keys.last < 0 { return (keys.last, length) }
        return predictedOtherwise(keys, at: place)
    }

    /// Second guesses: that the last key is left out, or that it is the one before.
    private mutating func predictedOtherwise(
        _ keys: LastKeys, at place: Cursor
    ) -> (node: Int32, length: Int) {
        let next = node(keys.last).pointee.following.last
        let length = match(next, at: place)
        if length > 0 { return (next, length) }
        return (keys.before, match(keys.before, at: place))
    }

    /// Remembers that `node` followed `previous`, or opened the object at `parent` when that is −1.
    mutating func link(_ node: Int32, after previous: Int32, in parent: Int32) {
        if previous >= 0 {
            KeyTrie.remember(node, in: &nodes.base[Int(previous)].following)
        } else {
            KeyTrie.remember(node, in: &nodes.base[Int(parent)].opening)
        }
    }

    private static func remember(_ node: Int32, in keys: inout LastKeys) {
        if keys.last != node { keys = LastKeys(last: node, before: keys.last) }
    }

    // MARK: - Looking up

    /// The node of a key under `parent`; −1 when it is new.
    mutating func find(_ key: UnsafeBufferPointer<UInt8>, in parent: Int32) -> Int32 {
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
        let text = texts[Int(number)]
        guard let base = key.baseAddress, text.parent == parent, Int(text.keyLength) == key.count
        else { return false }
        return wf_equal(arena.base + Int(text.keyOffset), base, key.count)
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
        // `matchRest` reads up to 15 bytes beyond a frame.
        for _ in 0..<16 { arena.append(0) }
        var node = KeyNode()
        node.role = role
        node.credit = KeyTrie.credit
        frame(arena.base + Int(frameOffset), length: Int(frameLength), in: &node)
        nodes.append(node)
        texts.append(
            KeyText(
                keyOffset: keyOffset, keyLength: UInt32(key.count), frameOffset: frameOffset,
                nameOffset: nameOffset, nameLength: UInt32(name.count), parent: parent))
        if nodes.count * 2 > slotMask { growSlots() } else { place(number) }
        return number
    }

    private func frame(_ bytes: UnsafePointer<UInt8>, length: Int, in node: inout KeyNode) {
        let held = min(length, KeyTrie.framedInNode)
        withUnsafeMutableBytes(of: &node.frame) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: held))
        }
        node.frameMask = held == 32 ? .max : 1 << UInt32(held) - 1
        node.frameLength = UInt32(length)
    }

    /// The dotted name of a node, valid until a key is added.
    @inline(__always)
    func name(of node: Int32) -> UnsafeBufferPointer<UInt8> {
        let text = texts[Int(node)]
        return UnsafeBufferPointer(
            start: arena.base + Int(text.nameOffset), count: Int(text.nameLength))
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
    mutating func column(of node: Int32, in builder: EventBatchBuilder) -> Int? {
        let column = self.node(node).pointee.column
        return column >= 0 ? Int(column) : findColumn(of: node, in: builder)
    }

    /// The same; nil too when the batch has no such column yet.
    mutating func existingColumn(of node: Int32, in builder: EventBatchBuilder) -> Int? {
        let column = self.node(node).pointee.column
        return column >= 0 ? Int(column) : builder.existingColumn(named: name(of: node))
    }

    private mutating func findColumn(of node: Int32, in builder: EventBatchBuilder) -> Int? {
        guard self.node(node).pointee.column == KeyTrie.unknownColumn else { return nil }
        let column = builder.column(named: name(of: node))
        setColumn(column.map { Int32($0) } ?? KeyTrie.noColumn, of: node)
        return column
    }

    // MARK: - Credit

    /// What a key begins with; the most it can have is eight times as much.
    private static var credit: Int16 { 64 }

    /// Gives keys that have none left the credit of the beginning.
    func giveCredit() {
        for index in 0..<nodes.count where nodes.base[index].credit <= 0 {
            nodes.base[index].credit = KeyTrie.credit
        }
    }

    mutating func addCredit(_ amount: Int, to node: Int32) {
        let entry = nodes.base + Int(node)
        let credit = Int(entry.pointee.credit) + amount
        entry.pointee.credit = Int16(min(credit, 8 * Int(KeyTrie.credit)))
    }

    // MARK: - The table

    @inline(__always)
    private func hash(_ key: UnsafeBufferPointer<UInt8>, _ parent: Int32) -> UInt64 {
        guard let base = key.baseAddress else { return 0 }
        return wf_hash(base, key.count, UInt64(parent))
    }

    private func place(_ number: Int32) {
        let text = texts[Int(number)]
        let key = UnsafeBufferPointer(
            start: UnsafePointer(arena.base) + Int(text.keyOffset), count: Int(text.keyLength))
        let hash = hash(key, text.parent)
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

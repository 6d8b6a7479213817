internal import Events

/// What a resource and its scope say of all their events: read once, written to each.
///
/// Texts and names are copied into one arena, for some are made here and not in the body.
struct SharedValues: ~Copyable {
    enum Kind: UInt8, BitwiseCopyable { case text, bool, int, double }

    struct Entry: BitwiseCopyable {
        var node: Int32
        let kind: Kind
        /// A number's bits; of a text its offset in the upper half, its length in the lower.
        let bits: UInt64
        let nameOffset: UInt32
        let nameLength: UInt32
    }

    /// Texts by their codes in the batch under way, and the places of all other values.
    private(set) var coded = GrowingBuffer<KnownField>(capacity: 64)
    private(set) var others = GrowingBuffer<Int>(capacity: 64)
    /// The builder's generation of codes for which `coded` holds; −1 for none.
    private(set) var codedGeneration = -1

    private var entries = GrowingBuffer<Entry>(capacity: 64)
    private var arena = GrowingBuffer<UInt8>(capacity: 4096)
    /// Why no event of the resource can be kept.
    var fault: EventFault?
    /// The resource's own name for the dataset: `service.name` when it is a text.
    private(set) var serviceName: String?

    var count: Int { entries.count }
    /// Bytes that each event takes in its columns, about.
    var byteCount: Int { 16 * entries.count + arena.count }

    subscript(index: Int) -> Entry {
        @inline(__always) get { entries[index] }
    }

    /// Forgets the resource.
    mutating func removeAll() {
        entries.removeAll()
        arena.removeAll()
        fault = nil
        serviceName = nil
        codedGeneration = -1
    }

    /// Where an entry's name and text end in the arena; the text follows the name.
    private func end(of entry: Entry) -> Int {
        entry.kind == .text
            ? Int(entry.bits >> 32) + Int(entry.bits & 0xFFFF_FFFF)
            : Int(entry.nameOffset) + Int(entry.nameLength)
    }

    /// Keeps the first `count` values, as those of the resource when another scope begins, and why it
    /// cannot be kept.
    mutating func truncate(to count: Int, fault: EventFault?) {
        entries.truncate(to: count)
        arena.truncate(to: count == 0 ? 0 : end(of: entries[count - 1]))
        self.fault = fault
        codedGeneration = -1
    }

    mutating func append(
        _ value: AnyValue, node: Int32, name: UnsafeBufferPointer<UInt8>, role: KeyRole
    ) {
        let nameOffset = arena.count
        if let base = name.baseAddress { arena.append(base, count: name.count) }
        let kind: Kind
        let bits: UInt64
        switch value {
        case .text(let text):
            kind = .text
            bits = UInt64(arena.count) << 32 | UInt64(text.count)
            if let base = text.baseAddress { arena.append(base, count: text.count) }
        case .bool(let flag): (kind, bits) = (.bool, flag ? 1 : 0)
        case .int(let number): (kind, bits) = (.int, UInt64(bitPattern: number))
        case .double(let number): (kind, bits) = (.double, number.bitPattern)
        case .array, .list, .bytes: return
        }
        if role == .serviceName {
            serviceName =
                if case .text(let text) = value { String(decoding: text, as: UTF8.self) } else {
                    nil
                }
        }
        entries.append(
            Entry(
                node: node, kind: kind, bits: bits, nameOffset: UInt32(nameOffset),
                nameLength: UInt32(name.count)))
    }

    /// Looks up the codes of texts for the batch under way, and sorts out what has none.
    mutating func code(with builder: EventBatchBuilder, _ trie: inout KeyTrie) {
        codedGeneration = builder.codeGeneration
        coded.removeAll()
        others.removeAll()
        for index in 0..<count {
            let entry = entries[index]
            if entry.kind == .text, trie.node(entry.node).pointee.role == .field,
                let column = trie.column(of: entry.node, in: builder),
                let code = builder.code(of: text(entry), in: column)
            {
                coded.append(KnownField(column: column, code: code))
            } else {
                others.append(index)
            }
        }
    }

    func setNode(_ node: Int32, _ index: Int) { entries.base[index].node = node }

    func name(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let entry = entries[index]
        return UnsafeBufferPointer(
            start: arena.base + Int(entry.nameOffset), count: Int(entry.nameLength))
    }

    @inline(__always)
    func text(_ entry: Entry) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: arena.base + Int(entry.bits >> 32), count: Int(entry.bits & 0xFFFF_FFFF))
    }

    func value(_ entry: Entry) -> AnyValue {
        switch entry.kind {
        case .text: .text(text(entry))
        case .bool: .bool(entry.bits != 0)
        case .int: .int(Int64(bitPattern: entry.bits))
        case .double: .double(Double(bitPattern: entry.bits))
        }
    }
}

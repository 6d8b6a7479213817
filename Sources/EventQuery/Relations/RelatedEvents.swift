internal import Bytes
internal import Compute
internal import Events

/// The events of one relation that were found so far, in the order in which they were met.
struct RelatedEventsFound {
    fileprivate var keys: [ValueHashes.Hash] = []
    fileprivate var times: [Int64] = []
    /// Of each event one a field, `fields.count` in a row; 0 where it has none.
    fileprivate var codes: [UInt32] = []
    /// The values of each field that is asked for.
    fileprivate let fields: [DictionaryBuilder]

    /// - Parameter fields: how many fields are asked for.
    init(fields: Int) { self.fields = (0..<fields).map { _ in DictionaryBuilder() } }

    /// Bytes held, about, what it takes to put them in order included.
    var byteCount: Int {
        keys.count * (64 + 8 * fields.count)
            + fields.reduce(0) { $0 + $1.textByteCount + $1.count * 33 }
    }

    /// Adds some rows of a source.
    ///
    /// - Parameters:
    ///   - key: under which others find the event of a row.
    ///   - columns: one a field; nil where no row has a value.
    mutating func add(
        _ rows: Bitmap, times: [Int64], columns: [Column?], key: (Int) -> ValueHashes.Hash
    ) {
        let readers = zip(columns, fields).map { CodeReader($0, $1) }
        rows.forEachRow { row in
            keys.append(key(row))
            self.times.append(times[row])
            for reader in readers { codes.append(reader.code(at: row)) }
        }
    }

    mutating func add(_ other: RelatedEventsFound) {
        let maps = zip(fields, other.fields).map { own, theirs in
            let dictionary = theirs.dictionary()
            return [0] + (0..<dictionary.count).map { own.code(of: dictionary[$0]) }
        }
        keys += other.keys
        times += other.times
        if fields.isEmpty { return }
        for (place, code) in other.codes.enumerated() {
            codes.append(maps[place % fields.count][Int(code)])
        }
    }
}

/// Gives the values of a column codes of a dictionary that several sources share.
private final class CodeReader {
    private let column: Column?
    private let dictionary: DictionaryBuilder
    /// For each code of the column's own dictionary ours, `unknown` until it is asked for.
    private var known: [UInt32]
    private static let unknown = UInt32.max

    init(_ column: Column?, _ dictionary: DictionaryBuilder) {
        self.column = column
        self.dictionary = dictionary
        let count = column?.coded.map { $0.dictionary.count + 1 } ?? 0
        known = Array(repeating: CodeReader.unknown, count: count)
    }

    func code(at row: Int) -> UInt32 {
        guard let column else { return 0 }
        if let lane = column.coded {
            let own = Int(lane.codes[row])
            if own != 0 {
                if known[own] == CodeReader.unknown {
                    known[own] = dictionary.code(of: lane.dictionary[own - 1])
                }
                return known[own]
            }
        }
        return dictionary.code(of: column.value(at: row))
    }
}

/// The events of one relation, those of one key together, by time, then by their values, so that their order
/// is the same always.
struct RelatedEvents: Sendable {
    /// Number of a group, from 1, at the first free place behind that of its key; a power of two.
    private let slots: [UInt32]
    private let groupKeys: [ValueHashes.Hash]
    /// Where the events of a group begin; one more for the end.
    private let starts: [UInt32]
    private let codes: [UInt32]
    /// The values of each field that is asked for.
    let dictionaries: [ValueDictionary]
    /// Whether one event alone counts, the first.
    private let isOne: Bool

    /// Puts what was found in order.
    ///
    /// - Parameter checkpoint: called now and then; what it throws ends the work.
    init(_ found: RelatedEventsFound, isOne: Bool, checkpoint: () throws -> Void) throws {
        self.isOne = isOne
        dictionaries = found.fields.map { $0.dictionary() }
        var slots = [UInt32](repeating: 0, count: RelatedEvents.slotCount(found.keys.count))
        var groupKeys: [ValueHashes.Hash] = []
        let groups = try found.keys.enumerated().map { place, key -> Int in
            if place & 0xffff == 0 { try checkpoint() }
            let slot = RelatedEvents.slot(of: key, slots, groupKeys)
            if slots[slot] == 0 {
                groupKeys.append(key)
                slots[slot] = UInt32(groupKeys.count)
            }
            return Int(slots[slot]) - 1
        }
        self.slots = slots
        self.groupKeys = groupKeys
        var starts = [UInt32](repeating: 0, count: groupKeys.count + 1)
        for group in groups { starts[group + 1] += 1 }
        for group in groupKeys.indices { starts[group + 1] += starts[group] }
        self.starts = starts
        var next = starts
        var order = [Int](repeating: 0, count: groups.count)
        for (event, group) in groups.enumerated() {
            order[Int(next[group])] = event
            next[group] += 1
        }
        let (fields, dictionaries) = (dictionaries.count, dictionaries)
        func precedes(_ a: Int, _ b: Int) -> Bool {
            if found.times[a] != found.times[b] { return found.times[a] < found.times[b] }
            for field in 0..<fields {
                let (x, y) = (found.codes[a * fields + field], found.codes[b * fields + field])
                if x != y { return dictionaries[field].value(x) < dictionaries[field].value(y) }
            }
            return false
        }
        for group in groupKeys.indices where starts[group + 1] - starts[group] > 1 {
            if group & 1023 == 0 { try checkpoint() }
            order[Int(starts[group])..<Int(starts[group + 1])].sort(by: precedes)
        }
        codes = order.flatMap { found.codes[$0 * fields..<($0 + 1) * fields] }
    }

    /// The group of a key, from 1; 0 when no event has it.
    func group(of key: ValueHashes.Hash) -> UInt32 {
        slots[RelatedEvents.slot(of: key, slots, groupKeys)]
    }

    /// How many events a group has; none for 0.
    func count(ofGroup group: UInt32) -> Int {
        if group == 0 { return 0 }
        return isOne ? 1 : Int(starts[Int(group)] - starts[Int(group) - 1])
    }

    /// The code of a field's value in an event of a group that has more than `place` of them.
    func code(ofGroup group: UInt32, place: Int, field: Int) -> UInt32 {
        codes[(Int(starts[Int(group) - 1]) + place) * dictionaries.count + field]
    }

    // MARK: - Slots

    private static func slotCount(_ entries: Int) -> Int {
        var count = 16
        while count < entries * 2 { count *= 2 }
        return count
    }

    /// Where a key is, or would be.
    private static func slot(
        of key: ValueHashes.Hash, _ slots: [UInt32], _ keys: [ValueHashes.Hash]
    ) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key.low) & mask
        while slots[slot] != 0, keys[Int(slots[slot]) - 1] != key { slot = (slot + 1) & mask }
        return slot
    }
}

extension ValueDictionary {
    /// The value of a code, missing for 0.
    fileprivate func value(_ code: UInt32) -> FieldValue {
        code == 0 ? .missing : value(ofCode: code)
    }
}

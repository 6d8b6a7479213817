internal import Bytes
internal import CKernels
internal import Events

/// The values that a column's sources name by code, and the strings they hold row by row: one list
/// after the other, equal values of different sources not made one yet.
///
/// Entries are counted from 0. What a seal does for each distinct value is done for these; what it
/// does for each row is one look into a map from entries.
struct SourceEntries {
    /// `ValueDictionary.Kind.rawValue`, one an entry.
    private(set) var kinds: [UInt8] = []
    /// As in `ValueDictionary`: a number's bits, or where the string lies in `text`.
    private(set) var payloads: [UInt64] = []
    private(set) var text: [UInt8] = []
    /// 1 for the entries that some row has.
    private(set) var isUsed: [UInt8] = []
    private var places: [Place] = []
    /// Whether any entry is a number.
    private(set) var holdNumbers = false

    /// Where the entries of one source begin.
    private struct Place {
        var coded: CodedLane?
        var codedStart = 0
        var texts: TextLane?
        var textStart = 0
    }

    init(_ columns: [Column?]) {
        // Else all that is there would be copied each time it grows.
        let counts = SourceEntries.counts(columns)
        kinds.reserveCapacity(counts.entries)
        payloads.reserveCapacity(counts.entries)
        isUsed.reserveCapacity(counts.entries)
        text.reserveCapacity(counts.textBytes)
        for column in columns {
            var place = Place(coded: column?.coded, texts: column?.texts)
            if let lane = column?.coded { place.codedStart = add(lane) }
            if let lane = column?.texts { place.textStart = add(lane) }
            places.append(place)
        }
    }

    private static func counts(_ columns: [Column?]) -> (entries: Int, textBytes: Int) {
        var counts = (entries: 0, textBytes: 0)
        var last: ValueDictionary?
        for column in columns {
            if let lane = column?.texts {
                counts.entries += lane.present?.population ?? lane.rows
                counts.textBytes += lane.text.count
            }
            let dictionary = column?.coded?.dictionary
            if let dictionary, dictionary !== last {
                counts.entries += dictionary.count
                counts.textBytes += dictionary.text.count
            }
            last = dictionary
        }
        return counts
    }

    var count: Int { kinds.count }
    var isEmpty: Bool { kinds.isEmpty }

    /// Whether each entry is of one row: none comes from a dictionary.
    var areOfRows: Bool { places.allSatisfy { $0.coded == nil } }

    func isString(_ entry: Int) -> Bool { kinds[entry] == ValueDictionary.Kind.string.rawValue }

    // MARK: - Collecting

    /// Adds the entries of a dictionary, unless the source before has the same; gives the first.
    private mutating func add(_ lane: CodedLane) -> Int {
        let dictionary = lane.dictionary
        var start = kinds.count
        if let last = places.last, last.coded?.dictionary === dictionary {
            start = last.codedStart
        } else {
            let base = UInt64(text.count) << 32
            kinds += dictionary.kinds
            text += dictionary.text
            holdNumbers =
                holdNumbers
                || dictionary.kinds.contains {
                    $0 == ValueDictionary.Kind.int.rawValue
                        || $0 == ValueDictionary.Kind.float.rawValue
                }
            isUsed.append(contentsOf: repeatElement(0, count: dictionary.count))
            let string = ValueDictionary.Kind.string.rawValue
            for (kind, payload) in zip(dictionary.kinds, dictionary.payloads) {
                payloads.append(kind == string ? payload + base : payload)
            }
        }
        markUsed(lane.codes, from: start, count: dictionary.count)
        return start
    }

    private mutating func markUsed(_ codes: CodeArray, from start: Int, count: Int) {
        var used = [UInt8](repeating: 0, count: count + 1)
        used.withUnsafeMutableBufferPointer { used in
            func mark<Code: FixedWidthInteger>(_ codes: [Code]) {
                codes.withUnsafeBufferPointer { SourceEntries.mark($0, in: used) }
            }
            switch codes {
            case .bytes(let codes): mark(codes)
            case .words(let codes): mark(codes)
            case .longs(let codes): mark(codes)
            }
        }
        for entry in 0..<count { isUsed[start + entry] |= used[entry + 1] }
    }

    /// Marks codes as used until all are: few rows of most columns show all their values.
    private static func mark<Code: FixedWidthInteger>(
        _ codes: UnsafeBufferPointer<Code>, in used: UnsafeMutableBufferPointer<UInt8>
    ) {
        var row = 0
        var rows = 1024
        while row < codes.count {
            let end = min(codes.count, row + rows)
            while row < end {
                used[Int(codes[row])] = 1
                row += 1
            }
            if !used[1...].contains(0) { return }
            rows *= 2
        }
    }

    /// Adds one entry for each row that has a text.
    private mutating func add(_ lane: TextLane) -> Int {
        let start = kinds.count
        let base = UInt64(text.count)
        text += lane.text
        lane.presence().forEachRow { row in
            let (from, to) = (UInt64(lane.offsets[row]), UInt64(lane.offsets[row + 1]))
            payloads.append((base + from) << 32 | (to - from))
        }
        let added = payloads.count - kinds.count
        kinds.append(
            contentsOf: repeatElement(ValueDictionary.Kind.string.rawValue, count: added))
        isUsed.append(contentsOf: repeatElement(1, count: added))
        return start
    }

    // MARK: - Values

    /// The bytes of a string entry, valid during the call.
    func withString<Result>(
        _ entry: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let payload = payloads[entry]
        let start = Int(payload >> 32)
        return text.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[start..<start + Int(payload & 0xFFFF_FFFF)]))
        }
    }

    /// The code of an entry's value in a dictionary under way.
    func code(of entry: Int, in builder: DictionaryBuilder) -> UInt32 {
        let bits = payloads[entry]
        switch ValueDictionary.Kind(rawValue: kinds[entry]) {
        case .bool: return builder.code(of: bits != 0)
        case .int: return builder.code(of: Int64(bitPattern: bits))
        case .float: return builder.code(of: Double(bitPattern: bits))
        case .string: return withString(entry) { builder.code(of: $0) }
        case nil: preconditionFailure("BUG: unknown kind in a dictionary: \(kinds[entry])")
        }
    }

    /// The codes of all entries in a dictionary under way, 0 for those without rows and those of some
    /// kinds.
    func codes(in builder: DictionaryBuilder, without kinds: Set<UInt8>) -> [UInt32] {
        let isWanted = (UInt8.min...UInt8.max).map { !kinds.contains($0) }
        // Fast path: strings that are kept row by row.
        guard self.kinds.contains(where: { isWanted[Int($0)] }) else {
            return [UInt32](repeating: 0, count: count)
        }
        return (0..<count).map { entry in
            isUsed[entry] != 0 && isWanted[Int(self.kinds[entry])]
                ? code(of: entry, in: builder) : 0
        }
    }

    /// The hash of each string in use, 0 for other entries.
    func stringHashes() -> [UInt64] {
        text.withUnsafeBufferPointer { text in
            (0..<count).map { entry in
                guard isUsed[entry] != 0, isString(entry), let base = text.baseAddress else {
                    return 0
                }
                let payload = payloads[entry]
                return wf_hash(base + Int(payload >> 32), Int(payload & 0xFFFF_FFFF), 0)
            }
        }
    }

    // MARK: - Rows

    /// What each row's entry is mapped to, in the order of the segment; 0 for rows without one.
    ///
    /// - Parameter map: one an entry.
    func gather<Code: FixedWidthInteger>(_ map: [Code], _ order: SegmentOrder) -> [Code] {
        [Code](unsafeUninitializedCapacity: order.rows) { result, initialized in
            // A source with codes writes all its rows.
            if places.contains(where: { $0.coded == nil }) { result.initialize(repeating: 0) }
            for (source, place) in places.enumerated() {
                let positions = order.positions(ofSource: source)
                if let lane = place.coded {
                    let end = place.codedStart + lane.dictionary.count
                    let local = [0] + map[place.codedStart..<end]
                    switch lane.codes {
                    case .bytes(let codes): scatter(codes, local, positions, result)
                    case .words(let codes): scatter(codes, local, positions, result)
                    case .longs(let codes): scatter(codes, local, positions, result)
                    }
                }
                if let lane = place.texts {
                    var entry = place.textStart
                    lane.presence().forEachRow { row in
                        result[Int(positions[positions.startIndex + row])] = map[entry]
                        entry += 1
                    }
                }
            }
            initialized = order.rows
        }
    }

    /// Calls `body` for each row whose entry is a number of one kind, with its row in the segment and
    /// the number's bits.
    @inline(__always)
    func forEachNumber(
        of kind: UInt8, _ order: SegmentOrder, _ body: (_ row: Int, _ bits: UInt64) -> Void
    ) {
        for (source, place) in places.enumerated() {
            guard let lane = place.coded else { continue }
            let positions = order.positions(ofSource: source)
            // By code, whether it is a number of that kind, and its bits.
            let entries = place.codedStart..<place.codedStart + lane.dictionary.count
            let numbers = [(false, 0)] + entries.map { (kinds[$0] == kind, payloads[$0]) }
            switch lane.codes {
            case .bytes(let codes): SourceEntries.forEach(codes, numbers, positions, body)
            case .words(let codes): SourceEntries.forEach(codes, numbers, positions, body)
            case .longs(let codes): SourceEntries.forEach(codes, numbers, positions, body)
            }
        }
    }

    @inline(__always)
    private static func forEach<Code: FixedWidthInteger>(
        _ codes: [Code], _ numbers: [(isWanted: Bool, bits: UInt64)],
        _ positions: ArraySlice<UInt32>, _ body: (_ row: Int, _ bits: UInt64) -> Void
    ) {
        numbers.withUnsafeBufferPointer { numbers in
            for (code, position) in zip(codes, positions) {
                let number = numbers[Int(code)]
                if number.isWanted { body(Int(position), number.bits) }
            }
        }
    }

    /// The loop of a seal: three reads and a write for each row of each coded column.
    private func scatter<Code: FixedWidthInteger, Mapped: FixedWidthInteger>(
        _ codes: [Code], _ map: [Mapped], _ positions: ArraySlice<UInt32>,
        _ result: UnsafeMutableBufferPointer<Mapped>
    ) {
        codes.withUnsafeBufferPointer { codes in
            map.withUnsafeBufferPointer { map in
                positions.withUnsafeBufferPointer { positions in
                    for row in 0..<codes.count {
                        result[Int(positions[row])] = map[Int(codes[row])]
                    }
                }
            }
        }
    }
}

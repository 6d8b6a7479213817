internal import Bytes

/// The bytes of a batch in the log; `docs/formats/batch.md` draws them.
///
/// Encoding is mostly copying: integers lose the bytes that none of them needs, codes take four
/// bits where they can, and what is alike for all rows is written once. That costs a third of what
/// zstd level 1 costs on the same lanes, for about twice the bytes; they live until the next seal.
extension EventBatch {
    static let encodingVersion: UInt8 = 2

    enum LaneFlag {
        static let coded: UInt8 = 1
        static let ints: UInt8 = 2
        static let floats: UInt8 = 4
        static let texts: UInt8 = 8
    }

    /// How the codes of a lane are written.
    enum CodeForm {
        /// Every row has code 1: nothing follows.
        static let one: UInt8 = 0
        /// Rows have the codes 1, 2, 3, …: nothing follows.
        static let ascending: UInt8 = 1
        static let halfBytes: UInt8 = 2
        static let bytes: UInt8 = 3
        static let words: UInt8 = 4
        static let longs: UInt8 = 5
        /// A bitmap of the rows that have a code, then the codes of those rows in another form.
        static let sparse: UInt8 = 6
    }

    /// How the lengths of strings are written.
    enum LengthForm {
        static let each: UInt8 = 0
        static let one: UInt8 = 1
    }

    /// The batch as bytes.
    public func encoded() -> [UInt8] {
        var writer = BatchWriter(capacity: byteCount / 2)
        writer.write(EventBatch.encodingVersion)
        writer.writeVarint(rows)
        writer.write(timestamps)
        writer.write(received)
        writer.write(UInt8(sampleRates == nil ? 0 : 1))
        if let sampleRates { writer.write(sampleRates.map { Int64($0) }) }
        writer.write(datasets)
        writer.writeVarint(names.count)
        for (name, column) in zip(names, columns) {
            writer.write(name)
            writer.write(column)
        }
        return writer.bytes()
    }
}

/// The lanes of a batch.
extension BatchWriter {
    fileprivate mutating func write(_ column: Column) {
        write(
            (column.coded == nil ? 0 : EventBatch.LaneFlag.coded)
                | (column.ints == nil ? 0 : EventBatch.LaneFlag.ints)
                | (column.floats == nil ? 0 : EventBatch.LaneFlag.floats)
                | (column.texts == nil ? 0 : EventBatch.LaneFlag.texts))
        if let coded = column.coded { write(coded) }
        if let ints = column.ints { write(packed(ints)) }
        if let floats = column.floats { packed(floats).withUnsafeBufferPointer { copy($0) } }
        if let texts = column.texts { write(texts) }
    }

    // MARK: - Numbers

    fileprivate mutating func write(_ numbers: [Int64]) {
        numbers.withUnsafeBufferPointer { write($0) }
    }

    /// Writes which rows have a number and answers the numbers they have.
    private mutating func packed<Number>(_ lane: NumberLane<Number>) -> [Number] {
        write(lane.present)
        return lane.packed
    }

    private mutating func write(_ present: Bitmap?) {
        guard let present else { return write(0) }
        write(1)
        present.words.withUnsafeBufferPointer { copy($0) }
    }

    // MARK: - Strings

    private mutating func write(_ lane: TextLane) {
        write(lane.present)
        if lane.present == nil {
            lane.offsets.withUnsafeBufferPointer { offsets in
                writeLengths(offsets.count - 1) { Int(offsets[$0 + 1] &- offsets[$0]) }
            }
        } else {
            let rows = (0..<lane.rows).filter { lane.present?[$0] ?? true }
            writeLengths(rows.count) { Int(lane.offsets[rows[$0] + 1] - lane.offsets[rows[$0]]) }
        }
        lane.text.withUnsafeBufferPointer { copy($0) }
    }

    // MARK: - Codes

    fileprivate mutating func write(_ lane: CodedLane) {
        write(lane.dictionary)
        switch lane.codes {
        case .bytes(let codes):
            codes.withUnsafeBufferPointer { write($0, of: lane) }
        case .words(let codes):
            codes.withUnsafeBufferPointer { write($0, of: lane) }
        case .longs(let codes):
            codes.withUnsafeBufferPointer { write($0, of: lane) }
        }
    }

    private mutating func write(_ dictionary: ValueDictionary) {
        writeVarint(dictionary.count)
        guard let first = dictionary.kinds.first else { return }
        if dictionary.kinds.allSatisfy({ $0 == first }) {
            write(first)
        } else {
            write(0)
            dictionary.kinds.withUnsafeBufferPointer { copy($0) }
        }
        let string = ValueDictionary.Kind.string.rawValue
        if first == string && dictionary.kinds.allSatisfy({ $0 == string }) {
            dictionary.payloads.withUnsafeBufferPointer { payloads in
                writeLengths(payloads.count) { Int(payloads[$0] & 0xFFFF_FFFF) }
            }
        } else {
            for (kind, payload) in zip(dictionary.kinds, dictionary.payloads) where kind != string {
                withUnsafeBytes(of: payload.littleEndian) {
                    copy($0.assumingMemoryBound(to: UInt8.self))
                }
            }
            let strings = dictionary.payloads.indices.filter { dictionary.kinds[$0] == string }
            writeLengths(strings.count) { Int(dictionary.payloads[strings[$0]] & 0xFFFF_FFFF) }
        }
        writeText(of: dictionary)
    }

    private mutating func writeText(of dictionary: ValueDictionary) {
        // Fast path: the strings lie one after the other, as whoever met them first left them.
        var end: UInt64 = 0
        var isInOrder = true
        for (kind, payload) in zip(dictionary.kinds, dictionary.payloads)
        where kind == ValueDictionary.Kind.string.rawValue {
            isInOrder = isInOrder && payload >> 32 == end
            end += payload & 0xFFFF_FFFF
        }
        if isInOrder && end == UInt64(dictionary.text.count) {
            return dictionary.text.withUnsafeBufferPointer { copy($0) }
        }
        for index in 0..<dictionary.count {
            _ = dictionary.withString(at: index) { copy($0) }
        }
    }

    private mutating func write<Code: FixedWidthInteger & UnsignedInteger>(
        _ codes: UnsafeBufferPointer<Code>, of lane: CodedLane
    ) {
        let entries = lane.dictionary.count
        if entries == 1 && codes.allSatisfy({ $0 == 1 }) { return write(EventBatch.CodeForm.one) }
        if entries == codes.count && isAscending(codes) {
            return write(EventBatch.CodeForm.ascending)
        }
        let present = lane.presence()
        let kept = present.population
        guard kept * 2 < codes.count else { return writeDense(codes, entries: entries) }
        write(EventBatch.CodeForm.sparse)
        present.words.withUnsafeBufferPointer { copy($0) }
        let packed = [Code](unsafeUninitializedCapacity: kept) { packed, initialized in
            present.forEachRow { row in
                packed[initialized] = codes[row]
                initialized += 1
            }
        }
        packed.withUnsafeBufferPointer { codes in
            if entries == 1 {
                write(EventBatch.CodeForm.one)
            } else {
                writeDense(codes, entries: entries)
            }
        }
    }

    private func isAscending<Code: FixedWidthInteger>(_ codes: UnsafeBufferPointer<Code>) -> Bool {
        for index in 0..<codes.count where Int(codes[index]) != index + 1 { return false }
        return true
    }
}

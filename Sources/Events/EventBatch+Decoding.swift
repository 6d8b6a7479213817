public import Bytes

/// Opens the bytes of a batch in the log; nothing in them is believed before it is checked.
extension EventBatch {
    /// Opens what `encoded` wrote.
    ///
    /// Throws `DecodeError` for anything else; never traps.
    public convenience init(decoding bytes: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt8.self) == EventBatch.encodingVersion else {
            throw DecodeError("batch is of an unknown version", at: 0)
        }
        let rows = try reader.readCount(limit: EventLimits.rowsPerBatch, "rows")
        let timestamps = try reader.readIntegers(count: rows)
        let received = try reader.readIntegers(count: rows)
        var rates: [UInt32]?
        if try reader.read(UInt8.self) != 0 {
            rates = try reader.readIntegers(count: rows).map { UInt32(truncatingIfNeeded: $0) }
        }
        let datasets = try reader.readCoded(rows: rows)
        guard !(0..<rows).contains(where: { datasets.codes[$0] == 0 }) else {
            throw DecodeError("row without a dataset", at: reader.offset)
        }
        let count = try reader.readCount(limit: EventLimits.namesPerBatch + 2, "columns")
        var columns: [(name: String, column: Column)] = []
        var seen: Set<String> = []
        for _ in 0..<count {
            let name = try reader.readString(limit: EventLimits.nameBytes)
            guard seen.insert(name).inserted else {
                throw DecodeError("column appears twice", at: reader.offset)
            }
            columns.append((name, try reader.readColumn(rows: rows)))
        }
        guard reader.isAtEnd else { throw DecodeError("bytes after the batch", at: reader.offset) }
        self.init(
            timestamps: timestamps, received: received, sampleRates: rates, datasets: datasets,
            columns: columns)
    }
}

extension ByteReader {
    fileprivate mutating func readColumn(rows: Int) throws(DecodeError) -> Column {
        let flags = try read(UInt8.self)
        guard flags < 16 else { throw DecodeError("unknown lane", at: offset - 1) }
        let coded = flags & EventBatch.LaneFlag.coded == 0 ? nil : try readCoded(rows: rows)
        var ints: NumberLane<Int64>?
        if flags & EventBatch.LaneFlag.ints != 0 {
            let present = try readPresence(rows: rows)
            let values = try readIntegers(count: present?.population ?? rows)
            ints = NumberLane(packed: values, present: present)
        }
        var floats: NumberLane<Double>?
        if flags & EventBatch.LaneFlag.floats != 0 {
            let present = try readPresence(rows: rows)
            let values = try readDoubles(count: present?.population ?? rows)
            guard values.allSatisfy(\.isFinite) else {
                throw DecodeError("float is not finite", at: offset)
            }
            floats = NumberLane(packed: values, present: present)
        }
        let texts = flags & EventBatch.LaneFlag.texts == 0 ? nil : try readTexts(rows: rows)
        return Column(rows: rows, coded: coded, ints: ints, floats: floats, texts: texts)
    }

    private mutating func readPresence(rows: Int) throws(DecodeError) -> Bitmap? {
        if try read(UInt8.self) == 0 { return nil }
        return Bitmap(
            count: rows, words: try readArray(UInt64.self, count: Bitmap.wordCount(rows)))
    }

    // MARK: - Numbers

    fileprivate mutating func readIntegers(count: Int) throws(DecodeError) -> [Int64] {
        let least = try read(Int64.self)
        let width = Int(try read(UInt8.self))
        guard width <= 8 else { throw DecodeError("integers wider than 8 bytes", at: offset - 1) }
        let packed = try readBytes(count * width)
        var numbers: [Int64] = []
        numbers.reserveCapacity(count)
        packed.withUnsafeBytes { packed in
            for index in 0..<count {
                var distance: UInt64 = 0
                for byte in 0..<width {
                    distance |= UInt64(packed[index * width + byte]) << UInt64(8 * byte)
                }
                numbers.append(least &+ Int64(bitPattern: distance))
            }
        }
        return numbers
    }

    // MARK: - Strings

    private mutating func readTexts(rows: Int) throws(DecodeError) -> TextLane {
        let present = try readPresence(rows: rows)
        let lengths = try readLengths(count: present?.population ?? rows)
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(rows + 1)
        var end = 0
        var next = 0
        for row in 0..<rows {
            if present?[row] ?? true {
                end += lengths[next]
                next += 1
            }
            offsets.append(try place(end))
        }
        return TextLane(offsets: offsets, text: Array(try readBytes(end)), present: present)
    }

    private func place(_ end: Int) throws(DecodeError) -> UInt32 {
        guard end <= EventLimits.dictionaryBytes else {
            throw DecodeError("strings exceed \(EventLimits.dictionaryBytes) bytes", at: offset)
        }
        return UInt32(end)
    }

    private mutating func readLengths(count: Int) throws(DecodeError) -> [Int] {
        if count == 0 { return [] }
        switch try read(UInt8.self) {
        case EventBatch.LengthForm.one:
            let length = try readCount(limit: remaining / count, "string length")
            return [Int](repeating: length, count: count)
        case EventBatch.LengthForm.each:
            var lengths: [Int] = []
            lengths.reserveCapacity(count)
            for _ in 0..<count {
                lengths.append(try readCount(limit: remaining, "string length"))
            }
            return lengths
        default: throw DecodeError("unknown form of lengths", at: offset - 1)
        }
    }

    // MARK: - Codes

    fileprivate mutating func readCoded(rows: Int) throws(DecodeError) -> CodedLane {
        let dictionary = try readDictionary()
        let codes = try readCodes(rows: rows, entries: dictionary.count, isPart: false)
        guard codes.allSatisfy({ $0 <= UInt32(dictionary.count) }) else {
            throw DecodeError("code beyond the dictionary", at: offset)
        }
        return CodedLane(
            dictionary: dictionary,
            codes: CodeArray(codes, highest: UInt32(dictionary.count)))
    }

    private mutating func readDictionary() throws(DecodeError) -> ValueDictionary {
        // Entries differ, so all but one take a byte or more.
        let count = try readCount(limit: remaining, "dictionary entries")
        if count == 0 { return .empty }
        let first = try read(UInt8.self)
        let kinds =
            first == 0
            ? try readArray(UInt8.self, count: count) : [UInt8](repeating: first, count: count)
        for kind in kinds where ValueDictionary.Kind(rawValue: kind) == nil {
            throw DecodeError("unknown kind of value: \(kind)", at: offset)
        }
        var payloads = [UInt64](repeating: 0, count: count)
        var strings = 0
        for (index, kind) in kinds.enumerated() {
            guard let kind = ValueDictionary.Kind(rawValue: kind), kind != .string else {
                strings += 1
                continue
            }
            payloads[index] = try read(UInt64.self)
            guard ValueDictionary.isPayload(payloads[index], of: kind) else {
                throw DecodeError("no value of its kind", at: offset - 8)
            }
        }
        var lengths = try readLengths(count: strings)[...]
        var end = 0
        for (index, kind) in kinds.enumerated()
        where kind == ValueDictionary.Kind.string.rawValue {
            let length = lengths.removeFirst()
            payloads[index] = UInt64(try place(end)) << 32 | UInt64(length)
            end += length
        }
        let text = Array(try readBytes(end))
        return ValueDictionary(kinds: kinds, payloads: payloads, text: text, isSorted: false)
    }

    /// The codes of so many rows.
    ///
    /// - Parameter isPart: whether they are those of a sparse lane.
    private mutating func readCodes(
        rows: Int, entries: Int, isPart: Bool
    ) throws(DecodeError) -> [UInt32] {
        let form = try read(UInt8.self)
        switch form {
        case EventBatch.CodeForm.one: return [UInt32](repeating: 1, count: rows)
        case EventBatch.CodeForm.ascending: return (0..<UInt32(rows)).map { $0 + 1 }
        case EventBatch.CodeForm.halfBytes:
            let packed = try readArray(UInt8.self, count: (rows + 1) / 2)
            return (0..<rows).map { UInt32(packed[$0 / 2] >> UInt8($0 % 2 * 4) & 15) }
        case EventBatch.CodeForm.bytes:
            return try readArray(UInt8.self, count: rows).map { UInt32($0) }
        case EventBatch.CodeForm.words:
            return try readArray(UInt16.self, count: rows).map { UInt32($0) }
        case EventBatch.CodeForm.longs: return try readArray(UInt32.self, count: rows)
        case EventBatch.CodeForm.sparse where !isPart:
            let present = Bitmap(
                count: rows, words: try readArray(UInt64.self, count: Bitmap.wordCount(rows)))
            let kept = try readCodes(rows: present.population, entries: entries, isPart: true)
            var codes = [UInt32](repeating: 0, count: rows)
            var next = 0
            present.forEachRow { row in
                codes[row] = kept[next]
                next += 1
            }
            return codes
        default: throw DecodeError("unknown form of codes: \(form)", at: offset - 1)
        }
    }
}

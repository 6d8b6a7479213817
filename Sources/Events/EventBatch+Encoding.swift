public import Bytes

/// The bytes of a batch in the log; `docs/formats/batch.md` draws them.
///
/// Lanes are written as they lie in memory and the whole is compressed once, so that encoding costs
/// a copy and a pass of zstd level 1.
extension EventBatch {
    static let encodingVersion: UInt8 = 1

    private enum LaneFlag {
        static let coded: UInt8 = 1
        static let ints: UInt8 = 2
        static let floats: UInt8 = 4
    }

    // MARK: - Encode

    /// The batch as compressed bytes.
    public func encoded() -> [UInt8] {
        var body = ByteWriter(capacity: byteCount)
        body.writeVarint(rows)
        body.writeArray(timestamps)
        writeReceived(into: &body)
        body.write(UInt8(sampleRates == nil ? 0 : 1))
        if let sampleRates { body.writeArray(sampleRates) }
        write(datasets, into: &body)
        body.writeVarint(names.count)
        for name in names {
            guard let column = self[name] else {
                preconditionFailure("BUG: a name without a column")
            }
            precondition(column.texts == nil, "BUG: a text lane in a batch of the log")
            body.writeString(name)
            write(column, into: &body)
        }
        var framed = ByteWriter(capacity: body.count / 4)
        framed.write(EventBatch.encodingVersion)
        framed.writeVarint(body.count)
        framed.write(contentsOf: Zstd.compress(body.bytes, level: 1))
        return framed.bytes
    }

    /// Events of one request were received at one time: that time is written once.
    private func writeReceived(into body: inout ByteWriter) {
        if let first = received.first, received.allSatisfy({ $0 == first }) {
            body.write(UInt8(0))
            body.write(first)
        } else {
            body.write(UInt8(1))
            body.writeArray(received)
        }
    }

    private func write(_ column: Column, into body: inout ByteWriter) {
        let flags =
            (column.coded == nil ? 0 : LaneFlag.coded) | (column.ints == nil ? 0 : LaneFlag.ints)
            | (column.floats == nil ? 0 : LaneFlag.floats)
        body.write(flags)
        if let coded = column.coded { write(coded, into: &body) }
        if let ints = column.ints {
            let values = writePresence(ints, into: &body)
            body.writeArray(values)
        }
        if let floats = column.floats {
            let values = writePresence(floats, into: &body)
            body.writeArray(values)
        }
    }

    private func write(_ lane: CodedLane, into body: inout ByteWriter) {
        let dictionary = lane.dictionary
        body.writeVarint(dictionary.count)
        body.writeArray(dictionary.kinds)
        for index in 0..<dictionary.count {
            let payload = dictionary.payloads[index]
            if dictionary.kind(at: index) == .string {
                body.writeVarint(payload & 0xFFFF_FFFF)
            } else {
                body.write(payload)
            }
        }
        for index in 0..<dictionary.count {
            _ = dictionary.withString(at: index) { body.write(raw: UnsafeRawBufferPointer($0)) }
        }
        switch lane.codes {
        case .bytes(let codes): body.writeArray(codes)
        case .words(let codes): body.writeArray(codes)
        case .longs(let codes): body.writeArray(codes)
        }
    }

    /// Writes which rows have a number and answers the numbers they have.
    private func writePresence<Number>(
        _ lane: NumberLane<Number>, into body: inout ByteWriter
    ) -> [Number] {
        guard let present = lane.present else {
            body.write(UInt8(0))
            return lane.values
        }
        body.write(UInt8(1))
        body.writeArray(present.words)
        var values: [Number] = []
        values.reserveCapacity(present.population)
        present.forEachRow { values.append(lane.values[$0]) }
        return values
    }

    // MARK: - Decode

    /// Opens what `encoded` wrote.
    ///
    /// Throws `DecodeError` for anything else; never traps.
    public convenience init(decoding bytes: ArraySlice<UInt8>) throws(DecodeError) {
        var frame = ByteReader(bytes)
        guard try frame.read(UInt8.self) == EventBatch.encodingVersion else {
            throw DecodeError("batch is of an unknown version", at: 0)
        }
        let size = try frame.readCount(limit: EventLimits.encodedBatchBytes, "batch size")
        let compressed = try frame.readBytes(frame.remaining)
        let body: [UInt8]
        do throws(CompressionError) {
            body = try Zstd.decompress(compressed, size: size)
        } catch {
            throw DecodeError("batch does not decompress: \(error)", at: frame.offset)
        }
        var reader = ByteReader(body)
        let rows = try reader.readCount(limit: EventLimits.rowsPerBatch, "rows")
        let timestamps = try reader.readArray(Int64.self, count: rows)
        let received =
            try reader.read(UInt8.self) == 0
            ? [Int64](repeating: try reader.read(Int64.self), count: rows)
            : try reader.readArray(Int64.self, count: rows)
        let rates =
            try reader.read(UInt8.self) == 0
            ? nil : try reader.readArray(UInt32.self, count: rows)
        let datasets = try EventBatch.readCoded(&reader, rows: rows)
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
            columns.append((name, try EventBatch.readColumn(&reader, rows: rows)))
        }
        guard reader.isAtEnd else { throw DecodeError("bytes after the batch", at: reader.offset) }
        self.init(
            timestamps: timestamps, received: received, sampleRates: rates, datasets: datasets,
            columns: columns)
    }

    private static func readColumn(
        _ reader: inout ByteReader, rows: Int
    ) throws(DecodeError) -> Column {
        let flags = try reader.read(UInt8.self)
        guard flags < 8 else { throw DecodeError("unknown lane", at: reader.offset - 1) }
        let coded = flags & LaneFlag.coded == 0 ? nil : try readCoded(&reader, rows: rows)
        var ints: NumberLane<Int64>?
        if flags & LaneFlag.ints != 0 {
            let present = try readPresence(&reader, rows: rows)
            let values = try reader.readArray(Int64.self, count: present?.population ?? rows)
            ints = NumberLane(packed: values, present: present)
        }
        var floats: NumberLane<Double>?
        if flags & LaneFlag.floats != 0 {
            let present = try readPresence(&reader, rows: rows)
            let values = try reader.readDoubles(count: present?.population ?? rows)
            guard values.allSatisfy(\.isFinite) else {
                throw DecodeError("float is not finite", at: reader.offset)
            }
            floats = NumberLane(packed: values, present: present)
        }
        return Column(rows: rows, coded: coded, ints: ints, floats: floats)
    }

    private static func readPresence(
        _ reader: inout ByteReader, rows: Int
    ) throws(DecodeError) -> Bitmap? {
        if try reader.read(UInt8.self) == 0 { return nil }
        return Bitmap(
            count: rows,
            words: try reader.readArray(UInt64.self, count: Bitmap.wordCount(rows)))
    }

    private static func readCoded(
        _ reader: inout ByteReader, rows: Int
    ) throws(DecodeError) -> CodedLane {
        let count = try reader.readCount(limit: reader.remaining, "dictionary entries")
        let kinds = try reader.readArray(UInt8.self, count: count)
        var payloads: [UInt64] = []
        payloads.reserveCapacity(count)
        var textSize: UInt64 = 0
        for kind in kinds {
            guard let kind = ValueDictionary.Kind(rawValue: kind) else {
                throw DecodeError("unknown kind of value", at: reader.offset)
            }
            switch kind {
            case .string:
                let length = try reader.readCount(limit: reader.remaining, "string length")
                payloads.append(textSize << 32 | UInt64(length))
                textSize += UInt64(length)
            case .bool, .int, .float:
                let payload = try reader.read(UInt64.self)
                guard ValueDictionary.isPayload(payload, of: kind) else {
                    throw DecodeError("no value of its kind", at: reader.offset - 8)
                }
                payloads.append(payload)
            }
        }
        let text = Array(try reader.readBytes(Int(textSize)))
        let dictionary = ValueDictionary(
            kinds: kinds, payloads: payloads, text: text, isSorted: count == 0)
        let codes: CodeArray
        if count <= Int(UInt8.max) {
            codes = .bytes(try reader.readArray(UInt8.self, count: rows))
        } else if count <= Int(UInt16.max) {
            codes = .words(try reader.readArray(UInt16.self, count: rows))
        } else {
            codes = .longs(try reader.readArray(UInt32.self, count: rows))
        }
        guard codes.highest <= UInt32(count) else {
            throw DecodeError("code beyond the dictionary", at: reader.offset)
        }
        return CodedLane(dictionary: dictionary, codes: codes)
    }
}

extension NumberLane {
    /// Spreads the numbers of the rows that have one.
    public init(packed: [Number], present: Bitmap?) {
        guard let present else {
            self.init(values: packed, present: nil)
            return
        }
        var values = [Number](repeating: 0, count: present.count)
        var next = 0
        present.forEachRow { row in
            values[row] = packed[next]
            next += 1
        }
        self.init(values: values, present: present)
    }
}

internal import Bytes
internal import CKernels
internal import Events

/// Columns of a row group, decoded from their blocks.
extension Segment {
    /// One column of one row group, from the cache or decoded; nil when no row of the group has it.
    ///
    /// - Parameter isScan: whether the next row groups will be asked for as well.
    func column(_ name: String, group: Int, isScan: Bool = true) throws -> Column? {
        guard let index = columnIndex[name] else { return nil }
        let entry = footer.columns[index].groups[group]
        if entry.isEmpty { return nil }
        let key = key(index, .rowGroup(group))
        if let column = cache.column(key) { return column }
        if isScan { announce(entry, column: index) }
        let column = try decode(entry, column: index, rows: footer.groupRows[group])
        cache.insert(column, key)
        return column
    }

    func decode(
        _ entry: SegmentFooter.GroupEntry, column: Int, rows: Int
    ) throws -> Column {
        var coded = try entry.coded.map { lane in
            CodedLane(
                dictionary: try dictionary(ofColumn: column),
                codes: try codes(lane, column: column, rows: rows))
        }
        var texts: TextLane?
        if let lane = entry.texts {
            let present = try presence(lane, rows: rows)
            let opened = try decoding(lane.values) { bytes throws(DecodeError) in
                try TextCodec.decode(bytes, count: lane.present)
            }
            if let places = opened.places, coded == nil {
                coded = CodedLane(
                    dictionary: opened.strings.dictionary(),
                    codes: CodeArray(
                        Segment.spread(places.map { $0 + 1 }, over: present),
                        highest: UInt32(opened.strings.count)))
            } else {
                texts = opened.lane(present: present, rows: rows)
            }
        }
        return Column(
            rows: rows, coded: coded,
            ints: try entry.ints.map { lane in
                let packed = try decoding(lane.values) { bytes throws(DecodeError) in
                    var reader = ByteReader(bytes)
                    return try IntegerCodec.decode(&reader, count: lane.present)
                }
                return NumberLane(spreading: packed, over: try presence(lane, rows: rows))
            },
            floats: try entry.floats.map { lane in
                let packed = try decoding(lane.values) { bytes throws(DecodeError) in
                    var reader = ByteReader(bytes)
                    return try FloatCodec.decode(&reader, count: lane.present)
                }
                return NumberLane(spreading: packed, over: try presence(lane, rows: rows))
            }, texts: texts)
    }

    /// The codes of all rows in the width that the dictionary asks for: decoded in it, never widened.
    func codes(
        _ lane: SegmentFooter.LaneEntry, column: Int, rows: Int
    ) throws -> CodeArray {
        let highest = footer.columns[column].dictionary?.count ?? 0
        if let highest = UInt8(exactly: highest) {
            return .bytes(try codes(lane, highest: highest, rows: rows))
        }
        if let highest = UInt16(exactly: highest) {
            return .words(try codes(lane, highest: highest, rows: rows))
        }
        return .longs(try codes(lane, highest: UInt32(highest), rows: rows))
    }

    func codes<Code: CodeInteger>(
        _ lane: SegmentFooter.LaneEntry, highest: Code, rows: Int
    ) throws -> [Code] {
        let packed = try decoding(lane.values) { bytes throws(DecodeError) in
            try CodeCodec.decode(Code.self, bytes, count: lane.present, highest: highest)
        }
        return Segment.spread(packed, over: try presence(lane, rows: rows))
    }

    static func spread<Code: CodeInteger>(
        _ packed: [Code], over present: Bitmap?
    ) -> [Code] {
        guard let present else { return packed }
        var codes = [Code](repeating: 0, count: present.count)
        Code.spread(packed, present.words, present.count, &codes)
        return codes
    }

    /// The rows that have a value in a lane; nil for all.
    ///
    /// Columns that are present together share the block, and the bitmap made of it.
    func presence(_ lane: SegmentFooter.LaneEntry, rows: Int) throws -> Bitmap? {
        guard let block = lane.presence else { return nil }
        let key = key(0, .presence(block.offset))
        let bitmap: Bitmap
        if let known = cache.presence(key), known.count == rows {
            bitmap = known
        } else {
            bitmap = try decoding(block) { bytes throws(DecodeError) in
                try PresenceCodec.decode(bytes, rows: rows)
            }
            cache.insert(bitmap, key)
        }
        guard bitmap.population == lane.present else {
            throw SegmentError(message: "presence does not fit its count", offset: block.offset)
        }
        return bitmap
    }
}

extension StringListCodec.List {
    /// The strings as a dictionary of their row group: code i + 1 is string i.
    fileprivate func dictionary() -> ValueDictionary {
        ValueDictionary(
            kinds: [UInt8](repeating: ValueDictionary.Kind.string.rawValue, count: count),
            payloads: (0..<count).map {
                UInt64(offsets[$0]) << 32 | UInt64(offsets[$0 + 1] - offsets[$0])
            }, text: text, isSorted: count == 0)
    }
}

extension TextCodec.Opened {
    /// The strings one a row.
    fileprivate func lane(present: Bitmap?, rows: Int) -> TextLane {
        if places == nil && present == nil {
            return TextLane(offsets: strings.offsets, text: strings.text, present: nil)
        }
        var offsets: [UInt32] = [0]
        offsets.reserveCapacity(rows + 1)
        var text: [UInt8] = []
        text.reserveCapacity(strings.text.count)
        var next = 0
        for row in 0..<rows {
            if present?[row] ?? true {
                let place = places.map { Int($0[next]) } ?? next
                text.append(
                    contentsOf: strings.text[
                        Int(strings.offsets[place])..<Int(strings.offsets[place + 1])])
                next += 1
            }
            offsets.append(UInt32(text.count))
        }
        return TextLane(offsets: offsets, text: text, present: present)
    }
}

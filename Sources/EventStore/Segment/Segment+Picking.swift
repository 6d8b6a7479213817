internal import Bytes
internal import Events
internal import Synchronization

/// Values of a few rows of a group, for events that are shown.
extension Segment {
    /// The values of a column, one for each of `rows`; empty when none of them has any.
    ///
    /// Few rows that are asked for the first time are picked out of the blocks, which are decoded no
    /// further; who asks again, as a page that refreshes, finds the column decoded from then on. A
    /// cold listing of events that lie everywhere takes a third of the time so.
    func values(of name: String, group: Int, at rows: [Int]) throws -> [FieldValue] {
        guard let index = columnIndex[name] else { return [] }
        let entry = footer.columns[index].groups[group]
        if entry.isEmpty { return [] }
        if let column = cache.column(key(index, .rowGroup(group))) {
            return column.values(at: rows)
        }
        if rows.count * Segment.rowsPerPick <= footer.groupRows[group],
            isFirstPick(column: index, group: group)
        {
            return try pick(entry, column: index, group: group, at: rows)
        }
        if let values = try valuesOfPages(entry, column: index, group: group, at: rows) {
            return values
        }
        return try column(name, group: group, isScan: false)?.values(at: rows) ?? []
    }

    /// One row in so many is picked, more are not: then decoding all pays.
    private static let rowsPerPick = 64

    private func isFirstPick(column: Int, group: Int) -> Bool {
        let bit = column * footer.groupRows.count + group
        return picked.withLock { picked in
            if picked == nil { picked = Bitmap(count: footer.entryCount) }
            defer { picked?[bit] = true }
            return picked?[bit] == false
        }
    }

    // MARK: - Picking

    private func pick(
        _ entry: SegmentFooter.GroupEntry, column: Int, group: Int, at rows: [Int]
    ) throws -> [FieldValue] {
        var values: [FieldValue] = []
        func fill<Value>(
            _ lane: SegmentFooter.LaneEntry?, _ make: (Value) throws -> FieldValue,
            _ select: (ArraySlice<UInt8>, SegmentFooter.LaneEntry, [Int]) throws(DecodeError)
                -> [Value]
        ) throws {
            guard let lane else { return }
            let found = try places(of: rows, lane, group: group)
            // Of fields that none of the rows has, the values are not even read.
            if found.isEmpty { return }
            if values.isEmpty { values = [FieldValue](repeating: .missing, count: rows.count) }
            let selected = try decoding(lane.values) { bytes throws(DecodeError) in
                try select(bytes, lane, found.map(\.place))
            }
            for (found, value) in zip(found, selected) { values[found.index] = try make(value) }
        }
        let highest = UInt32(footer.columns[column].dictionary?.count ?? 0)
        try fill(entry.coded, { try value(ofCode: $0, column: column) }) {
            bytes, lane, places throws(DecodeError) in
            try CodeCodec.select(bytes, count: lane.present, highest: highest, at: places)
        }
        try fill(entry.ints, { .int($0) }) { bytes, lane, places throws(DecodeError) in
            var reader = ByteReader(bytes)
            return try IntegerCodec.select(&reader, count: lane.present, at: places)
        }
        try fill(entry.floats, { .float($0) }) { bytes, lane, places throws(DecodeError) in
            var reader = ByteReader(bytes)
            return try FloatCodec.select(&reader, count: lane.present, at: places)
        }
        try fill(entry.texts, { .string(String(decoding: $0, as: UTF8.self)) }) {
            bytes, lane, places throws(DecodeError) in
            try TextCodec.select(bytes, count: lane.present, at: places)
        }
        return values
    }

    /// Which of `rows` have a value in a lane, and at which place among its values.
    private func places(
        of rows: [Int], _ lane: SegmentFooter.LaneEntry, group: Int
    ) throws -> [(index: Int, place: Int)] {
        guard let present = try presence(lane, rows: footer.groupRows[group]) else {
            return rows.enumerated().map { ($0, $1) }
        }
        if !rows.contains(where: { present[$0] }) { return [] }
        var before = 0
        let counts = present.words.map { word in
            defer { before += word.nonzeroBitCount }
            return before
        }
        return rows.enumerated().compactMap { index, row in
            guard present[row] else { return nil }
            let below = present.words[row >> 6] & ((1 << UInt64(row & 63)) - 1)
            return (index, counts[row >> 6] + below.nonzeroBitCount)
        }
    }

    private func value(ofCode code: UInt32, column: Int) throws -> FieldValue {
        guard let pages = try unopenedPages(ofColumn: column) else {
            return try dictionary(ofColumn: column).value(ofCode: code)
        }
        return try value(ofCode: code, pages, column: column)
    }

    // MARK: - Pages

    /// Values found with the codes of the group, but without the whole dictionary; nil where it is
    /// small or open.
    private func valuesOfPages(
        _ entry: SegmentFooter.GroupEntry, column: Int, group: Int, at rows: [Int]
    ) throws -> [FieldValue]? {
        guard let lane = entry.coded, entry.texts == nil, entry.ints == nil, entry.floats == nil,
            let pages = try unopenedPages(ofColumn: column)
        else { return nil }
        let codes = try codes(lane, column: column, group: group, isScan: false)
        if !rows.contains(where: { codes[$0] != 0 }) { return [] }
        return try rows.map { try value(ofCode: codes[$0], pages, column: column) }
    }

    private func value(
        ofCode code: UInt32, _ pages: DictionaryPages, column: Int
    ) throws -> FieldValue {
        if Int(code) <= pages.plain.count { return pages.plain.value(ofCode: code) }
        let number = pages.page(ofEntry: Int(code) - 1)
        let strings = try strings(ofPage: number, pages, column: column)
        let text = strings[Int(code) - 1 - pages.pages[number].start]
        return .string(String(decoding: text, as: UTF8.self))
    }
}

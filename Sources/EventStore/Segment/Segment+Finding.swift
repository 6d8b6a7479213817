internal import Bytes
internal import Events

/// Rows found without the whole column, where its dictionary is in pages.
extension Segment {
    /// The codes of a row group, without the dictionary.
    func codes(
        _ lane: SegmentFooter.LaneEntry, column: Int, group: Int, isScan: Bool
    ) throws -> CodeArray {
        let key = key(column, .codes(group))
        if let known = cache.codes(key) { return known }
        if let column = cache.column(self.key(column, .rowGroup(group))), let lane = column.coded {
            return lane.codes
        }
        if isScan { announce(footer.columns[column].groups[group], column: column) }
        let codes = try codes(lane, column: column, rows: footer.groupRows[group])
        cache.insert(codes, key)
        return codes
    }

    /// The rows of a group whose value is a string, found without the whole dictionary; nil when
    /// reading the column is the better way.
    func rows(equalTo text: String, in name: String, group: Int) throws -> Bitmap? {
        let rows = footer.groupRows[group]
        guard let index = columnIndex[name] else { return Bitmap(count: rows) }
        let entry = footer.columns[index].groups[group]
        if entry.texts != nil, try mayHold(text, column: index, group: group) { return nil }
        guard let lane = entry.coded else { return Bitmap(count: rows) }
        guard let pages = try unopenedPages(ofColumn: index) else { return nil }
        guard let code = try code(of: text, pages, column: index), UInt64(code) >= lane.low,
            UInt64(code) <= lane.high
        else { return Bitmap(count: rows) }
        return try codes(lane, column: index, group: group, isScan: true).rows(equalTo: code)
    }

    /// The rows of a group that have a value, told by what says where the values are; no value is
    /// read.
    ///
    /// A root span is one without a parent: to ask for root spans reads no ids.
    func presence(of name: String, group: Int) throws -> Bitmap {
        let rows = footer.groupRows[group]
        var result = Bitmap(count: rows)
        guard let entry = groupEntry(name, group: group) else { return result }
        for case let lane? in [entry.coded, entry.ints, entry.floats, entry.texts] {
            guard let present = try presence(lane, rows: rows) else {
                return Bitmap(count: rows, repeating: true)
            }
            result.formUnion(present)
        }
        return result
    }

    // MARK: - Filters

    /// Whether a row of a group may have a string; false is a proof that none has.
    func mayHold(_ text: String, in name: String, group: Int) throws -> Bool {
        guard let index = columnIndex[name] else { return false }
        let entry = footer.columns[index].groups[group]
        if entry.texts != nil, try mayHold(text, column: index, group: group) { return true }
        guard let lane = entry.coded else { return false }
        let code =
            if let pages = try unopenedPages(ofColumn: index) {
                try self.code(of: text, pages, column: index)
            } else {
                try dictionary(ofColumn: index).code(of: .string(text))
            }
        return code.map { UInt64($0) >= lane.low && UInt64($0) <= lane.high } ?? false
    }

    /// The code of a string, found in its page.
    private func code(
        of text: String, _ pages: DictionaryPages, column: Int
    ) throws -> UInt32? {
        let wanted = Array(text.utf8)
        guard let number = pages.page(of: wanted),
            let place = try strings(ofPage: number, pages, column: column).index(of: wanted)
        else { return nil }
        return UInt32(pages.pages[number].start + place + 1)
    }

    private func mayHold(_ text: String, column: Int, group: Int) throws -> Bool {
        guard let block = footer.columns[column].groups[group].textFilter,
            cache.column(key(column, .rowGroup(group))) == nil
        else { return true }
        let key = key(column, .filter(group))
        if let known = cache.filter(key) { return known.mayHold(Array(text.utf8)) }
        let filter = try decoding(block) { bytes throws(DecodeError) in
            try StringFilter(decoding: bytes)
        }
        cache.insert(filter, key)
        return filter.mayHold(Array(text.utf8))
    }
}

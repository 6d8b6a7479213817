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
        guard entry.texts == nil else { return nil }
        guard let lane = entry.coded else { return Bitmap(count: rows) }
        guard let pages = try unopenedPages(ofColumn: index) else { return nil }
        let wanted = Array(text.utf8)
        guard let number = pages.page(of: wanted),
            let place = try strings(ofPage: number, pages, column: index).index(of: wanted)
        else { return Bitmap(count: rows) }
        let code = UInt32(pages.pages[number].start + place + 1)
        guard UInt64(code) >= lane.low, UInt64(code) <= lane.high else {
            return Bitmap(count: rows)
        }
        return try codes(lane, column: index, group: group, isScan: true).rows(equalTo: code)
    }
}

internal import Bytes
internal import Events

extension Segment {
    /// Reads and decodes every block and checks that counts, zones and runs are true.
    public func verify() throws {
        var header = ByteReader(try file.read(at: 0, count: SegmentFormat.headerBytes))
        guard try header.read(UInt64.self) == SegmentFormat.magic else {
            throw SegmentError(message: "file does not begin as a segment", offset: 0)
        }
        for (index, column) in footer.columns.enumerated() where column.dictionary != nil {
            let dictionary = try dictionary(ofColumn: index)
            for entry in 1..<max(1, dictionary.count)
            where dictionary[entry - 1] >= dictionary[entry] {
                throw SegmentError(
                    message: "dictionary of column \(column.name) is out of order", offset: 0)
            }
        }
        for index in footer.groupRows.indices {
            let group = SegmentRowGroup(segment: self, index: index)
            let times = try group.loadTimestamps()
            let first = index * SegmentFormat.rowsPerGroup
            for run in footer.runs {
                // The part of the run that lies in this row group, if any does.
                let low = max(run.firstRow, first)
                let high = min(run.firstRow + run.rows, first + times.count)
                guard low < high else { continue }
                let slice = times[(low - first)..<(high - first)]
                let isAscending = zip(slice, slice.dropFirst()).allSatisfy { $0 <= $1 }
                guard isAscending, slice.allSatisfy({ $0 >= run.earliest && $0 <= run.latest })
                else { throw SegmentError(message: "rows out of order", offset: 0) }
            }
            for (column, entry) in footer.columns.enumerated() where !entry.groups[index].isEmpty {
                let decoded = try decode(entry.groups[index], column: column, rows: times.count)
                guard decoded.presence().population == entry.groups[index].present else {
                    throw SegmentError(message: "a row has two values in one field", offset: 0)
                }
                try verifyFilter(decoded, column: column, group: index)
                guard entry.groups[index].zonesHold(decoded) else {
                    throw SegmentError(
                        message: "values outside the bounds of column \(entry.name)", offset: 0)
                }
            }
        }
    }

    /// Checks that no string is ruled out that is there.
    private func verifyFilter(_ decoded: Column, column: Int, group: Int) throws {
        guard let block = footer.columns[column].groups[group].textFilter else { return }
        let filter = try decoding(block) { bytes throws(DecodeError) in
            try StringFilter(decoding: bytes)
        }
        for row in 0..<decoded.rows {
            guard case .string(let text) = decoded.value(at: row) else { continue }
            // A string of the dictionary beside the texts is in no filter.
            if decoded.texts == nil || decoded.texts?[row] != nil,
                !filter.mayHold(Array(text.utf8))
            {
                throw SegmentError(
                    message: "a filter rules out a string that is there", offset: block.offset)
            }
        }
    }
}

extension SegmentFooter.GroupEntry {
    /// Whether every value of the column lies within what the footer says of it.
    fileprivate func zonesHold(_ column: Column) -> Bool {
        if let coded, let lane = column.coded {
            let present = lane.codes.widened().filter { $0 != 0 }
            guard present.allSatisfy({ UInt64($0) >= coded.low && UInt64($0) <= coded.high })
            else { return false }
        }
        if let ints, let lane = column.ints {
            let (low, high) = (Int64(bitPattern: ints.low), Int64(bitPattern: ints.high))
            if !lane.forEach({ $1 >= low && $1 <= high }) { return false }
        }
        if let floats, let lane = column.floats {
            let (low, high) = (Double(bitPattern: floats.low), Double(bitPattern: floats.high))
            return lane.forEach { $1 >= low && $1 <= high }
        }
        return true
    }
}

internal import Synchronization

extension Segment {
    /// Lets the machine fetch what comes next of a column while this row group is decoded: blocks of
    /// a column lie one after the other, and whoever reads one mostly reads on.
    ///
    /// A cold scan of one column waits for the disk a few times instead of twice a row group.
    func announce(_ entry: SegmentFooter.GroupEntry, column: Int) {
        let lanes = [entry.coded, entry.ints, entry.floats, entry.texts]
        guard let start = lanes.lazy.compactMap({ $0?.values.offset }).min() else { return }
        let end = footer.columns[column].blocksEnd
        let isDue = announced.withLock { announced in
            let known = announced[column]
            guard known < min(end, start + Segment.bytesAhead / 2) else { return 0..<0 }
            announced[column] = min(end, start + Segment.bytesAhead)
            return max(start, known)..<announced[column]
        }
        if !isDue.isEmpty { file.willRead(at: isDue.lowerBound, count: isDue.count) }
    }

    /// Lets the machine fetch the blocks of some columns of one row group, all at once.
    func announce(_ names: [String], group: Int) {
        var blocks: [BlockReference] = []
        for name in names {
            guard let index = columnIndex[name],
                cache.column(key(index, .rowGroup(group))) == nil,
                cache.codes(key(index, .codes(group))) == nil
            else { continue }
            let column = footer.columns[index]
            let entry = column.groups[group]
            for case let lane? in [entry.coded, entry.ints, entry.floats, entry.texts] {
                blocks.append(lane.values)
                if let presence = lane.presence { blocks.append(presence) }
            }
            if entry.coded != nil, let dictionary = column.dictionary {
                blocks.append(dictionary.block)
            }
        }
        blocks.sort { $0.offset < $1.offset }
        var next = 0..<0
        for block in blocks {
            let range = block.offset..<block.offset + block.length
            if range.lowerBound <= next.upperBound + Segment.gapBytes, !next.isEmpty {
                next = next.lowerBound..<max(next.upperBound, range.upperBound)
            } else {
                if !next.isEmpty { file.willRead(at: next.lowerBound, count: next.count) }
                next = range
            }
        }
        if !next.isEmpty { file.willRead(at: next.lowerBound, count: next.count) }
    }

    /// Bytes between two blocks that are rather fetched than left out.
    static let gapBytes = 16 << 10

    /// Bytes of a column that are fetched ahead of its scan.
    static let bytesAhead = 1 << 20
}

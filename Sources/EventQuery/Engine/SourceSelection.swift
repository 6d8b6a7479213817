internal import Bytes
internal import Compute
internal import Events

extension QueryPlan {
    /// The rows of a source that the query is about; nil when there are none.
    ///
    /// Narrows filter by filter, cheapest first, and stops as soon as nothing is left.
    func selectedRows(
        _ scan: SourceEvaluator, _ memo: DictionaryMemo
    ) throws -> Bitmap? {
        let source = scan.source
        let bounds = source.timeBounds
        guard bounds.upperBound >= timeRange.lowerBound, bounds.lowerBound < timeRange.upperBound
        else { return nil }
        guard var selection = try rowsOfDatasets(source) else { return nil }
        if bounds.lowerBound < timeRange.lowerBound || bounds.upperBound >= timeRange.upperBound {
            selection.formIntersection(rows(in: timeRange, try source.loadTimestamps()))
            if selection.isEmpty { return nil }
        }
        for condition in conditions {
            selection.formIntersection(try scan.rows(where: condition))
            if selection.isEmpty { return nil }
        }
        return selection
    }

    private func rowsOfDatasets(_ source: any EventSource) throws -> Bitmap? {
        if datasets == nil && !source.hasDeadRows {
            return Bitmap(count: source.rows, repeating: true)
        }
        let lane = try source.loadDatasets()
        var isWanted = [false]
        for index in 0..<lane.dictionary.count {
            guard case .string(let name) = lane.dictionary[index] else {
                isWanted.append(false)
                continue
            }
            isWanted.append(datasets?.contains(DatasetName.key(name)) ?? true)
        }
        if isWanted.dropFirst().allSatisfy({ $0 }) && !source.hasDeadRows {
            return Bitmap(count: source.rows, repeating: true)
        }
        if !isWanted.contains(true) { return nil }
        var rows = Bitmap(count: source.rows)
        for row in 0..<source.rows where isWanted[Int(lane.codes[row])] { rows[row] = true }
        return rows.isEmpty ? nil : rows
    }

    private func rows(in range: Range<Int64>, _ times: [Int64]) -> Bitmap {
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(times.count))
        let (start, end) = (range.lowerBound, range.upperBound)
        times.withUnsafeBufferPointer { times in
            for row in 0..<times.count {
                let isIn: UInt64 = times[row] >= start && times[row] < end ? 1 : 0
                words[row >> 6] |= isIn << UInt64(row & 63)
            }
        }
        return Bitmap(count: times.count, words: words)
    }
}

extension Bitmap {
    /// The rows of the set, ascending; nil when it is all rows.
    var listedRows: [UInt32]? {
        let population = population
        if population == count { return nil }
        var rows: [UInt32] = []
        rows.reserveCapacity(population)
        forEachRow { rows.append(UInt32(truncatingIfNeeded: $0)) }
        return rows
    }
}

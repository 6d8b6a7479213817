internal import Bytes
internal import Compute
internal import Events

/// The rows of a source that a query is about, at least one.
struct SelectedRows {
    /// nil for all rows.
    let rows: Bitmap?
    /// How many.
    let count: Int

    /// nil when no row is selected.
    init?(_ rows: Bitmap?, of source: any EventSource) {
        count = rows?.population ?? source.rows
        if count == 0 { return nil }
        self.rows = count == source.rows ? nil : rows
    }

    /// Calls `body` with each row, ascending.
    func forEach(of source: any EventSource, _ body: (Int) -> Void) {
        if let rows { rows.forEachRow(body) } else { (0..<source.rows).forEach(body) }
    }
}

extension QueryPlan {
    /// The rows of a source that the query is about; nil when there are none.
    ///
    /// Narrows filter by filter, cheapest first, and stops as soon as nothing is left.
    func selectedRows(_ scan: SourceEvaluator) throws -> SelectedRows? {
        let source = scan.source
        let bounds = source.timeBounds
        guard bounds.upperBound >= timeRange.lowerBound, bounds.lowerBound < timeRange.upperBound,
            source.rows > 0
        else {
            trace?.note(.time, rowsIn: source.rows, rowsOut: 0, isRuledOut: true, since: nil)
            return nil
        }
        var selection: Bitmap?
        func narrow(_ place: QueryTrace.Place, _ find: () throws -> Bitmap?) rethrows -> Bool {
            let (start, bytes) = (trace?.now, scan.bytesScanned)
            let before = trace == nil ? 0 : selection?.population ?? source.rows
            if let rows = try find() {
                selection?.formIntersection(rows)
                if selection == nil { selection = rows }
            }
            let goesOn = selection?.isEmpty != true
            trace?.note(
                place, rowsIn: before, rowsOut: selection?.population ?? source.rows,
                bytes: scan.bytesScanned - bytes,
                isRuledOut: !goesOn && scan.bytesScanned == bytes, since: start)
            return goesOn
        }
        if datasets != nil || source.hasDeadRows {
            guard try narrow(.datasets, { try rowsOfDatasets(source) }) else { return nil }
        }
        if bounds.lowerBound < timeRange.lowerBound || bounds.upperBound >= timeRange.upperBound {
            let isMet = try narrow(.time) {
                let times = try source.loadTimestamps()
                return timeRange.rows(of: times, ascending: source.ascendingRuns)
            }
            if !isMet { return nil }
        }
        if let sample, try !narrow(.sample, { try sample.rows(of: source) }) { return nil }
        for (index, condition) in conditions.enumerated() {
            try scan.checkpoint?()
            guard try narrow(.condition(index), { try scan.rows(where: condition) }) else {
                return nil
            }
        }
        if !needs.isEmpty, try !narrowByRelatives(scan, { rows in narrow(.relatives) { rows } }) {
            return nil
        }
        return SelectedRows(selection, of: source)
    }

    /// The rows of the datasets that are asked about; nil for all rows.
    func rowsOfDatasets(_ source: any EventSource) throws -> Bitmap? {
        let lane = try source.loadDatasets()
        var isWanted = [false]
        for index in 0..<lane.dictionary.count {
            guard case .string(let name) = lane.dictionary[index] else {
                isWanted.append(false)
                continue
            }
            isWanted.append(datasets?.contains(DatasetName.key(name)) ?? true)
        }
        if isWanted.dropFirst().allSatisfy({ $0 }) && !source.hasDeadRows { return nil }
        if !isWanted.contains(true) { return Bitmap(count: source.rows) }
        return lane.codes.rows { isWanted[Int($0)] }
    }
}

extension CodeArray {
    /// The rows whose code meets a condition, which is asked once a code.
    fileprivate func rows(where isWanted: (UInt32) -> Bool) -> Bitmap {
        let wanted = (0...highest).map { isWanted($0) }
        var words = [UInt64](repeating: 0, count: Bitmap.wordCount(count))
        func select<Code: FixedWidthInteger>(_ codes: [Code]) {
            for (row, code) in codes.enumerated() where wanted[Int(code)] {
                words[row >> 6] |= 1 << UInt64(row & 63)
            }
        }
        switch self {
        case .bytes(let codes): select(codes)
        case .words(let codes): select(codes)
        case .longs(let codes): select(codes)
        }
        return Bitmap(count: count, words: words)
    }
}

extension Range<Int64> {
    /// The rows whose time is in the range.
    ///
    /// - Parameter runs: stretches of rows within which times ascend, as `EventSource` has them.
    fileprivate func rows(of times: [Int64], ascending runs: [Range<Int>]) -> Bitmap {
        var rows = Bitmap(count: times.count)
        if runs.isEmpty {
            for row in times.indices where contains(times[row]) { rows[row] = true }
        }
        for run in runs {
            // Fast path: where times ascend, both ends are found by halving.
            rows.insert(
                run.firstIndex {
                    times[$0] >= lowerBound
                }..<run.firstIndex {
                    times[$0] >= upperBound
                })
        }
        return rows
    }
}

extension Range<Int> {
    /// The first index from which on a condition holds; the upper bound when it never does.
    fileprivate func firstIndex(where holds: (Int) -> Bool) -> Int {
        var (low, high) = (lowerBound, upperBound)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

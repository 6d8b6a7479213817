internal import Events

/// The order of a segment's rows: by dataset, then by time; equal ones as they came.
struct SegmentOrder {
    let rows: Int
    /// For each row of each source, the source's rows one after the other, its row in the segment.
    let positions: [UInt32]
    /// Where each source's rows begin in `positions`.
    let starts: [Int]
    let runs: [SegmentRun]

    private struct Key {
        var time: Int64
        var source: UInt32
    }

    init(_ sources: [any EventSource]) throws {
        var starts: [Int] = []
        var total = 0
        for source in sources {
            starts.append(total)
            total += source.rows
        }
        precondition(
            total > 0 && total <= SegmentFormat.rowsMax, "BUG: rows of a segment: \(total)")

        let dictionary = DictionaryBuilder()
        var buckets: [[Key]] = []
        for (index, source) in sources.enumerated() {
            let times = try source.loadTimestamps()
            let datasets = try source.loadDatasets()
            let map = dictionary.codes(ofEntriesIn: datasets.dictionary)
            while buckets.count < dictionary.count { buckets.append([]) }
            let codes = datasets.codes.widened()
            for row in 0..<source.rows {
                buckets[Int(map[Int(codes[row])]) - 1].append(
                    Key(time: times[row], source: UInt32(starts[index] + row)))
            }
        }
        let names = dictionary.dictionary()
        let sorted = buckets.indices.filter { !buckets[$0].isEmpty }
            .sorted { names[$0] < names[$1] }

        var positions = [UInt32](repeating: 0, count: total)
        var runs: [SegmentRun] = []
        var next = 0
        for bucket in sorted {
            var keys = buckets[bucket]
            buckets[bucket] = []
            // The sort is stable, and quick on what is nearly in order already.
            keys.sort { $0.time < $1.time }
            guard let first = keys.first, let last = keys.last,
                case .string(let name) = names[bucket]
            else { continue }
            runs.append(
                SegmentRun(
                    dataset: name, firstRow: next, rows: keys.count, earliest: first.time,
                    latest: last.time))
            for key in keys {
                positions[Int(key.source)] = UInt32(next)
                next += 1
            }
        }
        rows = total
        self.positions = positions
        self.starts = starts
        self.runs = runs
    }

    /// The positions of source `index`'s rows.
    func positions(ofSource index: Int) -> ArraySlice<UInt32> {
        let end = index + 1 < starts.count ? starts[index + 1] : rows
        return positions[starts[index]..<end]
    }
}

internal import Events

/// How long spans were open in each time bucket, from their start times and durations.
///
/// A span is open from its own bucket on into later ones, which may be no group of their own. So each
/// cell, that of a span's start, keeps what falls in its own bucket, and of spans that go on, how many
/// buckets later they end and how long they are open there: between, they are open all the time. What
/// is open in a bucket is added up over the cells of a group when the answer is written.
public final class OpenSpanState: AggregateState {
    /// When spans are looked at.
    public struct Frame: Sendable {
        /// Start of the first bucket, nanoseconds since 1970.
        let origin: Int64
        /// Nanoseconds, at least 1.
        let width: Int64
        /// From here on nothing is open.
        let end: Int64

        /// - Parameter buckets: nil for the whole range as one bucket.
        public init(_ range: Range<Int64>, _ buckets: TimeBuckets?) {
            let length = range.upperBound.subtractingReportingOverflow(range.lowerBound)
            origin = buckets?.origin ?? range.lowerBound
            width = buckets?.width ?? (length.overflow ? .max : max(1, length.partialValue))
            end = range.upperBound
        }
    }

    /// Spans that end in one bucket after that of their start.
    struct Ending {
        var spans: UInt64 = 0
        /// Nanoseconds open in the bucket of the end, all together.
        var open = 0.0
    }

    private let frame: Frame
    private var cells = 0
    /// Nanoseconds in the bucket of the start, one a cell.
    private var own: [Double] = []
    /// By cell, and by how many buckets later spans end.
    private var endings: [Int: [Int64: Ending]] = [:]
    private var endingCount = 0
    public private(set) var ignored = 0

    public init(_ frame: Frame) { self.frame = frame }

    public func makeEmpty() -> any AggregateState { OpenSpanState(frame) }
    public var byteCount: Int { own.count * 8 + endings.count * 64 + endingCount * 48 }

    public func grow(toCells count: Int) {
        cells = max(cells, count)
        extend(&own, toCells: cells, with: 0)
    }

    public func update(_ rows: GroupedRows, _ input: AggregateInput) {
        guard let column = input.column else { return }
        guard let times = input.timestamps else {
            preconditionFailure("BUG: spans without their times")
        }
        ignored += input.numbers(includingBooleans: false).countOthers(rows)
        RowMask(rows, present: column.presence()).forEach { row in
            guard let milliseconds = ExpressionEvaluator.number(column.value(at: row)) else {
                return
            }
            add(
                start: times[row], nanoseconds: milliseconds * 1e6, Int(rows.cells[row]),
                UInt64(rows.weight(ofRow: row)))
        }
    }

    private func add(start: Int64, nanoseconds: Double, _ cell: Int, _ weight: UInt64) {
        guard nanoseconds > 0, start < frame.end else { return }
        let left = frame.end.subtractingReportingOverflow(start)
        let longest = left.overflow ? Int64.max : left.partialValue
        let length = nanoseconds >= Double(longest) ? longest : Int64(nanoseconds)
        let since = start.subtractingReportingOverflow(frame.origin)
        let inBucket = since.overflow ? 0 : since.partialValue % frame.width
        let room = frame.width - inBucket
        own[cell] += Double(min(length, room)) * Double(weight)
        if length <= room { return }
        let rest = length - room
        // A span that ends where a bucket ends is open in the whole of it.
        let offset = (rest - 1) / frame.width + 1
        let open = rest - (offset - 1) * frame.width
        var ending = endings[cell, default: [:]][offset] ?? Ending()
        if ending.spans == 0 { endingCount += 1 }
        ending.spans &+= weight
        ending.open += Double(open) * Double(weight)
        endings[cell, default: [:]][offset] = ending
    }

    public func merge(_ other: any AggregateState, _ map: CellMap, keepingOther: Bool) {
        guard let other = other as? OpenSpanState else {
            preconditionFailure("BUG: unlike aggregates")
        }
        ignored += other.ignored
        Compute.merge(&own, other.own, map) { $0 + $1 }
        for (cell, theirs) in other.endings where map[cell] >= 0 {
            for (offset, ending) in theirs {
                var sum = endings[map[cell], default: [:]][offset] ?? Ending()
                if sum.spans == 0 { endingCount += 1 }
                sum.spans &+= ending.spans
                sum.open += ending.open
                endings[map[cell], default: [:]][offset] = sum
            }
        }
    }

    /// One cell says nothing of its bucket: spans of others are open in it.
    public func value(ofCell cell: Int, _ reading: AggregateReading) -> AggregateValue {
        .value(.missing)
    }

    /// Nanoseconds that spans are open in each of some buckets, all together.
    ///
    /// - Parameters:
    ///   - cells: those of one group, each with its bucket.
    ///   - count: how many buckets are asked for, from the first.
    public func open(
        inBuckets count: Int, ofCells cells: [(bucket: Int, cell: Int)]
    ) -> [Double] {
        var open = [Double](repeating: 0, count: count)
        // Spans that are open throughout, as the change from the bucket before.
        var throughout = [Int64](repeating: 0, count: count + 1)
        for (bucket, cell) in cells {
            open[bucket] += own[cell]
            for (offset, ending) in endings[cell] ?? [:] {
                let last = Int64(bucket) + offset
                throughout[min(bucket + 1, count)] += Int64(clamping: ending.spans)
                if last < count {
                    throughout[Int(last)] -= Int64(clamping: ending.spans)
                    open[Int(last)] += ending.open
                }
            }
        }
        var spans: Int64 = 0
        for bucket in 0..<count {
            spans += throughout[bucket]
            open[bucket] += Double(spans) * Double(frame.width)
        }
        return open
    }
}

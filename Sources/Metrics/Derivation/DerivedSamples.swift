internal import Compute
internal import SeriesStore

/// Makes the samples of one series from the cells of its group.
///
/// A sample stands at the end of a cell. A series begins with its first event, and ends, with a stale
/// marker, when there was none for `staleAfter`: no series lives for ever.
struct DerivedSamples {
    private let frame: DerivedCells.Frame
    private let staleAfter: Int64
    /// Milliseconds after which totals begin again; nil for never.
    private let restarts: Int64?
    /// Milliseconds since 1970; cells that end before have no sample.
    private let from: Int64

    /// Of each cell whether any group is present in it; empty but for presence.
    private let isObserved: [Bool]

    init(_ cells: DerivedCells, _ definition: MetricDefinition, from: Int64) {
        frame = cells.frame
        isObserved = definition.kind == .presence ? cells.isObserved : []
        staleAfter = definition.staleAfter
        restarts = definition.restartInterval
        self.from = from
    }

    /// Of one number of a group.
    func samples(
        _ kind: MetricDefinition.Kind, of group: DerivedCells.Group, _ place: Int
    ) -> Samples {
        switch kind {
        case .counter, .histogram:
            totals(group, 0, { $0 += $1.numbers[place] }, { .float($0) })
        case .exponentialHistogram:
            totals(group, MetricNumbers(numbers: [0])) {
                $0.add($1)
            } _: {
                .histogram(NativeHistogram($0.counts ?? ExponentialCounts(), sum: $0.numbers[0]))
            }
        case .presence: presence(group)
        case .gauge(.last): readings(group, isHeld: true)
        case .gauge(.concurrency), .distinct: readings(group, between: 0)
        case .gauge: readings(group)
        }
    }

    // MARK: - What only grows

    /// Running totals.
    ///
    /// A series that begins, or goes on after it had ended, has its total before as well,
    /// so that `increase` counts its first event.
    private func totals<Total>(
        _ group: DerivedCells.Group, _ nothing: Total,
        _ add: (inout Total, MetricNumbers) -> Void, _ value: (Total) -> SampleValue
    ) -> Samples {
        var total = nothing
        if let before = group.before { add(&total, before) }
        var current = value(total)
        var samples = Samples()
        var aliveUntil = group.lastBefore.map { $0 / 1_000_000 + staleAfter } ?? .min
        var isAlive = frame.begin(ofCell: 0) <= aliveUntil
        var rest = group.cells[...]
        var blurred = BlurredCells(group)
        var cell = isAlive ? 0 : rest.first?.cell ?? frame.count
        while cell < frame.count {
            let (begin, end) = (frame.begin(ofCell: cell), frame.end(ofCell: cell))
            if let restarts, begin % restarts == 0 {
                total = nothing
                current = value(total)
                // A sample of its own, so that a reset is seen however much there is in the first cell.
                if isAlive && begin >= from { samples.append(begin + 1, current) }
            }
            if let next = rest.first, next.cell == cell {
                if !isAlive && begin >= from { samples.append(begin, current) }
                isAlive = true
                add(&total, next.numbers)
                current = value(total)
                rest.removeFirst()
                aliveUntil = end + staleAfter
            }
            if isAlive && end > aliveUntil && rest.first?.cell != cell + 1 {
                if end >= from { samples.append(end, StaleMarker.value) }
                isAlive = false
            }
            if isAlive && end >= from && !blurred.contains(cell) { samples.append(end, current) }
            cell = isAlive ? cell + 1 : rest.first?.cell ?? frame.count
        }
        return samples
    }

    // MARK: - Presence

    /// 1 in cells that end at most five minutes after an event, else 0; nothing where no group has one
    /// for so long: then it cannot be told whether they are silent or nobody listens.
    private func presence(_ group: DerivedCells.Group) -> Samples {
        var samples = Samples()
        var last = group.lastBefore.map { $0 / 1_000_000 }
        var rest = group.cells[...]
        for cell in 0..<frame.count {
            let end = frame.end(ofCell: cell)
            if let next = rest.first, next.cell == cell {
                last = end
                rest.removeFirst()
            }
            guard let last, end >= from, isObserved[cell] else { continue }
            if end > last + staleAfter {
                if samples.values.last.map(StaleMarker.isStale) == false {
                    samples.append(end, StaleMarker.value)
                }
            } else {
                samples.append(end, end - last <= DerivedSamples.presenceReach ? 1 : 0)
            }
        }
        return samples
    }

    /// Milliseconds after its last event for which a group counts as present.
    static let presenceReach: Int64 = 300_000

    // MARK: - Gauges

    /// The numbers of cells.
    ///
    /// - Parameters:
    ///   - isHeld: whether a number holds in cells without one.
    ///   - between: what those have otherwise; nil for no sample.
    private func readings(
        _ group: DerivedCells.Group, isHeld: Bool = false, between: Double? = nil
    ) -> Samples {
        var samples = Samples()
        var held = isHeld ? group.before?.numbers[0] : nil
        var aliveUntil = group.lastBefore.map { $0 / 1_000_000 + staleAfter } ?? .min
        var isAlive = isHeld && held != nil && frame.begin(ofCell: 0) <= aliveUntil
        var rest = group.cells[...]
        var blurred = BlurredCells(group)
        var cell = isAlive ? 0 : rest.first?.cell ?? frame.count
        while cell < frame.count {
            let end = frame.end(ofCell: cell)
            var value = isHeld ? held : between
            if let next = rest.first, next.cell == cell {
                value = next.numbers.numbers[0]
                held = value
                isAlive = true
                rest.removeFirst()
                aliveUntil = end + staleAfter
            }
            // A text that is no number ends the series as time does.
            if isAlive && (end > aliveUntil || value.map(StaleMarker.isStale) == true) {
                (value, isAlive) = (StaleMarker.value, false)
            }
            if let value, end >= from, !blurred.contains(cell) { samples.append(end, value) }
            cell = isAlive ? cell + 1 : rest.first?.cell ?? frame.count
        }
        return samples
    }
}

/// Cells without a sample, asked for in their order.
private struct BlurredCells {
    private var rest: ArraySlice<Range<Int>>

    init(_ group: DerivedCells.Group) { rest = group.blurred[...] }

    mutating func contains(_ cell: Int) -> Bool {
        while let range = rest.first, range.upperBound <= cell { rest.removeFirst() }
        return rest.first?.contains(cell) ?? false
    }
}

extension NativeHistogram {
    /// What Prometheus has for an exponential histogram: its buckets are named by their upper bounds.
    init(_ counts: ExponentialCounts, sum: Double) {
        let (positive, negative) = (counts.positive.filled, counts.negative.filled)
        self.init(
            schema: Int32(counts.scale), zeroCount: Double(counts.zeroCount),
            count: Double(counts.count), sum: sum, positiveSpans: positive.spans,
            positiveBuckets: positive.buckets, negativeSpans: negative.spans,
            negativeBuckets: negative.buckets)
    }
}

extension ExponentialCounts.Side {
    /// The buckets that hold something, in runs.
    fileprivate var filled: (spans: [NativeHistogram.Span], buckets: [Double]) {
        var spans: [NativeHistogram.Span] = []
        var buckets: [Double] = []
        var end = 0
        for (place, count) in counts.enumerated() where count > 0 {
            let index = offset + place + 1
            if let last = spans.indices.last, index == end {
                spans[last].length += 1
            } else {
                spans.append(NativeHistogram.Span(offset: Int32(index - end), length: 1))
            }
            end = index + 1
            buckets.append(Double(count))
        }
        return (spans, buckets)
    }
}

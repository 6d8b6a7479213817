internal import Bytes
internal import Compute
internal import SeriesStore

/// What is left of a metric, by the values of its labels, in the cells that a question has.
///
/// A cell that is left may be longer than those: its increments stand at the last of them, as it is not
/// known when between its beginning and its end they were.
struct PastGroups {
    struct Group {
        var before: MetricNumbers?
        /// When the earliest cell begins, nanoseconds since 1970.
        var first: Int64?
        /// The time of the end of the last cell before the first one, nanoseconds since 1970.
        var lastBefore: Int64?
        var cells: [Int: MetricNumbers] = [:]
        /// Cells at whose ends it is not known what there was.
        var blurred: [Range<Int>] = []
    }

    private(set) var byLabels: [[String]?: Group] = [:]
    /// Milliseconds of the longest cell that is not before the first one; nil when none is.
    private(set) var longest: Int64?
    private let definition: MetricDefinition
    private let frame: DerivedCells.Frame
    /// Milliseconds since 1970: what was before is in no total.
    private let totalsBegin: Int64
    /// Of a histogram's bounds, as they stand in a label.
    private let placeByBound: [String: Int]

    init(_ definition: MetricDefinition, _ frame: DerivedCells.Frame) {
        self.definition = definition
        self.frame = frame
        totalsBegin = definition.totalsBegin(before: frame.start) / 1_000_000
        placeByBound = Dictionary(
            uniqueKeysWithValues: definition.bounds.enumerated().map {
                (NumberText.openMetrics($0.element), $0.offset + 2)
            })
    }

    /// Adds series that were kept; `stretches` tell how long their samples stand for.
    mutating func add(_ series: [SeriesData], _ stretches: [SeriesStretch]) {
        for data in series {
            guard let place = place(of: data.labels) else { continue }
            let isOverflow = !data.labels[MetricDefinition.overflowLabel].isEmpty
            let labels = isOverflow ? nil : definition.labels.map { data.labels[$0.name] }
            var group = byLabels[labels] ?? Group()
            var stretch = 0
            for index in 0..<data.samples.count {
                let time = data.samples.timestamps[index]
                while stretch < stretches.count - 1, stretches[stretch].to < time { stretch += 1 }
                guard let step = stretches.isEmpty ? nil : stretches[stretch].step,
                    let numbers = numbers(data.samples[valueAt: index], at: place)
                else { continue }
                add(numbers, time, max(step, definition.pastCell), to: &group)
            }
            byLabels[labels] = group
        }
    }

    /// Which of a group's numbers a series is; nil when it is none of them.
    private func place(of labels: Labels) -> Int? {
        let name = labels.metricName
        let part = definition.parts.first { definition.name + $0.suffix == name }
        switch part {
        case .whole, .count: return 0
        case .sum: return 1
        case .bucket: return placeByBound[labels["le"]]
        case .created, nil: return nil
        }
    }

    private func numbers(_ value: SampleValue, at place: Int) -> MetricNumbers? {
        switch value {
        case .float(let value):
            if definition.kind == .exponentialHistogram { return nil }
            let count = definition.parts.count > 1 ? definition.bounds.count + 2 : 1
            var numbers = MetricNumbers(numbers: [Double](repeating: 0, count: count))
            numbers.numbers[place] = value
            return numbers
        case .histogram(let histogram):
            guard definition.kind == .exponentialHistogram else { return nil }
            return MetricNumbers(numbers: [histogram.sum], counts: ExponentialCounts(histogram))
        }
    }

    /// - Parameters:
    ///   - time: the beginning of what the numbers stand for, milliseconds since 1970.
    ///   - step: how long that is.
    private mutating func add(
        _ numbers: MetricNumbers, _ time: Int64, _ step: Int64, to group: inout Group
    ) {
        let (start, width) = (frame.begin(ofCell: 0), frame.width / 1_000_000)
        let end = time + step
        if time >= totalsBegin { group.first = min(group.first ?? .max, time * 1_000_000) }
        if end <= start {
            if time >= totalsBegin { definition.kind.combine(&group.before, numbers) }
            group.lastBefore = max(group.lastBefore ?? .min, end * 1_000_000 - 1)
            return
        }
        longest = max(longest ?? 0, step)
        let first = max(0, Int((time - start) / width))
        let last = min(frame.count, Int((end - 1 - start) / width))
        if first < last { group.blurred.append(first..<last) }
        if time < start {
            // It goes on from before, whatever of it was before.
            group.lastBefore = max(group.lastBefore ?? .min, start * 1_000_000 - 1)
        } else if first < last && definition.kind.isAdditive {
            // The series is there from the beginning on.
            var nothing = numbers
            nothing.counts = nil
            nothing.numbers = nothing.numbers.map { _ in 0 }
            definition.kind.combine(&group.cells[first], nothing)
        }
        if last < frame.count { definition.kind.combine(&group.cells[last], numbers) }
    }
}

extension MetricDefinition.Kind {
    /// Makes one of what a longer cell, or a longer time, has of two shorter ones, the later one second.
    fileprivate func combine(_ numbers: inout MetricNumbers?, _ later: MetricNumbers) {
        guard var sum = numbers else {
            numbers = later
            return
        }
        switch self {
        case .counter, .histogram, .exponentialHistogram: sum.add(later)
        case .gauge(.min): sum.numbers[0] = min(sum.numbers[0], later.numbers[0])
        case .gauge(.max), .distinct, .presence:
            sum.numbers[0] = max(sum.numbers[0], later.numbers[0])
        case .gauge: sum = later
        }
        numbers = sum
    }
}

extension DerivedCells {
    /// Adds what is left of events that are gone; of what cannot be added up, events that are there
    /// count alone.
    mutating func add(_ past: PastGroups, isAdditive: Bool) {
        let places = Dictionary(
            uniqueKeysWithValues: groups.enumerated().map { ($0.element.labels, $0.offset) })
        for (labels, left) in past.byLabels {
            var group = places[labels].map { groups[$0] } ?? Group(labels: labels)
            if let before = left.before {
                if isAdditive {
                    group.before = group.before ?? before.nothing
                    group.before?.add(before)
                } else if group.before == nil
                    || group.lastBefore ?? .min < left.lastBefore ?? .min
                {
                    group.before = before
                }
            }
            group.lastBefore = [group.lastBefore, left.lastBefore].compactMap { $0 }.max()
            var cells = left.cells
            for (cell, numbers) in group.cells {
                var sum = numbers
                if isAdditive, let more = cells[cell] { sum.add(more) }
                cells[cell] = sum
            }
            group.cells = cells.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            group.blurred = left.blurred.sorted { $0.lowerBound < $1.lowerBound }
            replace(group, at: places[labels])
        }
    }
}

extension MetricNumbers {
    /// As many numbers, all of them 0.
    fileprivate var nothing: MetricNumbers {
        MetricNumbers(numbers: numbers.map { _ in 0 })
    }
}

extension ExponentialCounts {
    /// What a stored histogram counts; its buckets are named by their upper bounds.
    init(_ histogram: NativeHistogram) {
        func counts(
            _ spans: [NativeHistogram.Span], _ buckets: [Double]
        ) -> [(index: Int, count: UInt64)] {
            var (index, place) = (0, 0)
            var found: [(index: Int, count: UInt64)] = []
            for span in spans {
                index += Int(span.offset)
                for _ in 0..<span.length where place < buckets.count {
                    found.append((index - 1, UInt64(max(0, buckets[place]))))
                    (index, place) = (index + 1, place + 1)
                }
            }
            return found
        }
        self.init(
            scale: Int(histogram.schema), zeroCount: UInt64(max(0, histogram.zeroCount)),
            positive: counts(histogram.positiveSpans, histogram.positiveBuckets),
            negative: counts(histogram.negativeSpans, histogram.negativeBuckets))
    }
}

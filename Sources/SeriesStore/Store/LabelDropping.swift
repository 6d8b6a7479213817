/// Labels that series lose when their samples pass an age; those that become one are made one.
public struct LabelDropping: Hashable, Sendable {
    /// What two samples of one time become, and two cells.
    public enum Merging: Hashable, Sendable {
        case sum, min, max, average
    }

    /// Milliseconds after the end of the thirty days that a sample lies in.
    public var age: Int64
    public var labels: Set<String>
    public var merging: Merging

    public init(age: Int64, labels: Set<String>, merging: Merging) {
        (self.age, self.labels, self.merging) = (age, labels, merging)
    }

    /// Up to when samples have passed the age, milliseconds since 1970: where thirty days end, as blocks of
    /// hours do.
    public func border(at now: Int64) -> Int64 {
        let (time, overflows) = now.subtractingReportingOverflow(age)
        return overflows ? .min : Tier.hour.blockStart(of: time)
    }
}

extension [LabelDropping] {
    /// What is left of a series' labels at a time that ends before `end`, and how series that become one
    /// are made one; nil when nothing is dropped.
    func left(
        of labels: Labels, before end: Int64, now: Int64
    ) -> (labels: Labels, merging: LabelDropping.Merging)? {
        let due = filter { $0.border(at: now) >= end }
        guard let merging = due.first?.merging else { return nil }
        let dropped = due.reduce(into: Set<String>()) { $0.formUnion($1.labels) }
        return (Labels(labels.filter { !dropped.contains($0.name) }), merging)
    }
}

// MARK: - Making series one

/// The cells of several series as those of one, added one after the other.
struct MergedCells {
    private var cells: SeriesCells?
    /// How many numbers there are of each time, where averages of more than one are taken.
    private var counts: [Int64: Double]?
    private let merging: LabelDropping.Merging
    private let summing: (NativeHistogram, NativeHistogram) -> NativeHistogram

    /// - Parameter summing: the sum of two histograms.
    init(
        _ merging: LabelDropping.Merging,
        summing: @escaping (NativeHistogram, NativeHistogram) -> NativeHistogram
    ) {
        (self.merging, self.summing) = (merging, summing)
    }

    mutating func add(_ other: SeriesCells) {
        guard var all = cells else {
            cells = other
            return
        }
        if merging == .average {
            if counts == nil { count(all.written) }
            count(other.written)
        }
        for aggregate in CellAggregate.allCases {
            all[aggregate] = all[aggregate].merged(with: other[aggregate]) {
                aggregate.met($0, $1, merging)
            }
        }
        all.written = all.written.merged(with: other.written) { left, right in
            switch (left, right) {
            case (.histogram(let x), .histogram(let y)): .histogram(summing(x, y))
            case (.float(let x), .float(let y)): .float(merging.met(x, y))
            default: right
            }
        }
        cells = all
    }

    private mutating func count(_ samples: Samples) {
        for (time, value) in zip(samples.timestamps, samples.values) where !value.isNaN {
            counts = counts ?? [:]
            counts?[time, default: 0] += 1
        }
    }

    var result: SeriesCells {
        guard var cells else { return SeriesCells() }
        guard let counts, cells.written.histograms.isEmpty else { return cells }
        let sums = cells.written
        let values = zip(sums.timestamps, sums.values).map { $1 / (counts[$0] ?? 1) }
        cells.written = Samples(timestamps: sums.timestamps, values: values)
        return cells
    }
}

extension LabelDropping.Merging {
    /// One of two numbers, of averages their sum; what is no number gives way.
    fileprivate func met(_ left: Double, _ right: Double) -> Double {
        if left.isNaN { return right }
        if right.isNaN { return left }
        switch self {
        case .sum, .average: return left + right
        case .min: return .minimum(left, right)
        case .max: return .maximum(left, right)
        }
    }
}

extension CellAggregate {
    /// What two cells of one time have together.
    fileprivate func met(
        _ left: SampleValue, _ right: SampleValue, _ merging: LabelDropping.Merging
    ) -> SampleValue {
        guard case .float(let x) = left, case .float(let y) = right else { return right }
        switch self {
        case .min: return .float(.minimum(x, y))
        case .max: return .float(.maximum(x, y))
        case .sum: return .float(x + y)
        // The average of a sum is that of its parts, added up: of as many samples as the most have.
        case .count: return .float(merging == .sum ? .maximum(x, y) : x + y)
        }
    }
}

/// How the numbers of a field are spread, in the selection and in all rows compared: counts by
/// `LogBucket`.
struct NumberSpread {
    /// Buckets added around the range that was seen, so that the tables seldom move.
    private static let margin = LogBucket.perOctave

    private var base = 0
    private var selected: [UInt64] = []
    private var all: [UInt64] = []

    @inline(__always)
    mutating func addSelected(_ number: Double, _ weight: UInt64) {
        let place = place(of: number)
        selected[place] &+= weight
    }

    @inline(__always)
    mutating func addToAll(_ number: Double, _ weight: UInt64) {
        let place = place(of: number)
        all[place] &+= weight
    }

    @inline(__always)
    private mutating func place(of number: Double) -> Int {
        let bucket = LogBucket.index(number)
        if bucket < base || bucket >= base + all.count { widen(to: bucket) }
        return bucket - base
    }

    private mutating func widen(to bucket: Int) {
        let isNew = all.isEmpty
        let low = (isNew ? bucket : min(base, bucket)) - NumberSpread.margin
        let high = (isNew ? bucket : max(base + all.count, bucket)) + NumberSpread.margin
        let front = [UInt64](repeating: 0, count: isNew ? 0 : base - low)
        let back = [UInt64](repeating: 0, count: high - low + 1 - front.count - all.count)
        selected = front + selected + back
        all = front + all + back
        base = low
    }

    /// The greatest distance between the shares of the selection and of the baseline that lie at or
    /// below one number, 0…1, that of Kolmogorov and Smirnov; and the side of it that the selection is on,
    /// nil where to have no number at all tells most.
    ///
    /// A row without a number counts as below all numbers.
    func distance(
        _ missing: ComparedCount, of sizes: ComparedCount
    ) -> (distance: Double, cut: TellingCondition?) {
        var below = missing
        let first = below.share(of: sizes).difference
        var greatest = first.magnitude
        var cut: TellingCondition? = first > 0 ? .missing : first < 0 ? .present : nil
        // The edge above which the selection lies is that of the next number that is there.
        var awaitsEdge = false
        for place in all.indices where all[place] > 0 {
            let (low, high) = LogBucket.bounds(base + place)
            if awaitsEdge { cut = .above(low, orEqual: base + place >= 0) }
            awaitsEdge = false
            below.selection += selected[place]
            below.baseline += all[place] - selected[place]
            let difference = below.share(of: sizes).difference
            guard difference.magnitude > greatest else { continue }
            greatest = difference.magnitude
            // Of the edges of a bucket the one that is nearer to 0 belongs to it.
            if difference > 0 { cut = .below(high, orEqual: base + place <= 0) }
            awaitsEdge = difference < 0
        }
        return (greatest, cut)
    }

    /// The counts in at most about `most` bins of equal width on a logarithmic scale; empty ones are
    /// left out.
    func bins(most: Int) -> [ComparedBin] {
        var buckets: [(index: Int, count: ComparedCount)] = []
        for place in all.indices where all[place] > 0 {
            let count = ComparedCount(
                selection: selected[place], baseline: all[place] - selected[place])
            buckets.append((base + place, count))
        }
        var shift = 0
        while NumberSpread.groupCount(buckets.map(\.index), shift) > most { shift += 1 }
        var bins: [ComparedBin] = []
        var last: Int?
        for (index, count) in buckets {
            let group = NumberSpread.group(index, shift)
            if group == last {
                bins[bins.count - 1].count.selection += count.selection
                bins[bins.count - 1].count.baseline += count.baseline
            } else {
                let (low, high) = NumberSpread.bounds(ofGroup: group, shift)
                bins.append(ComparedBin(low: low, high: high, count: count))
                last = group
            }
        }
        return bins
    }

    /// How many groups some buckets are in, which are in ascending order.
    ///
    /// The empty groups between them do not count: numbers far apart, or on both sides of 0, would be in a
    /// few bins else.
    private static func groupCount(_ indexes: [Int], _ shift: Int) -> Int {
        let groups = indexes.map { group($0, shift) }
        return min(1, groups.count) + zip(groups, groups.dropFirst()).count { $0 != $1 }
    }

    /// The group of a bucket: 2^`shift` buckets each, mirrored at 0, which is a group of its own.
    private static func group(_ index: Int, _ shift: Int) -> Int {
        if index == 0 { return 0 }
        return index > 0 ? (index - 1) >> shift + 1 : -((-index - 1) >> shift + 1)
    }

    private static func bounds(ofGroup group: Int, _ shift: Int) -> (low: Double, high: Double) {
        if group == 0 { return (0, 0) }
        if group < 0 {
            let (low, high) = bounds(ofGroup: -group, shift)
            return (-high, -low)
        }
        let first = ((group - 1) << shift) + 1
        return (LogBucket.bounds(first).low, LogBucket.bounds(first + (1 << shift) - 1).high)
    }
}

/// What the selection and the baseline have of something: rows, each as often as its weight says.
public struct ComparedCount: Hashable, Sendable {
    public var selection: UInt64
    public var baseline: UInt64

    public init(selection: UInt64 = 0, baseline: UInt64 = 0) {
        self.selection = selection
        self.baseline = baseline
    }

    /// The parts of both sets that this is, 0…1; 0 of an empty set.
    func share(of sizes: ComparedCount) -> (selection: Double, baseline: Double, difference: Double)
    {
        let s = sizes.selection == 0 ? 0 : Double(selection) / Double(sizes.selection)
        let b = sizes.baseline == 0 ? 0 : Double(baseline) / Double(sizes.baseline)
        return (s, b, s - b)
    }
}

/// How many of both sets have a number from `low` to `high`, of which the one nearer to 0 belongs to
/// the bin; one from 0 to 0 counts zeros.
public struct ComparedBin: Hashable, Sendable {
    public let low: Double
    public let high: Double
    public var count: ComparedCount
}

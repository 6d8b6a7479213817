/// A value of a series at a moment.
public struct Sample: Sendable {
    /// Milliseconds since 1970.
    public var timestamp: Int64
    public var value: Double

    public init(_ timestamp: Int64, _ value: Double) {
        self.timestamp = timestamp
        self.value = value
    }
}

extension Sample: Hashable {
    /// Values are equal when their bits are, so that a NaN equals itself.
    public static func == (left: Sample, right: Sample) -> Bool {
        left.timestamp == right.timestamp && left.value.bitPattern == right.value.bitPattern
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(timestamp)
        hasher.combine(value.bitPattern)
    }
}

/// What a series is at a moment.
public enum SampleValue: Hashable, Sendable {
    case float(Double)
    indirect case histogram(NativeHistogram)

    /// Values are equal when their bits are.
    public static func == (left: SampleValue, right: SampleValue) -> Bool {
        switch (left, right) {
        case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
        case (.histogram(let x), .histogram(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .float(let value): hasher.combine(value.bitPattern)
        case .histogram(let value): hasher.combine(value)
        }
    }
}

/// A sample with the series it belongs to.
public struct LabeledSample: Hashable, Sendable {
    public var labels: Labels
    /// Milliseconds since 1970.
    public var timestamp: Int64
    public var value: SampleValue

    public init(_ labels: Labels, _ timestamp: Int64, _ value: SampleValue) {
        self.labels = labels
        self.timestamp = timestamp
        self.value = value
    }
}

/// The value that says a series has ended: one NaN of many, known by its bits.
public enum StaleMarker {
    public static let bits: UInt64 = 0x7FF0_0000_0000_0002
    public static let value = Double(bitPattern: bits)

    public static func isStale(_ value: Double) -> Bool { value.bitPattern == bits }
}

/// Samples of one series, ascending by time, as arrays of one length.
public struct Samples: Sendable {
    /// Milliseconds since 1970, strictly ascending.
    public private(set) var timestamps: [Int64]
    /// The value of each; of a histogram its sum, so that `StaleMarker` is found here for both.
    public private(set) var values: [Double]
    /// Empty when no sample is a histogram; otherwise an entry for each, nil for those that are not.
    public private(set) var histograms: [NativeHistogram?]

    public init() { (timestamps, values, histograms) = ([], [], []) }

    /// Takes arrays of one length as they are; all samples are plain values.
    public init(timestamps: [Int64], values: [Double]) {
        precondition(timestamps.count == values.count, "BUG: samples of two lengths")
        self.timestamps = timestamps
        self.values = values
        histograms = []
    }

    public var count: Int { timestamps.count }
    public var isEmpty: Bool { timestamps.isEmpty }

    public mutating func append(_ timestamp: Int64, _ value: Double) {
        timestamps.append(timestamp)
        values.append(value)
        if !histograms.isEmpty { histograms.append(nil) }
    }

    public mutating func append(_ timestamp: Int64, _ histogram: NativeHistogram) {
        if histograms.isEmpty {
            histograms = [NativeHistogram?](repeating: nil, count: timestamps.count)
        }
        timestamps.append(timestamp)
        values.append(histogram.sum)
        histograms.append(histogram)
    }

    public mutating func append(_ timestamp: Int64, _ value: SampleValue) {
        switch value {
        case .float(let value): append(timestamp, value)
        case .histogram(let value): append(timestamp, value)
        }
    }

    /// The value of the sample at a place.
    public subscript(valueAt place: Int) -> SampleValue {
        if !histograms.isEmpty, let histogram = histograms[place] { return .histogram(histogram) }
        return .float(values[place])
    }

    /// These samples and others, in time order; where both have one, the other's counts.
    public func merged(with other: Samples) -> Samples { merged(with: other) { $1 } }

    /// These samples and others, in time order; where both have one, what `meeting` makes of the two.
    func merged(
        with other: Samples, meeting: (SampleValue, SampleValue) -> SampleValue
    ) -> Samples {
        var (left, right) = (0, 0)
        var result = Samples()
        while left < count || right < other.count {
            if right == other.count
                || left < count && timestamps[left] < other.timestamps[right]
            {
                result.append(timestamps[left], self[valueAt: left])
                left += 1
            } else {
                var value = other[valueAt: right]
                if left < count && timestamps[left] == other.timestamps[right] {
                    value = meeting(self[valueAt: left], value)
                    left += 1
                }
                result.append(other.timestamps[right], value)
                right += 1
            }
        }
        return result
    }

    /// Adds plain values from buffers of one length.
    mutating func append(
        times: UnsafeMutableBufferPointer<Int64>, values added: UnsafeMutableBufferPointer<Double>
    ) {
        timestamps.append(contentsOf: times)
        values.append(contentsOf: added)
        if !histograms.isEmpty {
            histograms += [NativeHistogram?](repeating: nil, count: added.count)
        }
    }

    /// Forgets all samples and keeps their room.
    public mutating func removeAll() {
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        histograms = []
    }

    /// Adds samples that are all later than those here.
    public mutating func append(contentsOf other: Samples) {
        if !histograms.isEmpty || !other.histograms.isEmpty {
            if histograms.isEmpty {
                histograms = [NativeHistogram?](repeating: nil, count: count)
            }
            histograms +=
                other.histograms.isEmpty
                ? [NativeHistogram?](repeating: nil, count: other.count) : other.histograms
        }
        timestamps += other.timestamps
        values += other.values
    }

    /// Samples of a range of places.
    public subscript(range: Range<Int>) -> Samples {
        var part = Samples(
            timestamps: Array(timestamps[range]), values: Array(values[range]))
        if !histograms.isEmpty {
            part.histograms = Array(histograms[range])
            if part.histograms.allSatisfy({ $0 == nil }) { part.histograms = [] }
        }
        return part
    }

    /// Samples from `from` to `to`, both included.
    public func clamped(from: Int64, to: Int64) -> Samples {
        guard let first = timestamps.first, let last = timestamps.last else { return self }
        if from <= first && last <= to { return self }
        let start = place(of: from)
        let end = to == .max ? count : place(of: to + 1)
        return self[start..<max(start, end)]
    }

    /// The first place whose timestamp is not below `timestamp`; O(log samples).
    public func place(of timestamp: Int64) -> Int {
        var (low, high) = (0, timestamps.count)
        while low < high {
            let middle = (low + high) / 2
            if timestamps[middle] < timestamp { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Samples: Equatable {
    /// Values are equal when their bits are, so that a NaN equals itself.
    public static func == (left: Samples, right: Samples) -> Bool {
        left.timestamps == right.timestamps && left.histograms == right.histograms
            && left.values.elementsEqual(right.values) { $0.bitPattern == $1.bitPattern }
    }
}

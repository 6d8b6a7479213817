internal import Bytes

/// The samples of one series in a block, of every aggregate.
struct SeriesCells: Sendable {
    /// Samples as they were written; in a rollup its histograms.
    var written = Samples()
    /// One sample a cell for each aggregate, all of the same times; empty but in a rollup.
    var aggregates = [Samples](repeating: Samples(), count: CellAggregate.allCases.count)

    subscript(aggregate: CellAggregate?) -> Samples {
        get { aggregate.map { aggregates[Int($0.rawValue) - 1] } ?? written }
        set {
            if let aggregate {
                aggregates[Int(aggregate.rawValue) - 1] = newValue
            } else {
                written = newValue
            }
        }
    }

    private static let parts: [CellAggregate?] = [nil] + CellAggregate.allCases

    /// These cells without those in a stretch of time.
    func removing(_ range: Range<Int64>) -> SeriesCells {
        var result = SeriesCells()
        for part in SeriesCells.parts {
            let samples = self[part]
            let kept = samples.place(of: range.lowerBound)
            var left = samples[0..<kept]
            left.append(contentsOf: samples[samples.place(of: range.upperBound)..<samples.count])
            result[part] = left
        }
        return result
    }

    /// These cells and others; where both have one, the other's counts.
    func merged(with other: SeriesCells) -> SeriesCells {
        var result = SeriesCells()
        for part in SeriesCells.parts { result[part] = self[part].merged(with: other[part]) }
        return result
    }

    /// These cells and others; where both have one, it stands for the samples of both.
    ///
    /// - Parameter written: makes one of two samples that were written for the same time.
    func adding(
        _ other: SeriesCells, _ written: (SampleValue, SampleValue) -> SampleValue
    ) -> SeriesCells {
        var result = SeriesCells()
        for part in SeriesCells.parts {
            result[part] = self[part].merged(with: other[part]) { left, right in
                guard let part, case .float(let x) = left, case .float(let y) = right else {
                    return written(left, right)
                }
                switch part {
                case .min: return .float(.minimum(x, y))
                case .max: return .float(.maximum(x, y))
                case .sum, .count: return .float(x + y)
                }
            }
        }
        return result
    }

    func chunks(of labels: Labels) -> [StoredChunk] {
        SeriesCells.parts.flatMap { part in
            var series = OpenSeries(labels: labels)
            series.append(contentsOf: self[part])
            return series.chunks().map { chunk in
                var chunk = chunk
                chunk.aggregate = part
                return chunk
            }
        }
    }
}

// MARK: - Rolling up

extension SeriesCells {
    /// The cells of a coarser step, each at its beginning.
    ///
    /// Of floats min, max, sum and count; NaNs count in the sum alone. Of histograms that are gauges the sum,
    /// of others the last. Stale markers are left out.
    ///
    /// - Throws: `DecodeError` when the aggregates are not of the same times.
    func rolledUp(
        to step: Int64, summing: (NativeHistogram, NativeHistogram) -> NativeHistogram
    ) throws(DecodeError) -> SeriesCells {
        var cells = Cells(step: step)
        let (least, most) = (self[.min], self[.max])
        let (sums, counts) = (self[.sum], self[.count])
        guard
            [most, sums, counts].allSatisfy({ $0.timestamps == least.timestamps })
        else { throw DecodeError("aggregates are not of the same times", at: 0) }
        for place in 0..<least.count {
            cells.add(
                least.timestamps[place],
                (least.values[place], most.values[place], sums.values[place], counts.values[place])
            )
        }
        for place in 0..<written.count {
            let time = written.timestamps[place]
            switch written[valueAt: place] {
            case .float(let value):
                if !StaleMarker.isStale(value) { cells.add(time, (value, value, value, 1)) }
            case .histogram(let histogram):
                if !StaleMarker.isStale(histogram.sum) { cells.add(time, histogram, summing) }
            }
        }
        return cells.result
    }

    /// Collects what comes in time order.
    private struct Cells {
        let step: Int64
        private var times: [Int64] = []
        private var values: [(least: Double, most: Double, sum: Double, count: Double)] = []
        private var histograms: [(time: Int64, value: NativeHistogram)] = []

        init(step: Int64) { self.step = step }

        mutating func add(
            _ time: Int64, _ value: (least: Double, most: Double, sum: Double, count: Double)
        ) {
            let cell = Tier.start(of: time, step)
            guard times.last == cell else {
                times.append(cell)
                values.append(value)
                return
            }
            let place = values.count - 1
            // `minimum` and `maximum` take the number where the other one is no number.
            values[place].least = .minimum(values[place].least, value.least)
            values[place].most = .maximum(values[place].most, value.most)
            values[place].sum += value.sum
            values[place].count += value.count
        }

        mutating func add(
            _ time: Int64, _ value: NativeHistogram,
            _ summing: (NativeHistogram, NativeHistogram) -> NativeHistogram
        ) {
            let cell = Tier.start(of: time, step)
            guard let last = histograms.last, last.time == cell else {
                histograms.append((cell, value))
                return
            }
            let isGauge = value.counterReset == .gauge
            histograms[histograms.count - 1].value = isGauge ? summing(last.value, value) : value
        }

        var result: SeriesCells {
            var cells = SeriesCells()
            cells[.min] = Samples(timestamps: times, values: values.map(\.least))
            cells[.max] = Samples(timestamps: times, values: values.map(\.most))
            cells[.sum] = Samples(timestamps: times, values: values.map(\.sum))
            cells[.count] = Samples(timestamps: times, values: values.map(\.count))
            for (time, value) in histograms { cells.written.append(time, value) }
            return cells
        }
    }
}

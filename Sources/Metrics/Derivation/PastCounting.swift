internal import Compute
public import EventQuery
internal import Events
public import SeriesStore

/// Counts events that are about to go, as increments that can be kept.
public struct PastCounting {
    private let definition: MetricDefinition
    private let admitted: AdmittedSeries
    private let ask: DerivedSeries.Ask

    /// - Parameters:
    ///   - all: answers queries about all events that are there: those tell which combinations of labels
    ///     have series of their own.
    ///   - going: answers queries about the events that are about to go.
    public init(
        _ definition: MetricDefinition, all: DerivedSeries.Ask,
        going: @escaping DerivedSeries.Ask
    ) throws {
        self.definition = definition
        admitted = try AdmittedSeries(definition, until: .max, all)
        ask = going
    }

    /// The increments of one block of two hours, by series.
    ///
    /// - Parameter start: the block's, milliseconds since 1970.
    public func increments(at start: Int64) throws -> [SeriesData] {
        var found: [Labels: Samples] = [:]
        let width = definition.pastCell
        let whole = Tier.written.blockLength / width
        // So many cells a query that its answer is not too long.
        let share = Int64(MetricsLimits.pointsPerQuery / max(1, admitted.spans.count))
        for first in stride(from: 0, to: whole, by: Int(max(1, min(whole, share)))) {
            let from = start + first * width
            let to = start + min(whole, first + max(1, min(whole, share))) * width
            let step = width * 1_000_000
            let table = try definition.table(
                from * 1_000_000, to * 1_000_000, step: step, admitted, ask)
            for entry in table.series {
                add(entry.row.numbers, entry.row.labels, entry.time / 1_000_000, to: &found)
            }
            guard let filter = admitted.overflowFilter else { continue }
            let rest = try definition.overflowTable(
                from * 1_000_000, to * 1_000_000, step: step, filter, ask)
            for entry in rest.series {
                add(entry.row.numbers, nil, entry.time / 1_000_000, to: &found)
            }
        }
        return found.map { SeriesData(labels: $0.key, samples: $0.value) }
    }

    private func add(
        _ numbers: MetricNumbers, _ labels: [String]?, _ time: Int64,
        to found: inout [Labels: Samples]
    ) {
        for part in definition.parts {
            for (labels, place) in definition.series(of: labels, part)
            where part != .bucket || place > 0 {
                // A bucket without a value in a cell needs no sample; the number of values tells of it.
                if place > 0 && numbers.numbers[place] == 0 { continue }
                found[labels, default: Samples()].append(time, value(numbers, place))
            }
        }
    }

    private func value(_ numbers: MetricNumbers, _ place: Int) -> SampleValue {
        guard definition.kind == .exponentialHistogram else {
            return .float(numbers.numbers[place])
        }
        var histogram = NativeHistogram(numbers.counts ?? .init(), sum: numbers.numbers[0])
        // Increments: of several a coarser cell has the sum.
        histogram.counterReset = .gauge
        return .histogram(histogram)
    }

    /// One sample of what two sets of events that went gave one series at one time.
    public static func sum(
        _ definition: MetricDefinition, _ first: SampleValue, _ second: SampleValue
    ) -> SampleValue {
        switch (first, second) {
        case (.histogram(let left), .histogram(let right)):
            return .histogram(NativeHistogram.sum(left, right))
        case (.float(let left), .float(let right)):
            switch definition.kind {
            case .counter, .histogram, .exponentialHistogram: return .float(left + right)
            case .gauge(.min): return .float(min(left, right))
            case .gauge(.max), .distinct, .presence: return .float(max(left, right))
            case .gauge: return .float(right)
            }
        default: return second
        }
    }
}

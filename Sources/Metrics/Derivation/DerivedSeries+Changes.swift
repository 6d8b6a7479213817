internal import Compute
internal import EventQuery
internal import Events
public import SeriesStore

/// What those who were sent samples do not learn of the samples that follow.
extension DerivedSeries {
    /// From when on series that only grow count, milliseconds since 1970: those with events before a time.
    ///
    /// Series whose totals begin again by themselves are left out.
    public func beginnings(before time: Int64) throws -> [Labels: Int64] {
        let until = DerivedSeries.nanoseconds(time)
        var found: [Labels: Int64] = [:]
        for definition in definitions
        where definition.kind.isAdditive && definition.restartInterval == nil {
            var firsts = try AdmittedSeries(definition, until: until, ask).spans.mapValues(
                \.lowerBound)
            if let past {
                for (labels, group) in try past.totals(of: definition, until: until) {
                    guard let labels, let first = group.first else { continue }
                    firsts[labels] = min(firsts[labels] ?? .max, first)
                }
            }
            let cell = definition.resolution * 1_000_000
            for (group, first) in firsts {
                for part in definition.parts {
                    for (labels, _) in definition.series(of: group, part) {
                        found[labels] = first / cell * cell / 1_000_000
                    }
                }
            }
        }
        return found
    }

    /// The series that events received since a time changed in a range before, each from the sample on
    /// that stands before the first change: of a series that is new by them, its beginning.
    ///
    /// - Parameters:
    ///   - received: nanoseconds since 1970.
    ///   - from: milliseconds since 1970, as `to`; samples after `from` and up to `to` are looked at.
    public func revisions(
        since received: Int64, from: Int64, to: Int64
    ) throws -> [SeriesData] {
        guard from < to else { return [] }
        let (start, end) = (DerivedSeries.nanoseconds(from), DerivedSeries.nanoseconds(to))
        let isLate = Expression.compare(
            .greaterOrEqual, .field(.received), .literal(.int(received)))
        var late = Query()
        late.timeRange = .between(.absolute(start), .absolute(end))
        late.transforms = [.filter(isLate)]
        late.shape = .statistics(Statistics(calculations: [Calculation(.count)].named))
        // Most often nothing is late, and one question tells that.
        if try ask(late).rows.allSatisfy({ $0.values == [.value(.int(0))] }) { return [] }
        var found: [SeriesData] = []
        for definition in definitions {
            let firsts = try definition.firstTimes(where: isLate, start, end, ask)
            guard let first = firsts.values.min() else { continue }
            let changed = DerivedSeries([definition], now: now, past: past, ask)
            func begin(_ time: Int64) -> Int64 {
                time / 1_000_000 / definition.resolution * definition.resolution
            }
            for data in try changed.select([], from: begin(first), to: to) {
                guard let time = definition.firstTime(of: data.labels, firsts) else { continue }
                let samples = data.samples.clamped(from: begin(time), to: to)
                if !samples.isEmpty {
                    found.append(SeriesData(labels: data.labels, samples: samples))
                }
            }
        }
        return found
    }
}

extension MetricDefinition {
    /// When the first events that meet a condition happened, by the values of labels; nanoseconds since
    /// 1970.
    fileprivate func firstTimes(
        where condition: Expression, _ from: Int64, _ to: Int64, _ ask: DerivedSeries.Ask
    ) throws -> [[String]: Int64] {
        var narrowed = self
        narrowed.filter = filter.map { .and([$0, condition]) } ?? condition
        return try narrowed.spans(from, to, ask).mapValues(\.lowerBound)
    }

    /// When a series was changed first: one of its own by its labels, that of all others by any.
    fileprivate func firstTime(of series: Labels, _ firsts: [[String]: Int64]) -> Int64? {
        if !series[MetricDefinition.overflowLabel].isEmpty { return firsts.values.min() }
        return firsts[labels.map { series[$0.name] }]
    }
}

internal import Synchronization

/// What an answer is to tell of its samples: of which metrics events are gone, and what is left of them;
/// and whether some may still change.
public final class SeriesNotes: Sendable {
    /// By the metric's name the longest cell, in milliseconds, and whether it is longer than asked.
    private let metrics = Mutex<[String: (cell: Int64, isLonger: Bool)]>([:])

    /// By the metric's name the labels that are missing.
    private let missing = Mutex<[String: [String]]>([:])

    private let isUnsettled: Bool

    /// - Parameter isUnsettled: whether cells are read that late events may still change.
    public init(isUnsettled: Bool = false) { self.isUnsettled = isUnsettled }

    func add(_ metric: String, cell: Int64, isLonger: Bool) {
        metrics.withLock { metrics in
            let known = metrics[metric] ?? (cell, isLonger)
            metrics[metric] = (max(known.cell, cell), known.isLonger || isLonger)
        }
    }

    /// Tells of labels that are missing from what is left of a metric.
    func add(_ metric: String, without labels: [String]) {
        missing.withLock { $0[metric] = labels }
    }

    /// Of metrics with fewer samples than their events would give.
    var warnings: [String] {
        texts(isLonger: true) {
            "PromQL warning: events of this time are gone, and \($0) is left in cells of \($1)"
        }
    }

    /// Of metrics that are what they were.
    var infos: [String] {
        let unsettled = isUnsettled ? [SeriesNotes.unsettled] : []
        return unsettled
            + texts(isLonger: false) {
                "PromQL info: events of this time are gone; \($0) is left, in cells of \($1)"
            }
    }

    private static let unsettled =
        "PromQL info: samples of the last \(DerivedSeries.settling / 1000) seconds may still change"

    private func texts(
        isLonger: Bool, _ text: (_ metric: String, _ cell: String) -> String
    ) -> [String] {
        metrics.withLock { $0 }.filter { $0.value.isLonger == isLonger }
            .sorted { $0.key < $1.key }.prefix(MetricsLimits.annotations)
            .map { metric, left in
                let labels = missing.withLock { $0[metric] } ?? []
                let cell = SeriesNotes.duration(left.cell)
                return text(metric, cell)
                    + (labels.isEmpty ? "" : ", without \(labels.joined(separator: ", "))")
            }
    }

    private static func duration(_ milliseconds: Int64) -> String {
        for (unit, length): (String, Int64) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)]
        where milliseconds % length == 0 { return "\(milliseconds / length)\(unit)" }
        return "\(milliseconds / 1000)s"
    }
}

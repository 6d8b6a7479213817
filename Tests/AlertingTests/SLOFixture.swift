import EventQuery
import Metrics
import SeriesStore

@testable import Alerting

/// The running totals of one objective's events in memory, as metrics have them.
final class SLOFixture {
    static let minute: Int64 = 60_000
    static let hour: Int64 = 3_600_000
    static let day: Int64 = 86_400_000

    let series = MemorySeries()
    let objective: ServiceLevelObjective
    private var total = 0.0
    private var bad = 0.0

    init(
        target: Double = 0.999, period: SLOPeriod = .rolling(30 * day), minimumEvents: Double = 1,
        alerts: [BurnRateAlert]? = nil
    ) {
        let names = ServiceLevelObjective.metricNames(of: "shop")
        objective = ServiceLevelObjective(
            id: "shop", target: target, period: period,
            total: MetricDefinition(name: names.total), bad: MetricDefinition(name: names.bad),
            minimumEvents: minimumEvents, alerts: alerts)
    }

    /// Adds events of a cell that ends at a time, milliseconds since 1970.
    func add(_ events: Double, bad errors: Double = 0, at time: Int64) {
        func write(_ name: String, _ before: Double, _ after: Double) {
            let labels = Labels([Label(Labels.metricName, name)])
            // A series has a sample at each end of a cell, and begins at 0.
            series.write([
                LabeledSample(labels, time - 10_000, .float(before)),
                LabeledSample(labels, time, .float(after)),
            ])
        }
        if events > 0 || total > 0 { write(objective.total.name, total, total + events) }
        if errors > 0 || bad > 0 { write(objective.bad.name, bad, bad + errors) }
        total += events
        bad += errors
    }
}

extension Aggregate {
    /// Honeycomb's calculation operations and what they compute.
    private static let honeycomb: [(name: String, aggregate: Aggregate)] = [
        ("COUNT", .count), ("CONCURRENCY", .concurrency), ("SUM", .sum), ("AVG", .avg),
        ("COUNT_DISTINCT", .distinct), ("MAX", .max), ("MIN", .min), ("P001", .quantile(0.001)),
        ("P01", .quantile(0.01)), ("P05", .quantile(0.05)), ("P10", .quantile(0.1)),
        ("P20", .quantile(0.2)), ("P25", .quantile(0.25)), ("P50", .quantile(0.5)),
        ("P75", .quantile(0.75)), ("P80", .quantile(0.8)), ("P90", .quantile(0.9)),
        ("P95", .quantile(0.95)), ("P99", .quantile(0.99)), ("P999", .quantile(0.999)),
        ("HEATMAP", .heatmap), ("RATE_AVG", .rateAvg), ("RATE_SUM", .rateSum),
        ("RATE_MAX", .rateMax),
    ]

    static let honeycombNames = honeycomb.map(\.name)

    /// Honeycomb's operation; nil where it has none.
    var honeycombName: String? { Aggregate.honeycomb.first { $0.aggregate == self }?.name }

    init?(honeycombName name: String) {
        guard let known = Aggregate.honeycomb.first(where: { $0.name == name }) else { return nil }
        self = known.aggregate
    }
}

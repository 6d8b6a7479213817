internal import EventQuery

/// Bounds of what one PromQL query and one metric may cost.
enum MetricsLimits {
    /// Bytes of a query's text.
    static let queryBytes = 256 << 10
    /// Levels of expressions within one another; the parser and the evaluator are recursive.
    static let depth = 100
    /// Operators and brackets of a query: each may add a level to the tree that is walked.
    static let operators = 300
    /// Steps of a subquery: as of a query a day long with a step of a tenth of a second.
    static let subquerySteps = 1_000_000
    /// The longest duration: 292 years, which fit 64 bits as nanoseconds, as in Prometheus.
    static let durationMilliseconds: Int64 = 9_223_372_036_854
    /// Samples that are looked at before it is asked again whether the query may go on: some
    /// milliseconds of work.
    static let samplesUnasked = 1 << 20
    /// Different warnings and infos an answer tells of, each kind.
    static let annotations = 10

    /// Values of a series in the notation of tests.
    static let notedValues = 10_000_000

    // MARK: - Metrics

    static let labelsPerMetric = 16
    static let bucketsPerHistogram = 64
    /// Combinations of the values of a metric's labels; as many as a query answers.
    static let groupsPerMetric = QueryLimits.rowsMax
    /// Cells of a range, above which they become longer; a query takes 10,000.
    static let derivedCells: Int64 = 9_000
    /// Samples that one selector may count of a metric: 320 MB.
    static let derivedSamples = 20_000_000
}

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
    /// Combinations of labels that have series of their own, of a definition that says nothing of it: as
    /// OpenTelemetry's SDKs have it.
    static let seriesDefault = 2_000
    /// The same of the metrics of spans.
    static let seriesOfSpans = 5_000
    /// The most that a definition may say: fewer than a query takes for one `in (…)`.
    static let seriesMax = 9_000
    /// The longest time for which a series goes on after its last event: a year of milliseconds.
    static let staleAfterMax: Int64 = 366 * 86_400_000
    /// Milliseconds after which labels may go at the earliest, a day, and at the latest, a hundred years.
    static let dropAgeMin: Int64 = 86_400_000
    static let dropAgeMax: Int64 = 36_525 * 86_400_000
    /// Values of a label, above which it is named as one that makes many series.
    static let narrowLabelValues = 100
    /// Values of the label at fault that a warning names.
    static let valuesNamed = 5
    /// Stretches of time of a range that have exemplars of their own.
    static let exemplarsPerSeries = 60
    /// Events that are looked for at once, one a stretch and bucket: fewer than one `in (…)` takes.
    static let exemplarRanks = 5_000
    /// Characters of an exemplar's ids: with the labels' names OpenMetrics takes 128.
    static let exemplarCharacters = 110
    /// Nanoseconds before now whose events are exemplars for a scraper.
    static let scrapedExemplars: Int64 = 600_000_000_000
    /// Nanoseconds that totals of metrics which ask for relatives are told to a scraper by: each makes one
    /// pass over ten minutes of events and a stretch more.
    static let scrapedStep: Int64 = 60_000_000_000
    /// Nanoseconds after which a span and that which called it should both be there.
    static let scrapedSettling: Int64 = 60_000_000_000
    /// Nanoseconds of events that one scrape counts, after a time without any.
    static let scrapedStretch: Int64 = 600_000_000_000
    /// Groups of one query behind a metric; as many as a query answers.
    static let groupsPerQuery = QueryLimits.rowsMax
    /// Cells of one query; a query takes 10,000.
    static let cellsPerQuery = 9_000
    /// Cells with events, of all groups, of one query; a query answers 1,000,000.
    static let pointsPerQuery = 900_000
    /// Cells of a range by their length, above which they become longer: a day of ten seconds, 45 days
    /// of minutes, a year of hours.
    static let derivedCells: [(width: Int64, count: Int64)] = [
        (10_000, 9_000), (60_000, 65_000), (3_600_000, 9_000),
    ]
    /// Cells of a range of a metric whose cells cannot be longer: 69 days of minutes.
    static let fixedCells: Int64 = 100_000
    /// The longest cell, a day of milliseconds, and how many of them are looked at.
    static let longestCell: (width: Int64, count: Int64) = (86_400_000, 9_000)
    /// Samples that one selector may count of a metric: 320 MB.
    static let derivedSamples = 20_000_000
}

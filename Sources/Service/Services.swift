internal import Alerting
internal import EventQuery
internal import EventStore
internal import Host
internal import Ingest
internal import Metrics

/// What routes and commands ask: the store's events, in and out.
struct Services: Sendable {
    let pipeline: Pipeline
    let queries: QueryService
    /// What is stored of series, beside those that are counted from events.
    let series: SeriesStores
    /// What is left of series whose events are gone.
    let past: EventsPast
    /// Evaluates rules and tells of alerts; nil where nobody does.
    let alerts: AlertKeeper?
    /// Series that are derived from events, and those that were written.
    let metrics: DerivedMetrics
    private let watch: ClientWatch
    private let results = SavedResults()
    private let scraped = ScrapedTotals()
    /// Writes what is about to be told of requests.
    var settleTelemetry: @Sendable () -> Void = {}
    /// Ends what clients watch when the server stops.
    let tailEnding = TailEnding()
    /// Of the server's own addresses: `http` or `https`.
    var scheme = "http"

    /// Starts the threads of queries.
    ///
    /// Throws `HostError` when the system has none to give.
    init(
        _ store: EventStore, _ definitions: DefinitionStore, _ series: SeriesStores,
        _ past: EventsPast, threads: Int, metrics: [MetricDefinition] = [],
        objectives: [ServiceLevelObjective] = [],
        queryCacheBytes: Int = QueryLimits.partialCacheBytes,
        alerts: ((DerivedMetrics) -> AlertKeeper)? = nil
    ) throws(HostError) {
        let clock = Machine.real.clock
        let datasets = DatasetDirectory(store, definitions)
        let intake = Intake(store: store, datasets: datasets, clock: clock)
        pipeline = Pipeline(
            intake: intake, sharedRecords: SharedRecords(intake, threads: threads),
            decoders: DecoderPool(idleMax: threads) { JSONEventDecoder() },
            packedDecoders: DecoderPool(idleMax: threads) { MessagePackEventDecoder() },
            exportDecoders: DecoderPool(idleMax: threads) { OTLPDecoder() })
        queries = QueryService(
            store: store, datasets: datasets,
            engine: QueryEngine(
                pool: try WorkerPool(parallelism: threads), clock: clock,
                cacheBytes: queryCacheBytes,
                memory: QueryMemory(bytesMax: ServiceLimits.queryMemoryBytes)),
            definitions: definitions,
            clock: clock)
        watch = try ClientWatch()
        self.series = series
        self.past = past
        let derived = DerivedMetrics(
            service: queries, stored: series, past: past, configured: metrics,
            levels: ServiceLevels(definitions: definitions, configured: objectives))
        past.begin(derived.countingOfPast)
        self.metrics = derived
        self.alerts = alerts?(derived)
    }

    /// What OTLP's own listener answers too.
    var exportRoutes: [Route] { OTLPRoutes(pipeline: pipeline).routes }

    /// What the listener for gRPC answers.
    var exportMethods: [Route] { OTLPRoutes(pipeline: pipeline).methods }

    var routes: [Route] {
        IngestRoutes(pipeline: pipeline).routes
            + KinesisRoutes(pipeline: pipeline).routes
            + exportRoutes
            + QueryRoutes(service: queries, watch: watch, levels: metrics.levels).routes
            + TraceRoutes(service: queries, watch: watch, streams: StreamThreads()).routes
            + ExplainRoutes(service: queries, watch: watch).routes
            + TailRoutes(service: queries, ending: tailEnding).routes
            + QueryDataRoutes(
                service: queries, results: results, watch: watch, scheme: scheme
            ).routes
            + NamedQueryRoutes(definitions: queries.definitions, scheme: scheme).routes
            + metricRoutes
            + (alerts.map(alertRoutes) ?? [])
            + definitionRoutes
            + ErasureRoutes(eraser: eraser, backup: backup).routes
            + StorageRoutes(store: queries.store, datasets: queries.datasets).routes
    }

    /// Takes events out of everything there is.
    var eraser: Eraser {
        Eraser(
            queries: queries, stores: erasables, machine: .real, settleTelemetry: settleTelemetry)
    }

    var backup: Backup { Backup(store: queries.store, series: [series.stores, past.stores]) }

    /// What keeps something of events beside the event store.
    private var erasables: [any Erasable] {
        [results, series, past, scraped] + (alerts.map { [$0] } ?? [])
    }

    /// Rules, alerts, and who is told of them.
    private func alertRoutes(_ alerts: AlertKeeper) -> [Route] {
        let triggers = TriggerRoutes(
            keeper: alerts, datasets: queries.datasets, definitions: queries.definitions,
            machine: .real)
        let recipients = RecipientRoutes(
            keeper: alerts, definitions: queries.definitions, triggers: triggers, machine: .real)
        return RuleRoutes(
            keeper: alerts, definitions: queries.definitions, clock: queries.clock
        ).routes
            + ReceiverRoutes(keeper: alerts, definitions: queries.definitions).routes
            + recipients.routes + triggers.routes
            + BurnAlertRoutes(keeper: alerts, metrics: metrics, machine: .real).routes
            + AlertRoutes(keeper: alerts, clock: queries.clock).routes
            + ReplayRoutes(
                keeper: alerts, metrics: metrics,
                watch: watch
            ).routes
    }

    private var honeycombSLOs: HoneycombSLORoutes {
        HoneycombSLORoutes(metrics: metrics, watch: watch, alerts: alerts, machine: .real)
    }

    /// Series that are derived from events.
    private var metricRoutes: [Route] {
        MetricRoutes(metrics: metrics, scraped: scraped, watch: watch).routes
            + PrometheusRoutes(metrics: metrics, watch: watch).routes
            + SLORoutes(metrics: metrics, watch: watch) { [alerts] in alerts?.readAgain() }.routes
            + honeycombSLOs.routes + SLOHistoryRoutes(slos: honeycombSLOs).routes
            + PushRoutes(pushed: PushedMetrics(pipeline: pipeline, metrics: metrics)).routes
    }

    /// What is kept beside events, and what it is about.
    private var definitionRoutes: [Route] {
        let (store, datasets) = (queries.store, queries.datasets)
        let (definitions, catalogs) = (queries.definitions, FieldCatalogs())
        let clock = Machine.real.clock
        return DatasetRoutes(
            store: store, datasets: datasets, definitions: definitions,
            receipts: catalogs.receipts, eraser: eraser, clock: clock
        ) { [alerts] in alerts?.readAgain() }.routes
            + ColumnRoutes(
                store: store, datasets: datasets, catalogs: catalogs, definitions: definitions,
                clock: clock
            ).routes
            + DatasetDefinitionRoutes(
                store: store, datasets: datasets, catalogs: catalogs, definitions: definitions
            ).routes
            + MarkerRoutes(datasets: datasets, definitions: definitions, machine: .real).routes
            + DerivedColumnRoutes(
                datasets: datasets, definitions: definitions, machine: .real,
                configured: (slos: metrics.levels.configured, metrics: metrics.configured)
            ).routes
            + MarkerSettingRoutes(
                datasets: datasets, definitions: definitions, machine: .real
            ).routes
    }
}

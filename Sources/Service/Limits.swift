internal import Host

/// Every bound of the service, with its unit and its reason.
enum ServiceLimits {
    /// Bytes of a body as it is sent: the largest batch a client may send at once.
    static let bodyBytesMax = 20 << 20
    /// Bytes of a body after its content encoding is opened; a bomb stops here.
    static let inflatedBytesMax = 64 << 20
    /// Bytes of a question's body, inflated; as values in memory they take about fifty times that.
    static let questionBytesMax = 1 << 20
    /// Bytes of all bodies that are being received or answered; more are asked to come again.
    static let bodiesInFlightBytesMax = 512 << 20
    /// Bytes of a body up to which it may use all of that; larger ones leave a quarter of it.
    static let ordinaryBodyBytes = 1 << 20
    /// Bytes of all answers that clients have not read yet; beyond them an answer is a 503.
    static let answersInFlightBytesMax = 512 << 20
    /// Answers that are written while they are sent, each by a thread of its own; more are a 503.
    static let streamsMax = 64
    /// Clients that watch what arrives, at a time; more are a 503.
    static let tailsMax = 64
    /// Nanoseconds between two looks at what has arrived, for those who watch events.
    static let tailPollNanoseconds: Int64 = 200_000_000
    /// Events that one look sends, and bytes of them; the others are counted.
    static let tailEventsPerPoll = 1_000
    static let tailBytesPerPoll = 4 << 20
    /// Seconds between two live answers, and the longest time between two.
    static let tailEverySeconds = 1
    static let tailEverySecondsMax = 3_600
    /// Seconds that a live answer is about where its query does not say.
    static let tailWindowSeconds: Int64 = 60
    /// Seconds after which one who reads nothing is let go.
    static let tailPatienceSeconds = 30
    /// Seconds without an event after which an empty line says that the connection is alive.
    static let tailSilenceSeconds = 15
    /// Bytes of one such answer that wait for the client; its thread waits as well then.
    static let streamBytesAhead = 1 << 20
    /// Requests that wait to be written as the server's own events, and bytes of them; more are
    /// dropped and counted.
    static let selfEventsMax = 16_384
    static let selfEventsBytesMax = 32 << 20
    /// Requests that are written at once without waiting for more.
    static let selfEventsPerBatch = 4_096
    /// Bytes of a question's text in such an event.
    static let selfQueryBytes = 4_096
    /// Connections open at a time; each costs at most `connectionMemoryBytes` of buffers.
    static let connectionsMax = 1024
    /// Bytes for the headers and the read buffer of one connection; larger headers are 431.
    ///
    /// All of it is zeroed for every request, and what is read into it is copied on: a body of fifty
    /// events comes cheaper in three pieces than in one with twice the memory.
    static let connectionMemoryBytes = 64 << 10
    /// Bytes of a body up to which its events are decoded on the connection's thread.
    ///
    /// That takes less than a millisecond; to hand the body on would take a tenth as long again.
    static let immediateBodyBytes = 128 << 10
    /// Bytes of a body up to which it may share a record with others: decoding a larger one would
    /// keep the log's writer waiting, and gains nothing.
    static let sharedBodyBytesMax = 256 << 10
    /// Bytes of the bodies that share one record.
    static let sharedRecordBytesMax = 8 << 20
    /// Seconds without a byte after which a connection is closed.
    static let idleSeconds = 60
    /// Seconds a body may be slow; after them it must have come at `bodyBytesPerSecondMin`.
    static let slowBodySeconds = 30
    static let bodyBytesPerSecondMin = 1024
    /// Requests that wait for a worker of their lane; more are asked to come again.
    static let waitingRequestsMax = 1024
    /// Seconds a stop waits for requests that were begun.
    static let stopSeconds = 20
    /// Seconds a stop waits for requests that are still being received.
    static let stopReceivingSeconds = 3
    /// Bytes of a configuration or keys file.
    static let configurationBytesMax = 1 << 20
    /// Keys in one keys file.
    static let keysMax = 10_000
    /// Datasets of one environment: each has a place in memory and in every manifest.
    static let datasetsMax = 10_000
    /// Bytes of decoded columns kept for later questions, where nobody says otherwise: an eighth of
    /// what memory there is, so that a question over all fields of some million events finds them.
    static let columnCacheBytes = min(
        max(256 << 20, ProcessMemory.availableBytes() / 8), 8 << 30)
    /// Bytes that all questions under way may hold together: a quarter of what memory there is.
    ///
    /// One alone may hold `QueryOptions.memoryLimit`.
    static let queryMemoryBytes = max(512 << 20, ProcessMemory.availableBytes() / 4)
    /// Bytes of an idempotency key; the log keeps it for a day.
    static let idempotencyKeyBytesMax = 1024
    /// Milliseconds a query may be given.
    static let queryMillisecondsMax: Int64 = 600_000
    /// Queries of Honeycomb's query data API that an environment keeps; beyond, the oldest go.
    static let savedQueriesMax = 5_000
    /// Bytes of the text that one may have, and all of them: half of what may be defined.
    static let savedQueryBytesMax = 64 << 10
    static let savedQueriesBytesMax = 4 << 20
    /// Nanoseconds after which samples that were written are on disk: what a crash takes at most.
    static let seriesSavedNanoseconds: Int64 = 10_000_000_000
    /// Milliseconds that a block of two hours stays in memory after its end, for what comes late.
    static let seriesOpenMilliseconds: Int64 = 600_000
    /// Labels of a group that is pushed, beside its job: as many as the path may have.
    static let pushedLabelsMax = 8
    /// Bytes of what is pushed at once.
    static let pushedBytesMax = 4 << 20
    /// Samples of one request of remote write, and buckets of histograms, each counted as one.
    static let remoteWriteSamples = 5_000
    /// Milliseconds of series that are read to be sent at once.
    static let remoteWriteWindow: Int64 = 600_000
    /// Seconds before what was sent, in which late events change what is sent again: as long as nothing else
    /// is said, and at most, which is read anew whenever an event is late.
    static let remoteWriteRevisionSeconds: Int64 = 3_600
    static let remoteWriteRevisionSecondsMax: Int64 = 86_400
    /// Requests that are made to tell of such changes before they are given up.
    static let remoteWriteRevisionAttempts = 3
    /// Nanoseconds that may pass from an event's receipt until it can be asked for.
    static let remoteWriteCommitNanoseconds: Int64 = 2_000_000_000
    /// Seconds after which a request that failed is sent again: first, and at most.
    static let remoteWritePauseSeconds = 1
    static let remoteWritePauseSecondsMax = 60
    /// Metrics that an environment defines, each a question to the events at every scrape.
    static let metricsMax = 200
    /// Nanoseconds that a scrape counts one metric of other events of a trace for; one that takes longer is
    /// left out for ten minutes: under one part in a hundred of a core's time each.
    static let scrapedTimeNanoseconds: Int64 = 5_000_000_000
    static let scrapedPauseNanoseconds: Int64 = 600_000_000_000
    /// Entries of a metric's `drop_labels`, and labels of one: as many as a metric has.
    static let labelDropsMax = 16
    static let labelsOfDropMax = 16
    /// SLOs of an environment, each two questions to the events at every evaluation and scrape.
    static let slosMax = 100
    /// Datasets whose events one counts, and alerts that it has.
    static let datasetsOfSLO = 10
    static let alertsOfSLO = 10
    /// Milliseconds of the shortest and the longest time over which one holds: a day and a year.
    static let periodOfSLO: ClosedRange<Int64> = 86_400_000...366 * 86_400_000
    /// Windows of burn rates that one answer tells of.
    static let windowsToldOf = 20
    /// Files of rules of an environment, and bytes of one.
    static let ruleFilesMax = 100
    static let ruleFileBytesMax = 256 << 10
    /// Triggers of an environment, each a question to the events at every evaluation.
    static let triggersMax = 300
    /// Receivers of alerts of an environment, each with a thread of its own.
    static let receiversMax = 20
    /// Recipients of Honeycomb's clients, each with a thread too.
    static let recipientsMax = 100
    /// Burn alerts of an environment, each a rule over counts that its SLO's other alerts need too.
    static let burnAlertsMax = 500
    /// Bytes of what is kept of an environment's alerts.
    static let alertFileBytesMax = 64 << 20
    /// Warnings of files of rules that are logged when these are read.
    static let ruleWarningsLogged = 20
    /// Nanoseconds between looks at whether a rule is due.
    static let rulePollNanoseconds: Int64 = 250_000_000
    /// Milliseconds after which it is looked at again whether the time to acknowledge an alert is over.
    static let tellingMilliseconds: Int64 = 10_000
    /// Groups of rules that have figures of their own in `/metrics`.
    static let ruleGroupFiguresMax = 1_000
    /// Nanoseconds that those who are told wait for what is behind an alert.
    static let explanationNanosecondsMax: Int64 = 3_000_000_000
    /// Minutes of late events that are counted one by one for burn-rate alerts; beyond, all is counted anew.
    static let lateMinutesMax = 10_000
    /// Milliseconds between looks at what late events change of past verdicts.
    static let revisionMilliseconds: Int64 = 15_000
    /// Nanoseconds that a replay of rules may take.
    static let replayNanosecondsMax: Int64 = 120_000_000_000
    /// Nanoseconds that one expression of a rule may take.
    static let ruleNanosecondsMax: Int64 = 30_000_000_000
    /// Queries with names that an environment keeps.
    static let namedQueriesMax = 5_000
    /// Results made anew at a time, because they are fetched long after they were made.
    static let renewedResultsMax = 4
    /// Results kept at a time, and bytes of all of them as text.
    static let savedResultsMax = 1_000
    static let savedResultsBytesMax = 64 << 20
    /// Definitions of one environment, of all kinds together, and bytes of its file.
    static let definitionsMax = 20_000
    static let definitionsBytesMax = 8 << 20
    /// Bytes of the body of one, as Honeycomb has it.
    static let definitionBodyBytesMax = 100_000
}

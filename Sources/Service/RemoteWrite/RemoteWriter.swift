internal import Bytes
internal import EventQuery
internal import Host
internal import Metrics
internal import SeriesStore
internal import Synchronization

/// Sends an environment's series to one receiver of Prometheus's remote write, on a thread of its own.
///
/// Nothing is queued: a file says up to when series were sent, and what comes after is read from the
/// series again, after a start as after an outage however long. A cell is sent once it has ended and
/// settled. What events that come later change of cells that were sent is sent again, once: a receiver
/// may take it or not.
final class RemoteWriter: Sendable {
    struct Figures: Sendable {
        var samples = 0
        /// Samples that the receiver refused for good.
        var refused = 0
        /// Samples that were sent again because late events had changed them, and were taken.
        var revised = 0
        /// Those that were not.
        var revisionsRefused = 0
        var failures = 0
        /// Milliseconds since 1970 up to which series were sent.
        var position: Int64 = 0
    }

    /// What is known of what the receiver has.
    private struct Sent {
        var position: RemoteWritePosition
        /// Series that had a sample at the position: what the others have there is their beginning.
        var alive: Set<Labels>?
        var starts: CounterStarts
    }

    let url: ServerURL
    private let receiver: RemoteWriteReceiver
    private let environment: String
    private let revisions: Int64
    private let metrics: DerivedMetrics
    private let machine: Machine
    private let positionFile: RemoteWritePositionFile
    private let log: ServerLog
    private let isEnding = Monitor(false)
    private let figuresNow = Mutex(Figures())
    private let thread = Mutex<HostThread?>(nil)

    /// Starts the thread.
    ///
    /// - Parameter revisions: milliseconds before what was sent, in which late events change what is sent
    ///   again.
    ///
    /// Throws `HostError` when the system has none to give or the position cannot be read.
    init(
        _ receiver: RemoteWriteReceiver, _ version: RemoteWriteRequest.Version,
        environment: String, revisions: Int64, _ metrics: DerivedMetrics, directory: String,
        _ machine: Machine,
        _ log: ServerLog
    ) throws {
        url = receiver.url
        self.receiver = receiver
        self.environment = environment
        self.revisions = revisions
        self.metrics = metrics
        self.machine = machine
        self.log = log
        positionFile = RemoteWritePositionFile(
            url, environment: environment, in: directory, machine)
        let position =
            try positionFile.read()
            ?? RemoteWritePosition(
                sent: RemoteWriter.settled(machine.clock),
                looked: machine.clock.wallNanoseconds())
        try positionFile.write(position)
        figuresNow.withLock { $0.position = position.sent }
        let started = try HostThread(name: "remote write") { [self] in run(position, version) }
        thread.withLock { $0 = started }
    }

    var figures: Figures { figuresNow.withLock { $0 } }

    /// Ends after the request that is being sent.
    func end() { isEnding.update { $0 = true } }

    func join() { thread.withLock { $0 }?.join() }

    /// The end of the last cell whose events should all have come.
    private static func settled(_ clock: any HostClock) -> Int64 {
        (clock.wallNanoseconds() / 1_000_000 - 30_000) / 10_000 * 10_000
    }

    // MARK: - Thread

    private func run(_ start: RemoteWritePosition, _ version: RemoteWriteRequest.Version) {
        var sender = RemoteWriteSender(receiver, version)
        var sent: Sent?
        while !isEnding.withLock({ $0 }) {
            let position = sent?.position ?? start
            let end = min(
                RemoteWriter.settled(machine.clock),
                position.sent + ServiceLimits.remoteWriteWindow)
            if end <= position.sent {
                pause(seconds: 2)
                continue
            }
            do {
                var now = try sent ?? beginning(at: start)
                guard try sendRevisions(by: &sender, &now),
                    try sendCells(until: end, by: &sender, &now)
                else { return }
                sent = now
                try positionFile.write(now.position)
                figuresNow.withLock { $0.position = end }
            } catch {
                tell(.warn, "notice", "\(error)")
                pause(seconds: ServiceLimits.remoteWritePauseSecondsMax)
            }
        }
    }

    private func beginning(at position: RemoteWritePosition) throws -> Sent {
        let beginnings = try derived().beginnings(before: position.sent)
        return Sent(position: position, starts: CounterStarts(beginnings))
    }

    private func derived() throws -> DerivedSeries {
        try metrics.derived(of: environment, QueryCancellation())
    }

    /// Sends the cells after the position; false when the server ends before.
    private func sendCells(
        until end: Int64, by sender: inout RemoteWriteSender, _ sent: inout Sent
    ) throws -> Bool {
        let from = sent.position.sent
        let series = try metrics.series(of: environment, QueryCancellation())
            .select([], from: from, to: end)
        let exemplars = sender.sendsExemplars ? try exemplars(from: from + 1, to: end) : [:]
        let metadata = metadata()
        let fresh = series.compactMap { $0.following(from, sent.alive) }.map { data in
            var one = RemoteWriteSeries(data, metadata: metadata[data.labels.metricName])
            if one.metadata?.type ?? "gauge" != "gauge" {
                one.starts = sent.starts.starts(of: data)
                one.exemplars = exemplars[data.labels] ?? []
            }
            return one
        }
        for batch in RemoteWriteSender.batches(fresh) {
            guard send(batch, by: &sender) else { return false }
        }
        let alive = Set(series.filter { $0.samples.timestamps.last == end }.map(\.labels))
        sent.starts.keep(Set(series.map(\.labels)))
        sent.alive = alive
        sent.position.sent = end
        return true
    }

    private func exemplars(from: Int64, to: Int64) throws -> [Labels: [Exemplar]] {
        let found = try metrics.exemplars(of: environment, QueryCancellation())
            .select([], from: from, to: to)
        return Dictionary(found.map { ($0.labels, $0.exemplars) }) { $0 + $1 }
    }

    /// What is known of metrics, by the names of their series.
    private func metadata() -> [String: PrometheusAPI.Metadata] {
        Dictionary(
            metrics.definitions(of: environment).flatMap { definition in
                definition.seriesNames.map {
                    (
                        $0,
                        PrometheusAPI.Metadata(
                            type: definition.typeName, help: definition.help,
                            unit: definition.unit)
                    )
                }
            }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: - Revisions

    /// Sends again what events that came late changed of cells that were sent; false when the server ends
    /// before.
    ///
    /// Series that are new by them go by themselves, before what follows of them, so that a receiver that
    /// takes samples in their order alone has them whole.
    private func sendRevisions(
        by sender: inout RemoteWriteSender, _ sent: inout Sent
    ) throws -> Bool {
        let now = machine.clock.wallNanoseconds()
        let position = sent.position
        let changed = try derived().revisions(
            since: position.looked - ServiceLimits.remoteWriteCommitNanoseconds,
            from: position.sent - revisions, to: position.sent)
        let metadata = metadata()
        let alive = sent.alive ?? []
        for isNew in [true, false] {
            let part = changed.filter { alive.contains($0.labels) != isNew }.map {
                RemoteWriteSeries($0, metadata: metadata[$0.labels.metricName])
            }
            for batch in RemoteWriteSender.batches(part) {
                guard sendOnce(batch, by: &sender) else { return false }
            }
            if isNew { sent.alive?.formUnion(part.map(\.data.labels)) }
        }
        sent.position.looked = now
        return true
    }

    /// Sends samples that the receiver may have otherwise already, a few times at most; false when the
    /// server ends before.
    private func sendOnce(
        _ batch: [RemoteWriteSeries], by sender: inout RemoteWriteSender
    ) -> Bool {
        let count = batch.reduce(0) { $0 + $1.data.samples.count }
        for _ in 0..<ServiceLimits.remoteWriteRevisionAttempts {
            switch sender.send(batch) {
            case .taken:
                figuresNow.withLock { $0.revised += count }
                return true
            case .refused:
                figuresNow.withLock { $0.revisionsRefused += count }
                return true
            case .failed(_, let after):
                pause(seconds: max(ServiceLimits.remoteWritePauseSeconds, after ?? 0))
                if isEnding.withLock({ $0 }) { return false }
            }
        }
        figuresNow.withLock { $0.revisionsRefused += count }
        return true
    }

    // MARK: - Sending

    /// Sends a batch until the receiver has it or refuses it; false when the server ends before.
    private func send(
        _ batch: [RemoteWriteSeries], by sender: inout RemoteWriteSender
    ) -> Bool {
        let count = batch.reduce(0) { $0 + $1.data.samples.count }
        var backOff = ServiceLimits.remoteWritePauseSeconds
        while true {
            switch sender.send(batch) {
            case .taken:
                figuresNow.withLock { $0.samples += count }
                return true
            case .refused(let reason):
                figuresNow.withLock { $0.refused += count }
                tell(.warn, "refused", reason)
                return true
            case .failed(let reason, let after):
                figuresNow.withLock { $0.failures += 1 }
                tell(.info, "failure", reason)
                pause(seconds: max(backOff, after ?? 0))
                if isEnding.withLock({ $0 }) { return false }
                backOff = min(2 * backOff, ServiceLimits.remoteWritePauseSecondsMax)
            }
        }
    }

    private func tell(_ level: ServerLog.Level, _ what: String, _ text: String) {
        log(level, "remote write", ["url": .string(url.host), what: .string(text)])
    }

    private func pause(seconds: Int) {
        _ = isEnding.wait(atMost: Int64(seconds) * 1_000_000_000) { $0 ? () : nil }
    }
}

extension SeriesData {
    /// The samples after a time; the one at it too where it is the series' beginning.
    fileprivate func following(_ time: Int64, _ alive: Set<Labels>?) -> SeriesData? {
        let isNew = alive.map { !$0.contains(labels) } ?? false
        let left = samples.clamped(from: isNew ? time : time + 1, to: .max)
        return left.isEmpty ? nil : SeriesData(labels: labels, samples: left)
    }
}

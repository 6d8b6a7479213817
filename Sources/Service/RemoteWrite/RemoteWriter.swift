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
/// settled; events that come later change totals that are sent later, not those that were.
final class RemoteWriter: Sendable {
    struct Figures: Sendable {
        var samples = 0
        /// Samples that the receiver refused for good.
        var refused = 0
        var failures = 0
        /// Milliseconds since 1970 up to which series were sent.
        var position: Int64 = 0
    }

    let url: ServerURL
    private let environment: String
    private let metrics: DerivedMetrics
    private let machine: Machine
    private let positionFile: RemoteWritePosition
    private let log: ServerLog
    private let isEnding = Monitor(false)
    private let figuresNow = Mutex(Figures())
    private let thread = Mutex<HostThread?>(nil)

    /// Starts the thread.
    ///
    /// Throws `HostError` when the system has none to give or the position cannot be read.
    init(
        _ url: ServerURL, _ version: RemoteWriteRequest.Version, environment: String,
        _ metrics: DerivedMetrics, directory: String, _ machine: Machine, _ log: ServerLog
    ) throws {
        self.url = url
        self.environment = environment
        self.metrics = metrics
        self.machine = machine
        self.log = log
        positionFile = RemoteWritePosition(url, environment: environment, in: directory, machine)
        let position = try positionFile.read() ?? RemoteWriter.settled(machine.clock)
        try positionFile.write(position)
        figuresNow.withLock { $0.position = position }
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

    private func run(_ start: Int64, _ version: RemoteWriteRequest.Version) {
        var sender = RemoteWriteSender(url, version)
        var position = start
        // Series that had a sample at the position: what the others have there is their beginning.
        var alive: Set<Labels>?
        while !isEnding.withLock({ $0 }) {
            let end = min(
                RemoteWriter.settled(machine.clock), position + ServiceLimits.remoteWriteWindow)
            if end <= position {
                pause(seconds: 2)
                continue
            }
            do {
                let series = try metrics.series(of: environment, QueryCancellation())
                    .select([], from: position, to: end)
                let fresh = series.compactMap { $0.following(position, alive) }
                for batch in RemoteWriteSender.batches(fresh) {
                    guard send(batch, by: &sender) else { return }
                }
                alive = Set(series.filter { $0.samples.timestamps.last == end }.map(\.labels))
                position = end
                try positionFile.write(position)
                figuresNow.withLock { $0.position = end }
            } catch {
                log(
                    .warn, "remote write",
                    ["url": .string(url.host), "notice": .string("\(error)")])
                pause(seconds: ServiceLimits.remoteWritePauseSecondsMax)
            }
        }
    }

    /// Sends a batch until the receiver has it or refuses it; false when the server ends before.
    private func send(_ batch: [SeriesData], by sender: inout RemoteWriteSender) -> Bool {
        let count = batch.reduce(0) { $0 + $1.samples.count }
        let types = Dictionary(
            metrics.definitions(of: environment).flatMap { definition in
                definition.seriesNames.map { ($0, definition.kind.typeName) }
            }, uniquingKeysWith: { first, _ in first })
        var backOff = ServiceLimits.remoteWritePauseSeconds
        while true {
            switch sender.send(batch, types) {
            case .taken:
                figuresNow.withLock { $0.samples += count }
                return true
            case .refused(let reason):
                figuresNow.withLock { $0.refused += count }
                log(
                    .warn, "remote write",
                    ["url": .string(url.host), "refused": .string(reason)])
                return true
            case .failed(let reason, let after):
                figuresNow.withLock { $0.failures += 1 }
                log(
                    .info, "remote write",
                    ["url": .string(url.host), "failure": .string(reason)])
                pause(seconds: max(backOff, after ?? 0))
                if isEnding.withLock({ $0 }) { return false }
                backOff = min(2 * backOff, ServiceLimits.remoteWritePauseSecondsMax)
            }
        }
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

/// Makes requests of series and knows what answers mean.
private struct RemoteWriteSender: ~Copyable {
    enum Outcome {
        case taken
        /// The same would be refused again.
        case refused(String)
        /// May pass; the receiver may say after how many seconds.
        case failed(String, after: Int?)
    }

    private var client: HTTPClient
    private var version: RemoteWriteRequest.Version

    init(_ url: ServerURL, _ version: RemoteWriteRequest.Version) {
        client = HTTPClient(url)
        self.version = version
    }

    /// Parts of at most `ServiceLimits.remoteWriteSamples`, each series' samples in their order.
    static func batches(_ series: [SeriesData]) -> [[SeriesData]] {
        var batches: [[SeriesData]] = []
        var room = 0
        for data in series {
            var first = 0
            let cost = 1 + (data.samples.histograms.first??.positiveBuckets.count ?? 0)
            while first < data.samples.count {
                if room < cost {
                    batches.append([])
                    room = max(cost, ServiceLimits.remoteWriteSamples)
                }
                let count = min(data.samples.count - first, room / cost)
                let part = data.samples[first..<first + count]
                batches[batches.count - 1].append(SeriesData(labels: data.labels, samples: part))
                room -= count * cost
                first += count
            }
        }
        return batches
    }

    mutating func send(_ batch: [SeriesData], _ types: [String: String]) -> Outcome {
        let body = Snappy.compress(RemoteWriteRequest.encode(batch, version, types: types))
        let headers: HTTPHeaders = [
            "Content-Type": version.contentType, "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": version.number, "User-Agent": "widefield",
        ]
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try client.request("POST", "", headers: headers, body: body)
        } catch {
            return .failed("\(error)", after: nil)
        }
        let reason =
            "status \(response.status): \(String(decoding: response.body.prefix(200), as: UTF8.self))"
        switch response.status {
        case 200..<300:
            // Whoever takes 2.0 says how much it wrote; others took it for something else.
            let knowsTwo = response.headers["X-Prometheus-Remote-Write-Samples-Written"] != nil
            guard version == .two && !knowsTwo else { return .taken }
            version = .one
            return send(batch, types)
        case 415 where version == .two:
            version = .one
            return send(batch, types)
        case 429, 500...:
            return .failed(reason, after: response.headers["Retry-After"].flatMap { Int($0) })
        default: return .refused(reason)
        }
    }
}

/// Up to when series were sent to a receiver: a small file for each, of milliseconds since 1970.
private struct RemoteWritePosition {
    private let parent: String
    private let directory: String
    private let name: String
    private let environment: String
    private let machine: Machine

    init(_ url: ServerURL, environment: String, in parent: String, _ machine: Machine) {
        name = "sent-" + hexadecimal(Array(sha256(Array("\(url)".utf8)).prefix(8)))
        directory = EnvironmentSeries.directory(of: environment, in: parent)
        (self.parent, self.environment, self.machine) = (parent, environment, machine)
    }

    func read() throws -> Int64? {
        let path = directory + "/" + name
        guard try machine.files.status(path) != nil else { return nil }
        let bytes = try machine.files.readFile(path, limit: 32)
        return Int64(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
    }

    func write(_ position: Int64) throws(HostError) {
        try EnvironmentSeries.makeDirectory(of: environment, in: parent, on: machine)
        try machine.files.replaceFile(name, in: directory, with: Array("\(position)\n".utf8))
    }
}

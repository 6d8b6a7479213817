internal import Host

/// How long the events of one dataset are kept; without bounds for ever.
public struct RetentionPolicy: Hashable, Sendable {
    /// Nanoseconds, counted from the earlier of event and receipt.
    public var age: Int64?
    /// Bytes of the dataset's share of its environment's segments.
    public var bytes: UInt64?

    public init(age: Int64? = nil, bytes: UInt64? = nil) {
        self.age = age
        self.bytes = bytes
    }
}

/// The policy of a dataset of an environment; nil to keep everything.
public typealias RetentionPolicies =
    @Sendable (_ environment: String, _ dataset: String) -> RetentionPolicy?

/// Told of events before retention lets them go, so that what was counted of them can outlive them.
///
/// All calls come one after the other; between `prepare` and `settle` there is at most a crash.
public protocol RetentionWitness: Sendable {
    /// Makes durable what is to be kept of events, not yet to be counted: they are still there.
    ///
    /// What it throws keeps the events until the next round.
    func prepare(
        _ dying: EventStoreSnapshot, _ runs: [DeadRun], of environment: String) throws

    /// Counts what was prepared if its runs are gone, else forgets it; called after `prepare`, and when
    /// a store is opened, before anything changes its segments.
    func settle(_ environment: String, areGone: ([DeadRun]) -> Bool)
}

/// Decides whether the wall clock is to be trusted with deleting.
///
/// After a start, and after wall and monotonic clock have parted by more than an hour, retention waits.
struct ClockWatch {
    private let limits: StoreLimits
    private var last: (wall: Int64, monotonic: Int64)?
    private var cautiousUntil: Int64 = 0

    init(limits: StoreLimits) { self.limits = limits }

    /// Looks at the clocks; true when retention may act.
    mutating func isTrusted(_ clock: any HostClock) -> Bool {
        let now = (wall: clock.wallNanoseconds(), monotonic: clock.monotonicNanoseconds())
        defer { last = now }
        guard let last else {
            cautiousUntil = now.monotonic + limits.retentionCaution
            return false
        }
        let parted = (now.wall - last.wall) - (now.monotonic - last.monotonic)
        if parted.magnitude > UInt64(limits.clockJump) {
            cautiousUntil = now.monotonic + limits.retentionCaution
        }
        return now.monotonic >= cautiousUntil
    }
}

/// What retention lets go of in one environment.
struct RetentionPlan {
    private(set) var dead: [DeadRun] = []

    init(
        _ state: ManifestState, now: Int64, policy: (_ dataset: String) -> RetentionPolicy?
    ) {
        var runs: [String: [(file: String, run: DatasetEntry, bytes: UInt64)]] = [:]
        for segment in state.segments.values {
            for run in segment.datasets {
                let death = DeadRun(fileName: segment.fileName, dataset: run.name)
                if state.dead.contains(death) { continue }
                let share = Double(run.rows) / Double(max(1, segment.rows))
                let bytes = UInt64(Double(segment.bytes) * share)
                runs[run.name, default: []].append((segment.fileName, run, bytes))
            }
        }
        for (dataset, runs) in runs {
            guard let policy = policy(dataset) else { continue }
            var kept: UInt64 = 0
            // From the youngest on, until the bytes are used up.
            for (file, run, bytes) in runs.sorted(by: {
                ($1.run.youngest, $1.file) < ($0.run.youngest, $0.file)
            }) {
                let isOld = policy.age.map { run.youngest < now - $0 } ?? false
                kept += bytes
                let isTooMuch = policy.bytes.map { kept > $0 } ?? false
                if isOld || isTooMuch { dead.append(DeadRun(fileName: file, dataset: dataset)) }
            }
        }
        dead.sort { ($0.fileName, $0.dataset) < ($1.fileName, $1.dataset) }
    }
}

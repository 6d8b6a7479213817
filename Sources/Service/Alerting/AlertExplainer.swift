internal import Alerting
internal import Bytes
internal import EventQuery
internal import Host
internal import SeriesStore

/// Adds to alerts that fire what is behind them before anybody is told, on a thread of its own, so that
/// no evaluation waits for it.
///
/// Each is explained once, when it begins. What takes longer than a few seconds is told without.
final class AlertExplainer: Sendable {
    private struct Inbox {
        /// All alerts as they are now, by environment; those handed over before are forgotten.
        var waiting: [String: RuleBook] = [:]
        var isBusy = false
        var isEnding = false
    }

    private let metrics: DerivedMetrics
    private let incidents: IncidentKeeper
    private let tellers: AlertTellers
    private let clock: any HostClock
    private let externalURL: String
    private let inbox = Monitor(Inbox())
    private let thread = Monitor<HostThread?>(nil)
    private let cancellation = QueryCancellation()

    init(
        _ metrics: DerivedMetrics, _ incidents: IncidentKeeper, _ tellers: AlertTellers,
        clock: any HostClock, externalURL: String
    ) {
        self.metrics = metrics
        self.incidents = incidents
        self.tellers = tellers
        self.clock = clock
        self.externalURL = externalURL
    }

    /// Starts the thread.
    ///
    /// Throws `HostError` when the system has none to give.
    func start() throws(HostError) {
        let started = try HostThread(name: "explainer") { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Hands over an environment's alerts as they are now.
    func tell(_ book: RuleBook, of environment: String) {
        inbox.update { $0.waiting[environment] = book }
    }

    /// Waits until what was handed over was handed on; false when that takes too long.
    func settle() -> Bool {
        let isDone: Void? = inbox.wait(atMost: 30_000_000_000) { inbox in
            inbox.isEnding || inbox.waiting.isEmpty && !inbox.isBusy ? () : nil
        }
        return isDone != nil
    }

    func end() {
        cancellation.cancel()
        inbox.update { $0.isEnding = true }
        thread.withLock { $0 }?.join()
    }

    // MARK: - Thread

    /// What is known of incidents that fire, by environment and id.
    private typealias Known = [String: [String: Labels]]

    private func run() {
        var known: Known = [:]
        while true {
            let next: (environment: String, book: RuleBook)? = inbox.wait { inbox in
                if inbox.isEnding { return .some(nil) }
                guard let environment = inbox.waiting.keys.min(),
                    let book = inbox.waiting.removeValue(forKey: environment)
                else { return nil }
                inbox.isBusy = true
                return (environment, book)
            }
            guard let next else { return }
            hand(on: next.book, of: next.environment, &known)
            inbox.update { $0.isBusy = false }
        }
    }

    private func hand(on book: RuleBook, of environment: String, _ known: inout Known) {
        let incidents = incidents.incidents(of: environment)
        let start = clock.monotonicNanoseconds()
        var current: [String: Labels] = [:]
        var rules: [Labels: Rule] = [:]
        for state in book.groups.flatMap(\.rules) {
            for labels in state.alerts.keys { rules[labels] = state.rule }
        }
        let recorded = RecordedSelectors(book.groups.map(\.group))
        let alerts = book.alerts.map { alert in
            guard let id = incidents[alert]?.id, let rule = rules[alert.labels] else {
                return alert
            }
            var details = known[environment]?[id]
            let spent = clock.monotonicNanoseconds() - start
            if details == nil, alert.state == .firing,
                spent < ServiceLimits.explanationNanosecondsMax
            {
                details = AlertExplanation(
                    metrics: metrics, environment: environment, externalURL: externalURL,
                    cancellation: cancellation, recorded: recorded,
                    timeLimit: ServiceLimits.explanationNanosecondsMax - spent
                ).details(alert, rule, id: id)
            }
            current[id] = details
            return details.map { alert.adding($0) } ?? alert
        }
        known[environment] = current
        let told = incidents.told(
            alerts, at: clock.wallNanoseconds() / 1_000_000, tellers.receivers(of: environment))
        tellers.tell(told, of: environment)
    }
}

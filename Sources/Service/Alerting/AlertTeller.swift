internal import Alerting
internal import Bytes
internal import Host
internal import Synchronization

/// Tells one Alertmanager or receiver of an environment's alerts, on a thread of its own, so that one
/// that hangs delays no other.
///
/// It is handed all alerts as they are and keeps the newest only; what it has to say is worked out from
/// them and from what was taken before.
final class AlertTeller: Sendable {
    enum Listener: Sendable {
        case alertmanager(AlertmanagerFeed)
        /// With the name under which what it knows is kept.
        case receiver(ReceiverFeed, file: String)
    }

    private struct Inbox {
        /// Nil until it is known what there is: nobody is told of an end because nothing is known yet.
        var alerts: [Alert]?
        var isNew = false
        /// Texts that what it knows must not hold; empty when that is done.
        var erased: [String] = []
        /// Whether all that it knows is to be forgotten; done before it is redefined.
        var forgets = false
        /// Who is to be told from now on in the place of who is told.
        var redefined: Receiver?
        var isEnding = false
        /// Whether the thread has ended, and does nothing more of what it is asked.
        var isThrough = false

        /// Whether something is to be done before the next message.
        var hasOrders: Bool {
            isEnding || forgets || redefined != nil || !erased.isEmpty
        }
    }

    /// What was told, and what was not.
    struct Figures: Sendable {
        var sent = 0
        var failed = 0
        /// The same counted by the alerts that messages tell of.
        var alertsSent = 0
        var alertsFailed = 0
        /// Alerts of which something is still to be told.
        var waiting = 0
        /// Why the last one failed; nil when it did not.
        var failure: String?
    }

    let name: String
    private let receiverNow: Mutex<Receiver?>
    private let inbox = Monitor(Inbox())
    private let figuresNow = Mutex(Figures())
    /// The listener as of the last message that was taken.
    private let listenerNow: Mutex<Listener>
    private let thread = Mutex<HostThread?>(nil)
    private let files: AlertFiles
    private let clock: any HostClock
    private let externalURL: String
    private let interval: Int64
    private let log: ServerLog

    init(
        _ name: String, _ listener: Listener, _ files: AlertFiles, clock: any HostClock,
        externalURL: String, interval: Int64, log: ServerLog
    ) throws(HostError) {
        self.name = name
        switch listener {
        case .alertmanager: receiverNow = Mutex(nil)
        case .receiver(let feed, _): receiverNow = Mutex(feed.receiver)
        }
        listenerNow = Mutex(listener)
        self.files = files
        self.clock = clock
        self.externalURL = externalURL
        self.interval = interval
        self.log = log
        let started = try HostThread(name: "teller") { [self] in run(listener) }
        thread.withLock { $0 = started }
    }

    /// Nil where it is an Alertmanager that is told.
    var receiver: Receiver? { receiverNow.withLock { $0 } }

    /// What is told: `alertmanager`, or a receiver's type such as `webhook`.
    var typeName: String { receiver?.typeName ?? "alertmanager" }

    var figures: Figures { figuresNow.withLock { $0 } }

    /// Whether it has ended, at its own time after it was asked to.
    var isThrough: Bool { inbox.withLock { $0.isThrough } }

    /// Whom it tells, with what was taken so far.
    var listener: Listener { listenerNow.withLock { $0 } }

    /// Hands over all alerts as they are now.
    func tell(_ alerts: [Alert]) {
        inbox.update { inbox in
            inbox.alerts = alerts
            inbox.isNew = true
        }
    }

    /// Forgets alerts that hold one of some texts, in memory and on disk.
    ///
    /// - Returns: false when what is being sent kept it from it for too long.
    func erase(_ texts: [String]) -> Bool {
        inbox.update { inbox in
            inbox.erased += texts
            inbox.alerts?.removeAll { $0.holds(texts) }
        }
        return inbox.wait(atMost: 30_000_000_000) {
            $0.erased.isEmpty || $0.isThrough ? () : nil
        } != nil
    }

    /// Tells another receiver of the same name after what is being sent; what was told before counts,
    /// unless that was to be forgotten.
    ///
    /// - Returns: false when it has ended before, and there is to be another teller.
    func redefine(as receiver: Receiver) -> Bool {
        let isThere = inbox.update { inbox in
            if inbox.isThrough { return false }
            inbox.isEnding = false
            inbox.redefined = receiver
            return true
        }
        guard isThere else { return false }
        receiverNow.withLock { $0 = receiver }
        return true
    }

    /// Asks the thread to end after what it is sending.
    ///
    /// - Parameter forgetting: whether nothing of what was told is to be kept.
    func end(forgetting: Bool = false) {
        inbox.update { inbox in
            inbox.isEnding = true
            inbox.forgets = inbox.forgets || forgetting
        }
    }

    func join() { thread.withLock { $0 }?.join() }

    // MARK: - Thread

    private func run(_ listener: Listener) {
        var listener = listener
        while true {
            // Also when there is nothing new: what fires is told again, what failed is tried again.
            _ = inbox.wait(atMost: 1_000_000_000) { inbox -> Void? in
                guard inbox.isNew || inbox.hasOrders else { return nil }
                inbox.isNew = false
                return ()
            }
            obey(&listener)
            if isAtEnd() { return }
            while let alerts = inbox.withLock({ $0.alerts }) {
                let isSent = sendNext(&listener, alerts)
                let waiting = listener.waiting(alerts, at: now)
                figuresNow.withLock { $0.waiting = waiting }
                guard isSent, !inbox.withLock({ $0.hasOrders }) else { break }
            }
        }
    }

    /// Does what is to be done between two messages.
    private func obey(_ listener: inout Listener) {
        let (texts, forgets, redefined) = inbox.withLock { inbox in
            defer { (inbox.forgets, inbox.redefined) = (false, nil) }
            return (inbox.erased, inbox.forgets, inbox.redefined)
        }
        if case .receiver(var feed, let file) = listener {
            if forgets {
                feed = ReceiverFeed(feed.receiver)
                forget(file)
            }
            if let redefined {
                feed.redefine(as: redefined)
                figuresNow.withLock { $0 = Figures() }
            }
            if !texts.isEmpty {
                feed.erase(texts)
                // What was never kept holds nothing either.
                if !forgets { keep(&feed, file) }
            }
            let known = Listener.receiver(feed, file: file)
            listener = known
            listenerNow.withLock { $0 = known }
        }
        if !texts.isEmpty { inbox.update { $0.erased.removeFirst(texts.count) } }
    }

    /// Whether the thread ends now: it was asked to, and to nothing else since.
    private func isAtEnd() -> Bool {
        inbox.update { inbox in
            inbox.isThrough = inbox.isEnding && !inbox.forgets && inbox.redefined == nil
            return inbox.isThrough
        }
    }

    private var now: Int64 { clock.wallNanoseconds() / 1_000_000 }

    /// Sends the next message; false when there is none, or it was not taken.
    private func sendNext(_ listener: inout Listener, _ alerts: [Alert]) -> Bool {
        let message = listener.message(
            alerts, at: now, interval: interval, externalURL: externalURL)
        keepNews(of: &listener)
        guard let message else { return false }
        do throws(Outgoing.Failure) {
            try Outgoing.send(message)
        } catch {
            note(failure: error.description, alerts: message.alertCount)
            if error.isRefusal {
                listener.refused(message, at: now)
            } else {
                listener.failed(at: now)
            }
            return false
        }
        listener.succeeded(message, alerts, at: now)
        keepNews(of: &listener)
        let taken = listener
        listenerNow.withLock { $0 = taken }
        // Counted once a restart will not tell it again.
        figuresNow.withLock { figures in
            figures.sent += 1
            figures.alertsSent += message.alertCount
            figures.failure = nil
        }
        return true
    }

    private func note(failure: String, alerts: Int) {
        let isNews = figuresNow.withLock { figures in
            defer { figures.failure = failure }
            figures.failed += 1
            figures.alertsFailed += alerts
            return figures.failure != failure
        }
        // An outage is one line, not one a second.
        if isNews {
            log(.warn, "not told", ["to": .string(name), "error": .string(failure)])
        }
    }

    /// Keeps what a receiver's feed has come to since it was kept last.
    private func keepNews(of listener: inout Listener) {
        guard case .receiver(var feed, let file) = listener, feed.hasNews else { return }
        keep(&feed, file)
        listener = .receiver(feed, file: file)
    }

    private func keep(_ feed: inout ReceiverFeed, _ file: String) {
        do throws(HostError) {
            try files.keep(feed.encoded(), in: file)
            feed.wasKept()
        } catch {
            log(.error, "alerts not kept", ["error": .string("\(error)")])
        }
    }

    private func forget(_ file: String) {
        do throws(HostError) {
            try files.remove(file)
        } catch {
            log(.error, "alerts not forgotten", ["error": .string("\(error)")])
        }
    }
}

extension AlertTeller.Listener {
    /// Whether a message that tells of an alert was taken.
    func wasTold(of alert: Alert) -> Bool {
        switch self {
        case .alertmanager(let feed): feed.wasTold(of: alert)
        case .receiver(let feed, _): feed.wasTold(of: alert)
        }
    }

    fileprivate mutating func message(
        _ alerts: [Alert], at now: Int64, interval: Int64, externalURL: String
    ) -> OutgoingMessage? {
        switch self {
        case .alertmanager(var feed):
            defer { self = .alertmanager(feed) }
            return feed.message(alerts, at: now, interval: interval, generator: externalURL)
        case .receiver(var feed, let file):
            defer { self = .receiver(feed, file: file) }
            return feed.message(alerts, at: now, externalURL: externalURL)
        }
    }

    fileprivate func waiting(_ alerts: [Alert], at now: Int64) -> Int {
        switch self {
        case .alertmanager(let feed): feed.waiting(alerts, at: now)
        case .receiver(let feed, _): feed.waiting(alerts)
        }
    }

    fileprivate mutating func succeeded(
        _ message: OutgoingMessage, _ alerts: [Alert], at now: Int64
    ) {
        switch self {
        case .alertmanager(var feed):
            feed.succeeded(message, alerts, at: now)
            self = .alertmanager(feed)
        case .receiver(var feed, let file):
            feed.succeeded(message)
            self = .receiver(feed, file: file)
        }
    }

    fileprivate mutating func refused(_ message: OutgoingMessage, at now: Int64) {
        switch self {
        case .alertmanager(var feed):
            feed.refused(message, at: now)
            self = .alertmanager(feed)
        case .receiver(var feed, let file):
            feed.refused(message, at: now)
            self = .receiver(feed, file: file)
        }
    }

    fileprivate mutating func failed(at now: Int64) {
        switch self {
        case .alertmanager(var feed):
            feed.failed(at: now)
            self = .alertmanager(feed)
        case .receiver(var feed, let file):
            feed.failed(at: now)
            self = .receiver(feed, file: file)
        }
    }
}

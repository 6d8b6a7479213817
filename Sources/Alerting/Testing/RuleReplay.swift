public import EventQuery
public import Metrics
public import SeriesStore
internal import Synchronization

/// What rules would have done over a stretch of the past.
public struct RuleReplay: Sendable {
    /// What becomes of an alert, when nobody acknowledges it.
    public enum Step: String, Sendable {
        case pending
        case firing
        /// Left to a machine, it became a page.
        case escalated
        /// Whoever is next would have been told.
        case unacknowledged
        case resolved
    }

    /// A step of one alert.
    public struct Change: Sendable {
        /// Milliseconds since 1970.
        public let time: Int64
        public let labels: Labels
        public let step: Step
        public let value: Double
    }

    /// Incidents of which nobody says anything.
    private static let unsaid = IncidentLog()

    /// In the order of time; the first ones only, where there are too many.
    public private(set) var changes: [Change] = []
    /// Whether there were more changes than are told of.
    public private(set) var isCut = false
    /// Why rules failed, each once, with the rule's name.
    public private(set) var failures: [(rule: String, reason: String)] = []

    /// Evaluates rules at each of their intervals, in memory: nothing is written, nobody is told.
    ///
    /// - Parameters:
    ///   - start: milliseconds since 1970, as `end`, which is included.
    ///   - interval: milliseconds between evaluations of groups that say nothing of it.
    ///   - source: the past.
    ///   - ask: answers the questions of triggers.
    /// - Throws: `PromQLError` when the stretch takes too many evaluations, or `interruption` says so.
    public init(
        _ files: [RuleFile], from start: Int64, to end: Int64, interval: Int64,
        over source: any SeriesSource, ask: @escaping DerivedSeries.Ask = { _ in .empty },
        interruption: @escaping @Sendable () -> PromQLError? = { nil }
    ) throws(PromQLError) {
        let intervals = Set(files.flatMap(\.groups).map { $0.interval ?? interval })
        let shortest = intervals.min() ?? interval
        guard start <= end else {
            throw PromQLError(.badData, "a replay ends before it begins")
        }
        guard (end - start) / shortest <= AlertingLimits.replayEvaluations else {
            throw PromQLError(
                .badData,
                "a replay takes at most \(AlertingLimits.replayEvaluations) evaluations: take a "
                    + "shorter time or longer intervals")
        }
        let recorded = MemorySeries()
        let past = PastSeries(source, from: start, to: end)
        var options = PromQLEngine.Options()
        options.interruption = interruption
        let engine = PromQLEngine(JoinedSeries(recorded, past), options: options)
        let context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value }, ask: ask,
            write: { recorded.write($0) })
        var book = RuleBook(interval: interval, standstill: .max, at: start)
        book.replace(files, at: start)
        var known: [Labels: Alert.State] = [:]
        // Each group at its own times, as a server that runs evaluates them.
        func next(after time: Int64) -> Int64? {
            intervals.map { RuleBook.tick(time, $0) + $0 }.min()
        }
        var tick = next(after: start - 1)
        while let time = tick, time <= end {
            if let error = interruption() { throw error }
            _ = book.evaluate(at: time, context)
            note(book, &known, at: time)
            tick = next(after: time)
        }
        // Deadlines that pass after the last evaluation.
        note(book, &known, at: end)
    }

    private mutating func note(
        _ book: RuleBook, _ known: inout [Labels: Alert.State], at time: Int64
    ) {
        var now: [Labels: Alert.State] = [:]
        var found: [Change] = []
        func add(_ alert: Alert, _ step: Step, at time: Int64) {
            found.append(
                Change(time: time, labels: alert.labels, step: step, value: alert.value))
        }
        for alert in book.alerts.sorted(by: { $0.labels < $1.labels }) {
            now[alert.labels] = alert.state
            if known[alert.labels] != alert.state {
                switch alert.state {
                case .pending: add(alert, .pending, at: time)
                case .firing: add(alert, .firing, at: time)
                case .inactive: add(alert, .resolved, at: time)
                }
            }
            for escalation in RuleReplay.unsaid.escalations(of: alert, at: time, []) {
                let told = escalation.alert
                now[told.labels] = told.state
                let before = known[told.labels]
                if before != .firing, before != told.state {
                    let step: Step =
                        escalation.reason == .escalated ? .escalated : .unacknowledged
                    add(told, step, at: told.firedAt ?? time)
                }
                if told.state == .inactive, before != .inactive {
                    add(told, .resolved, at: told.resolvedAt ?? time)
                }
            }
        }
        // A pending alert that is gone without having fired.
        for labels in known.keys.filter({ now[$0] == nil && known[$0] == .pending }).sorted() {
            found.append(Change(time: time, labels: labels, step: .resolved, value: .nan))
        }
        known = now
        note(found)
        for rule in book.groups.flatMap(\.rules) {
            guard let reason = rule.failure,
                !failures.contains(where: { $0.rule == rule.rule.name })
            else { continue }
            failures.append((rule.rule.name, reason))
        }
    }

    /// Adds changes by their times; deadlines pass between evaluations.
    private mutating func note(_ found: [Change]) {
        let ordered = found.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }
        let room = AlertingLimits.replayChanges - changes.count
        if ordered.count > room { isCut = true }
        changes += ordered.prefix(room).map(\.element)
    }
}

/// The past as a replay asks for it: each metric is read once, over the whole of the time, and a day
/// before it for what looks back.
private final class PastSeries: SeriesSource {
    private let all: any SeriesSource
    private let source: RoundSeries
    /// What is told of one SLO, by its id: of all of them it would be much more than is wanted.
    private let levels = Mutex<[String: RoundSeries]>([:])
    private let start: Int64
    private let end: Int64

    private static let before: Int64 = 86_400_000

    init(_ source: any SeriesSource, from start: Int64, to end: Int64) {
        all = source
        self.source = RoundSeries(source)
        self.start = start - PastSeries.before
        self.end = end
    }

    func select(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [SeriesData] {
        let (source, matchers) = source(of: matchers)
        guard from >= start, to <= end else {
            return try source.select(matchers, from: from, to: to)
        }
        return try source.select(matchers, from: start, to: end).compactMap { one in
            let samples = one.samples.clamped(from: from, to: to)
            return samples.isEmpty ? nil : SeriesData(labels: one.labels, samples: samples)
        }
    }

    private func source(of matchers: [LabelMatcher]) -> (RoundSeries, [LabelMatcher]) {
        let place = matchers.firstIndex {
            $0.name == "slo" && $0.operation == .equal && !$0.value.isEmpty
        }
        guard let place else { return (source, matchers) }
        var others = matchers
        let slo = others.remove(at: place)
        let narrowed = levels.withLock { levels in
            let known = levels[slo.value] ?? RoundSeries(NarrowedSeries(all, slo))
            levels[slo.value] = known
            return known
        }
        return (narrowed, others)
    }

    func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        try source.series(matchers, from: from, to: to)
    }

    func labelNames(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [String] {
        try source.labelNames(matchers, from: from, to: to)
    }

    func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        try source.labelValues(of: name, matchers, from: from, to: to)
    }
}

/// The series that have one label's value.
private struct NarrowedSeries: SeriesSource {
    private let source: any SeriesSource
    private let matcher: LabelMatcher

    init(_ source: any SeriesSource, _ matcher: LabelMatcher) {
        (self.source, self.matcher) = (source, matcher)
    }

    func select(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [SeriesData] {
        try source.select(matchers + [matcher], from: from, to: to)
    }

    func series(_ matchers: [LabelMatcher], from: Int64, to: Int64) throws -> [Labels] {
        try source.series(matchers + [matcher], from: from, to: to)
    }

    func labelNames(
        _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        try source.labelNames(matchers + [matcher], from: from, to: to)
    }

    func labelValues(
        of name: String, _ matchers: [LabelMatcher], from: Int64, to: Int64
    ) throws -> [String] {
        try source.labelValues(of: name, matchers + [matcher], from: from, to: to)
    }
}

import Compute
import Events
import Metrics
import SeriesStore
import Synchronization
import Testing

@testable import Alerting
@testable import EventQuery

/// Triggers: what becomes of alerts as the answers of a question change.
@Suite struct TriggerTests {
    /// A book over answers that a test sets as time goes on.
    fileprivate struct Bench {
        /// Numbers of groups `service` by the end of the window that is asked about, in seconds; nil
        /// stands for a group without a number.
        final class Answers: Sendable {
            let numbers = Mutex<[Int64: [String: Double?]]>([:])
            let asked = Mutex<[Query]>([])
        }

        let answers = Answers()
        var book = RuleBook(interval: 60_000, standstill: .max, at: 0)
        var context: RuleContext

        init(offset: Int64 = 0) {
            context = RuleContext(
                answer: { _, _ in throw RuleFailure("no series") },
                ask: { [answers] query in
                    answers.asked.withLock { $0.append(query) }
                    return answers.table(of: query)
                },
                write: { _ in })
            context.queryOffset = offset
        }

        mutating func load(
            _ text: String, every interval: Int64 = 60_000, _ make: (Query) throws -> Trigger
        ) throws {
            let trigger = try make(try Query(parsing: text))
            let group = try RuleGroup(
                trigger, id: "t1", name: "slow", interval: interval,
                labels: [("team", "blue")], annotations: [], receivers: nil)
            book.replace([RuleFile(name: RuleGroup.triggerFile, groups: [group])], at: 0)
        }

        /// Sets the number of `shop` in the window that ends now and evaluates; the state.
        mutating func step(_ minute: Int64, _ value: Double?) -> String {
            answers.numbers.withLock { $0[minute * 60] = ["shop": value] }
            return evaluate(minute)
        }

        mutating func evaluate(_ minute: Int64) -> String {
            _ = book.evaluate(at: minute * 60_000, context)
            return book.alerts.map(\.state.rawValue).sorted().joined(separator: ",")
        }
    }

    private static let p99 = "from shop | last 5m | stats p99(duration_ms) by service"
    private static let count = "from shop | last 5m | stats count() by service"

    private func states(
        _ values: [Double?], _ threshold: TriggerThreshold
    ) throws -> [String] {
        var bench = Bench()
        try bench.load(TriggerTests.p99) { try Trigger($0, threshold: threshold) }
        var found: [String] = []
        for (minute, value) in values.enumerated() {
            found.append(bench.step(Int64(minute), value))
        }
        return found
    }

    // MARK: - Thresholds

    @Test func `a number beyond the threshold fires at once and ends when it is back`() throws {
        let found = try states([90, 110, 120, 100, 90], try TriggerThreshold(.above, 100))
        #expect(found == ["", "firing", "firing", "inactive", "inactive"])
    }

    @Test func `an alert is named after its trigger, its group and its labels`() throws {
        var bench = Bench()
        try bench.load(TriggerTests.p99) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 100))
        }
        _ = bench.step(0, 110)
        let alert = bench.book.alerts[0]
        #expect(
            Array(alert.labels) == [
                Label("alertname", "slow"), Label("service", "shop"), Label("team", "blue"),
            ])
        #expect(alert.annotations["summary"] == "P99(duration_ms) is 110, > 100")
    }

    @Test func `what fires ends only beyond its recovery`() throws {
        let found = try states(
            [110, 90, 81, 80, 90, 110], try TriggerThreshold(.above, 100, recovery: 80))
        #expect(
            found == ["firing", "firing", "firing", "inactive", "inactive", "firing"])
        let below = try states(
            [5, 15, 20, 15], try TriggerThreshold(.below, 10, recovery: 20))
        #expect(below == ["firing", "firing", "inactive", "inactive"])
    }

    @Test func `so many windows of the last ones must be wrong`() throws {
        let found = try states(
            [110, 90, 110, 90, 90, 110, 110, 90, 90, 90, 90],
            try TriggerThreshold(.above, 100, hits: 3, windows: 5))
        #expect(
            found == [
                "pending", "pending", "pending", "pending", "pending", "pending", "firing",
                "inactive", "inactive", "inactive", "inactive",
            ])
        let inRow = try states(
            [110, 110, 90, 110, 110, 110], try TriggerThreshold(.above, 100, hits: 3))
        #expect(
            inRow == ["pending", "pending", "pending", "pending", "pending", "firing"])
        let over = try states([110, 90, 90, 90], try TriggerThreshold(.above, 100, hits: 3))
        #expect(over == ["pending", "pending", "pending", ""])
    }

    /// What `step` does, said in another way: over the whole list of numbers at once.
    private func firing(_ values: [Double?], _ threshold: TriggerThreshold) -> [Bool] {
        var seen: [Double] = []
        var isFiring = false
        return values.map { value in
            guard let value else { return isFiring }
            seen.append(value)
            let wrong = seen.suffix(threshold.windows).filter {
                threshold.comparison.isUpwards ? $0 > threshold.value : $0 < threshold.value
            }
            let isClear =
                threshold.comparison.isUpwards
                ? value <= threshold.recovery : value >= threshold.recovery
            isFiring = wrong.count >= threshold.hits || isFiring && !isClear
            return isFiring
        }
    }

    @Test(arguments: 0..<60)
    func `any run of numbers comes to what the definition says`(seed: Int) throws {
        var random = SystemOfNumbers(seed: UInt64(seed))
        let windows = 1 + Int(random.next() % 5)
        let threshold = try TriggerThreshold(
            seed % 2 == 0 ? .above : .below, 50, recovery: seed % 2 == 0 ? 40 : 60,
            hits: 1 + Int(random.next() % UInt64(windows)), windows: windows)
        let values: [Double?] = (0..<200).map { _ in
            random.next() % 8 == 0 ? nil : Double(30 + random.next() % 40)
        }
        let found = try states(values, threshold).map { $0 == "firing" }
        #expect(found == firing(values, threshold), "seed \(seed)")
    }

    // MARK: - What is not known

    @Test func `a group without a number is unobserved, for an hour`() throws {
        var bench = Bench()
        try bench.load(TriggerTests.p99) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 100))
        }
        #expect(bench.step(0, nil) == "")
        #expect(bench.book.groups[0].rules[0].unobserved == "1 of its groups have no number")
        #expect(bench.step(1, 110) == "firing")
        for minute in 2..<62 { #expect(bench.step(Int64(minute), nil) == "firing") }
        // It is gone altogether, and its alert with it.
        bench.answers.numbers.withLock { $0[62 * 60] = [:] }
        #expect(bench.evaluate(62) == "inactive")
    }

    @Test func `nothing counted is a number`() throws {
        var bench = Bench()
        try bench.load(TriggerTests.count) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 10))
        }
        #expect(bench.step(0, 11) == "firing")
        #expect(bench.evaluate(1) == "inactive")
        try bench.load("from shop | last 5m | stats count()") {
            try Trigger($0, threshold: try TriggerThreshold(.below, 1))
        }
        #expect(bench.evaluate(3) == "firing,inactive")
    }

    @Test func `outside of its schedule a trigger stays as it is`() throws {
        var bench = Bench()
        try bench.load(TriggerTests.p99) {
            try Trigger(
                $0, threshold: try TriggerThreshold(.above, 100),
                schedule: TriggerSchedule(days: [3], start: 0, end: 2))
        }
        // The first of January 1970 was a Thursday.
        #expect(bench.step(1, 110) == "firing")
        #expect(bench.step(2, 90) == "firing")
        #expect(bench.book.groups[0].rules[0].unobserved?.contains("schedule") ?? false)
        #expect(bench.step(1 + 7 * 1440, 90) == "inactive")
    }

    @Test func `a schedule may end on the next day`() {
        let schedule = TriggerSchedule(days: [3, 4], start: 22 * 60, end: 6 * 60)
        func contains(_ day: Int64, _ hour: Int64) -> Bool {
            schedule.contains((day * 24 + hour) * 3_600_000)
        }
        #expect(!contains(0, 3) && !contains(0, 21) && contains(0, 22) && contains(1, 5))
        #expect(!contains(1, 6) && contains(1, 23) && contains(2, 1) && !contains(2, 23))
    }

    // MARK: - What is compared with

    @Test func `the same hour of the weeks before is a baseline`() throws {
        var bench = Bench()
        let make: (Query) throws -> Trigger = {
            try Trigger(
                $0, threshold: try TriggerThreshold(.above, 1.5, recovery: 1.2),
                baseline: .sameHour(weeks: 4))
        }
        try bench.load(TriggerTests.p99, make)
        let week: Int64 = 7 * 1440
        let now = 10 * week
        #expect(bench.step(now, 1000) == "")
        let rule = bench.book.groups[0].rules[0]
        #expect(rule.unobserved == "of 1 of its groups too little is known of the past")
        // Two weeks of four are enough; the median of all their windows is 100.
        for (weeks, values) in [(1, [90.0, 100, 110]), (3, [80, 100, 500])] as [(Int64, [Double])] {
            for (place, value) in values.enumerated() {
                let end = (now - weeks * week + Int64(place + 1) * 5) * 60
                bench.answers.numbers.withLock { $0[end] = ["shop": value] }
            }
        }
        try bench.load(TriggerTests.p99, make)
        #expect(bench.step(now + 1, 150) == "")
        #expect(bench.step(now + 2, 151) == "firing")
        #expect(bench.step(now + 3, 121) == "firing")
        #expect(bench.step(now + 4, 120) == "inactive")
        // The history is read once an hour.
        let questions = bench.answers.asked.withLock { $0.count }
        #expect(bench.step(now + 5, 100) == "inactive")
        #expect(bench.answers.asked.withLock { $0.count } == questions + 1)
    }

    @Test func `an earlier time is a baseline`() throws {
        for (baseline, bound) in [
            (TriggerBaseline.difference(offset: 3_600_000), 120.0),
            (.percentage(offset: 3_600_000), 240),
        ] {
            var bench = Bench()
            try bench.load(TriggerTests.p99) {
                try Trigger(
                    $0, threshold: try TriggerThreshold(.above, 20), baseline: baseline)
            }
            #expect(bench.step(70, 1000) == "")
            let past = bound == 120 ? 100.0 : 200
            bench.answers.numbers.withLock { $0[660] = ["shop": past] }
            #expect(bench.step(71, bound) == "")
            bench.answers.numbers.withLock { $0[720] = ["shop": past] }
            #expect(bench.step(72, bound + 1) == "firing")
        }
    }

    // MARK: - Late events

    @Test func `a count is known to be wrong before it is settled`() throws {
        var bench = Bench(offset: 30_000)
        try bench.load(TriggerTests.count) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 10))
        }
        func evaluate(_ minute: Int64, settled: Double, now: Double) -> String {
            bench.answers.numbers.withLock {
                $0[minute * 60 - 30] = ["shop": settled]
                $0[minute * 60] = ["shop": now]
            }
            return bench.evaluate(minute)
        }
        #expect(evaluate(1, settled: 1, now: 11) == "firing")
        // What has not arrived yet is no reason to take it for over.
        #expect(evaluate(2, settled: 11, now: 1) == "firing")
        #expect(evaluate(3, settled: 10, now: 1) == "inactive")
    }

    @Test func `a burst that is over before it is settled is one alert of a trigger`() throws {
        var bench = Bench(offset: 30_000)
        try bench.load(TriggerTests.count, every: 10_000) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 10))
        }
        var firing: [Int64] = []
        for seconds in stride(from: Int64(0), through: 150, by: 10) {
            // Of windows that end at these two times alone there are too many.
            let count: Double = [60, 70].contains(seconds) ? 50 : 1
            bench.answers.numbers.withLock { $0[seconds] = ["shop": count] }
            _ = bench.book.evaluate(at: seconds * 1000, bench.context)
            if bench.book.alerts.contains(where: { $0.state == .firing }) { firing.append(seconds) }
        }
        #expect(firing == [60, 70, 80, 90, 100])
    }

    @Test func `only what late events can add to is asked up to the present`() throws {
        let above = try TriggerThreshold(.above, 10)
        let below = try TriggerThreshold(.below, 10)
        for (text, threshold, isGrowing) in [
            ("stats count()", above, true), ("stats count()", below, false),
            ("stats count() by service", above, true), ("stats max(a)", above, true),
            ("stats min(a)", below, true), ("stats min(a)", above, false),
            ("stats distinct(a)", above, true), ("stats sum(a)", above, false),
            ("stats avg(a)", above, false), ("stats p99(a)", above, false),
            ("stats count_if(a > 1)", above, true),
            ("stats count(), max(a) | having max(a) > 3", above, false),
            ("where root.a = 1 | stats count()", above, false),
        ] {
            let query = try Query(parsing: "from shop | last 5m | " + text)
            let trigger = try Trigger(query, threshold: threshold)
            #expect(trigger.isGrowing == isGrowing, "\(text)")
        }
        let compared = try Trigger(
            try Query(parsing: TriggerTests.count), threshold: above,
            baseline: .sameHour(weeks: 2))
        #expect(!compared.isGrowing)
    }

    // MARK: - Telling anew

    @Test func `on_true tells at every evaluation that finds it`() throws {
        var bench = Bench()
        try bench.load(TriggerTests.p99) {
            try Trigger($0, threshold: try TriggerThreshold(.above, 100), repeats: true)
        }
        var feed = ReceiverFeed(Receiver(name: "r", kind: .webhook(url: "http://r"), match: []))
        var told: [Bool] = []
        for (minute, value) in [110.0, 120, 90, 110].enumerated() {
            _ = bench.step(Int64(minute), value)
            let message = feed.message(
                bench.book.alerts, at: Int64(minute) * 60_000, externalURL: "")
            told.append(message != nil)
            if let message { feed.succeeded(message) }
            #expect(feed.message(bench.book.alerts, at: 0, externalURL: "") == nil || minute == 3)
        }
        #expect(told == [true, true, true, true])
    }

    @Test func `only the named receivers are told`() throws {
        var bench = Bench()
        let trigger = try Trigger(
            try Query(parsing: TriggerTests.p99), threshold: try TriggerThreshold(.above, 100))
        let group = try RuleGroup(
            trigger, id: "t1", name: "slow", interval: 60_000, labels: [], annotations: [],
            receivers: ["named"])
        bench.book.replace([RuleFile(name: "t", groups: [group])], at: 0)
        _ = bench.step(0, 110)
        for (name, isTold) in [("named", true), ("other", false)] {
            var feed = ReceiverFeed(
                Receiver(name: name, kind: .webhook(url: "http://r"), match: [("a", "b")]))
            let message = feed.message(bench.book.alerts, at: 0, externalURL: "")
            #expect((message != nil) == isTold, "\(name)")
        }
    }

    // MARK: - Memory and refusals

    @Test func `a restart forgets no window`() throws {
        var bench = Bench()
        let make: (Query) throws -> Trigger = {
            try Trigger($0, threshold: try TriggerThreshold(.above, 100, hits: 2, windows: 4))
        }
        try bench.load(TriggerTests.p99, make)
        #expect(bench.step(0, 110) == "pending")
        #expect(bench.step(1, 90) == "pending")
        let bytes = bench.book.encoded()
        bench.book = RuleBook(interval: 60_000, standstill: .max, at: 0)
        try bench.book.restore(bytes)
        try bench.load(TriggerTests.p99, make)
        #expect(bench.step(2, 90) == "pending")
        #expect(bench.step(3, 110) == "firing")
        #expect(bench.book.alerts.map(\.hits) == [0b1001])
    }

    @Test func `questions without one number of a window are refused`() throws {
        for text in [
            "from shop", "from shop | stats count() | limit 3",
            "from shop | last 5m step 1m | stats count()",
            "from shop | stats count(), avg(a)", "from shop | stats heatmap(a)",
            "from shop | between now-2h and now | stats count()",
            "from shop | last 10d | stats count()",
            "from shop | stats count() by `a.b`, a_b", "from shop | bubbleup where a = 1",
        ] {
            let query = try Query(parsing: text)
            #expect(throws: TriggerError.self, "\(text)") {
                try Trigger(query, threshold: try TriggerThreshold(.above, 1))
            }
        }
        #expect(throws: TriggerError.self) { try TriggerThreshold(.above, 1, recovery: 2) }
        #expect(throws: TriggerError.self) { try TriggerThreshold(.below, 1, hits: 3, windows: 2) }
        let query = try Query(
            parsing: "from shop | last 5m | stats count(), avg(a) by s | having count() > 10")
        #expect(try Trigger(query, threshold: try TriggerThreshold(.above, 1)).column == "AVG(a)")
    }
}

/// Numbers that a seed determines.
private struct SystemOfNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state >> 3
    }
}

extension TriggerTests.Bench.Answers {
    /// The answer of a question as the engine would give it.
    fileprivate func table(of query: Query) -> StatisticsTable {
        guard case .between(.absolute(let start), .absolute(let end)) = query.timeRange,
            case .statistics(let statistics) = query.shape
        else { return .empty }
        let name = statistics.columns[0]
        func rows(_ numbers: [String: Double?]) -> [StatisticsTable.Row] {
            numbers.map { group, value in
                StatisticsTable.Row(
                    group: [.string(group)],
                    values: [.value(value.map { .float($0) } ?? .missing)])
            }
        }
        func numbers(_ end: Int64) -> [String: Double?] {
            self.numbers.withLock { $0[end / 1_000_000_000] } ?? [:]
        }
        var table = StatisticsTable(
            groupNames: statistics.groupBy.map(\.name), calculationNames: [name], rows: [])
        if case .every(let width) = query.step {
            for time in stride(from: start, to: end, by: Int64.Stride(width)) {
                table.series += rows(numbers(time + width)).map {
                    StatisticsTable.SeriesRow(time: time, row: $0)
                }
            }
            table.rows = table.series.prefix(1).map(\.row)
        } else {
            table.rows = statistics.groupBy.isEmpty ? [] : rows(numbers(end))
        }
        return table
    }
}

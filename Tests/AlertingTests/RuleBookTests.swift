import Metrics
import SeriesStore
import Testing

@testable import Alerting

/// What becomes of alerts from evaluation to evaluation, over restarts and gaps.
@Suite struct RuleBookTests {
    /// A book over series in memory that a test sets as time goes on.
    private struct Bench {
        let series = MemorySeries()
        var book: RuleBook
        var context: RuleContext

        init(interval: Int64 = 30_000) {
            book = RuleBook(interval: interval, standstill: 20_000, at: 0)
            let engine = PromQLEngine(series)
            context = RuleContext(
                answer: { query, time in try engine.answer(query, at: time).value },
                write: { [series] samples in series.write(samples) })
        }

        mutating func load(_ rules: String, at time: Int64 = 0) throws {
            book.replace([try RuleFile(Array(rules.utf8), name: "r")], at: time)
        }

        /// Sets the value of `ratio{job="shop"}` and evaluates.
        @discardableResult
        mutating func step(_ seconds: Int64, _ value: Double?, isObserved: Bool = true) -> Bool {
            if let value {
                let labels = Labels([Label("__name__", "ratio"), Label("job", "shop")])
                series.write([LabeledSample(labels, seconds * 1000, .float(value))])
            }
            if isObserved { book.arrived(at: seconds * 1000) }
            return book.evaluate(at: seconds * 1000, context)
        }

        /// Writes down, forgets everything, and reads the rules again.
        mutating func restart(_ rules: String, at seconds: Int64) throws {
            let bytes = book.encoded()
            book = RuleBook(interval: book.interval, standstill: 20_000, at: seconds * 1000)
            try book.restore(bytes)
            try load(rules, at: seconds * 1000)
        }

        var states: [String] { book.alerts.map(\.state.rawValue).sorted() }
    }

    private static let rules = """
        groups:
          - name: hold-down
            rules: [{alert: TooManyErrors, expr: ratio > 0.05, for: 2m}]
        """

    @Test func `holding down begins anew when the condition is not met`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        var found: [[String]] = []
        for (seconds, value) in zip(stride(from: 0, through: 210, by: 30), [0.06, 0.04]) {
            bench.step(Int64(seconds), value)
            found.append(bench.states)
        }
        for seconds in stride(from: 60, through: 180, by: 30) {
            bench.step(Int64(seconds), 0.06)
            found.append(bench.states)
        }
        let pending = ["pending"]
        #expect(found == [pending, [], pending, pending, pending, pending, ["firing"]])
        #expect(bench.book.alerts[0].activeAt == 60_000)
        #expect(bench.book.alerts[0].firedAt == 180_000)
    }

    @Test func `a restart neither forgets a page nor begins it anew`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 90, by: 30) { bench.step(Int64(seconds), 0.06) }
        #expect(bench.states == ["pending"])
        try bench.restart(RuleBookTests.rules, at: 100)
        bench.step(120, 0.06)
        #expect(bench.states == ["firing"])
        #expect(bench.book.alerts[0].activeAt == 0)
        try bench.restart(RuleBookTests.rules, at: 130)
        bench.step(150, 0.06)
        #expect(bench.book.alerts[0].firedAt == 120_000)
        bench.step(180, 0.01)
        #expect(bench.states == ["inactive"])
        try bench.restart(RuleBookTests.rules, at: 190)
        #expect(bench.book.alerts.map(\.resolvedAt) == [180_000])
        // An end is told for a quarter of an hour, and then it is over.
        for seconds in stride(from: 210, through: 1_110, by: 30) {
            bench.step(Int64(seconds), 0.01)
        }
        #expect(bench.states == [])
    }

    @Test func `a gap counts for nothing`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.06)
        bench.step(30, 0.06)
        for seconds in stride(from: 60, through: 600, by: 30) {
            // The alert that nothing arrives is new once, and then nothing changes.
            let changed = bench.step(Int64(seconds), nil, isObserved: false)
            #expect(changed == (seconds == 60))
        }
        #expect(bench.states == ["firing", "pending"])
        #expect(bench.book.standstill?.activeAt == 30_000)
        for seconds in stride(from: 630, through: 660, by: 30) { bench.step(Int64(seconds), 0.06) }
        #expect(bench.states == ["inactive", "pending"])
        #expect(bench.book.standstill?.resolvedAt == 630_000)
        bench.step(690, 0.06)
        #expect(bench.states == ["firing", "inactive"])
    }

    @Test func `a round that takes long is no gap`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.06)
        bench.step(30, 0.06)
        // Events arrive all along; the next evaluation begins after three of them were due.
        for seconds in stride(from: 40, through: 150, by: 10) {
            bench.book.arrived(at: Int64(seconds) * 1000)
        }
        bench.step(150, 0.06)
        #expect(bench.states == ["firing"])
        #expect(bench.book.alerts[0].activeAt == 0)
        #expect(bench.book.groups[0].missed == 3)
        #expect(bench.book.groups[0].unobserved == 0)
        #expect(bench.book.rounds.count == 3)
        #expect(bench.book.rounds.late == 1)
    }

    @Test func `a silence in a round that takes long counts for nothing`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.06)
        bench.step(30, 0.06)
        // Nothing is observed from 0:50 to 2:20: 1:00, 1:30 and 2:00 are frozen, 2:30 is only missed.
        for seconds in [140, 150, 170] { bench.book.arrived(at: Int64(seconds) * 1000) }
        bench.step(180, 0.06)
        #expect(bench.book.groups[0].unobserved == 3)
        #expect(bench.book.groups[0].missed == 1)
        #expect(bench.states == ["pending"])
        #expect(bench.book.alerts.map(\.activeAt) == [90_000])
        bench.step(210, 0.06)
        #expect(bench.states == ["firing"])
    }

    @Test func `events that came while nobody looked are no silence where it is not known when`()
        throws
    {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.06)
        bench.book.arrivedThroughout(to: 115_000)
        bench.step(120, 0.06)
        #expect(bench.states == ["firing"])
    }

    @Test func `the time of a restart counts for nothing`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.06)
        bench.step(30, 0.06)
        try bench.restart(RuleBookTests.rules, at: 599)
        bench.step(600, 0.06)
        #expect(bench.book.alerts.map(\.activeAt) == [540_000])
        bench.step(630, 0.06)
        #expect(bench.states == ["pending"])
        bench.step(660, 0.06)
        #expect(bench.states == ["firing"])
    }

    @Test func `a standstill pages at once, however seldom rules are evaluated`() throws {
        var bench = Bench(interval: 3_600_000)
        try bench.load(RuleBookTests.rules)
        bench.step(0, 0.01)
        #expect(!bench.book.isDue(at: 20_000))
        #expect(bench.book.isDue(at: 20_001))
        bench.step(21, nil, isObserved: false)
        #expect(!bench.book.isDue(at: 30_000))
        let alert = try #require(bench.book.standstill)
        #expect(alert.labels["tier"] == "page")
        #expect(!alert.contact.owner.isEmpty && alert.contact.runbook.contains("operating.md"))
        bench.book.arrived(at: 31_000)
        #expect(bench.book.isDue(at: 31_000))
        bench.step(31, nil)
        #expect(bench.book.standstill?.resolvedAt == 31_000)
    }

    @Test func `what fires goes on firing while nothing is observed`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        for seconds in stride(from: 150, through: 3_600, by: 30) {
            bench.step(Int64(seconds), nil, isObserved: false)
        }
        #expect(bench.states == ["firing", "firing"])
        // A restart within the standstill ends nothing; the next event ends the standstill alone.
        try bench.restart(RuleBookTests.rules, at: 3_610)
        bench.step(3_630, nil, isObserved: false)
        #expect(bench.states == ["firing", "firing"])
        bench.step(3_660, 0.06)
        #expect(bench.states == ["firing", "inactive"])
        #expect(bench.book.standstill?.state == .inactive)
    }

    @Test func `keep_firing_for bridges what is missed`() throws {
        var bench = Bench()
        try bench.load(
            """
            groups:
              - name: a
                rules: [{alert: A, expr: ratio > 0.05, keep_firing_for: 1m}]
            """)
        bench.step(0, 0.06)
        bench.step(30, 0.01)
        bench.step(60, 0.01)
        #expect(bench.states == ["firing"])
        bench.step(90, 0.01)
        #expect(bench.states == ["inactive"])
    }

    @Test func `an alert of a rule that is gone is over`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        try bench.load("groups: []", at: 130_000)
        #expect(bench.book.alerts.map(\.resolvedAt) == [130_000])
        bench.step(2_000, nil)
        #expect(bench.states == [])
    }

    @Test func `rules that are read again keep their alerts`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        let more = RuleBookTests.rules.replacing(
            "rules: [", with: "rules: [{record: r, expr: '1'}, ")
        try bench.load(more, at: 130_000)
        bench.step(150, 0.06)
        #expect(bench.book.alerts.map(\.firedAt) == [120_000])
    }

    // MARK: - Failures

    @Test func `a rule that fails keeps none from going on, and says why`() throws {
        var bench = Bench()
        try bench.load(
            """
            groups:
              - name: a
                rules:
                  - {record: twins, expr: 'label_replace({__name__=~"ratio|other"}, "__name__", "x", "", "")'}
                  - {alert: A, expr: ratio > 0.05}
            """)
        bench.series.write([
            LabeledSample(Labels([Label("__name__", "other"), Label("job", "shop")]), 0, .float(1))
        ])
        bench.step(0, 0.06)
        let rules = bench.book.groups[0].rules
        #expect(rules[0].failure?.contains("same labelset") ?? false, "\(rules[0].failure ?? "")")
        #expect(rules[1].failure == nil)
        #expect(bench.states == ["firing"])
    }

    @Test func `a failure changes nothing of the rule's alerts`() throws {
        var bench = Bench()
        let working = bench.context
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        bench.context = RuleContext(
            answer: { _, _ in throw PromQLError(.timeout, "too slow") }, write: { _ in })
        bench.step(150, 0.06)
        #expect(bench.states == ["firing"])
        #expect(bench.book.groups[0].rules[0].failure == "too slow")
        bench.context = working
        bench.step(180, 0.06)
        #expect(bench.book.groups[0].rules[0].failure == nil)
        #expect(bench.book.alerts.map(\.firedAt) == [120_000])
    }

    @Test func `rules that read what they record are not evaluated, and others are`() throws {
        var bench = Bench()
        try bench.load(
            """
            groups:
              - name: a
                rules:
                  - {record: a, expr: b + 1}
                  - {record: b, expr: sum(c)}
                  - {record: c, expr: a * 2}
                  - {record: d, expr: a + ratio}
                  - {record: e, expr: e + 1}
                  - {record: f, expr: ratio * 2}
            """)
        bench.step(0, 0.06)
        let failures = bench.book.groups[0].rules.map { $0.failure ?? "" }
        #expect(failures[0] == "the rule reads what it records: a → b → c → a")
        #expect(failures[1] == "the rule reads what it records: b → c → a → b")
        #expect(failures[4] == "the rule reads what it records: e → e")
        #expect([failures[3], failures[5]] == ["", ""])
        let query = try PromQLQuery("f")
        guard case .vector(let found) = try bench.context.answer(query, 0) else { return }
        #expect(found.map(\.samples.values) == [[0.12]])
    }

    @Test func `more alerts than the limit are a failure`() throws {
        var bench = Bench()
        try bench.load(
            """
            groups:
              - {name: a, limit: 1, rules: [{alert: A, expr: '{__name__=~"x."}'}]}
            """)
        for name in ["x1", "x2"] {
            let labels = Labels([Label("__name__", name), Label("n", name)])
            bench.series.write([LabeledSample(labels, 0, .float(1))])
        }
        bench.step(0, nil)
        #expect(bench.book.groups[0].rules[0].failure == "exceeded limit of 1 with 2 alerts")
        #expect(bench.states == [])
    }

    // MARK: - Series

    @Test func `ALERTS tells states as they change, and ends`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        var found: [String] = []
        for seconds in stride(from: 0, through: 150, by: 30) {
            bench.step(Int64(seconds), seconds < 150 ? 0.06 : 0.01)
            let query = try PromQLQuery("ALERTS")
            guard case .vector(let series) = try bench.context.answer(query, Int64(seconds) * 1000)
            else { return }
            found.append(series.map { $0.labels["alertstate"] }.joined(separator: ","))
        }
        #expect(found == ["pending", "pending", "pending", "pending", "firing", ""])
    }

    @Test(arguments: [false, true])
    func `an edit of the expression neither ends an alert nor begins it anew`(restarts: Bool) throws
    {
        func rules(_ expression: String, labels: String = "{owner: shop}") -> String {
            """
            groups:
              - name: a
                rules:
                  - {alert: TooManyErrors, expr: ratio > 99, labels: \(labels)}
                  - {alert: TooManyErrors, expr: '\(expression)', for: 1m, labels: \(labels)}
            """
        }
        var bench = Bench()
        /// Reads rules as they are now, by a server that goes on or by one that begins anew.
        func read(_ rules: String, at seconds: Int64) throws {
            if restarts {
                try bench.restart(rules, at: seconds)
            } else {
                try bench.load(rules, at: seconds * 1000)
            }
        }
        try bench.load(rules("ratio > 0.05"))
        for seconds in [Int64(0), 30, 60] { bench.step(seconds, 0.2) }
        #expect(bench.states == ["firing"])
        for (seconds, expression) in [(Int64(90), "ratio   >   0.05"), (120, "ratio > 0.1")] {
            try read(rules(expression), at: seconds - 10)
            #expect(bench.states == ["firing"])
            bench.step(seconds, 0.2)
            #expect(bench.states == ["firing"])
            #expect(bench.book.alerts[0].firedAt == 60_000)
        }
        // What the new expression does not find any more is over.
        try read(rules("ratio > 0.3"), at: 140)
        bench.step(150, 0.2)
        #expect(bench.states == ["inactive"])
        // Other labels are another rule.
        try read(rules("ratio > 0.1"), at: 170)
        for seconds in [Int64(180), 210, 240] { bench.step(seconds, 0.2) }
        #expect(bench.states == ["firing"])
        try read(rules("ratio > 0.1", labels: "{owner: carts}"), at: 250)
        #expect(bench.states == ["inactive"])
    }

    // MARK: - Late events

    private static func samples(_ name: String, _ values: [(Int64, Double)]) -> [LabeledSample] {
        let labels = Labels([Label("__name__", name), Label("job", "shop")])
        return values.map { LabeledSample(labels, $0.0 * 1000, .float($0.1)) }
    }

    @Test func `a count that is wrong already fires at once, and what may get better waits`() throws
    {
        var bench = Bench()
        let (settled, now) = (bench.series, MemorySeries())
        let (engine, fresh) = (PromQLEngine(settled), PromQLEngine(now))
        bench.context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value },
            fresh: { query, time in try fresh.answer(query, at: time).value },
            write: { settled.write($0) })
        bench.context.queryOffset = 30_000
        try bench.load(
            """
            groups:
              - name: a
                rules:
                  - {alert: Many, expr: 'increase(x_total[1m]) > 5'}
                  - {alert: Few, expr: 'increase(x_total[1m]) < 5'}
                  - {alert: Share, expr: 'x_total / y_total > 0.1'}
            """)
        settled.write(RuleBookTests.samples("x_total", [(0, 0), (30, 0)]))
        now.write(RuleBookTests.samples("x_total", [(0, 0), (30, 0), (60, 100)]))
        now.write(RuleBookTests.samples("y_total", [(60, 1)]))
        bench.step(60, nil)
        let firing = bench.book.alerts.filter { $0.state == .firing }
        #expect(firing.map { $0.labels["alertname"] }.sorted() == ["Few", "Many"])
        // It ends when that is settled, not when the present looks better.
        settled.write(RuleBookTests.samples("x_total", [(60, 100), (90, 100)]))
        let quiet = MemorySeries()
        quiet.write(RuleBookTests.samples("x_total", [(60, 100), (90, 100), (120, 100)]))
        let later = PromQLEngine(quiet)
        bench.context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value },
            fresh: { query, time in try later.answer(query, at: time).value },
            write: { settled.write($0) })
        bench.context.queryOffset = 30_000
        bench.step(90, nil)
        #expect(bench.book.alerts.first { $0.labels["alertname"] == "Many" }?.state == .firing)
    }

    @Test(arguments: [false, true])
    func `a burst that is over before it is settled is one alert`(restarts: Bool) throws {
        let rules = """
            groups:
              - name: a
                rules: [{alert: Burst, expr: 'increase(x_total[20s]) > 50'}]
            """
        var bench = Bench(interval: 5_000)
        // What is asked of a time sees what was written up to it; the settled look is half a minute behind.
        let engine = PromQLEngine(bench.series)
        bench.context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value },
            fresh: { query, time in try engine.answer(query, at: time).value },
            write: { [series = bench.series] in series.write($0) })
        bench.context.queryOffset = 30_000
        try bench.load(rules)
        var firing: [Int64] = []
        for seconds in stride(from: Int64(0), through: 200, by: 5) {
            // A hundred events within ten seconds, and none before or after.
            if seconds % 10 == 0 {
                let count = Double(min(max(seconds - 50, 0), 10) * 10)
                bench.series.write(RuleBookTests.samples("x_total", [(seconds, count)]))
            }
            bench.step(seconds, nil)
            if bench.states == ["firing"] { firing.append(seconds) }
            if restarts, seconds == 85 { try bench.restart(rules, at: seconds) }
        }
        // From when it was counted up to when all that is settled is past it, without a gap. A server that begins
        // anew does not know for how long it was found, and waits until what is settled is past its start.
        #expect(firing == Array(stride(from: 60, through: restarts ? 115 : 95, by: 5)))
    }

    @Test func `what late events would have changed is told once and changes nothing`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules.replacing("for: 2m", with: "for: 0s"))
        for (seconds, value) in [(0, 0.01), (30, 0.09), (60, 0.01)] {
            bench.step(Int64(seconds), value)
        }
        let before = bench.states
        let none = bench.book.revise(since: 0, at: 70_000, bench.context)
        #expect(none.isEmpty)
        // The series as it is with events that come now.
        let late = MemorySeries()
        late.write(RuleBookTests.samples("ratio", [(0, 0.08), (30, 0.01), (60, 0.01)]))
        let engine = PromQLEngine(late)
        let context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value }, write: { _ in })
        let found = bench.book.revise(since: 10_000, at: 80_000, context)
        #expect(found.map(\.evaluatedAt) == [30_000])
        #expect(found.map(\.isMet) == [false])
        let all = bench.book.revise(since: 0, at: 90_000, context)
        #expect(all.map(\.evaluatedAt) == [0])
        #expect(all.map(\.isMet) == [true])
        #expect(all.map(\.value) == [0.08])
        #expect(all[0].labels["alertname"] == "TooManyErrors")
        let again = bench.book.revise(since: 0, at: 90_000, context)
        #expect(again.isEmpty)
        #expect(bench.states == before)
        var log = IncidentLog()
        let isNew = log.note(found + all)
        #expect(isNew)
        let kept = try IncidentLog(decoding: log.encoded())
        #expect(kept.revisions.map(\.evaluatedAt) == [30_000, 0])
    }

    @Test func `only the last evaluations are looked at anew`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules.replacing("for: 2m", with: "for: 0s"))
        for place in 0..<100 { bench.step(Int64(place) * 30, 0.01) }
        let late = MemorySeries()
        late.write(RuleBookTests.samples("ratio", (0..<100).map { (Int64($0) * 30, 0.09) }))
        let engine = PromQLEngine(late)
        let context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value }, write: { _ in })
        let found = bench.book.revise(since: 0, at: 3_000_000, context)
        #expect(found.count == AlertingLimits.pastEvaluations)
        #expect(found.map(\.evaluatedAt).min() == Int64(1_200_000))
    }

    // MARK: - Bytes

    @Test func `bytes that are not what was written are refused`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        let bytes = bench.book.encoded()
        for place in bytes.indices {
            var other = bytes
            other[place] ^= 1
            #expect(throws: AlertMemoryError.self) {
                var book = RuleBook(interval: 30_000, standstill: 20_000, at: 0)
                try book.restore(other)
            }
            #expect(throws: AlertMemoryError.self) {
                var book = RuleBook(interval: 30_000, standstill: 20_000, at: 0)
                try book.restore(Array(bytes[..<place]))
            }
        }
    }

    @Test func `a book that was written down is the same again`() throws {
        var bench = Bench()
        try bench.load(RuleBookTests.rules)
        for seconds in stride(from: 0, through: 120, by: 30) { bench.step(Int64(seconds), 0.06) }
        let bytes = bench.book.encoded()
        try bench.restart(RuleBookTests.rules, at: 130)
        #expect(bench.book.encoded() == bytes)
    }
}

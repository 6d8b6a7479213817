internal import Metrics
internal import SeriesStore

extension RuleTestFile {
    /// Runs all tests over groups of rules, as `promtool test rules` does.
    ///
    /// - Parameter files: those that `ruleFiles` names, in that order.
    /// - Returns: what is not as expected, a text each; none when all is.
    public func failures(_ files: [RuleFile]) -> [String] {
        let groups = ordered(files.flatMap(\.groups))
        return tests.enumerated().flatMap { number, test in
            var run = RuleTestRun(test, groups, interval: interval, isClose: isClose)
            let title = test.name.isEmpty ? "test \(number + 1)" : "test \"\(test.name)\""
            return run.failures().map { "\(title): \($0)" }
        }
    }

    /// Groups that are named come first, the others by file and name.
    private func ordered(_ groups: [RuleGroup]) -> [RuleGroup] {
        func place(_ group: RuleGroup) -> Int { order.firstIndex(of: group.name) ?? .max }
        return groups.enumerated().sorted { left, right in
            (place(left.element), left.element.file, left.element.name, left.offset)
                < (place(right.element), right.element.file, right.element.name, right.offset)
        }.map(\.element)
    }
}

/// One test as it runs: time goes on from 1970, and all groups are evaluated at each interval.
private struct RuleTestRun {
    private let test: RuleTest
    private let interval: Int64
    private let isClose: Bool
    private let series = MemorySeries()
    private var groups: [GroupState]
    private let context: RuleContext

    init(_ test: RuleTest, _ groups: [RuleGroup], interval: Int64, isClose: Bool) {
        self.test = test
        self.interval = interval
        self.isClose = isClose
        self.groups = groups.map { GroupState($0) }
        var options = PromQLEngine.Options()
        options.subqueryStep = interval
        let engine = PromQLEngine(series, options: options)
        var context = RuleContext(
            answer: { query, time in try engine.answer(query, at: time).value },
            write: { [series] samples in series.write(samples) })
        context.externalLabels = test.externalLabels
        context.externalURL = test.externalURL
        self.context = context
    }

    mutating func failures() -> [String] {
        do throws(SeriesNotation.Flaw) {
            for one in test.series { try load(one.series, one.values) }
        } catch {
            return ["input_series: \(error)"]
        }
        var failures: [String] = []
        var left = test.alertCases.sorted { $0.time < $1.time }[...]
        guard test.end / interval < AlertingLimits.testEvaluations else {
            return ["more than \(AlertingLimits.testEvaluations) evaluations"]
        }
        for time in stride(from: 0, through: test.end, by: Int64.Stride(interval)) {
            series.end(at: time)
            for place in groups.indices { groups[place].evaluate(at: time, context) }
            let failed = groups.flatMap(\.rules).compactMap { rule in
                rule.failure.map { "rule: \(rule.rule.name), time: \(duration(time)), err: \($0)" }
            }
            if !failed.isEmpty { return failures + failed }
            while let next = left.first, next.time < time + interval {
                left.removeFirst()
                if let failure = failure(next) { failures.append(failure) }
            }
        }
        series.end(at: .max)
        return failures + test.queryCases.compactMap { failure($0) }
    }

    private func duration(_ milliseconds: Int64) -> String {
        DurationText.text(milliseconds: milliseconds)
    }

    private func load(_ text: String, _ values: String) throws(SeriesNotation.Flaw) {
        let labels = try SeriesNotation.labels(text)
        var samples: [LabeledSample] = []
        for (step, value) in try SeriesNotation.values(values).enumerated() {
            let time = Int64(step) * test.interval
            switch value {
            case .omitted: continue
            case .number(let number): samples.append(LabeledSample(labels, time, .float(number)))
            case .histogram(let histogram, _):
                samples.append(LabeledSample(labels, time, .histogram(histogram)))
            }
        }
        series.write(samples)
    }

    // MARK: - Alerts

    private func failure(_ expected: RuleTest.AlertCase) -> String? {
        let found = groups.flatMap(\.rules)
            .filter { $0.rule.kind == .alerting && $0.rule.name == expected.name }
            .flatMap(\.alerts.values).filter { $0.state == .firing }
            .map { text($0.labels, $0.annotations) }
        let wanted = expected.alerts.map { text($0.labels, $0.annotations) }
        if found.sorted() == wanted.sorted() { return nil }
        return "alertname: \(expected.name), time: \(duration(expected.time)),"
            + list("exp", wanted) + list("got", found)
    }

    private func text(_ labels: Labels, _ annotations: Labels) -> String {
        "Labels:\(labels) Annotations:\(annotations)"
    }

    private func list(_ title: String, _ items: [String]) -> String {
        if items.isEmpty { return "\n    \(title): none" }
        return "\n    \(title):" + items.sorted().map { "\n        \($0)" }.joined()
    }

    // MARK: - Expressions

    private func failure(_ expected: RuleTest.QueryCase) -> String? {
        let title = "expr: \"\(expected.query)\", time: \(duration(expected.time)),"
        do {
            let query = try PromQLQuery(expected.query)
            let found = try context.series(query, at: expected.time)
            var wanted: [(Labels, SampleValue)] = []
            for sample in expected.samples {
                let labels = try SeriesNotation.labels(sample.labels)
                guard let text = sample.histogram else {
                    wanted.append((labels, .float(sample.value)))
                    continue
                }
                guard case .histogram(let histogram, _)? = try SeriesNotation.values(text).first
                else { return "\(title) err: no histogram: \(text)" }
                wanted.append((labels, .histogram(histogram)))
            }
            if areEqual(found, wanted) { return nil }
            return title + list("exp", wanted.map(text)) + list("got", found.map(text))
        } catch {
            return "\(title) err: \(error)"
        }
    }

    private func text(_ labels: Labels, _ value: SampleValue) -> String {
        switch value {
        case .float(let number): "\(labels) \(NumberText.general(number))"
        case .histogram(let histogram): "\(labels) \(histogram)"
        }
    }

    private func areEqual(
        _ found: [(Labels, SampleValue)], _ wanted: [(Labels, SampleValue)]
    ) -> Bool {
        guard found.count == wanted.count else { return false }
        let (found, wanted) = (found.sorted { $0.0 < $1.0 }, wanted.sorted { $0.0 < $1.0 })
        return zip(found, wanted).allSatisfy { left, right in
            guard left.0 == right.0 else { return false }
            switch (left.1, right.1) {
            case (.float(let x), .float(let y)):
                // As promtool has it, NaN is not what is expected unless values may be close.
                return x == y || isClose && (x.isNaN && y.isNaN || isNear(x, y))
            case (.histogram(var x), .histogram(var y)):
                x.counterReset = .unknown
                y.counterReset = .unknown
                return x == y
            default: return false
            }
        }
    }

    private func isNear(_ x: Double, _ y: Double) -> Bool {
        (x - y).magnitude <= 1e-6 * min(x.magnitude + y.magnitude, .greatestFiniteMagnitude)
    }
}

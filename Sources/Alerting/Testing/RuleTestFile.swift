internal import Metrics
internal import SeriesStore

/// Tests of rules, in the form that `promtool test rules` reads.
///
/// ```
/// rule_files: [rules.yaml]
/// evaluation_interval: 1m
/// tests:
///   - interval: 1m
///     input_series: [{series: 'up{job="shop"}', values: '1 0x10'}]
///     alert_rule_test: [{eval_time: 6m, alertname: Down, exp_alerts: [{exp_labels: {job: shop}}]}]
///     promql_expr_test: [{expr: up, eval_time: 1m, exp_samples: [{labels: 'up{job="shop"}', value: 0}]}]
/// ```
public struct RuleTestFile: Sendable {
    /// Paths of files of rules, as they stand there; the last part may have `*`.
    public let ruleFiles: [String]
    /// Milliseconds between evaluations.
    let interval: Int64
    /// Names of groups that come first, in this order.
    let order: [String]
    /// Whether values that differ by rounding are equal.
    let isClose: Bool
    let tests: [RuleTest]

    /// Reads a file.
    ///
    /// - Throws: `RuleFileError` with everything that is wrong.
    public init(_ bytes: [UInt8], name: String) throws(RuleFileError) {
        let documents: [YAMLNode]
        do throws(YAMLError) {
            documents = try YAMLReader.documents(bytes)
        } catch {
            throw RuleFileError(
                problems: [RuleProblem(.error, name, error.place, error.message)])
        }
        let nothing = YAMLNode(
            content: .scalar("", isPlain: true), place: TextPlace(line: 1, column: 1), size: 1)
        var fields = YAMLFields(documents.first ?? nothing, "a file of tests")
        ruleFiles = fields.list("rule_files").compactMap(\.text)
        interval = fields.duration("evaluation_interval") ?? 60_000
        order = fields.list("group_eval_order").compactMap(\.text)
        isClose = fields.flag("fuzzy_compare") ?? false
        var problems: [(place: TextPlace, message: String)] = []
        var tests: [RuleTest] = []
        for node in fields.list("tests") {
            var test = YAMLFields(node, "a test")
            tests.append(RuleTest(&test, interval: interval))
            test.refuseOthers()
            problems += test.problems
        }
        fields.refuseOthers()
        problems += fields.problems
        self.tests = tests
        if interval <= 0 {
            problems.append((fields.node.place, "evaluation_interval is above 0"))
        }
        guard problems.isEmpty else {
            throw RuleFileError(
                problems: problems.prefix(AlertingLimits.problems).map {
                    RuleProblem(.error, name, $0.place, $0.message)
                })
        }
    }
}

/// One test: series, and what rules make of them.
struct RuleTest: Sendable {
    struct ExpectedAlert: Sendable {
        let labels: Labels
        let annotations: Labels
    }

    struct AlertCase: Sendable {
        let time: Int64
        let name: String
        let alerts: [ExpectedAlert]
    }

    struct ExpectedSample: Sendable {
        let labels: String
        let value: Double
        /// In the notation of series; nil for a number.
        let histogram: String?
    }

    struct QueryCase: Sendable {
        let time: Int64
        let query: String
        let samples: [ExpectedSample]
    }

    let name: String
    /// Milliseconds between the values of series.
    let interval: Int64
    let series: [(series: String, values: String)]
    let alertCases: [AlertCase]
    let queryCases: [QueryCase]
    let externalLabels: Labels
    let externalURL: String

    /// - Parameter interval: of the file's evaluations.
    init(_ fields: inout YAMLFields, interval: Int64) {
        name = fields.text("name")?.text ?? ""
        let own = fields.duration("interval") ?? 0
        self.interval = own > 0 ? own : interval
        externalURL = fields.text("external_url")?.text ?? ""
        externalLabels = RuleTest.labels(&fields, "external_labels")
        var series: [(series: String, values: String)] = []
        RuleTest.each(&fields, "input_series", "a series") { one in
            series.append((one.text("series")?.text ?? "", one.text("values")?.text ?? ""))
        }
        self.series = series
        var alertCases: [AlertCase] = []
        RuleTest.each(&fields, "alert_rule_test", "a test of alerts") { one in
            let time = one.duration("eval_time") ?? 0
            let name = one.text("alertname")
            var alerts: [ExpectedAlert] = []
            RuleTest.each(&one, "exp_alerts", "an alert") { alert in
                let labels = RuleTest.labels(&alert, "exp_labels")
                    .setting(Alert.nameLabel, to: name?.text ?? "")
                alerts.append(
                    ExpectedAlert(
                        labels: labels,
                        annotations: RuleTest.labels(&alert, "exp_annotations")))
            }
            if name?.text.isEmpty ?? true {
                one.wrong(
                    one.node.place,
                    "an item under alert_rule_test misses required attribute alertname")
            }
            alertCases.append(AlertCase(time: time, name: name?.text ?? "", alerts: alerts))
        }
        self.alertCases = alertCases
        var queryCases: [QueryCase] = []
        RuleTest.each(&fields, "promql_expr_test", "a test of an expression") { one in
            let query = one.text("expr")?.text ?? ""
            let time = one.duration("eval_time") ?? 0
            var samples: [ExpectedSample] = []
            RuleTest.each(&one, "exp_samples", "a sample") { sample in
                samples.append(
                    ExpectedSample(
                        labels: sample.text("labels")?.text ?? "",
                        value: sample.number("value") ?? 0,
                        histogram: sample.text("histogram")?.text))
            }
            queryCases.append(QueryCase(time: time, query: query, samples: samples))
        }
        self.queryCases = queryCases
    }

    private static func labels(_ fields: inout YAMLFields, _ key: String) -> Labels {
        Labels((fields.texts(key) ?? []).map { Label($0.name.text, $0.text) })
    }

    /// Reads each mapping of a list; what is wrong with it is wrong with the whole.
    private static func each(
        _ fields: inout YAMLFields, _ key: String, _ noun: String,
        _ read: (inout YAMLFields) -> Void
    ) {
        for node in fields.list(key) {
            var inner = YAMLFields(node, noun)
            read(&inner)
            inner.refuseOthers()
            for problem in inner.problems { fields.wrong(problem.place, problem.message) }
        }
    }

    /// The time of the last case; milliseconds.
    var end: Int64 {
        (alertCases.map(\.time) + queryCases.map(\.time)).max() ?? 0
    }
}

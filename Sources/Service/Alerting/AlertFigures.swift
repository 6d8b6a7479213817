internal import Alerting
internal import Host

/// What rules and those who tell of alerts come to, in `/metrics`; under Prometheus's names where it or
/// Alertmanager has some.
extension Figure {
    private typealias Sample = (labels: String, value: Double)

    static func alerts(_ keeper: AlertKeeper) -> [Figure] {
        let books = keeper.everyBook
        return rounds(books) + groups(books) + tellers(keeper, books.map(\.environment))
    }

    /// Of all groups of an environment.
    private static func rounds(_ books: [(environment: String, book: RuleBook)]) -> [Figure] {
        func figure(
            _ name: String, _ kind: Kind, _ help: String, _ value: (RoundFigures) -> Double
        ) -> Figure {
            Figure(
                "widefield_rule_" + name, kind, help,
                books.filter { !$0.book.groups.isEmpty }.map {
                    (labels(("environment", $0.environment)), value($0.book.rounds))
                })
        }
        return [
            figure("rounds_total", .counter, "Rounds in which rules were evaluated.") {
                Double($0.count)
            },
            figure(
                "rounds_late_total", .counter,
                "Rounds before which evaluations were missed, because the one before took too long."
            ) { Double($0.late) },
            figure("rounds_seconds_total", .counter, "What rounds took.") {
                Double($0.nanoseconds) / 1e9
            },
            figure("last_round_seconds", .gauge, "What the last round took.") {
                Double($0.lastNanoseconds) / 1e9
            },
        ].filter { !$0.samples.isEmpty }
    }

    /// Groups beyond so many have no figures of their own.
    private static func groups(_ books: [(environment: String, book: RuleBook)]) -> [Figure] {
        let groups = books.flatMap { environment, book in
            book.groups.map { (environment: environment, state: $0, book: book) }
        }.prefix(ServiceLimits.ruleGroupFiguresMax)
        func samples(_ value: (GroupState, RuleBook) -> Double) -> [Sample] {
            groups.map { entry in
                let group = entry.state.group
                let labels = labels(
                    ("environment", entry.environment),
                    ("rule_group", "\(group.file);\(group.name)"))
                return (labels, value(entry.state, entry.book))
            }
        }
        func figure(
            _ name: String, _ kind: Kind, _ help: String,
            _ value: (GroupState, RuleBook) -> Double
        ) -> Figure {
            Figure("prometheus_rule_" + name, kind, help, samples(value))
        }
        func sum(_ state: GroupState, _ value: (RuleState) -> Int) -> Double {
            Double(state.rules.reduce(0) { $0 + value($1) })
        }
        return [
            figure("evaluations_total", .counter, "Rules that were evaluated.") { state, _ in
                sum(state, \.evaluations)
            },
            figure("evaluation_failures_total", .counter, "Rules that failed.") { state, _ in
                sum(state, \.failures)
            },
            figure("group_iterations_total", .counter, "Evaluations of a group.") { state, _ in
                Double(state.evaluations)
            },
            figure(
                "group_iterations_missed_total", .counter,
                "Evaluations of a group that did not take place because others took too long."
            ) { state, _ in Double(state.missed) },
            figure(
                "group_iterations_unobserved_total", .counter,
                "Evaluations of a group that did not take place because no events arrived."
            ) { state, _ in Double(state.unobserved) },
            figure(
                "group_last_duration_seconds", .gauge, "What the last evaluation of a group took."
            ) { state, _ in
                Double(state.rules.reduce(0) { $0 + $1.evaluationNanoseconds }) / 1e9
            },
            figure(
                "group_last_evaluation_timestamp_seconds", .gauge,
                "When a group was evaluated last, seconds since 1970."
            ) { state, _ in Double(state.evaluatedAt ?? 0) / 1000 },
            figure("group_interval_seconds", .gauge, "What lies between evaluations.") {
                state, book in Double(book.interval(of: state.group)) / 1000
            },
            figure("group_rules", .gauge, "Rules of a group.") { state, _ in
                Double(state.rules.count)
            },
        ].filter { !$0.samples.isEmpty }
    }

    private static func tellers(_ keeper: AlertKeeper, _ environments: [String]) -> [Figure] {
        let tellers = environments.flatMap { environment in
            keeper.tellers(of: environment).map { (environment: environment, teller: $0) }
        }
        func samples(
            ofEngines isEngine: Bool, _ value: (AlertTeller.Figures) -> Int
        ) -> [Sample] {
            tellers.filter { ($0.teller.typeName == "alertmanager") == isEngine }.map { entry in
                let (name, type) = (entry.teller.name, entry.teller.typeName)
                let labels =
                    isEngine
                    ? labels(("environment", entry.environment), ("alertmanager", name))
                    : labels(
                        ("environment", entry.environment), ("receiver", name),
                        ("integration", type))
                return (labels, Double(value(entry.teller.figures)))
            }
        }
        return [
            Figure(
                "prometheus_notifications_sent_total", .counter,
                "Alerts that an Alertmanager took.", samples(ofEngines: true, \.alertsSent)),
            Figure(
                "prometheus_notifications_errors_total", .counter,
                "Alerts that an Alertmanager did not take; they are sent again.",
                samples(ofEngines: true, \.alertsFailed)),
            Figure(
                "prometheus_notifications_queue_length", .gauge,
                "Alerts that wait for an Alertmanager.", samples(ofEngines: true, \.waiting)),
            Figure(
                "alertmanager_notifications_total", .counter,
                "Messages that receivers took.", samples(ofEngines: false, \.sent)),
            Figure(
                "alertmanager_notifications_failed_total", .counter,
                "Messages that receivers did not take; they are sent again.",
                samples(ofEngines: false, \.failed)),
            Figure(
                "widefield_notifications_waiting", .gauge, "Alerts that wait for a receiver.",
                samples(ofEngines: false, \.waiting)),
        ].filter { !$0.samples.isEmpty }
    }

    /// Labels as they stand between braces.
    private static func labels(_ pairs: (name: String, value: String)...) -> String {
        pairs.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }.joined(separator: ",")
    }
}

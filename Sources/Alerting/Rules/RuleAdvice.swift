internal import Metrics

extension RuleFile {
    /// What is allowed and hardly meant, by places.
    ///
    /// Of expressions what `PromQLQuery.advice` says; of alerts that they have no owner or no runbook,
    /// as a label or an annotation.
    public var warnings: [RuleProblem] {
        groups.flatMap { group in
            group.rules.enumerated().flatMap { number, rule in
                rule.warnings.map {
                    RuleProblem(
                        .warning, name, rule.place,
                        "group \"\(group.name)\", rule \(number + 1), \"\(rule.name)\": \($0)")
                }
            }
        }
    }
}

extension Rule {
    private static let owners = ["owner", "team"]
    private static let runbooks = ["runbook", "runbook_url"]

    fileprivate var warnings: [String] {
        var texts = (expression?.advice ?? []).map { "\($0.place): \($0.message)" }
        guard kind == .alerting else { return texts }
        let names = Set(labels.map(\.name) + annotations.map(\.name))
        if names.isDisjoint(with: Rule.owners) {
            texts.append("no owner: a label or annotation 'owner' or 'team' says who is asked")
        }
        if names.isDisjoint(with: Rule.runbooks) {
            texts.append("no runbook: an annotation 'runbook_url' says what to do")
        }
        return texts
    }
}

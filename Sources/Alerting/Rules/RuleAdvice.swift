internal import Metrics

extension RuleFile {
    /// What is allowed and hardly meant, by places.
    ///
    /// Of expressions what `PromQLQuery.advice` says; of alerts that they have no owner or no runbook,
    /// as a label or an annotation, deadlines that are no durations, and a tier that is none.
    public var warnings: [RuleProblem] {
        groups.flatMap { group in
            group.rules.enumerated().flatMap { number, rule in
                (rule.doubts + rule.warnings.map { (rule.place, $0) }).map { place, message in
                    RuleProblem(
                        .warning, name, place,
                        "group \"\(group.name)\", rule \(number + 1), \"\(rule.name)\": "
                            + message)
                }
            }
        }
    }
}

extension Rule {
    fileprivate var warnings: [String] {
        var texts = (expression?.advice ?? []).map { "\($0.place): \($0.message)" }
        guard kind == .alerting else { return texts }
        let names = Set(labels.map(\.name) + annotations.map(\.name))
        if names.isDisjoint(with: Contact.ownerNames) {
            texts.append("no owner: a label or annotation 'owner' or 'team' says who is asked")
        }
        if names.isDisjoint(with: Contact.runbookNames) {
            texts.append("no runbook: an annotation 'runbook_url' says what to do")
        }
        let said = labels.first { $0.name == AlertTier.label }?.template.text ?? ""
        if said.contains("{{") { return texts }
        let tier = AlertTier(rawValue: said)
        if tier == nil, !said.isEmpty {
            texts.append("the tier \"\(said)\" is none of automate, ticket, page")
        }
        if tier != .automate, names.contains(Deadlines.escalateAfter) {
            texts.append("'\(Deadlines.escalateAfter)' does nothing without the tier automate")
        }
        return texts
    }
}

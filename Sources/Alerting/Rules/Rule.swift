internal import EventQuery
public import Metrics

/// One rule of a group: what it watches or records.
public struct Rule: Sendable {
    public enum Kind: Hashable, Sendable {
        /// A series of the rule's name gets the expression's values.
        case recording
        /// Each series that the expression finds is an alert.
        case alerting
    }

    /// What is looked at.
    public enum Subject: Sendable {
        case series(PromQLQuery)
        case events(Trigger)
    }

    public let kind: Kind
    /// Of the alert, or of the metric that is recorded.
    public let name: String
    public let subject: Subject
    /// Milliseconds for which the expression must find a series before its alert fires (`for`).
    public let hold: Int64
    /// Milliseconds for which an alert goes on firing after its series was found last.
    public let keepFiring: Int64
    /// The group's and the rule's own, by name ascending; the rule's win.
    public let labels: [(name: String, template: Template)]
    public let annotations: [(name: String, template: Template)]
    public let place: TextPlace
    /// What of its annotations cannot be read as what it is there for.
    var doubts: [(place: TextPlace, message: String)] = []
    /// Names of the receivers that are told; nil for all who match its labels.
    public var receivers: [String]?
    /// The alert of an objective whose expression it has; nil for all other rules.
    var burnRate: BurnRateRule?
    /// What finds something where anything is known of its subject, so that an alert that is missed then is over;
    /// nil where a miss says so by itself.
    var sight: PromQLQuery?

    /// The expression over series; nil for a rule about events.
    public var expression: PromQLQuery? {
        if case .series(let expression) = subject { expression } else { nil }
    }

    /// The question to events; nil for a rule about series.
    public var trigger: Trigger? {
        if case .events(let trigger) = subject { trigger } else { nil }
    }

    /// What is looked at, as people read it.
    public var text: String {
        switch subject {
        case .series(let expression): expression.description
        case .events(let trigger): trigger.query.text
        }
    }

    /// What tells it from the others of its group when they are read again, but for those that are the same
    /// in it: what it looks at is not part of it, so that an edit neither ends an alert nor pages again.
    fileprivate var identity: String {
        let own = labels.map { " \($0.name)=\($0.template.text)" }.joined()
        // An alert of a trigger is looked up by its group's labels: with others it is another.
        let groups = trigger.map { " by " + $0.labelNames.joined(separator: ",") } ?? ""
        return "\(kind) \(name)" + own + groups
    }
}

/// Rules that are evaluated together, one after the other.
public struct RuleGroup: Sendable {
    public let name: String
    /// The file's name.
    public let file: String
    /// Milliseconds between evaluations; nil takes the evaluator's.
    public let interval: Int64?
    /// Series or alerts of one rule above which the rule fails; 0 for no limit.
    public let limit: Int
    /// Milliseconds by which evaluation looks back; nil takes the evaluator's.
    public let queryOffset: Int64?
    public let rules: [Rule]

    /// What each rule is known by when its file is read again: name and labels, and of those that are the same
    /// in these their order.
    var ruleIdentities: [String] {
        var seen: [String: Int] = [:]
        return rules.map { rule in
            let identity = rule.identity
            let number = seen[identity, default: 0] + 1
            seen[identity] = number
            return number == 1 ? identity : "\(identity) #\(number)"
        }
    }
}

internal import Metrics

extension RuleGroup {
    /// The file that groups of triggers are said to come from.
    public static let triggerFile = "/api/triggers"

    /// What is wrong with an annotation of an alert that says how long something may take, and is no
    /// duration; nil for any other.
    public static func objection(to text: String, named name: String) -> String? {
        Deadlines.objection(to: text, named: name)
    }

    /// A trigger as rules are evaluated: a group of its own.
    ///
    /// - Parameters:
    ///   - id: differs from those of all other triggers.
    ///   - name: of its alerts.
    ///   - interval: milliseconds between evaluations.
    ///   - labels: of its alerts, beside those of its groups; they stand for themselves.
    ///   - annotations: templates.
    ///   - receivers: names of who is told; nil for all who match the labels.
    /// - Throws: `TriggerError` for names of labels that are taken, and texts that are no templates.
    public init(
        _ trigger: Trigger, id: String, name: String, interval: Int64,
        labels: [(name: String, value: String)], annotations: [(name: String, text: String)],
        receivers: [String]?
    ) throws(TriggerError) {
        let taken = Set(trigger.labelNames + [Alert.nameLabel])
        if let label = labels.first(where: { taken.contains($0.name) }) {
            throw TriggerError("labels", "has '\(label.name)', which its alerts have already")
        }
        var templates: [(name: String, template: Template)] = []
        for (name, text) in annotations {
            do throws(TemplateError) {
                templates.append((name, try Template(text)))
            } catch {
                throw TriggerError("annotations", "'\(name)': \(error)")
            }
        }
        if !templates.contains(where: { $0.name == "summary" }),
            let template = try? Template(trigger.summary)
        {
            templates.append(("summary", template))
        }
        let condition = Template(literal: trigger.threshold.text)
        templates.removeAll { $0.name == Trigger.thresholdAnnotation }
        templates.append((Trigger.thresholdAnnotation, condition))
        let rule = Rule(
            kind: .alerting, name: name, subject: .events(trigger), hold: 0, keepFiring: 0,
            labels: labels.map { ($0.name, Template(literal: $0.value)) }
                .sorted { $0.name < $1.name },
            annotations: templates.sorted { $0.name < $1.name },
            place: TextPlace(line: 1, column: 1), receivers: receivers)
        self.init(
            name: id, file: RuleGroup.triggerFile, interval: interval, limit: 0, queryOffset: nil,
            rules: [rule])
    }
}

extension TriggerThreshold {
    /// `> 800`.
    fileprivate var text: String { "\(comparison.rawValue) \(NumberText.json(value))" }
}

extension Trigger {
    /// The annotation that says what its numbers are compared with: `> 800`.
    static let thresholdAnnotation = "threshold"

    /// What an alert says of itself where nobody says it better.
    fileprivate var summary: String {
        let bound = threshold.text
        switch baseline {
        case nil: return "\(column) is {{ $value }}, \(bound)"
        case .sameHour(let weeks):
            return "\(column) is {{ $value }}, \(bound) times the median of the same hour "
                + "of \(weeks) weeks"
        case .difference:
            return "\(column) is {{ $value }}, by \(bound) another than some time ago"
        case .percentage:
            return "\(column) is {{ $value }}, by \(bound) % another than some time ago"
        }
    }
}

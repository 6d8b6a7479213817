internal import Metrics
internal import SeriesStore

/// Makes groups of a file's documents and gathers what is wrong, in the words of Prometheus's `rulefmt`.
struct RuleFileReader {
    let names: NameScheme
    let file: String
    private(set) var groups: [RuleGroup] = []
    private(set) var problems: [(place: TextPlace, message: String)] = []
    private var groupNames: Set<String> = []

    init(names: NameScheme, file: String) {
        self.names = names
        self.file = file
    }

    mutating func read(_ document: YAMLNode) {
        var fields = YAMLFields(document, "a file of rules")
        for group in fields.list("groups") { read(group: group) }
        fields.refuseOthers()
        problems += fields.problems
    }

    private mutating func read(group node: YAMLNode) {
        var fields = YAMLFields(node, "a group")
        let name = fields.text("name")
        if let name, !name.text.isEmpty {
            if !groupNames.insert(name.text).inserted {
                fields.wrong(
                    name.place, "groupname: \"\(name.text)\" is repeated in the same file")
            }
        } else {
            fields.wrong(node.place, "Groupname must not be empty")
        }
        let groupName = name?.text ?? ""
        let labels = labels(&fields, "labels", isTemplate: false)
        let interval = fields.duration("interval")
        let limit = fields.integer("limit") ?? 0
        let offset = fields.duration("query_offset")
        var rules: [Rule] = []
        for (number, node) in fields.list("rules").enumerated() {
            var rule = YAMLFields(node, "a rule")
            if let read = read(&rule, labels) { rules.append(read) }
            rule.refuseOthers()
            let ruleName = (node["alert"] ?? node["record"])?.text ?? ""
            problems += rule.problems.map {
                (
                    $0.place,
                    "group \"\(groupName)\", rule \(number + 1), \"\(ruleName)\": "
                        + $0.message
                )
            }
        }
        fields.refuseOthers()
        problems += fields.problems
        groups.append(
            RuleGroup(
                name: groupName, file: file, interval: interval == 0 ? nil : interval,
                limit: max(0, limit), queryOffset: offset, rules: rules))
    }

    // MARK: - Rules

    private func read(
        _ fields: inout YAMLFields, _ groupLabels: [(name: String, template: Template)]
    ) -> Rule? {
        let (record, alert) = (fields.text("record"), fields.text("alert"))
        let isAlert = !(alert?.text.isEmpty ?? true)
        let isRecord = !(record?.text.isEmpty ?? true)
        let place = fields.node.place
        if isAlert && isRecord {
            fields.wrong(place, "only one of 'record' and 'alert' must be set")
        } else if !isAlert && !isRecord {
            fields.wrong(place, "one of 'record' or 'alert' must be set")
        }
        let expression = expression(&fields)
        let hold = fields.duration("for") ?? 0
        let keepFiring = fields.duration("keep_firing_for") ?? 0
        let own = labels(&fields, "labels", isTemplate: isAlert)
        let annotations = labels(&fields, "annotations", isTemplate: isAlert)
        if isRecord, !isAlert, let record {
            if !annotations.isEmpty { wrongRecord(&fields, "annotations") }
            if hold != 0 { wrongRecord(&fields, "for") }
            if keepFiring != 0 { wrongRecord(&fields, "keep_firing_for") }
            if record.text.contains(where: { "{}".contains($0) }) {
                fields.wrong(
                    record.place,
                    "braces present in the recording rule name; should it be in expr?: "
                        + record.text)
            } else if !names.isMetricName(record.text) {
                fields.wrong(record.place, "invalid recording rule name: \(record.text)")
            }
        }
        guard let expression, isAlert != isRecord else { return nil }
        let ownNames = Set(own.map(\.name))
        let labels = groupLabels.filter { !ownNames.contains($0.name) } + own
        return Rule(
            kind: isAlert ? .alerting : .recording, name: (alert ?? record)?.text ?? "",
            subject: .series(expression), hold: hold, keepFiring: keepFiring,
            labels: labels.sorted { $0.name < $1.name },
            annotations: annotations.sorted { $0.name < $1.name }, place: place,
            doubts: isAlert ? doubts(fields.node) : [])
    }

    /// Annotations that say how long something may take and are no durations, nor templates of any.
    private func doubts(_ rule: YAMLNode) -> [(place: TextPlace, message: String)] {
        guard case .mapping(let entries)? = rule["annotations"]?.content else { return [] }
        return entries.compactMap { name, value in
            guard let name = name.text, let text = value.text ?? (value.isNull ? "" : nil),
                !text.contains("{{"), let message = Deadlines.objection(to: text, named: name)
            else { return nil }
            return (value.place, message)
        }
    }

    private func wrongRecord(_ fields: inout YAMLFields, _ key: String) {
        fields.wrong(
            fields.node[key]?.place ?? fields.node.place,
            "invalid field '\(key)' in recording rule")
    }

    private func expression(_ fields: inout YAMLFields) -> PromQLQuery? {
        guard let text = fields.text("expr"), !text.text.isEmpty else {
            fields.wrong(fields.node.place, "field 'expr' must be set in rule")
            return nil
        }
        do throws(PromQLError) {
            return try PromQLQuery(text.text)
        } catch {
            fields.wrong(text.place, "could not parse expression: \(error.message)")
            return nil
        }
    }

    /// Names with templates; those of what is no alert stand for themselves.
    private func labels(
        _ fields: inout YAMLFields, _ key: String, isTemplate: Bool
    ) -> [(name: String, template: Template)] {
        let noun = key == "labels" ? "label" : "annotation"
        var found: [(name: String, template: Template)] = []
        for (name, text) in fields.texts(key) ?? [] {
            if !names.isLabelName(name.text) || key == "labels" && name.text == Labels.metricName {
                fields.wrong(name.place, "invalid \(noun) name: \(name.text)")
                continue
            }
            do throws(TemplateError) {
                found.append(
                    (name.text, isTemplate ? try Template(text) : Template(literal: text)))
            } catch {
                fields.wrong(name.place, "\(noun) \"\(name.text)\": \(error)")
            }
        }
        return found
    }
}

internal import Bytes
internal import Compute
internal import EventQuery

/// Reads an SLO as OpenSLO v1 writes it.
///
/// What is there and cannot be done as it says is refused, with the path of the member.
struct OpenSLO {
    private var definition = JSONObject()
    /// The value that a threshold is about, where it is one.
    private var value: String?
    private var datasets: JSONValue?

    /// The definition that a body is: itself, or what an OpenSLO document says.
    static func definition(_ body: DefinitionBody) throws(HTTPRefusal) -> DefinitionBody {
        guard body.has("apiVersion") || body.has("kind") else { return body }
        var reader = OpenSLO()
        try reader.read(OpenSLONode(.object(JSONObject(body.members)), ""))
        return DefinitionBody(reader.definition)
    }

    private mutating func read(_ document: OpenSLONode) throws(HTTPRefusal) {
        try document.allow(["apiVersion", "kind", "metadata", "spec"])
        try document["apiVersion"].expect(["openslo/v1"])
        try document["kind"].expect(["SLO"])
        try read(metadata: document["metadata"])
        let spec = document["spec"]
        try spec.allow([
            "description", "service", "indicator", "indicatorRef", "timeWindow",
            "budgetingMethod", "objectives", "alertPolicies",
        ])
        definition["description"] = spec["description"].value
        definition["service"] = spec["service"].value
        try spec["budgetingMethod"].expect(
            ["Occurrences"], "slices of time are not counted: expected Occurrences")
        try spec["indicatorRef"].refuse("an indicator of another document is not looked for")
        try spec["alertPolicies"].refuse("expected none: the usual burn-rate alerts are there")
        definition["timeWindow"] = spec["timeWindow"].value
        try read(indicator: spec["indicator"]["spec"])
        try read(objectives: spec["objectives"])
        if let datasets { definition["datasets"] = datasets }
    }

    private mutating func read(metadata: OpenSLONode) throws(HTTPRefusal) {
        try metadata.allow(["name", "displayName", "labels", "annotations"])
        definition["name"] = .string(try metadata["name"].text())
        definition["displayName"] = metadata["displayName"].value
        for part in ["labels", "annotations"] {
            let texts = metadata[part]
            for (name, member) in [
                ("owner", "owner"), ("team", "owner"), ("runbook", "runbook"),
                ("runbook_url", "runbook"),
            ] where definition[member] == nil {
                definition[member] = texts[name].value
            }
        }
    }

    // MARK: - Indicator

    private mutating func read(indicator: OpenSLONode) throws(HTTPRefusal) {
        try indicator.allow(["description", "ratioMetric", "thresholdMetric"])
        if indicator["thresholdMetric"].value != nil {
            let threshold = indicator["thresholdMetric"]
            try threshold.allow(["metricSource"])
            let source = try source(threshold["metricSource"], hasValue: true)
            guard let text = try condition(source["value"]) else {
                throw source["value"].wrong("is missing")
            }
            value = text
            let filter = try condition(source["filter"])
            definition["total"] = .string(
                [filter, "\(text) exists"].compactMap { $0 }.joined(separator: " and "))
            return
        }
        let ratio = indicator["ratioMetric"]
        try ratio.allow(["counter", "good", "bad", "total"])
        let total = try source(ratio["total"]["metricSource"], hasValue: false)
        if let filter = try condition(total["filter"]) { definition["total"] = .string(filter) }
        for member in ["good", "bad"] where ratio[member].value != nil {
            let source = try source(ratio[member]["metricSource"], hasValue: false)
            guard let filter = try condition(source["filter"]) else {
                throw source["filter"].wrong("is missing")
            }
            definition[member] = .string(filter)
        }
    }

    /// What a source asks of events; those of one SLO have one set of datasets.
    private mutating func source(
        _ source: OpenSLONode, hasValue: Bool
    ) throws(HTTPRefusal) -> OpenSLONode {
        try source.allow(["type", "spec", "metricSourceRef"])
        try source["metricSourceRef"].refuse("a source of another document is not looked for")
        try source["type"].expect(
            ["widefield"], "events are the only source there is: expected widefield")
        let spec = source["spec"]
        try spec.allow(["dataset", "datasets", "filter"] + (hasValue ? ["value"] : []))
        let own = spec["dataset"].value.map { JSONValue.array([$0]) } ?? spec["datasets"].value
        if let own, let datasets, own != datasets {
            throw spec.wrong("names other datasets than the other sources")
        }
        datasets = own ?? datasets
        return spec
    }

    /// An expression in parentheses, read by itself so that it cannot reach out of them.
    private func condition(_ node: OpenSLONode) throws(HTTPRefusal) -> String? {
        guard node.value != nil else { return nil }
        let text = try node.text()
        do throws(QueryError) {
            return "(" + (try Expression(parsingCondition: text)).text + ")"
        } catch {
            throw node.wrong("is no expression: \(error)")
        }
    }

    // MARK: - Objective

    private mutating func read(objectives: OpenSLONode) throws(HTTPRefusal) {
        guard let all = objectives.value?.array, all.count == 1 else {
            throw objectives.wrong("expected one objective: each is an SLO of its own")
        }
        let objective = OpenSLONode(all[0], objectives.path + "[0]")
        try objective.allow(["displayName", "op", "value", "target", "targetPercent"])
        definition["target"] = objective["target"].value
        definition["targetPercent"] = objective["targetPercent"].value
        guard let value else { return }
        let operators = ["lt": "<", "lte": "<=", "gt": ">", "gte": ">="]
        guard let name = objective["op"].value?.string, let sign = operators[name] else {
            throw objective["op"].wrong("expected lt, lte, gt or gte")
        }
        guard let bound = objective["value"].value, bound.number != nil else {
            throw objective["value"].wrong("expected a number")
        }
        definition["good"] = .string("\(value) \(sign) \(bound.text)")
    }
}

/// A value of a document, with the path that leads to it.
private struct OpenSLONode {
    /// Nil when it is absent or null.
    let value: JSONValue?
    let path: String

    init(_ value: JSONValue?, _ path: String) {
        self.value = value == .null ? nil : value
        self.path = path
    }

    subscript(_ name: String) -> OpenSLONode {
        OpenSLONode(value?[name], path.isEmpty ? name : path + "." + name)
    }

    func wrong(_ what: String) -> HTTPRefusal {
        HTTPRefusal(.problem(.invalid, "\(path): \(what)", field: path))
    }

    /// Refuses members that are not known.
    func allow(_ names: [String]) throws(HTTPRefusal) {
        guard let value else { return }
        guard let object = value.object else {
            throw wrong("expected an object, found \(value.typeName)")
        }
        if let member = object.members.first(where: { !names.contains($0.key) }) {
            throw self[member.key].wrong("is not known here")
        }
    }

    func text() throws(HTTPRefusal) -> String {
        guard let text = value?.string, !text.isEmpty else {
            throw wrong(value == nil ? "is missing" : "expected a text")
        }
        return text
    }

    func expect(_ texts: [String], _ reason: String? = nil) throws(HTTPRefusal) {
        guard let text = value?.string, texts.contains(text) else {
            let found = value?.string.map { "'\($0)': " } ?? ""
            throw wrong(found + (reason ?? "expected \(texts.joined(separator: " or "))"))
        }
    }

    func refuse(_ reason: String) throws(HTTPRefusal) {
        if let list = value?.array, list.isEmpty { return }
        if value != nil { throw wrong(reason) }
    }
}

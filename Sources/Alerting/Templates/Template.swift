internal import SeriesStore

/// A template of a label or an annotation, read once and expanded for each alert.
///
/// The language is that of Go's `text/template` with Prometheus's functions; `$labels`, `$value`,
/// `$externalLabels` and `$externalURL` are there.
public struct Template: Sendable {
    /// The text as it was given.
    public let text: String
    /// Nil when the text stands for itself.
    private let reading: TemplateParser.Reading?

    /// Reads a template.
    ///
    /// - Throws: `TemplateError`, also for functions and variables that are not there.
    public init(_ text: String) throws(TemplateError) {
        self.text = text
        guard text.utf8.count <= AlertingLimits.templateBytes else {
            throw TemplateError("a template has at most \(AlertingLimits.templateBytes) bytes")
        }
        reading =
            text.contains("{{")
            ? try TemplateParser.read(
                text, variables: ["labels", "value", "externalLabels", "externalURL"])
            : nil
    }

    /// Takes a text that stands for itself, whatever braces it has.
    init(literal text: String) {
        self.text = text
        reading = nil
    }

    /// Expands the template; what goes wrong stands in the text, as Prometheus has it.
    public func expanded(_ data: TemplateData) -> String {
        guard let reading else { return text }
        var expansion = TemplateExpansion(data, reading.defined)
        do throws(TemplateError) {
            return try expansion.text(of: reading.nodes)
        } catch {
            return "<error expanding template: error executing template: \(error)>"
        }
    }
}

/// One expansion: the text so far, the variables, and how much may still be done.
struct TemplateExpansion {
    private let data: TemplateData
    private var variables: [(name: String, value: TemplateValue)]
    private var result = ""
    private var steps = 0
    private let defined: [String: [TemplateNode]]
    /// Templates within one another.
    private var depth = 0

    /// How a list of nodes came to its end.
    private enum Flow { case end, breaks, continues }

    init(_ data: TemplateData, _ defined: [String: [TemplateNode]]) {
        self.data = data
        self.defined = defined
        variables = [
            ("", .alert(data)), ("labels", .labels(data.labels)), ("value", .number(data.value)),
            ("externalLabels", .labels(data.externalLabels)),
            ("externalURL", .string(data.externalURL)),
        ]
    }

    mutating func text(of nodes: [TemplateNode]) throws(TemplateError) -> String {
        _ = try expand(nodes, .alert(data))
        return result
    }

    // MARK: - Nodes

    private mutating func expand(
        _ nodes: [TemplateNode], _ dot: TemplateValue
    ) throws(TemplateError) -> Flow {
        for node in nodes {
            try step()
            switch node {
            case .text(let text): try append(text)
            case .action(let pipeline):
                let value = try value(pipeline, dot)
                if pipeline.variables.isEmpty { try append(value.text) }
            case .template(let name, let pipeline):
                let value =
                    if let pipeline { try value(pipeline, dot) } else { TemplateValue.nothing }
                try expand(named: name, value)
            case .leave(let goesOn): return goesOn ? .continues : .breaks
            case .choice(let pipeline, let then, let otherwise):
                let known = variables.count
                let isTrue = try value(pipeline, dot).isTrue
                let flow = try expand(isTrue ? then : otherwise, dot)
                variables.removeSubrange(known...)
                if flow != .end { return flow }
            case .with(let pipeline, let then, let otherwise):
                let known = variables.count
                let value = try value(pipeline, dot)
                let flow = try expand(
                    value.isTrue ? then : otherwise, value.isTrue ? value : dot)
                variables.removeSubrange(known...)
                if flow != .end { return flow }
            case .range(let pipeline, let each, let otherwise):
                if try range(pipeline, each, otherwise, dot) != .end { return .end }
            }
        }
        return .end
    }

    /// Expands what has a name, with the value as the one at hand and as `$`.
    private mutating func expand(
        named name: String, _ value: TemplateValue
    ) throws(TemplateError) {
        guard let nodes = defined[name] else {
            throw TemplateError("template \"\(name)\" not defined")
        }
        guard depth < AlertingLimits.templateDepth else {
            throw TemplateError(
                "more than \(AlertingLimits.templateDepth) templates within one another")
        }
        depth += 1
        let outside = variables
        variables = [("", value)]
        _ = try expand(nodes, value)
        variables = outside
        depth -= 1
    }

    /// What a template of a name becomes, as a text.
    private mutating func text(
        ofTemplate arguments: [TemplateValue]
    ) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 2, case .string(let name) = arguments[0] else {
            throw TemplateError("error calling tmpl: expected a name and a value")
        }
        let before = result
        result = ""
        try expand(named: name, arguments[1])
        defer { result = before }
        return .string(result)
    }

    private mutating func step() throws(TemplateError) {
        steps += 1
        guard steps <= AlertingLimits.templateSteps else {
            throw TemplateError("more than \(AlertingLimits.templateSteps) steps")
        }
    }

    private mutating func append(_ text: String) throws(TemplateError) {
        result += text
        guard result.utf8.count <= AlertingLimits.expandedBytes else {
            throw TemplateError("more than \(AlertingLimits.expandedBytes) bytes")
        }
    }

    private mutating func range(
        _ pipeline: TemplatePipeline, _ each: [TemplateNode], _ otherwise: [TemplateNode],
        _ dot: TemplateValue
    ) throws(TemplateError) -> Flow {
        let known = variables.count
        defer { variables.removeSubrange(known...) }
        var plain = pipeline
        plain.variables = []
        let elements: [(key: TemplateValue, value: TemplateValue)]
        switch try value(plain, dot) {
        case .list(let values):
            elements = values.enumerated().map { (.integer(Int64($0.offset)), $0.element) }
        case .labels(let labels):
            elements = labels.map { (.string($0.name), .string($0.value)) }
        case .named(let values):
            elements = values.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
        case .nothing: elements = []
        case let other: throw TemplateError("range can't iterate over \(other.text)")
        }
        if elements.isEmpty { return try expand(otherwise, dot) }
        for element in elements {
            let scope = variables.count
            let values =
                pipeline.variables.count == 2
                ? [element.key, element.value] : [element.value]
            for (name, value) in zip(pipeline.variables, values) {
                set(name, value, isAssignment: pipeline.isAssignment)
            }
            let flow = try expand(each, element.value)
            variables.removeSubrange(scope...)
            if flow == .breaks { break }
        }
        return .end
    }

    // MARK: - Values

    private mutating func set(_ name: String, _ value: TemplateValue, isAssignment: Bool) {
        if isAssignment, let place = variables.lastIndex(where: { $0.name == name }) {
            variables[place].value = value
        } else {
            variables.append((name, value))
        }
    }

    private mutating func value(
        _ pipeline: TemplatePipeline, _ dot: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        var result: TemplateValue?
        for command in pipeline.commands { result = try value(command, dot, last: result) }
        let value = result ?? .nothing
        for name in pipeline.variables {
            set(name, value, isAssignment: pipeline.isAssignment)
        }
        return value
    }

    /// - Parameter last: what the command before gave.
    private mutating func value(
        _ command: [TemplateOperand], _ dot: TemplateValue, last: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        try step()
        guard case .function(let function)? = command.first else {
            return try value(command[0], dot)
        }
        var arguments: [TemplateValue] = []
        for operand in command.dropFirst() {
            let next = try value(operand, dot)
            arguments.append(next)
            // What follows may only make sense when this does.
            if function == .and && !next.isTrue || function == .or && next.isTrue { return next }
        }
        if let last { arguments.append(last) }
        if function == .tmpl { return try text(ofTemplate: arguments) }
        return try function.call(arguments, data)
    }

    private mutating func value(
        _ operand: TemplateOperand, _ dot: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        switch operand {
        case .value(let value): return value
        case .field(let names): return try field(names, of: dot)
        case .variable(let name, let names):
            let value = variables.last { $0.name == name }?.value
            return try field(names, of: value ?? .nothing)
        case .pipeline(let pipeline, let names):
            return try field(names, of: try value(pipeline, dot))
        case .function(let function): return try function.call([], data)
        }
    }

    private func field(
        _ names: [String], of value: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        var value = value
        for name in names { value = try value.field(name) }
        return value
    }
}

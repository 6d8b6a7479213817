internal import Metrics
public import SeriesStore

/// A value within a template.
enum TemplateValue: Sendable {
    case nothing
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    /// Labels; a name that is not there is empty.
    case labels(Labels)
    case list([TemplateValue])
    /// A series of the answer of a query, with its value.
    case sample(Labels, Double)
    /// What is handed to a template as a whole.
    case alert(TemplateData)
    /// Values by names, as `args` makes them.
    case named([String: TemplateValue])

    /// What Go calls true: neither empty nor zero.
    var isTrue: Bool {
        switch self {
        case .nothing: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .string(let value): !value.isEmpty
        case .labels(let value): !value.isEmpty
        case .list(let values): !values.isEmpty
        case .named(let values): !values.isEmpty
        case .sample, .alert: true
        }
    }

    var typeName: String {
        switch self {
        case .nothing: "nil"
        case .bool: "bool"
        case .integer: "int"
        case .number: "float64"
        case .string: "string"
        case .labels: "map[string]string"
        case .list: "[]*template.sample"
        case .sample: "*template.sample"
        case .alert: "template data"
        case .named: "map[string]interface {}"
        }
    }

    /// As Go prints it.
    var text: String {
        switch self {
        case .nothing: "<no value>"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .number(let value): NumberText.general(value)
        case .string(let value): value
        case .labels(let labels):
            "map[" + labels.map { "\($0.name):\($0.value)" }.joined(separator: " ") + "]"
        case .list(let values): "[" + values.map(\.text).joined(separator: " ") + "]"
        case .sample(let labels, let value):
            "{\(TemplateValue.labels(labels).text) \(NumberText.general(value))}"
        case .alert(let data):
            "{\(TemplateValue.labels(data.labels).text) "
                + "\(TemplateValue.labels(data.externalLabels).text) \(data.externalURL) "
                + "\(NumberText.general(data.value))}"
        case .named(let values):
            "map["
                + values.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.text)" }
                .joined(separator: " ") + "]"
        }
    }

    /// A field of the value.
    func field(_ name: String) throws(TemplateError) -> TemplateValue {
        switch (self, name) {
        case (.labels(let labels), _): return .string(labels[name])
        case (.named(let values), _): return values[name] ?? .nothing
        case (.sample(let labels, _), "Labels"): return .labels(labels)
        case (.sample(_, let value), "Value"): return .number(value)
        case (.alert(let data), "Labels"): return .labels(data.labels)
        case (.alert(let data), "ExternalLabels"): return .labels(data.externalLabels)
        case (.alert(let data), "ExternalURL"): return .string(data.externalURL)
        case (.alert(let data), "Value"): return .number(data.value)
        default:
            throw TemplateError("can't evaluate field \(name) in type \(typeName)")
        }
    }

    /// The number that functions of numbers take it for, a text's too.
    func asNumber() throws(TemplateError) -> Double {
        switch self {
        case .number(let value): return value
        case .integer(let value): return Double(value)
        case .string(let text):
            let plain = text.hasPrefix("+") ? String(text.dropFirst()) : text
            if let value = Double(plain) { return value }
            throw TemplateError(
                "strconv.ParseFloat: parsing \(QuotedText.quoted(text)): "
                    + "invalid syntax")
        default: throw TemplateError("can't convert \(typeName) to float")
        }
    }

    func asText() throws(TemplateError) -> String {
        if case .string(let text) = self { return text }
        throw TemplateError("expected string; found \(text)")
    }
}

/// What a template of an alert is expanded with.
public struct TemplateData: Sendable {
    /// Of the series that the expression found.
    public let labels: Labels
    public let value: Double
    public let externalLabels: Labels
    public let externalURL: String
    /// Milliseconds since 1970 of the evaluation.
    public let time: Int64
    /// Answers a query at a time; for `query`.
    public let ask: @Sendable (String, Int64) throws -> [(labels: Labels, value: Double)]

    public init(
        labels: Labels, value: Double, externalLabels: Labels = .empty, externalURL: String = "",
        time: Int64,
        ask: @escaping @Sendable (String, Int64) throws -> [(labels: Labels, value: Double)]
    ) {
        self.labels = labels
        self.value = value
        self.externalLabels = externalLabels
        self.externalURL = externalURL
        self.time = time
        self.ask = ask
    }
}

internal import Bytes
internal import Metrics
internal import SeriesStore

/// The functions that templates may call: Go's own and Prometheus's.
enum TemplateFunction: String, Sendable {
    // Go's.
    case and, or, not, eq, ne, lt, le, gt, ge, len, index, slice, print, printf, println, html, js
    case urlquery
    // Prometheus's.
    case query, first, label, value, strvalue, sortByLabel, args, safeHtml, match, title, toUpper
    case toLower, graphLink, tableLink, stripPort, stripDomain, humanize, humanize1024
    case humanizeDuration, humanizePercentage, humanizeTimestamp, toTime, toDuration, now
    /// Expands a template of the text; what is expanded with it is known to `TemplateExpansion`.
    case tmpl
    case parseDuration, pathPrefix, externalURL, reReplaceAll, urlQueryEscape

    /// How many arguments it takes.
    private var count: ClosedRange<Int> {
        switch self {
        case .now, .pathPrefix, .externalURL: 0...0
        case .and, .or, .index: 1...100
        case .eq: 2...100
        case .ne, .lt, .le, .gt, .ge, .label, .sortByLabel, .match: 2...2
        case .slice: 1...3
        case .reReplaceAll: 3...3
        case .print, .println, .html, .js, .urlquery, .args: 0...100
        case .printf: 1...100
        default: 1...1
        }
    }

    /// The value of a call.
    ///
    /// - Parameter data: what the template is expanded with.
    func call(
        _ arguments: [TemplateValue], _ data: TemplateData
    ) throws(TemplateError) -> TemplateValue {
        guard count.contains(arguments.count) else {
            throw TemplateError(
                "wrong number of args for \(rawValue): want \(count.lowerBound) "
                    + "got \(arguments.count)")
        }
        do throws(TemplateError) {
            switch self {
            case .and: return arguments.first { !$0.isTrue } ?? arguments[arguments.count - 1]
            case .or: return arguments.first { $0.isTrue } ?? arguments[arguments.count - 1]
            case .not: return .bool(!arguments[0].isTrue)
            case .eq, .ne, .lt, .le, .gt, .ge: return .bool(try isTrue(arguments))
            case .len, .index, .slice: return try ofParts(arguments)
            case .print, .printf, .println, .html, .js, .urlquery:
                return .string(try text(of: arguments))
            case .query, .first, .label, .value, .strvalue, .sortByLabel, .args:
                return try ofSamples(arguments, data)
            case .toTime, .toDuration, .now, .parseDuration, .humanizeTimestamp,
                .humanizeDuration, .humanize, .humanize1024, .humanizePercentage:
                return try ofNumbers(arguments, data)
            default: return try ofTexts(arguments, data)
            }
        } catch {
            throw TemplateError("error calling \(rawValue): \(error)")
        }
    }

    // MARK: - Comparisons

    private func isTrue(_ arguments: [TemplateValue]) throws(TemplateError) -> Bool {
        switch self {
        case .eq:
            for other in arguments.dropFirst()
            where try TemplateFunction.areEqual(
                arguments[0], other)
            {
                return true
            }
            return false
        case .ne: return try !TemplateFunction.areEqual(arguments[0], arguments[1])
        case .lt: return try TemplateFunction.isLess(arguments[0], arguments[1])
        case .ge: return try !TemplateFunction.isLess(arguments[0], arguments[1])
        case .gt: return try TemplateFunction.isLess(arguments[1], arguments[0])
        default: return try !TemplateFunction.isLess(arguments[1], arguments[0])
        }
    }

    private static var incompatible: TemplateError {
        TemplateError("incompatible types for comparison")
    }

    private static func areEqual(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.bool(let x), .bool(let y)): return x == y
        case (.integer(let x), .integer(let y)): return x == y
        case (.number(let x), .number(let y)): return x == y
        case (.string(let x), .string(let y)): return x == y
        default: throw incompatible
        }
    }

    private static func isLess(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.integer(let x), .integer(let y)): return x < y
        case (.number(let x), .number(let y)): return x < y
        case (.string(let x), .string(let y)): return x.utf8.lexicographicallyPrecedes(y.utf8)
        default: throw incompatible
        }
    }

    // MARK: - Parts

    private func ofParts(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        switch (self, arguments[0]) {
        case (.len, .string(let text)): return .integer(Int64(text.utf8.count))
        case (.len, .list(let values)): return .integer(Int64(values.count))
        case (.len, .labels(let labels)): return .integer(Int64(labels.count))
        case (.len, let other): throw TemplateError("len of type \(other.typeName)")
        case (.index, let first):
            var value = first
            for key in arguments.dropFirst() { value = try TemplateFunction.part(value, key) }
            return value
        case (_, .string(let text)):
            let bytes = Array(text.utf8)
            var bounds = [0, bytes.count]
            for (place, argument) in arguments.dropFirst().enumerated() {
                guard case .integer(let bound) = argument, 0...Int64(bytes.count) ~= bound else {
                    throw TemplateError("index out of range: \(argument.text)")
                }
                bounds[place] = Int(bound)
            }
            guard bounds[0] <= bounds[1] else { throw TemplateError("invalid slice index") }
            return .string(String(decoding: bytes[bounds[0]..<bounds[1]], as: UTF8.self))
        case (_, let other): throw TemplateError("can't slice item of type \(other.typeName)")
        }
    }

    private static func part(
        _ value: TemplateValue, _ key: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        func place(_ count: Int) throws(TemplateError) -> Int {
            guard case .integer(let place) = key, place >= 0, place < Int64(count) else {
                throw TemplateError("index out of range: \(key.text)")
            }
            return Int(place)
        }
        switch value {
        case .string(let text):
            let bytes = Array(text.utf8)
            return .integer(Int64(bytes[try place(bytes.count)]))
        case .list(let values): return values[try place(values.count)]
        case .labels, .named: return try value.field(try key.asText())
        default: throw TemplateError("can't index item of type \(value.typeName)")
        }
    }

    // MARK: - Texts

    private func text(of arguments: [TemplateValue]) throws(TemplateError) -> String {
        switch self {
        case .printf: return GoFormat.printf(try arguments[0].asText(), Array(arguments[1...]))
        case .println: return arguments.map(\.text).joined(separator: " ") + "\n"
        default:
            var text = ""
            for (place, argument) in arguments.enumerated() {
                // Go puts a space between two neighbours of which neither is a text.
                if place > 0, !argument.isText, !arguments[place - 1].isText { text += " " }
                text += argument.text
            }
            return switch self {
            case .html: TemplateText.escapedHTML(text)
            case .js: TemplateText.escapedScript(text)
            case .urlquery: TemplateText.escapedQuery(text)
            default: text
            }
        }
    }

    private func ofTexts(
        _ arguments: [TemplateValue], _ data: TemplateData
    ) throws(TemplateError) -> TemplateValue {
        switch self {
        case .externalURL: return .string(data.externalURL)
        case .pathPrefix: return .string(TemplateText.path(ofURL: data.externalURL))
        default: break
        }
        let text = try arguments[0].asText()
        switch self {
        case .match:
            return .bool(try expression(text).matches(try arguments[1].asText()))
        case .reReplaceAll:
            let expression = try expression(text)
            let template = ReplacementTemplate(try arguments[1].asText())
            return .string(
                expression.replacingMatches(in: try arguments[2].asText()) { groups in
                    template.text(groups) { expression.groupIndex(named: $0) }
                })
        case .safeHtml: return .string(text)
        case .title: return .string(TemplateText.titled(text))
        case .toUpper: return .string(text.uppercased())
        case .toLower: return .string(text.lowercased())
        case .stripPort: return .string(TemplateText.withoutPort(text))
        case .stripDomain: return .string(TemplateText.withoutDomain(text))
        case .graphLink, .tableLink:
            let tab = self == .graphLink ? 0 : 1
            return .string(
                "/graph?g0.expr=\(TemplateText.escapedQuery(text))&g0.tab=\(tab)")
        default: return .string(TemplateText.escapedQuery(text))
        }
    }

    private func expression(_ pattern: String) throws(TemplateError) -> RegularExpression {
        do {
            return try RegularExpression(pattern)
        } catch {
            throw TemplateError("error parsing regexp: \(error.reason)")
        }
    }

    // MARK: - Samples

    private func ofSamples(
        _ arguments: [TemplateValue], _ data: TemplateData
    ) throws(TemplateError) -> TemplateValue {
        switch self {
        case .args:
            let named = arguments.enumerated().map { ("arg\($0.offset)", $0.element) }
            return .named(Dictionary(uniqueKeysWithValues: named))
        case .query:
            do {
                return .list(
                    try data.ask(try arguments[0].asText(), data.time)
                        .map { .sample($0.labels, $0.value) })
            } catch {
                throw TemplateError("\(error)")
            }
        case .first:
            guard case .list(let values) = arguments[0], let first = values.first else {
                throw TemplateError("first() called on vector with no elements")
            }
            return first
        case .label:
            guard case .sample(let labels, _) = arguments[1] else { throw noSample(arguments[1]) }
            return .string(labels[try arguments[0].asText()])
        case .value:
            guard case .sample(_, let value) = arguments[0] else { throw noSample(arguments[0]) }
            return .number(value)
        case .strvalue:
            guard case .sample(let labels, _) = arguments[0] else { throw noSample(arguments[0]) }
            return .string(labels["__value__"])
        default:
            let name = try arguments[0].asText()
            guard case .list(let values) = arguments[1] else { throw noSample(arguments[1]) }
            func key(_ value: TemplateValue) -> String {
                if case .sample(let labels, _) = value { labels[name] } else { "" }
            }
            return .list(
                values.sorted { key($0).utf8.lexicographicallyPrecedes(key($1).utf8) })
        }
    }

    private func noSample(_ value: TemplateValue) -> TemplateError {
        TemplateError("wrong type for value; expected *template.sample; got \(value.typeName)")
    }

    // MARK: - Numbers

    private func ofNumbers(
        _ arguments: [TemplateValue], _ data: TemplateData
    ) throws(TemplateError) -> TemplateValue {
        switch self {
        case .now: return .number(Double(data.time) / 1000)
        case .parseDuration:
            let text = try arguments[0].asText()
            guard let milliseconds = DurationText.milliseconds(text) else {
                throw TemplateError("not a valid duration string: \(QuotedText.quoted(text))")
            }
            return .number(Double(milliseconds) / 1000)
        default: break
        }
        let value = try arguments[0].asNumber()
        return switch self {
        case .humanize: .string(Humanized.number(value))
        case .humanize1024: .string(Humanized.binary(value))
        case .humanizeDuration: .string(Humanized.duration(value))
        case .humanizePercentage: .string(Humanized.significant(value * 100) + "%")
        case .toDuration: .string(Humanized.goDuration(value))
        default: .string(Humanized.time(value))
        }
    }
}

extension TemplateValue {
    fileprivate var isText: Bool {
        if case .string = self { true } else { false }
    }
}

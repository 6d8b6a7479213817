import SeriesStore

@testable import Metrics

/// A value in a script: nothing, a number or a histogram.
enum ScriptValue {
    case omitted
    case number(Double)
    /// Whether the script says what is known of resets.
    case histogram(NativeHistogram, tellsReset: Bool)
}

/// Something in a script that is not understood.
struct ScriptError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Reads `metric{label="value"} 1 2+3x4 _ stale {{schema:1 count:2}}`, Prometheus's notation for series.
struct ScriptSeriesReader {
    private var rest: Substring

    static func read(_ line: String) throws -> (labels: Labels, values: [ScriptValue]) {
        var reader = ScriptSeriesReader(rest: Substring(line))
        let labels = try reader.labels()
        return (labels, try reader.values())
    }

    private init(rest: Substring) { self.rest = rest }

    // MARK: - Labels

    private mutating func labels() throws -> Labels {
        var labels: [Label] = []
        let name = rest.prefix { $0 != "{" && !$0.isWhitespace }
        rest = rest[name.endIndex...]
        if !name.isEmpty { labels.append(Label(Labels.metricName, String(name))) }
        guard rest.first == "{", !rest.hasPrefix("{{") else { return Labels(labels) }
        rest = rest.dropFirst()
        while true {
            skipSpace()
            if rest.first == "}" { break }
            let isQuoted = rest.first == "\"" || rest.first == "'"
            let label = isQuoted ? try quoted() : String(word())
            skipSpace()
            if rest.first == "=" {
                rest = rest.dropFirst()
                skipSpace()
                labels.append(Label(label, try quoted()))
            } else {
                labels.append(Label(Labels.metricName, label))
            }
            skipSpace()
            if rest.first == "," { rest = rest.dropFirst() }
            if rest.isEmpty { throw ScriptError("labels without an end") }
        }
        rest = rest.dropFirst()
        return Labels(labels)
    }

    private mutating func skipSpace() { rest = rest.drop { $0.isWhitespace } }

    private mutating func word() -> Substring {
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest[word.endIndex...]
        return word
    }

    private mutating func quoted() throws -> String {
        guard let quote = rest.first, "\"'`".contains(quote) else {
            throw ScriptError("no text at \(rest)")
        }
        var end = rest.index(after: rest.startIndex)
        while end < rest.endIndex, rest[end] != quote {
            if rest[end] == "\\" && quote != "`" { end = rest.index(after: end) }
            end = rest.index(after: end)
        }
        guard end < rest.endIndex, let text = QuotedText.unquoted(String(rest[...end])) else {
            throw ScriptError("a text is wrong at \(rest)")
        }
        rest = rest[rest.index(after: end)...]
        return text
    }

    // MARK: - Values

    private mutating func values() throws -> [ScriptValue] {
        var values: [ScriptValue] = []
        while true {
            skipSpace()
            if rest.isEmpty { return values }
            if rest.hasPrefix("{{") {
                values += try histograms()
            } else {
                let item = rest.prefix { !$0.isWhitespace }
                rest = rest[item.endIndex...]
                values += try ScriptSeriesReader.numbers(String(item))
            }
        }
    }

    private static func numbers(_ item: String) throws -> [ScriptValue] {
        let number = "(?:[0-9]+\\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\\.[0-9]+|(?i:inf|nan)|stale)"
        let pattern = try Regex("([-+]?\(number)|_)(?:([-+])(\(number)))?(?:x([0-9]+))?")
        guard let match = try pattern.wholeMatch(in: item) else {
            throw ScriptError("no value: \(item)")
        }
        let parts = (0..<5).map { match[$0].substring.map(String.init) }
        let times = parts[4].flatMap { Int($0) }
        if parts[1] == "_" { return Array(repeating: .omitted, count: times ?? 1) }
        var value = try self.number(parts[1] ?? "")
        guard let times else {
            // A step without a count is a number with a sign behind another: not of this notation.
            return [.number(value)]
        }
        let step = try parts[3].map { try self.number($0) } ?? 0
        var values: [ScriptValue] = []
        for _ in 0...times {
            values.append(.number(value))
            if parts[3] != nil { value += parts[2] == "-" ? -step : step }
        }
        return values
    }

    static func number(_ text: String) throws -> Double {
        if text == "stale" { return StaleMarker.value }
        let sign = text.hasPrefix("-") ? -1.0 : 1
        let plain = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.dropFirst()) : text
        guard let value = LiteralScanner.number(plain) else {
            throw ScriptError("no number: \(text)")
        }
        return sign * value
    }

    // MARK: - Histograms

    private mutating func histograms() throws -> [ScriptValue] {
        let (first, tellsReset) = try histogram()
        func value(_ histogram: Histogram) -> ScriptValue {
            .histogram(histogram.stored, tellsReset: tellsReset)
        }
        let tail = rest.prefix { !$0.isWhitespace }
        if tail.isEmpty { return [value(first)] }
        if tail.first == "x" {
            rest = rest[tail.endIndex...]
            let times = Int(tail.dropFirst()) ?? 0
            return Array(repeating: value(first), count: times + 1)
        }
        let isAdded = tail.first == "+"
        rest = rest.dropFirst()
        let (step, _) = try histogram()
        let count = rest.prefix { !$0.isWhitespace }
        rest = rest[count.endIndex...]
        guard let times = Int(count.dropFirst()) else { throw ScriptError("no count: \(count)") }
        var values = [value(first)]
        var current = first
        for _ in 0..<times {
            _ = try isAdded ? current.add(step) : current.subtract(step)
            values.append(value(current))
        }
        return values
    }

    private mutating func histogram() throws -> (Histogram, tellsReset: Bool) {
        guard rest.hasPrefix("{{"), let end = rest.firstRange(of: "}}") else {
            throw ScriptError("no histogram at \(rest)")
        }
        let text = rest[rest.index(rest.startIndex, offsetBy: 2)..<end.lowerBound]
        rest = rest[end.upperBound...]
        var fields: [String: String] = [:]
        for match in text.matches(of: /([a-z_]+):(\[[^\]]*\]|[^\s]+)/) {
            fields[String(match.1)] = String(match.2)
        }
        func number(_ name: String) throws -> Double {
            try fields[name].map { try ScriptSeriesReader.number($0) } ?? 0
        }
        func list(_ name: String) throws -> [Double] {
            let items = fields[name]?.dropFirst().dropLast().split(separator: " ") ?? []
            return try items.map { try ScriptSeriesReader.number(String($0)) }
        }
        func spans(_ counts: [Double], _ offset: Double) -> [NativeHistogram.Span] {
            counts.isEmpty
                ? [] : [NativeHistogram.Span(offset: Int32(offset), length: UInt32(counts.count))]
        }
        let hints: [String: NativeHistogram.CounterReset] = [
            "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
        ]
        let (positive, negative) = try (list("buckets"), list("n_buckets"))
        let hint = fields["counter_reset_hint"]
        let stored = NativeHistogram(
            counterReset: hint.flatMap { hints[$0] } ?? .unknown,
            schema: Int32(try number("schema")), zeroThreshold: try number("z_bucket_w"),
            zeroCount: try number("z_bucket"), count: try number("count"), sum: try number("sum"),
            positiveSpans: spans(positive, try number("offset")), positiveBuckets: positive,
            negativeSpans: spans(negative, try number("n_offset")), negativeBuckets: negative,
            customBounds: try list("custom_values"))
        return (Histogram(stored), hint != nil)
    }
}

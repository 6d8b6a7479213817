public import SeriesStore

/// Prometheus's notation of series in tests: `metric{label="value"} 1 2+3x4 _ stale {{schema:1 count:2}}`.
public struct SeriesNotation {
    /// What stands at one step.
    public enum Value: Sendable {
        case omitted
        case number(Double)
        /// Whether the text says what is known of resets.
        case histogram(NativeHistogram, tellsReset: Bool)
    }

    /// Text that is none of this notation.
    public struct Flaw: Error, Sendable, CustomStringConvertible {
        public let description: String

        init(_ description: String) { self.description = description }
    }

    private var rest: Substring
    private var count = 0

    private init(_ text: String) { rest = Substring(text) }

    /// Reads a series with its values.
    public static func series(
        _ text: String
    ) throws(Flaw) -> (labels: Labels, values: [Value]) {
        var reader = SeriesNotation(text)
        let labels = try reader.labels()
        return (labels, try reader.values())
    }

    /// Reads labels alone; no text is no labels.
    public static func labels(_ text: String) throws(Flaw) -> Labels {
        var reader = SeriesNotation(text)
        reader.skipSpace()
        let labels = try reader.labels()
        reader.skipSpace()
        if !reader.rest.isEmpty { throw Flaw("unexpected text behind labels: \(reader.rest)") }
        return labels
    }

    /// Reads values alone.
    public static func values(_ text: String) throws(Flaw) -> [Value] {
        var reader = SeriesNotation(text)
        return try reader.values()
    }

    // MARK: - Labels

    private mutating func labels() throws(Flaw) -> Labels {
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
                guard isQuoted else { throw Flaw("a label has no value at \(rest)") }
                labels.append(Label(Labels.metricName, label))
            }
            skipSpace()
            if rest.first == "," { rest = rest.dropFirst() }
            if rest.isEmpty { throw Flaw("labels without an end") }
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

    private mutating func quoted() throws(Flaw) -> String {
        guard let quote = rest.first, "\"'`".contains(quote) else {
            throw Flaw("no text at \(rest)")
        }
        var end = rest.index(after: rest.startIndex)
        while end < rest.endIndex, rest[end] != quote {
            if rest[end] == "\\" && quote != "`" { end = rest.index(after: end) }
            if end < rest.endIndex { end = rest.index(after: end) }
        }
        guard end < rest.endIndex, let text = QuotedText.unquoted(String(rest[...end])) else {
            throw Flaw("a text is wrong at \(rest)")
        }
        rest = rest[rest.index(after: end)...]
        return text
    }

    // MARK: - Values

    private mutating func values() throws(Flaw) -> [Value] {
        var values: [Value] = []
        while true {
            skipSpace()
            if rest.isEmpty { return values }
            if rest.hasPrefix("{{") {
                values += try histograms()
            } else {
                values += try numbers()
            }
        }
    }

    /// One item: `1`, `_x3`, `1+2x3`.
    private mutating func numbers() throws(Flaw) -> [Value] {
        let item = rest.prefix { !$0.isWhitespace }
        rest = rest[item.endIndex...]
        guard item.first != "_" else {
            let times = item.dropFirst()
            if times.isEmpty { return [.omitted] }
            return Array(repeating: .omitted, count: try repetitions(times, of: item))
        }
        var tail = item
        let first = SeriesNotation.numberText(&tail)
        let sign = tail.first
        let hasStep = sign == "+" || sign == "-"
        if hasStep { tail = tail.dropFirst() }
        let step = hasStep ? SeriesNotation.numberText(&tail) : "0"
        var value = try SeriesNotation.number(String(first))
        let added = try SeriesNotation.number(String(step))
        if tail.isEmpty && !hasStep { return [.number(value)] }
        let times = try repetitions(tail, of: item)
        var values: [Value] = []
        values.reserveCapacity(times + 1)
        for _ in 0...times {
            values.append(.number(value))
            if hasStep { value += sign == "-" ? -added : added }
        }
        return values
    }

    /// The number of `x5`.
    private mutating func repetitions(
        _ text: Substring, of item: Substring
    ) throws(Flaw) -> Int {
        guard text.first == "x", let times = Int(text.dropFirst()), times >= 0 else {
            throw Flaw("no value: \(item)")
        }
        count += times
        guard count <= MetricsLimits.notedValues else {
            throw Flaw("more than \(MetricsLimits.notedValues) values")
        }
        return times
    }

    /// The longest part that may be a decimal number, up to an `x`; a sign stands at its start or behind an exponent.
    private static func numberText(_ text: inout Substring) -> Substring {
        var end = text.startIndex
        var before: Character?
        while end < text.endIndex {
            let character = text[end]
            let isSign = character == "+" || character == "-"
            let isExponent = before.map { "eE".contains($0) } ?? false
            let digitsBefore = text[..<end].dropLast().last?.isNumber ?? false
            if isSign && !(end == text.startIndex || isExponent && digitsBefore) { break }
            if character == "x" { break }
            before = character
            end = text.index(after: end)
        }
        defer { text = text[end...] }
        return text[..<end]
    }

    /// A number with its sign, or `stale`.
    public static func number(_ text: String) throws(Flaw) -> Double {
        if text == "stale" { return StaleMarker.value }
        let sign = text.hasPrefix("-") ? -1.0 : 1
        let plain = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.dropFirst()) : text
        guard let value = LiteralScanner.number(plain) else { throw Flaw("no number: \(text)") }
        return sign * value
    }
}

// MARK: - Histograms

extension SeriesNotation {
    private mutating func histograms() throws(Flaw) -> [Value] {
        let (first, tellsReset) = try histogram()
        func value(_ histogram: Histogram) -> Value {
            .histogram(histogram.stored, tellsReset: tellsReset)
        }
        let tail = rest.prefix { !$0.isWhitespace }
        if tail.isEmpty { return [value(first)] }
        if tail.first == "x" {
            rest = rest[tail.endIndex...]
            return Array(repeating: value(first), count: try repetitions(tail, of: tail) + 1)
        }
        let isAdded = tail.first == "+"
        rest = rest.dropFirst()
        let (step, _) = try histogram()
        let times = rest.prefix { !$0.isWhitespace }
        rest = rest[times.endIndex...]
        var values = [value(first)]
        var current = first
        for _ in 0..<(try repetitions(times, of: times)) {
            do {
                _ = try isAdded ? current.add(step) : current.subtract(step)
            } catch {
                throw Flaw("\(error)")
            }
            values.append(value(current))
        }
        return values
    }

    private mutating func histogram() throws(Flaw) -> (Histogram, tellsReset: Bool) {
        guard rest.hasPrefix("{{"), let end = rest.firstRange(of: "}}") else {
            throw Flaw("no histogram at \(rest)")
        }
        let text = rest[rest.index(rest.startIndex, offsetBy: 2)..<end.lowerBound]
        rest = rest[end.upperBound...]
        let fields = try SeriesNotation.fields(text)
        func number(_ name: String) throws(Flaw) -> Double {
            guard let text = fields[name] else { return 0 }
            return try SeriesNotation.number(text)
        }
        func list(_ name: String) throws(Flaw) -> [Double] {
            var numbers: [Double] = []
            for item in fields[name]?.dropFirst().dropLast().split(separator: " ") ?? [] {
                numbers.append(try SeriesNotation.number(String(item)))
            }
            return numbers
        }
        func spans(
            _ counts: [Double], _ offset: Double
        ) throws(Flaw) -> [NativeHistogram.Span] {
            guard let offset = Int32(exactly: offset) else { throw Flaw("no offset: \(offset)") }
            return counts.isEmpty
                ? [] : [NativeHistogram.Span(offset: offset, length: UInt32(counts.count))]
        }
        let hints: [String: NativeHistogram.CounterReset] = [
            "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
        ]
        let (positive, negative) = (try list("buckets"), try list("n_buckets"))
        let hint = fields["counter_reset_hint"]
        let schema = try number("schema")
        guard let schema = Int32(exactly: schema) else { throw Flaw("no schema: \(schema)") }
        let stored = NativeHistogram(
            counterReset: hint.flatMap { hints[$0] } ?? .unknown,
            schema: schema, zeroThreshold: try number("z_bucket_w"),
            zeroCount: try number("z_bucket"), count: try number("count"), sum: try number("sum"),
            positiveSpans: try spans(positive, try number("offset")), positiveBuckets: positive,
            negativeSpans: try spans(negative, try number("n_offset")), negativeBuckets: negative,
            customBounds: try list("custom_values"))
        if let flaw = stored.flaw { throw Flaw(flaw) }
        return (Histogram(stored), hint != nil)
    }

    /// The members of `name:value other:[1 2]`.
    private static func fields(_ text: Substring) throws(Flaw) -> [String: String] {
        var fields: [String: String] = [:]
        var rest = text.drop { $0.isWhitespace }
        while !rest.isEmpty {
            guard let colon = rest.firstIndex(of: ":") else { throw Flaw("no member: \(rest)") }
            let name = rest[..<colon]
            rest = rest[rest.index(after: colon)...]
            let isList = rest.first == "["
            var value = rest.prefix { isList ? $0 != "]" : !$0.isWhitespace }
            if isList {
                guard value.endIndex < rest.endIndex else { throw Flaw("a list without an end") }
                value = rest[...value.endIndex]
            }
            rest = rest[value.endIndex...].drop { $0.isWhitespace }
            fields[String(name)] = String(value)
        }
        return fields
    }
}

internal import CKernels

/// One name with its value.
public struct Label: Hashable, Sendable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What a series is called: names with values, ascending by the bytes of the names, each name once.
///
/// A label without a value is no label, as in Prometheus. Two are equal when their bytes are; the hash
/// is worked out once. Copies share their storage.
public struct Labels: Sendable {
    /// For each label the length of its name, the name, the length of its value, the value; lengths
    /// are varints, texts UTF-8.
    let bytes: [UInt8]
    private let hash: UInt64

    public static let empty = Labels(sortedBytes: [])
    /// The label that holds the name of the metric.
    public static let metricName = "__name__"

    /// Takes labels in any order; of a name given twice the last value counts.
    public init(_ labels: some Sequence<Label>) {
        var list = labels.enumerated().map { ($0.offset, $0.element) }
        list.sort { left, right in
            switch Labels.order(left.1.name, right.1.name) {
            case .less: true
            case .greater: false
            case .equal: left.0 < right.0
            }
        }
        var writer = LabelWriter()
        for (place, (_, label)) in list.enumerated() where !label.value.isEmpty {
            if place + 1 < list.count, list[place + 1].1.name.utf8.elementsEqual(label.name.utf8) {
                continue
            }
            writer.append(label.name, label.value)
        }
        self.init(sortedBytes: writer.bytes)
    }

    /// Takes bytes that are labels already, in order.
    init(sortedBytes: [UInt8]) {
        bytes = sortedBytes
        hash = sortedBytes.withUnsafeBufferPointer { text in
            text.baseAddress.map { wf_hash($0, text.count, 0) } ?? 0
        }
    }

    /// Where a table of labels begins to look.
    var slot: Int { Int(truncatingIfNeeded: hash) }

    /// The number of labels; O(labels).
    public var count: Int {
        var spans = LabelSpans(bytes)
        var count = 0
        while spans.next() != nil { count += 1 }
        return count
    }

    public var isEmpty: Bool { bytes.isEmpty }

    /// What keeps a series of these labels from being stored, nil when nothing does.
    public var flaw: String? {
        var spans = LabelSpans(bytes)
        var count = 0
        while let span = spans.next() {
            count += 1
            if span.name.isEmpty { return "a label has a name" }
            if span.name.count > SeriesLimits.labelNameBytes {
                return "a label's name has at most \(SeriesLimits.labelNameBytes) bytes"
            }
            if span.value.count > SeriesLimits.labelValueBytes {
                return "a label's value has at most \(SeriesLimits.labelValueBytes) bytes"
            }
        }
        let limit = SeriesLimits.labelsPerSeries
        return count > limit ? "a series has at most \(limit) labels" : nil
    }

    /// The value of a name, empty when there is no such label.
    public subscript(name: String) -> String {
        var name = name
        return name.withUTF8 { wanted in
            var spans = LabelSpans(bytes)
            while let span = spans.next() {
                if Labels.isEqual(bytes, span.name, wanted) {
                    return String(decoding: bytes[span.value], as: UTF8.self)
                }
            }
            return ""
        }
    }

    /// The value of `__name__`, empty when there is none.
    public var metricName: String { self[Labels.metricName] }

    static func isEqual(
        _ bytes: [UInt8], _ range: Range<Int>, _ other: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard range.count == other.count else { return false }
        return bytes.withUnsafeBufferPointer { mine in
            guard let mine = mine.baseAddress, let other = other.baseAddress else { return true }
            return wf_equal(mine + range.lowerBound, other, range.count)
        }
    }
}

// MARK: - Changing

extension Labels {
    /// The same labels with a name set to a value; an empty value takes the label away.
    public func setting(_ name: String, to value: String) -> Labels {
        Labels(Array(self) + [Label(name, value)])
    }

    /// The labels whose names are not among `names`.
    public func removing(_ names: some Collection<String>) -> Labels {
        filtered(names, keepsNamed: false)
    }

    /// The labels whose names are among `names`.
    public func keeping(_ names: some Collection<String>) -> Labels {
        filtered(names, keepsNamed: true)
    }

    private func filtered(_ names: some Collection<String>, keepsNamed: Bool) -> Labels {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var spans = LabelSpans(bytes)
        while let span = spans.next() {
            let isNamed = names.contains { name in
                var name = name
                return name.withUTF8 { Labels.isEqual(bytes, span.name, $0) }
            }
            if isNamed == keepsNamed { kept += bytes[span.whole] }
        }
        return Labels(sortedBytes: kept)
    }
}

// MARK: - Order and text

extension Labels: Hashable, Comparable {
    public static func == (left: Labels, right: Labels) -> Bool {
        left.hash == right.hash && left.bytes == right.bytes
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

    /// Label by label, names before values, by their bytes; fewer labels come first.
    public static func < (left: Labels, right: Labels) -> Bool {
        var (mine, others) = (LabelSpans(left.bytes), LabelSpans(right.bytes))
        while let span = mine.next() {
            guard let other = others.next() else { return false }
            for (range, otherRange) in [(span.name, other.name), (span.value, other.value)] {
                let (text, otherText) = (left.bytes[range], right.bytes[otherRange])
                if text != otherText { return text.lexicographicallyPrecedes(otherText) }
            }
        }
        return others.next() != nil
    }

    enum Order { case less, equal, greater }

    /// How two texts stand to each other by their UTF-8 bytes.
    static func order(_ left: String, _ right: String) -> Order {
        if left.utf8.elementsEqual(right.utf8) { return .equal }
        return left.utf8.lexicographicallyPrecedes(right.utf8) ? .less : .greater
    }
}

extension Labels: Sequence {
    public struct Iterator: IteratorProtocol {
        private let bytes: [UInt8]
        private var spans: LabelSpans

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            spans = LabelSpans(bytes)
        }

        public mutating func next() -> Label? {
            guard let span = spans.next() else { return nil }
            return Label(
                String(decoding: bytes[span.name], as: UTF8.self),
                String(decoding: bytes[span.value], as: UTF8.self))
        }
    }

    public func makeIterator() -> Iterator { Iterator(bytes) }

    public var underestimatedCount: Int { 0 }
}

extension Labels: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { Label($0.0, $0.1) })
    }
}

extension Labels: CustomStringConvertible {
    /// As Prometheus writes a series: `up{job="a"}`, `{job="a"}`, `{}`.
    public var description: String {
        let name = metricName
        let others = filter { $0.name != Labels.metricName }
            .map { "\($0.name)=\(Labels.quoted($0.value))" }
        if others.isEmpty && !name.isEmpty { return name }
        return name + "{" + others.joined(separator: ", ") + "}"
    }

    /// A text in double quotes, with what would end it or the line escaped.
    public static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result + "\""
    }
}

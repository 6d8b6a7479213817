/// Reads Prometheus's text format 0.0.4: `name{label="value"} 47.3`, a sample a line.
///
/// Comments are skipped but for `# HELP` and `# TYPE`. Samples have no time of their own: whoever sends some means
/// now, as with a Pushgateway.
public struct ExpositionReader: Sendable {
    public struct Sample: Sendable, Equatable {
        public let name: String
        /// In the order they were written, each name once.
        public let labels: [(name: String, value: String)]
        public let value: Double

        public static func == (left: Sample, right: Sample) -> Bool {
            left.name == right.name && left.value.bitPattern == right.value.bitPattern
                && left.labels.elementsEqual(right.labels, by: ==)
        }
    }

    /// A line that is no sample.
    public struct Fault: Error, Sendable, CustomStringConvertible {
        /// From 1.
        public let line: Int
        public let message: String

        public var description: String { "line \(line): \(message)" }
    }

    public private(set) var samples: [Sample] = []
    /// What `# HELP` says, by the metric's name.
    public private(set) var help: [String: String] = [:]

    /// What `# TYPE` says, by the metric's name.
    private var types: [String: String] = [:]

    private var line = 0

    /// A text without samples.
    public static let nothing = ExpositionReader()

    private init() {}

    /// Reads a whole text.
    public init(_ text: String) throws(Fault) {
        for part in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        {
            line += 1
            var rest = part
            ExpositionReader.skipSpaces(&rest)
            if rest.isEmpty { continue }
            if rest.first == UInt8(ascii: "#") {
                readComment(rest.dropFirst())
                continue
            }
            guard samples.count < IngestLimits.expositionSamples else {
                throw fault("more than \(IngestLimits.expositionSamples) samples")
            }
            samples.append(try readSample(&rest))
        }
    }

    private func fault(_ message: String) -> Fault { Fault(line: line, message: message) }

    private static func skipSpaces(_ text: inout Substring.UTF8View) {
        text = text.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    }

    private mutating func readComment(_ text: Substring.UTF8View) {
        let words = text.split(separator: 0x20, maxSplits: 2)
        guard words.count == 3 else { return }
        let (name, rest) = (String(Substring(words[1])), String(Substring(words[2])))
        if words[0].elementsEqual("HELP".utf8) {
            help[name] = ExpositionReader.unescaped(rest)
        }
        if words[0].elementsEqual("TYPE".utf8) { types[name] = rest.filter { $0 > " " } }
    }

    /// What the text says a sample's metric is: `counter`, `gauge`, `histogram` or `summary`; nil where
    /// it says nothing of it.
    public func type(ofSample name: String) -> String? {
        if let type = types[name] { return ExpositionReader.known.contains(type) ? type : nil }
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let type = types[String(name.dropLast(suffix.count))] ?? ""
            if type == "histogram" || type == "summary" && suffix != "_bucket" { return type }
        }
        return nil
    }

    /// What the text says of a sample's metric; nil where it says nothing.
    public func help(ofSample name: String) -> String? {
        if let text = help[name] { return text }
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let family = String(name.dropLast(suffix.count))
            if types[family] == type(ofSample: name), let text = help[family] { return text }
        }
        return nil
    }

    private static let known = ["counter", "gauge", "histogram", "summary"]

    /// A text of `# HELP`, in which a backslash and the end of a line are written with one before.
    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return text }
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result.append(character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    private func readSample(_ text: inout Substring.UTF8View) throws(Fault) -> Sample {
        let name = readName(&text, allowsColon: true)
        if name.isEmpty { throw fault("expected the name of a metric") }
        ExpositionReader.skipSpaces(&text)
        var labels: [(name: String, value: String)] = []
        if text.first == UInt8(ascii: "{") {
            text = text.dropFirst()
            labels = try readLabels(&text)
        }
        ExpositionReader.skipSpaces(&text)
        let number = text.prefix { $0 > 0x20 }
        text = text.dropFirst(number.count)
        guard let value = ExpositionReader.number(String(Substring(number))) else {
            throw fault("expected a number, found '\(Substring(number))'")
        }
        ExpositionReader.skipSpaces(&text)
        if !text.isEmpty { throw fault("a pushed sample has no time of its own") }
        return Sample(name: name, labels: labels, value: value)
    }

    private func readLabels(
        _ text: inout Substring.UTF8View
    ) throws(Fault) -> [(name: String, value: String)] {
        var labels: [(name: String, value: String)] = []
        while true {
            ExpositionReader.skipSpaces(&text)
            if text.first == UInt8(ascii: "}") {
                text = text.dropFirst()
                return labels
            }
            let name = readName(&text, allowsColon: false)
            ExpositionReader.skipSpaces(&text)
            guard !name.isEmpty, text.first == UInt8(ascii: "=") else {
                throw fault("expected label=\"value\"")
            }
            text = text.dropFirst()
            ExpositionReader.skipSpaces(&text)
            if labels.contains(where: { $0.name == name }) {
                throw fault("the label \(name) is there twice")
            }
            labels.append((name, try readQuoted(&text)))
            ExpositionReader.skipSpaces(&text)
            if text.first == UInt8(ascii: ",") { text = text.dropFirst() }
        }
    }

    private func readName(_ text: inout Substring.UTF8View, allowsColon: Bool) -> String {
        func isLetter(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_")
                || allowsColon && byte == UInt8(ascii: ":")
        }
        guard let first = text.first, isLetter(first) else { return "" }
        let name = text.prefix { isLetter($0) || (0x30...0x39).contains($0) }
        text = text.dropFirst(name.count)
        return String(Substring(name))
    }

    private func readQuoted(_ text: inout Substring.UTF8View) throws(Fault) -> String {
        guard text.first == UInt8(ascii: "\"") else { throw fault("expected a value in quotes") }
        text = text.dropFirst()
        var bytes: [UInt8] = []
        while let byte = text.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                switch text.popFirst() {
                case UInt8(ascii: "n"): bytes.append(0x0A)
                case UInt8(ascii: "\""): bytes.append(0x22)
                case UInt8(ascii: "\\"): bytes.append(0x5C)
                default: throw fault("expected \\n, \\\" or \\\\ in a value")
                }
            default: bytes.append(byte)
            }
        }
        throw fault("a value without its closing quote")
    }

    private static func number(_ text: String) -> Double? {
        switch text.lowercased() {
        case "+inf", "inf": .infinity
        case "-inf": -.infinity
        case "nan": .nan
        default: text.utf8.contains { $0 == 0x78 || $0 == 0x58 } ? nil : Double(text)
        }
    }
}

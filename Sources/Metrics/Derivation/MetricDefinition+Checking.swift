internal import Compute

extension MetricDefinition {
    /// Why a definition cannot be.
    public struct Flaw: Error, Hashable, Sendable, CustomStringConvertible {
        /// The member of the definition that is at fault.
        public let member: String
        public let description: String

        public init(_ member: String, _ description: String) {
            self.member = member
            self.description = description
        }
    }

    /// Throws the first thing that is wrong.
    public func check() throws(Flaw) {
        guard MetricDefinition.isName(name, allowsColon: true) else {
            throw Flaw("name", "'\(name)' is no name of a metric: [a-zA-Z_:][a-zA-Z0-9_:]*")
        }
        try checkLabels()
        try checkKind()
        guard resolution >= 1000, 86_400_000 % resolution == 0 else {
            throw Flaw("resolution", "expected seconds of which a day has a whole number")
        }
        guard (resolution...MetricsLimits.staleAfterMax).contains(staleAfter) else {
            throw Flaw("stale_after", "expected at least the resolution, and at most a year")
        }
        guard (1...MetricsLimits.seriesMax).contains(seriesLimit) else {
            throw Flaw("series_limit", "expected 1 to \(MetricsLimits.seriesMax)")
        }
        try checkDrops()
    }

    private func checkDrops() throws(Flaw) {
        for drop in drops {
            guard (MetricsLimits.dropAgeMin...MetricsLimits.dropAgeMax).contains(drop.after) else {
                throw Flaw("drop_labels", "expected a day to a hundred years")
            }
            for name in drop.labels where !labels.contains(where: { $0.name == name }) {
                throw Flaw("drop_labels", "\(name) is none of the labels")
            }
        }
    }

    private func checkLabels() throws(Flaw) {
        if labels.count > MetricsLimits.labelsPerMetric {
            throw Flaw("labels", "a metric has at most \(MetricsLimits.labelsPerMetric) labels")
        }
        var seen: Set<String> = []
        for label in labels {
            guard MetricDefinition.isName(label.name, allowsColon: false),
                !label.name.hasPrefix("__"), label.name != "le" || kind == .gauge(.last),
                label.name != MetricDefinition.overflowLabel
            else {
                throw Flaw("labels", "'\(label.name)' is no name of a label of one's own")
            }
            guard seen.insert(label.name).inserted else {
                throw Flaw("labels", "the label \(label.name) is there twice")
            }
        }
    }

    private func checkKind() throws(Flaw) {
        if let pushedType {
            guard kind == .gauge(.last), ["counter", "histogram", "summary"].contains(pushedType)
            else {
                throw Flaw(
                    "pushed_type",
                    "expected counter, histogram or summary, of a gauge that reads "
                        + "the last value")
            }
        }
        switch kind {
        case .counter:
            if !name.hasSuffix("_total") {
                throw Flaw("name", "the name of a counter ends in _total, as \(name)_total does")
            }
        case .presence: break
        case .gauge(.concurrency): if value != nil { throw Flaw("value", "spans have no value") }
        case .gauge: if value == nil { throw Flaw("value", "a gauge needs a value") }
        case .distinct: if value == nil { throw Flaw("value", "a distinct count needs a value") }
        case .exponentialHistogram:
            if value == nil { throw Flaw("value", "a histogram needs a value") }
        case .histogram(let bounds):
            if value == nil { throw Flaw("value", "a histogram needs a value") }
            guard (1...MetricsLimits.bucketsPerHistogram).contains(bounds.count),
                bounds.allSatisfy(\.isFinite), zip(bounds, bounds.dropFirst()).allSatisfy(<)
            else {
                throw Flaw(
                    "buckets",
                    "expected 1 to \(MetricsLimits.bucketsPerHistogram) numbers that ascend")
            }
        }
    }

    private static func isName(_ text: String, allowsColon: Bool) -> Bool {
        guard let first = text.utf8.first, isLetter(first, allowsColon) else { return false }
        return text.utf8.allSatisfy { isLetter($0, allowsColon) || (0x30...0x39).contains($0) }
    }

    private static func isLetter(_ byte: UInt8, _ allowsColon: Bool) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_")
            || allowsColon && byte == UInt8(ascii: ":")
    }

    /// The name of a field as that of a label: what no label may have becomes an underscore.
    public static func labelName(ofField name: String) -> String {
        let text = String(
            decoding: name.utf8.map { byte in
                isLetter(byte, false) || (0x30...0x39).contains(byte) ? byte : UInt8(ascii: "_")
            }, as: UTF8.self)
        return text.utf8.first.map { (0x30...0x39).contains($0) } == true ? "_" + text : text
    }
}

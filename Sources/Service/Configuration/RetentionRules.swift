internal import EventStore
internal import Events
internal import SeriesStore

/// How long the events of each dataset are kept, as an operator writes it: `*=30d,shop=7d/20GiB`.
struct RetentionRules: Sendable, Equatable {
    /// By slug; `*` is every dataset that is not named.
    private var policies: [String: RetentionPolicy] = [:]

    /// Everything is kept for ever.
    init() {}

    /// Reads `DATASET=AGE[/BYTES]` with commas between; nil when it is not so.
    init?(_ text: String) {
        for rule in text.split(separator: ",") {
            guard let equals = rule.lastIndex(of: "=") else { return nil }
            let name = rule[..<equals].trimmingSpaces
            let bounds = rule[rule.index(after: equals)...].split(
                separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var policy = RetentionPolicy()
            if let age = bounds.first?.trimmingSpaces, !age.isEmpty {
                guard let nanoseconds = RetentionRules.nanoseconds(age) else { return nil }
                policy.age = nanoseconds
            }
            if bounds.count > 1 {
                guard let bytes = RetentionRules.bytes(bounds[1].trimmingSpaces) else { return nil }
                policy.bytes = bytes
            }
            guard !name.isEmpty, policy.age != nil || policy.bytes != nil else { return nil }
            policies[name == "*" ? "*" : DatasetName.key(String(name))] = policy
        }
    }

    /// The policy of a dataset; nil to keep everything.
    func policy(of dataset: String) -> RetentionPolicy? {
        policies[DatasetName.key(dataset)] ?? policies["*"]
    }

    /// How long each tier of series is kept, in milliseconds; nil when the text is not so.
    static func tiers(_ text: String) -> [Tier: Int64]? {
        var ages: [Tier: Int64] = [:]
        for rule in text.split(separator: ",") {
            let parts = rule.split(separator: "=", maxSplits: 1).map(\.trimmingSpaces)
            guard parts.count == 2, let age = nanoseconds(parts[1]),
                let tier = Tier.allCases.first(where: { $0.name == parts[0] }), ages[tier] == nil
            else { return nil }
            ages[tier] = age / 1_000_000
        }
        return ages
    }

    private static func nanoseconds(_ text: Substring) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
            count > 0
        else { return nil }
        let (seconds, isTooLong) = count.multipliedReportingOverflow(by: unit)
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLong || overflow ? nil : nanoseconds
    }

    private static func bytes(_ text: Substring) -> UInt64? {
        let units: [(suffix: String, shift: UInt64)] = [
            ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("", 0),
        ]
        for (suffix, shift) in units where text.hasSuffix(suffix) {
            guard let count = UInt64(text.dropLast(suffix.count)), count > 0 else { return nil }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
            return overflow ? nil : bytes
        }
        return nil
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return text
    }
}

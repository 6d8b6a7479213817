/// Which names labels and metrics may have.
public enum NameScheme: String, Sendable {
    /// Any text that is not empty, as Prometheus 3 has it.
    case utf8
    /// Letters, digits and `_`, as before.
    case legacy

    func isLabelName(_ name: String) -> Bool {
        if name.isEmpty { return false }
        return self == .utf8 || NameScheme.isWord(name, colons: false)
    }

    func isMetricName(_ name: String) -> Bool {
        if name.isEmpty { return false }
        return self == .utf8 || NameScheme.isWord(name, colons: true)
    }

    private static func isWord(_ name: String, colons: Bool) -> Bool {
        let first = name.utf8.first ?? 0
        return !(48...57 ~= first)
            && name.utf8.allSatisfy { byte in
                48...57 ~= byte || 97...122 ~= byte | 32 || byte == 95 || colons && byte == 58
            }
    }
}

/// Groups of rules, read of a file that Prometheus would take too.
///
/// ```
/// groups:
///   - name: shop
///     interval: 30s
///     rules:
///       - alert: Failing
///         expr: rate(errors_total[5m]) > 1
///         for: 2m
/// ```
///
/// A file may have several documents (`---`), whose groups are one list.
public struct RuleFile: Sendable {
    /// As messages and answers name it.
    public let name: String
    public let groups: [RuleGroup]

    /// Groups that come of something else than a file.
    public init(name: String, groups: [RuleGroup]) {
        self.name = name
        self.groups = groups
    }

    /// Reads a file.
    ///
    /// - Throws: `RuleFileError` with everything that is wrong, each with its place.
    public init(
        _ bytes: [UInt8], name: String, names: NameScheme = .utf8
    ) throws(RuleFileError) {
        let documents: [YAMLNode]
        do throws(YAMLError) {
            documents = try YAMLReader.documents(bytes)
        } catch {
            throw RuleFileError(
                problems: [RuleProblem(.error, name, error.place, error.message)])
        }
        var reader = RuleFileReader(names: names, file: name)
        for document in documents { reader.read(document) }
        if !reader.problems.isEmpty {
            let problems = reader.problems.prefix(AlertingLimits.problems).map {
                RuleProblem(.error, name, $0.place, $0.message)
            }
            throw RuleFileError(
                problems: problems.sorted {
                    ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column)
                })
        }
        self.name = name
        groups = reader.groups
    }
}

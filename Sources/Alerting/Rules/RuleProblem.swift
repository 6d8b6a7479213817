/// Something that is wrong with a file of rules, or that deserves a look.
public struct RuleProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Severity: String, Sendable {
        /// The file is not taken.
        case error
        case warning
    }

    public let severity: Severity
    /// The file's name.
    public let file: String
    public let place: TextPlace
    /// What is wrong, with the group and the rule it is about.
    public let message: String

    public init(
        _ severity: Severity, _ file: String, _ place: TextPlace, _ message: String
    ) {
        self.severity = severity
        self.file = file
        self.place = place
        self.message = message
    }

    /// `file:line:column: error: message`.
    public var description: String { "\(file):\(place): \(severity.rawValue): \(message)" }
}

/// The problems that a file of rules is refused for.
public struct RuleFileError: Error, CustomStringConvertible {
    /// At least one, by their places.
    public let problems: [RuleProblem]

    public init(problems: [RuleProblem]) { self.problems = problems }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

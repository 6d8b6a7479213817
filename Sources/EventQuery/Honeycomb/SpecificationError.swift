/// A query specification that cannot be understood, or a query that has none.
public struct SpecificationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where in the specification, such as `filters[0].op`; empty for the whole of it.
    public let path: String
    /// What is wrong there.
    public let message: String

    public init(path: String, message: String) {
        self.path = path
        self.message = message
    }

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// A place in a text, both numbers from 1.
public struct TextPlace: Hashable, Sendable, CustomStringConvertible {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// `line:column`.
    public var description: String { "\(line):\(column)" }
}

/// A node of a YAML document, with its place.
struct YAMLNode: Sendable {
    indirect enum Content: Sendable {
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the file; what a merge key (`<<`) brings comes last.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    let content: Content
    let place: TextPlace
    /// This node and all within it, as often as they stand there.
    let size: Int

    /// Whether nothing is there: no value, `~` or `null`.
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The text of a scalar, whatever it looks like; nil for anything else.
    var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    var typeName: String {
        switch content {
        case .scalar: isNull ? "nothing" : "a scalar"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The value of a key of a mapping; nil when it is not there, or this is no mapping.
    subscript(_ key: String) -> YAMLNode? {
        guard case .mapping(let entries) = content else { return nil }
        return entries.first { $0.key.text == key }?.value
    }
}

/// Text that is no YAML, or more than is accepted, and where.
struct YAMLError: Error {
    let message: String
    let place: TextPlace
}

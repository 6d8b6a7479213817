public import Bytes

extension JSONValue {
    /// Reads a YAML text of one document as JSON.
    ///
    /// Plain scalars that look like numbers, truths or nothing are those, as JSON writes them; all
    /// others are texts. Throws `YAMLTextError`, with the place, when it is no YAML,
    /// or more than one document.
    public init(parsingYAML bytes: [UInt8]) throws(YAMLTextError) {
        do throws(YAMLError) {
            let documents = try YAMLReader.documents(bytes)
            if documents.count > 1 {
                throw YAMLError(
                    message: "expected one document, found \(documents.count)",
                    place: documents[1].place)
            }
            self = JSONValue(documents.first)
        } catch {
            throw YAMLTextError(description: "line \(error.place.line): \(error.message)")
        }
    }

    private init(_ node: YAMLNode?) {
        switch node?.content {
        case nil: self = .null
        case .scalar(let text, let isPlain): self = isPlain ? JSONValue(plain: text) : .string(text)
        case .sequence(let nodes): self = .array(nodes.map { JSONValue($0) })
        case .mapping(let entries):
            self = .object(
                JSONObject(
                    entries.map { JSONObject.Member($0.key.text ?? "", JSONValue($0.value)) }))
        }
    }

    private init(plain text: String) {
        switch text {
        case "", "~", "null": self = .null
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        default:
            if let number = Int64(text) {
                self = .int(number)
            } else if let number = Double(text), number.isFinite {
                self = .double(number)
            } else {
                self = .string(text)
            }
        }
    }
}

/// A text that is no YAML, and where.
public struct YAMLTextError: Error, CustomStringConvertible {
    public let description: String
}

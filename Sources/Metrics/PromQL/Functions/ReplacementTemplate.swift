/// A text with places for what groups of a regular expression matched: `$1`, `${name}`, `$$`.
public struct ReplacementTemplate: Sendable {
    private enum Part: Sendable {
        case text(String)
        case group(String)
    }

    private var parts: [Part] = []

    public init(_ template: String) {
        var rest = Substring(template)
        while let place = rest.firstIndex(of: "$") {
            parts.append(.text(String(rest[..<place])))
            rest = rest[rest.index(after: place)...]
            if rest.first == "$" {
                parts.append(.text("$"))
                rest = rest.dropFirst()
            } else if let (name, length) = ReplacementTemplate.name(rest) {
                parts.append(.group(name))
                rest = rest.dropFirst(length)
            } else {
                parts.append(.text("$"))
            }
        }
        parts.append(.text(String(rest)))
    }

    /// The name that a text begins with, in braces or as long as letters, digits and `_` follow.
    private static func name(_ text: Substring) -> (name: String, length: Int)? {
        let isBraced = text.first == "{"
        let name = text.dropFirst(isBraced ? 1 : 0).prefix {
            $0 == "_" || $0.isLetter || $0.isNumber
        }
        if name.isEmpty { return nil }
        guard isBraced else { return (String(name), name.count) }
        return text.dropFirst(name.count + 1).first == "}" ? (String(name), name.count + 2) : nil
    }

    /// The text with the groups in their places.
    ///
    /// - Parameters:
    ///   - groups: what each matched, the whole match first.
    ///   - index: of a group with a name.
    public func text(_ groups: [String], _ index: (String) -> Int?) -> String {
        parts.map { part in
            switch part {
            case .text(let text): return text
            case .group(let name):
                let place = Int(name) ?? index(name)
                return place.flatMap { groups.indices.contains($0) ? groups[$0] : nil } ?? ""
            }
        }.joined()
    }
}

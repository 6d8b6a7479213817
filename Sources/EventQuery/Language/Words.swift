import Compute

/// The words of the query language and the rule for names that stand bare.
enum Words {
    static let stages = [
        "last", "between", "step", "where", "eval", "stats", "having", "sort", "limit", "fields",
        "compare", "unweighted", "sample", "bubbleup",
    ]

    /// Words that mean something inside an expression; a field of such a name takes backquotes.
    static let reserved: Set<String> = [
        "and", "or", "not", "in", "exists", "true", "false", "null", "by", "where", "asc", "desc",
        "contains", "starts-with", "ends-with", "matches", "does-not-contain",
        "does-not-start-with", "does-not-end-with", "does-not-match", "does-not-exist",
    ]

    /// Whether a word of the language is also the name of something to call.
    static func isCall(_ word: String) -> Bool {
        word == "exists" || FunctionName(rawValue: word) != nil
    }

    /// The event's own properties, which a bare name means before any field.
    static let properties: [String: FieldReference] = [
        "timestamp": .timestamp, "received": .received, "dataset": .dataset,
        "samplerate": .sampleRate,
    ]

    /// The relation and the field that a bare name means: `root.name`.
    static func related(_ name: String) -> (Relation, String)? {
        guard let dot = name.firstIndex(of: "."),
            let relation = Relation(rawValue: String(name[..<dot]))
        else { return nil }
        let field = String(name[name.index(after: dot)...])
        return field.isEmpty ? nil : (relation, field)
    }

    /// What people write who come from elsewhere, and how it is called here.
    private static let synonyms = [
        "count_distinct": "distinct", "uniq": "distinct", "mean": "avg", "average": "avg",
        "median": "p50", "percentile": "quantile", "p100": "max", "countif": "count_if",
        "len": "length", "strlen": "length", "tolower": "lower", "to_lower": "lower",
        "toupper": "upper", "ifnull": "coalesce", "like": "matches", "regex": "matches",
        "filter": "where", "order": "sort", "head": "limit", "take": "limit", "extend": "eval",
        "case": "switch", "array_contains": "has", "strftime": "format_time",
        "regex_extract": "extract", "regexp_extract": "extract", "summarize": "stats",
        "explain": "bubbleup", "project": "fields", "is": "exists",
    ]

    static func isNameStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "/"), UInt8(ascii: ":"):
            true
        default: isNameStart(byte)
        }
    }

    /// A name as text reads it back: bare where that is possible, else in backquotes.
    static func quoted(_ name: String) -> String {
        if let first = name.utf8.first, isNameStart(first), name.utf8.allSatisfy(isNamePart),
            !reserved.contains(name)
        {
            return name
        }
        return backquoted(name)
    }

    /// The name of a sent field, which bare might mean one of another event.
    static func quotedField(_ name: String) -> String {
        related(name) == nil ? quoted(name) : backquoted(name)
    }

    private static func backquoted(_ name: String) -> String {
        // Byte by byte: a backquote and an accent behind it are one character.
        let backquote = UInt8(ascii: "`")
        let inner = name.utf8.flatMap { $0 == backquote ? [$0, $0] : [$0] }
        return "`" + String(decoding: inner, as: UTF8.self) + "`"
    }

    /// The word of the language that is nearest to what was written.
    static func suggestion(for word: String, among candidates: [String]) -> String? {
        if let known = synonyms[word.lowercased()], candidates.contains(known) { return known }
        return nearestName(to: word, among: candidates)
    }
}
